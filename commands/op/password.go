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
	"strings"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"

	"certkdb/kdb"
)

// Source is where a password comes from. The zero value means: the stash when there is one, else the file named by
// $CERTKDB_PASSWORD_FILE, else a prompt on the terminal.
type Source struct {
	kind  sourceKind
	value string // a path or a name
	fd    uintptr
	text  []byte
}

type sourceKind int

const (
	fromDefault sourceKind = iota
	fromFile
	fromEnv
	fromFD
	fromStdin
	fromPrompt
	fromStash
	fromCredential
	fromBytes
)

// FromFile is the first line of a file.
func FromFile(path string) Source { return Source{kind: fromFile, value: path} }

// FromEnv is an environment variable.
func FromEnv(name string) Source { return Source{kind: fromEnv, value: name} }

// FromFD is the first line of an open file.
func FromFD(n uint16) Source { return Source{kind: fromFD, fd: uintptr(n)} }

// FromStdin is the first line of standard input.
func FromStdin() Source { return Source{kind: fromStdin} }

// FromPrompt is what a person types on the terminal.
func FromPrompt() Source { return Source{kind: fromPrompt} }

// FromStash is the stash of the database, and nothing else.
func FromStash() Source { return Source{kind: fromStash} }

// FromCredential is a file in systemd's $CREDENTIALS_DIRECTORY.
func FromCredential(name string) Source { return Source{kind: fromCredential, value: name} }

// FromBytes is the password itself.
func FromBytes(password []byte) Source { return Source{kind: fromBytes, text: password} }

// Reference is a text that names the source to another run of the program, "" if there is none: a password itself is not one, and a
// person or an open file is not there next time. ParseReference reads it.
func (s Source) Reference() string {
	switch s.kind {
	case fromFile:
		path, err := filepath.Abs(s.value)
		if err != nil {
			return ""
		}
		return "file:" + path
	case fromEnv:
		return "env:" + s.value
	case fromCredential:
		return "cred:" + s.value
	}
	return ""
}

// Lasts says whether the source can be read again: nobody types it, and it is not a pipe, as that of file:<(…).
func (s Source) Lasts() bool {
	if s.kind == fromFile {
		info, err := os.Stat(s.value)
		return err != nil || !kdb.Irregular(info)
	}
	return s.kind == fromEnv || s.kind == fromCredential || s.kind == fromBytes
}

// ReadsOnce says whether the source is used up when it has been read: standard input, or an open file.
func (s Source) ReadsOnce() bool { return s.kind == fromFD || s.kind == fromStdin }

// ParseReference reads what Reference returns. Of any other text it makes the default source.
func ParseReference(text string) Source {
	switch kind, value, _ := strings.Cut(text, ":"); kind {
	case "file":
		return FromFile(value)
	case "env":
		return FromEnv(value)
	case "cred":
		return FromCredential(value)
	}
	return Source{}
}

// Password is a password that is read from its source only when it is needed.
type Password struct {
	Source Source
	// Field is the parameter that names the source, for errors; "" is FieldPassword.
	Field Field
	// AllowEmpty lets an empty password pass, for foreign files.
	AllowEmpty bool

	// Seen is told each password that was read.
	Seen func([]byte)
}

// passwordFileVariable names the file of the default source.
const passwordFileVariable = "CERTKDB_PASSWORD_FILE"

// maxPassword bounds what is read as a password.
const maxPassword = 4096

// replacesStash says that the person wants this source and not the stash.
func (p Password) replacesStash() bool {
	return p.Given() && p.Source.kind != fromStash
}

// Given says that a source was named.
func (p Password) Given() bool {
	return p.Source.kind != fromDefault
}

// missing is the error about a password that was not given.
func (p Password) missing(err error) error {
	return &Problem{Code: NoPassword, Found: string(cmp.Or(p.Field, FieldPassword)), Err: err}
}

