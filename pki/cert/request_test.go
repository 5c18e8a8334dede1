package cert_test

import (
	"fmt"
	"strings"
	"testing"

	"certkdb/pki/cert"
)

// request builds a PKCS #10 request; the signature means nothing.
func request(version string, attributes ...string) []byte {
	info := tlv(0x30, version, directory("CN=r"), ed25519Key, strings.Join(attributes, ""))
	return []byte(tlv(0x30, info, ecdsaSHA256, tlv(3, "\x00sig")))
}

// attribute is a type and a SET of values.
func attribute(id string, values ...string) string {
	return tlv(0x30, tlv(6, id), tlv(0x31, values...))
}

func TestParseRequest_attributes(t *testing.T) {
	t.Parallel()
	const (
		v1          = "\x02\x01\x00"
		asks        = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x0e"
		asksWindows = "\x2b\x06\x01\x04\x01\x82\x37\x02\x01\x0e"
		challenge   = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x07"
	)
	dns := one(sanOf, "", tlv(0x30, tlv(0x82, "a.example")))
	isCA := one(idCE+"\x13", flagTrue, "\x30\x06\x01\x01\xff\x02\x01\x03")
	bad := one(idCE+"\x0f", "", "\x05\x00")
	tests := []struct {
		rule string
		der  []byte
		want string // "" for refused
	}{
		{"no attributes at all", request(v1), "1 CN=r [] false -1 false 0"},
		{"empty attributes", request(v1, "\xa0\x00"), "1 CN=r [] false -1 false 0"},
		{"extension request", request(v1, tlv(0xa0, attribute(asks, tlv(0x30, dns, isCA)))), "1 CN=r [dns:a.example] true 3 false 0"},
		{
			"Microsoft's extension request", request(v1, tlv(0xa0, attribute(asksWindows, tlv(0x30, dns)))),
			"1 CN=r [dns:a.example] false -1 false 0",
		},
		{"challenge password", request(v1, tlv(0xa0, attribute(challenge, tlv(0x0c, "secret")))), "1 CN=r [] false -1 true 0"},
		{"unknown attribute", request(v1, tlv(0xa0, attribute("\x2a\x03", "\x05\x00"))), "1 CN=r [] false -1 false 0"},
		{"extension request without a value", request(v1, tlv(0xa0, attribute(asks))), "1 CN=r [] false -1 false 0"},
		{"undecodable extension", request(v1, tlv(0xa0, attribute(asks, tlv(0x30, bad)))), "1 CN=r [] false -1 false 1"},
		{"extension twice", request(v1, tlv(0xa0, attribute(asks, tlv(0x30, dns, dns)))), ""},
		{"extension request that is not a SEQUENCE", request(v1, tlv(0xa0, attribute(asks, "\x05\x00"))), ""},
		{"attribute without a SET", request(v1, tlv(0xa0, tlv(0x30, tlv(6, asks)))), ""},
		{"something else after the key", request(v1, "\x05\x00"), ""},
		{"negative version", request("\x02\x01\xff"), ""},
		{"no version", request(""), ""},
	}
	for _, test := range tests {
		r, err := cert.ParseRequest(test.der)
		if err != nil || test.want == "" {
			if err == nil || test.want != "" {
				t.Errorf("%s: %v", test.rule, err)
			}
			continue
		}
		if got := fmt.Sprintf("%d %s %v %v %d %v %d", r.Version, r.Subject, []cert.GeneralName(r.SAN), r.IsCA, r.MaxPathLen, r.ChallengePassword,
			len(r.Malformed())); got != test.want {
			t.Errorf("%s: %s, want %s", test.rule, got, test.want)
		}
	}
}

// revocations builds a CRL of the given fields between the issuer and the signature.
func revocations(version string, fields ...string) []byte {
	tbs := tlv(0x30, version, ecdsaSHA256, directory("CN=i"), strings.Join(fields, ""))
	return []byte(tlv(0x30, tbs, ecdsaSHA256, tlv(3, "\x00sig")))
}

