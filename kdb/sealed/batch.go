package sealed

import (
	"crypto/sha256"
	"errors"
	"iter"
	"strings"

	"certkdb/kdb"
	"certkdb/kdb/store"
)

// batch holds new entries without keys that were put in an update and are not in the store yet. They are sealed together, on all
// processors, when there are enough of them or when one of them is read. The update goes on while the batch before is being sealed.
type batch struct {
	entries batchedEntries
	sealing *sealing       // the entries before; nil if there are none
	spare   batchedEntries // empty, for later
}

// batchSize is how many entries are sealed at once.
const batchSize = 512

// batched is an entry of a batch with what sealing it makes.
type batched struct {
	entry    kdb.Entry
	summary  summary
	logKey   string
	log      []byte // in clear
	records  [3]store.Record
	digest   [32]byte
	postings []posting
}

// batchedEntries are at most batchSize entries, in the order in which they were put and by their labels.
type batchedEntries struct {
	list   []batched
	labels map[string]*batched
}

// add makes room for an entry.
func (b *batchedEntries) add(label string) *batched {
	if b.list == nil {
		b.list, b.labels = make([]batched, 0, batchSize), make(map[string]*batched, batchSize)
	}
	b.list = b.list[:len(b.list)+1]
	added := &b.list[len(b.list)-1]
	b.labels[label] = added
	return added
}

// sealing are entries that are being sealed.
type sealing struct {
	batchedEntries
	done chan struct{}
}

// waiting is the entry of a label that is not in the store yet; nil if there is none.
func (b *batch) waiting(label string) *batched {
	if found := b.entries.labels[label]; found != nil || b.sealing == nil {
		return found
	}
	return b.sealing.labels[label]
}

// wait returns when nothing is being sealed any more: the keys may be cleared then.
func (b *batch) wait() {
	if b.sealing != nil {
		<-b.sealing.done
	}
}

// later puts a new entry into the batch.
func (t *tx) later(e *kdb.Entry) error {
	if t.failed != nil {
		return t.failed
	}
	made, err := kdb.Summarize(e)
	if err != nil {
		return err
	}
	t.setDefault(e.Label, e.Default)
	b := t.batch.entries.add(e.Label)
	b.entry, b.summary.Summary = *e, made
	b.logKey, b.log = t.nextLog(t.operation, e.Label, made.SHA256)
	if len(t.batch.entries.list) < batchSize {
		return nil
	}
	return t.startSealing()
}

// startSealing begins to seal the batch, and stores the one before.
func (t *tx) startSealing() error {
	before := t.batch.sealing
	t.batch.wait()
	s := &sealing{batchedEntries: t.batch.entries, done: make(chan struct{})}
	t.batch = batch{sealing: s, entries: t.batch.spare}
	go func() {
		defer close(s.done)
		inParallel(len(s.list), t.sealer, func(sealer *sealer, i int) { s.list[i].seal(sealer) })
	}()
	return t.storeSealed(before)
}

// sealBatch seals the batch and stores it.
func (t *tx) sealBatch() error {
	if len(t.batch.entries.list) > 0 {
		if err := t.startSealing(); err != nil {
			return err
		}
	}
	s := t.batch.sealing
	t.batch.wait()
	t.batch.sealing = nil
	if err := t.storeSealed(s); err != nil {
		return err
	}
	return t.failed
}

// fails remembers the first error of a write. The head counts records that are not in the store then: the update must not be committed,
// even if its function goes on.
func (t *tx) fails(err error) error {
	if t.failed == nil {
		t.failed = err
	}
	return err
}

// storeSealed stores entries that are sealed.
func (t *tx) storeSealed(s *sealing) error {
	if s == nil {
		return nil
	}
	t.changed = true
	for i := range s.list {
		b := &s.list[i]
		mix(&t.head.digest, b.digest)
		for _, record := range b.records {
			t.head.seals++
			if err := t.stx.Put(record.Key, record.Value); err != nil {
				return err
			}
		}
		if err := t.addPostings(b.postings, false); err != nil {
			return err
		}
	}
	clear(s.list)
	clear(s.labels)
	t.batch.spare = batchedEntries{s.list[:0], s.labels}
	return nil
}

func (b *batched) seal(s *sealer) {
	record := func(key string, plain []byte) store.Record { return store.Record{Key: key, Value: s.seal(key, plain)} }
	s.plain = appendCerts(s.plain[:0], &b.entry)
	certs := record(prefixCerts+b.entry.Label, s.plain)
	b.summary.certs = sha256.Sum256(certs.Value)
	s.plain = b.summary.appendTo(s.plain[:0])
	sum := record(prefixSummary+b.entry.Label, s.plain)
	s.digester.toggle(&b.digest, sum.Key, sum.Value)
	b.records = [...]store.Record{certs, sum, record(b.logKey, b.log)}
	b.postings = s.spots.postings(&b.entry)
}

// afterBatch is the store of an update: it stores the batch before a read that could miss it. Every change of an entry begins with a read.
type afterBatch struct {
	store.Tx
	t      *tx
	absent string // the last key that was looked for in vain; each Put looks twice
}

// Get implements store.Tx. Looking for the summary of another entry, as each Put does, leaves the batch alone.
func (a *afterBatch) Get(key string) ([]byte, error) {
	label, isSummary := strings.CutPrefix(key, prefixSummary)
	if !isSummary || a.t.batch.waiting(label) != nil {
		if err := a.t.sealBatch(); err != nil {
			return nil, err
		}
	}
	if key == a.absent {
		return nil, store.ErrNotFound
	}
	value, err := a.Tx.Get(key)
	if errors.Is(err, store.ErrNotFound) {
		a.absent = key
	}
	return value, err
}

// Put implements store.Tx.
func (a *afterBatch) Put(key string, value []byte) error {
	a.absent = ""
	return a.t.fails(a.Tx.Put(key, value))
}

// Delete implements store.Tx.
func (a *afterBatch) Delete(key string) error { return a.t.fails(a.Tx.Delete(key)) }

// Scan implements store.Tx.
func (a *afterBatch) Scan(prefix, after string) iter.Seq2[store.Record, error] {
	return func(yield func(store.Record, error) bool) {
		if err := a.t.sealBatch(); err != nil {
			yield(store.Record{}, err)
			return
		}
		a.Tx.Scan(prefix, after)(yield)
	}
}
