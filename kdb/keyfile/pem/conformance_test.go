package pem_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"certkdb/kdb"
	"certkdb/kdb/keyfile/pem"
	"certkdb/kdb/keyfile/pkcs7"
	"certkdb/pki/cert"
	"certkdb/pki/key"
)

// conformanceDir finds the third-party test data, or skips the test where it is absent.
func conformanceDir(t testing.TB) string {
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
	t.Skip("no conformance data here")
	return ""
}

// row is a line of the data's MANIFEST.tsv.
type row struct {
	path, kind, expected, tier, note string
	passwords                        []string // nil: none needed or not known
	data                             []byte
}

// rows returns the rows of the kinds that begin with one of the prefixes.
func rows(t testing.TB, kinds ...string) []row {
	t.Helper()
	dir := conformanceDir(t)
	text, err := os.ReadFile(filepath.Join(dir, "MANIFEST.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	var list []row
	for line := range strings.Lines(string(text)) {
		f := strings.Split(strings.TrimRight(line, "\n"), "\t")
		if !slices.Contains(kinds, f[1]) {
			continue
		}
		r := row{path: f[0], kind: f[1], expected: f[4], tier: f[5], note: f[11]}
		for _, column := range f[2:4] {
			for _, quoted := range strings.Split(column, " | ") {
				var password string
				if quoted != "-" && json.Unmarshal([]byte(quoted), &password) == nil {
					r.passwords = append(r.passwords, password)
				}
			}
		}
		if r.data, err = os.ReadFile(filepath.Join(dir, r.path)); err != nil {
			t.Fatal(err)
		}
		list = append(list, r)
	}
	if len(list) == 0 {
		t.Errorf("no files of the kinds %q", kinds)
	}
	return list
}

// readAs reads everything that the kind of file promises.
func readAs(r row, password string) error {
	opened := 0
	for item, err := range pem.Items(bytes.NewReader(r.data)) {
		if err == nil && r.kind == "crl" && item.Kind != pem.RevocationSet {
			err = fmt.Errorf("%s: it is no revocation list", item.Where())
		}
		if err == nil {
			err = use(item, password)
		}
		if err != nil {
			return err
		}
		opened++
	}
	if opened == 0 {
		return errors.New("nothing in it")
	}
	return nil
}

// use reads what an item holds.
func use(item pem.Item, password string) error {
	var err error
	switch item.Kind {
	case pem.Certificate:
		_, err = cert.Parse(item.DER)
	case pem.Request:
		_, err = cert.ParseRequest(item.DER)
	case pem.RevocationSet:
		_, err = cert.ParseCRL(item.DER)
	case pem.PublicKey:
		_, err = key.ReadPublic(item.DER)
	case pem.PKCS7:
		_, err = pkcs7.Parse(item.DER)
	case pem.PrivateKey, pem.EncryptedKey, pem.OpenSSHKey:
		var private key.Private
		private, err = item.OpenKey(func(string) ([]byte, error) { return []byte(password), nil })
		if err == nil && strings.HasPrefix(private.Type, "unknown") {
			err = fmt.Errorf("a key of type %s", private.Type)
		}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", item.Where(), err)
	}
	return nil
}

func TestConformance(t *testing.T) {
	t.Parallel()
	counts := map[string]int{}
	for _, r := range rows(t, "pem-bundle", "pem-misc", "key", "pubkey", "csr", "crl", "arm", "trust-bundle", "cert", "root-cert",
		"intermediate-bundle", "key-params-or-other", "pkcs7", "fuzz-pem", "fuzz-key", "fuzz-pkcs7", "fuzz-crl") {
		if r.kind == "pkcs7" || r.kind == "cert" {
			continue // their packages test these
		}
		passwords := r.passwords
		if passwords == nil {
			passwords = []string{"no password known"}
		}
		start := time.Now()
		var err error
		for _, password := range passwords {
			if err = readAs(r, password); err == nil {
				break
			}
		}
		// On an idle machine nothing takes half a second; the limit allows for busy ones and the race detector.
		if took := time.Since(start); took > time.Minute {
			t.Errorf("%s: took %s", r.path, took)
		}
		if r.expected == "parse" && len(r.passwords) > 0 {
			if err := readAs(r, "certainly wrong"); !errors.Is(err, kdb.ErrPassword) {
				t.Errorf("%s: with a wrong password: %v, want kdb.ErrPassword", r.path, err)
			}
		}
		switch {
		case r.expected == "parse" && err != nil:
			t.Errorf("%s %s %s: %v", r.kind, r.tier, r.path, err)
		case r.expected == "refuse" && err == nil:
			t.Errorf("%s %s %s (%s): it was taken", r.kind, r.tier, r.path, r.note)
		default:
			counts[r.kind]++
			if r.expected == "either" && testing.Verbose() {
				t.Logf("%s %s: %v", r.kind, r.path, err)
			}
		}
	}
	t.Logf("as expected: %v", counts)
}
