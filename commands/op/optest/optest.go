// Package optest has what the tests of operations share: sessions on databases in memory, entries to fill them with, and a short text
// that says what a database holds.
//
//	root := optest.NewCA(t, "Root")
//	s := optest.New(t, root.Trusted("root"), root.Issue(t, "web").Personal("web"))
//	done, err := op.One(ctx, s, entries.Delete{Labels: []string{"web"}})
//	optest.Expect(t, s, "root=trusted+")
package optest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"certkdb/commands/op"
	"certkdb/kdb"
	"certkdb/kdb/keyfile"
	"certkdb/kdb/keyfile/jks"
	"certkdb/kdb/keyfile/pem"
	"certkdb/kdb/keyfile/pkcs12"
	"certkdb/kdb/memory"
	"certkdb/kdb/sealed"
	"certkdb/kdb/store/boltstore"
	"certkdb/kdb/store/storetest"
)

// Now is the time of the clock in tests.
var Now = time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)

// Env is a world without environment variables, input, a terminal, and other programs. What is printed goes nowhere.
func Env() *op.Env {
	return &op.Env{
		Stdin: strings.NewReader(""), Stdout: io.Discard, Stderr: io.Discard, Version: "test",
		Getenv:   func(string) string { return "" },
		Terminal: func() (op.Terminal, error) { return nil, op.ErrNoTerminal },
		Now:      func() time.Time { return Now },
		Command: func(_ context.Context, _ []byte, argv ...string) ([]byte, error) {
			return nil, fmt.Errorf("%s: no program is run in this test", argv[0])
		},
		User: func() string { return "alice" }, Host: func() string { return "server" },
		Drivers: []kdb.Driver{
			sealed.Driver(boltstore.Backend()), keyfile.Driver(pkcs12.Codec()), keyfile.Driver(jks.JKS()), keyfile.Driver(pem.Codec(0)),
		},
	}
}

// New opens a session on a native database in memory that has the entries.
func New(t testing.TB, entries ...kdb.Entry) *op.Session {
	t.Helper()
	return Kind(t, kdb.Native, entries...)
}

// Kind is [New] for a database of another format.
func Kind(t testing.TB, format string, entries ...kdb.Entry) *op.Session {
	t.Helper()
	return attach(t, memory.New("key.ckdb", format), entries)
}

// Password is that of the databases that Sealed makes.
const Password = "secret"

// Sealed opens a session on a sealed database that has the entries. Its records are in a store in memory.
func Sealed(t testing.TB, entries ...kdb.Entry) (*op.Session, *storetest.Memory) {
	t.Helper()
	env, store := Env(), storetest.NewMemory()
	options := kdb.Options{Password: op.Fixed([]byte(Password)), Now: env.Now, User: env.User, Host: env.Host}
	db, err := sealed.Create(context.Background(), store, "key.ckdb", kdb.CreateOptions{Options: options, Cost: kdb.CostTest})
	if err != nil {
		t.Fatal(err)
	}
	return attach(t, db, entries), store
}

func attach(t testing.TB, db kdb.Database, entries []kdb.Entry) *op.Session {
	t.Helper()
	s := op.Attach(Env(), "key.ckdb", db)
	t.Cleanup(func() { s.Close() })
	if len(entries) > 0 {
		Put(t, s, entries...)
	}
	return s
}

// Put puts copies of entries into the database of a session.
func Put(t testing.TB, s *op.Session, entries ...kdb.Entry) {
	t.Helper()
	Change(t, s, func(tx kdb.Tx) error {
		for _, e := range entries {
			e.Key, e.Certificates = bytes.Clone(e.Key), slices.Clone(e.Certificates)
			if err := tx.Put(e); err != nil {
				return err
			}
		}
		return nil
	})
}

// Change changes the database of a session.
func Change(t testing.TB, s *op.Session, fn func(kdb.Tx) error) {
	t.Helper()
	if err := s.Database().Update(context.Background(), "test", fn); err != nil {
		t.Fatal(err)
	}
}

// View reads the database of a session.
func View(t testing.TB, s *op.Session, fn func(kdb.Tx) error) {
	t.Helper()
	if err := s.Database().View(context.Background(), fn); err != nil {
		t.Fatal(err)
	}
}

// State says what a database holds: label=kind for each entry, in their order, with "+" after it if the entry is trusted, and "*" if it
// is the default.
func State(t testing.TB, s *op.Session) string {
	t.Helper()
	var all []string
	View(t, s, func(tx kdb.Tx) error {
		for summary, err := range tx.Summaries("") {
			if err != nil {
				return err
			}
			text := summary.Label + "=" + summary.Kind.String()
			if summary.Trusted {
				text += "+"
			}
			if summary.Default {
				text += "*"
			}
			all = append(all, text)
		}
		return nil
	})
	return strings.Join(all, " ")
}

// Expect compares the state of a database with what it should be.
func Expect(t testing.TB, s *op.Session, want string) {
	t.Helper()
	if got := State(t, s); got != want {
		t.Errorf("the database holds %s, want %s", got, want)
	}
}

// Entry reads an entry with its key.
func Entry(t testing.TB, s *op.Session, label string) (e kdb.Entry) {
	t.Helper()
	View(t, s, func(tx kdb.Tx) (err error) {
		e, err = op.FullEntry(tx, label)
		return err
	})
	return e
}

// Unchanged calls fn and reports if it changed a record of the store.
func Unchanged(t testing.TB, store *storetest.Memory, what string, fn func()) {
	t.Helper()
	before := store.Records()
	fn()
	Same(t, before, store.Records(), what)
}

// Same compares the records of a store before and after something.
func Same(t testing.TB, before, after map[string][]byte, what string) {
	t.Helper()
	if !maps.EqualFunc(before, after, bytes.Equal) {
		t.Errorf("%s changed the database", what)
	}
}

// PEM writes the certificates, requests and private keys of entries as PEM.
func PEM(entries ...kdb.Entry) string {
	var b strings.Builder
	for _, e := range entries {
		if e.Kind != kdb.KindTrusted {
			b.WriteString(op.PEMString("PRIVATE KEY", e.Key))
		}
		if len(e.Request) > 0 {
			b.WriteString(op.PEMString("CERTIFICATE REQUEST", e.Request))
		}
		b.WriteString(strings.Join(op.PEMStrings(e.Certificates), ""))
	}
	return b.String()
}

// File writes a file into a folder of the test and returns its path.
func File(t testing.TB, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Store makes a key file with the entries and the password of all tests; its format goes by the extension of its name.
func Store(t testing.TB, name string, entries ...kdb.Entry) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	env := Env()
	driver, err := kdb.ForNew(env.Drivers, path, "")
	if err != nil {
		t.Fatal(err)
	}
	password := kdb.Options{Password: op.Fixed([]byte(Password))}
	db, err := driver.Create(context.Background(), path, kdb.CreateOptions{Options: password, Cost: kdb.CostTest})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	Put(t, op.Attach(env, path, db), entries...)
	return path
}

// Secrets is the password of all tests as the parameter of an operation.
func Secrets() op.Password { return op.Password{Source: op.FromBytes([]byte(Password))} }
