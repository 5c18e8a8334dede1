package op_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"certkdb/commands/op"
	"certkdb/commands/op/optest"
	"certkdb/kdb"
)

// A pipe that the shell opened for the program, <(…), is read as a database; other pipes and devices are not, whatever name they have.
func TestRecognise_passedPipes(t *testing.T) {
	t.Parallel()
	text := optest.PEM(optest.NewCA(t, "Root").Trusted("root"))
	for _, folder := range []string{"/dev/fd", "/proc/self/fd"} {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if _, err := w.WriteString(text); err != nil {
			t.Fatal(err)
		}
		w.Close()
		env, path := optest.Env(), fmt.Sprintf("%s/%d", folder, r.Fd())
		for range 2 { // what was read is kept
			if driver, err := env.Recognise(path); err != nil || driver.Name != "pem" {
				t.Errorf("%s: %v, %v", folder, driver, err)
			}
		}
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for what, path := range map[string]string{"a device": fmt.Sprintf("/dev/fd/%d", null.Fd()), "a FIFO": fifo, "by its name": os.DevNull} {
		env := optest.Env()
		if driver, err := env.Recognise(path); !errors.Is(err, kdb.ErrIrregular) || op.ClassOf(err) != op.ClassUsage {
			t.Errorf("%s: %v, %v", what, driver, err)
		}
	}
}

// TestPiece_largerThanMemory: a file that has something else cannot make the program read it.
func TestPiece_largerThanMemory(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "web.key")
	if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Truncate(path, 1<<42)); err != nil {
		t.Fatal(err)
	}
	piece := op.Piece{Path: path, Data: []byte("key"), Secret: true}
	if state, err := piece.State(); state != op.FileDiffers || err != nil {
		t.Errorf("%v, %v", state, err)
	}
}
