//go:build unix

package op_test

import (
	"os"
	"syscall"
	"testing"

	"certkdb/commands/op"
)

func TestPassword_fromAnOpenFile(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := w.WriteString("from pipe\nmore\n"); err != nil {
		t.Fatal(err)
	}
	w.Close()
	fd, err := syscall.Dup(int(r.Fd())) // reading the password closes it
	if err != nil {
		t.Fatal(err)
	}
	got, err := op.Password{Source: op.FromFD(uint16(fd))}.Read(world(nil, "", nil), "x")
	if string(got) != "from pipe" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}
