package sealed

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"iter"
	"time"

	"certkdb/kdb"
	"certkdb/kdb/store"
)

// LogRecord is a record of the audit log.
type LogRecord struct {
	Sequence  uint64
	Time      time.Time
	Operation string   // "add", "delete", "export", "passwd", …
	Label     string   // of an entry; "slot " and a slot's name; "serial " and a certificate's; "" if it is about the database
	SHA256    [32]byte // fingerprint of the entry; zero if there is none
	User      string
	Host      string
	// Slot and SlotName tell which key slot opened the database for the operation.
	Slot     int
	SlotName string
}

// logEntry is a LogRecord as it is stored, with the chain value of the one before it.
type logEntry struct {
	LogRecord
	previous [32]byte
}

func (l *logEntry) encode() []byte {
	e := encoder{make([]byte, 0, 128+len(l.Operation)+len(l.Label)+len(l.User)+len(l.Host))}
	e.u8(formatVersion)
	e.u64(l.Sequence)
	e.raw(l.previous[:])
	e.u64(uint64(l.Time.UnixMicro()))
	e.raw(l.SHA256[:])
	for _, text := range []string{l.Operation, l.Label, l.User, l.Host} {
		e.string(text)
	}
	e.u32(uint32(l.Slot))
	e.string(l.SlotName)
	return e.b
}

func decodeLog(b []byte) (logEntry, error) {
	d := decoder{b: b}
	if version := d.u8(); d.err == nil && version != formatVersion {
		return logEntry{}, fmt.Errorf("%w %d", kdb.ErrVersion, version)
	}
	var l logEntry
	l.Sequence, l.previous = d.u64(), d.hash()
	l.Time = time.UnixMicro(int64(d.u64())).UTC()
	l.SHA256 = d.hash()
	l.Operation, l.Label, l.User, l.Host = d.string(), d.string(), d.string(), d.string()
	l.Slot, l.SlotName = int(d.u32()), d.string()
	return l, d.end()
}

// chain is the chain value after a log record: a keyed hash of the record, which holds the value before it.
func (k *keys) chain(plain []byte) [32]byte { return chainAfter(hmac.New(sha256.New, k.audit), plain) }

func chainAfter(mac hash.Hash, plain []byte) [32]byte {
	mac.Reset()
	mac.Write(plain)
	return [32]byte(mac.Sum(nil))
}

// What takes an entry or its trust away has these names in the log, whatever the whole operation is called: recovery goes by them.
const (
	opDelete        = "delete"
	opDeleteDamaged = "delete-damaged"
	opRename        = "rename"
	opTrust         = "trust"
	opDistrust      = "distrust"
)

// log appends to the audit log.
func (t *tx) log(operation, label string, fingerprint [32]byte) error {
	key, plain := t.nextLog(operation, label, fingerprint)
	return t.put(key, plain, nil)
}

// nextLog makes the next record of the audit log.
func (t *tx) nextLog(operation, label string, fingerprint [32]byte) (key string, plain []byte) {
	l := logEntry{LogRecord{
		Sequence: t.head.logSeq + 1, Time: t.db.now(), Operation: operation, Label: label,
		SHA256: fingerprint, User: call(t.db.o.User), Host: call(t.db.o.Host), Slot: int(t.keys.slot), SlotName: t.keys.slotName,
	}, t.head.logChain}
	plain = l.encode()
	t.head.logSeq, t.head.logChain = l.Sequence, t.chain(plain)
	return logKey(l.Sequence), plain
}

// chain is [keys.chain] for many records, one after the other.
func (t *tx) chain(plain []byte) [32]byte {
	if t.chainer == nil {
		t.chainer = hmac.New(sha256.New, t.keys.audit)
	}
	return chainAfter(t.chainer, plain)
}

func call(f func() string) string {
	if f == nil {
		return ""
	}
	return f()
}

// Log yields the audit log after a sequence number, oldest first. A record that was changed, removed, put back or moved is an error in its
// place; that the last one is missing, at the end.
func (db *Database) Log(ctx context.Context, after uint64) iter.Seq2[LogRecord, error] {
	return func(yield func(LogRecord, error) bool) {
		stopped := false
		err := db.view(ctx, strict, func(t *tx) error {
			c, err := t.chainAfter(after)
			if err != nil {
				return err
			}
			for record, err := range t.stx.Scan(prefixLog, logKey(after)) {
				var l logEntry
				if err == nil {
					l, err = t.openLog(record)
				}
				if err == nil {
					err = c.add(&l)
				}
				if err != nil {
					return err
				}
				if stopped = !yield(l.LogRecord, nil); stopped {
					return nil
				}
			}
			return c.end()
		})
		if err != nil && !stopped {
			yield(LogRecord{}, err)
		}
	}
}

// chain follows the audit log from record to record.
type chain struct {
	t        *tx
	sequence uint64   // of the last record
	value    [32]byte // after it
}

// chainAfter begins a chain behind a record of the log.
func (t *tx) chainAfter(sequence uint64) (c chain, err error) {
	c = chain{t: t, sequence: min(sequence, t.head.logSeq)}
	if c.sequence == 0 {
		return c, nil
	}
	key := logKey(c.sequence)
	value, err := t.stx.Get(key)
	if errors.Is(err, store.ErrNotFound) {
		return c, fmt.Errorf("%s: %w: the record is missing", place(key), kdb.ErrCorrupt)
	}
	var l logEntry
	if err == nil {
		l, err = t.openLog(store.Record{Key: key, Value: value})
	}
	c.value = t.keys.chain(l.encode())
	return c, err
}

// add verifies that a record follows the last one.
func (c *chain) add(l *logEntry) error {
	switch {
	case l.Sequence != c.sequence+1:
		return fmt.Errorf("audit log: %w: record %d follows record %d: records were removed or put back", kdb.ErrCorrupt, l.Sequence, c.sequence)
	case l.previous != c.value:
		return fmt.Errorf("%s: %w: it does not follow the record before it", place(logKey(l.Sequence)), kdb.ErrCorrupt)
	}
	c.sequence, c.value = l.Sequence, c.t.keys.chain(l.encode())
	return nil
}

// end verifies that the last record is the one that the head says.
func (c *chain) end() error {
	if h := &c.t.head; c.sequence != h.logSeq || c.value != h.logChain {
		return fmt.Errorf("audit log: %w: it ends with record %d, the head record says %d: records were removed or put back",
			kdb.ErrCorrupt, c.sequence, h.logSeq)
	}
	return nil
}

func (t *tx) openLog(record store.Record) (logEntry, error) {
	plain, err := t.open(record.Key, record.Value)
	if err != nil {
		return logEntry{}, err
	}
	l, err := decodeLog(plain)
	if err == nil && logKey(l.Sequence) != record.Key {
		err = fmt.Errorf("%w: it says that it is record %d", kdb.ErrCorrupt, l.Sequence)
	}
	if err != nil {
		return logEntry{}, fmt.Errorf("%s: %w", place(record.Key), err)
	}
	return l, nil
}