// Read returns the password that opens what (a location, "private keys").
func (p Password) Read(env *Env, what string) ([]byte, error) {
	whose := ""
	if p.Field != "" { // without a field it is the database's, and the caller that opens it names it
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
		return nil, Mark(EmptyPassword, fmt.Errorf("%w: the password is empty", kdb.ErrNoPassword))
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
		return nil, Mark(PasswordsDiffer, fmt.Errorf("%w: the two passwords differ", kdb.ErrPassword))
	}
	return first, nil
}

// fetch reads the source; ask is how the terminal is asked, and whose follows "no password given".
func (p Password) fetch(env *Env, what, whose string, ask func(Terminal) ([]byte, error)) ([]byte, error) {
	switch p.Source.kind {
	case fromFile:
		return passwordFile(p.Source.value, env.Warn)
	case fromEnv:
		value := env.Getenv(p.Source.value)
		if value == "" {
			return nil, fmt.Errorf("%w: the environment variable %s is empty or not set", kdb.ErrNoPassword, p.Source.value)
		}
		return []byte(value), nil
	case fromFD:
		return passwordFD(p.Source.fd)
	case fromStdin:
		if err := env.stdinTaken(); err != nil {
			return nil, err
		}
		return firstLine(env.Stdin)
	case fromCredential:
		return passwordCredential(env, p.Source.value)
	case fromBytes:
		return bytes.Clone(p.Source.text), nil
	case fromStash:
		return nil, fmt.Errorf("%w: %s has no stash that opens it", kdb.ErrNoPassword, what)
	case fromPrompt:
		return p.prompt(env, ask)
	}
	if path := env.Getenv(passwordFileVariable); path != "" {
		return passwordFile(path, env.Warn)
	}
	password, err := p.prompt(env, ask)
	if errors.Is(err, ErrNoTerminal) {
		return nil, p.missing(fmt.Errorf("%w%s, and there is no terminal to ask on", kdb.ErrNoPassword, whose))
	}
	return password, err
}

func (p Password) prompt(env *Env, ask func(Terminal) ([]byte, error)) ([]byte, error) {
	t, err := env.Terminal()
	if err != nil {
		return nil, p.missing(fmt.Errorf("%w: %w", kdb.ErrNoPassword, err))
	}
	defer t.Close()
	password, err := ask(t)
	if errors.Is(err, io.EOF) { // Ctrl-D
		return nil, p.missing(fmt.Errorf("%w: the input on the terminal has ended", kdb.ErrNoPassword))
	}
	return password, err
}

// passwordFile reads a password from a file; warn, unless it is nil, is told that other users have access to it.
func passwordFile(path string, warn func(error)) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading the password: %w", err)
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && warn != nil {
		if warning := exposed(path, info); warning != nil {
			warn(warning)
		}
	}
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
		return nil, Mark(NoCredentials, fmt.Errorf("%w: $CREDENTIALS_DIRECTORY is not set", kdb.ErrNoPassword))
	}
	if name != filepath.Base(name) {
		return nil, fmt.Errorf("%w: a credential's name has no slashes", ErrUsage)
	}
	return passwordFile(filepath.Join(folder, name), nil) // systemd chose its mode
}

// Decoded reads text that may be in UTF-16, as Windows PowerShell writes it. A byte order mark is taken off.
func Decoded(r io.Reader) io.Reader {
	return transform.NewReader(r, unicode.BOMOverride(transform.Nop))
}

// isUTF16 says that a text begins with the byte order mark of UTF-16.
func isUTF16(text []byte) bool {
	return bytes.HasPrefix(text, []byte("\xff\xfe")) || bytes.HasPrefix(text, []byte("\xfe\xff"))
}

