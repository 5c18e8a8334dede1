package sealed

import (
	"bytes"
	"errors"
	"fmt"

	"certkdb/kdb/store"
)

// logChecker verifies the chain of the audit log.
type logChecker struct {
	*checker
	next   uint64
	chain  [32]byte // after the last record
	broken bool     // the last record could not be read
}

// openedLog is a record of the log and the value of the chain after it.
type openedLog struct {
	store.Record
	entry logEntry
	chain [32]byte
	err   error
}

// log verifies the chain of the audit log.
func (c *checker) log() error {
	var all chunks
	defer all.wait()
	l := &logChecker{checker: c, next: 1}
	var part []openedLog
	for record, err := range c.t.stx.Scan(prefixLog, "") {
		if err != nil {
			return errors.Join(l.examine(&all, part), all.end(), err)
		}
		record.Value = bytes.Clone(record.Value)
		if part = append(part, openedLog{Record: record}); len(part) == checkChunk {
			if err := l.examine(&all, part); err != nil {
				return err
			}
			part = nil
		}
	}
	if err := errors.Join(l.examine(&all, part), all.end()); err != nil {
		return err
	}
	if !l.broken && (l.next-1 != c.t.head.logSeq || l.chain != c.t.head.logChain) {
		c.finding("audit log", fmt.Sprintf("it ends with record %d, the head record says %d: records were removed or put back",
			l.next-1, c.t.head.logSeq))
	}
	return nil
}

func (l *logChecker) examine(all *chunks, part []openedLog) error {
	t := l.t.fork(nil)
	return all.add(
		func() {
			for i := range part {
				r := &part[i]
				if r.entry, r.err = t.openLog(r.Record); r.err == nil {
					r.chain = t.keys.chain(r.entry.encode())
				}
			}
		},
		func() error {
			for i := range part {
				if err := l.follow(&part[i]); err != nil {
					return err
				}
			}
			return l.t.ctx.Err()
		})
}

// follow verifies that a record follows the last one.
func (l *logChecker) follow(r *openedLog) error {
	if r.err != nil {
		l.broken, l.next = true, l.next+1
		return l.fault(place(r.Key), r.err)
	}
	if r.entry.Sequence != l.next {
		l.finding("audit log", fmt.Sprintf("record %d follows record %d: records were removed", r.entry.Sequence, l.next-1))
	} else if r.entry.previous != l.chain && !l.broken {
		l.finding(place(r.Key), "it does not follow the record before it: that one is another than was written")
	}
	l.broken = false
	l.next, l.chain = r.entry.Sequence+1, r.chain
	return nil
}
