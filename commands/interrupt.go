package commands

import (
	"context"
	"io"
	"os"
	"time"

	"certkdb/commands/native"
	"certkdb/commands/op"
)

// patience is how long a command that is interrupted has to end by itself: to take back what it began, and to say how far it had come. What
// it waits for may never come (a pipe, a file of another machine), and whatever it is writing survives its end at any point.
const patience = 700 * time.Millisecond

// Short is how long a command runs before it listens to signals, unless it asks a person something. Until then, a signal ends it in the
// way of the system, with the same status for a shell: it leaves no more behind than a power failure. Listening takes two threads, which
// cost a seventh of the processor time of "create"; most commands are done before.
const Short = 50 * time.Millisecond

// Run runs a program and ends it within a second after a signal: the context is cancelled, and after a while, or at a second signal, nobody
// waits for the program any more. It returns the exit code: 128 and the number of the signal if one has ended the program.
func Run(signals <-chan os.Signal, argv []string, stderr io.Writer, program func(context.Context) int) int {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	done := make(chan int, 1)
	go func() { done <- program(ctx) }()
	var number int
	select {
	case code := <-done:
		return code
	case s := <-signals:
		number = numberOf(s)
		cancel()
	}
	select {
	case code := <-done:
		if code != 0 { // dialects have codes of their own
			code = 128 + number
		}
		return code
	case <-signals:
	case <-time.After(patience):
	}
	native.PrintInterrupted(stderr, argv, 128+number)
	return 128 + number
}

// numberOf is the number of SIGTERM, else of SIGINT, which have the same numbers everywhere.
func numberOf(s os.Signal) int {
	if s == os.Interrupt {
		return 2
	}
	return 15
}

// unlessDone waits for fn, but not longer than ctx allows; fn goes on in its goroutine then.
func unlessDone[T any](ctx context.Context, fn func() (T, error)) (result T, err error) {
	type answer struct {
		result T
		err    error
	}
	answers := make(chan answer, 1)
	go func() {
		result, err := fn()
		answers <- answer{result, err}
	}()
	select {
	case a := <-answers:
		return a.result, a.err
	case <-ctx.Done():
		return result, &op.Interrupted{Err: ctx.Err()}
	}
}

// patient is a file whose readers wait for it until the context ends.
type patient struct {
	ctx context.Context
	f   *os.File
}

// Read implements io.Reader. A regular file never lets anybody wait.
func (p patient) Read(b []byte) (int, error) {
	if info, err := p.f.Stat(); err != nil || info.Mode().IsRegular() {
		return p.f.Read(b)
	}
	got, err := unlessDone(p.ctx, func() ([]byte, error) { // b belongs to the caller, who may not wait
		own := make([]byte, len(b))
		n, err := p.f.Read(own)
		return own[:n], err
	})
	return copy(b, got), err
}
