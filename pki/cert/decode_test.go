package cert_test

import (
	"fmt"
	"strings"
	"testing"

	"certkdb/pki/cert"
)

// decoders are the readers of single extensions. Each shows what it read as text.
var decoders = map[string]func([]byte) (string, error){
	"policies":    show(cert.ParsePolicies),
	"mappings":    show(cert.ParsePolicyMappings),
	"constraints": show(cert.ParsePolicyConstraints),
	"inhibit":     show(cert.ParseInhibitAnyPolicy),
	"names":       show(cert.ParseGeneralNames),
	"points":      show(cert.ParseDistributionPoints),
	"access":      show(cert.ParseAccess),
	"extensions":  show(cert.ParseExtensions),
	"subtrees": func(der []byte) (string, error) {
		nc, err := cert.ParseNameConstraints(der)
		if err != nil {
			return "", err
		}
		return fmt.Sprint(nc.Permitted, nc.Excluded), nil
	},
	"issuing": func(der []byte) (string, error) {
		p, err := cert.ParseIssuingDistributionPoint(der)
		if err != nil {
			return "", err
		}
		name := ""
		if p.Name != nil {
			name = p.Name.String()
		}
		return fmt.Sprintf("%q %v %v %v %v %#x %v", name, p.OnlyUsers, p.OnlyCAs, p.OnlyAttributes, p.Indirect, int(p.OnlySomeReasons),
			p.HasReasons), nil
	},
	"keyid": func(der []byte) (string, error) {
		id, err := cert.ParseAuthorityKeyID(der)
		if err != nil {
			return "", err
		}
		return fmt.Sprintf("%x %v %v", id.KeyID, id.Issuer, id.Serial), nil
	},
}

func show[T any](parse func([]byte) (T, error)) func([]byte) (string, error) {
	return func(der []byte) (string, error) {
		v, err := parse(der)
		return fmt.Sprintf("%v", v), err
	}
}

var (
	policy123 = tlv(0x30, "\x06\x02\x2a\x03")
	idCPS     = "\x06\x08\x2b\x06\x01\x05\x05\x07\x02\x01"
	idNotice  = "\x06\x08\x2b\x06\x01\x05\x05\x07\x02\x02"
	oid123    = "\x06\x02\x2a\x03"
	oid124    = "\x06\x02\x2a\x04"
	uri       = tlv(0x86, "http://a.example/")
	dnsA      = tlv(0x82, "a.example")
	fullName  = tlv(0xa0, tlv(0xa0, uri))
	rdnName   = tlv(0xa0, tlv(0xa1, tlv(0x30, "\x06\x03\x55\x04\x03", tlv(0x0c, "crl1"))))
)

func qualified(qualifiers ...string) string {
	return tlv(0x30, tlv(0x30, oid123, tlv(0x30, qualifiers...)))
}

