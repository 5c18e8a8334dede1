package boltstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/store"
)

// FuzzParsePage: whatever a page contains, it is refused or all its elements can be read.
func FuzzParsePage(f *testing.F) {
	path := filepath.Join(f.TempDir(), "x")
	s := Open(path, Options{Options: store.Options{Create: true}})
	err := s.Update(context.Background(), func(tx store.Tx) error {
		for _, key := range []string{"a", "b", "c"} {
			if err := tx.Put(key, bytes.Repeat([]byte(key), 2000)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		f.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	for id := uint64(0); int(id+1)*pageSize <= len(data); id++ {
		f.Add(data[id*pageSize:(id+1)*pageSize], id)
	}
	f.Fuzz(func(t *testing.T, data []byte, id uint64) {
		p, err := parsePage(data, id, 100)
		if err != nil {
			if !errors.Is(err, kdb.ErrCorrupt) {
				t.Errorf("error %v does not wrap ErrCorrupt", err)
			}
			return
		}
		for i := range p.count {
			key, _ := p.element(i)
			if found := p.find(key); found != i {
				t.Errorf("element %d is found at %d", i, found)
			}
		}
	})
}

// FuzzReadMeta: a meta page that is accepted points into the file.
func FuzzReadMeta(f *testing.F) {
	path := filepath.Join(f.TempDir(), "x")
	s := Open(path, Options{Options: store.Options{Create: true}})
	if err := s.Update(context.Background(), func(tx store.Tx) error { return tx.Put("a", nil) }); err != nil {
		f.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data[:3*pageSize])
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := readMeta(bytes.NewReader(data), int64(len(data)))
		if err == nil && (m.root >= m.pages || int64(m.pages)*m.pageSize > int64(len(data))) {
			t.Errorf("accepted %+v", m)
		}
		snap, err := newSnapshot(context.Background(), bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return
		}
		last := ""
		for record, err := range snap.Scan("", "") {
			if err == nil && last != "" && record.Key <= last {
				t.Errorf("%q comes after %q", record.Key, last)
			}
			last = record.Key
		}
		_, _ = snap.freelist()
	})
}

func TestReadMeta_otherByteOrder(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x")
	s := Open(path, Options{Options: store.Options{Create: true}})
	if err := s.Update(context.Background(), func(store.Tx) error { return nil }); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range []int{0, pageSize} {
		order.PutUint32(data[page+headerSize:], boltMagicSwapped)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if !Matches(data[:64]) {
		t.Error("the file is not recognised")
	}
	if err := s.View(context.Background(), func(store.Tx) error { return nil }); !errors.Is(err, kdb.ErrVersion) {
		t.Errorf("View = %v, want ErrVersion", err)
	}
}

// TestApply_fileCutUnderUs: bbolt touches its memory map where the file has ended. That is an error, not the end of the
// process, and the lock is given back.
func TestApply_fileCutUnderUs(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x")
	s := Open(path, Options{Options: store.Options{Create: true}})
	err := s.Update(context.Background(), func(tx store.Tx) error {
		for i := range 500 {
			if err := tx.Put(fmt.Sprintf("%04d", i), make([]byte, 300)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	h, err := s.open(context.Background(), access{write: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 2*pageSize); err != nil {
		t.Fatal(err)
	}
	if err := h.apply([]change{{[]byte("0250"), []byte("new")}}); !errors.Is(err, kdb.ErrCorrupt) {
		t.Errorf("apply = %v, want ErrCorrupt", err)
	}
	h.close()
	if err := os.WriteFile(path, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Update(context.Background(), func(tx store.Tx) error { return tx.Put("a", nil) }); err != nil {
		t.Errorf("Update after the file is whole again: %v", err)
	}
}
