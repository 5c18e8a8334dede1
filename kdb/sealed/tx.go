package sealed

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"iter"
	"strings"

	"certkdb/kdb"
	"certkdb/kdb/store"
)

// tx implements kdb.Tx on a transaction of the store.
type tx struct {
	ctx       context.Context
	db        *Database
	stx       store.Tx
	keys      *keys
	head      head
	operation string // of Update; "" when reading
	counted   uint64 // entries before
	changed   bool
	failed    error // of the first write to the store that failed
	erase     bool  // a key slot or a private key was removed: nothing of it may stay
	digester  digester
	chainer   hash.Hash            // for the audit log; nil until it is needed
	issuers   map[[32]byte]*issuer // of the registry, as far as they were read
	spots     *spotter
	postings  []posting // that are not yet in the index
	aside     aside     // more of them
	batch     batch
	scanned   summary // the last that Summaries has yielded to a reader
	plain     []byte  // of the last summary: its memory is for the next one
	bound     []byte  // associated data, with room for a record's key behind boundLen
}

// strictness says whether the key slots must be those that the head lists. Maintenance goes on if they are not, to be
// able to put that right.
type strictness bool

const (
	strict  strictness = true
	lenient strictness = false
)

// begin reads and verifies the head.
func (db *Database) begin(ctx context.Context, stx store.Tx, k *keys) (*tx, error) {
	m, raw, err := readMetaRecord(stx)
	if err != nil {
		return nil, err
	}
	if m.id != k.meta.id || m.keyID != k.meta.keyID {
		return nil, fmt.Errorf("%w: it was rekeyed or replaced since it was unlocked", kdb.ErrChanged)
	}
	t := &tx{ctx: ctx, db: db, stx: stx, keys: k, digester: k.digester(), spots: k.spotter(), bound: m.bind("")}
	t.head, _, err = readTwice(stx, keyHead, func(sealed []byte) (head, error) {
		plain, err := open(k.head, sealed, m.bind(keyHead))
		if err != nil {
			return head{}, err
		}
		return decodeHead(plain)
	})
	t.counted = t.head.entries
	if errors.Is(err, store.ErrNotFound) {
		err = fmt.Errorf("%w: it is missing", kdb.ErrCorrupt)
	}
	if err != nil {
		return nil, fmt.Errorf("head record: %w", err)
	}
	if t.head.meta != sha256.Sum256(raw) {
		return nil, fmt.Errorf("%w: the meta record was changed", kdb.ErrCorrupt)
	}
	return t, nil
}

// require compares the key slots with the head's list, if that is asked for.
func (t *tx) require(how strictness) error {
	if how == lenient {
		return nil
	}
	return t.checkSlots(func(p kdb.Problem) error { return fmt.Errorf("%w: %s: %s", kdb.ErrCorrupt, p.Where, p.What) })
}

// commit stores the head if anything changed.
func (t *tx) commit() error {
	if err := t.sealBatch(); err != nil || !t.changed {
		return err
	}
	if err := errors.Join(t.flushIndex(), t.flushIssuers()); err != nil {
		return err
	}
	t.head.generation++
	if t.head.seals >= maxSeals {
		return fmt.Errorf("%w: its master key sealed 2^32 records; rekey it", kdb.ErrUnsupported)
	}
	if t.counted != t.head.entries || t.head.generation == 1 || t.operation == "rekey" {
		if err := t.stx.Put(keyCount, encodeCount(t.head.entries)); err != nil {
			return err
		}
	}
	return t.putHead()
}

func (t *tx) putHead() error {
	t.head.seals++
	return putTwice(t.stx, keyHead, seal(t.keys.head, t.head.encode(), t.keys.meta.bind(keyHead)))
}

// associated returns the associated data of a record; the next call overwrites it.
func (t *tx) associated(key string) []byte {
	t.bound = append(t.bound[:boundLen], key...)
	return t.bound
}

// put seals a record and stores it; if sum is not nil it gets the SHA-256 of what was stored.
func (t *tx) put(key string, plain []byte, sum *[32]byte) error {
	value, err := t.putValue(key, plain)
	if err != nil {
		return err
	}
	if sum != nil {
		*sum = sha256.Sum256(value)
	}
	if strings.HasPrefix(key, prefixSummary) {
		t.digester.toggle(&t.head.digest, key, value)
	}
	if strings.HasPrefix(key, prefixIndex) {
		t.digester.toggle(&t.head.index, key, value)
	}
	return nil
}

// putValue seals a record, stores it, and returns what was stored.
func (t *tx) putValue(key string, plain []byte) ([]byte, error) {
	value := seal(t.keys.record, plain, t.associated(key))
	t.changed = true
	t.head.seals++
	return value, t.stx.Put(key, value)
}

// open opens a sealed record.
func (t *tx) open(key string, value []byte) ([]byte, error) { return t.openInto(nil, key, value) }

