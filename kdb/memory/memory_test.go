package memory_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"certkdb/kdb"
	"certkdb/kdb/kdbtest"
	"certkdb/kdb/keyfile"
	"certkdb/kdb/keyfile/jks"
	"certkdb/kdb/memory"
	"certkdb/kdb/sealed"
	"certkdb/kdb/store/storetest"
)

var ctx = context.Background()

func TestDatabase(t *testing.T) {
	t.Parallel()
	kdbtest.Run(t, kdbtest.Subject{
		New:    func(*testing.T) kdb.Database { return memory.New("x", "ckdb") },
		Reopen: func(_ *testing.T, db kdb.Database) kdb.Database { return db },
	})
}

func newFolding(location, format string) *memory.Database {
	db, driver := memory.New(location, format), keyfile.Driver(jks.JKS())
	db.Fold, db.Accepts = driver.Fold, driver.Accepts
	return db
}

// TestDatabase_findsLabelsWithoutSearching: each of many entries folds a few labels, not those of all the others.
func TestDatabase_findsLabelsWithoutSearching(t *testing.T) {
	t.Parallel()
	const entries = 500
	folded := 0
	db := memory.New("x", "pkcs12")
	db.Fold = func(label string) string {
		folded++
		return strings.ToLower(label)
	}
	must(t, db.Update(ctx, "add", func(tx kdb.Tx) error {
		for i := range entries {
			if err := tx.Put(secret(fmt.Sprintf("Key %d", i))); err != nil {
				return err
			}
		}
		return nil
	}))
	must(t, db.View(ctx, func(tx kdb.Tx) error {
		for i := range entries {
			if s, err := tx.Summary(fmt.Sprintf("KEY %d", i)); err != nil || s.Label != fmt.Sprintf("key %d", i) {
				return fmt.Errorf("%q, %w", s.Label, err)
			}
		}
		return nil
	}))
	if folded > 20*entries {
		t.Errorf("%d labels were folded for %d entries", folded, entries)
	}
}

// TestOverlay_clonesKeepTheirLabels: what is put in one of two is not found in the other.
func TestOverlay_clonesKeepTheirLabels(t *testing.T) {
	t.Parallel()
	db := memory.New("x", "pkcs12")
	db.Fold = strings.ToLower
	must(t, db.View(ctx, func(tx kdb.Tx) error {
		first := memory.NewOverlay()
		second := first.Clone()
		if err := first.On(tx).Put(secret("root")); err != nil {
			return err
		}
		third := first.Clone()
		if err := third.On(tx).Delete("ROOT"); err != nil {
			return err
		}
		for i, o := range []*memory.Overlay{first, second, third} {
			if _, err := o.On(tx).Summary("Root"); (err == nil) != (i == 0) {
				t.Errorf("overlay %d: %v", i+1, err)
			}
		}
		return nil
	}))
}

// TestDatabase_foldsLabels: as a Java key store does.
func TestDatabase_foldsLabels(t *testing.T) {
	t.Parallel()
	for name, make := range map[string]func() kdb.Database{
		"database": func() kdb.Database { return newFolding("x", "jks") },
		"overlay":  func() kdb.Database { return &over{newFolding("x", "jks"), memory.NewOverlay()} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kdbtest.Run(t, kdbtest.Subject{
				New:       func(*testing.T) kdb.Database { return make() },
				Reopen:    func(_ *testing.T, db kdb.Database) kdb.Database { return db },
				FoldsCase: true, NoRequests: true, NoDistrust: true,
			})
		})
	}
	t.Run("overlay over entries below", func(t *testing.T) {
		t.Parallel()
		kdbtest.Run(t, kdbtest.Subject{
			New: func(*testing.T) kdb.Database { return &sunk{&over{newFolding("x", "jks"), memory.NewOverlay()}} },
			Reopen: func(t *testing.T, db kdb.Database) kdb.Database {
				s, below := db.(*sunk), newFolding("x", "jks")
				sinkInto(t, s, below)
				return &sunk{&over{below, memory.NewOverlay()}}
			},
			FoldsCase: true, NoRequests: true, NoDistrust: true,
		})
	})
}

