package pkcs12_test

import (
	"bytes"
	"testing"

	"certkdb/kdb/keyfile"
	"certkdb/kdb/keyfile/pkcs12"
)

// A new file is empty when it is written first, and filled when it is read again.
func TestNew_emptyFileKeepsItsProfile(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"2023", "2026", "legacy", "passwordless"} {
		c, err := pkcs12.New(name)
		if err != nil {
			t.Fatal(err)
		}
		password := []byte("Correct-Horse-9")
		if name == "passwordless" {
			password = nil
		}
		files, err := c.Encode(password)
		if err != nil {
			t.Fatal(err)
		}
		again, err := pkcs12.Decode(files.Main, keyfile.Passwords{Database: func() ([]byte, error) { return password, nil }})
		if err != nil {
			t.Fatal(err)
		}
		if got := again.Profile(); got != name {
			t.Errorf("an empty file of profile %s is read as one of %s", name, got)
		}
	}
}

// GSKit knows its signers by their localKeyId, which is their signature. A file of its kind gets that for new ones, and stays of its kind.
func TestEncode_trustedAsGSKitMarksThem(t *testing.T) {
	t.Parallel()
	f := newFamily(t)
	again := decode(t, encode(t, newFile(t, "gskit", trusted("root", f.root)), secret), secret)
	put(t, again, trusted("middle", f.middle), f.personal("one", f.one))
	last := decode(t, encode(t, again, secret), secret)
	if again.Profile() != "gskit" || last.Profile() != "gskit" {
		t.Errorf("read as %s and %s", again.Profile(), last.Profile())
	}
	marked := 0
	for _, b := range last.Bags() {
		for _, id := range []*identity{f.root, f.middle} {
			signature := id.cert.Signature
			if bytes.Contains(b.DER, id.cert.Raw) && bytes.HasSuffix(b.LocalKeyID, signature) && len(b.LocalKeyID) > len(signature) {
				marked++
			}
		}
	}
	for _, label := range []string{"root", "middle"} {
		if e, err := last.Entry(label); err != nil || !e.Trusted {
			t.Errorf("%s: trusted %t, %v", label, e.Trusted, err)
		}
	}
	if marked != 2 {
		t.Errorf("%d of 2 trusted certificates have their signature as localKeyId", marked)
	}
}
