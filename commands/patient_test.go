package commands_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"certkdb/commands"
	"certkdb/commands/op"
)

// TestPatient_signalEndsReading: nobody waits for a pipe after a signal, and regular files are read all the same.
func TestPatient_signalEndsReading(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	_ = r.SetReadDeadline(time.Now().Add(time.Minute)) // so that a read that waits fails, where pipes have deadlines
	interrupted := new(*op.Interrupted)
	if _, err := commands.Patient(ctx, r).Read(make([]byte, 1)); !errors.As(err, interrupted) || !errors.Is(err, context.Canceled) {
		t.Errorf("an empty pipe: %v", err)
	}
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got := make([]byte, 2)
	if n, err := commands.Patient(ctx, f).Read(got); n != 1 || err != nil {
		t.Errorf("a regular file: %d, %v", n, err)
	}
}

// TestPatient_dataOfAPipe: what the pipe has is returned, down to its end.
func TestPatient_dataOfAPipe(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := w.WriteString("abc"); err != nil {
		t.Fatal(err)
	}
	w.Close()
	got := make([]byte, 8)
	n, err := commands.Patient(context.Background(), r).Read(got)
	if string(got[:n]) != "abc" || err != nil {
		t.Errorf("%q, %v", got[:n], err)
	}
}
