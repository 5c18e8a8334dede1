package sealed

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"certkdb/kdb/store"
)

// writeRegistry copies what the CAs issued and revoked.
func (c *recovery) writeRegistry() error {
	own, err := c.items(prefixIssuer)
	if err != nil {
		return err
	}
	whole := c.head != nil && c.fit(own, counted{anyNumber, c.head.issuers})
	records := map[string]*issuer{}
	for i := range own {
		if of, err := decodeIssuer(c.plain(&own[i])); err == nil && own[i].chosen >= 0 {
			records[strings.TrimPrefix(own[i].key, prefixIssuer)] = &of
		}
	}
	for _, id := range slices.Sorted(maps.Keys(c.issuers())) {
		if err := c.writeIssuer(id, records[id], whole); err != nil {
			return err
		}
	}
	if c.head != nil && !whole {
		c.lose("issued certificates", "the record of a CA is lost, or an older one was found")
	}
	return c.to.flushIssuers()
}

// issuers are the CAs of which there is any record in use, in hexadecimal.
func (c *recovery) issuers() map[string]bool {
	ids := map[string]bool{}
	for _, prefix := range []string{prefixIssued, prefixRevoked, prefixIssuer} {
		for _, f := range c.found.with(prefix) {
			if f.standing >= store.Loose {
				id, _, _ := strings.Cut(f.key[len(prefix):], "/")
				ids[id] = true
			}
		}
	}
	return ids
}

// writeIssuer copies the records of a CA. If its own is lost, or is perhaps an older one, the next revocation list gets a number above all
// that there can have been: the time in seconds.
func (c *recovery) writeIssuer(id string, of *issuer, whole bool) error {
	key, _, err := splitSerial(prefixIssued + id + "/0")
	if err != nil {
		return nil //nolint:nilerr // it is no record of ours: nothing that opens has such a key
	}
	made := &issuer{changed: true}
	if of != nil {
		made.number = of.number
	}
	if of == nil || !whole {
		made.number = max(made.number, uint64(c.db.now().Unix()))
	}
	c.to.issuers[key] = made
	for _, set := range []struct {
		prefix, name string
		to           *counted
		want         func(*issuer) counted
	}{
		{issuedPrefix(key), "issued certificates", &made.issued, func(i *issuer) counted { return i.issued }},
		{revokedPrefix(key), "revocations", &made.revoked, func(i *issuer) counted { return i.revoked }},
	} {
		list, err := c.items(set.prefix)
		if err != nil {
			return err
		}
		verified := of != nil && c.fit(list, set.want(of))
		n, err := c.putRegistered(list, made, set.to)
		if err != nil {
			return err
		}
		switch where := fmt.Sprintf("%s of issuer %s", set.name, id); {
		case verified:
		case of == nil:
			c.lose(where, fmt.Sprintf("%d were found; how many there should be is lost", n))
		default:
			c.lose(where, fmt.Sprintf("%d were found, and %d should be there", n, set.want(of).count))
		}
	}
	return nil
}

func (c *recovery) putRegistered(list []item, of *issuer, set *counted) (n int, err error) {
	for i := range list {
		plain := c.plain(&list[i])
		if plain == nil {
			continue
		}
		n++
		if err := c.to.putCounted(set, of, list[i].key, plain); err != nil {
			return n, err
		}
	}
	return n, nil
}
