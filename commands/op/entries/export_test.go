package entries_test

import (
	"bytes"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"certkdb/commands/op"
	"certkdb/commands/op/entries"
	"certkdb/commands/op/optest"
	"certkdb/kdb"
)

// blocks are the types of the PEM blocks in a text.
func blocks(text []byte) string {
	var types []string
	for b, rest := pem.Decode(text); b != nil; b, rest = pem.Decode(rest) {
		types = append(types, b.Type)
	}
	return strings.Join(types, ", ")
}

// exporting is a database with a chain: web is issued by Sub, whose certificate follows its own.
func exporting(t *testing.T) *op.Session {
	t.Helper()
	root := optest.NewCA(t, "Root")
	web := root.CA(t, "Sub").Issue(t, "web")
	return optest.New(t, root.Trusted("root"), web.Personal("web"), optest.Request(t, "pending"), optest.Secret("aes"))
}

// TestExport_noBytesToATerminal: it may take them for commands. Text goes there, and bytes that are asked for with "-".
func TestExport_noBytesToATerminal(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		o               entries.Export
		columns         int
		dryRun, refused bool
	}{
		{o: entries.Export{Labels: []string{"aes"}, Key: true, Format: "der"}, columns: 80, refused: true},
		{o: entries.Export{Labels: []string{"web"}, Key: true, Format: "der"}, columns: 80, refused: true},
		{o: entries.Export{Labels: []string{"web"}, Format: "der"}, columns: 80, refused: true},
		{o: entries.Export{Labels: []string{"web"}, Format: "p7c"}, columns: 80, refused: true},
		{o: entries.Export{Labels: []string{"web"}, Format: "der"}, columns: 0},
		{o: entries.Export{Labels: []string{"web"}, Format: "der", Out: op.Output{Path: "-"}}, columns: 80},
		{o: entries.Export{Labels: []string{"web"}, Format: "der"}, columns: 80, dryRun: true},
		{o: entries.Export{Labels: []string{"web"}}, columns: 80},
		{o: entries.Export{Labels: []string{"web"}, Format: "pkcs7"}, columns: 80},
		{o: entries.Export{Labels: []string{"web"}, Format: "ssh"}, columns: 80},
	} {
		s := exporting(t)
		var out bytes.Buffer
		s.Env.Stdout, s.Env.Screen, s.DryRun = &out, func() (int, bool) { return c.columns, true }, c.dryRun
		_, err := c.o.Run(ctx, s)
		problem, _ := errors.AsType[*op.Problem](err)
		isRefused := problem != nil && problem.Code == op.BytesForTerminal && errors.Is(err, op.ErrUsage)
		if isRefused != c.refused || err != nil && !c.refused || (out.Len() == 0) != (c.refused || c.dryRun) {
			t.Errorf("%+v: %d bytes, %v", c, out.Len(), err)
		}
	}
}

func TestExport_toStandardOutput(t *testing.T) {
	t.Parallel()
	s := exporting(t)
	for _, c := range []struct {
		rule     string
		o        entries.Export
		blocks   string
		contents string
	}{
		{"a certificate", entries.Export{Labels: []string{"web"}}, "CERTIFICATE", "1 certificate"},
		{"with its chain", entries.Export{Labels: []string{"web"}, Chain: true}, "CERTIFICATE, CERTIFICATE", "2 certificates"},
		{
			"everything that is public",
			entries.Export{All: true},
			"CERTIFICATE REQUEST, CERTIFICATE, CERTIFICATE",
			"2 certificates, 1 certificate request",
		},
		{"a key", entries.Export{Labels: []string{"web"}, Key: true}, "PRIVATE KEY", "1 private key"},
		{"a key of a request", entries.Export{Labels: []string{"pending"}, Key: true}, "PRIVATE KEY", "1 private key"},
		{"a key in its own form", entries.Export{Labels: []string{"web"}, Key: true, Traditional: true}, "EC PRIVATE KEY", "1 ec private key"},
		{
			"together",
			entries.Export{Labels: []string{"web"}, Combined: true},
			"PRIVATE KEY, CERTIFICATE, CERTIFICATE",
			"2 certificates, 1 private key",
		},
		{"PKCS #7 with the chain", entries.Export{Labels: []string{"web", "root"}, Format: "P7B"}, "PKCS7", "3 certificates"},
		{"public keys", entries.Export{Labels: []string{"web", "pending"}, Format: "ssh"}, "", "2 public keys"},
	} {
		var out bytes.Buffer
		s.Env.Stdout = &out
		done, err := c.o.Run(ctx, s)
		contents := strings.Trim(fmt.Sprint(done.Contents), "[]")
		if err != nil || blocks(out.Bytes()) != c.blocks || contents != strings.ReplaceAll(c.contents, ",", "") || done.Out != "" {
			t.Errorf("%s: %s, %+v, %v", c.rule, blocks(out.Bytes()), done, err)
		}
	}
}

