// Package lockfile locks files against other processes: by flock, by fcntl where that is missing (AIX, Solaris), on Windows by a file
// next to the locked one. The system releases a lock when its process ends.
package lockfile

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"time"
)

// ErrBusy says that somebody else has the lock.
var ErrBusy = errors.New("the lock is taken")

// The pauses between two attempts.
const shortest, longest = time.Millisecond, 50 * time.Millisecond

// Lock locks the file at path and returns what unlocks it. It waits up to timeout for others, then fails with ErrBusy. The file that it
// locked is the one that has the path when Lock returns; fs.ErrNotExist if there is none.
func Lock(ctx context.Context, path string, timeout time.Duration) (unlock func(), err error) {
	err = Wait(ctx, timeout, ErrBusy, func() error {
		unlock, err = tryLock(path)
		return err
	})
	return unlock, err
}

// Folder locks a folder and returns what unlocks it. It waits up to timeout for others. Where folders cannot be locked, or others have the
// lock for longer, it locks nothing: such a lock only saves work.
func Folder(ctx context.Context, path string, timeout time.Duration) (unlock func()) {
	info, err := os.Stat(path) // opening a pipe would wait
	if err != nil || !info.IsDir() {
		return func() {}
	}
	f, err := os.Open(path)
	if err != nil {
		return func() {}
	}
	_ = Wait(ctx, timeout, ErrBusy, func() error { return TryFile(f) })
	return func() { Close(f) }
}

// Wait calls try until it does not fail with busy any more, or the timeout is over; it tries at least once.
func Wait(ctx context.Context, timeout time.Duration, busy error, try func() error) error {
	deadline := time.Now().Add(timeout)
	for pause := shortest; ; pause = min(2*pause, longest) {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := try()
		left := time.Until(deadline)
		if !errors.Is(err, busy) || left <= 0 {
			return err
		}
		// Half of the pause is random, so that waiting processes do not meet again and again.
		select {
		case <-ctx.Done():
		case <-time.After(min(pause/2+rand.N(pause), left)):
		}
	}
}

// lockOpen opens the file and locks it with flock. While it waited, a writer may have renamed another file to the path; then the lock is
// that of a file that nobody sees any more, and it locks that other file.
func lockOpen(path string, flock func(*os.File) error) (unlock func(), err error) {
	for {
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			return nil, err
		}
		current, err := false, flock(f)
		if err == nil {
			current, err = hasPath(f, path)
		}
		if err == nil && current {
			return func() { Close(f) }, nil
		}
		Close(f)
		if err != nil {
			return nil, err
		}
	}
}

// Close closes a file and gives its lock back first: a program that is being started at this moment has a copy of the descriptor, and
// would keep the lock a little longer.
func Close(f *os.File) {
	Release(f)
	f.Close()
}

// hasPath says whether the open file is the one at the path.
func hasPath(f *os.File, path string) (bool, error) {
	opened, err := f.Stat()
	if err != nil {
		return false, err
	}
	current, err := os.Stat(path)
	return err == nil && os.SameFile(opened, current), err
}
