package atomicfiletest

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// CopyDescriptor copies the descriptor by which this process has a file open, as the start of another program does for a moment. It is
// closed when the test ends.
func CopyDescriptor(t *testing.T, path string) {
	t.Helper()
	descriptors, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range descriptors {
		if target, err := os.Readlink(filepath.Join("/proc/self/fd", d.Name())); err == nil && target == path {
			number, err := strconv.ParseUint(d.Name(), 10, 32)
			if err != nil {
				t.Fatal(err)
			}
			copied, err := unix.FcntlInt(uintptr(number), unix.F_DUPFD_CLOEXEC, 0)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { unix.Close(copied) })
			return
		}
	}
	t.Fatal("the file is not open")
}
