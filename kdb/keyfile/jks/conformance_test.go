package jks_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"sort"
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/keyfile"
	"certkdb/kdb/keyfile/jks"
	"certkdb/scripts/conformancedata"
)

// vector is a file of the data.
type vector struct{ conformancedata.File }

func vectors(t *testing.T) []vector {
	t.Helper()
	var list []vector
	for _, f := range conformancedata.Files(t, "jks", "jceks") {
		list = append(list, vector{f})
	}
	return list
}

func codec(kind string) keyfile.Codec {
	if kind == "jceks" {
		return jks.JCEKS()
	}
	return jks.JKS()
}

// passwords gives the password, or none if it is nil.
func passwords(password *string, keys ...[]byte) keyfile.Passwords {
	return keyfile.Passwords{Keys: keys, Database: func() ([]byte, error) {
		if password == nil {
			return nil, kdb.ErrNoPassword
		}
		return []byte(*password), nil
	}}
}

func (v vector) open() (keyfile.Container, error) {
	return codec(v.Kind).Decode(keyfile.Files{Main: v.Data}, passwords(v.Password, v.KeyPasswords()...))
}

// listed is an entry as expected/jks.json has it.
type listed struct {
	Algorithm *string `json:"algorithm"`
	Alias     string  `json:"alias"`
	Chain     *int    `json:"chain_length"`
	First     *string `json:"first_cert_sha256_prefix"`
	Type      string  `json:"type"`
}

func TestConformance(t *testing.T) {
	t.Parallel()
	expected := map[string][]listed{}
	conformancedata.ReadJSON(t, "expected/jks.json", &expected)
	for _, v := range vectors(t) {
		t.Run(v.Path, func(t *testing.T) {
			t.Parallel()
			c, err := v.open()
			if err != nil {
				if v.Expected == "parse" {
					t.Errorf("does not open: %v", err)
				}
				return
			}
			c.Check(func(kdb.Problem) {})
			c.Facts()
			if want, ok := expected[v.Path]; ok && v.Expected == "parse" {
				compare(t, c, want)
			}
		})
	}
}

func compare(t *testing.T, c keyfile.Container, want []listed) {
	t.Helper()
	got := c.Entries()
	sort.Slice(got, func(i, j int) bool { return got[i].Label < got[j].Label })
	sort.Slice(want, func(i, j int) bool { return want[i].Alias < want[j].Alias })
	if len(got) != len(want) {
		t.Fatalf("%d entries, want %d", len(got), len(want))
	}
	for i, w := range want {
		compareEntry(t, c, got[i], w)
	}
}

func compareEntry(t *testing.T, c keyfile.Container, e kdb.Entry, w listed) {
	t.Helper()
	if e.Label != w.Alias {
		t.Errorf("label %q, want %q", e.Label, w.Alias)
	}
	kind := map[string]kdb.Kind{
		"private-key": kdb.KindPersonal, "key-password-unknown": kdb.KindPersonal,
		"trusted-cert": kdb.KindTrusted, "secret-key": kdb.KindSecretKey,
	}[w.Type]
	if e.Kind != kind {
		t.Errorf("%q is %s, want %s", e.Label, e.Kind, kind)
	}
	if w.Chain != nil && len(e.Certificates) != *w.Chain {
		t.Errorf("%q has %d certificates, want %d", e.Label, len(e.Certificates), *w.Chain)
	}
	if w.First != nil {
		if sum := sha256.Sum256(e.Certificates[0]); hex.EncodeToString(sum[:8]) != *w.First {
			t.Errorf("%q has another certificate: %x, want %s", e.Label, sum[:8], *w.First)
		}
	}
	if kind == kdb.KindSecretKey && e.KeyAlgorithm != *w.Algorithm {
		t.Errorf("%q is a key for %q, want %q", e.Label, e.KeyAlgorithm, *w.Algorithm)
	}
	key, err := c.Key(e.Label)
	switch w.Type {
	case "private-key", "secret-key":
		if err != nil || len(key) == 0 {
			t.Errorf("the key of %q does not open: %v", e.Label, err)
		}
	case "key-password-unknown":
		if !errors.Is(err, kdb.ErrPassword) {
			t.Errorf("the key of %q: %v, want ErrPassword", e.Label, err)
		}
	default:
		if !errors.Is(err, kdb.ErrNotFound) {
			t.Errorf("the key of trusted %q: %v, want ErrNotFound", e.Label, err)
		}
	}
}

func TestConformance_wrongPasswordRefused(t *testing.T) {
	t.Parallel()
	wrong := "not the password"
	for _, v := range vectors(t) {
		if v.Expected != "parse" {
			continue
		}
		if _, err := codec(v.Kind).Decode(keyfile.Files{Main: v.Data}, passwords(&wrong)); !errors.Is(err, kdb.ErrPassword) {
			t.Errorf("%s: %v, want ErrPassword", v.Path, err)
		}
	}
}

func TestConformance_untouchedIsTheSame(t *testing.T) {
	t.Parallel()
	for _, v := range vectors(t) {
		if v.Expected != "parse" || v.Kind != "jks" {
			continue
		}
		c, err := v.open()
		if err != nil {
			t.Fatal(err)
		}
		files, err := c.Encode([]byte(*v.Password))
		if err != nil {
			t.Fatalf("%s: %v", v.Path, err)
		}
		if string(files.Main) != string(v.Data) {
			t.Errorf("%s: written again it is another file", v.Path)
		}
	}
}

func TestConformance_listsWithoutPassword(t *testing.T) {
	t.Parallel()
	for _, v := range vectors(t) {
		if v.Expected != "parse" {
			continue
		}
		with, err := v.open()
		if err != nil {
			t.Fatal(err)
		}
		without, err := codec(v.Kind).Decode(keyfile.Files{Main: v.Data}, passwords(nil))
		if err != nil {
			t.Fatalf("%s: %v", v.Path, err)
		}
		if len(with.Entries()) != len(without.Entries()) {
			t.Errorf("%s: %d entries with the password, %d without", v.Path, len(with.Entries()), len(without.Entries()))
		}
		for _, e := range without.Entries() {
			if _, err := without.Key(e.Label); e.Kind != kdb.KindTrusted && !errors.Is(err, kdb.ErrNoPassword) {
				t.Errorf("%s: key of %q without a password: %v, want ErrNoPassword", v.Path, e.Label, err)
			}
		}
	}
}
