package op

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base32"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"certkdb/kdb"
)

// Password says where a password comes from, in the words of openssl's pass phrase options: file:PATH (its first
// line), env:VAR, fd:N, stdin, prompt, stash, cred:NAME (a file in systemd's $CREDENTIALS_DIRECTORY) or pass:TEXT.
// The zero value means: the stash when there is one, else the file named by $CERTKDB_PASSWORD_FILE, else a prompt on the
// terminal. It is read only when it is needed.
type Password struct {
	Source string
	// Option is what the command line calls it, for hints; "" is --password.
	Option string
	// AllowEmpty lets an empty password pass, for foreign files.
	AllowEmpty bool

	// seen is told each password that was read.
	Seen func([]byte)
}

// maxPassword bounds what is read as a password.
const maxPassword = 4096

// hint says how to give the password when there is nobody to ask.
func (p Password) hint() string {
	text := "give it with " + cmp.Or(p.Option, "--password") + " file:PATH, env:VAR, fd:N, stdin, cred:NAME or prompt, in $CERTKDB_PASSWORD_FILE"
	switch p.Option {
	case "":
		return text + ", or, for a native or CMS database, make a stash with: certkdb stash create"
	case "--new-password":
		return text + ", or have one made with --generate-password"
	}
	return text
}

// replacesStash says that the person wants this source and not the stash.
func (p Password) replacesStash() bool {
	return p.Source != "" && p.Source != "stash"
}

// Given says that a source was named.
func (p Password) Given() bool {
	return p.Source != ""
}

// Check reports a source that cannot be one, without reading it.
func (p Password) Check() error {
	kind, rest, _ := strings.Cut(p.Source, ":")
	switch kind {
	case "", "stdin", "prompt", "stash":
		if kind != p.Source {
			break
		}
		return nil
	case "file", "env", "cred":
		if rest != "" {
			return nil
		}
	case "fd":
		if n, err := strconv.ParseUint(rest, 10, 16); err == nil && n != 1 && n != 2 {
			return nil
		}
	case "pass":
		return nil
	}
	// The text is not repeated: people write the password itself here.
	return WithHint(fmt.Errorf("%w: the source of a password is of no known kind", ErrUsage),
		"write file:PATH, env:VAR, fd:N, stdin, prompt, stash, cred:NAME or pass:TEXT")
}

// Read returns the password that opens what (a location, "private keys").
func (p Password) Read(env *Env, what string) ([]byte, error) {
	whose := ""
	if p.Option != "" { // without, it is that of the database, and who opens it names it
		whose = " for " + what
	}
	password, err := p.fetch(env, what, whose, func(t Terminal) ([]byte, error) {
		return t.ReadPassword(fmt.Sprintf("Password of %s: ", what))
	})
	if err != nil {
		return nil, err
	}
	return p.accept(password)
}

// readNew returns a password to be set; one that is typed is asked for twice.
func (p Password) readNew(env *Env, what string) ([]byte, error) {
	password, err := p.fetch(env, what, " for "+what, func(t Terminal) ([]byte, error) { return askTwice(t, what) })
	if err != nil {
		return nil, fmt.Errorf("setting the password: %w", err)
	}
	return p.accept(password)
}

func (p Password) accept(password []byte) ([]byte, error) {
	if len(password) == 0 && !p.AllowEmpty {
		return nil, fmt.Errorf("%w: the password is empty", kdb.ErrNoPassword)
	}
	if p.Seen != nil {
		p.Seen(password)
	}
	return password, nil
}

func askTwice(t Terminal, what string) ([]byte, error) {
	first, err := t.ReadPassword(fmt.Sprintf("New password of %s: ", what))
	if err != nil {
		return nil, err
	}
	second, err := t.ReadPassword("The same again: ")
	if err != nil {
		return nil, err
	}
	defer clear(second)
	if subtle.ConstantTimeCompare(first, second) != 1 {
		clear(first)
		return nil, WithHint(fmt.Errorf("%w: the two passwords differ", kdb.ErrPassword), "type the same one twice")
	}
	return first, nil
}

