package path

import (
	"crypto/elliptic"
	"math/big"
	"strings"
	"testing"

	"certkdb/pki/cert"
	"certkdb/pki/name"
	"certkdb/pki/oid"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// smtpName makes a SmtpUTF8Mailbox.
func smtpName(mailbox string) cert.GeneralName {
	var b cryptobyte.Builder
	b.AddASN1(asn1.OBJECT_IDENTIFIER, func(b *cryptobyte.Builder) { b.AddBytes([]byte("\x2b\x06\x01\x05\x05\x07\x08\x09")) })
	b.AddASN1(asn1.Tag(0).Constructed().ContextSpecific(), func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.UTF8String, func(b *cryptobyte.Builder) { b.AddBytes([]byte(mailbox)) })
	})
	return cert.GeneralName{Type: cert.OtherName, Value: b.BytesOrPanic()}
}

func directory(t *testing.T, text string) cert.GeneralName {
	t.Helper()
	n, err := name.ParseString(text)
	if err != nil {
		t.Fatal(err)
	}
	return cert.GeneralName{Type: cert.DirectoryName, Value: n.DER()}
}

func TestWellFormed(t *testing.T) {
	t.Parallel()
	general := func(kind cert.NameType, value string) cert.GeneralName {
		return cert.GeneralName{Type: kind, Value: []byte(value)}
	}
	tests := []struct {
		n    cert.GeneralName
		want bool
	}{
		{general(cert.DNSName, "example.com"), true},
		{general(cert.DNSName, "localhost"), true},
		{general(cert.DNSName, "*.example.com"), true},
		{general(cert.DNSName, "*.com"), false},
		{general(cert.DNSName, "*"), false},
		{general(cert.DNSName, "a.*.com"), false},
		{general(cert.DNSName, "a*.example.com"), false},
		{general(cert.DNSName, "example.com."), false},
		{general(cert.DNSName, ".example.com"), false},
		{general(cert.DNSName, "a..b"), false},
		{general(cert.DNSName, "a_b.example.com"), false},
		{general(cert.DNSName, "exa\x00mple.com"), false},
		{general(cert.DNSName, "192.0.2.1"), false},
		{general(cert.DNSName, ""), false},
		{general(cert.DNSName, strings.Repeat("a", 64)+".com"), false},
		{general(cert.DNSName, strings.Repeat("a.", 130)+"com"), false},
		{general(cert.RFC822Name, "a@example.com"), true},
		{general(cert.RFC822Name, "a"), false},
		{general(cert.URIName, "https://example.com/x"), true},
		{general(cert.URIName, "urn:uuid:1"), true},
		{general(cert.URIName, "/relative"), false},
		{general(cert.URIName, "https:///x"), false},
		{general(cert.URIName, "file:///x"), true},
		{general(cert.URIName, "https://[fe80::1%25eth0]/"), false},
		{general(cert.URIName, "https://[2001:db8::1]/"), true},
		{general(cert.IPAddress, "1234"), true},
		{general(cert.IPAddress, "12345678"), false},
		{directory(t, "CN=a"), true},
		{directory(t, `CN=a\00b`), false},
		{general(cert.DirectoryName, "\x30\x02\x31\x00"), false},
		{smtpName("ä@example.com"), true},
		{smtpName("a@exämple.com"), false},
		{general(cert.OtherName, "x"), false},
		{general(cert.RegisteredID, "\x2a"), true},
	}
	for _, test := range tests {
		if got := wellFormed(test.n); got != test.want {
			t.Errorf("%s: %v", test.n, got)
		}
	}
}

