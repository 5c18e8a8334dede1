package pem_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/keyfile"
	"certkdb/kdb/keyfile/pem"
	"certkdb/kdb/keyfile/pkcs7"
	"certkdb/pki/cert"
	"certkdb/pki/key"
	"certkdb/scripts/conformancedata"
)

// readAs reads everything that the kind of file promises.
func readAs(r conformancedata.File, password string) error {
	opened := 0
	for item, err := range pem.Items(bytes.NewReader(r.Data)) {
		if err == nil && r.Kind == "crl" && item.Kind != pem.RevocationSet {
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
	for _, r := range conformancedata.Files(t, "pem-bundle", "pem-misc", "key", "pubkey", "csr", "crl", "arm", "trust-bundle", "cert",
		"root-cert", "intermediate-bundle", "key-params-or-other", "pkcs7", "fuzz-pem", "fuzz-key", "fuzz-pkcs7", "fuzz-crl") {
		if r.Kind == "pkcs7" || r.Kind == "cert" {
			continue // their packages test these
		}
		passwords := append([]string{r.PasswordOr("no password known")}, r.Keys...)
		var err error
		for _, password := range passwords {
			if err = readAs(r, password); err == nil {
				break
			}
		}
		if r.Expected == "parse" && (r.Password != nil || r.Keys != nil) {
			if err := readAs(r, "certainly wrong"); !errors.Is(err, kdb.ErrPassword) {
				t.Errorf("%s: with a wrong password: %v, want kdb.ErrPassword", r.Path, err)
			}
		}
		switch {
		case r.Expected == "parse" && err != nil:
			t.Errorf("%s %s %s: %v", r.Kind, r.Tier, r.Path, err)
		case r.Expected == "refuse" && err == nil && !takenKnowingly(r.Path):
			t.Errorf("%s %s %s (%s): it was taken", r.Kind, r.Tier, r.Path, r.Note)
		default:
			counts[r.Kind]++
			if r.Expected == "either" && testing.Verbose() {
				t.Logf("%s %s: %v", r.Kind, r.Path, err)
			}
		}
	}
	t.Logf("as expected: %v", counts)
}

// takenKnowingly names files of testdata/conformance-known.tsv.
func takenKnowingly(path string) bool {
	return strings.HasSuffix(path, "/bad-ML-DSA-44-3.priv") || strings.HasSuffix(path, "/invalid_c2pnb208w1-reducible.pem")
}

// TestConformance_databases opens the same files as databases: written again they are the same, another entry comes and goes, and
// deleting one
// leaves the others.
func TestConformance_databases(t *testing.T) {
	t.Parallel()
	more := issue(t, "more", nil, true)
	opened, entries := 0, 0
	for _, r := range conformancedata.Files(t, "pem-bundle", "pem-misc", "key", "csr", "crl", "arm", "trust-bundle", "cert",
		"root-cert", "intermediate-bundle",
		"key-params-or-other", "fuzz-pem", "fuzz-key", "fuzz-crl") {
		if len(r.Data) > 1<<20 || !pem.Codec(0).Matches(r.Data[:min(len(r.Data), 4096)]) {
			continue
		}
		c, err := pem.FastCodec().Decode(keyfile.Files{Main: r.Data}, keyfile.Passwords{})
		if err != nil {
			if !errors.Is(err, kdb.ErrParse) && !errors.Is(err, kdb.ErrUnsupported) {
				t.Errorf("%s: an error of an unexpected kind: %v", r.Path, err)
			}
			continue
		}
		files, err := c.Encode(nil)
		if errors.Is(err, kdb.ErrUnsupported) || errors.Is(err, kdb.ErrEncryption) {
			continue // UTF-16
		}
		if err != nil || !bytes.Equal(files.Main, r.Data) {
			t.Errorf("%s: written again it is another file, %v", r.Path, err)
			continue
		}
		list := c.Entries()
		opened, entries = opened+1, entries+len(list)
		put(t, c, kdb.Entry{Label: "one more", Kind: kdb.KindTrusted, Trusted: true, Certificates: [][]byte{more.cert.Raw}})
		again := decode(t, encode(t, c))
		if got := len(again.Entries()); got != len(list)+1 {
			t.Errorf("%s: %d entries, %d after one more", r.Path, len(list), got)
		}
		if err := again.Delete("one more"); err != nil {
			t.Errorf("%s: %v", r.Path, err)
		}
		for _, e := range list[:min(len(list), 5)] {
			deleteOne(t, r, e.Label, len(list))
		}
	}
	t.Logf("%d files with %d entries", opened, entries)
}

func deleteOne(t *testing.T, r conformancedata.File, label string, before int) {
	t.Helper()
	c := decode(t, string(r.Data))
	err := c.Delete(label)
	if errors.Is(err, kdb.ErrUnsupported) || errors.Is(err, kdb.ErrEncryption) {
		return // in a PKCS #7 block
	}
	if err != nil {
		t.Errorf("%s: deleting %q: %v", r.Path, label, err)
		return
	}
	after, err := pem.FastCodec().Decode(keyfile.Files{Main: []byte(encode(t, c))}, keyfile.Passwords{})
	if err != nil {
		if before > 1 {
			t.Errorf("%s: without %q: %v", r.Path, label, err)
		}
		return // nothing but bad pieces is left
	}
	if got := len(after.Entries()); got != before-1 {
		t.Errorf("%s: %d entries, %d without %q", r.Path, before, got, label)
	}
}
