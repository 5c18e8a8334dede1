package kdbtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"certkdb/kdb"
)

func (s *suite) putKeepsDefault(t *testing.T) {
	db := s.with(t, s.web("web"), s.shop("shop"))
	db = s.update(t, db, func(tx kdb.Tx) error { return tx.Mark("web", kdb.Marks{Default: new(true)}) })
	db = s.update(t, db, func(tx kdb.Tx) error { return tx.Put(s.other("web")) })
	expect(t, db, map[string]string{"web": "personal*", "shop": "personal"})
	holds(t, db, "web", s.other("").Certificates, s.other("").Key)
}

func (s *suite) putKeepsTrust(t *testing.T) {
	db := s.with(t, s.web("web"))
	db = s.update(t, db, func(tx kdb.Tx) error { return tx.Mark("web", kdb.Marks{Trusted: new(true)}) })
	db = s.update(t, db, func(tx kdb.Tx) error {
		e := s.web("web")
		e.Certificates = append(e.Certificates, s.root)
		return tx.Put(e)
	})
	expect(t, db, map[string]string{"web": "personal+"})
}

func (s *suite) putDropsTrust(t *testing.T) {
	e := s.web("web")
	e.Trusted = true
	db := s.with(t, e)
	expect(t, db, map[string]string{"web": "personal+"})
	db = s.update(t, db, func(tx kdb.Tx) error { return tx.Put(s.other("web")) })
	expect(t, db, map[string]string{"web": "personal"})
}

func (s *suite) putDropsDefault(t *testing.T) {
	e := s.web("web")
	e.Default = true
	db := s.with(t, e)
	db = s.update(t, db, func(tx kdb.Tx) error { return tx.Put(s.trusted("web")) })
	expect(t, db, map[string]string{"web": "trusted+"})
	holds(t, db, "web", [][]byte{s.root}, nil)
}

func (s *suite) putTakesDefault(t *testing.T) {
	one, two := s.web("one"), s.shop("two")
	one.Default, two.Default = true, true
	db := s.with(t, one)
	expect(t, db, map[string]string{"one": "personal*"})
	db = s.update(t, db, func(tx kdb.Tx) error { return tx.Put(two) })
	expect(t, db, map[string]string{"one": "personal", "two": "personal*"})
}

func (s *suite) putNeedsKey(t *testing.T) {
	db := s.with(t, s.web("web"))
	keyless := s.web("web")
	keyless.Key = nil
	refused(t, db, "an entry without its key", kdb.ErrUnsupported, func(tx kdb.Tx) error { return tx.Put(keyless) })
	mixed := s.web("web")
	mixed.Key = s.shopKey
	refused(t, db, "the key of another certificate", kdb.ErrParse, func(tx kdb.Tx) error { return tx.Put(mixed) })
	holds(t, s.Reopen(t, db), "web", s.web("").Certificates, s.web("").Key)
}

func (s *suite) certify(t *testing.T) {
	e := s.web("web")
	e.Default = !s.NoDefault
	db := s.with(t, e, s.shop("shop"))
	db = s.update(t, db, func(tx kdb.Tx) error { return tx.Certify("web", [][]byte{s.again}) })
	want := map[string]string{"web": "personal", "shop": "personal"}
	if !s.NoDefault {
		want["web"] += "*"
	}
	expect(t, db, want)
	holds(t, db, "web", [][]byte{s.again}, s.webKey)
	holds(t, db, "shop", s.shop("").Certificates, s.shop("").Key)
}

func (s *suite) certifyRequest(t *testing.T) {
	db := s.with(t, kdb.Entry{Label: "web", Kind: kdb.KindRequest, Request: s.request, Key: s.webKey})
	expect(t, db, map[string]string{"web": "request"})
	db = s.update(t, db, func(tx kdb.Tx) error { return tx.Certify("web", [][]byte{s.again}) })
	expect(t, db, map[string]string{"web": "personal"})
	holds(t, db, "web", [][]byte{s.again}, s.webKey)
}

func (s *suite) certifyRefuses(t *testing.T) {
	db := s.with(t, s.web("web"))
	refused(t, db, "no such label", kdb.ErrNotFound, func(tx kdb.Tx) error { return tx.Certify("none", [][]byte{s.again}) })
	refused(t, db, "no certificate", kdb.ErrUnsupported, func(tx kdb.Tx) error { return tx.Certify("web", nil) })
	if !s.NoTrusted {
		db = s.update(t, db, func(tx kdb.Tx) error { return tx.Put(s.trusted("root")) })
		refused(t, db, "no private key", kdb.ErrNotFound, func(tx kdb.Tx) error { return tx.Certify("root", [][]byte{s.again}) })
	}
}

