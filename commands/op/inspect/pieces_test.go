package inspect_test

import (
	"bytes"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"certkdb/commands/op"
	"certkdb/commands/op/inspect"
	"certkdb/commands/op/optest"
	"certkdb/kdb"
	"certkdb/kdb/keyfile/pkcs7"
	"certkdb/pki/pbe"
)

// inspectFile shows a file that holds text.
func inspectFile(t *testing.T, text string, o inspect.Inspect) (inspect.Inspected, error) {
	t.Helper()
	o.File = optest.File(t, "file", text)
	return o.Run(ctx, optest.Env())
}

// spkiOf is the public key of an identity.
func spkiOf(t *testing.T, i *optest.Identity) []byte {
	t.Helper()
	c, _ := i.Parts()
	return c.RawSubjectPublicKeyInfo
}

// TestInspect_pieces: each kind of piece is named, and its public key is the same wherever it stands.
func TestInspect_pieces(t *testing.T) {
	t.Parallel()
	root := optest.NewCA(t, "Root")
	web := root.Issue(t, "web")
	spki := spkiOf(t, web)
	bundle, err := pkcs7.Encode([][]byte{web.Certificate, root.Certificate})
	if err != nil {
		t.Fatal(err)
	}
	public, request := op.PEMString("PUBLIC KEY", spki), optest.Request(t, "web")
	for _, c := range []struct{ rule, text, want, key string }{
		{"a public key", public, "pem: public-key", op.Digest(spki)},
		{"a certificate", optest.PEM(root.Trusted("")), "pem: certificate", op.Digest(spkiOf(t, root))},
		{"a private key", op.PEMString("PRIVATE KEY", web.Key), "pem: private-key", op.Digest(spki)},
		{"a request in DER", string(request.Request), "der: request", ""},
		{"a list in DER", string(root.CRL(t, 1)), "der: crl", ""},
		{"parameters", op.PEMString("EC PARAMETERS", []byte("\x06\x01\x2a")), "pem: parameters", ""},
		{"a block of another kind", op.PEMString("NOTES", []byte("x")), "pem: block", ""},
		{"PKCS #7", op.PEMString("PKCS7", bundle), "pkcs7: certificate certificate", op.Digest(spki)},
		{"PKCS #7 in DER", string(bundle), "pkcs7: certificate certificate", op.Digest(spki)},
		{"PKCS #7 and more", op.PEMString("PKCS7", bundle) + public, "pem: certificate certificate public-key", op.Digest(spki)},
		{"base64 alone", base64.StdEncoding.EncodeToString(root.Certificate), "base64: certificate", op.Digest(spkiOf(t, root))},
	} {
		found, err := inspectFile(t, c.text, inspect.Inspect{})
		if got := inspected(found); got != c.want || err != nil || c.key != "" && found.Items[0].SPKISHA256 != c.key {
			t.Errorf("%s: %s, %v; %+v", c.rule, got, err, found.Items)
		}
	}
}

// TestInspect_badPieces: a piece that cannot be read says why, and the error says where it stands. The pieces behind it are shown.
func TestInspect_badPieces(t *testing.T) {
	t.Parallel()
	root := optest.NewCA(t, "Root")
	good := optest.PEM(root.Trusted(""))
	broken, err := pkcs7.Encode([][]byte{root.Certificate, []byte("\x30\x03\x02\x01\x00")})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ rule, text, want string }{
		{"a certificate", op.PEMString("CERTIFICATE", []byte("\x30\x00")), "pem: certificate! certificate"},
		{"a public key", op.PEMString("PUBLIC KEY", []byte("\x30\x00")), "pem: public-key! certificate"},
		{"a request", op.PEMString("CERTIFICATE REQUEST", []byte("\x30\x00")), "pem: request! certificate"},
		{"a list", op.PEMString("X509 CRL", []byte("\x30\x00")), "pem: crl! certificate"},
		{"a private key", op.PEMString("PRIVATE KEY", []byte("\x30\x00")), "pem: private-key! certificate"},
		{"an encrypted key", op.PEMString("ENCRYPTED PRIVATE KEY", []byte("\x30\x00")), "pem: private-key! certificate"},
		{"PKCS #7", op.PEMString("PKCS7", []byte("\x30\x00")), "pem: pkcs7! certificate"},
		{"a certificate in PKCS #7", op.PEMString("PKCS7", broken), "pem: certificate certificate! certificate"},
		{"no base64", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n", "pem: certificate! certificate"},
	} {
		found, err := inspectFile(t, c.text+good, inspect.Inspect{})
		if got := inspected(found); got != c.want || !errors.Is(err, kdb.ErrParse) || !strings.Contains(err.Error(), "line 1") {
			t.Errorf("%s: %s, %v; want %s", c.rule, got, err, c.want)
		}
	}
}