func TestExport_formatGoesByTheName(t *testing.T) {
	t.Parallel()
	s := exporting(t)
	dir := t.TempDir()
	for name, begins := range map[string]string{
		"a.pem": "-----BEGIN CERTIFICATE-----", "a.crt": "-----BEGIN CERTIFICATE-----", "a.der": "\x30\x82", "a.p7b": "-----BEGIN PKCS7-----",
		"a.p7c": "\x30\x82", "a.pub": "ecdsa-sha2-nistp256 ", "a.unknown": "-----BEGIN CERTIFICATE-----", "a.jks": "\xfe\xed\xfe\xed",
	} {
		o := entries.Export{Labels: []string{"root"}, Out: op.Output{Path: filepath.Join(dir, name)}}
		if name == "a.jks" {
			o.OutPassword.Password = optest.Secrets()
		}
		s.DryRun = true
		if _, err := o.Run(ctx, s); err != nil {
			t.Errorf("%s in a dry run: %v", name, err)
		}
		if fileExists(t, o.Out.Path) {
			t.Errorf("%s: a dry run wrote it", name)
		}
		s.DryRun = false
		if _, err := o.Run(ctx, s); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if data, err := os.ReadFile(o.Out.Path); err != nil || !strings.HasPrefix(string(data), begins) {
			t.Errorf("%s begins with %.20q, %v", name, data, err)
		}
	}
}

func TestExport_refuses(t *testing.T) {
	t.Parallel()
	s, store := optest.Sealed(t, fixture(t)...)
	web := []string{"web"}
	exists := optest.File(t, "x.pem", "mine")
	for _, c := range []struct {
		rule string
		o    entries.Export
		code op.Code
		err  error
	}{
		{"nothing named", entries.Export{}, 0, op.ErrUsage},
		{"key and chain", entries.Export{Labels: web, Key: true, Chain: true}, op.KeyAlone, op.ErrUsage},
		{"key and combined", entries.Export{Labels: web, Key: true, Combined: true}, 0, op.ErrUsage},
		{"a key as PKCS #7", entries.Export{Labels: web, Key: true, Format: "pkcs7"}, op.NoKeyFormat, op.ErrUsage},
		{"a form for no key", entries.Export{Labels: web, Traditional: true}, op.TraditionalIsPlain, op.ErrUsage},
		{"all keys", entries.Export{All: true, Key: true}, op.KeysOneByOne, op.ErrUsage},
		{"a password for what is public", entries.Export{Labels: web, OutPassword: op.NewPassword{Generate: true}}, 0, op.ErrUsage},
		{"several in DER", entries.Export{Labels: []string{"web", "root"}, Format: "der"}, op.OnlyOnePiece, op.ErrUsage},
		{"a request as PKCS #7", entries.Export{Labels: []string{"pending"}, Format: "pkcs7"}, 0, op.ErrUsage},
		{"a secret key as a public one", entries.Export{Labels: []string{"aes"}, Format: "ssh"}, 0, op.ErrUsage},
		{"an entry without a private key", entries.Export{Labels: []string{"root"}, Key: true}, 0, kdb.ErrNotFound},
		{"no such label", entries.Export{Labels: []string{"none"}}, 0, kdb.ErrNotFound},
		{"no such key", entries.Export{Labels: []string{"none"}, Key: true}, 0, kdb.ErrNotFound},
		{"no such format", entries.Export{Labels: web, Format: "floppy"}, 0, op.ErrUsage},
		{"a database on standard output", entries.Export{Labels: web, Format: "jks"}, 0, op.ErrUsage},
		{"an existing file", entries.Export{Labels: web, Out: op.Output{Path: exists}}, op.FileExists, fs.ErrExist},
		{"a key over an existing file", entries.Export{Labels: web, Key: true, Out: op.Output{Path: exists}}, op.FileExists, fs.ErrExist},
	} {
		optest.Unchanged(t, store, c.rule, func() {
			_, err := c.o.Run(ctx, s)
			p, marked := errors.AsType[*op.Problem](err)
			if !errors.Is(err, c.err) || marked != (c.code != 0) || marked && p.Code != c.code {
				t.Errorf("%s: %v", c.rule, err)
			}
		})
	}
	if data, err := os.ReadFile(exists); string(data) != "mine" || err != nil {
		t.Errorf("the file holds %q, %v", data, err)
	}
}

