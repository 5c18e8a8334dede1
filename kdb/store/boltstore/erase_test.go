package boltstore_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"certkdb/kdb/atomicfile/atomicfiletest"
	"certkdb/kdb/store"
	"certkdb/kdb/store/boltstore"
)

// TestErase_everyFault: whatever call fails, no record changes; if none does, nothing is left of what was removed.
func TestErase_everyFault(t *testing.T) {
	t.Parallel()
	for n := 1; ; n++ {
		path := filepath.Join(fastDir(t), "x")
		s := create(t, path)
		for i := range 50 {
			must(t, s.Update(ctx, func(tx store.Tx) error { return tx.Put(fmt.Sprint(i), bytes.Repeat([]byte("secret"), 50)) }))
		}
		for i := range 50 {
			must(t, s.Update(ctx, func(tx store.Tx) error { return tx.Put(fmt.Sprint(i), []byte("public")) }))
		}
		want, err := content(s)
		must(t, err)
		disk := &atomicfiletest.Disk{Fail: atomicfiletest.At(n, syscall.EIO)}
		err = on(disk, path, boltstore.Options{}).Erase(ctx)
		if got, errRead := content(s); errRead != nil || len(got) != len(want) {
			t.Errorf("call %d of %q: %d records, want %d, %v", n, disk.Calls(), len(got), len(want), errRead)
		}
		if len(disk.Calls()) < n {
			data, errRead := os.ReadFile(path)
			if err != nil || errRead != nil || strings.Contains(string(data), "secret") {
				t.Errorf("without a fault: %v, %v, or something is left", err, errRead)
			}
			if list, err := findings(s); err != nil || len(list) > 0 {
				t.Errorf("findings %q, %v", list, err)
			}
			return
		}
		if !errors.Is(err, syscall.EIO) {
			t.Errorf("call %d of %q: %v", n, disk.Calls(), err)
		}
	}
}

// TestErase_syncsBeforeAndAfter: a power failure must not bring back a state whose pages were overwritten, nor what was on them. What is
// empty already is left alone.
func TestErase_syncsBeforeAndAfter(t *testing.T) {
	t.Parallel()
	path := filepath.Join(fastDir(t), "x")
	s := create(t, path)
	for i := range 20 {
		must(t, s.Update(ctx, func(tx store.Tx) error { return tx.Put(fmt.Sprint(i%5), bytes.Repeat([]byte("secret"), 500)) }))
	}
	calls := func() []string {
		disk := &atomicfiletest.Disk{}
		must(t, on(disk, path, boltstore.Options{}).Erase(ctx))
		return disk.Calls()
	}
	if got := slices.Compact(calls()); !slices.Equal(got, []string{"sync x", "write x", "sync x"}) {
		t.Errorf("it calls %q", got)
	}
	// The other meta page and the copy of the root page are written in any case.
	if got := calls(); !slices.Equal(got, []string{"sync x", "write x", "write x", "sync x"}) {
		t.Errorf("where nothing is left, it calls %q", got)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
