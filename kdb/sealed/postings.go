package sealed

import (
	"bytes"
	"cmp"
	"slices"

	"certkdb/kdb/store"
)

// chunkBlocks is how many blocks are read before they are changed, if many are.
const chunkBlocks = 1 << 12

// changeBlocks puts postings, which are in order, into their blocks.
func (t *tx) changeBlocks(list []posting) error {
	ahead := 1
	if len(list) > chunkBlocks {
		ahead = chunkBlocks
	}
	for len(list) > 0 {
		if err := t.ctx.Err(); err != nil {
			return err
		}
		blocks, err := t.readBlocks(list[0].at, ahead)
		if err != nil {
			return err
		}
		if list, err = t.mergeInto(blocks, list); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) readBlocks(from spot, most int) (list []block, err error) {
	for b, err := range t.blocks(from) {
		if err != nil {
			return nil, err
		}
		if list = append(list, b); len(list) == most {
			break
		}
	}
	return list, nil
}

// mergeInto changes blocks by the postings that belong to them and returns the postings behind them.
func (t *tx) mergeInto(blocks []block, list []posting) ([]posting, error) {
	var jobs []*merging
	for _, b := range blocks {
		n, _ := slices.BinarySearchFunc(list, b.upper, func(p posting, upper spot) int {
			return cmp.Or(bytes.Compare(p.at[:], upper[:]), -1)
		})
		if n > 0 {
			jobs = append(jobs, &merging{block: b, changes: list[:n]})
			list = list[n:]
		}
	}
	inParallel(len(jobs), t.sealer, func(s *sealer, i int) { jobs[i].run(s) })
	var made []block
	for _, job := range jobs {
		mix(&t.head.index, job.digest)
		made = append(made, job.made...)
	}
	return list, t.putBlocks(made)
}

// putBlocks seals and stores blocks.
func (t *tx) putBlocks(list []block) error {
	type sealed struct {
		store.Record
		digest [32]byte
	}
	records := make([]sealed, len(list))
	inParallel(len(list), t.sealer, func(s *sealer, i int) {
		r := &records[i]
		r.Key = blockKey(list[i].upper)
		r.Value = s.seal(r.Key, list[i].encode())
		s.digester.toggle(&r.digest, r.Key, r.Value)
	})
	for i := range records {
		mix(&t.head.index, records[i].digest)
		t.changed = true
		t.head.seals++
		if err := t.stx.Put(records[i].Key, records[i].Value); err != nil {
			return err
		}
	}
	return nil
}

// merging is the change of one block.
type merging struct {
	block
	changes []posting
	digest  [32]byte // what the removal of the block does to the digest
	made    []block
}

func (m *merging) run(s *sealer) {
	if m.value != nil {
		s.digester.toggle(&m.digest, blockKey(m.upper), m.value)
	}
	m.postings = merge(m.postings, m.changes)
	m.made = m.split()
}

// merge applies changes to postings, both in order.
func merge(postings, changes []posting) []posting {
	merged := make([]posting, 0, len(postings)+len(changes))
	for _, c := range changes {
		for len(postings) > 0 && postings[0].compare(&c) < 0 {
			merged = append(merged, postings[0])
			postings = postings[1:]
		}
		if len(postings) > 0 && postings[0].compare(&c) == 0 {
			postings = postings[1:]
		}
		if !c.removed {
			merged = append(merged, c)
		}
	}
	return append(merged, postings...)
}
