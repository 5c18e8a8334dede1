package sealed

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"certkdb/kdb"
	"certkdb/kdb/store"
)

// Check implements kdb.Database. It verifies the structure of the store, every seal, that the parts of each entry belong
// together and are the ones last stored, that private keys fit their certificates, the head's digest and counts, the key slots
// and the chain of the audit log.
func (db *Database) Check(ctx context.Context, report func(kdb.Problem)) error {
	if st, ok := db.store.(store.Checker); ok {
		err := st.Check(ctx, func(where, what string) { report(kdb.Problem{Where: where, What: what}) })
		if err != nil {
			return db.name(err)
		}
	}
	err := db.view(ctx, lenient, func(t *tx) error {
		c := checker{t: t, report: report}
		return c.run()
	})
	if errors.Is(err, kdb.ErrCorrupt) {
		report(kdb.Problem{Where: "database", What: err.Error()})
		return nil
	}
	return err
}

// checker verifies the records of one state.
type checker struct {
	t      *tx
	report func(kdb.Problem)
	digest [32]byte // of the summaries that are there
	count  uint64
	certs  uint64 // records that summaries vouch for
	keys   uint64
	blamed bool // something was found about summaries
	// postings are those that the entries should have in the index; partial if not all entries could be read.
	postings tally
	partial  bool
}

func (c *checker) finding(where, what string) { c.report(kdb.Problem{Where: where, What: what}) }

// fault reports an error about a record; other errors end the check.
func (c *checker) fault(where string, err error) error {
	if !errors.Is(err, kdb.ErrCorrupt) && !errors.Is(err, kdb.ErrVersion) && !errors.Is(err, kdb.ErrParse) {
		return err
	}
	c.finding(where, strings.TrimPrefix(strings.TrimPrefix(err.Error(), where+": "), kdb.ErrCorrupt.Error()+": "))
	return nil
}

func (c *checker) run() error {
	err := c.t.checkSlots(func(p kdb.Problem) error { c.report(p); return nil })
	if err != nil {
		if err = c.fault("key slots", err); err != nil {
			return err
		}
	}
	for _, step := range []struct {
		where string
		run   func() error
	}{
		{"copies", c.copies},
		{"entries", c.entries},
		{"index", c.index},
		{"certificates", func() error { return c.orphans(prefixCerts, c.certs, func(summary) bool { return true }) }},
		{"private keys", func() error { return c.orphans(prefixKey, c.keys, func(s summary) bool { return s.hasKey }) }},
		{"issued certificates", c.registry},
		{"audit log", c.log},
		{"records", c.strangers},
	} {
		if err := step.run(); err != nil {
			if err = c.fault(step.where, err); err != nil {
				return err
			}
		}
	}
	c.head()
	return c.t.ctx.Err()
}

// entry verifies the parts of an entry. Each is checked even if another one is damaged.
func (c *checker) entry(s *summary) error {
	e, errEntry := c.t.entry(s)
	if errEntry == nil {
		c.certs++
		c.expect(&e)
	} else {
		c.partial = true
		if err := c.fault(place(prefixCerts+s.Label), errEntry); err != nil {
			return err
		}
	}
	if s.hasKey {
		var err error
		if e.Key, err = c.t.key(s); err != nil {
			return c.fault(place(prefixKey+s.Label), err)
		}
		c.keys++
	}
	if errEntry != nil {
		return nil
	}
	where := fmt.Sprintf("label %q", s.Label)
	if err := e.Check(); err != nil {
		c.finding(where, err.Error())
	}
	want, err := kdb.Summarize(&e)
	if err != nil {
		c.finding(where, err.Error())
	} else if want.Subject != s.Subject || want.Issuer != s.Issuer || want.Serial != s.Serial || !want.NotAfter.Equal(s.NotAfter) ||
		want.Deployed != s.Deployed {
		c.finding(where, "the summary does not describe the certificate")
	}
	clear(e.Key)
	return nil
}

// orphans finds parts whose label has no summary, or one that does not want them. There are none if there are only as many parts as
// summaries vouch for.
func (c *checker) orphans(prefix string, vouched uint64, wanted func(summary) bool) error {
	var count uint64
	for _, err := range c.t.stx.Scan(prefix, "") {
		if err != nil {
			return err
		}
		count++
	}
	if count == vouched {
		return nil
	}
	for record, err := range c.t.stx.Scan(prefix, "") {
		if err != nil {
			return err
		}
		s, _, err := c.t.summary(record.Key[len(prefix):])
		switch {
		case errors.Is(err, kdb.ErrNotFound), err == nil && !wanted(s):
			c.finding(place(record.Key), "no summary vouches for it: it was put back, or its summary was removed")
		case err != nil && !errors.Is(err, kdb.ErrCorrupt): // a damaged summary was reported already
			return err
		}
	}
	return nil
}

// strangers finds records that nothing in FORMAT.md accounts for.
func (c *checker) strangers() error {
	for record, err := range c.t.stx.Scan("", "") {
		if err != nil {
			return err
		}
		key := strings.TrimPrefix(record.Key, store.Apart)
		isCopy := key != record.Key
		switch record.Key[:strings.IndexByte(record.Key, '/')+1] {
		case prefixSlot, prefixLog, prefixSummary, prefixCerts, prefixKey, prefixIssued, prefixRevoked, prefixIssuer, prefixIndex:
		default:
			if record.Key != keyCount && key != keyMeta && key != keyHead && !(isCopy && strings.HasPrefix(key, prefixSlot)) {
				c.finding(fmt.Sprintf("record %q", record.Key), "no such record belongs into a database")
			}
		}
	}
	return nil
}

// head compares the head with what was found.
func (c *checker) head() {
	if c.count != c.t.head.entries {
		c.finding("head", fmt.Sprintf("%d entries are there, it says %d: some were removed or put back", c.count, c.t.head.entries))
	} else if c.digest != c.t.head.digest && !c.blamed {
		c.finding("head", "the digest of the summaries is another: an older record was put back in the place of a "+
			"newer one, or one was removed")
	}
	if value, err := c.t.stx.Get(keyCount); err != nil {
		c.finding("number of entries", "it cannot be read: "+err.Error())
	} else if count, err := decodeCount(value); err != nil || count != c.t.head.entries {
		c.finding("number of entries", fmt.Sprintf("the record in clear does not say %d, as the head record does", c.t.head.entries))
	}
	if c.t.head.defaultLabel != "" {
		if _, _, err := c.t.summary(c.t.head.defaultLabel); errors.Is(err, kdb.ErrNotFound) {
			c.finding("head", fmt.Sprintf("the default label %q is not there", c.t.head.defaultLabel))
		}
	}
}