// over is a database whose changes go to an overlay, while the database below stays as it is.
type over struct {
	kdb.Database
	tried *memory.Overlay
}

func (o *over) View(ctx context.Context, fn func(kdb.Tx) error) error {
	return o.Database.View(ctx, func(tx kdb.Tx) error { return fn(o.tried.Clone().On(tx)) })
}

func (o *over) Update(ctx context.Context, _ string, fn func(kdb.Tx) error) error {
	return o.Database.View(ctx, func(tx kdb.Tx) error {
		tried := o.tried.Clone()
		err := fn(tried.On(tx))
		if err == nil {
			o.tried = tried
		}
		return err
	})
}

// sunk is an overlay whose changes are made below at each reopening, so that the changes behind it meet entries of the database below.
type sunk struct{ *over }

func newSealed(t *testing.T) (kdb.Database, *storetest.Memory) {
	t.Helper()
	store := storetest.NewMemory()
	password := func(context.Context, string) ([]byte, error) { return []byte("secret"), nil }
	db, err := sealed.Create(ctx, store, "x", kdb.CreateOptions{Options: kdb.Options{Password: password}, Cost: kdb.CostTest})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db, store
}

func TestOverlay_isADatabase(t *testing.T) {
	t.Parallel()
	kdbtest.Run(t, kdbtest.Subject{
		New: func(t *testing.T) kdb.Database {
			db, _ := newSealed(t)
			return &over{db, memory.NewOverlay()}
		},
		Reopen: func(_ *testing.T, db kdb.Database) kdb.Database { return db },
	})
}

// TestOverlay_overEntriesBelow: each change of the suite meets entries that the database below has.
func TestOverlay_overEntriesBelow(t *testing.T) {
	t.Parallel()
	kdbtest.Run(t, kdbtest.Subject{
		New: func(t *testing.T) kdb.Database {
			db, _ := newSealed(t)
			return &sunk{&over{db, memory.NewOverlay()}}
		},
		Reopen: func(t *testing.T, db kdb.Database) kdb.Database {
			s := db.(*sunk)
			return &sunk{&over{sink(t, s), memory.NewOverlay()}}
		},
	})
}

// sink copies what an overlay shows into a database of its own.
func sink(t *testing.T, s *sunk) kdb.Database {
	t.Helper()
	below, _ := newSealed(t)
	sinkInto(t, s, below)
	return below
}

