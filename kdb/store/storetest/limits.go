package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"certkdb/kdb/store"
)

// record is one that a test puts.
type record struct {
	key  string
	size int // of the value
}

// testLimits fills each limit that the store declares to the brim, and then exceeds it by one.
func testLimits(t *testing.T, s store.Store) {
	l := s.Limits()
	if l.Key > 0 {
		testLimit(t, s, "Key", []record{{strings.Repeat("k", l.Key), 1}}, []record{{strings.Repeat("k", l.Key+1), 1}})
	}
	if l.Value > 0 {
		testLimit(t, s, "Value", []record{{"v", l.Value}}, []record{{"v", l.Value + 1}})
	}
	if l.Ops > 0 {
		var list []record
		for i := range l.Ops + 1 {
			list = append(list, record{fmt.Sprintf("%05d", i), 1})
		}
		testLimit(t, s, "Ops", list[:l.Ops], list)
	}
	if l.Bytes > 0 {
		testLimit(t, s, "Bytes", split(l.Bytes, l.Value), split(l.Bytes+1, l.Value))
	}
}

// split makes records of that many bytes in all, with values that the store takes.
func split(total, limit int) (list []record) {
	if limit == 0 {
		limit = total
	}
	for i := 0; total > 0; i++ {
		key := fmt.Sprintf("%03d", i)
		size := min(total-len(key), limit)
		list = append(list, record{key, size})
		total -= len(key) + size
	}
	return list
}

func testLimit(t *testing.T, s store.Store, name string, within, beyond []record) {
	t.Helper()
	err := s.Update(context.Background(), func(tx store.Tx) error { return putAll(tx, beyond, 2) })
	if !errors.Is(err, store.ErrLimit) {
		t.Errorf("beyond the limit %s: %v, want ErrLimit", name, err)
	}
	view(t, s, func(tx store.Tx) error { wantNone(t, tx, beyond[0].key); return nil })
	update(t, s, func(tx store.Tx) error { return putAll(tx, within, 1) })
	view(t, s, func(tx store.Tx) error {
		for _, r := range within {
			if value, err := tx.Get(r.key); err != nil || len(value) != r.size {
				t.Errorf("at the limit %s: record %.10q has %d bytes, %v", name, r.key, len(value), err)
			}
		}
		return nil
	})
	update(t, s, func(tx store.Tx) error {
		for _, r := range within {
			if err := tx.Delete(r.key); err != nil {
				return err
			}
		}
		return nil
	})
}

func putAll(tx store.Tx, list []record, fill byte) error {
	for _, r := range list {
		if err := tx.Put(r.key, bytes.Repeat([]byte{fill}, r.size)); err != nil {
			return err
		}
	}
	return nil
}