// firstLine reads a password: everything before the first newline. UTF-16 with a byte order mark becomes UTF-8.
func firstLine(r io.Reader) ([]byte, error) {
	in := bufio.NewReader(io.LimitReader(r, 2*maxPassword+8))
	line, err := in.ReadBytes('\n')
	if isUTF16(line) && err == nil {
		var rest []byte
		rest, err = io.ReadAll(in)
		line = append(line, rest...)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("reading the password: %w", err)
	}
	// The decoder takes a byte order mark off, as Notepad and PowerShell write it; text without one stays as it is.
	if line, _, err = transform.Bytes(unicode.BOMOverride(transform.Nop), line); err != nil {
		return nil, fmt.Errorf("reading the password: %w", err)
	}
	line, _, _ = bytes.Cut(line, []byte("\n"))
	line = bytes.TrimSuffix(line, []byte("\r"))
	if len(line) > 1 && (line[0] == 0 || line[1] == 0) {
		return nil, fmt.Errorf("%w: the password is UTF-16 without a byte order mark; write it as UTF-8", kdb.ErrPassword)
	}
	if len(line) > maxPassword {
		return nil, fmt.Errorf("%w: the password is longer than %d bytes", kdb.ErrPassword, maxPassword)
	}
	return line, nil
}

// NewPassword is a password to be set: read from a source, or made here.
type NewPassword struct {
	Password
	// Generate makes a random password of 256 bits.
	Generate bool
	// OutFile is where a generated password is written, mode 0600, never over an existing file.
	OutFile string
}

// Check refuses what contradicts itself.
func (n NewPassword) Check() error {
	switch {
	case n.Generate && n.Given():
		return Exclusive(cmp.Or(n.Field, FieldPassword), FieldGeneratePassword)
	case !n.Generate && n.OutFile != "":
		return &Dependent{FieldPasswordOut, FieldGeneratePassword}
	}
	return nil
}

// CheckKept is Check, and also refuses to generate a password that is not saved.
func (n NewPassword) CheckKept() error {
	if err := n.Check(); err != nil {
		return err
	}
	if n.Generate && n.OutFile == "" {
		return Mark(LostPassword, fmt.Errorf("%w: a generated password must be saved to be of use", ErrUsage))
	}
	return nil
}

// Get generates the password or asks for it; the prompt says what it protects.
func (n NewPassword) Get(env *Env, what string) ([]byte, error) {
	if err := n.Check(); err != nil {
		return nil, err
	}
	if !n.Generate {
		return n.readNew(env, what)
	}
	password := generatePassword()
	if n.OutFile == "" {
		return password, nil
	}
	return password, writeSecret(env, n.OutFile, append(bytes.Clone(password), '\n'))
}

// Drop removes the file of a generated password that protects nothing: Get wrote it.
func (n NewPassword) Drop() {
	if n.Generate && n.OutFile != "" {
		os.Remove(n.OutFile)
	}
}

// Waits says whether Get may wait for a person, or for what writes into a pipe.
func (n NewPassword) Waits(env *Env) bool {
	source := n.Source
	if path := env.Getenv(passwordFileVariable); source.kind == fromDefault && path != "" {
		source = FromFile(path)
	}
	return !n.Generate && !source.Lasts()
}

// Wanted says that there is to be a password.
func (n NewPassword) Wanted() bool { return n.Given() || n.Generate }

// Cost is the cost of the password's key slot: nothing for one that is generated, because it cannot be guessed.
func (n NewPassword) Cost(otherwise kdb.Cost) kdb.Cost {
	if n.Generate {
		return kdb.CostRandom
	}
	return otherwise
}

// generatePassword makes 256 random bits, written in 52 characters that survive every shell.
func generatePassword() []byte {
	var random [32]byte
	rand.Read(random[:]) // never fails
	return []byte(strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(random[:])))
}

// Fixed is a password source for a password that is already known.
func Fixed(password []byte) func(context.Context, string) ([]byte, error) {
	return func(context.Context, string) ([]byte, error) { return bytes.Clone(password), nil }
}

// Confirm asks a question on the terminal and says whether the answer is yes. The error wraps ErrNoTerminal if there is none.
func Confirm(env *Env, question string) (bool, error) {
	t, err := env.Terminal()
	if err != nil {
		return false, err
	}
	defer t.Close()
	answer, err := t.ReadPassword(question + " [yes or no] ")
	if errors.Is(err, io.EOF) {
		return false, nil
	}
	return strings.EqualFold(strings.TrimSpace(string(answer)), "yes"), err
}