// TestDecoders_read gives each reader of an extension what its grammar allows.
func TestDecoders_read(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ decoder, rule, der, want string }{
		{"policies", "one", tlv(0x30, policy123), "[{1.2.3 []}]"},
		{"policies", "anyPolicy", tlv(0x30, tlv(0x30, "\x06\x04\x55\x1d\x20\x00")), "[{2.5.29.32.0 []}]"},
		{"policies", "with a CPS", qualified(tlv(0x30, idCPS, tlv(0x16, "u"))), "[{1.2.3 [{1.3.6.1.5.5.7.2.1 [22 1 117]}]}]"},
		{"policies", "with a notice", qualified(tlv(0x30, idNotice, tlv(0x30))), "[{1.2.3 [{1.3.6.1.5.5.7.2.2 [48 0]}]}]"},
		{"policies", "with a qualifier that nobody knows", qualified(tlv(0x30, oid124, "\x05\x00")), "[{1.2.3 [{1.2.4 [5 0]}]}]"},
		{"mappings", "one", tlv(0x30, tlv(0x30, oid123, oid124)), "[{1.2.3 1.2.4}]"},
		{"mappings", "one policy to two", tlv(0x30, tlv(0x30, oid123, oid124), tlv(0x30, oid123, oid123)), "[{1.2.3 1.2.4} {1.2.3 1.2.3}]"},
		{"constraints", "both", tlv(0x30, "\x80\x01\x00\x81\x01\x02"), "{0 2}"},
		{"constraints", "only the second", tlv(0x30, "\x81\x01\x07"), "{-1 7}"},
		{"constraints", "longer than any path", tlv(0x30, "\x80\x06\x7f\xff\xff\xff\xff\xff"), "{2147483647 -1}"},
		{"inhibit", "zero", "\x02\x01\x00", "0"},
		{"inhibit", "longer than any path", "\x02\x09\x7f\xff\xff\xff\xff\xff\xff\xff\xff", "2147483647"},
		{
			"names", "each kind", tlv(0x30, tlv(0x81, "a@b"), dnsA, tlv(0xa4, directory("CN=d")), uri, tlv(0x87, "\x0a\x00\x00\x01"),
				tlv(0x88, "\x2a\x03")),
			"email:a@b, dns:a.example, directory:CN=d, uri:http://a.example/, ip:10.0.0.1, rid:1.2.3",
		},
		{
			"names", "the rare kinds", tlv(0x30, tlv(0xa0, oid123, tlv(0xa0, tlv(0x0c, "v"))), tlv(0xa3), tlv(0xa5)), "other:1.2.3=v, x400:#, edi:#",
		},
		{
			"subtrees", "permitted and excluded",
			tlv(0x30, tlv(0xa0, tlv(0x30, dnsA)), tlv(0xa1, tlv(0x30, tlv(0x87, "\x0a\x00\x00\x00\xff\x00\x00\x00")))),
			"[dns:a.example] [ip:10.0.0.0/8]",
		},
		{"subtrees", "the default distance written out", tlv(0x30, tlv(0xa0, tlv(0x30, dnsA, "\x80\x01\x00"))), "[dns:a.example] []"},
		{"points", "a full name", tlv(0x30, tlv(0x30, fullName)), "[uri:http://a.example/]"},
		{"points", "a relative name", tlv(0x30, tlv(0x30, rdnName)), "[relative CN=crl1]"},
		{"points", "a CRL issuer alone", tlv(0x30, tlv(0x30, tlv(0xa2, tlv(0xa4, directory("CN=c"))))), "[CRL issuer directory:CN=c]"},
		{"points", "reasons", tlv(0x30, tlv(0x30, fullName, "\x81\x02\x05\x60")), "[uri:http://a.example/ reasons 0x006]"},
		{"issuing", "nothing", tlv(0x30), `"" false false false false 0x1fe false`},
		{
			"issuing", "everything", tlv(0x30, fullName, "\x81\x01\xff\x82\x01\x00\x83\x02\x05\x60\x84\x01\xff\x85\x01\x01"),
			`"uri:http://a.example/" true false true true 0x6 true`,
		},
		{"access", "OCSP", tlv(0x30, tlv(0x30, "\x06\x08\x2b\x06\x01\x05\x05\x07\x30\x01", uri)), "[{1.3.6.1.5.5.7.48.1 uri:http://a.example/}]"},
		{"access", "nothing", tlv(0x30), "[]"},
		{"keyid", "nothing", tlv(0x30), " [] <nil>"},
		{"keyid", "an identifier", tlv(0x30, tlv(0x80, "\x01\x02")), "0102 [] <nil>"},
		{"keyid", "issuer and serial number", tlv(0x30, tlv(0xa1, tlv(0xa4, directory("CN=i"))), "\x82\x01\x05"), " directory:CN=i 5"},
		{"keyid", "a negative serial number", tlv(0x30, "\x82\x02\xff\x00"), " [] -256"},
		{"extensions", "one", tlv(0x30, one("\x2a\x03", flagTrue, "v")), "[{1.2.3 true [118] false false}]"},
	} {
		got, err := decoders[test.decoder]([]byte(test.der))
		if strings.HasPrefix(test.want, " []") {
			got = strings.Replace(got, "  ", " [] ", 1) // an empty list of names is written as nothing
		}
		if err != nil || strings.TrimSpace(got) != strings.TrimSpace(test.want) && !sameText(got, test.want) {
			t.Errorf("%s: %s: %q, %v; want %q", test.decoder, test.rule, got, err, test.want)
		}
		for length := range test.der {
			if got, err := decoders[test.decoder]([]byte(test.der[:length])); err == nil {
				t.Errorf("%s: %s: cut to %d bytes it is %q", test.decoder, test.rule, length, got)
			}
		}
		if got, err := decoders[test.decoder]([]byte(test.der + "\x05\x00")); err == nil {
			t.Errorf("%s: %s: with trailing bytes it is %q", test.decoder, test.rule, got)
		}
	}
}

