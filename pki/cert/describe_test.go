package cert_test

import (
	"strings"
	"testing"

	"certkdb/pki/cert"
)

// TestDescribeExtensions_everyKind shows each extension that is decoded, and what cannot be decoded as hexadecimal with the reason.
func TestDescribeExtensions_everyKind(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ id, value, want string }{
		{cert.IDKeyUsage, "\x03\x02\x01\x06", "keyCertSign, cRLSign"},
		{cert.IDKeyUsage, "\x03\x01\x00", ""},
		{cert.IDKeyUsage, "\x03\x03\x07\x00\x80", "decipherOnly"},
		{cert.IDExtendedKeyUsage, tlv(0x30, "\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x01", oid123), "serverAuth, 1.2.3"},
		{cert.IDExtendedKeyUsage, tlv(0x30), "#3000 (it is empty)"},
		{cert.IDBasicConstraints, "\x30\x03\x01\x01\xff", "CA"},
		{cert.IDBasicConstraints, "\x30\x06\x01\x01\xff\x02\x01\x00", "CA, at most 0 further CAs"},
		{cert.IDBasicConstraints, "\x30\x09\x01\x01\xff\x02\x04\x7f\xff\xff\xff", "CA, at most 2147483647 further CAs"},
		{cert.IDBasicConstraints, "\x30\x0e\x01\x01\xff\x02\x09\x01\x00\x00\x00\x00\x00\x00\x00\x00", "CA"},
		{cert.IDBasicConstraints, "\x05\x00", "#0500 (it is not a SEQUENCE)"},
		{cert.IDSubjectKeyID, "\x04\x02\xab\xcd", "abcd"},
		{
			cert.IDAuthorityKeyID, tlv(0x30, tlv(0x80, "\x01"), tlv(0xa1, tlv(0xa4, directory("CN=i"))), "\x82\x01\x05"),
			"01, issuer directory:CN=i, serial 05",
		},
		{cert.IDAuthorityKeyID, "\x05\x00", "#0500 (reading an authority key identifier: it is not a SEQUENCE)"},
		{cert.IDSubjectAltName, tlv(0x30, dnsA, uri), "dns:a.example, uri:http://a.example/"},
		{cert.IDIssuerAltName, tlv(0x30, tlv(0x81, "a@b")), "email:a@b"},
		{cert.IDCertificateIssuer, tlv(0x30, tlv(0xa4, directory("CN=i"))), "directory:CN=i"},
		{
			cert.IDNameConstraints, tlv(0x30, tlv(0xa0, tlv(0x30, dnsA)), tlv(0xa1, tlv(0x30, uri))),
			"permitted dns:a.example, excluded uri:http://a.example/",
		},
		{cert.IDNameConstraints, "\x05\x00", "#0500 (reading name constraints: not a SEQUENCE)"},
		{cert.IDCRLDistributionPoints, tlv(0x30, tlv(0x30, fullName), tlv(0x30, rdnName)), "uri:http://a.example/, relative CN=crl1"},
		{
			cert.IDFreshestCRL, tlv(0x30, tlv(0x30, fullName, tlv(0xa2, tlv(0xa4, directory("CN=c"))))),
			"uri:http://a.example/ CRL issuer directory:CN=c",
		},
		{cert.IDCRLDistributionPoints, tlv(0x30), "#3000 (reading distribution points: not a SEQUENCE of points)"},
		{cert.IDAuthorityInfoAccess, tlv(0x30, tlv(0x30, "\x06\x08\x2b\x06\x01\x05\x05\x07\x30\x02", uri)), "caIssuers uri:http://a.example/"},
		{cert.IDSubjectInfoAccess, tlv(0x30, tlv(0x30, oid123, uri)), "1.2.3 uri:http://a.example/"},
		{cert.IDAuthorityInfoAccess, "\x05\x00", "#0500 (reading access descriptions: not a SEQUENCE)"},
		{cert.IDCertificatePolicies, tlv(0x30, policy123), "1.2.3"},
		{cert.IDCertificatePolicies, tlv(0x30, tlv(0x30, oid123, tlv(0x30, tlv(0x30, idCPS, tlv(0x16, "http://cps"))))), "1.2.3 http://cps"},
		{cert.IDCertificatePolicies, tlv(0x30, tlv(0x30, oid123, tlv(0x30, tlv(0x30, idNotice, tlv(0x30))))), "1.2.3"},
		{cert.IDCertificatePolicies, tlv(0x30), "#3000 (reading certificate policies: not a SEQUENCE of policies)"},
		{cert.IDPolicyMappings, tlv(0x30), "#3000 (reading policy mappings: not a SEQUENCE of mappings)"},
		{cert.IDPolicyConstraints, tlv(0x30, "\x81\x01\x02"), "no mapping after 2 certificates"},
		{cert.IDPolicyConstraints, tlv(0x30), "#3000 (reading policy constraints: not a SEQUENCE of numbers)"},
		{cert.IDInhibitAnyPolicy, "\x05\x00", "#0500 (reading inhibitAnyPolicy: not an INTEGER)"},
		{cert.IDCRLNumber, "\x05\x00", "#0500 (it is not an INTEGER)"},
		{cert.IDDeltaCRLIndicator, "\x02\x01\x07", "7"},
		{cert.IDTLSFeature, tlv(0x30, "\x02\x01\x05"), "status_request"},
		{cert.IDTLSFeature, "\x05\x00", "#0500 (it is not a SEQUENCE)"},
		{cert.IDTLSFeature, tlv(0x30, "\x05\x00"), "#30020500 (a feature is not an INTEGER)"},
		{cert.IDSCTList, "\x04\x02\x00\x00", "0 timestamps"},
		{cert.IDSCTList, "\x05\x00", "#0500 (it is not a list of timestamps)"},
		{cert.IDSCTList, "\x04\x03\x00\x01\x00", "#0403000100 (a timestamp is cut short)"},
	} {
		line := cert.DescribeExtensions([]cert.Extension{extension(test.id, true, test.value)})[0]
		want := test.want
		if want == "" {
			want = "#" + "030100" // an extension without content is shown as it stands
		}
		if line.Value != want || !line.Critical || line.Name != cert.TypeName(test.id) {
			t.Errorf("%s: %q, want %q", line.Name, line.Value, want)
		}
	}
}

