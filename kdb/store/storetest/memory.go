package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"certkdb/kdb/store"
)

// Memory is a store in memory, for tests of what lies above. Its records can be tampered with.
type Memory struct {
	// Max are limits that it is to have; none by default.
	Max store.Limits

	reads   atomic.Int64
	mu      sync.RWMutex
	records map[string][]byte // never changed, only replaced
}

// NewMemory returns an empty store.
func NewMemory() *Memory { return &Memory{} }

// Records returns a copy of all records.
func (m *Memory) Records() map[string][]byte {
	m.mu.RLock()
	defer m.mu.RUnlock()
	records := make(map[string][]byte, len(m.records))
	for key, value := range m.records {
		records[key] = bytes.Clone(value)
	}
	return records
}

// Replace makes the records the content of the store.
func (m *Memory) Replace(records map[string][]byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.records = records
}

// Reads is the number of records that transactions have returned so far.
func (m *Memory) Reads() int { return int(m.reads.Load()) }

// View implements store.Store.
func (m *Memory) View(ctx context.Context, fn func(store.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	return fn(&memoryTx{ctx: ctx, reads: &m.reads, records: m.records, readOnly: true})
}

// Update implements store.Store.
func (m *Memory) Update(ctx context.Context, fn func(store.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	tx := &memoryTx{ctx: ctx, reads: &m.reads, records: maps.Clone(m.records), max: m.Max, changed: map[string]int{}}
	if tx.records == nil {
		tx.records = make(map[string][]byte)
	}
	if err := fn(tx); err != nil {
		return err
	}
	m.records = tx.records
	return ctx.Err()
}

// Limits implements store.Store.
func (m *Memory) Limits() store.Limits { return m.Max }

// Size implements store.Store.
func (m *Memory) Size() (int64, error) { return 0, nil }

// Close implements store.Store.
func (m *Memory) Close() error { return nil }

type memoryTx struct {
	ctx      context.Context
	reads    *atomic.Int64
	records  map[string][]byte
	readOnly bool
	max      store.Limits
	changed  map[string]int // the bytes that are put for each key
	bytes    int            // in all
}

// change counts a change against the limits.
func (t *memoryTx) change(key string, size int) error {
	t.bytes += size - t.changed[key]
	t.changed[key] = size
	if t.max.Ops > 0 && len(t.changed) > t.max.Ops || t.max.Bytes > 0 && t.bytes > t.max.Bytes {
		return fmt.Errorf("%w: %d changes with %d bytes in one transaction", store.ErrLimit, len(t.changed), t.bytes)
	}
	return t.ctx.Err()
}

var errReadOnly = errors.New("the transaction is for reading only")

func (t *memoryTx) Get(key string) ([]byte, error) {
	t.reads.Add(1)
	value, ok := t.records[key]
	if !ok {
		return nil, errors.Join(store.ErrNotFound, t.ctx.Err())
	}
	return bytes.Clone(value), t.ctx.Err()
}

func (t *memoryTx) Scan(prefix, after string) iter.Seq2[store.Record, error] {
	return func(yield func(store.Record, error) bool) {
		for _, key := range slices.Sorted(maps.Keys(t.records)) {
			if !strings.HasPrefix(key, prefix) || after != "" && key <= after {
				continue
			}
			t.reads.Add(1)
			if !yield(store.Record{Key: key, Value: t.records[key]}, nil) {
				return
			}
		}
		if err := t.ctx.Err(); err != nil {
			yield(store.Record{}, err)
		}
	}
}

func (t *memoryTx) Put(key string, value []byte) error {
	if t.readOnly {
		return errReadOnly
	}
	if err := t.max.Check(key, value); err != nil {
		return err
	}
	t.records[key] = value
	return t.change(key, len(key)+len(value))
}

func (t *memoryTx) Delete(key string) error {
	if t.readOnly {
		return errReadOnly
	}
	delete(t.records, key)
	return t.change(key, 0)
}
