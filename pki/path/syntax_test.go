package path

import (
	"strings"
	"testing"

	"certkdb/pki/cert"
	"certkdb/pki/name"

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
		{
			"host in U-labels, rfc822Name", "a@exämple.com",
			cert.Certificate{SAN: cert.SAN{{Type: cert.RFC822Name, Value: []byte("a@xn--exmple-cua.com")}}},
			true,
		},
		{"SmtpUTF8Mailbox of another mailbox", "a@example.com", cert.Certificate{SAN: cert.SAN{smtpName("ä@example.com")}}, false},
		{"subject alone", "s@example.com", cert.Certificate{Subject: subject}, true},
		{
			"subject with an alternative name", "s@example.com",
			cert.Certificate{Subject: subject, SAN: cert.SAN{{Type: cert.RFC822Name, Value: []byte("a@example.com")}}},
			false,
		},
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
	for rule, section := range sections() {
		if section == "" || rule.Section() != section {
			t.Errorf("%s: %q", rule, section)
		}
	}
	for rule, action := range usual() {
		if rule.Section() == "" || (Remedy{Action: action}).String() == "" {
			t.Errorf("%s has no section, or a remedy that says nothing", rule)
		}
	}
	if len(sections()) != 27 {
		t.Errorf("%d rules have sections", len(sections()))
	}
}

func TestUnderDomain(t *testing.T) {
	t.Parallel()
	tests := []struct {
		host, constraint string
		want             bool
	}{
		{"a.example.com", "example.com", true},
		{"example.com", "example.com", true},
		{"example.com", ".example.com", false},
		{"a.example.com", ".EXAMPLE.com", true},
		{"xexample.com", "example.com", false},
		{"anything", "", true},
	}
	for _, test := range tests {
		if got := underDomain(test.host, test.constraint); got != test.want {
			t.Errorf("underDomain(%q, %q) = %v", test.host, test.constraint, got)
		}
	}
}

func TestIsMailbox(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"a@example.com": true, "a.b+c@example.com": true, "*@example.com": true, "a@b@example.com": false, `"a"@example.com`: false,
		"@example.com": false, "a@": false, ".a@example.com": false, "a..b@example.com": false, "a@[192.0.2.1]": false, "a@-x.com": false,
	} {
		if got := isMailbox(text); got != want {
			t.Errorf("isMailbox(%q) = %v", text, got)
		}
	}
}