// sameText compares without the marks of empty lists.
func sameText(a, b string) bool {
	clean := func(s string) string { return strings.Join(strings.Fields(strings.ReplaceAll(s, "[]", "")), " ") }
	return clean(a) == clean(b)
}

// TestDecoders_refuse gives each of them what its grammar does not allow, and looks at what it says.
func TestDecoders_refuse(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ decoder, rule, der, says string }{
		{"policies", "an INTEGER", "\x02\x01\x01", "not a SEQUENCE of policies"},
		{"policies", "empty", tlv(0x30), "not a SEQUENCE of policies"},
		{"policies", "a policy that is an identifier", tlv(0x30, oid123), "policy 1"},
		{"policies", "a policy without an identifier", tlv(0x30, tlv(0x30)), "policy 1"},
		{"policies", "the second is bad", tlv(0x30, policy123, "\x05\x00"), "policy 2"},
		{"policies", "twice the same (RFC 5280, 4.2.1.4)", tlv(0x30, policy123, policy123), "1.2.3 occurs twice"},
		{"policies", "empty qualifiers", qualified(), "qualifiers"},
		{"policies", "qualifiers that are an INTEGER", tlv(0x30, tlv(0x30, oid123, "\x02\x01\x01")), "qualifiers"},
		{"policies", "a qualifier that is an INTEGER", qualified("\x02\x01\x01"), "qualifier"},
		{"policies", "a qualifier without an identifier", qualified(tlv(0x30, "\x05\x00")), "object identifier"},
		{"policies", "a qualifier without a value", qualified(tlv(0x30, oid124)), "an identifier and a value"},
		{"policies", "a qualifier with two values", qualified(tlv(0x30, oid124, "\x05\x00\x05\x00")), "an identifier and a value"},
		{"policies", "a CPS that is a UTF8String", qualified(tlv(0x30, idCPS, tlv(0x0c, "u"))), "type"},
		{"policies", "a notice that is an IA5String", qualified(tlv(0x30, idNotice, tlv(0x16, "u"))), "type"},
		{"mappings", "empty", tlv(0x30), "not a SEQUENCE of mappings"},
		{"mappings", "an identifier", tlv(0x30, oid123), "one is not a SEQUENCE"},
		{"mappings", "half a pair", tlv(0x30, tlv(0x30, oid123)), "object identifier"},
		{"mappings", "three of them", tlv(0x30, tlv(0x30, oid123, oid123, oid123)), "more than a pair"},
		{"constraints", "empty (RFC 5280, 4.2.1.11)", tlv(0x30), "not a SEQUENCE of numbers"},
		{"constraints", "negative", tlv(0x30, "\x80\x01\xff"), "0 or more"},
		{"constraints", "leading zeros", tlv(0x30, "\x80\x02\x00\x01"), "0 or more"},
		{"constraints", "without content", tlv(0x30, "\x81\x00"), "0 or more"},
		{"constraints", "a number cut off", tlv(0x30, "\x80\x02\x01"), "cut short"},
		{"constraints", "an unknown field", tlv(0x30, "\x82\x01\x01"), "unknown field"},
		{"constraints", "in the wrong order", tlv(0x30, "\x81\x01\x01\x80\x01\x01"), "unknown field"},
		{"inhibit", "a string", "\x0c\x011", "not an INTEGER"},
		{"inhibit", "negative", "\x02\x01\xff", "0 or more"},
		{"names", "an INTEGER", "\x02\x01\x01", "not a SEQUENCE"},
		{"names", "empty", tlv(0x30), "the list is empty"},
		{"names", "a universal tag", tlv(0x30, tlv(0x0c, "a")), "no kind"},
		{"names", "tag 9", tlv(0x30, tlv(0x89, "a")), "no kind"},
		{"names", "a constructed DNS name", tlv(0x30, tlv(0xa2, "\x0c\x01a")), "no kind"},
		{"names", "a primitive directory name", tlv(0x30, tlv(0x84, "a")), "no kind"},
		{"names", "cut short", tlv(0x30, "\x82\x05a"), "cut short"},
		{"subtrees", "an INTEGER", "\x02\x01\x01", "not a SEQUENCE"},
		{"subtrees", "empty (RFC 5280, 4.2.1.10)", tlv(0x30), "the list is empty"},
		{"subtrees", "an empty list", tlv(0x30, tlv(0xa0)), "empty list"},
		{"subtrees", "cut off", tlv(0x30, "\xa0\x7f"), "cut short"},
		{"subtrees", "a subtree that is a name", tlv(0x30, tlv(0xa0, dnsA)), "not a SEQUENCE"},
		{"subtrees", "a subtree without a name", tlv(0x30, tlv(0xa0, tlv(0x30))), "subtree 1"},
		{"subtrees", "a minimum of 1", tlv(0x30, tlv(0xa0, tlv(0x30, dnsA, "\x80\x01\x01"))), "minimum distance"},
		{"subtrees", "a maximum", tlv(0x30, tlv(0xa0, tlv(0x30, dnsA, "\x81\x01\x01"))), "maximum distance"},
		{"subtrees", "excluded before permitted", tlv(0x30, tlv(0xa1, tlv(0x30, dnsA)), tlv(0xa0, tlv(0x30, dnsA))), "follows the subtrees"},
		{"points", "empty", tlv(0x30), "not a SEQUENCE of points"},
		{"points", "a point that is a name", tlv(0x30, uri), "point 1"},
		{"points", "an empty point", tlv(0x30, tlv(0x30)), "neither a name nor a CRL issuer"},
		{"points", "reasons alone (RFC 5280, 4.2.1.13)", tlv(0x30, tlv(0x30, "\x81\x02\x05\x60")), "neither a name nor a CRL issuer"},
		{"points", "reasons without content", tlv(0x30, tlv(0x30, fullName, "\x81\x00")), "BIT STRING"},
		{"points", "reasons with 8 unused bits", tlv(0x30, tlv(0x30, fullName, "\x81\x02\x08\x60")), "BIT STRING"},
		{"points", "an empty CRL issuer", tlv(0x30, tlv(0x30, tlv(0xa2))), "the list is empty"},
		{"points", "a CRL issuer cut off", tlv(0x30, tlv(0x30, "\xa2\x7f")), "cut short"},
		{"points", "an unknown field", tlv(0x30, tlv(0x30, fullName, "\x83\x01\x00")), "unknown field"},
		{"points", "two names", tlv(0x30, tlv(0x30, tlv(0xa0, tlv(0xa0, uri), tlv(0xa0, uri)))), "cannot be read"},
		{"points", "a name of a third kind", tlv(0x30, tlv(0x30, tlv(0xa0, tlv(0xa2, uri)))), "neither full nor relative"},
		{"points", "an empty full name", tlv(0x30, tlv(0x30, tlv(0xa0, tlv(0xa0)))), "the list is empty"},
		{"issuing", "an INTEGER", "\x02\x01\x01", "not a SEQUENCE"},
		{"issuing", "a bad name", tlv(0x30, tlv(0xa0)), "name cannot be read"},
		{"issuing", "a flag of two bytes", tlv(0x30, "\x81\x02\x01\x01"), "field"},
		{"issuing", "reasons without content", tlv(0x30, "\x83\x00"), "field"},
		{"issuing", "an unknown field", tlv(0x30, "\x86\x01\x00"), "field"},
		{"access", "an INTEGER", "\x02\x01\x01", "not a SEQUENCE"},
		{"access", "a description that is a name", tlv(0x30, uri), "one is not a SEQUENCE"},
		{"access", "a method that is an INTEGER", tlv(0x30, tlv(0x30, "\x02\x01\x01", uri)), "object identifier"},
		{"access", "a location that is a string", tlv(0x30, tlv(0x30, oid123, tlv(0x0c, "u"))), "general name"},
		{"access", "two locations", tlv(0x30, tlv(0x30, oid123, uri, uri)), "general name"},
		{"keyid", "an unknown field", tlv(0x30, "\x83\x01\x01"), "unknown field"},
		{"keyid", "an empty serial number", tlv(0x30, "\x82\x00"), "empty"},
		{"keyid", "an issuer of no names", tlv(0x30, tlv(0xa1)), "the list is empty"},
		{"extensions", "an INTEGER", "\x02\x01\x01", "not a SEQUENCE"},
		{"extensions", "twice the same", tlv(0x30, one("\x2a\x03", "", ""), one("\x2a\x03", "", "")), "occurs twice"},
	} {
		if got, err := decoders[test.decoder]([]byte(test.der)); err == nil || !strings.HasPrefix(err.Error(), "reading ") ||
			!strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %s: %q, %v; want %q", test.decoder, test.rule, got, err, test.says)
		}
	}
}

