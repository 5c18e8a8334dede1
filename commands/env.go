package commands

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/term"

	"certkdb/commands/lintprogram"
	"certkdb/commands/op"
	"certkdb/kdb"
	"certkdb/kdb/keyfile"
	"certkdb/kdb/keyfile/cms"
	"certkdb/kdb/keyfile/jks"
	"certkdb/kdb/keyfile/pem"
	"certkdb/kdb/keyfile/pkcs12"
	"certkdb/kdb/keyfile/pkcs7"
	"certkdb/kdb/sealed"
	"certkdb/kdb/store/boltstore"
)

// ProcessEnv is the environment of the running process. When ctx is cancelled, nobody waits for standard input or a person any more. Before
// the terminal stops showing what is typed, listen has to make signals cancel ctx, so that it shows it again.
func ProcessEnv(ctx context.Context, version string, listen func()) *op.Env {
	home, _ := os.UserHomeDir() // without one, locations have to be named
	return &op.Env{
		Stdin: patient{ctx, os.Stdin}, Stdout: os.Stdout, Stderr: os.Stderr,
		Getenv: os.Getenv, Terminal: func() (op.Terminal, error) { listen(); return openTerminal(ctx) }, Progress: progress,
		Screen: screen, Interactive: interactive, Now: time.Now,
		User: sync.OnceValue(userName), Host: sync.OnceValue(hostName), Root: os.Geteuid() == 0, Home: home,
		State: stateFolder(os.Getenv("XDG_STATE_HOME"), os.Geteuid() == 0, home),
		Dial:  new(net.Dialer).DialContext, Listen: listen,
		Lint: new(lintprogram.Program).Ask, Command: runProgram, Drivers: drivers(), Version: version,
	}
}

// stateFolder is where the user's programs keep what they remember between two runs (XDG Base Directory Specification).
func stateFolder(xdg string, root bool, home string) string {
	switch {
	case filepath.IsAbs(xdg):
		return filepath.Join(xdg, "certkdb")
	case root:
		return "/var/lib/certkdb"
	case home != "":
		return filepath.Join(home, ".local", "state", "certkdb")
	}
	return ""
}

// drivers are the kinds of databases; the native one is first, as the default for new ones.
func drivers() []kdb.Driver {
	return []kdb.Driver{
		sealed.Driver(boltstore.Backend()),
		keyfile.Driver(cms.Codec()), keyfile.Driver(pkcs12.Codec()), keyfile.Driver(jks.JKS()), keyfile.Driver(jks.JCEKS()),
		keyfile.Driver(pkcs7.Codec()), keyfile.Driver(pem.DER()), keyfile.Driver(pem.Codec(0)),
	}
}

// userName is the user in the audit log: the login name, else the user's number.
func userName() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return fmt.Sprintf("uid %d", os.Getuid())
}

// hostName is "" if the system does not tell, which is as good as a guess.
func hostName() string {
	host, err := os.Hostname()
	if err != nil {
		return ""
	}
	return host
}

// progress is standard error if it is a terminal.
func progress() io.Writer {
	if !term.IsTerminal(int(os.Stderr.Fd())) {
		return nil
	}
	return os.Stderr
}

// interactive says that standard input and standard error are a terminal: not so for what a timer or another program has started.
func interactive() bool {
	return term.IsTerminal(int(os.Stdin.Fd())) && term.IsTerminal(int(os.Stderr.Fd()))
}

// usualColumns is the width of a terminal that does not know its own, such as that of expect or of docker exec -t.
const usualColumns = 80

// screen is the width of the terminal that standard output is, 0 if it is not one, and whether it shows colours.
func screen() (columns int, colours bool) {
	fd := int(os.Stdout.Fd())
	if !term.IsTerminal(fd) {
		return 0, false
	}
	columns, _, err := term.GetSize(fd)
	if err != nil || columns <= 0 {
		columns = usualColumns
	}
	return columns, showsColours(os.Stdout)
}

// terminal asks on the controlling terminal, so that standard input and output stay free for data.
type terminal struct {
	ctx     context.Context
	in, out *os.File
}

func openTerminal(ctx context.Context) (op.Terminal, error) {
	in, out, err := openTTY()
	if err != nil {
		return nil, fmt.Errorf("%w (%w)", op.ErrNoTerminal, err)
	}
	return terminal{ctx, in, out}, nil
}

// ReadPassword shows again what is typed when it is interrupted.
func (t terminal) ReadPassword(prompt string) ([]byte, error) {
	fmt.Fprint(t.out, op.Printable(prompt))
	fd := int(t.in.Fd())
	before, _ := term.GetState(fd) // without one, reading fails
	password, err := unlessDone(t.ctx, func() ([]byte, error) { return readHidden(t.in) })
	if t.ctx.Err() != nil && before != nil {
		_ = term.Restore(fd, before) // nothing can be done about it
	}
	fmt.Fprintln(t.out)
	if err != nil {
		return nil, fmt.Errorf("reading from the terminal: %w", err)
	}
	return password, nil
}

func (t terminal) Close() error {
	if t.in != t.out {
		t.out.Close()
	}
	return t.in.Close()
}
