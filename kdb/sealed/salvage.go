package sealed

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"certkdb/kdb"
	"certkdb/kdb/store"
)

var _ kdb.Salvager = (*Database)(nil)

// Salvage implements kdb.Salvager: it reads what [Recover] would copy.
func (db *Database) Salvage(ctx context.Context) (found kdb.Salvaged, err error) {
	st, ok := db.store.(store.Salvager)
	if !ok {
		return found, &store.Error{Op: "reading", Location: db.location, Err: fmt.Errorf("%w: %w", kdb.ErrUnsupported, errNoWreck)}
	}
	known, err := db.acquire(ctx)
	switch {
	case err == nil:
		defer known.release()
	case !errors.Is(err, kdb.ErrCorrupt):
		return found, err
	}
	err = st.Salvage(ctx, func(w store.Wreck) error {
		r, err := newWreckage(ctx, db, w, known)
		if err != nil {
			return err
		}
		c := newRecovery(r)
		into := kept{records: map[string][]byte{}}
		if err = c.choose(); err == nil {
			err = c.write(into)
		}
		if err != nil {
			r.keys.retire()
			return err
		}
		c.result()
		found = c.salvaged(into)
		return nil
	})
	if _, named := errors.AsType[*store.Error](err); err != nil && !named {
		err = &store.Error{Op: "reading", Location: db.location, Err: err}
	}
	return found, err
}

// salvaged is what was found as a database that is held in memory.
func (c *recovery) salvaged(into kept) kdb.Salvaged {
	db := newDatabase(into.sorted(), c.db.location, c.db.o)
	db.keys = c.keys
	found := kdb.Salvaged{Database: db, Verified: c.Verified, Unnamed: max(c.unnamed, 0)}
	damaged := maps.Clone(c.missing)
	for label, what := range c.altered {
		damaged[label] = "it is not as it was: " + what
	}
	for _, label := range slices.Sorted(maps.Keys(damaged)) {
		found.Damaged = append(found.Damaged, kdb.DamagedEntry{Label: label, What: damaged[label]})
	}
	return found
}

// held is a store in memory that can only be read.
type held struct {
	store.Store
	records []store.Record
}

// kept is a transaction that keeps what is put in memory.
type kept struct {
	nothing
	records map[string][]byte
}

// Get implements store.Tx.
func (k kept) Get(key string) ([]byte, error) {
	value, there := k.records[key]
	if !there {
		return nil, store.ErrNotFound
	}
	return bytes.Clone(value), nil
}

// Put implements store.Tx.
func (k kept) Put(key string, value []byte) error {
	k.records[key] = bytes.Clone(value)
	return nil
}

// Delete implements store.Tx.
func (k kept) Delete(key string) error {
	delete(k.records, key)
	return nil
}

// sorted is a store of the records.
func (k kept) sorted() *held {
	h := &held{}
	for _, key := range slices.Sorted(maps.Keys(k.records)) {
		h.records = append(h.records, store.Record{Key: key, Value: k.records[key]})
	}
	return h
}

// View implements store.Store.
func (h *held) View(ctx context.Context, fn func(store.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return fn(heldTx{records: h.records})
}

// Update implements store.Store.
func (*held) Update(context.Context, func(store.Tx) error) error { return errReading }

// Size implements store.Store.
func (*held) Size() (int64, error) { return 0, nil }

// Close implements store.Store.
func (*held) Close() error { return nil }

type heldTx struct {
	nothing
	records []store.Record
}

func (t heldTx) find(key string) (int, bool) {
	return slices.BinarySearchFunc(t.records, key, func(r store.Record, key string) int { return strings.Compare(r.Key, key) })
}

// Get implements store.Tx.
func (t heldTx) Get(key string) ([]byte, error) {
	i, there := t.find(key)
	if !there {
		return nil, store.ErrNotFound
	}
	return bytes.Clone(t.records[i].Value), nil
}

// Scan implements store.Tx.
func (t heldTx) Scan(prefix, after string) iter.Seq2[store.Record, error] {
	return func(yield func(store.Record, error) bool) {
		from, there := t.find(max(prefix, after))
		if there && after >= prefix {
			from++
		}
		for _, r := range t.records[from:] {
			if !strings.HasPrefix(r.Key, prefix) || !yield(r, nil) {
				return
			}
		}
	}
}
