package pkcs12_test

import (
	"encoding/asn1"
	"testing"

	"certkdb/kdb"
)

// withoutMAC takes the MacData of a file away, as somebody would who changes the rest.
func withoutMAC(t *testing.T, file []byte) []byte {
	t.Helper()
	var pfx struct {
		Version int
		Safe    asn1.RawValue
		MAC     asn1.RawValue `asn1:"optional"`
	}
	if _, err := asn1.Unmarshal(file, &pfx); err != nil {
		t.Fatal(err)
	}
	return der(t, 0x30, []byte{2, 1, 3}, pfx.Safe.FullBytes)
}

// TestUnsealed: a file that has secrets and no MAC is told from one that has a MAC, and from one that protects nothing (RFC 7292, 4).
func TestUnsealed(t *testing.T) {
	t.Parallel()
	f := newFamily(t)
	web := f.personal("web", f.one)
	root := kdb.Entry{Label: "root", Kind: kdb.KindTrusted, Trusted: true, Certificates: web.Certificates[1:2]}
	for rule, c := range map[string]struct {
		file     []byte
		password string
		want     bool
	}{
		"with its MAC":            {encode(t, newFile(t, "", web), "secret"), "secret", false},
		"its MAC taken away":      {withoutMAC(t, encode(t, newFile(t, "", web), "secret")), "secret", true},
		"certificates, encrypted": {withoutMAC(t, encode(t, newFile(t, "", root), "secret")), "secret", true},
		"old encryption":          {withoutMAC(t, encode(t, newFile(t, "legacy", web), "secret")), "secret", true},
		"nothing encrypted":       {encode(t, newFile(t, "passwordless", web, root), ""), "", false},
	} {
		if got := decode(t, c.file, c.password).Unsealed(); got != c.want {
			t.Errorf("%s: unsealed %v, want %v", rule, got, c.want)
		}
	}
	if newFile(t, "", web).Unsealed() {
		t.Error("a new file, which will get its MAC, is called unsealed")
	}
}
