package boltstore

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
)

// TestRelay_keepsRecordsAndOrder: what is put comes out as it was, also records longer than a chunk and those without a value.
func TestRelay_keepsRecordsAndOrder(t *testing.T) {
	t.Parallel()
	size := func(i int) int { return i % 7 * relaySize / 5 }
	n := 0
	r := newRelay(func(key, value []byte) error {
		if string(key) != fmt.Sprint(n) || !bytes.Equal(value, bytes.Repeat([]byte{byte(n)}, size(n))) {
			t.Errorf("record %d has key %q and %d bytes", n, key, len(value))
		}
		n++
		return nil
	})
	value := make([]byte, 0, 2*relaySize)
	for i := range 50 {
		value = append(value[:0], bytes.Repeat([]byte{byte(i)}, size(i))...) // the slice is the caller's again after put
		if err := r.put(fmt.Sprint(i), value); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.close(); err != nil || n != 50 {
		t.Errorf("%d records, %v", n, err)
	}
}

// TestRelay_endsAtAnError: wherever a record cannot be put, nobody waits for ever, nothing is put after it, and its error comes out.
func TestRelay_endsAtAnError(t *testing.T) {
	t.Parallel()
	failure := errors.New("the disk is full")
	for _, at := range []int{0, 1, 9, 19} {
		n := 0
		r := newRelay(func([]byte, []byte) error {
			if n++; n > at {
				return failure
			}
			return nil
		})
		var err error
		for range 20 {
			if err = r.put("key", make([]byte, relaySize/2)); err != nil {
				break
			}
		}
		if err := errors.Join(err, r.close()); !errors.Is(err, failure) || n != at+1 {
			t.Errorf("after %d records: %d were put, %v", at, n, err)
		}
	}
}