// Text from a certificate cannot move the cursor of a terminal or change its colours.
func TestDescribe_isSafeForTerminals(t *testing.T) {
	t.Parallel()
	hostile := "\x1b[2J\r\n\a\x00\u202e\xff"
	p := ordinary()
	p.extensions = ext(
		one(sanOf, "", tlv(0x30, tlv(0x82, hostile), tlv(0x86, hostile), tlv(0x81, hostile), tlv(0xa0, oid123, tlv(0xa0, tlv(0x0c, hostile))))),
		one(idCE+"\x20", "", tlv(0x30, tlv(0x30, oid123, tlv(0x30, tlv(0x30, idCPS, tlv(0x16, hostile)))))),
	)
	c, err := cert.Parse(p.der())
	if err != nil {
		t.Fatal(err)
	}
	texts := []string{c.SAN.String(), c.Warning()}
	for _, line := range c.Describe() {
		texts = append(texts, line.Value)
	}
	for _, text := range texts {
		if strings.ContainsAny(text, "\x1b\r\n\a\x00\u202e") || !strings.Contains(text, `\x1b[2J`) {
			t.Errorf("%q", text)
		}
	}
}

// TestWarning_names holds alternative names and constraints against the loose rules of crypto/x509: what is warned of is refused there, and
// nothing else.
func TestWarning_names(t *testing.T) {
	t.Parallel()
	mapped := strings.Repeat("\x00", 10) + "\xff\xff\x0a\x00\x00\x01"
	for _, test := range []struct {
		rule, value string
		constraint  bool
		odd         string
	}{
		{"a host name", dnsA, false, ""},
		{"an empty host name", tlv(0x82), false, ""},
		{"a host name with a period at its end", tlv(0x82, "a."), false, "not a host name"},
		{"a host name with two periods", tlv(0x82, "a..b"), false, "not a host name"},
		{"a host name with a space", tlv(0x82, "a b"), false, "not a host name"},
		{"a host name beyond ASCII", tlv(0x82, "ü"), false, "not ASCII"},
		{"an address beyond ASCII", tlv(0x81, "ü@b"), false, "not ASCII"},
		{"a URI with a port", tlv(0x86, "http://a.example:80/x"), false, ""},
		{"a URI without a host", tlv(0x86, "urn:x"), false, ""},
		{"a URI with a bad escape", tlv(0x86, "http://a/%zz"), false, "not a URI"},
		{"an IPv4 address", tlv(0x87, "\x0a\x00\x00\x01"), false, ""},
		{"an IPv6 address", tlv(0x87, strings.Repeat("\x20", 16)), false, ""},
		{"an address of 5 bytes", tlv(0x87, "12345"), false, "not an IP address"},
		{"an IPv4-mapped address", tlv(0x87, mapped), false, "not an IP address"},
		{"a directory name", tlv(0xa4, directory("CN=d")), false, ""},
		{"a domain", dnsA, true, ""},
		{"a domain with a leading period", tlv(0x82, ".a.example"), true, ""},
		{"a domain of two leading periods", tlv(0x82, "..a"), true, "malformed"},
		{"a period alone", tlv(0x82, "."), true, "malformed"},
		{"a mailbox", tlv(0x81, "a@b.example"), true, ""},
		{"a mail domain", tlv(0x81, ".b.example"), true, ""},
		{"a mailbox without a name", tlv(0x81, "@b.example"), true, "malformed"},
		{"a mail domain with a space", tlv(0x81, "b example"), true, "malformed"},
		{"a network", tlv(0x87, "\x0a\x00\x00\x00\xff\x00\x00\x00"), true, ""},
		{"the whole network", tlv(0x87, strings.Repeat("\x00", 8)), true, ""},
		{"a mask with a hole", tlv(0x87, "\x0a\x00\x00\x00\xff\x00\xff\x00"), true, "malformed"},
		{"an address without a mask", tlv(0x87, "\x0a\x00\x00\x00"), true, "malformed"},
		{"an odd length", tlv(0x87, "123456789"), true, "malformed"},
		{"an IPv4-mapped network", tlv(0x87, mapped+strings.Repeat("\xff", 16)), true, "malformed"},
		{"a URI's domain", tlv(0x86, ".a.example"), true, ""},
		{"a URI's domain with a space", tlv(0x86, "a example"), true, "malformed"},
	} {
		p := ordinary()
		p.extensions = ext(one(sanOf, "", tlv(0x30, test.value)))
		if test.constraint {
			p.extensions = ext(one(ncOf, flagTrue, tlv(0x30, tlv(0xa1, tlv(0x30, test.value)))))
		}
		c, err := cert.Parse(p.der())
		if err != nil {
			t.Errorf("%s: %v", test.rule, err)
			continue
		}
		if w := c.Warning(); test.odd == "" && w != "" || !strings.Contains(w, test.odd) {
			t.Errorf("%s: warning %q, want %q", test.rule, w, test.odd)
		}
	}
}