// Many policies are compared by a map, few in pairs: both find the one that is there twice.
func TestParsePolicies_manyPolicies(t *testing.T) {
	t.Parallel()
	var list []string
	for i := range 40 {
		list = append(list, tlv(0x30, "\x06\x02\x2a"+string([]byte{byte(i)})))
	}
	if p, err := cert.ParsePolicies([]byte(tlv(0x30, list...))); err != nil || len(p) != 40 {
		t.Errorf("%d policies, %v", len(p), err)
	}
	list = append(list, list[7])
	if _, err := cert.ParsePolicies([]byte(tlv(0x30, list...))); err == nil || !strings.Contains(err.Error(), "1.2.7 occurs twice") {
		t.Error(err)
	}
}

func TestGeneralName_Other(t *testing.T) {
	t.Parallel()
	name := func(content string) cert.GeneralName {
		return cert.GeneralName{Type: cert.OtherName, Value: []byte(content)}
	}
	if id, value, err := name(oid123 + tlv(0xa0, tlv(0x0c, "v"))).Other(); err != nil || id != "1.2.3" || string(value) != tlv(0x0c, "v") {
		t.Errorf("%s %x %v", id, value, err)
	}
	for rule, content := range map[string]string{
		"nothing": "", "no value": oid123, "an implicit value": oid123 + tlv(0x80, "v"), "two values": oid123 + tlv(0xa0, "v") + tlv(0xa0, "v"),
		"no identifier": tlv(0xa0, "v"), "a bad identifier": "\x06\x01\x80" + tlv(0xa0, "v"),
	} {
		if id, _, err := name(content).Other(); err == nil {
			t.Errorf("%s: %s", rule, id)
		}
	}
}

