package kdbtest

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"certkdb/kdb"
	"certkdb/pki/cert"
	"certkdb/pki/name"
)

// CheckFind compares what a transaction finds by the traits of its entries, and how it lists labels, with what reading everything tells.
func CheckFind(tx kdb.Tx) error {
	want, all := map[kdb.Trait][]string{}, []string{}
	for s, err := range tx.Summaries("") {
		if err != nil {
			return err
		}
		all = append(all, s.Label)
		e, err := tx.Entry(s.Label)
		if err != nil {
			return err
		}
		for _, trait := range kdb.Traits(&e) {
			want[trait] = append(want[trait], s.Label)
		}
	}
	for trait, labels := range want {
		if got, err := labelsBy(tx, trait); err != nil || !slices.Equal(got, labels) {
			return fmt.Errorf("found by %q: %q, want %q; %w", trait, got, labels, errors.Join(err))
		}
	}
	for i := -1; i < len(all); i++ {
		after := ""
		if i >= 0 {
			after = all[i]
		}
		var got []string
		for label, err := range tx.Labels(after) {
			if err != nil {
				return err
			}
			got = append(got, label)
		}
		if !slices.Equal(got, all[i+1:]) {
			return fmt.Errorf("labels after %q: %q, want %q", after, got, all[i+1:])
		}
	}
	return nil
}

func labelsBy(tx kdb.Tx, trait kdb.Trait) (labels []string, err error) {
	for s, err := range tx.Find(trait) {
		if err != nil {
			return nil, err
		}
		labels = append(labels, s.Label)
	}
	return labels, nil
}

// find looks for entries that are changed, moved and removed within one transaction and after it.
func (s *suite) find(t *testing.T) {
	db := s.with(t, s.web("web"), s.shop("shop"))
	leaf := parse(t, s.webCert)
	bySubject, byIssuer, byKey := kdb.BySubject(leaf.Subject), kdb.ByIssuer(leaf.Issuer), kdb.ByKey(leaf.RawSPKI)
	other, err := name.ParseString("CN=WEB") // another string type and case
	if err != nil {
		t.Fatal(err)
	}
	want := func(tx kdb.Tx, what, labels string) {
		t.Helper()
		for _, trait := range []kdb.Trait{bySubject, byIssuer, byKey, kdb.BySubject(other)} {
			if got, err := labelsBy(tx, trait); err != nil || fmt.Sprint(got) != labels {
				t.Errorf("%s: %q finds %q, want %s; %v", what, trait, got, labels, err)
			}
		}
	}
	db = s.update(t, db, func(tx kdb.Tx) error {
		want(tx, "at first", "[web]")
		if err := tx.Rename("web", "www"); err != nil {
			return err
		}
		want(tx, "renamed", "[www]")
		err := errors.Join(tx.Put(s.other("www")), tx.Put(s.web("a")))
		want(tx, "replaced, and added under another label", "[a]")
		return err
	})
	s.view(t, db, func(tx kdb.Tx) { want(tx, "stored", "[a]") })
	db = s.update(t, db, func(tx kdb.Tx) error {
		if err := tx.Delete("a"); err != nil {
			return err
		}
		want(tx, "deleted", "[]")
		return tx.Put(s.web("b"))
	})
	s.view(t, db, func(tx kdb.Tx) { want(tx, "added again", "[b]") })
}

// findNothing is asked for what no entry has.
func (s *suite) findNothing(t *testing.T) {
	leaf := parse(t, s.webCert)
	for what, db := range map[string]kdb.Database{"an empty database": s.New(t), "another entry": s.with(t, s.shop("shop"))} {
		s.view(t, db, func(tx kdb.Tx) {
			for _, trait := range []kdb.Trait{kdb.BySubject(leaf.Subject), kdb.ByIssuer(leaf.Issuer), kdb.ByKey(leaf.RawSPKI), ""} {
				if got, err := labelsBy(tx, trait); err != nil || len(got) > 0 {
					t.Errorf("%s: %q finds %q, %v", what, trait, got, err)
				}
			}
		})
	}
}

// findRequest finds a request by its public key, and by nothing else.
func (s *suite) findRequest(t *testing.T) {
	db := s.with(t, kdb.Entry{Label: "web", Kind: kdb.KindRequest, Request: s.request, Key: s.webKey})
	leaf := parse(t, s.webCert)
	s.view(t, db, func(tx kdb.Tx) {
		got := map[string][]string{}
		for what, trait := range map[string]kdb.Trait{"key": kdb.ByKey(leaf.RawSPKI), "subject": kdb.BySubject(leaf.Subject)} {
			var err error
			if got[what], err = labelsBy(tx, trait); err != nil {
				t.Error(err)
			}
		}
		if !maps.EqualFunc(got, map[string][]string{"key": {"web"}, "subject": nil}, slices.Equal) {
			t.Errorf("found %q", got)
		}
	})
}

func (s *suite) view(t *testing.T, db kdb.Database, fn func(kdb.Tx)) {
	t.Helper()
	if err := db.View(t.Context(), func(tx kdb.Tx) error { fn(tx); return nil }); err != nil {
		t.Error(err)
	}
}

func parse(t *testing.T, der []byte) *cert.Certificate {
	t.Helper()
	c, err := cert.Parse(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