// What only the decoding on demand sees is warned of too.
func TestWarning_otherExtensions(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ rule, id, value, want string }{
		{"policies", "\x20", tlv(0x30), "certificatePolicies"},
		{"policy mappings", "\x21", tlv(0x30), "policyMappings"},
		{"policy constraints", "\x24", tlv(0x30), "policyConstraints"},
		{
			"a policy constraint of 72 bits", "\x24",
			tlv(0x30, "\x80\x09\x01\x00\x00\x00\x00\x00\x00\x00\x00", "\x81\x09\x01\x00\x00\x00\x00\x00\x00\x00\x00"), "more than 64 bits",
		},
		{"inhibitAnyPolicy", "\x36", "\x05\x00", "inhibitAnyPolicy"},
		{"inhibitAnyPolicy of 72 bits", "\x36", "\x02\x09\x01\x00\x00\x00\x00\x00\x00\x00\x00", "more than 64 bits"},
		{"distribution points", "\x1f", tlv(0x30), "cRLDistributionPoints"},
		{"a usage with a big arc", "\x25", tlv(0x30, tlv(6, bigArcOID)), "arc above 2^31"},
		{"a usage within bounds", "\x25", tlv(0x30, oid123), ""},
	} {
		p := ordinary()
		p.extensions = ext(one(idCE+test.id, "", test.value))
		c, err := cert.Parse(p.der())
		if err != nil {
			t.Errorf("%s: %v", test.rule, err)
			continue
		}
		if w := c.Warning(); test.want == "" && w != "" || !strings.Contains(w, test.want) {
			t.Errorf("%s: warning %q, want %q", test.rule, w, test.want)
		}
	}
}

// The TLS feature status_request is must-staple, also among others (RFC 7633, 4).
func TestMustStaple(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]bool{
		tlv(0x30, "\x02\x01\x05"): true, tlv(0x30, "\x02\x01\x11", "\x02\x01\x05"): true, tlv(0x30, "\x02\x01\x11"): false,
		tlv(0x30): false, "\x05\x00": false,
	} {
		c := cert.Certificate{Extensions: []cert.Extension{{ID: cert.IDTLSFeature, Value: []byte(value)}}}
		if c.MustStaple() != want {
			t.Errorf("%x: want %v", value, want)
		}
	}
	if (&cert.Certificate{}).MustStaple() {
		t.Error("without the extension")
	}
}
