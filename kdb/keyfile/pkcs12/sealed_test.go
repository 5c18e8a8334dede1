package pkcs12_test

import (
	"encoding/asn1"
	"errors"
	"fmt"
	"strings"
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/keyfile"
	"certkdb/kdb/keyfile/pkcs12"
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
		noted := false
		decode(t, c.file, c.password).Check(func(p kdb.Problem) {
			noted = noted || p.Where == "MAC" && p.Severity == kdb.Note && strings.Contains(p.What, "there is none")
		})
		if noted == (rule == "with its MAC") {
			t.Errorf("%s: a note about the MAC: %v", rule, noted)
		}
	}
	if newFile(t, "", web).Unsealed() {
		t.Error("a new file, which will get its MAC, is called unsealed")
	}
}

// TestDecode_unverified: without its password a file that encrypts no certificates is listed, and cannot be written.
func TestDecode_unverified(t *testing.T) {
	t.Parallel()
	f := newFamily(t)
	bag := newFile(t, "passwordless", trusted("root", f.root)).Bags()[0].DER
	info := contentInfo(t, asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}, octets(t, der(t, 0x30, bag)))
	data := withMAC(t, der(t, 0x30, info), "x")
	c, err := pkcs12.Decode(data, keyfile.Passwords{})
	if err != nil || !c.Unverified() || labels(c) != "root:trusted:c*" {
		t.Fatalf("without password: %v", err)
	}
	if _, err := c.Encode([]byte("x")); !errors.Is(err, kdb.ErrNoPassword) {
		t.Errorf("writing: %v", err)
	}
	closed := 0
	c.Check(func(p kdb.Problem) {
		if p.Severity == kdb.Closed {
			closed++
		}
	})
	if fact := c.Facts()[0]; closed != 1 || !fact.Weak || !strings.Contains(fact.Value, "not verified") {
		t.Errorf("%d findings, %v", closed, fact)
	}
	if c = decode(t, data, "x"); c.Unverified() {
		t.Error("with the password it is unverified too")
	}
	if _, err := pkcs12.Decode(data, passwords("y")); !errors.Is(err, kdb.ErrPassword) {
		t.Errorf("a wrong password: %v", err)
	}
}

// TestDecode_saysWhyThereIsNoPassword: a file that encrypts its certificates cannot be read without its password. The error is what the
// source of the password said, which is asked once.
func TestDecode_saysWhyThereIsNoPassword(t *testing.T) {
	t.Parallel()
	f := newFamily(t)
	data := encode(t, newFile(t, "2023", trusted("root", f.root)), "x")
	asked, why := 0, fmt.Errorf("%w: the terminal was closed", kdb.ErrNoPassword)
	_, err := pkcs12.Decode(data, keyfile.Passwords{Database: func() ([]byte, error) {
		asked++
		return nil, why
	}})
	if err != why || asked != 1 {
		t.Errorf("%v, asked %d times", err, asked)
	}
	if _, err := pkcs12.Decode(data, keyfile.Passwords{}); err != kdb.ErrNoPassword {
		t.Errorf("without a source: %v", err)
	}
}
