//go:build linux

package lockfile_test

import (
	"context"
	"testing"

	"certkdb/kdb/atomicfile/atomicfiletest"
	"certkdb/kdb/internal/lockfile"
)

// TestLock_releasedWithCopiedDescriptor: a child between fork and exec has copies of all
// descriptors, and a copy keeps a lock that nobody gave back.
func TestLock_releasedWithCopiedDescriptor(t *testing.T) {
	t.Parallel()
	path := newFile(t)
	unlock, err := lockfile.Lock(context.Background(), path, 0)
	if err != nil {
		t.Fatal(err)
	}
	atomicfiletest.CopyDescriptor(t, path)
	unlock()
	unlock, err = lockfile.Lock(context.Background(), path, 0)
	if err != nil {
		t.Fatalf("the lock is still taken: %v", err)
	}
	unlock()
}