func TestWellFormedConstraint(t *testing.T) {
	t.Parallel()
	tests := []struct {
		kind  cert.NameType
		value string
		want  bool
	}{
		{cert.DNSName, "example.com", true},
		{cert.DNSName, ".example.com", false},
		{cert.DNSName, "*.example.com", false},
		{cert.DNSName, "", false},
		{cert.URIName, "www.example.com", true},
		{cert.URIName, ".example.com", true},
		{cert.URIName, "localhost", false},
		{cert.URIName, "example.com:443", false},
		{cert.RFC822Name, "example.com", true},
		{cert.RFC822Name, ".example.com", true},
		{cert.RFC822Name, "a@example.com", true},
		{cert.RFC822Name, "@example.com", false},
		{cert.RFC822Name, "a@.example.com", false},
		{cert.IPAddress, "\x0a\x00\x00\x00\xff\x00\x00\x00", true},
		{cert.IPAddress, "\x0a\x00\x00\x00\xff\x00\xff\x00", false},
		{cert.IPAddress, "\x0a\x00\x00\x00", false},
		{cert.IPAddress, strings.Repeat("\x00", 32), true},
		{cert.DirectoryName, "\x30\x00", false},
	}
	for _, test := range tests {
		n := cert.GeneralName{Type: test.kind, Value: []byte(test.value)}
		if got := wellFormedConstraint(n); got != test.want {
			t.Errorf("%s: %v", n, got)
		}
	}
}

func TestMatchEmail_kinds(t *testing.T) {
	t.Parallel()
	subject, err := name.ParseString("emailAddress=s@example.com")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		rule, address string
		c             cert.Certificate
		want          bool
	}{
		{"rfc822Name", "a@example.com", cert.Certificate{SAN: cert.SAN{{Type: cert.RFC822Name, Value: []byte("a@EXAMPLE.com")}}}, true},
		{"SmtpUTF8Mailbox", "ä@example.com", cert.Certificate{SAN: cert.SAN{smtpName("ä@example.com")}}, true},
		{"host in U-labels", "ä@exämple.com", cert.Certificate{SAN: cert.SAN{smtpName("ä@xn--exmple-cua.com")}}, true},
		{"host in U-labels, rfc822Name", "a@exämple.com", cert.Certificate{SAN: cert.SAN{{Type: cert.RFC822Name, Value: []byte("a@xn--exmple-cua.com")}}}, true},
		{"SmtpUTF8Mailbox of another mailbox", "a@example.com", cert.Certificate{SAN: cert.SAN{smtpName("ä@example.com")}}, false},
		{"subject alone", "s@example.com", cert.Certificate{Subject: subject}, true},
		{"subject beside an alternative name", "s@example.com", cert.Certificate{Subject: subject, SAN: cert.SAN{{Type: cert.RFC822Name, Value: []byte("a@example.com")}}}, false},
		{"no address", "", cert.Certificate{Subject: subject}, false},
	}
	for _, test := range tests {
		if got := matchEmail(&test.c, test.address); got != test.want {
			t.Errorf("%s: %v", test.rule, got)
		}
	}
}

func TestProfile_names(t *testing.T) {
	t.Parallel()
	for p := RFC5280; p <= WebPKI; p++ {
		if got, ok := ParseProfile(p.String()); !ok || got != p {
			t.Errorf("%s: %v %v", p, got, ok)
		}
	}
	if _, ok := ParseProfile("none"); ok {
		t.Error("none is read")
	}
}

// TestRules_haveSections looks for a rule without its place in a standard.
func TestRules_haveSections(t *testing.T) {
	t.Parallel()
	for rule, section := range sections {
		if section == "" || rule.Section() != section {
			t.Errorf("%s: %q", rule, section)
		}
	}
	for rule := range cures {
		if rule.Section() == "" {
			t.Errorf("%s has a cure, but no section", rule)
		}
	}
	if len(sections) != 27 {
		t.Errorf("%d rules have sections", len(sections))
	}
}