func (t *tx) openInto(buffer []byte, key string, value []byte) ([]byte, error) {
	plain, err := openInto(buffer, t.keys.record, value, t.associated(key))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", place(key), err)
	}
	return plain, nil
}

// place says for people which record a key belongs to.
func place(key string) string {
	for _, p := range []struct{ prefix, name string }{
		{prefixSummary, "summary"},
		{prefixCerts, "certificates"},
		{prefixKey, "private key"},
	} {
		if label, ok := strings.CutPrefix(key, p.prefix); ok {
			return fmt.Sprintf("%s of label %q", p.name, label)
		}
	}
	if strings.HasPrefix(key, prefixIndex) {
		return fmt.Sprintf("index, record %s", key[len(prefixIndex):])
	}
	if digest, ok := strings.CutPrefix(key, prefixIssuer); ok {
		return fmt.Sprintf("record of issuer %s", digest)
	}
	for prefix, name := range map[string]string{prefixIssued: "issued certificate", prefixRevoked: "revocation"} {
		if rest, ok := strings.CutPrefix(key, prefix); ok {
			issuer, serial, _ := strings.Cut(rest, "/")
			return fmt.Sprintf("%s %s of issuer %s", name, serial, issuer)
		}
	}
	switch key {
	case keyMeta, keyHead:
		return key + " record"
	}
	var number uint64
	if _, err := fmt.Sscanf(key, prefixLog+"%x", &number); err == nil {
		return fmt.Sprintf("audit log, record %d", number)
	}
	if _, err := fmt.Sscanf(key, prefixSlot+"%x", &number); err == nil {
		return fmt.Sprintf("key slot %d", number)
	}
	return fmt.Sprintf("record %q", key)
}

// summary reads the summary record of a label; raw is its sealed form.
func (t *tx) summary(label string) (s summary, raw []byte, err error) {
	if err := t.ctx.Err(); err != nil {
		return s, nil, err
	}
	raw, err = t.stx.Get(prefixSummary + label)
	if errors.Is(err, store.ErrNotFound) {
		return s, nil, noLabel(label)
	}
	if err == nil {
		s, err = t.decodeSummary(label, raw)
	}
	return s, raw, err
}

// noLabel is the error for a label that is not there. Each of many new entries makes some, which nobody reads.
type noLabel string

func (l noLabel) Error() string { return fmt.Sprintf("label %q: %v", string(l), kdb.ErrNotFound) }

func (noLabel) Unwrap() error { return kdb.ErrNotFound }

func (t *tx) decodeSummary(label string, raw []byte) (summary, error) {
	key := prefixSummary + label
	plain, err := t.openInto(t.plain, key, raw)
	if err != nil {
		return summary{}, err
	}
	t.plain = plain
	s, err := decodeSummary(plain)
	if err != nil {
		return summary{}, fmt.Errorf("%s: %w", place(key), err)
	}
	s.Label = label
	s.Default = label == t.head.defaultLabel
	return s, nil
}

// Summary implements kdb.Tx.
func (t *tx) Summary(label string) (kdb.Summary, error) {
	if b := t.batch.waiting(label); b != nil {
		s := b.summary.Summary
		s.Default = label == t.head.defaultLabel
		return s, t.ctx.Err()
	}
	s, _, err := t.summary(label)
	return s.Summary, err
}

// Summaries implements kdb.Tx. After the last one it verifies that all were there and none was an older one, also when they are read in
// several transactions, each going on where the one before stopped.
func (t *tx) Summaries(after string) iter.Seq2[kdb.Summary, error] {
	return func(yield func(kdb.Summary, error) bool) {
		from := ""
		if after != "" {
			from = prefixSummary + after
		}
		r := t.db.resume(after, t.head.generation)
		version := t.head.logSeq
		for record, err := range t.stx.Scan(prefixSummary, from) {
			var s summary
			if err == nil {
				s, err = t.decodeSummary(record.Key[len(prefixSummary):], record.Value)
			}
			if err != nil {
				yield(kdb.Summary{}, err)
				return
			}
			if r != nil {
				r.seen.add(t.digester, record.Key, record.Value)
			}
			if t.operation == "" {
				t.scanned = s
			}
			if !yield(s.Summary, nil) {
				t.db.pause(r, s.Label)
				return
			}
		}
		// A caller who changes entries in the loop makes the numbers differ rightly.
		if r != nil && version == t.head.logSeq {
			if err := t.finish(r); err != nil {
				yield(kdb.Summary{}, err)
			}
		}
	}
}

// Labels implements kdb.Tx.
func (t *tx) Labels(after string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		from := ""
		if after != "" {
			from = prefixSummary + after
		}
		var count uint64
		version := t.head.logSeq
		for record, err := range t.stx.Scan(prefixSummary, from) {
			if err != nil {
				yield("", err)
				return
			}
			count++
			if !yield(record.Key[len(prefixSummary):], nil) {
				return
			}
		}
		if after == "" && count != t.head.entries && version == t.head.logSeq {
			yield("", t.countError(count))
		}
	}
}