func (s *suite) rename(t *testing.T) {
	e := s.web("web")
	e.Default = !s.NoDefault
	entries := []kdb.Entry{e, s.shop("shop")}
	want := map[string]string{"www": "personal", "shop": "personal"}
	if !s.NoDefault {
		want["www"] += "*"
	}
	if !s.NoTrusted {
		entries, want["other root"] = append(entries, s.trusted("root")), "trusted+"
	}
	db := s.with(t, entries...)
	db = s.update(t, db, func(tx kdb.Tx) error {
		if !s.NoTrusted {
			if err := tx.Rename("root", "other root"); err != nil {
				return err
			}
		}
		return tx.Rename("web", "www")
	})
	expect(t, db, want)
	holds(t, db, "www", s.web("").Certificates, s.webKey)
	holds(t, db, "shop", s.shop("").Certificates, s.shopKey)
}

func (s *suite) renameRefuses(t *testing.T) {
	db := s.with(t, s.web("web"), s.shop("shop"))
	refused(t, db, "a label that is taken", kdb.ErrExists, func(tx kdb.Tx) error { return tx.Rename("web", "shop") })
	refused(t, db, "no such label", kdb.ErrNotFound, func(tx kdb.Tx) error { return tx.Rename("none", "some") })
	refused(t, db, "no label", kdb.ErrLabel, func(tx kdb.Tx) error { return tx.Rename("web", "a\nb") })
	if s.FoldsCase {
		refused(t, db, "a label that differs in case alone", kdb.ErrExists, func(tx kdb.Tx) error { return tx.Rename("web", "SHOP") })
	}
	db = s.update(t, db, func(tx kdb.Tx) error { return tx.Rename("web", "web") })
	expect(t, db, map[string]string{"web": "personal", "shop": "personal"})
}

func (s *suite) renameBack(t *testing.T) {
	db := s.with(t, s.web("web"))
	for _, labels := range [][2]string{{"web", "x"}, {"x", "web"}} {
		db = s.update(t, db, func(tx kdb.Tx) error { return tx.Rename(labels[0], labels[1]) })
	}
	db = s.update(t, db, func(tx kdb.Tx) error { return tx.Put(s.shop("x")) }) // the label is free
	expect(t, db, map[string]string{"web": "personal", "x": "personal"})
	holds(t, db, "web", s.web("").Certificates, s.webKey)
}

func (s *suite) foldsCase(t *testing.T) {
	db := s.with(t, s.web("web"))
	db = s.update(t, db, func(tx kdb.Tx) error { return tx.Put(s.shop("Web")) })
	expect(t, db, map[string]string{"web": "personal"})
	holds(t, db, "WEB", s.shop("").Certificates, s.shopKey)
	for _, labels := range [][2]string{{"WEB", "SHOP"}, {"Shop", "shop"}} { // also where nothing but the case differs
		db = s.update(t, db, func(tx kdb.Tx) error {
			if err := tx.Rename(labels[0], labels[1]); err != nil {
				return err
			}
			if found, err := tx.Summary("sHop"); err != nil || found.Label != "shop" {
				return fmt.Errorf("found %q: %v", found.Label, err)
			}
			if _, err := tx.Summary("web"); !errors.Is(err, kdb.ErrNotFound) {
				return fmt.Errorf("the old label: %v", err)
			}
			return nil
		})
	}
	holds(t, db, "shOP", s.shop("").Certificates, s.shopKey)
	refused(t, db, "a label of a missing entry", kdb.ErrNotFound, func(tx kdb.Tx) error { return tx.Delete("WEB") })
	db = s.update(t, db, func(tx kdb.Tx) error { return errors.Join(tx.Put(s.web("web")), tx.Delete("SHOP")) })
	expect(t, db, map[string]string{"web": "personal"})
	db = s.update(t, db, func(tx kdb.Tx) error { return errors.Join(tx.Delete("Web"), tx.Put(s.shop("WEB"))) })
	holds(t, db, "web", s.shop("").Certificates, s.shopKey)
}

func (s *suite) markDefault(t *testing.T) {
	db := s.with(t, s.web("web"), s.shop("shop"))
	for _, label := range []string{"web", "shop"} {
		db = s.update(t, db, func(tx kdb.Tx) error { return tx.Mark(label, kdb.Marks{Default: new(true)}) })
		want := map[string]string{"web": "personal", "shop": "personal"}
		want[label] += "*"
		expect(t, db, want)
	}
	db = s.update(t, db, func(tx kdb.Tx) error { return tx.Mark("shop", kdb.Marks{Default: new(false)}) })
	expect(t, db, map[string]string{"web": "personal", "shop": "personal"})
	holds(t, db, "shop", s.shop("").Certificates, s.shopKey)
}