// TestExport_keysAreNoted: in the audit log, before they leave; not in a dry run.
// TestExport_ofNothing: a file without content is not written, whatever its format.
func TestExport_ofNothing(t *testing.T) {
	t.Parallel()
	old := optest.NewCA(t, "Old").Trusted("old")
	old.Trusted = false
	s := optest.New(t, old, optest.Secret("aes"))
	folder := t.TempDir()
	for _, o := range []entries.Export{
		{All: true},
		{Trusted: true},
		{All: true, Format: entries.FormatPKCS7},
		{Trusted: true, Format: entries.FormatDER},
		{Trusted: true, Format: entries.FormatSSH},
		{Labels: []string{"aes"}},
	} {
		o.Out.Path = filepath.Join(folder, "out")
		_, err := o.Run(ctx, s)
		if !errors.Is(err, kdb.ErrNotFound) || strings.Contains(err.Error(), kdb.ErrNotFound.Error()) || fileExists(t, o.Out.Path) {
			t.Errorf("%+v: %v, a file: %v", o, err, fileExists(t, o.Out.Path))
		}
	}
	_, err := entries.ExportFolder{All: true, Folder: filepath.Join(folder, "out")}.Run(ctx, s)
	if !errors.Is(err, kdb.ErrNotFound) || fileExists(t, filepath.Join(folder, "out")) {
		t.Errorf("into a folder: %v", err)
	}
}

func TestExport_keysAreNoted(t *testing.T) {
	t.Parallel()
	s, store := optest.Sealed(t, fixture(t)...)
	o := entries.Export{Labels: []string{"web"}, Key: true, Out: op.Output{Path: filepath.Join(t.TempDir(), "key.pem")}}
	s.DryRun = true
	optest.Unchanged(t, store, "a dry run", func() {
		if _, err := o.Run(ctx, s); err != nil {
			t.Error(err)
		}
	})
	s.DryRun = false
	if _, err := o.Run(ctx, s); err != nil {
		t.Fatal(err)
	}
	if log := logOf(t, s); log[len(log)-1] != "export-key web" {
		t.Errorf("the log says %q", log)
	}
	if info, err := os.Stat(o.Out.Path); err != nil || info.Mode().Perm()&0o077 != 0 && os.PathSeparator == '/' {
		t.Errorf("the file has mode %v, %v", info.Mode(), err)
	}
}

// TestExport_keysThatAreThereAreNotNoted: what a file has already does not leave the database again. Whatever is written is noted.
func TestExport_keysThatAreThereAreNotNoted(t *testing.T) {
	t.Parallel()
	s, store := optest.Sealed(t, fixture(t)...)
	path := filepath.Join(t.TempDir(), "key.pem")
	key := entries.Export{Labels: []string{"web"}, Key: true, Out: op.Output{Path: path, Force: true}}
	combined := entries.Export{Labels: []string{"web"}, Combined: true, Out: key.Out}
	encrypted := key
	encrypted.OutPassword = op.NewPassword{Password: op.Password{Source: op.FromBytes([]byte("Correct-Horse-9"))}}
	run := func(o entries.Export, noted bool) {
		t.Helper()
		before, read := len(logOf(t, s)), store.Records()
		done, err := o.Run(ctx, s)
		if err != nil || done.Unchanged == noted || len(done.Contents) == 0 {
			t.Errorf("%+v, %v", done, err)
		}
		if noted != (len(logOf(t, s)) > before) {
			t.Errorf("the log says %q", logOf(t, s)[before:])
		}
		if !noted {
			optest.Same(t, read, store.Records(), "a key that is there")
		}
	}
	run(key, true)
	run(key, false)
	s.DryRun = true
	run(key, false)
	s.DryRun = false
	run(combined, true)
	run(combined, false)
	run(key, true)
	run(encrypted, true)
	run(encrypted, true)
	run(key, true)
	if err := os.WriteFile(path, []byte("something else"), 0o600); err != nil {
		t.Fatal(err)
	}
	run(key, true)
	if os.PathSeparator == '/' {
		run(entries.Export{Labels: key.Labels, Key: true, Out: op.Output{Path: path, Force: true, Rights: op.Rights{Mode: "0640"}}}, true)
		if err := os.Chmod(path, 0o644); err != nil {
			t.Fatal(err)
		}
		run(key, true)
	}
	key.Out = op.Output{Path: "-", Force: true}
	s.Env.Stdout = new(bytes.Buffer)
	run(key, true)
}
