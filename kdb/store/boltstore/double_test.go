package boltstore_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/atomicfile/atomicfiletest"
	"certkdb/kdb/store"
	"certkdb/kdb/store/boltstore"
)

// metaOf returns the fields of a meta page as bbolt has them, and the number of its transaction.
func metaOf(data []byte, page int) (fields []byte, tx uint64) {
	fields = data[page*4096+16:][:64]
	return fields, binary.NativeEndian.Uint64(fields[48:])
}

// undo makes the meta of the last transaction say what the other one says, in two ways that need no key.
func undo(data []byte, by string) {
	_, first := metaOf(data, 0)
	_, second := metaOf(data, 1)
	newest := 0
	if second > first {
		newest = 1
	}
	if by == "zeros" {
		clear(data[newest*4096:][:4096])
		return
	}
	older, tx := metaOf(data, 1-newest)
	fields, _ := metaOf(data, newest)
	copy(fields, older)
	binary.NativeEndian.PutUint64(fields[48:], tx-1)
	sum := fnv.New64a()
	sum.Write(fields[:56])
	binary.NativeEndian.PutUint64(fields[56:], sum.Sum64())
}

// TestWrites_cannotBeUndoneByTheMetaPages: after every way to write, both meta pages name the state with the last change.
func TestWrites_cannotBeUndoneByTheMetaPages(t *testing.T) {
	t.Parallel()
	for name := range jobs("") {
		for _, by := range []string{"zeros", "the other meta"} {
			dir := oldFile(t)
			must(t, jobs(dir)[name].run(&atomicfiletest.Disk{}))
			notUndone(t, name+", "+by, dir, by)
		}
	}
	dir := oldFile(t)
	s := boltstore.Open(filepath.Join(dir, "x"), boltstore.Options{})
	for i := range 10 {
		must(t, s.Update(ctx, func(tx store.Tx) error { return tx.Put(fmt.Sprint(i), make([]byte, 3000*(i%3))) }))
		for _, by := range []string{"zeros", "the other meta"} {
			notUndone(t, fmt.Sprintf("update %d, %s", i, by), dir, by)
		}
	}
}

// notUndone undoes the last transaction of a copy of each file in the folder and compares the content.
func notUndone(t *testing.T, what, dir, by string) {
	t.Helper()
	files, err := os.ReadDir(dir)
	must(t, err)
	for _, f := range files {
		path := filepath.Join(dir, f.Name())
		want, err := content(boltstore.Open(path, boltstore.Options{}))
		must(t, err)
		data, err := os.ReadFile(path)
		must(t, err)
		undo(data, by)
		undone := filepath.Join(fastDir(t), "undone")
		write(t, undone, data)
		if got, err := content(boltstore.Open(undone, boltstore.Options{})); err != nil || !equal(got, want) {
			t.Errorf("%s, %s: the file holds %d records, want %d, %v", what, f.Name(), len(got), len(want), err)
		}
	}
}

// TestApart_noPageIsTheOnlyOne zeroes each page in turn: of two records on the two sides one can be read, in files of every size.
func TestApart_noPageIsTheOnlyOne(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 3, 10, 300} {
		path := filepath.Join(fastDir(t), "x")
		s := create(t, path)
		must(t, s.Update(ctx, func(tx store.Tx) error {
			for i := range n {
				if err := tx.Put(fmt.Sprintf("c/%03d", i), make([]byte, 600)); err != nil {
					return err
				}
			}
			return errors.Join(tx.Put("head", []byte("head")), tx.Put(store.Apart+"head", []byte("head")))
		}))
		data, err := os.ReadFile(path)
		must(t, err)
		for page := range len(data) / 4096 {
			damaged := bytes.Clone(data)
			clear(damaged[page*4096:][:4096])
			write(t, path, damaged)
			err := s.View(ctx, func(tx store.Tx) error {
				_, err := tx.Get("head")
				if err != nil {
					_, err = tx.Get(store.Apart + "head")
				}
				return err
			})
			if err != nil {
				t.Errorf("%d records, without page %d: %v", n, page, err)
			}
		}
	}
}

// TestUpdate_rootPageLost: what can be read is not written to where bbolt would not find the records. A rewrite mends it.
func TestUpdate_rootPageLost(t *testing.T) {
	t.Parallel()
	path := filepath.Join(fastDir(t), "x")
	want := sample(t, path)
	data, err := os.ReadFile(path)
	must(t, err)
	fields, first := metaOf(data, 0)
	if other, second := metaOf(data, 1); second > first {
		fields = other
	}
	clear(data[binary.NativeEndian.Uint64(fields[16:])*4096:][:4096])
	write(t, path, data)
	for _, s := range []*boltstore.Store{
		boltstore.Open(path, boltstore.Options{}), boltstore.Open(path, boltstore.Options{MaxMemory: 1}),
	} {
		err := s.Update(ctx, func(tx store.Tx) error { return tx.Put("a", nil) })
		if !errors.Is(err, kdb.ErrCorrupt) || !strings.Contains(err.Error(), "root page") {
			t.Errorf("Update = %v, want ErrCorrupt", err)
		}
		if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, data) {
			t.Errorf("the file was changed, %v", err)
		}
	}
	s := boltstore.Open(path, boltstore.Options{})
	must(t, s.Compact(ctx, func(string) {}))
	if got, err := content(s); err != nil || !equal(got, want) {
		t.Errorf("after a rewrite %d records, %v", len(got), err)
	}
	if list, err := findings(s); err != nil || len(list) > 0 {
		t.Errorf("findings %q, %v", list, err)
	}
}

// TestUpdate_faultAfterTheCommit: without room for a copy of the root page both metas name the one that is there. If a meta page cannot be
// written either, the error says that the change is stored.
func TestUpdate_faultAfterTheCommit(t *testing.T) {
	t.Parallel()
	put := func(tx store.Tx) error { return tx.Put("b", []byte("new")) }
	for _, c := range []struct {
		fail    func(int, string) error
		failing bool
	}{
		{atomicfiletest.At(1, syscall.ENOSPC), false},
		{atomicfiletest.At(2, syscall.EIO), false},
		{atomicfiletest.Every("write", syscall.EIO), true},
	} {
		dir := oldFile(t)
		path := filepath.Join(dir, "x")
		err := on(&atomicfiletest.Disk{Fail: c.fail}, path, boltstore.Options{}).Update(ctx, put)
		if (err != nil) != c.failing || err != nil && !strings.Contains(err.Error(), "is stored") {
			t.Errorf("Update = %v", err)
		}
		if got, err := content(boltstore.Open(path, boltstore.Options{})); err != nil || got["b"] != "new" {
			t.Errorf("the file holds %v, %v", got, err)
		}
		if list, err := findings(boltstore.Open(path, boltstore.Options{})); err != nil || len(list) > 0 {
			t.Errorf("findings %q, %v", list, err)
		}
		if !c.failing {
			notUndone(t, "without a copy of the root page", dir, "zeros")
		}
	}
}
