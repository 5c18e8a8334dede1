package jks_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/keyfile"
	"certkdb/kdb/keyfile/jks"
)

// conformanceDir finds the third-party test data, which is not part of the repository.
func conformanceDir(t *testing.T) string {
	t.Helper()
	if dir := os.Getenv("CERTKDB_CONFORMANCE"); dir != "" {
		return dir
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		found := filepath.Join(dir, "shared", "conformance", "public")
		if _, err := os.Stat(filepath.Join(found, "MANIFEST.tsv")); err == nil {
			return found
		}
	}
	t.Skip("the conformance data is not here")
	return ""
}

// vector is a row of the manifest.
type vector struct {
	path, kind, expected string
	password             *string
	keys                 [][]byte
	data                 []byte
}

func vectors(t *testing.T) []vector {
	t.Helper()
	dir := conformanceDir(t)
	manifest, err := os.ReadFile(filepath.Join(dir, "MANIFEST.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	var list []vector
	for _, line := range strings.Split(string(manifest), "\n") {
		f := strings.Split(line, "\t")
		if len(f) < 5 || f[1] != "jks" && f[1] != "jceks" {
			continue
		}
		v := vector{path: f[0], kind: f[1], expected: f[4]}
		if f[2] != "-" {
			v.password = new(string)
			if err := json.Unmarshal([]byte(f[2]), v.password); err != nil {
				t.Fatalf("%s: password %s: %v", v.path, f[2], err)
			}
		}
		if f[3] != "-" {
			for _, k := range strings.Split(strings.Trim(f[3], `"`), " | ") {
				v.keys = append(v.keys, []byte(k))
			}
		}
		if v.data, err = os.ReadFile(filepath.Join(dir, filepath.FromSlash(v.path))); err != nil {
			t.Fatal(err)
		}
		list = append(list, v)
	}
	if len(list) == 0 {
		t.Fatal("the manifest has no Java key store")
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
	return codec(v.kind).Decode(keyfile.Files{Main: v.data}, passwords(v.password, v.keys...))
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
	raw, err := os.ReadFile(filepath.Join(conformanceDir(t), "expected", "jks.json"))
	if err != nil {
		t.Fatal(err)
	}
	expected := map[string][]listed{}
	if err := json.Unmarshal(raw, &expected); err != nil {
		t.Fatal(err)
	}
	for _, v := range vectors(t) {
		t.Run(v.path, func(t *testing.T) {
			t.Parallel()
			c, err := v.open()
			if err != nil {
				if v.expected == "parse" {
					t.Errorf("does not open: %v", err)
				}
				return
			}
			c.Check(func(kdb.Problem) {})
			c.Facts()
			if want, ok := expected[v.path]; ok && v.expected == "parse" {
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
		if v.expected != "parse" {
			continue
		}
		if _, err := codec(v.kind).Decode(keyfile.Files{Main: v.data}, passwords(&wrong)); !errors.Is(err, kdb.ErrPassword) {
			t.Errorf("%s: %v, want ErrPassword", v.path, err)
		}
	}
}

func TestConformance_untouchedIsTheSame(t *testing.T) {
	t.Parallel()
	for _, v := range vectors(t) {
		if v.expected != "parse" || v.kind != "jks" {
			continue
		}
		c, err := v.open()
		if err != nil {
			t.Fatal(err)
		}
		files, err := c.Encode([]byte(*v.password))
		if err != nil {
			t.Fatalf("%s: %v", v.path, err)
		}
		if string(files.Main) != string(v.data) {
			t.Errorf("%s: written again it is another file", v.path)
		}
	}
}

func TestConformance_listsWithoutPassword(t *testing.T) {
	t.Parallel()
	for _, v := range vectors(t) {
		if v.expected != "parse" {
			continue
		}
		with, err := v.open()
		if err != nil {
			t.Fatal(err)
		}
		without, err := codec(v.kind).Decode(keyfile.Files{Main: v.data}, passwords(nil))
		if err != nil {
			t.Fatalf("%s: %v", v.path, err)
		}
		if len(with.Entries()) != len(without.Entries()) {
			t.Errorf("%s: %d entries with the password, %d without", v.path, len(with.Entries()), len(without.Entries()))
		}
		for _, e := range without.Entries() {
			if _, err := without.Key(e.Label); e.Kind != kdb.KindTrusted && !errors.Is(err, kdb.ErrNoPassword) {
				t.Errorf("%s: key of %q without a password: %v, want ErrNoPassword", v.path, e.Label, err)
			}
		}
	}
}
