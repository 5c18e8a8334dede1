package sealed

import (
	"encoding/binary"

	"certkdb/kdb"
)

// tally is a sum over postings, to compare the index with the entries without having either in memory.
type tally struct {
	count uint64
	sums  [2]uint64
}

func (y *tally) add(p posting) {
	y.count++
	y.sums[0] += binary.BigEndian.Uint64(p.at[:])
	y.sums[1] += binary.BigEndian.Uint64(p.at[len(p.at)-8:])
}

// index verifies each record of the index, that none is missing, and that together they say what the entries do.
func (c *checker) index() error {
	var found tally
	var digest [32]byte
	damaged, end := false, spot{}
	for record, err := range c.t.stx.Scan(prefixIndex, "") {
		if err != nil {
			return err
		}
		c.t.digester.toggle(&digest, record.Key, record.Value)
		b, err := c.t.openBlock(record)
		if err == nil && b.lower != end && !damaged {
			err = errIndex(record.Key, "the record before it is missing, or it is an older one that was put back")
		}
		if err != nil {
			damaged = true
			if err := c.fault(place(record.Key), err); err != nil {
				return err
			}
		}
		for _, p := range b.postings {
			found.add(p)
		}
		end = b.upper
	}
	switch {
	case damaged:
	case end != lastSpot:
		c.finding(place(blockKey(lastSpot)), "it is missing")
	case digest != c.t.head.index:
		c.finding("index", "its digest in the head record does not match: an older record was put back")
	case found != c.postings && !c.partial:
		c.finding("index", "it does not say what the entries do: some are not found by their subjects, issuers or keys")
	}
	return nil
}

// expect counts the postings that an entry should have.
func (c *checker) expect(e *kdb.Entry) {
	for _, p := range c.t.spots.postings(e) {
		c.postings.add(p)
	}
}