func TestSAN_StringsAndHas(t *testing.T) {
	t.Parallel()
	names, err := cert.ParseGeneralNames([]byte(tlv(0x30, dnsA, tlv(0x81, "a@b"), uri, tlv(0x87, "\x0a\x00\x00\x01"), tlv(0x87, "\x0a"),
		tlv(0x87, strings.Repeat("\x00", 15)+"\x01"))))
	if err != nil {
		t.Fatal(err)
	}
	dns, ips, emails, uris := names.Strings()
	if got := fmt.Sprint(dns, ips, emails, uris); got != "[a.example] [10.0.0.1 ::1] [a@b] [http://a.example/]" {
		t.Error(got)
	}
	if !names.Has(cert.DNSName) || names.Has(cert.DirectoryName) || cert.SAN(nil).Has(cert.DNSName) {
		t.Error("Has")
	}
}

func TestKeyUsage_String(t *testing.T) {
	t.Parallel()
	for usage, want := range map[cert.KeyUsage]string{
		0: "", cert.DigitalSignature: "digitalSignature", cert.KeyCertSign | cert.CRLSign: "keyCertSign, cRLSign",
		1<<9 - 1: "digitalSignature, contentCommitment, keyEncipherment, dataEncipherment, keyAgreement, keyCertSign, cRLSign, " +
			"encipherOnly, decipherOnly",
	} {
		if got := usage.String(); got != want {
			t.Errorf("%#x: %q", uint16(usage), got)
		}
	}
}

// A relative name that is not an RDN is kept and shown as it stands.
func TestDistributionName_badRDN(t *testing.T) {
	t.Parallel()
	points, err := cert.ParseDistributionPoints([]byte(tlv(0x30, tlv(0x30, tlv(0xa0, tlv(0xa1, "\x05\x00"))))))
	if err != nil || len(points) != 1 {
		t.Fatal(err)
	}
	if _, err := points[0].Name.RDN(); err == nil {
		t.Error("an RDN of a NULL")
	}
	if got := points[0].String(); got != "relative #0500" {
		t.Error(got)
	}
}
