package boltread

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.etcd.io/bbolt"

	"certkdb/kdb"
)

var ctx = context.Background()

// testPage is small, so that few records make a tree.
const testPage = 1024

// makeFile lets bbolt make a file: each function is one transaction on the bucket.
func makeFile(t testing.TB, transactions ...func(*bbolt.Bucket) error) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x")
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{PageSize: testPage, NoSync: true})
	if err == nil {
		err = db.Update(func(tx *bbolt.Tx) error {
			for _, name := range Buckets() {
				if _, err := tx.CreateBucket([]byte(name)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	for _, fn := range transactions {
		if err == nil {
			err = db.Update(func(tx *bbolt.Tx) error { return fn(tx.Bucket([]byte(Buckets()[bucketMain]))) })
		}
	}
	if err == nil {
		err = db.Close()
	}
	data, readErr := os.ReadFile(path)
	if err := errors.Join(err, readErr); err != nil {
		t.Fatal(err)
	}
	return data
}

// put stores n records with keys in another order and values of different lengths.
func put(n int) func(*bbolt.Bucket) error {
	return func(b *bbolt.Bucket) error {
		for i := range n {
			if err := b.Put(fmt.Appendf(nil, "k/%05d", i*7919%n), bytes.Repeat([]byte{byte(i)}, i*31%200)); err != nil {
				return err
			}
		}
		return nil
	}
}

// remove deletes every third of n records.
func remove(n int) func(*bbolt.Bucket) error {
	return func(b *bbolt.Bucket) error {
		for i := 0; i < n; i += 3 {
			if err := b.Delete(fmt.Appendf(nil, "k/%05d", i)); err != nil {
				return err
			}
		}
		return nil
	}
}

// long stores a value that takes several pages.
func long(b *bbolt.Bucket) error { return b.Put([]byte("long"), bytes.Repeat([]byte("long"), 1500)) }

// samples are sound files of every shape.
func samples(t testing.TB) map[string][]byte {
	return map[string][]byte{
		"empty":        makeFile(t),
		"inline":       makeFile(t, put(3)),
		"one leaf":     makeFile(t, put(8)),
		"two levels":   makeFile(t, put(60)),
		"three levels": makeFile(t, put(1000)),
		"long value":   makeFile(t, put(5), long),
		"free pages":   makeFile(t, put(300), long, remove(300)),
	}
}

// scan reads all records of a file with this package.
func scan(data []byte) (records []string, err error) {
	snap, err := Open(ctx, bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, err
	}
	for record, err := range snap.Scan("", "") {
		if err != nil {
			return records, err
		}
		records = append(records, record.Key+"="+string(record.Value))
	}
	return records, nil
}

// boltScan reads them with bbolt.
func boltScan(t testing.TB, data []byte) (records []string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "y")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = db.View(func(tx *bbolt.Tx) error {
		for _, name := range Buckets() {
			err := tx.Bucket([]byte(name)).ForEach(func(k, v []byte) error {
				records = append(records, string(k)+"="+string(v))
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return records
}

// findings are what Check says of a file; opening it may fail too.
func findings(data []byte) (list []string) {
	snap, err := Open(ctx, bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return []string{err.Error()}
	}
	n := snap.Check(func(where, what string) { list = append(list, where+": "+what) })
	if n != len(list) {
		list = append(list, fmt.Sprintf("Check returned %d", n))
	}
	return list
}

// wantCorrupt checks that reading the file fails with ErrCorrupt and a text.
func wantCorrupt(t *testing.T, what string, data []byte, text string) {
	t.Helper()
	_, err := scan(data)
	if !errors.Is(err, kdb.ErrCorrupt) || !strings.Contains(err.Error(), text) {
		t.Errorf("%s: %v, want ErrCorrupt with %q", what, err, text)
	}
	if len(findings(data)) == 0 {
		t.Errorf("%s: Check found nothing", what)
	}
}