func (s *suite) markTrust(t *testing.T) {
	db := s.with(t, s.web("web"), s.trusted("root"))
	db = s.update(t, db, func(tx kdb.Tx) error { return tx.Mark("root", kdb.Marks{Trusted: new(false)}) })
	expect(t, db, map[string]string{"web": "personal", "root": "trusted"})
	db = s.update(t, db, func(tx kdb.Tx) error { return tx.Mark("root", kdb.Marks{Trusted: new(true)}) })
	expect(t, db, map[string]string{"web": "personal", "root": "trusted+"})
	holds(t, db, "root", [][]byte{s.root}, nil)
}

func (s *suite) markRefuses(t *testing.T) {
	db := s.with(t, s.web("web"), s.trusted("root"))
	refused(t, db, "a default without key", kdb.ErrUnsupported, func(tx kdb.Tx) error {
		return tx.Mark("root", kdb.Marks{Default: new(true)})
	})
	refused(t, db, "no such label", kdb.ErrNotFound, func(tx kdb.Tx) error { return tx.Mark("none", kdb.Marks{}) })
	if s.NoPersonalTrust {
		refused(t, db, "trust with a key", kdb.ErrUnsupported, func(tx kdb.Tx) error { return tx.Mark("web", kdb.Marks{Trusted: new(true)}) })
	}
	expect(t, s.Reopen(t, db), map[string]string{"web": "personal", "root": "trusted+"})
}

// deployments stay with the label whatever happens to its certificate, until the entry has no private key any more.
func (s *suite) deployments(t *testing.T) {
	db := s.with(t, s.web("web"), s.trusted("root"))
	if !isDeployer(t, db) {
		return
	}
	change := func(what, want string, fn func(kdb.Tx) error) {
		t.Helper()
		err := db.Update(context.Background(), "test", func(tx kdb.Tx) error {
			return errors.Join(fn(tx), deployed(tx, "within the transaction: "+want))
		})
		if err == nil {
			db = s.Reopen(t, db)
			err = db.View(context.Background(), func(tx kdb.Tx) error { return deployed(tx, "stored: "+want) })
		}
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	set := func(label, text string) func(kdb.Tx) error {
		return func(tx kdb.Tx) error { return tx.(kdb.Deployer).SetDeployments(label, []byte(text)) }
	}
	change("at first", "", set("web", ""))
	change("set", "web=one", set("web", "one"))
	change("changed", "web=two", set("web", "two"))
	change("another certificate", "web=two", func(tx kdb.Tx) error { return tx.Certify("web", [][]byte{s.again}) })
	change("marks", "web=two", func(tx kdb.Tx) error { return tx.Mark("web", kdb.Marks{Default: new(true), Trusted: new(true)}) })
	change("another key", "web=two", func(tx kdb.Tx) error {
		e := s.other("web")
		e.Deployments = []byte("of a copy")
		return tx.Put(e)
	})
	change("renamed", "www=two", func(tx kdb.Tx) error { return tx.Rename("web", "www") })
	change("a new entry", "www=two", func(tx kdb.Tx) error {
		e := s.shop("shop")
		e.Deployments = []byte("of a copy")
		return tx.Put(e)
	})
	change("without a key", "", func(tx kdb.Tx) error { return tx.Put(s.trusted("www")) })
	change("set again", "shop=x", set("shop", "x"))
	change("forgotten", "", set("shop", ""))
	refused(t, db, "no such label", kdb.ErrNotFound, set("none", "x"))
	refused(t, db, "no private key", kdb.ErrUnsupported, set("root", "x"))
	change("set again", "shop=x", set("shop", "x"))
	change("deleted", "", func(tx kdb.Tx) error { return tx.Delete("shop") })
	expect(t, db, map[string]string{"www": "trusted+", "root": "trusted+"})
}

func isDeployer(t *testing.T, db kdb.Database) (is bool) {
	t.Helper()
	if err := db.View(context.Background(), func(tx kdb.Tx) error { _, is = tx.(kdb.Deployer); return nil }); err != nil {
		t.Fatal(err)
	}
	return is
}

// deployed compares what is deployed, in the index, the summaries and the entries, with what is wanted after ": ", as label=deployments.
func deployed(tx kdb.Tx, want string) error {
	what, want, _ := strings.Cut(want, ": ")
	found, err := labelsBy(tx, kdb.Deployed)
	got := ""
	for s, errSummary := range tx.Summaries("") {
		e, errEntry := tx.Entry(s.Label)
		err = errors.Join(err, errSummary, errEntry)
		if s.Deployed != (len(e.Deployments) > 0) || s.Deployed != slices.Contains(found, s.Label) {
			err = errors.Join(err, fmt.Errorf("label %q: deployed %t, with %q, found %q", s.Label, s.Deployed, e.Deployments, found))
		}
		if s.Deployed {
			got += fmt.Sprintf("%s=%s", s.Label, e.Deployments)
		}
	}
	if err == nil && got != want {
		err = fmt.Errorf("%s: %q is deployed, want %q", what, got, want)
	}
	return err
}