func TestParseCRL_forms(t *testing.T) {
	t.Parallel()
	const v2 = "\x02\x01\x01"
	this, next := tlv(0x17, "260101000000Z"), tlv(0x18, "20260201000000Z")
	entry := func(rest ...string) string { return tlv(0x30, "\x02\x01\x07", this, strings.Join(rest, "")) }
	reason := func(value string) string { return tlv(0x30, one(idCE+"\x15", "", value)) }
	tests := []struct {
		rule string
		der  []byte
		want string
	}{
		{"version 1 without anything", revocations("", this), "1 0 0001-01-01 <nil> 0"},
		{"next update", revocations(v2, this, next), "2 0 2026-02-01 <nil> 0"},
		{"an entry", revocations(v2, this, next, tlv(0x30, entry())), "2 1 2026-02-01 <nil> 0"},
		{"an entry with a reason", revocations(v2, this, tlv(0x30, entry(reason("\x0a\x01\x04")))), "2 1 0001-01-01 <nil> 4"},
		{"an entry with a broken reason", revocations(v2, this, tlv(0x30, entry(reason("\x05\x00")))), "2 1 0001-01-01 <nil> 0 malformed"},
		{"a number", revocations(v2, this, tlv(0xa0, tlv(0x30, one(idCE+"\x14", "", "\x02\x01\x09")))), "2 0 0001-01-01 9 0"},
		{"an empty list", revocations(v2, this, "\x30\x00"), "2 0 0001-01-01 <nil> 0"},
		{"a validity time cannot be read", revocations(v2), ""},
		{"an entry that is not a SEQUENCE", revocations(v2, this, tlv(0x30, "\x05\x00")), ""},
		{"an entry without a date", revocations(v2, this, tlv(0x30, tlv(0x30, "\x02\x01\x07"))), ""},
		{"extensions with the wrong tag", revocations(v2, this, tlv(0xa1, tlv(0x30))), ""},
		{"version that is too big", revocations("\x02\x04\x7f\xff\xff\xff", this), ""},
	}
	for _, test := range tests {
		c, err := cert.ParseCRL(test.der)
		if err != nil || test.want == "" {
			if err == nil || test.want != "" {
				t.Errorf("%s: %v", test.rule, err)
			}
			continue
		}
		why, bad := cert.Reason(0), ""
		for _, r := range c.Revoked {
			why = r.Reason
			if r.Malformed {
				bad = " malformed"
			}
		}
		if got := fmt.Sprintf("%d %d %s %v %d%s", c.Version, len(c.Revoked), c.NextUpdate.Format("2006-01-02"), c.Number, why,
			bad); got != test.want {
			t.Errorf("%s: %s, want %s", test.rule, got, test.want)
		}
	}
}

func TestGeneralName_String(t *testing.T) {
	t.Parallel()
	tests := []struct {
		n    cert.GeneralName
		want string
	}{
		{cert.GeneralName{Type: cert.DNSName, Value: []byte("a.example")}, "dns:a.example"},
		{cert.GeneralName{Type: cert.IPAddress, Value: []byte{10, 0, 0, 0, 255, 0, 0, 0}}, "ip:10.0.0.0/8"},
		{cert.GeneralName{Type: cert.IPAddress, Value: []byte{10, 0, 0, 0, 255, 0, 255, 0}}, "ip:#0a000000ff00ff00"},
		{cert.GeneralName{Type: cert.DirectoryName, Value: []byte(directory("CN=a,O=b"))}, "directory:CN=a,O=b"},
		{cert.GeneralName{Type: cert.DirectoryName, Value: []byte{5, 0}}, "directory:#0500"},
		{cert.GeneralName{Type: cert.RegisteredID, Value: []byte{0x2a, 3}}, "rid:1.2.3"},
		{
			cert.GeneralName{Type: cert.OtherName, Value: []byte("\x06\x0a\x2b\x06\x01\x04\x01\x82\x37\x14\x02\x03\xa0\x05\x0c\x03a@b")},
			"other:userPrincipalName=a@b",
		},
		{cert.GeneralName{Type: cert.OtherName, Value: []byte("\x06\x02\x2a\x03\xa0\x02\x05\x00")}, "other:1.2.3=#0500"},
		{cert.GeneralName{Type: cert.X400Address, Value: []byte{1}}, "x400:#01"},
		{cert.GeneralName{Type: cert.NameType(12)}, "name-type-12:#"},
		{cert.GeneralName{Type: cert.URIName, Value: []byte("http://\x1b[31m")}, `uri:http://\x1b[31m`},
	}
	for _, test := range tests {
		if got := test.n.String(); got != test.want {
			t.Errorf("%s, want %s", got, test.want)
		}
	}
}
