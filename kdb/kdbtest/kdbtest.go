// Package kdbtest is the suite that every kdb.Database passes, whatever it is stored in: what the methods of a
// transaction do to content, labels and marks.
//
//	func TestDatabase(t *testing.T) {
//		kdbtest.Run(t, kdbtest.Subject{New: …, Reopen: …})
//	}
package kdbtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"certkdb/kdb"
)

// Subject makes databases to test, and says what they cannot hold.
type Subject struct {
	// New makes an empty database.
	New func(t *testing.T) kdb.Database
	// Reopen opens the database again, so that what counts is what was stored.
	Reopen func(t *testing.T, db kdb.Database) kdb.Database
	// NoDefault: it does not keep which entry is the default one.
	NoDefault bool
	// NoPersonalTrust: an entry with a private key cannot be trusted.
	NoPersonalTrust bool
	// NoDistrust: a certificate without a key is always trusted.
	NoDistrust bool
	// NoRequests: it holds no certificate requests.
	NoRequests bool
	// NoTrusted: it holds no certificates without their keys.
	NoTrusted bool
	// FoldsCase: labels that differ in case alone are the same label.
	FoldsCase bool
}

// Run runs the suite.
func Run(t *testing.T, subject Subject) {
	t.Helper()
	s := &suite{Subject: subject, material: newMaterial(t)}
	for _, test := range []struct {
		name string
		run  func(*testing.T)
		skip bool
	}{
		{"put over marks: the default stays", s.putKeepsDefault, s.NoDefault},
		{"put over marks: trust stays with its certificate", s.putKeepsTrust, s.NoPersonalTrust},
		{"put over marks: a different certificate is not trusted", s.putDropsTrust, s.NoPersonalTrust},
		{"put over marks: another kind is not the default", s.putDropsDefault, s.NoDefault || s.NoTrusted},
		{"put takes the default", s.putTakesDefault, s.NoDefault},
		{"put needs the key", s.putNeedsKey, false},
		{"certify keeps the key", s.certify, false},
		{"certify a request", s.certifyRequest, s.NoRequests},
		{"certify refuses", s.certifyRefuses, false},
		{"rename keeps all", s.rename, false},
		{"rename refuses", s.renameRefuses, false},
		{"rename and back", s.renameBack, false},
		{"find", s.find, false},
		{"find nothing", s.findNothing, false},
		{"find a request", s.findRequest, s.NoRequests},
		{"mark the default", s.markDefault, s.NoDefault},
		{"mark trust", s.markTrust, s.NoDistrust || s.NoTrusted},
		{"labels that differ in case are one", s.foldsCase, !s.FoldsCase},
		{"deployments stay with the label", s.deployments, s.NoTrusted},
		{"mark refuses", s.markRefuses, s.NoTrusted},
	} {
		if test.skip {
			continue
		}
		t.Run(strings.ReplaceAll(test.name, " ", "_"), func(t *testing.T) {
			t.Parallel()
			test.run(t)
		})
	}
}

type suite struct {
	Subject
	material
}

// with makes a database with entries in it.
func (s *suite) with(t *testing.T, entries ...kdb.Entry) kdb.Database {
	t.Helper()
	db := s.New(t)
	return s.update(t, db, func(tx kdb.Tx) error {
		for _, e := range entries {
			if err := tx.Put(copyOf(e)); err != nil {
				return err
			}
		}
		return nil
	})
}

// copyOf copies an entry, because a database owns what is put.
func copyOf(e kdb.Entry) kdb.Entry {
	e.Key, e.Certificates = bytes.Clone(e.Key), slices.Clone(e.Certificates)
	return e
}

// update changes a database and opens it again.
func (s *suite) update(t *testing.T, db kdb.Database, fn func(kdb.Tx) error) kdb.Database {
	t.Helper()
	if err := db.Update(context.Background(), "test", fn); err != nil {
		t.Fatalf("updating: %v", err)
	}
	return s.Reopen(t, db)
}

// refused expects an error of a transaction.
func refused(t *testing.T, db kdb.Database, what string, want error, fn func(kdb.Tx) error) {
	t.Helper()
	err := db.Update(context.Background(), "test", fn)
	if want == nil && err == nil || want != nil && !errors.Is(err, want) {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}

// state is what a database says of an entry: the kind, "+" if it is trusted, "*" if it is the default.
func state(s *kdb.Summary) string {
	text := s.Kind.String()
	if s.Trusted {
		text += "+"
	}
	if s.Default {
		text += "*"
	}
	return text
}

// expect compares the labels of a database and their states.
func expect(t *testing.T, db kdb.Database, want map[string]string) {
	t.Helper()
	got, isDefault := map[string]string{}, ""
	err := db.View(context.Background(), func(tx kdb.Tx) (err error) {
		for summary, err := range tx.Summaries("") {
			if err != nil {
				return err
			}
			if got[summary.Label] = state(&summary); summary.Default {
				isDefault += summary.Label
			}
		}
		label, err := tx.Default()
		if err == nil && label != isDefault {
			err = fmt.Errorf("the default is %q, and the summaries say %q", label, isDefault)
		}
		return errors.Join(err, CheckFind(tx))
	})
	if err != nil {
		t.Errorf("reading: %v", err)
	}
	if !maps.Equal(got, want) {
		t.Errorf("entries %v, want %v", got, want)
	}
	err = db.Check(context.Background(), func(p kdb.Problem) {
		if p.Severity != kdb.Note {
			t.Errorf("problem: %v", p)
		}
	})
	if err != nil {
		t.Errorf("checking: %v", err)
	}
}

// holds compares the content of an entry.
func holds(t *testing.T, db kdb.Database, label string, certificates [][]byte, key []byte) {
	t.Helper()
	err := db.View(context.Background(), func(tx kdb.Tx) error {
		e, err := tx.Entry(label)
		if err != nil {
			return err
		}
		if !slices.EqualFunc(e.Certificates, certificates, bytes.Equal) || len(e.Key) > 0 {
			return fmt.Errorf("it has %d certificates, want %d", len(e.Certificates), len(certificates))
		}
		got, err := tx.Key(label)
		if key == nil && errors.Is(err, kdb.ErrNotFound) {
			return nil
		}
		if err == nil && !bytes.Equal(got, key) {
			err = errors.New("the key is another one")
		}
		return err
	})
	if err != nil {
		t.Errorf("label %q: %v", label, err)
	}
}
