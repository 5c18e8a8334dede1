package boltread

import (
	"bytes"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"testing"

	"go.etcd.io/bbolt"

	"certkdb/kdb"
	"certkdb/kdb/store"
)

// FuzzParsePage: whatever a page contains, it is refused or all its elements can be read.
func FuzzParsePage(f *testing.F) {
	for _, data := range samples(f) {
		for id := uint64(0); int(id+1)*testPage <= len(data) && id < 8; id++ {
			f.Add(pageAt(data, id), id)
		}
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

// FuzzFile reads whole files: no bytes make it panic or go on without end, and what it yields is in order.
func FuzzFile(f *testing.F) {
	for _, name := range []string{"empty", "inline", "two levels", "free pages"} {
		f.Add(samples(f)[name])
	}
	f.Fuzz(func(t *testing.T, data []byte) { read(t, data) })
}

// read does everything with a file that can be done.
func read(t *testing.T, data []byte) {
	m, err := ReadMeta(bytes.NewReader(data), int64(len(data)))
	if err == nil && (m.Root >= m.Pages || int64(m.Pages)*m.PageSize > int64(len(data))) {
		t.Errorf("accepted %+v", m)
	}
	snap, err := Open(ctx, bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return
	}
	last, n := "", 0
	for record, err := range snap.Scan("", "") {
		if n++; err != nil {
			if !errors.Is(err, kdb.ErrCorrupt) {
				t.Errorf("error %v does not wrap ErrCorrupt", err)
			}
			break
		}
		if last != "" && record.Key <= last || n > len(data) {
			t.Fatalf("record %d, %q, comes after %q", n, record.Key, last)
		}
		last = record.Key
		got, err := snap.Get(record.Key)
		if isBucket := errors.Is(err, kdb.ErrCorrupt); !isBucket && (err != nil || !bytes.Equal(got, record.Value)) {
			t.Errorf("Get(%q) = %q, %v, Scan yields %q", record.Key, got, err, record.Value)
		}
		if n < 50 {
			_ = snap.CheckSiblings([]byte(record.Key))
		}
	}
	if _, err := snap.Get("\xff\xff"); err != nil && !errors.Is(err, store.ErrNotFound) && !errors.Is(err, kdb.ErrCorrupt) {
		t.Errorf("Get of a missing key: %v", err)
	}
	_, _ = snap.Free()
}

// FuzzPatch changes a few bytes of a sound file. If Check finds nothing wrong, bbolt can open it and finds the same records.
// The corpus in testdata has a patch for every field of every kind of page.
func FuzzPatch(f *testing.F) {
	files := samples(f)
	names := slices.Sorted(maps.Keys(files))
	for i, name := range names {
		data := files[name]
		for page := 0; page < min(len(data)/testPage, 6); page++ {
			for _, at := range []int{0, 8, 10, 12, 16, 20, 24, 28, 32, 40, 48, 56, 64} {
				f.Add(uint8(i), uint32(page*testPage+at), []byte{0xff})
				f.Add(uint8(i), uint32(page*testPage+at), []byte{1, 0, 0, 0, 0, 0, 0, 0})
			}
		}
	}
	f.Fuzz(func(t *testing.T, file uint8, offset uint32, patch []byte) {
		data := bytes.Clone(files[names[int(file)%len(names)]])
		at := int(offset) % len(data)
		copy(data[at:], patch)
		for page := range uint64(2) { // so that changes of the meta pages are looked at
			if at < 2*testPage {
				sum(pageAt(data, page))
			}
		}
		read(t, data)
		if len(findings(data)) > 0 {
			return
		}
		got, err := scan(data)
		if err != nil {
			t.Errorf("Check finds nothing, but Scan: %v", err)
		}
		if want := carefulBoltScan(t, data); !slices.Equal(got, want) {
			t.Errorf("%d records, bbolt finds %d", len(got), len(want))
		}
	})
}

// carefulBoltScan lets bbolt read a file in which Check found nothing: it must not panic.
func carefulBoltScan(t *testing.T, data []byte) (records []string) {
	t.Helper()
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			t.Errorf("Check finds nothing, but bbolt panics: %v", r)
		}
	}()
	path := filepath.Join(t.TempDir(), "y")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true, PreLoadFreelist: true})
	if err != nil {
		t.Fatalf("Check finds nothing, but bbolt: %v", err)
	}
	defer db.Close()
	err = db.View(func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte(Buckets()[bucketMain])).ForEach(func(k, v []byte) error {
			records = append(records, string(k)+"="+string(v))
			return nil
		})
	})
	if err != nil {
		t.Error(err)
	}
	return records
}