func TestCanonicalParams(t *testing.T) {
	t.Parallel()
	const null = "\x05\x00"
	tests := []struct {
		id     string
		params []byte
		want   bool
	}{
		{"1.2.840.113549.1.1.11", []byte(null), true},
		{"1.2.840.113549.1.1.11", nil, false},
		{"1.2.840.10045.4.3.2", nil, true},
		{"1.2.840.10045.4.3.2", []byte(null), false},
		{oidEd25519, []byte(null), false},
		{oidMLDSA65, nil, true},
		{"1.2.3.4", []byte(null), true},
	}
	for _, test := range tests {
		if got := canonicalParams(oid.Algorithm{OID: test.id, Params: test.params}); got != test.want {
			t.Errorf("%s with %x: %v", test.id, test.params, got)
		}
	}
}

func TestReadKey_refuses(t *testing.T) {
	t.Parallel()
	spki := func(id, params string, key []byte) []byte {
		var b cryptobyte.Builder
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1(asn1.OBJECT_IDENTIFIER, func(b *cryptobyte.Builder) { b.AddBytes([]byte(id)) })
				b.AddBytes([]byte(params))
			})
			b.AddASN1BitString(key)
		})
		return b.BytesOrPanic()
	}
	rsaKey := func(n, e *big.Int) []byte {
		var b cryptobyte.Builder
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1BigInt(n); b.AddASN1BigInt(e) })
		return b.BytesOrPanic()
	}
	one := big.NewInt(1)
	const (
		idRSA  = "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"
		idEC   = "\x2a\x86\x48\xce\x3d\x02\x01"
		p256   = "\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07"
		idDSA  = "\x2a\x86\x48\xce\x38\x04\x01"
		ed     = "\x2b\x65\x70"
		idEd48 = "\x2b\x65\x71"
	)
	curve := elliptic.P256().Params()
	compressed := elliptic.MarshalCompressed(elliptic.P256(), curve.Gx, curve.Gy)
	if k := readKey(spki(idEC, p256, compressed), publicKey{}); k.err != nil {
		t.Errorf("compressed point: %v", k.err)
	}
	tests := []struct {
		rule string
		der  []byte
	}{
		{"nothing", nil},
		{"RSA modulus of 20000 bits", spki(idRSA, "\x05\x00", rsaKey(new(big.Int).Lsh(one, 20000), big.NewInt(3)))},
		{"RSA exponent of 64 bits", spki(idRSA, "\x05\x00", rsaKey(new(big.Int).Lsh(one, 2048), new(big.Int).Lsh(one, 63)))},
		{"RSA modulus 0", spki(idRSA, "\x05\x00", rsaKey(new(big.Int), big.NewInt(3)))},
		{"RSA exponent 1", spki(idRSA, "\x05\x00", rsaKey(new(big.Int).SetBit(new(big.Int).Lsh(one, 2047), 0, 1), one))},
		{"RSA modulus even", spki(idRSA, "\x05\x00", rsaKey(new(big.Int).Lsh(one, 2047), big.NewInt(3)))},
		{"RSA key with something after it", spki(idRSA, "\x05\x00", append(rsaKey(new(big.Int).SetBit(new(big.Int).Lsh(one, 2047), 0, 1), big.NewInt(3)), 0))},
		{"RSA without a key", spki(idRSA, "\x05\x00", nil)},
		{"EC without a curve", spki(idEC, "", []byte{4})},
		{"EC by an unknown curve", spki(idEC, "\x06\x02\x2a\x03", []byte{4})},
		{"EC point that is off the curve", spki(idEC, p256, append([]byte{4}, make([]byte, 64)...))},
		{"EC compressed point that is none", spki(idEC, p256, append([]byte{2}, []byte(strings.Repeat("\xff", 32))...))},
		{"DSA without parameters", spki(idDSA, "", []byte{2, 1, 5})},
		{"Ed25519 key too short", spki(ed, "", []byte{1})},
		{"Ed448 key too short", spki(idEd48, "", []byte{1})},
		{"unknown algorithm", spki("\x2a\x03", "", []byte{1})},
	}
	for _, test := range tests {
		if k := readKey(test.der, publicKey{}); k.err == nil {
			t.Errorf("%s: read", test.rule)
		}
	}
}
