package lockfile_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"certkdb/kdb/internal/lockfile"
)

func newFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestMain is also the other process: it locks a file until its standard input ends.
func TestMain(m *testing.M) {
	if path := os.Getenv("LOCKFILE_TEST"); path != "" {
		unlock, err := lockfile.Lock(context.Background(), path, 10*time.Second)
		fmt.Println(err)
		_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
		if err == nil {
			unlock()
		}
		return
	}
	os.Exit(m.Run())
}

// inAnotherProcess locks the file there and returns what ends that process.
func inAnotherProcess(t *testing.T, path string) (end func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "LOCKFILE_TEST="+path)
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || line != "<nil>\n" {
		t.Fatalf("the other process: %q, %v", line, err)
	}
	return func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
}

func TestLock_keepsOtherProcessesOut(t *testing.T) {
	t.Parallel()
	path := newFile(t)
	end := inAnotherProcess(t, path)
	if _, err := lockfile.Lock(t.Context(), path, 0); !errors.Is(err, lockfile.ErrBusy) {
		t.Errorf("without waiting: %v, want ErrBusy", err)
	}
	start := time.Now()
	if _, err := lockfile.Lock(t.Context(), path, 30*time.Millisecond); !errors.Is(err, lockfile.ErrBusy) ||
		time.Since(start) < 30*time.Millisecond {
		t.Errorf("after %s: %v, want ErrBusy", time.Since(start), err)
	}
	timer := time.AfterFunc(20*time.Millisecond, end)
	defer timer.Stop()
	unlock, err := lockfile.Lock(t.Context(), path, 20*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	unlock()
}

func TestLock_isReleasedByTheEndOfTheProcess(t *testing.T) {
	t.Parallel()
	path := newFile(t)
	inAnotherProcess(t, path)()
	unlock, err := lockfile.Lock(t.Context(), path, 0)
	if err != nil {
		t.Fatal(err)
	}
	unlock()
}

func TestLock_errors(t *testing.T) {
	t.Parallel()
	path := newFile(t)
	if _, err := lockfile.Lock(t.Context(), path+".none", time.Hour); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("of a missing file: %v", err)
	}
	end := inAnotherProcess(t, path)
	defer end()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := lockfile.Lock(ctx, path, time.Hour); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("with a context that ends: %v", err)
	}
	if _, err := lockfile.Lock(ctx, path, 0); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("with a context that has ended: %v", err)
	}
}

// TestLock_followsTheName: a process that waits for a file that is replaced gets the lock of the new one in the end.
func TestLock_followsTheName(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "aix" || runtime.GOOS == "solaris" {
		t.Skip("locks there belong to the process")
	}
	path := newFile(t)
	var mu sync.Mutex
	holders, most := 0, 0
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 10 {
				unlock, err := lockfile.Lock(t.Context(), path, time.Minute)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				holders++
				most = max(most, holders)
				mu.Unlock()
				next := path + ".next"
				if err := os.WriteFile(next, nil, 0o600); err != nil {
					t.Error(err)
				}
				mu.Lock()
				holders--
				mu.Unlock()
				if err := os.Rename(next, path); err != nil { // from now on others may lock the new file
					t.Error(err)
				}
				unlock()
			}
		})
	}
	group.Wait()
	if most != 1 {
		t.Errorf("%d had the lock at once", most)
	}
}

func TestWait(t *testing.T) {
	t.Parallel()
	busy, other := errors.New("busy"), errors.New("other")
	for name, c := range map[string]struct {
		results []error
		want    error
	}{
		"at once":              {[]error{nil}, nil},
		"another error":        {[]error{other}, other},
		"busy, then free":      {[]error{busy, fmt.Errorf("still %w", busy), nil}, nil},
		"busy, then a failure": {[]error{busy, other}, other},
	} {
		calls := 0
		err := lockfile.Wait(t.Context(), time.Minute, busy, func() error {
			calls++
			return c.results[calls-1]
		})
		if !errors.Is(err, c.want) || calls != len(c.results) {
			t.Errorf("%s: %v after %d calls", name, err, calls)
		}
	}
}
