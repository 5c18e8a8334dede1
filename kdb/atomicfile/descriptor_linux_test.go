package atomicfile_test

import (
	"context"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"certkdb/kdb/atomicfile"
	"certkdb/kdb/internal/lockfile"
)

// TestPublish_releasesWithCopiedDescriptor: see lockfile.Close.
func TestPublish_releasesWithCopiedDescriptor(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "file")
	temp, err := atomicfile.New(atomicfile.Disk{}, path)
	if err != nil {
		t.Fatal(err)
	}
	defer temp.Discard()
	copied, err := unix.FcntlInt(temp.File().Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(copied)
	if err := temp.Publish(); err != nil {
		t.Fatal(err)
	}
	temp.Discard()
	unlock, err := lockfile.Lock(context.Background(), path, 0)
	if err != nil {
		t.Fatalf("the new file is still locked: %v", err)
	}
	unlock()
}
