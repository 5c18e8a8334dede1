package boltread

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"certkdb/kdb/store"
)

// written is the file that a Writer makes of records.
func written(t *testing.T, list []store.Record) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := NewWriter(&out)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range list {
		if err := w.Put([]byte(r.Key), r.Value); err != nil {
			t.Fatal(err)
		}
	}
	meta, err := w.Finish()
	if err != nil {
		t.Fatal(err)
	}
	data := out.Bytes()
	copy(data[meta.At:], meta.Data)
	return data
}

// TestWriter_filesThatBoltReads: trees of every height, values of every size, in one bucket or both.
func TestWriter_filesThatBoltReads(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{0, 1, 2, 3, 10, 500, 20000} {
		for _, size := range []int{0, 100, 1500, 9000} {
			var list []store.Record
			var want []string
			for i := range min(n, 20_000_000/(size+1)) {
				key := fmt.Sprintf("%07d", i)
				if i%10 == 7 {
					key = store.Apart + key
				}
				list = append(list, store.Record{Key: key, Value: bytes.Repeat([]byte{byte(i)}, random.IntN(size+1))})
			}
			slices.SortFunc(list, func(a, b store.Record) int { return bytes.Compare([]byte(a.Key), []byte(b.Key)) })
			for _, r := range list {
				want = append(want, r.Key+"="+string(r.Value))
			}
			data := doubled(t, written(t, list))
			what := fmt.Sprintf("%d records of up to %d bytes", len(list), size)
			if got, err := scan(data); err != nil || !slices.Equal(got, want) {
				t.Errorf("%s: %d were read, %v", what, len(got), err)
			}
			if got := boltScan(t, data); !slices.Equal(got, want) {
				t.Errorf("%s: bbolt reads %d", what, len(got))
			}
			if list := findings(data); len(list) > 0 {
				t.Errorf("%s: findings %q", what, list)
			}
		}
	}
}

func TestWriter_refusesDisorder(t *testing.T) {
	t.Parallel()
	w, err := NewWriter(new(bytes.Buffer))
	if err != nil {
		t.Fatal(err)
	}
	if w.Put(nil, nil) == nil {
		t.Error("an empty key was written")
	}
	if err := w.Put([]byte("b"), nil); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"a", "b"} {
		if w.Put([]byte(key), nil) == nil {
			t.Errorf("%q after \"b\" was written", key)
		}
	}
}
