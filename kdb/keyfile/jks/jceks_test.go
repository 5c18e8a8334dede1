package jks_test

import (
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/keyfile"
	"certkdb/kdb/keyfile/jks"
	"certkdb/pki/pbe"
)

// sealedObject is a serialised javax.crypto.SealedObject, as the JDK writes it, with the given parameters and content.
func sealedObject(t *testing.T, sealAlg string, params, content []byte) []byte {
	t.Helper()
	head, err := hex.DecodeString(strings.ReplaceAll("aced000573"+
		"72 0033 636f6d2e73756e2e63727970746f2e70726f76696465722e5365616c65644f626a656374466f724b657950726f746563746f72 cd57ca59e730bb53 02 "+
		"0000 78"+
		"72 0019 6a617661782e63727970746f2e5365616c65644f626a656374 3e363da6c3b75470 02 0004"+
		"5b 000d 656e636f646564506172616d73 74 0002 5b42"+
		"5b 0010 656e63727970746564436f6e74656e74 71 007e0002"+
		"4c 0009 706172616d73416c67 74 0012 4c6a6176612f6c616e672f537472696e673b"+
		"4c 0007 7365616c416c67 71 007e0003 78 70"+
		"75 72 0002 5b42 acf317f8060854e0 02 0000 78 70", " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return join(head, u32(uint32(len(params))), params,
		[]byte("\x75\x71\x00\x7e\x00\x05"), u32(uint32(len(content))), content,
		[]byte{0x74}, text("PBEWithMD5AndTripleDES"), []byte{0x74}, text(sealAlg))
}

// pbeParams is SEQUENCE { salt, iterations }.
func pbeParams(t *testing.T, iterations int) []byte {
	t.Helper()
	der, err := asn1.Marshal(struct {
		Salt       []byte
		Iterations int
	}{[]byte("saltSALT"), iterations})
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func jceksStore(objects ...[]byte) []byte {
	body := u32(0xCECECECE, 2, uint32(len(objects)))
	for i, o := range objects {
		body = join(body, u32(3), text(fmt.Sprintf("key%d", i)), make([]byte, 8), o)
	}
	return signed(body, secret)
}

func openJCEKS(t *testing.T, data []byte) keyfile.Container {
	t.Helper()
	password := secret
	c, err := jks.JCEKS().Decode(keyfile.Files{Main: data}, passwords(&password))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestJCEKS_sealedObjects: a parameter out of bounds is refused with its number. If the key were derived, the error would
// be that of a wrong password.
func TestJCEKS_sealedObjects(t *testing.T) {
	t.Parallel()
	const alg = "PBEWithMD5AndTripleDES"
	for name, tt := range map[string]struct {
		object []byte
		want   error
		text   string
	}{
		"a wrong password":     {sealedObject(t, alg, pbeParams(t, 20), make([]byte, 64)), kdb.ErrPassword, "1.3.6.1.4.1.42.2.19.1"},
		"another cipher":       {sealedObject(t, "AES", pbeParams(t, 20), make([]byte, 64)), kdb.ErrEncryption, `"AES"`},
		"2^31-1 iterations":    {sealedObject(t, alg, pbeParams(t, 0x7FFFFFFF), make([]byte, 64)), kdb.ErrEncryption, "2147483647 iterations"},
		"no iteration":         {sealedObject(t, alg, pbeParams(t, 0), make([]byte, 64)), kdb.ErrEncryption, "0 iterations"},
		"no parameters":        {sealedObject(t, alg, nil, make([]byte, 64)), kdb.ErrParse, "malformed parameters"},
		"half a block":         {sealedObject(t, alg, pbeParams(t, 20), make([]byte, 63)), kdb.ErrPassword, ""},
		"nothing sealed in it": {sealedObject(t, alg, pbeParams(t, 20), nil), kdb.ErrPassword, ""},
	} {
		c := openJCEKS(t, jceksStore(tt.object))
		entries := c.Entries()
		if len(entries) != 1 || entries[0].Kind != kdb.KindSecretKey || entries[0].KeyAlgorithm != "" {
			t.Errorf("%s: listed as %+v", name, entries)
		}
		if _, err := c.Key("key0"); !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.text) {
			t.Errorf("%s: %v, want %v with %q", name, err, tt.want, tt.text)
		}
		findings := 0
		c.Check(func(kdb.Problem) { findings++ })
		if findings != 1 {
			t.Errorf("%s: %d findings, want 1", name, findings)
		}
	}
}

// TestJCEKS_boundsTheWorkOfAListing has 200 keys that ask for the most that is allowed.
func TestJCEKS_boundsTheWorkOfAListing(t *testing.T) {
	t.Parallel()
	var objects [][]byte
	for range 200 {
		objects = append(objects, sealedObject(t, "PBEWithMD5AndTripleDES", pbeParams(t, 5_000_000), make([]byte, 64)))
	}
	c := openJCEKS(t, jceksStore(objects...))
	if n := len(c.Entries()); n != 200 {
		t.Errorf("%d entries, want 200", n)
	}
	if _, err := c.Key("key0"); !errors.Is(err, kdb.ErrPassword) {
		t.Errorf("the first key: %v, want a wrong password", err)
	}
	if _, err := c.Key("key1"); !errors.Is(err, pbe.ErrLimit) {
		t.Errorf("the second key: %v, want no more work", err)
	}
	var facts strings.Builder
	for _, f := range c.Facts() {
		facts.WriteString(f.Value + "\n")
	}
	if !strings.Contains(facts.String(), "200 by PBEWithMD5AndTripleDES (1.3.6.1.4.1.42.2.19.1), up to 5000000 iterations") {
		t.Errorf("the facts are\n%s", facts.String())
	}
}

func TestJCEKS_objectsThatAreNoKeysAreHidden(t *testing.T) {
	t.Parallel()
	other := []byte("\xac\xed\x00\x05\x73\x72\x00\x11java.lang.Runtime\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x78\x70")
	c := openJCEKS(t, jceksStore(other, sealedObject(t, "AES", nil, nil)))
	if got := labels(c); got != "key1" {
		t.Errorf("labels %s, want the sealed object alone", got)
	}
	if _, err := c.Key("key0"); !errors.Is(err, kdb.ErrNotFound) {
		t.Errorf("the key of a hidden object: %v, want ErrNotFound", err)
	}
}

func TestJCEKS_cutObjects(t *testing.T) {
	t.Parallel()
	whole := jceksStore(sealedObject(t, "PBEWithMD5AndTripleDES", pbeParams(t, 20), make([]byte, 64)))
	for n := range whole {
		if _, err := jks.JCEKS().Decode(keyfile.Files{Main: whole[:n]}, passwords(nil)); !errors.Is(err, kdb.ErrParse) {
			t.Fatalf("cut at %d: %v, want ErrParse", n, err)
		}
	}
}

// TestJCEKS_keyProtection names what a secret key is encrypted with, out of bounds or not, without its password.
func TestJCEKS_keyProtection(t *testing.T) {
	t.Parallel()
	const cipher = "PBEWithMD5AndTripleDES"
	for iterations, want := range map[int]string{
		20:        cipher + " (1.3.6.1.4.1.42.2.19.1), 20 iterations",
		5_000_000: cipher + " (1.3.6.1.4.1.42.2.19.1), 5000000 iterations",
	} {
		data := jceksStore(sealedObject(t, cipher, pbeParams(t, iterations), make([]byte, 64)))
		c, err := jks.JCEKS().Decode(keyfile.Files{Main: data}, passwords(nil))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := c.KeyProtection("key0"); err != nil || got != want {
			t.Errorf("%q, %v, want %q", got, err, want)
		}
		if _, err := c.KeyProtection("missing"); !errors.Is(err, kdb.ErrNotFound) {
			t.Errorf("a label that is missing: %v", err)
		}
	}
}
