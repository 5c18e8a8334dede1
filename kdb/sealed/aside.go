package sealed

import (
	"cmp"
	"container/heap"
	"fmt"
	"iter"
	"slices"

	"certkdb/kdb/store"
)

// maxPending is how many postings a transaction collects before it sets them aside: they are sorted, and sealed in records that the
// transaction removes again. So the blocks are changed once, however many postings there are.
const maxPending = 1 << 16

// pieceSize is how many postings one such record has.
const pieceSize = 1 << 10

// aside are the postings of a transaction that were set aside, in runs. A run is sorted and sealed while the transaction goes on.
type aside struct {
	pieces  []int // of each run that is stored
	setting *setting
	spare   []posting // empty
}

// setting is a run on its way to the store.
type setting struct {
	postings []posting
	records  []store.Record
	done     chan struct{}
}

// prefixAside begins the keys of records of postings that were set aside; no record of that kind outlives its transaction.
const prefixAside = "p/"

func asideKey(run, piece int) string { return fmt.Sprintf(prefixAside+"%08x/%08x", run, piece) }

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

// sortPostings brings postings in order. Of equal ones only the last remains.
func sortPostings(list []posting) []posting {
	slices.SortFunc(list, func(p, o posting) int {
		if order := p.compare(&o); order != 0 {
			return order
		}
		return cmp.Compare(p.number, o.number)
	})
	kept := list[:0]
	for i, p := range list {
		if i+1 == len(list) || p.compare(&list[i+1]) != 0 {
			kept = append(kept, p)
		}
	}
	return kept
}

// setPostingsAside begins to move the pending postings out of memory, and stores the run before.
func (t *tx) setPostingsAside() error {
	if err := t.storeAside(); err != nil || len(t.postings) == 0 {
		return err
	}
	s := &setting{postings: t.postings, done: make(chan struct{})}
	t.postings, t.aside.spare, t.aside.setting = t.aside.spare, nil, s
	run := len(t.aside.pieces)
	go func() {
		defer close(s.done)
		pieces := slices.Collect(slices.Chunk(sortPostings(s.postings), pieceSize))
		s.records = make([]store.Record, len(pieces))
		inParallel(len(pieces), t.sealer, func(sealer *sealer, i int) {
			key := asideKey(run, i)
			s.records[i] = store.Record{Key: key, Value: sealer.seal(key, encodeAside(pieces[i]))}
		})
	}()
	return nil
}

// wait returns when nothing is being sealed any more: the keys may be cleared then.
func (a *aside) wait() {
	if a.setting != nil {
		<-a.setting.done
	}
}

// storeAside stores the run that is being sealed.
func (t *tx) storeAside() error {
	s := t.aside.setting
	if s == nil {
		return nil
	}
	t.aside.wait()
	t.aside.setting = nil
	for _, record := range s.records {
		t.head.seals++
		if err := t.stx.Put(record.Key, record.Value); err != nil {
			return err
		}
	}
	t.aside.pieces = append(t.aside.pieces, len(s.records))
	clear(s.postings) // the labels
	t.aside.spare = s.postings[:0]
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

func decodeAside(plain []byte) ([]posting, error) {
	list := make([]posting, 0, pieceSize)
	d := decoder{b: plain, text: string(plain)}
	for len(d.b) > 0 {
		list = append(list, posting{at: d.spot(), removed: d.u8() == 1, label: d.string()})
	}
	return list, d.end()
}

// flushIndex puts all postings into their blocks.
func (t *tx) flushIndex() error {
	if err := t.sealBatch(); err != nil {
		return err
	}
	if err := t.storeAside(); err != nil {
		return err
	}
	rest := sortPostings(t.postings)
	t.postings = nil
	if len(t.aside.pieces) == 0 {
		return t.changeBlocks(rest)
	}
	chunk := t.aside.spare
	for p, err := range t.asidePostings(rest) {
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
	if err := t.changeBlocks(chunk); err != nil {
		return err
	}
	return t.removeAside()
}

func (t *tx) removeAside() error {
	for run, pieces := range t.aside.pieces {
		for piece := range pieces {
			if err := t.stx.Delete(asideKey(run, piece)); err != nil {
				return err
			}
		}
	}
	t.aside = aside{}
	return nil
}

// asidePostings yields all postings that were set aside and the rest, which are sorted and came later, in order. Of equal ones only the
// last remains.
func (t *tx) asidePostings(rest []posting) iter.Seq2[posting, error] {
	return func(yield func(posting, error) bool) {
		runs, err := t.asideRuns(rest)
		defer func() { runs.wait() }()
		if err != nil {
			yield(posting{}, err)
			return
		}
		var last posting
		for len(runs) > 0 {
			run := runs[0]
			if p := run.list[0]; p.compare(&last) != 0 {
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

// asideRuns is a heap whose first run has the next posting. Of equal ones that of the later run comes first.
type asideRuns []*asideRun

func (t *tx) asideRuns(rest []posting) (runs asideRuns, err error) {
	for number, pieces := range t.aside.pieces {
		run := &asideRun{t: t, number: number, pieces: pieces}
		runs = append(runs, run)
		if err := cmp.Or(run.prefetch(), run.load()); err != nil {
			return runs, err
		}
	}
	if len(rest) > 0 {
		runs = append(runs, &asideRun{number: len(t.aside.pieces), list: rest})
	}
	heap.Init(&runs)
	return runs, nil
}

func (r asideRuns) Len() int      { return len(r) }
func (r asideRuns) Swap(i, j int) { r[i], r[j] = r[j], r[i] }
func (r *asideRuns) Push(x any)   { *r = append(*r, x.(*asideRun)) }
func (r asideRuns) Less(i, j int) bool {
	order := r[i].list[0].compare(&r[j].list[0])
	return order < 0 || order == 0 && r[i].number > r[j].number
}

// Pop implements heap.Interface.
func (r *asideRuns) Pop() any {
	last := (*r)[len(*r)-1]
	*r = (*r)[:len(*r)-1]
	return last
}

// wait returns when nothing is being opened any more: the keys may be cleared then.
func (r asideRuns) wait() {
	for _, run := range r {
		if run.ahead != nil {
			<-run.ahead
		}
	}
}

// asideRun reads the postings that were set aside together. The next piece is opened meanwhile.
type asideRun struct {
	t      *tx
	number int
	next   int // piece
	pieces int
	list   []posting // of the piece before that is left; empty at the end
	ahead  chan asidePiece
}

type asidePiece struct {
	list []posting
	err  error
}

// prefetch begins to open the next piece.
func (r *asideRun) prefetch() error {
	if r.ahead = nil; r.next == r.pieces {
		return nil
	}
	key := asideKey(r.number, r.next)
	r.next++
	value, err := r.t.stx.Get(key)
	if err != nil {
		return err
	}
	r.ahead = make(chan asidePiece, 1)
	go func(ahead chan<- asidePiece, k *keys) {
		plain, err := open(k.record, value, k.meta.bind(key))
		if err != nil {
			ahead <- asidePiece{err: fmt.Errorf("%s: %w", place(key), err)}
			return
		}
		list, err := decodeAside(plain)
		ahead <- asidePiece{list, err}
	}(r.ahead, r.t.keys)
	return nil
}

// load goes on to the next piece.
func (r *asideRun) load() error {
	if r.ahead == nil {
		return nil
	}
	piece := <-r.ahead
	if r.ahead, r.list = nil, piece.list; piece.err != nil {
		return piece.err
	}
	return r.prefetch()
}
