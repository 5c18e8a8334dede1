package op

import (
	"context"
	"errors"
)

// Progress says how far a change had come.
type Progress uint8

// How far a change had come.
const (
	ProgressNone      Progress = iota // nothing was changed anywhere
	ProgressElsewhere                 // this database was not changed; what comes before may have been: a CA's database, a remote CA
	ProgressPart                      // several steps, of which some may be done
	ProgressStored                    // the database is as it should be; files may be missing
)

// Interrupted says that a change was interrupted, and how far it had come.
type Interrupted struct {
	Progress Progress
	Err      error // wraps context.Canceled
}

func (e *Interrupted) Error() string {
	switch e.Progress {
	case ProgressElsewhere:
		return "interrupted; the database was not changed, but a CA or another database may have been"
	case ProgressPart:
		return "interrupted; some of it may be done already"
	case ProgressStored:
		return "interrupted; the database is up to date, but files may be missing"
	}
	return "interrupted; nothing was changed"
}

func (e *Interrupted) Unwrap() error { return e.Err }

// Interruption says in a sentence what an interruption has left; err wraps context.Canceled.
func Interruption(err error) string {
	if e, ok := errors.AsType[*Interrupted](err); ok {
		return e.Error()
	}
	return "interrupted"
}

// InterruptedAt adds to the error of an interruption how far the change had come, unless it says so itself. Other errors stay as they are.
func InterruptedAt(err error, progress Progress) error {
	if !errors.Is(err, context.Canceled) || errors.As(err, new(*Interrupted)) {
		return err
	}
	return &Interrupted{Progress: progress, Err: err}
}
