// Package op holds the operations of certkdb, one struct each: parameters in, a result struct out. Operations know the
// databases (kdb), the cryptography (pki) and files, but no command line: no flags, no printing, no exits.
//
//	listed, err := op.Info{DB: op.DB{Location: "key.ckdb"}}.Run(ctx, env)
//
// The native commands and the dialects call the same operations and print what comes back in their own way.
package op

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"certkdb/kdb"
	"certkdb/pki/lint"
)

// Env is the outside world, so that the program can be run within a test.
type Env struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// Getenv reads an environment variable, "" when it is not set.
	Getenv func(string) string
	// Terminal opens the controlling terminal, wrapping ErrNoTerminal when there is none.
	Terminal func() (Terminal, error)
	// Now is the clock.
	Now func() time.Time
	// User and Host return what stands in audit logs.
	User, Host func() string
	// Root says that the process runs as the system's administrator.
	Root bool
	// Home is the user's home folder, "" when unknown.
	Home string
	// Lint hands a request to certkdb-lint and returns its answer (see certkdb/pki/lint).
	Lint func(ctx context.Context, request []byte) ([]byte, error)
	// Drivers are the kinds of databases, the native one first.
	Drivers []kdb.Driver
	// Version is what `certkdb version` shows.
	Version string
}

// Linter is certkdb-lint for an operation.
func (e *Env) Linter(ctx context.Context) lint.Program {
	if e.Lint == nil {
		return nil
	}
	return func(request []byte) ([]byte, error) { return e.Lint(ctx, request) }
}

// Terminal asks a person.
type Terminal interface {
	// ReadPassword prints the prompt and reads a line without showing it.
	ReadPassword(prompt string) ([]byte, error)
	Close() error
}

// ErrNoTerminal says that there is nobody to ask.
var ErrNoTerminal = errors.New("no terminal to ask on")

// ErrUsage says that the request contradicts itself or lacks something.
var ErrUsage = errors.New("wrong usage")

// ErrFindings says that a check found something; the result tells what.
var ErrFindings = errors.New("refused")

// ErrInvalid says that a certificate is not valid; the result tells why.
var ErrInvalid = fmt.Errorf("%w: the certificate is not valid", ErrFindings)

// ErrExpired says that something has expired, or will within the time that was asked for.
var ErrExpired = errors.New("certificates that have expired or will soon")

// ErrNetwork says that a peer could not be reached or the handshake with it failed.
var ErrNetwork = errors.New("network or handshake failed")

// hinted is an error with advice for the person who reads it.
type hinted struct {
	error
	hint string
}

func (h hinted) Unwrap() error { return h.error }

// WithHint adds a sentence that says what would mend err.
func WithHint(err error, hint string) error {
	return hinted{err, hint}
}

// Hint returns the sentence that WithHint added nearest to the top of err, "" if there is none.
func Hint(err error) string {
	var h hinted
	if errors.As(err, &h) {
		return h.hint
	}
	return ""
}
