package sealed

import (
	"crypto/sha256"
	"iter"
	"strings"

	"certkdb/kdb"
	"certkdb/kdb/store"
)

// batch are new entries without keys that were put in an update and are not in the store yet: they are sealed together, on all processors,
// when there are enough of them or as soon as somebody looks.
type batch struct {
	list   []*batched
	labels map[string]*batched
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
	return t.sealBatch()
}

// sealBatch seals the batch and stores it.
func (t *tx) sealBatch() error {
	list := t.batch.list
	if len(list) == 0 {
		return nil
	}
	t.batch.list = nil
	clear(t.batch.labels)
	inParallel(len(list), t.sealer, func(s *sealer, i int) { list[i].seal(s) })
	t.changed = true
	for _, b := range list {
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
	if _, waiting := a.t.batch.labels[label]; waiting || !isSummary {
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