// TestInspect_traditionalKey: the header says how the key is encrypted, also without a password.
func TestInspect_traditionalKey(t *testing.T) {
	t.Parallel()
	text := "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,000102030405060708090A0B0C0D0E0F\n\n" +
		base64.StdEncoding.EncodeToString(make([]byte, 32)) + "\n-----END EC PRIVATE KEY-----\n"
	found, err := inspectFile(t, text, inspect.Inspect{})
	if inspected(found) != "pem: private-key?" || err != nil ||
		!strings.HasPrefix(found.Items[0].Encryption, "traditional, DEK-Info AES-128-CBC,0001") {
		t.Errorf("%+v, %v", found, err)
	}
	found, err = inspectFile(t, text, inspect.Inspect{Password: optest.Secrets()})
	if inspected(found) != "pem: private-key!" || !errors.Is(err, kdb.ErrPassword) {
		t.Errorf("with a wrong password: %+v, %v", found, err)
	}
}

// TestInspect_passwordThatCannotBeRead: it is an error, not a key that stays closed.
func TestInspect_passwordThatCannotBeRead(t *testing.T) {
	t.Parallel()
	web := optest.NewCA(t, "web").Personal("web")
	algorithm, ciphertext, err := pbe.Encrypt(web.Key, []byte(optest.Password), pbe.AES256, 1000)
	if err != nil {
		t.Fatal(err)
	}
	pem := op.PEMString("ENCRYPTED PRIVATE KEY", pbe.JoinPKCS8(algorithm, ciphertext))
	lost := op.Password{Source: op.FromFile("/none/x")}
	for rule, o := range map[string]inspect.Inspect{
		"of a key": {Password: lost}, "of another key": {Password: optest.Secrets(), KeyPasswords: []op.Password{lost}},
	} {
		if found, err := inspectFile(t, pem, o); err == nil || found.Items[0].Error == "" {
			t.Errorf("%s: %+v, %v", rule, found, err)
		}
	}
	for _, name := range []string{"a.p12", "a.jks"} {
		file := optest.Store(t, name, web)
		for rule, o := range map[string]inspect.Inspect{
			"of the store": {Password: lost}, "of a key": {Password: optest.Secrets(), KeyPasswords: []op.Password{lost}},
		} {
			o.File = file
			if found, err := o.Run(ctx, optest.Env()); err == nil || len(found.Items) > 0 {
				t.Errorf("%s %s: %+v, %v", name, rule, found, err)
			}
		}
	}
}

// TestInspect_flaws: a certificate that programs refuse is shown, but it is not what was expected.
func TestInspect_flaws(t *testing.T) {
	t.Parallel()
	root := optest.NewCA(t, "Root")
	change := func(old, new string) string {
		if !bytes.Contains(root.Certificate, []byte(old)) {
			t.Fatalf("the certificate has no %q", old)
		}
		return string(bytes.Replace(root.Certificate, []byte(old), []byte(new), 1))
	}
	c, _ := root.Parts()
	end := c.NotAfter.UTC().Format("060102150405Z")
	for rule, text := range map[string]string{
		"not a time":            change(end, "99"+strings.Repeat("9", len(end)-3)+"Z"),
		"a number for a name":   change("\x13\x04Root", "\x02\x04Root"),
		"a general string":      change("\x13\x04Root", "\x1b\x04Root"),
		"a structure in octets": change("\x13\x04Root", "\x04\x04Root"),
	} {
		if found, err := inspectFile(t, text, inspect.Inspect{}); inspected(found) != "der: certificate" || err != nil {
			t.Errorf("%s: %s, %v", rule, inspected(found), err)
		}
		if _, err := inspectFile(t, text, inspect.Inspect{Expect: "certificate"}); !errors.Is(err, kdb.ErrParse) ||
			!strings.Contains(err.Error(), "not well-formed") {
			t.Errorf("%s, expected: %v", rule, err)
		}
	}
	for rule, text := range map[string]string{"as it was": string(root.Certificate), "bits": change("\x13\x04Root", "\x03\x04\x00oot")} {
		if _, err := inspectFile(t, text, inspect.Inspect{Expect: "certificate"}); err != nil {
			t.Errorf("%s: %v", rule, err)
		}
	}
}

