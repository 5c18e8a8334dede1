package issuing_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"certkdb/commands/op"
	"certkdb/commands/op/issuing"
	"certkdb/kdb"
)

// large is a file that is larger than the memory, and takes no room on the disk.
func large(t *testing.T, name string) string {
	t.Helper()
	path := file(t, name, "")
	if err := os.Truncate(path, 1<<42); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTakeOver_largerThanMemory(t *testing.T) {
	t.Parallel()
	s, _, _, _ := broughtAlong(t)
	for _, name := range []string{"crlnumber", "index.txt"} {
		_, err := op.One(ctx, s, issuing.TakeOver{CA: "legacy", Files: []string{large(t, name)}})
		if !errors.Is(err, kdb.ErrParse) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestTakeOver_namedPipe: nobody writes to it again after it was read to find out what it is.
func TestTakeOver_namedPipe(t *testing.T) {
	t.Parallel()
	s, _, _, _ := broughtAlong(t)
	pipe := filepath.Join(t.TempDir(), "database")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	written := make(chan error, 1)
	go func() {
		written <- os.WriteFile(pipe, []byte("V\t270101000000Z\t\t0A\tunknown\t/CN=a.example.com\n"), 0)
	}()
	if taken := one(t, s, issuing.TakeOver{CA: "legacy", Files: []string{pipe}}); taken.Recorded != 1 {
		t.Errorf("taken over: %+v", taken)
	}
	if err := <-written; err != nil {
		t.Error(err)
	}
}

func TestCreate_profilesLargerThanMemory(t *testing.T) {
	t.Parallel()
	s, _, _, _ := broughtAlong(t)
	o := issuing.Create{Label: "web", Spec: spec("web.example.com")}
	o.Spec.ProfileFile = large(t, "profiles.json")
	if _, err := op.One(ctx, s, o); !errors.Is(err, kdb.ErrParse) {
		t.Errorf("%v", err)
	}
}

// TestRequest_overAFileLargerThanMemory: that it is to be written again does not mean that it is read.
func TestRequest_overAFileLargerThanMemory(t *testing.T) {
	t.Parallel()
	s, _, _, _ := broughtAlong(t)
	o := issuing.Request{Label: "web", Spec: spec("web.example.com"), Ensure: true}
	one(t, s, o)
	o.Out.Path = large(t, "web.csr")
	if _, err := op.One(ctx, s, o); !errors.Is(err, os.ErrExist) {
		t.Error(err)
	}
}
