package pem_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/keyfile"
	"certkdb/kdb/keyfile/pem"
	"certkdb/kdb/keyfile/pkcs7"
	"certkdb/pki/pbe"
)

// TestEncode_newKeys: a new private key is encrypted as FORMAT.md says. The tests do it with fewer iterations than the program, which takes
// the usual ones.
func TestEncode_newKeys(t *testing.T) {
	t.Parallel()
	if pbe.DefaultIterations != 600_000 {
		t.Errorf("the usual iterations are %d", pbe.DefaultIterations)
	}
	leaf := issue(t, "leaf", nil, false)
	c, err := pem.FastCodec().New("")
	if err != nil {
		t.Fatal(err)
	}
	put(t, c, kdb.Entry{Label: "web", Kind: kdb.KindPersonal, Certificates: [][]byte{leaf.cert.Raw}, Key: leaf.pkcs8(t)})
	text := encode(t, c)
	const want = "PBES2: AES-256-CBC, PBKDF2 with HMAC-SHA-256, 1000 iterations"
	if got := facts(decode(t, text)); !strings.Contains(got, want) || strings.Count(text, "-----BEGIN ENCRYPTED PRIVATE KEY-----\n") != 1 {
		t.Errorf("%s\n%s", got, text)
	}
}

// TestReseal_removesCopies of a key: one that is encrypted is enough, and one in clear would be left for everybody.
func TestReseal_removesCopies(t *testing.T) {
	t.Parallel()
	leaf := issue(t, "leaf", nil, false)
	c := decode(t, leaf.keyPEM(t)+leaf.certPEM()+leaf.keyPEM(t)+ecKeyPEM(t, leaf))
	if err := c.(keyfile.Sealer).Reseal(); err != nil {
		t.Fatal(err)
	}
	if text := encode(t, c); strings.Count(text, "PRIVATE KEY-----\n") != 2 || strings.Count(text, "BEGIN ENCRYPTED PRIVATE KEY") != 1 {
		t.Errorf("want one encrypted key:\n%s", text)
	}
}

// TestLabels_repeatedAreNotWritten: the number behind a repeated label is made while reading.
func TestLabels_repeatedAreNotWritten(t *testing.T) {
	t.Parallel()
	before := named("ca", 0, issue(t, "one", nil, true).certPEM()) + named("ca", 0, issue(t, "two", nil, true).certPEM()) +
		named("ca", 0, issue(t, "three", nil, true).certPEM())
	c := decode(t, before)
	if got := describe(c); got != "trusted ca 1, trusted ca (2) 1, trusted ca (3) 1" {
		t.Error(got)
	}
	put(t, c, trust("new", issue(t, "new", nil, true)))
	if text := encode(t, c); !strings.HasPrefix(text, before) || strings.Contains(text, "(2)") {
		t.Errorf("written is\n%s", text)
	}
}

// TestPut_places: new blocks go to the end, those of an entry that is there after its first one; what stands between stays.
func TestPut_places(t *testing.T) {
	t.Parallel()
	root := issue(t, "root", nil, true)
	leaf, other := issue(t, "leaf", root, false), issue(t, "other", nil, false)
	key := "\ufeff# ours\n" + leaf.keyPEM(t)
	rest := "# a note\n\n" + other.certPEM()
	c := decode(t, key+leaf.certPEM()+rest)
	chain := [][]byte{leaf.cert.Raw, root.cert.Raw}
	put(t, c, kdb.Entry{Label: labelOf(t, c, "leaf"), Kind: kdb.KindPersonal, Certificates: chain, Key: leaf.pkcs8(t)})
	put(t, c, trust("new", issue(t, "new", nil, true)))
	text := encode(t, c)
	middle, found := strings.CutPrefix(text, key)
	middle, end, foundRest := strings.Cut(middle, rest)
	if !found || !foundRest || !strings.Contains(middle, leaf.certPEM()) || !strings.Contains(middle, root.certPEM()) ||
		strings.Count(middle, "BEGIN") != 2 || strings.Count(end, "BEGIN") != 1 {
		t.Errorf("%s", text)
	}
}

// TestPKCS7_isOnlyRead: an entry out of a PKCS #7 block is not changed, and the block stays; other entries come and go.
func TestPKCS7_isOnlyRead(t *testing.T) {
	t.Parallel()
	root, other := issue(t, "root", nil, true), issue(t, "other", nil, true)
	bundle, err := pkcs7.Encode([][]byte{root.cert.Raw, other.cert.Raw})
	if err != nil {
		t.Fatal(err)
	}
	block := armoured("PKCS7", bundle)
	c := decode(t, block+issue(t, "third", nil, true).certPEM())
	for what, err := range map[string]error{
		"delete": c.Delete(labelOf(t, c, "root")), "rename": c.Rename(labelOf(t, c, "root"), "new"),
	} {
		if !errors.Is(err, kdb.ErrUnsupported) {
			t.Errorf("%s: %v, want ErrUnsupported", what, err)
		}
	}
	if err := c.Delete(labelOf(t, c, "third")); err != nil {
		t.Error(err)
	}
	if text := encode(t, c); text != block {
		t.Errorf("%s", text)
	}
	if got := fmt.Sprint(describe(c)); got != "trusted root 1, trusted other 1" {
		t.Error(got)
	}
}

// TestTrusted_inADatabase: reject settings take the trust away, and the alias is the label.
func TestTrusted_inADatabase(t *testing.T) {
	t.Parallel()
	root := issue(t, "root", nil, true)
	usage, alias := der(6, []byte("\x55\x1d\x25\x00")), der(0x0c, []byte("Alias"))
	for want, aux := range map[string][]byte{
		"trusted Alias 1 distrusted": der(0x30, der(0xa0, usage), alias), "trusted Alias 1": der(0x30, der(0x30, usage), alias),
	} {
		block := armoured("TRUSTED CERTIFICATE", slices.Concat(root.cert.Raw, aux))
		if got := describe(decode(t, block)); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