// reading is how far somebody has read all summaries.
type reading struct {
	generation uint64
	last       string // label
	seen       counted
	mixed      bool // of several generations
}

// resume returns what was read up to a label; nil if that is not known.
func (db *Database) resume(after string, generation uint64) *reading {
	if after == "" {
		return &reading{generation: generation}
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.reading == nil || db.reading.last != after {
		return nil
	}
	r := *db.reading
	r.mixed = r.mixed || r.generation != generation
	return &r
}

func (db *Database) pause(r *reading, last string) {
	if r == nil {
		return
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	r.last = last
	db.reading = r
}

// finish verifies what was read. If the database changed meanwhile, everything is read once more.
func (t *tx) finish(r *reading) error {
	if !r.mixed {
		return t.verify(r.seen)
	}
	seen, err := t.recount()
	if err != nil {
		return err
	}
	return t.verify(seen)
}

// verify compares all summaries that were read with what the head says of them.
func (t *tx) verify(seen counted) error {
	switch {
	case seen.count != t.head.entries:
		return t.countError(seen.count)
	case seen.digest != t.head.digest:
		return fmt.Errorf("%w: the digest of the entries is not the head record's: an older entry was put back in the place of a newer one",
			kdb.ErrCorrupt)
	}
	return nil
}

func (t *tx) countError(count uint64) error {
	return fmt.Errorf("%w: %d entries are there, but the head record says %d: some were removed or put back",
		kdb.ErrCorrupt, count, t.head.entries)
}

// part reads a record that the summary vouches for.
func (t *tx) part(key string, sum [32]byte) ([]byte, error) {
	value, err := t.stx.Get(key)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, fmt.Errorf("%s: %w: the record is missing", place(key), kdb.ErrCorrupt)
	case err != nil:
		return nil, err
	}
	plain, err := t.open(key, value)
	if err == nil && sha256.Sum256(value) != sum {
		err = fmt.Errorf("%s: %w: it is not the one that the summary vouches for: an older one was put back",
			place(key), kdb.ErrCorrupt)
	}
	return plain, err
}

// known is the summary of a label, without a look-up if Summaries has just yielded it.
func (t *tx) known(label string) (summary, error) {
	if t.scanned.Label == label && label != "" {
		return t.scanned, t.ctx.Err()
	}
	s, _, err := t.summary(label)
	return s, err
}

// Entry implements kdb.Tx.
func (t *tx) Entry(label string) (kdb.Entry, error) {
	s, err := t.known(label)
	if err != nil {
		return kdb.Entry{}, err
	}
	return t.entry(&s)
}

func (t *tx) entry(s *summary) (kdb.Entry, error) {
	e := kdb.Entry{Label: s.Label, Kind: s.Kind, Trusted: s.Trusted, Default: s.Default, Added: s.Added}
	plain, err := t.part(prefixCerts+s.Label, s.certs)
	if err != nil {
		return kdb.Entry{}, err
	}
	err = decodeCerts(plain, &e)
	if err == nil && e.Fingerprint() != s.SHA256 {
		err = fmt.Errorf("%w: the fingerprint in the summary is another", kdb.ErrCorrupt)
	}
	if err != nil {
		return kdb.Entry{}, fmt.Errorf("%s: %w", place(prefixCerts+s.Label), err)
	}
	return e, nil
}

// Key implements kdb.Tx.
func (t *tx) Key(label string) ([]byte, error) {
	s, err := t.known(label)
	if err != nil {
		return nil, err
	}
	if !s.hasKey {
		return nil, fmt.Errorf("private key of label %q: %w", label, kdb.ErrNotFound)
	}
	return t.key(&s)
}

// KeyProtection implements kdb.KeyProtector.
func (t *tx) KeyProtection(label string) (string, error) {
	s, _, err := t.summary(label)
	if err != nil || !s.hasKey {
		return "", err
	}
	return "AES-256-GCM under the database's master key", nil
}

func (t *tx) key(s *summary) ([]byte, error) {
	plain, err := t.part(prefixKey+s.Label, s.key)
	if err != nil {
		return nil, err
	}
	key, err := decodeKey(plain)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", place(prefixKey+s.Label), err)
	}
	return key, nil
}

// Default implements kdb.Tx.
func (t *tx) Default() (string, error) { return t.head.defaultLabel, t.ctx.Err() }

// Audit implements kdb.Tx.
func (t *tx) Audit(operation, label string) error {
	if t.operation == "" {
		return errReading
	}
	var fingerprint [32]byte
	if label != "" {
		s, _, err := t.summary(label)
		if err != nil && !errors.Is(err, kdb.ErrNotFound) {
			return err
		}
		fingerprint = s.SHA256
	}
	return t.log(operation, label, fingerprint)
}
