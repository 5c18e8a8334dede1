package sealed

import (
	"crypto/sha256"
	"fmt"
	"slices"

	"certkdb/kdb"
	"certkdb/kdb/store"
)

// writeEntries copies the entries, and finds out which are missing.
func (c *recovery) writeEntries() error {
	for i := range c.summaries {
		c.db.progress(uint64(i), uint64(len(c.summaries)))
		if err := c.writeEntry(&c.summaries[i]); err != nil {
			return err
		}
	}
	if !c.Verified {
		if err := c.rebuild(); err != nil {
			return err
		}
		c.nameMissing()
	}
	c.summaries, c.noted, c.logs = nil, nil, nil // what comes now needs the memory
	for _, kind := range []string{prefixSummary, prefixCerts, prefixKey, prefixIndex} {
		delete(c.found, kind)
	}
	return nil
}

// writeEntry copies an entry whose summary is there.
func (c *recovery) writeEntry(it *item) error {
	label := it.key[len(prefixSummary):]
	trusted := true
	if it.chosen < 0 {
		if c.Verified {
			return nil // it had been deleted
		}
		if it.chosen = c.olderVersion(label, it); it.chosen < 0 {
			return nil
		}
		trusted = false
	}
	s, err := decodeSummary(c.plain(it))
	if err != nil {
		c.missing[label] = "its summary: " + err.Error()
		return nil
	}
	certs, found := c.part(prefixCerts+label, s.certs)
	if !found {
		c.missing[label] = "its certificates are lost"
		return nil
	}
	e := kdb.Entry{Label: label}
	if err := decodeCerts(certs, &e); err != nil {
		c.missing[label] = err.Error()
		return nil
	}
	if s.hasKey {
		key, found := c.part(prefixKey+label, s.key)
		defer clear(key)
		if !found {
			return c.withoutKey(label, s, &e)
		}
		if err := c.to.put(prefixKey+label, key, &s.key); err != nil {
			return err
		}
	}
	switch {
	case s.Trusted && trusted && !c.mayTrust(&s.Summary, label):
		s.Trusted = false
		c.alter(label, "it is not trusted any more: nothing shows that it was not distrusted later")
		err = c.to.log(opDistrust, label, s.SHA256)
	case !trusted && s.Trusted:
		s.Trusted = false
		c.alter(label, "it is not trusted any more: its last version is lost, and this older one may have been distrusted")
		err = c.to.log(opDistrust, label, s.SHA256)
	case !trusted:
		c.alter(label, "an older version: whether it was changed or removed later is lost")
	}
	if err != nil {
		return err
	}
	return c.putEntry(label, s, &e)
}

// mayTrust says that a trust mark is the last one: the digest or a whole log vouches for it. An older summary may have been put back, of
// an entry that was distrusted, replaced, or removed and added again.
func (c *recovery) mayTrust(s *kdb.Summary, label string) bool {
	if c.Verified || !c.logWhole {
		return c.Verified
	}
	n := c.noted[label]
	return n != nil && n.trust != trustEnded && n.sha256 == s.SHA256
}

// putEntry stores the certificates and the summary, and what the index is made of.
func (c *recovery) putEntry(label string, s summary, e *kdb.Entry) error {
	if _, loses := c.missing[label]; loses || !c.Verified {
		c.copied[label] = true
	}
	c.Entries++
	c.to.head.entries++
	if c.head != nil && c.head.defaultLabel == label {
		c.to.head.defaultLabel = label
	}
	if !c.dry {
		if err := c.to.index(e, false); err != nil {
			return err
		}
	}
	if err := c.to.put(prefixCerts+label, encodeCerts(e), &s.certs); err != nil {
		return err
	}
	return c.to.put(prefixSummary+label, s.encode(), nil)
}

func (c *recovery) alter(label, what string) {
	c.altered[label] = what
	c.Altered = append(c.Altered, kdb.Problem{Where: fmt.Sprintf("label %q", label), What: what})
}

// part opens the version of a record that the summary vouches for.
func (c *recovery) part(key string, sum [32]byte) (plain []byte, found bool) {
	all := c.found.of(key)
	for i := range all {
		if value := c.read(&all[i]); sha256.Sum256(value) == sum {
			plain, err := c.t.open(key, value)
			return plain, err == nil
		}
	}
	return nil, false
}

