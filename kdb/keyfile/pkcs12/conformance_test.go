package pkcs12_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"certkdb/kdb"
	"certkdb/kdb/keyfile"
	"certkdb/kdb/keyfile/pkcs12"
	"certkdb/pki/key"
)

// conformance finds the third-party test data, which is not part of the repository.
func conformance(t testing.TB) string {
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
		if info, err := os.Stat(found); err == nil && info.IsDir() {
			return found
		}
	}
	t.Skip("no conformance data: set CERTKDB_CONFORMANCE")
	return ""
}

// vector is a row of the manifest.
type vector struct {
	path, password, expected, tier string
	keys                           [][]byte
}

func vectors(t testing.TB, dir, kind string) []vector {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "MANIFEST.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	var list []vector
	for line := range strings.Lines(string(data)) {
		row := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(row) < 6 || row[1] != kind {
			continue
		}
		v := vector{path: row[0], password: unquote(t, row[2]), expected: row[4], tier: row[5]}
		if row[3] != "-" {
			for _, quoted := range strings.Split(row[3], " | ") {
				v.keys = append(v.keys, []byte(unquote(t, quoted)))
			}
		}
		list = append(list, v)
	}
	return list
}

func unquote(t testing.TB, cell string) string {
	if cell == "-" {
		return ""
	}
	var s string
	if err := json.Unmarshal([]byte(cell), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

func (v vector) decode(t testing.TB, dir, password string) (*pkcs12.Container, error) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, v.path))
	if err != nil {
		t.Fatal(err)
	}
	return pkcs12.Decode(data, keyfile.Passwords{Database: func() ([]byte, error) { return []byte(password), nil }, Keys: v.keys})
}

// content is what contents.json says of a bag.
type content struct {
	Type            string
	FriendlyName    string
	LocalKeyID      string
	SHA256          string
	PKCS8           string `json:"pkcs8_sha256"`
	SPKI            string `json:"spki_sha256"`
	TrustedKeyUsage bool
}

func TestDecode_conformance(t *testing.T) {
	t.Parallel()
	dir := conformance(t)
	data, err := os.ReadFile(filepath.Join(dir, "expected", "contents.json"))
	if err != nil {
		t.Fatal(err)
	}
	var expected map[string][]content
	if err := json.Unmarshal(data, &expected); err != nil {
		t.Fatal(err)
	}
	parsed := 0
	for _, v := range vectors(t, dir, "pkcs12") {
		t.Run(v.path, func(t *testing.T) {
			start := time.Now()
			c, err := v.decode(t, dir, v.password)
			if took := time.Since(start); took > soon {
				t.Errorf("it took %v", took)
			}
			switch {
			case v.expected == "refuse" && err == nil:
				t.Error("it was not refused")
			case v.expected == "parse" && err != nil:
				t.Errorf("%s: %v", v.tier, err)
			}
			if err != nil {
				return
			}
			parsed++
			if want, ok := expected[v.path]; ok {
				compare(t, c, want)
			}
			v.checkAgain(t, dir, c)
		})
	}
	if parsed == 0 {
		t.Error("nothing was parsed")
	}
}

// compare compares the bags with what OpenSSL saw.
func compare(t *testing.T, c *pkcs12.Container, want []content) {
	t.Helper()
	var got []content
	for _, b := range c.Bags() {
		one := content{FriendlyName: b.FriendlyName, LocalKeyID: hex.EncodeToString(b.LocalKeyID), TrustedKeyUsage: b.TrustedKeyUsage}
		switch b.Type {
		case "certificate":
			one.Type, one.SHA256 = "cert", sum(b.Certificate)
		case "key", "shrouded-key":
			one.Type = "key"
			pkcs8, err := b.Key()
			if err != nil {
				t.Error(err)
				continue
			}
			private, err := key.ReadPrivate(pkcs8)
			if err != nil {
				t.Error(err)
			}
			one.SPKI = sum(private.SPKI)
		default:
			continue
		}
		got = append(got, one)
	}
	for i := range want {
		want[i].PKCS8 = "" // of OpenSSL's own encoding, which need not be the file's
	}
	order := func(a, b content) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) }
	slices.SortFunc(got, order)
	slices.SortFunc(want, order)
	if !slices.Equal(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func sum(data []byte) string {
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:])
}

// checkAgain decodes with a wrong password, and writes and reads again.
func (v vector) checkAgain(t *testing.T, dir string, c *pkcs12.Container) {
	t.Helper()
	asked := false
	data, err := os.ReadFile(filepath.Join(dir, v.path))
	if err != nil {
		t.Fatal(err)
	}
	_, err = pkcs12.Decode(data, keyfile.Passwords{Database: func() ([]byte, error) {
		asked = true
		return []byte(v.password + "x"), nil
	}})
	if asked && !errors.Is(err, kdb.ErrPassword) {
		t.Errorf("a wrong password gives %v", err)
	}
	files, err := c.Encode([]byte(v.password))
	if err != nil {
		t.Fatal(err)
	}
	again, err := pkcs12.Decode(files.Main, keyfile.Passwords{Database: func() ([]byte, error) { return []byte(v.password), nil }, Keys: v.keys})
	if err != nil {
		t.Fatalf("reading what was written: %v", err)
	}
	if !slices.EqualFunc(c.Bags(), again.Bags(), func(a, b pkcs12.Bag) bool { return string(a.DER) == string(b.DER) }) {
		t.Error("the bags are not the same after writing")
	}
	if !reflect.DeepEqual(c.Entries(), again.Entries()) {
		t.Error("the entries are not the same after writing")
	}
}

func TestDecode_fuzzCorpus(t *testing.T) {
	t.Parallel()
	dir := conformance(t)
	for _, v := range vectors(t, dir, "fuzz-pkcs12") {
		start := time.Now()
		if c, err := v.decode(t, dir, v.password); err == nil {
			c.Check(func(kdb.Problem) {})
		}
		if took := time.Since(start); took > soon {
			t.Errorf("%s took %v", v.path, took)
		}
	}
}