func sinkInto(t *testing.T, s *sunk, below kdb.Database) {
	t.Helper()
	err := s.View(ctx, func(tx kdb.Tx) error {
		return below.Update(ctx, "copy", func(to kdb.Tx) error {
			for summary, err := range tx.Summaries("") {
				if err != nil {
					return err
				}
				if err := copyEntry(tx, to, summary.Label); err != nil {
					return err
				}
			}
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
}

func copyEntry(from, to kdb.Tx, label string) error {
	e, err := from.Entry(label)
	if err != nil {
		return err
	}
	if e.Key, err = from.Key(label); err != nil && !errors.Is(err, kdb.ErrNotFound) {
		return err
	}
	deployments := e.Deployments
	if err := to.Put(e); err != nil || len(deployments) == 0 {
		return err
	}
	return to.(kdb.Deployer).SetDeployments(label, deployments)
}

func secret(label string) kdb.Entry {
	return kdb.Entry{Label: label, Kind: kdb.KindSecretKey, Key: []byte("0123456789abcdef"), KeyAlgorithm: "AES"}
}

func labels(t *testing.T, db kdb.Database, after string) (list []string) {
	t.Helper()
	err := db.View(ctx, func(tx kdb.Tx) error {
		for s, err := range tx.Summaries(after) {
			if err != nil {
				return err
			}
			list = append(list, s.Label)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestOverlay_joinsLabelsInTheirOrder(t *testing.T) {
	t.Parallel()
	db, store := newSealed(t)
	must(t, db.Update(ctx, "add", func(tx kdb.Tx) error {
		return errors.Join(tx.Put(secret("b")), tx.Put(secret("d")), tx.Put(secret("f")), tx.Put(secret("h")))
	}))
	before := fmt.Sprint(store.Records())
	o := &over{db, memory.NewOverlay()}
	must(t, o.Update(ctx, "", func(tx kdb.Tx) error {
		return errors.Join(
			tx.Put(secret("a")), tx.Put(secret("i")), tx.Put(secret("e")), tx.Put(secret("d")),
			tx.Delete("b"), tx.Rename("f", "c"), tx.Delete("e"), tx.Put(secret("e")),
		)
	}))
	for after, want := range map[string]string{"": "[a c d e h i]", "a": "[c d e h i]", "c": "[d e h i]", "i": "[]", "g": "[h i]"} {
		if got := fmt.Sprint(labels(t, o, after)); got != want {
			t.Errorf("after %q: %s, want %s", after, got, want)
		}
	}
	if fmt.Sprint(store.Records()) != before {
		t.Error("the database below was changed")
	}
	for yes := range 3 { // a reader that stops early
		must(t, o.View(ctx, func(tx kdb.Tx) error {
			n := 0
			for range tx.Summaries("") {
				if n++; n > yes {
					break
				}
			}
			return nil
		}))
	}
}

func TestOverlay_changedSaysWhetherAnythingIs(t *testing.T) {
	t.Parallel()
	db := memory.New("x", "ckdb")
	must(t, db.Update(ctx, "add", func(tx kdb.Tx) error { return tx.Put(secret("aes")) }))
	for _, c := range []struct {
		rule string
		do   func(kdb.Tx) error
		want bool
	}{
		{"reading", func(tx kdb.Tx) error { _, err := tx.Entry("aes"); return err }, false},
		{"marks that it has", func(tx kdb.Tx) error { return tx.Mark("aes", kdb.Marks{Trusted: new(false), Default: new(false)}) }, false},
		{"a rename to the same label", func(tx kdb.Tx) error { return tx.Rename("aes", "aes") }, false},
		{"what is refused", func(tx kdb.Tx) error { _ = tx.Rename("none", "x"); _ = tx.Delete("none"); return nil }, false},
		{"a rename", func(tx kdb.Tx) error { return tx.Rename("aes", "x") }, true},
		{"a deletion", func(tx kdb.Tx) error { return tx.Delete("aes") }, true},
		{"an entry", func(tx kdb.Tx) error { return tx.Put(secret("b")) }, true},
		{"a record of the audit log", func(tx kdb.Tx) error { return tx.Audit("export-key", "aes") }, true},
		{"a record of a certificate", func(tx kdb.Tx) error { return tx.(kdb.Registry).PutIssued(kdb.Issued{Serial: "1"}) }, true},
		{"the number of a list", func(tx kdb.Tx) error { _, err := tx.(kdb.Registry).NextCRLNumber([32]byte{}, 0); return err }, true},
	} {
		overlay := memory.NewOverlay()
		must(t, db.View(ctx, func(tx kdb.Tx) error { return c.do(overlay.On(tx)) }))
		if overlay.Changed() != c.want {
			t.Errorf("%s: changed is %v, want %v", c.rule, overlay.Changed(), c.want)
		}
	}
}

func TestDatabase_updatesAreAllOrNothing(t *testing.T) {
	t.Parallel()
	db := memory.New("x", "ckdb")
	failed := errors.New("failed")
	err := db.Update(ctx, "add", func(tx kdb.Tx) error { return errors.Join(tx.Put(secret("a")), failed) })
	if !errors.Is(err, failed) || len(labels(t, db, "")) > 0 {
		t.Errorf("a failure: %v, and it holds %q", err, labels(t, db, ""))
	}
	cancelled, cancel := context.WithCancel(ctx)
	err = db.Update(cancelled, "add", func(tx kdb.Tx) error { cancel(); return tx.Put(secret("a")) })
	if !errors.Is(err, context.Canceled) || len(labels(t, db, "")) > 0 {
		t.Errorf("an interruption: %v, and it holds %q", err, labels(t, db, ""))
	}
	for what, err := range map[string]error{
		"View": db.View(cancelled, nil), "Update": db.Update(cancelled, "", nil), "Check": db.Check(cancelled, nil),
	} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s after an interruption: %v", what, err)
		}
	}
}

func TestDatabase_viewsChangeNothing(t *testing.T) {
	t.Parallel()
	db := memory.New("x", "ckdb")
	_ = db.View(ctx, func(tx kdb.Tx) error { return tx.Put(secret("a")) })
	if got := labels(t, db, ""); len(got) > 0 {
		t.Errorf("it holds %q", got)
	}
}

func TestDatabase_infoCountsEntries(t *testing.T) {
	t.Parallel()
	db := memory.New("here", "pem")
	must(t, db.Update(ctx, "add", func(tx kdb.Tx) error {
		return errors.Join(tx.Put(secret("a")), tx.Put(secret("b")), tx.Put(secret("c")), tx.Delete("a"), tx.Rename("b", "d"))
	}))
	info, err := db.Info(ctx)
	if err != nil || info.Entries != 2 || info.Location != "here" || info.Format != "pem" {
		t.Errorf("%+v, %v", info, err)
	}
}

func TestDatabase_refusesUnreadableCertificates(t *testing.T) {
	t.Parallel()
	err := memory.New("x", "ckdb").Update(ctx, "add", func(tx kdb.Tx) error {
		return tx.Put(kdb.Entry{Label: "odd", Kind: kdb.KindTrusted, Certificates: [][]byte{[]byte("odd")}})
	})
	if err == nil || !strings.Contains(err.Error(), `label "odd"`) {
		t.Errorf("%v, want an error that names the label", err)
	}
}

func TestDatabase_ofAForeignKind(t *testing.T) {
	t.Parallel()
	db := memory.New("x", "pkcs12")
	must(t, db.Update(ctx, "add", func(tx kdb.Tx) error {
		if _, ok := tx.(kdb.Registry); ok {
			t.Error("it records what CAs issue")
		}
		if err := tx.Put(kdb.Entry{Label: "key", Kind: kdb.KindPersonal, Key: []byte("a key without certificate")}); err != nil {
			t.Errorf("a key alone: %v", err)
		}
		if err := tx.Put(kdb.Entry{Label: "odd", Kind: kdb.KindTrusted, Certificates: [][]byte{[]byte("odd")}}); err != nil {
			t.Errorf("an unreadable certificate: %v", err)
		}
		if s, err := tx.Summary("odd"); err != nil || s.Warning == "" {
			t.Errorf("its summary: %+v, %v", s, err)
		}
		if err := tx.Put(secret("")); !errors.Is(err, kdb.ErrLabel) {
			t.Errorf("no label: %v, want kdb.ErrLabel", err)
		}
		return nil
	}))
}

// TestDatabase_keysAreCopies: what a caller clears stays in the database.
func TestDatabase_refusesWhatItsFormatCannotHold(t *testing.T) {
	t.Parallel()
	db := memory.New("x", "toy")
	db.Accepts = func(e kdb.Entry) error {
		if e.Label != "good" {
			return kdb.ErrUnsupported
		}
		return nil
	}
	put := func(db kdb.Database, label string) error {
		return db.Update(ctx, "add", func(tx kdb.Tx) error { return tx.Put(secret(label)) })
	}
	above := &over{db, memory.NewOverlay()}
	for name, db := range map[string]kdb.Database{"database": db, "overlay": above, "two overlays": &over{above, memory.NewOverlay()}} {
		must(t, put(db, "good"))
		if err := put(db, "bad"); !errors.Is(err, kdb.ErrUnsupported) {
			t.Errorf("%s: put = %v", name, err)
		}
		if got := labels(t, db, ""); len(got) != 1 {
			t.Errorf("%s: it has %q", name, got)
		}
	}
}

func TestDatabase_keysAreCopies(t *testing.T) {
	t.Parallel()
	db := memory.New("x", "ckdb")
	must(t, db.Update(ctx, "add", func(tx kdb.Tx) error { return tx.Put(secret("a")) }))
	must(t, db.View(ctx, func(tx kdb.Tx) error {
		key, err := tx.Key("a")
		clear(key)
		return err
	}))
	must(t, db.View(ctx, func(tx kdb.Tx) error {
		key, err := tx.Key("a")
		if string(key) != string(secret("").Key) {
			t.Errorf("the key is %q", key)
		}
		return err
	}))
}

func TestRegistry_showsRecordsOfBoth(t *testing.T) {
	t.Parallel()
	db, _ := newSealed(t)
	issuer, at := [32]byte{1}, time.Unix(1_700_000_000, 0).UTC()
	issued := func(serial, certificate string) kdb.Issued {
		return kdb.Issued{Issuer: issuer, Serial: serial, Certificate: []byte(certificate), At: at}
	}
	must(t, db.Update(ctx, "issue", func(tx kdb.Tx) error {
		r := tx.(kdb.Registry)
		_, err := r.NextCRLNumber(issuer, 0)
		return errors.Join(r.PutIssued(issued("02", "below")), r.PutIssued(issued("04", "below")), err)
	}))
	o := &over{db, memory.NewOverlay()}
	must(t, o.Update(ctx, "", func(tx kdb.Tx) error {
		r := tx.(kdb.Registry)
		number, err := r.NextCRLNumber(issuer, 0)
		if number != 2 {
			t.Errorf("the next list has number %d, want 2", number)
		}
		return errors.Join(r.PutIssued(issued("01", "new")), r.PutIssued(issued("04", "new")), r.PutIssued(issued("05", "new")), err)
	}))
	must(t, o.View(ctx, func(tx kdb.Tx) error {
		r := tx.(kdb.Registry)
		got := ""
		for record, err := range r.AllIssued(issuer) {
			must(t, err)
			got += record.Serial + " " + string(record.Certificate) + ", "
		}
		if want := "01 new, 02 below, 04 new, 05 new, "; got != want {
			t.Errorf("records %s, want %s", got, want)
		}
		for serial, want := range map[string]string{"02": "below", "04": "new"} {
			if record, err := r.Issued(issuer, serial); err != nil || string(record.Certificate) != want {
				t.Errorf("%s: %q, %v", serial, record.Certificate, err)
			}
		}
		if _, err := r.Issued(issuer, "06"); !errors.Is(err, kdb.ErrNotFound) {
			t.Errorf("no such record: %v", err)
		}
		last, err := r.LastCRLNumber(issuer)
		if last != 2 {
			t.Errorf("the last list has number %d, want 2", last)
		}
		return err
	}))
}

func TestDeleteDamaged_refusesWhatCanBeRead(t *testing.T) {
	t.Parallel()
	db := memory.New("x", "ckdb")
	must(t, db.Update(ctx, "add", func(tx kdb.Tx) error { return tx.Put(secret("a")) }))
	err := db.Update(ctx, "delete", func(tx kdb.Tx) error { return tx.(kdb.DamageRemover).DeleteDamaged("lost", "a") })
	if !errors.Is(err, kdb.ErrExists) {
		t.Errorf("%v, want kdb.ErrExists", err)
	}
}