// withoutKey keeps the certificates of an entry whose key is lost.
func (c *recovery) withoutKey(label string, s summary, e *kdb.Entry) error {
	c.missing[label] = "its key is lost"
	if len(e.Certificates) == 0 {
		return nil
	}
	c.missing[label] = "its private key is lost"
	s.Kind, s.Trusted, s.Deployed, s.hasKey, e.Deployments = kdb.KindTrusted, false, false, false, nil
	return c.putEntry(label, s, e)
}

// olderVersion chooses a version of a summary that may no longer be in use. It is -1 if the log says that the label was removed, or now has
// something else. Without the log the first version will do.
func (c *recovery) olderVersion(label string, it *item) int {
	last := c.noted[label]
	if last == nil {
		if c.logWhole {
			return -1
		}
		return 0
	}
	if slices.Contains([]string{opDelete, opDeleteDamaged, opRename}, last.operation) {
		c.LeftOut = append(c.LeftOut, kdb.Problem{
			Where: fmt.Sprintf("label %q", label), What: fmt.Sprintf("%s, on %s", last.operation, last.time.Format("2006-01-02")),
		})
		return -1
	}
	for v := range it.versions {
		plain, err := c.t.open(it.key, c.read(&it.versions[v]))
		if err != nil {
			continue // unreachable: it was opened before
		}
		if s, err := decodeSummary(plain); err == nil && s.SHA256 == last.sha256 {
			return v
		}
	}
	c.missing[label] = "only an older version was found, which had been replaced"
	return -1
}

// rebuild makes the entries whose summaries are lost of what else there is of them: without marks.
func (c *recovery) rebuild() error {
	certs, err := c.items(prefixCerts)
	if err != nil {
		return err
	}
	for i := range certs {
		label := certs[i].key[len(prefixCerts):]
		_, known := c.missing[label]
		if known || c.copied[label] || certs[i].chosen < 0 {
			continue
		}
		e := kdb.Entry{Label: label}
		if err := decodeCerts(c.plain(&certs[i]), &e); err != nil {
			c.missing[label] = err.Error()
			continue
		}
		if err := c.rebuildEntry(&e); err != nil {
			return err
		}
	}
	return nil
}

func (c *recovery) rebuildEntry(e *kdb.Entry) error {
	what := "its summary is lost and was made again, without marks"
	if key := c.currentKey(e.Label); key != nil {
		defer clear(key)
		e.Key = key
	}
	switch {
	case len(e.Certificates) > 0 && e.Key != nil:
		e.Kind = kdb.KindPersonal
	case len(e.Certificates) > 0:
		e.Kind = kdb.KindTrusted
		what += "; it has no private key, or that is lost"
	case e.Key == nil:
		c.missing[e.Label] = "its key is lost"
		return nil
	case len(e.Request) > 0:
		e.Kind = kdb.KindRequest
	default:
		e.Kind = kdb.KindSecretKey
	}
	made, err := kdb.Summarize(e)
	if err != nil {
		c.missing[e.Label] = err.Error()
		return nil
	}
	s := summary{Summary: made, hasKey: e.Key != nil}
	if e.Key != nil {
		if err := c.to.put(prefixKey+e.Label, encodeKey(e.Key), &s.key); err != nil {
			return err
		}
	}
	c.alter(e.Label, what)
	return c.putEntry(e.Label, s, e)
}

// currentKey opens the key of a label that is in use.
func (c *recovery) currentKey(label string) []byte {
	all := c.found.of(prefixKey + label)
	for i := range all {
		f := &all[i]
		if f.standing < store.Loose {
			break
		}
		plain, err := c.t.open(f.key, c.read(f))
		if err != nil {
			continue
		}
		if key, err := decodeKey(plain); err == nil {
			return key
		}
	}
	return nil
}

// nameMissing finds the labels of lost entries where they are mentioned: in the index, and by their other records.
func (c *recovery) nameMissing() {
	for _, kind := range []string{prefixKey, prefixIndex} {
		all := c.found.with(kind)
		for i := range all {
			f := &all[i]
			if f.standing < store.Loose {
				continue
			}
			plain, err := c.t.open(f.key, c.read(f))
			if err != nil {
				continue
			}
			if kind == prefixKey {
				c.name(f.key[len(prefixKey):])
				continue
			}
			b, _ := decodeBlock(f.key, plain)
			for i := range b.postings {
				c.name(b.postings[i].label)
			}
		}
	}
}

func (c *recovery) name(label string) {
	if _, known := c.missing[label]; !known && !c.copied[label] {
		c.missing[label] = "lost"
	}
}
