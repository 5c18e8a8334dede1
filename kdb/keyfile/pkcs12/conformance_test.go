package pkcs12_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/keyfile"
	"certkdb/kdb/keyfile/pkcs12"
	"certkdb/pki/key"
	"certkdb/scripts/conformancedata"
)

// vector is a file of the data.
type vector struct{ conformancedata.File }

func (v vector) decode(password string) (*pkcs12.Container, error) {
	return pkcs12.Decode(v.Data, keyfile.Passwords{Database: func() ([]byte, error) { return []byte(password), nil }, Keys: v.KeyPasswords()})
}

func (v vector) password() string { return v.PasswordOr("") }

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
	var expected map[string][]content
	conformancedata.ReadJSON(t, "expected/contents.json", &expected)
	parsed := 0
	for _, file := range conformancedata.Files(t, "pkcs12") {
		v := vector{file}
		t.Run(v.Path, func(t *testing.T) {
			c, err := v.decode(v.password())
			switch {
			case v.Expected == "refuse" && err == nil:
				t.Error("it was not refused")
			case v.Expected == "parse" && err != nil:
				t.Errorf("%s: %v", v.Tier, err)
			}
			if err != nil {
				return
			}
			parsed++
			if want, ok := expected[v.Path]; ok {
				compare(t, c, want)
			}
			v.checkAgain(t, c)
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
func (v vector) checkAgain(t *testing.T, c *pkcs12.Container) {
	t.Helper()
	asked := false
	_, err := pkcs12.Decode(v.Data, keyfile.Passwords{Database: func() ([]byte, error) {
		asked = true
		return []byte(v.password() + "x"), nil
	}})
	if asked && !errors.Is(err, kdb.ErrPassword) {
		t.Errorf("a wrong password gives %v", err)
	}
	files, err := c.Encode([]byte(v.password()))
	if err != nil {
		t.Fatal(err)
	}
	again, err := pkcs12.Decode(
		files.Main,
		keyfile.Passwords{Database: func() ([]byte, error) { return []byte(v.password()), nil }, Keys: v.KeyPasswords()},
	)
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
	for _, file := range conformancedata.Files(t, "fuzz-pkcs12") {
		v := vector{file}
		if c, err := v.decode(v.password()); err == nil {
			c.Check(func(kdb.Problem) {})
		}
	}
}