// fetch reads the source; ask is how the terminal is asked, and whose follows "no password given".
func (p Password) fetch(env *Env, what, whose string, ask func(Terminal) ([]byte, error)) ([]byte, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	kind, rest, _ := strings.Cut(p.Source, ":")
	switch kind {
	case "file":
		return passwordFile(rest)
	case "env":
		value := env.Getenv(rest)
		if value == "" {
			return nil, fmt.Errorf("%w: the environment variable %s is not set", kdb.ErrNoPassword, rest)
		}
		return []byte(value), nil
	case "fd":
		n, _ := strconv.ParseUint(rest, 10, 16) // checked above
		return passwordFD(uintptr(n))
	case "stdin":
		return firstLine(env.Stdin)
	case "cred":
		return passwordCredential(env, rest)
	case "pass":
		fmt.Fprintln(env.Stderr, "certkdb: warning: a password on the command line can be seen by every user of this machine; use file:, env: or fd:")
		return []byte(rest), nil
	case "stash":
		return nil, fmt.Errorf("%w: %s has no stash that opens it", kdb.ErrNoPassword, what)
	case "prompt":
		return p.prompt(env, ask)
	}
	if path := env.Getenv("CERTKDB_PASSWORD_FILE"); path != "" {
		return passwordFile(path)
	}
	password, err := p.prompt(env, ask)
	if errors.Is(err, ErrNoTerminal) {
		return nil, WithHint(fmt.Errorf("%w%s, and there is no terminal to ask on", kdb.ErrNoPassword, whose), p.hint())
	}
	return password, err
}

func (p Password) prompt(env *Env, ask func(Terminal) ([]byte, error)) ([]byte, error) {
	t, err := env.Terminal()
	if err != nil {
		return nil, WithHint(fmt.Errorf("%w: %w", kdb.ErrNoPassword, err), p.hint())
	}
	defer t.Close()
	return ask(t)
}

func passwordFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading the password: %w", err)
	}
	defer f.Close()
	return firstLine(f)
}

func passwordFD(n uintptr) ([]byte, error) {
	f := os.NewFile(n, fmt.Sprintf("fd %d", n))
	if f == nil {
		return nil, fmt.Errorf("%w: file descriptor %d is not open", kdb.ErrNoPassword, n)
	}
	defer f.Close()
	return firstLine(f)
}

func passwordCredential(env *Env, name string) ([]byte, error) {
	folder := env.Getenv("CREDENTIALS_DIRECTORY")
	if folder == "" {
		return nil, WithHint(fmt.Errorf("%w: $CREDENTIALS_DIRECTORY is not set", kdb.ErrNoPassword),
			"cred:NAME works in a systemd service with LoadCredential=NAME:…")
	}
	if name != filepath.Base(name) {
		return nil, fmt.Errorf("%w: a credential's name has no slashes", ErrUsage)
	}
	return passwordFile(filepath.Join(folder, name))
}

// firstLine reads a password: everything before the first newline.
func firstLine(r io.Reader) ([]byte, error) {
	line, err := bufio.NewReader(io.LimitReader(r, maxPassword+2)).ReadBytes('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("reading the password: %w", err)
	}
	line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
	if len(line) > maxPassword {
		return nil, fmt.Errorf("%w: the password is longer than %d bytes", kdb.ErrPassword, maxPassword)
	}
	return line, nil
}

// NewPassword is a password to be set: read from a source, or made here.
type NewPassword struct {
	Password
	// Generate makes a random password of 160 bits.
	Generate bool
	// OutFile is where a generated password is written, mode 0600, never over an existing file.
	OutFile string
}

func (n NewPassword) Get(env *Env, what string) ([]byte, error) {
	switch {
	case n.Generate && n.Given():
		return nil, fmt.Errorf("%w: a new password is either given or generated", ErrUsage)
	case !n.Generate && n.OutFile != "":
		return nil, fmt.Errorf("%w: --password-out goes with --generate-password", ErrUsage)
	case !n.Generate:
		return n.readNew(env, what)
	}
	password := generatePassword()
	if n.OutFile == "" {
		return password, nil
	}
	return password, writeSecret(n.OutFile, append(bytes.Clone(password), '\n'))
}

// Wanted says that there is to be a password.
func (n NewPassword) Wanted() bool { return n.Given() || n.Generate }

// generatePassword makes 160 random bits, written in 32 characters that survive every shell.
func generatePassword() []byte {
	var random [20]byte
	rand.Read(random[:]) // never fails
	return []byte(strings.ToLower(base32.StdEncoding.EncodeToString(random[:])))
}

// Fixed is a password source for a password that is at hand already.
func Fixed(password []byte) func(context.Context, string) ([]byte, error) {
	return func(context.Context, string) ([]byte, error) { return bytes.Clone(password), nil }
}