// TestInspect_stores: PKCS #12 is shown by its bags, another key store by its entries, and a key that does not open stays closed.
func TestInspect_stores(t *testing.T) {
	t.Parallel()
	root := optest.NewCA(t, "Root")
	web := root.Issue(t, "web")
	list := []kdb.Entry{web.Personal("web"), root.Trusted("root")}
	p12, ckdb := optest.Store(t, "a.p12", list...), optest.Store(t, "a.ckdb", append(list, optest.Secret("aes"), optest.Request(t, "x"))...)
	secrets := inspect.Inspect{Password: optest.Secrets(), KeyPasswords: []op.Password{optest.Secrets()}}
	for file, want := range map[string]string{
		p12: "pkcs12: certificate certificate private-key", ckdb: "ckdb: secret-key trusted personal request",
	} {
		o := secrets
		o.File = file
		found, err := o.Run(ctx, optest.Env())
		if got := inspected(found); got != want || err != nil || found.Version == "" {
			t.Errorf("%s, %v; want %s", got, err, want)
		}
		for _, item := range found.Items {
			switch {
			case item.Type == "secret-key" && (item.KeyType != "AES, 128 bits" || item.PKCS8SHA256 != ""):
				t.Errorf("a secret key: %+v", item)
			case item.Label == "web" && item.SPKISHA256 != op.Digest(spkiOf(t, web)):
				t.Errorf("%s has another public key: %+v", item.Type, item)
			case item.Label == "root" && file == p12 && !item.TrustedKeyUsage, item.Label == "root" && file == ckdb && !item.Trusted:
				t.Errorf("root is not trusted: %+v", item)
			}
		}
	}
	wrong := inspect.Inspect{File: p12, Password: op.Password{Source: op.FromBytes([]byte("wrong"))}}
	if found, err := wrong.Run(ctx, optest.Env()); !errors.Is(err, kdb.ErrPassword) || !strings.Contains(err.Error(), p12) {
		t.Errorf("a wrong password: %+v, %v", found, err)
	}
}

// TestInspect_indirectList: an entry of another CA's certificate says whose it is.
func TestInspect_indirectList(t *testing.T) {
	t.Parallel()
	ca := optest.NewCA(t, "Root")
	c, _ := ca.Parts()
	revoked := optest.Revoked(0x1001, 1, time.Time{})
	other := append([]byte{0x30, byte(len(c.RawSubject) + 2), 0xa4, byte(len(c.RawSubject))}, c.RawSubject...)
	revoked.ExtraExtensions = append(revoked.ExtraExtensions, pkix.Extension{
		Id: asn1.ObjectIdentifier{2, 5, 29, 29}, Critical: true, Value: other,
	})
	found, err := inspectFile(t, string(ca.CRL(t, 1, revoked)), inspect.Inspect{})
	if err != nil || len(found.Items) != 1 || len(found.Items[0].RevokedCertificates) != 1 {
		t.Fatalf("%+v, %v", found, err)
	}
	if got := found.Items[0].RevokedCertificates[0].Issuer; got != "directory:CN=Root" {
		t.Errorf("the issuer is %q", got)
	}
}

// TestInspect_trustedCertificate: in the form of OpenSSL, a certificate is trusted if it has uses, not if it has only rejected ones.
func TestInspect_trustedCertificate(t *testing.T) {
	t.Parallel()
	root := optest.NewCA(t, "Root")
	const use = "\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x01" // serverAuth
	for text, want := range map[string]bool{"\x30\x0c\x30\x0a" + use: true, "\x30\x0c\xa0\x0a" + use: false, "\x30\x00": false} {
		found, err := inspectFile(t, op.PEMString("TRUSTED CERTIFICATE", append(bytes.Clone(root.Certificate), text...)), inspect.Inspect{})
		if err != nil || len(found.Items) != 1 || found.Items[0].Trusted != want {
			t.Errorf("%x: %+v, %v", text, found.Items, err)
		}
	}
}
