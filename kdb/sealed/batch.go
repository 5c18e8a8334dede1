package sealed

import (
	"crypto/sha256"
	"iter"
	"strings"

	"certkdb/kdb"
	"certkdb/kdb/store"
)

// batch are new entries without keys that were put in an update and are not in the store yet: they are sealed together, on all processors,
// when there are enough of them or as soon as somebody looks. The update goes on while the entries before them are sealed.
type batch struct {
	list    []*batched
	labels  map[string]*batched
	sealing *sealing // the entries before; nil if there are none
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

// sealing are entries that are being sealed.
type sealing struct {
	list   []*batched
	labels map[string]*batched
	done   chan struct{}
}

// waiting is the entry of a label that is not in the store yet; nil if there is none.
func (b *batch) waiting(label string) *batched {
	if found := b.labels[label]; found != nil || b.sealing == nil {
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
	made, err := kdb.Summarize(e)
	if err != nil {
		return err
	}
	t.setDefault(e.Label, e.Default)
	b := &batched{entry: *e, summary: summary{Summary: made}}
	b.logKey, b.log = t.nextLog(t.operation, e.Label, made.SHA256)
	if t.batch.labels == nil {
		t.batch.labels = make(map[string]*batched, batchSize)
	}
	t.batch.list, t.batch.labels[e.Label] = append(t.batch.list, b), b
	if len(t.batch.list) < batchSize {
		return nil
	}
	return t.startSealing()
}

// startSealing begins to seal the batch, and stores the one before.
func (t *tx) startSealing() error {
	before := t.batch.sealing
	t.batch.wait()
	s := &sealing{list: t.batch.list, labels: t.batch.labels, done: make(chan struct{})}
	t.batch = batch{sealing: s}
	go func() {
		defer close(s.done)
		inParallel(len(s.list), t.sealer, func(sealer *sealer, i int) { s.list[i].seal(sealer) })
	}()
	return t.storeSealed(before)
}

// sealBatch seals the batch and stores it.
func (t *tx) sealBatch() error {
	if len(t.batch.list) > 0 {
		if err := t.startSealing(); err != nil {
			return err
		}
	}
	s := t.batch.sealing
	t.batch.wait()
	t.batch.sealing = nil
	return t.storeSealed(s)
}

// storeSealed stores entries that are sealed.
func (t *tx) storeSealed(s *sealing) error {
	if s == nil {
		return nil
	}
	t.changed = true
	for _, b := range s.list {
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
	return nil
}

func (b *batched) seal(s *sealer) {
	record := func(key string, plain []byte) store.Record { return store.Record{Key: key, Value: s.seal(key, plain)} }
	certs := record(prefixCerts+b.entry.Label, encodeCerts(&b.entry))
	b.summary.certs = sha256.Sum256(certs.Value)
	sum := record(prefixSummary+b.entry.Label, b.summary.encode())
	s.digester.toggle(&b.digest, sum.Key, sum.Value)
	b.records = [...]store.Record{certs, sum, record(b.logKey, b.log)}
	b.postings = s.spots.postings(&b.entry)
}

// afterBatch is the store of an update: nobody reads past the batch. Who changes an entry reads it first.
type afterBatch struct {
	store.Tx
	t *tx
}

// Get implements store.Tx. Looking for the summary of another entry, as each Put does, leaves the batch alone.
func (a afterBatch) Get(key string) ([]byte, error) {
	label, isSummary := strings.CutPrefix(key, prefixSummary)
	if !isSummary || a.t.batch.waiting(label) != nil {
		if err := a.t.sealBatch(); err != nil {
			return nil, err
		}
	}
	return a.Tx.Get(key)
}

// Scan implements store.Tx.
func (a afterBatch) Scan(prefix, after string) iter.Seq2[store.Record, error] {
	return func(yield func(store.Record, error) bool) {
		if err := a.t.sealBatch(); err != nil {
			yield(store.Record{}, err)
			return
		}
		a.Tx.Scan(prefix, after)(yield)
	}
}
