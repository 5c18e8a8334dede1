package sealed

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"

	"certkdb/kdb"
	"certkdb/kdb/store"
)

// checkChunk is how many records a processor examines at a time.
const checkChunk = 256

// chunks are parts of the database that are examined on all processors, while the next ones are read. Their results are taken in order.
type chunks struct{ pending []chunk }

type chunk struct {
	done chan struct{}
	take func() error
}

// add begins to examine a part. If there are enough, it waits for the first one.
func (c *chunks) add(examine func(), take func() error) error {
	done := make(chan struct{})
	c.pending = append(c.pending, chunk{done, take})
	go func() {
		defer close(done)
		examine()
	}()
	if len(c.pending) <= runtime.GOMAXPROCS(0) {
		return nil
	}
	return c.first()
}

func (c *chunks) first() error {
	first := c.pending[0]
	c.pending = c.pending[1:]
	<-first.done
	return first.take()
}

// end takes the results that are left.
func (c *chunks) end() error {
	for len(c.pending) > 0 {
		if err := c.first(); err != nil {
			return err
		}
	}
	return nil
}

// wait returns when nothing is being examined any more: the keys may be cleared then.
func (c *chunks) wait() {
	for _, p := range c.pending {
		<-p.done
	}
}

// fetched are records that were read for another goroutine.
type fetched struct {
	store.Tx // nil
	records  map[string]fetchedRecord
}

type fetchedRecord struct {
	value []byte
	err   error
}

// Get implements store.Tx.
func (f fetched) Get(key string) ([]byte, error) {
	r, ok := f.records[key]
	if !ok {
		return nil, store.ErrNotFound
	}
	return r.value, r.err
}

// fork is a transaction for another goroutine, which reads nothing but certain records.
func (t *tx) fork(stx store.Tx) *tx {
	return &tx{
		ctx: t.ctx, db: t.db, stx: stx, keys: t.keys, head: t.head, digester: t.keys.digester(), spots: t.keys.spotter(),
		bound: t.keys.meta.bind(""),
	}
}

// entries verifies each entry.
func (c *checker) entries() error {
	var all chunks
	defer all.wait()
	part := c.newEntries()
	var count uint64
	for record, err := range c.t.stx.Scan(prefixSummary, "") {
		if err != nil {
			c.blamed, c.partial = true, true
			err = fmt.Errorf("after %d entries: %w", count, err)
			return errors.Join(part.examine(&all), all.end(), err)
		}
		count++
		c.t.db.progress(count, c.t.head.entries)
		part.summaries = append(part.summaries, store.Record{Key: record.Key, Value: bytes.Clone(record.Value)})
		if len(part.summaries) == checkChunk {
			if err := part.examine(&all); err != nil {
				return err
			}
			part = c.newEntries()
		}
	}
	if err := part.examine(&all); err != nil {
		return err
	}
	return all.end()
}

// someEntries are entries that are verified together.
type someEntries struct {
	summaries []store.Record
	parts     fetched
	whole     *checker
	err       error
	problems  []kdb.Problem
}

func (c *checker) newEntries() *someEntries {
	return &someEntries{whole: c, parts: fetched{records: make(map[string]fetchedRecord, 2*checkChunk)}}
}

// fetch reads the parts of the entries: one kind after the other, as they are in the file.
func (e *someEntries) fetch() {
	for _, prefix := range []string{prefixCerts, prefixKey} {
		for _, record := range e.summaries {
			key := prefix + record.Key[len(prefixSummary):]
			if value, err := e.whole.t.stx.Get(key); !errors.Is(err, store.ErrNotFound) {
				e.parts.records[key] = fetchedRecord{value, err}
			}
		}
	}
}

func (e *someEntries) examine(all *chunks) error {
	e.fetch()
	c := &checker{t: e.whole.t.fork(e.parts), report: func(p kdb.Problem) { e.problems = append(e.problems, p) }}
	return all.add(
		func() {
			for _, record := range e.summaries {
				if e.err == nil {
					e.err = c.summary(record)
				}
			}
		},
		func() error {
			for _, p := range e.problems {
				e.whole.report(p)
			}
			e.whole.add(c)
			return e.err
		})
}

// add adds what was found in a part of the entries.
func (c *checker) add(part *checker) {
	mix(&c.digest, part.digest)
	c.count += part.count
	c.certs += part.certs
	c.keys += part.keys
	c.blamed = c.blamed || part.blamed
	c.partial = c.partial || part.partial
	c.postings.count += part.postings.count
	for i, sum := range part.postings.sums {
		c.postings.sums[i] += sum
	}
}

// summary verifies the entry of a summary.
func (c *checker) summary(record store.Record) error {
	label := record.Key[len(prefixSummary):]
	c.count++
	c.t.digester.toggle(&c.digest, record.Key, record.Value)
	if err := kdb.CheckLabel(label); err != nil {
		c.finding(place(record.Key), err.Error())
	}
	s, err := c.t.decodeSummary(label, record.Value)
	if err != nil {
		c.blamed, c.partial = true, true
		return c.fault(place(record.Key), err)
	}
	return c.entry(&s)
}
