package op

import (
	"context"
	"errors"
	"io"
	"net"
	"time"

	"certkdb/kdb"
	"certkdb/kdb/atomicfile"
	"certkdb/pki/lint"
)

// Env is the outside world, so that the program can be run within a test.
type Env struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// Getenv reads an environment variable, "" when it is not set.
	Getenv func(string) string
	// Terminal opens the controlling terminal, or returns an error that wraps ErrNoTerminal.
	Terminal func() (Terminal, error)
	// Interactive says that a person sits in front of the command, who can be asked before something is lost; the field may be nil.
	Interactive func() bool
	// Progress returns where to show how far a command has come, nil if nobody looks; the field may be nil.
	Progress func() io.Writer
	// Report is called as an operation goes on, mostly very often; nil if nobody looks.
	Report func(unit Unit, done, total int)
	// Screen returns the width of the terminal that standard output is, 0 if it is not one, and whether it shows colours; may be nil.
	Screen func() (columns int, colours bool)
	// Now is the clock.
	Now func() time.Time
	// User and Host return the names for audit logs.
	User, Host func() string
	// Root says that the process runs as the system's administrator.
	Root bool
	// Home is the user's home folder, "" when unknown.
	Home string
	// State is the folder for what the program remembers of the user's databases; "" remembers nothing.
	State string
	// Warn is called with what is wrong without keeping an operation from being done; nil drops it.
	Warn func(error)
	// Dial opens a network connection.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Lint hands a request to certkdb-lint and returns its answer (see certkdb/pki/lint).
	Lint func(ctx context.Context, request []byte) ([]byte, error)
	// Command runs another program.
	Command Command
	// Drivers are the kinds of databases, the native one first.
	Drivers []kdb.Driver
	// Version is that of the program.
	Version string
	// Listen makes SIGINT and SIGTERM cancel the context from now on, instead of ending the process at once. It is called before files with
	// secrets get names, so that no temporary one is left; nil does nothing.
	Listen func()
	// Disk is where output files are written; nil is the disk of this machine.
	Disk atomicfile.FS

	protected []protectedFile
	piped     map[string][]byte // what was read, by location
}

// protectedFile is a file that no output may replace: its name for messages, and with symbolic links followed.
type protectedFile struct{ path, resolved string }

// Unit is what an operation counts as it goes on.
type Unit string

// The units.
const (
	UnitEntries      Unit = "entries"
	UnitCertificates Unit = "certificates"
	UnitRequests     Unit = "requests"
	UnitServers      Unit = "servers"
)

// listen calls Listen if there is something secret to write.
func (e *Env) listen(secret bool) {
	if secret && e.Listen != nil {
		e.Listen()
	}
}

// Advance reports that an operation has done some of a total, which is 0 if it is not known.
func (e *Env) Advance(unit Unit, done, total int) {
	if e.Report != nil {
		e.Report(unit, done, total)
	}
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
	// ReadPassword prints the prompt and reads a line without showing it. The error wraps io.EOF if the input has ended.
	ReadPassword(prompt string) ([]byte, error)
	Close() error
}

// ErrOutputClosed says that the reader has closed standard output, as head(1) does. A program then ends as if it had written
// everything.
var ErrOutputClosed = errors.New("standard output is closed")

// ErrNoTerminal says that there is no terminal to ask on.
var ErrNoTerminal = errors.New("no terminal to ask on")
