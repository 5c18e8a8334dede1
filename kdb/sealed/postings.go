package sealed

import (
	"bytes"
	"cmp"
	"container/heap"
	"fmt"
	"iter"
	"slices"

	"certkdb/kdb/store"
)

// maxPending is how many postings a transaction keeps in memory. More are set aside: sorted, and sealed in records that the transaction
// removes again. So the blocks are changed once, however many postings there are.
const maxPending = 1 << 17

// setAside is how many postings one such record has.
const setAside = 1 << 10

// asideKey is the key of a record of postings that were set aside; no record of that kind outlives its transaction.
func asideKey(run, piece int) string { return fmt.Sprintf("p/%08x/%08x", run, piece) }

func (t *tx) addPostings(list []posting, removed bool) error {
	for _, p := range list {
		p.removed, p.number = removed, uint32(len(t.postings))
		t.postings = append(t.postings, p)
	}
	if len(t.postings) < maxPending {
		return nil
	}
	return t.setPostingsAside()
}

// sortPostings brings the pending postings in order. Of equal ones only the last remains.
func (t *tx) sortPostings() []posting {
	list := t.postings
	slices.SortFunc(list, func(p, o posting) int {
		if order := p.compare(o); order != 0 {
			return order
		}
		return cmp.Compare(p.number, o.number)
	})
	kept := list[:0]
	for i, p := range list {
		if i+1 == len(list) || p.compare(list[i+1]) != 0 {
			kept = append(kept, p)
		}
	}
	return kept
}

// setPostingsAside moves the pending postings out of memory.
func (t *tx) setPostingsAside() error {
	if len(t.postings) == 0 {
		return nil
	}
	pieces := slices.Collect(slices.Chunk(t.sortPostings(), setAside))
	records := make([]store.Record, len(pieces))
	inParallel(len(pieces), t.sealer, func(s *sealer, i int) {
		key := asideKey(len(t.aside), i)
		records[i] = store.Record{Key: key, Value: s.seal(key, encodeAside(pieces[i]))}
	})
	for _, record := range records {
		t.head.seals++
		if err := t.stx.Put(record.Key, record.Value); err != nil {
			return err
		}
	}
	t.aside = append(t.aside, len(records))
	clear(t.postings) // the labels
	t.postings = t.postings[:0]
	return nil
}

func encodeAside(list []posting) []byte {
	e := encoder{make([]byte, 0, len(list)*(len(spot{})+32))}
	for i := range list {
		removed := uint8(0)
		if list[i].removed {
			removed = 1
		}
		e.raw(list[i].at[:])
		e.u8(removed)
		e.string(list[i].label)
	}
	return e.b
}

// flushIndex puts all postings into their blocks.
func (t *tx) flushIndex() error {
	if err := t.sealBatch(); err != nil {
		return err
	}
	if len(t.aside) == 0 {
		list := t.sortPostings()
		t.postings = nil
		return t.changeBlocks(list)
	}
	if err := t.setPostingsAside(); err != nil {
		return err
	}
	chunk := t.postings
	for p, err := range t.asidePostings() {
		if err != nil {
			return err
		}
		if chunk = append(chunk, p); len(chunk) == maxPending {
			if err := t.changeBlocks(chunk); err != nil {
				return err
			}
			chunk = chunk[:0]
		}
	}
	t.postings = nil
	if err := t.changeBlocks(chunk); err != nil {
		return err
	}
	return t.removeAside()
}

func (t *tx) removeAside() error {
	for run, pieces := range t.aside {
		for piece := range pieces {
			if err := t.stx.Delete(asideKey(run, piece)); err != nil {
				return err
			}
		}
	}
	t.aside = nil
	return nil
}

// asidePostings yields all postings that were set aside, in order. Of equal ones only the last remains.
func (t *tx) asidePostings() iter.Seq2[posting, error] {
	return func(yield func(posting, error) bool) {
		var runs asideRuns
		for number, pieces := range t.aside {
			run := &asideRun{t: t, number: number, pieces: pieces}
			if err := run.load(); err != nil {
				yield(posting{}, err)
				return
			}
			runs.Push(run)
		}
		heap.Init(&runs)
		var last posting
		for len(runs) > 0 {
			run := runs[0]
			if p := run.list[0]; p.compare(last) != 0 {
				last = p
				if !yield(p, nil) {
					return
				}
			}
			if run.list = run.list[1:]; len(run.list) == 0 {
				if err := run.load(); err != nil {
					yield(posting{}, err)
					return
				}
			}
			if len(run.list) == 0 {
				heap.Pop(&runs)
			} else {
				heap.Fix(&runs, 0)
			}
		}
	}
}

// asideRun reads the postings that were set aside together.
type asideRun struct {
	t      *tx
	number int
	next   int // piece
	pieces int
	list   []posting // of the piece before that is left; empty at the end
}

func (r *asideRun) load() error {
	if r.next == r.pieces {
		return nil
	}
	key := asideKey(r.number, r.next)
	r.next++
	value, err := r.t.stx.Get(key)
	if err != nil {
		return err
	}
	plain, err := r.t.open(key, value)
	if err != nil {
		return err
	}
	r.list = make([]posting, 0, setAside)
	d := decoder{b: plain}
	for len(d.b) > 0 {
		r.list = append(r.list, posting{at: d.spot(), removed: d.u8() == 1, label: d.string()})
	}
	return d.end()
}

// asideRuns is a heap whose first run has the next posting. Of equal ones that of the later run comes first.
type asideRuns []*asideRun

func (r asideRuns) Len() int      { return len(r) }
func (r asideRuns) Swap(i, j int) { r[i], r[j] = r[j], r[i] }
func (r *asideRuns) Push(x any)   { *r = append(*r, x.(*asideRun)) }
func (r asideRuns) Less(i, j int) bool {
	order := r[i].list[0].compare(r[j].list[0])
	return order < 0 || order == 0 && r[i].number > r[j].number
}

// Pop implements heap.Interface.
func (r *asideRuns) Pop() any {
	last := (*r)[len(*r)-1]
	*r = (*r)[:len(*r)-1]
	return last
}

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
		for len(postings) > 0 && postings[0].compare(c) < 0 {
			merged = append(merged, postings[0])
			postings = postings[1:]
		}
		if len(postings) > 0 && postings[0].compare(c) == 0 {
			postings = postings[1:]
		}
		if !c.removed {
			merged = append(merged, c)
		}
	}
	return append(merged, postings...)
}
