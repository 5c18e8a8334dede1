package cert_test

import (
	"bytes"
	"strings"
	"testing"

	"certkdb/pki/cert"
)

// mustRefuse expects an error that begins with the parser's words and says what is wrong.
func mustRefuse(t *testing.T, rule string, err error, begins, says string) {
	t.Helper()
	if err == nil || !strings.HasPrefix(err.Error(), begins) || !strings.Contains(err.Error(), says) {
		t.Errorf("%s: %v; want %q and %q", rule, err, begins, says)
	}
}

func manyExtensions() string {
	many := strings.Builder{}
	for i := range 300 {
		many.WriteString(one("\x2a\x03"+string([]byte{byte(i / 100), byte(i % 100)}), "", "\x05\x00"))
	}
	return many.String()
}

type structureCase struct {
	rule, says string
	odd        func(*parts)
}

var structureCases = []structureCase{
	{"version that is not an INTEGER", "version", func(p *parts) { p.version = "\xa0\x02\x05\x00" }},
	{"version with trailing bytes", "version", func(p *parts) { p.version = "\xa0\x04\x02\x01\x02\x00" }},
	{"version of 2^31", "version", func(p *parts) { p.version = "\xa0\x07\x02\x05\x00\x80\x00\x00\x00" }},
	{"no serial number", "serial number", func(p *parts) { p.serial = "" }},
	{"serial number that is a string", "serial number", func(p *parts) { p.serial = "\x0c\x01\x35" }},
	{"no inner algorithm", "inner signature algorithm", func(p *parts) { p.inner = "" }},
	{"inner algorithm without an identifier", "inner signature algorithm", func(p *parts) { p.inner = "\x30\x02\x05\x00" }},
	{
		"inner algorithm with two parameters", "inner signature algorithm",
		func(p *parts) { p.inner = tlv(0x30, "\x06\x02\x2a\x03", "\x05\x00\x05\x00") },
	},
	{"inner algorithm whose identifier is cut off", "inner signature algorithm", func(p *parts) { p.inner = tlv(0x30, "\x06\x01\x80") }},
	{"issuer that is a string", "issuer", func(p *parts) { p.issuer = "\x0c\x01i" }},
	{"issuer with an RDN that is not a SET", "issuer", func(p *parts) { p.issuer = tlv(0x30, tlv(0x30)) }},
	{"subject that is a string", "subject", func(p *parts) { p.subject = "\x0c\x01s" }},
	{
		"subject with an attribute without a value", "subject",
		func(p *parts) { p.subject = tlv(0x30, tlv(0x31, tlv(0x30, "\x06\x03\x55\x04\x03"))) },
	},
	{"no validity", "validity", func(p *parts) { p.validity = "" }},
	{"validity that is a time", "validity", func(p *parts) { p.validity = tlv(0x17, "260101000000Z") }},
	{"validity of one time", "validity", func(p *parts) { p.validity = tlv(0x30, tlv(0x17, "260101000000Z")) }},
	{"validity of three times", "not two times", func(p *parts) {
		p.validity = tlv(0x30, tlv(0x17, "260101000000Z"), tlv(0x17, "270101000000Z"), tlv(0x17, "280101000000Z"))
	}},
	{"validity with an INTEGER", "UTCTime", func(p *parts) { p.validity = tlv(0x30, "\x02\x01\x01", tlv(0x17, "270101000000Z")) }},
	{"no public key", "public key", func(p *parts) { p.spki = "" }},
	{"public key that is an INTEGER", "public key", func(p *parts) { p.spki = "\x02\x01\x01" }},
	{"public key without an algorithm", "algorithm", func(p *parts) { p.spki = tlv(0x30, tlv(3, "\x00k")) }},
	{"public key without a BIT STRING", "BIT STRING", func(p *parts) { p.spki = tlv(0x30, ecdsaSHA256, tlv(4, "k")) }},
	{"public key with an empty BIT STRING", "BIT STRING", func(p *parts) { p.spki = tlv(0x30, ecdsaSHA256, tlv(3)) }},
	{"public key with 8 unused bits", "BIT STRING", func(p *parts) { p.spki = tlv(0x30, ecdsaSHA256, tlv(3, "\x08k")) }},
	{"public key with a third field", "BIT STRING", func(p *parts) { p.spki = tlv(0x30, ecdsaSHA256, tlv(3, "\x00k"), "\x05\x00") }},
	{"unique identifier cut off", "unique identifiers", func(p *parts) { p.unique = "\x81\x7f\x00" }},
	{"unique identifiers in the wrong order", "unexpected data follows", func(p *parts) { p.unique = "\x82\x02\x00\x01\x81\x02\x00\x01" }},
	{"extensions under another tag", "unexpected data follows", func(p *parts) { p.extensions = tlv(0xa4, tlv(0x30)) }},
	{"extensions that are not a SEQUENCE", "extensions", func(p *parts) { p.extensions = tlv(0xa3, "\x05\x00") }},
	{"two SEQUENCEs of extensions", "extensions", func(p *parts) { p.extensions = tlv(0xa3, tlv(0x30), tlv(0x30)) }},
	{"trailing bytes after the extensions", "unexpected data follows", func(p *parts) { p.extensions = tlv(0xa3, tlv(0x30)) + "\x05\x00" }},
	{"an extension that is not a SEQUENCE", "extension 1", func(p *parts) { p.extensions = ext("\x05\x00") }},
	{"an extension without an identifier", "extension 1", func(p *parts) { p.extensions = ext(tlv(0x30, tlv(4, ""))) }},
	{"an extension whose identifier is empty", "extension 1", func(p *parts) { p.extensions = ext(one("", "", "")) }},
	{"an extension without a value", "OCTET STRING", func(p *parts) { p.extensions = ext(tlv(0x30, "\x06\x02\x2a\x03")) }},
	{
		"an extension with two values", "OCTET STRING",
		func(p *parts) { p.extensions = ext(tlv(0x30, "\x06\x02\x2a\x03", tlv(4, "a"), tlv(4, "b"))) },
	},
	{"a critical flag without content", "BOOLEAN", func(p *parts) { p.extensions = ext(one("\x2a\x03", "\x01\x00", "")) }},
	{"the second extension is bad", "extension 2", func(p *parts) { p.extensions = ext(one("\x2a\x03", "", ""), "\x05\x00") }},
	{
		"an extension twice (RFC 5280, 4.2)", "occurs twice",
		func(p *parts) { p.extensions = ext(one("\x2a\x03", "", "a"), one("\x2a\x03", "", "b")) },
	},
	{"more extensions than anybody has", "more than 256", func(p *parts) { p.extensions = ext(manyExtensions()) }},
	{"no outer algorithm", "signature algorithm", func(p *parts) { p.outer = "" }},
	{"no signature", "signature", func(p *parts) { p.signature = "" }},
	{"signature that is an OCTET STRING", "signature", func(p *parts) { p.signature = tlv(4, "sig") }},
	{"signature without content", "signature", func(p *parts) { p.signature = tlv(3) }},
	{"signature with 9 unused bits", "signature", func(p *parts) { p.signature = tlv(3, "\x09sig") }},
	{"trailing bytes after the signature", "2 bytes follow its signature", func(p *parts) { p.signature += "\x05\x00" }},
}

// TestParse_refusesStructure breaks one rule of RFC 5280, 4.1 at a time.
func TestParse_refusesStructure(t *testing.T) {
	t.Parallel()
	for _, test := range structureCases {
		p := ordinary()
		test.odd(&p)
		_, err := cert.Parse(p.der())
		mustRefuse(t, test.rule, err, "reading a certificate: ", test.says)
	}
	for rule, der := range map[string]string{
		"nothing": "", "not a SEQUENCE": "\x05\x00", "an empty SEQUENCE": "\x30\x00", "indefinite length": "\x30\x80\x00\x00",
		"length in more bytes than needed": "\x30\x81\x02\x05\x00", "to be signed is not a SEQUENCE": "\x30\x02\x05\x00",
	} {
		_, err := cert.Parse([]byte(der))
		mustRefuse(t, rule, err, "reading a certificate: ", "SEQUENCE")
	}
}

// What other programs take is kept, with its oddity in a field.
func TestParse_keeps(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule string
		odd  func(*parts)
		is   func(*cert.Certificate) bool
	}{
		{"no version is 1", func(p *parts) { p.version = "" }, func(c *cert.Certificate) bool { return c.Version == 1 }},
		{"an unknown version", func(p *parts) { p.version = "\xa0\x03\x02\x01\x07" }, func(c *cert.Certificate) bool { return c.Version == 8 }},
		{
			"a signature of 15 bits", func(p *parts) { p.signature = tlv(3, "\x01si") },
			func(c *cert.Certificate) bool { return c.Unaligned && string(c.Signature) == "si" },
		},
		{"an empty subject", func(p *parts) { p.subject = tlv(0x30) }, func(c *cert.Certificate) bool { return c.Subject.Empty() }},
		{
			"an issuer's unique identifier", func(p *parts) { p.unique = "\x81\x02\x00\x01" }, func(c *cert.Certificate) bool { return c.UniqueIDs },
		},
		{
			"a subject's unique identifier", func(p *parts) { p.unique = "\x82\x02\x00\x01" }, func(c *cert.Certificate) bool { return c.UniqueIDs },
		},
		{"no extensions at all", func(*parts) {}, func(c *cert.Certificate) bool { return c.Extensions == nil && c.MaxPathLen == -1 && !c.IsCA }},
		{
			"an empty list of extensions", func(p *parts) { p.extensions = ext() }, func(c *cert.Certificate) bool { return len(c.Extensions) == 0 },
		},
		{"a critical flag of 1", func(p *parts) { p.extensions = ext(one("\x2a\x03", "\x01\x01\x01", "v")) }, func(c *cert.Certificate) bool {
			return c.Extensions[0].Critical && c.Extensions[0].BadFlag
		}},
		{
			"a critical flag that is false", func(p *parts) { p.extensions = ext(one("\x2a\x03", "\x01\x01\x00", "v")) },
			func(c *cert.Certificate) bool {
				return !c.Extensions[0].Critical && !c.Extensions[0].BadFlag && c.Extension("1.2.3") != nil && c.Extension("1.2.4") == nil
			},
		},
		{
			"a UTCTime that ends the century", func(p *parts) { p.validity = tlv(0x30, tlv(0x17, "491231235959Z"), tlv(0x18, "20500101000000Z")) },
			func(c *cert.Certificate) bool {
				return c.TimesInUTC() && c.TimesInForm()
			},
		},
		{
			"a GeneralizedTime before 2050", func(p *parts) { p.validity = tlv(0x30, tlv(0x18, "20260101000000Z"), tlv(0x17, "270101000000Z")) },
			func(c *cert.Certificate) bool {
				return c.TimesInUTC() && !c.TimesInForm()
			},
		},
	} {
		p := ordinary()
		test.odd(&p)
		if c, err := cert.Parse(p.der()); err != nil || !test.is(c) {
			t.Errorf("%s: %+v, %v", test.rule, c, err)
		}
	}
}

// TestParse_malformedExtensions makes extensions that cannot be decoded: the certificate is kept, and the extension named.
func TestParse_malformedExtensions(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ rule, id, value, says string }{
		{"key usage that is not a BIT STRING", "\x0f", "\x05\x00", "BIT STRING"},
		{"key usage without content", "\x0f", "\x03\x00", "BIT STRING"},
		{"key usage with 8 unused bits", "\x0f", "\x03\x02\x08\x80", "BIT STRING"},
		{"key usage with trailing bytes", "\x0f", "\x03\x02\x07\x80\x00", "BIT STRING"},
		{"basic constraints that are not a SEQUENCE", "\x13", "\x05\x00", "SEQUENCE"},
		{"basic constraints with a flag of two bytes", "\x13", "\x30\x04\x01\x02\xff\xff", "BOOLEAN"},
		{"basic constraints with a negative length", "\x13", "\x30\x06\x01\x01\xff\x02\x01\xff", "path length"},
		{"basic constraints with two lengths", "\x13", "\x30\x09\x01\x01\xff\x02\x01\x01\x02\x01\x01", "path length"},
		{"extended key usage that is not a SEQUENCE", "\x25", "\x06\x02\x2a\x03", "SEQUENCE"},
		{"extended key usage that is empty", "\x25", "\x30\x00", "empty"},
		{"extended key usage with an INTEGER", "\x25", "\x30\x03\x02\x01\x01", "object identifier"},
		{"extended key usage with a bad identifier", "\x25", "\x30\x03\x06\x01\x80", "object identifier"},
		{"subject key identifier that is not an OCTET STRING", "\x0e", "\x05\x00", "OCTET STRING"},
		{"authority key identifier that is not a SEQUENCE", "\x23", "\x04\x01a", "SEQUENCE"},
		{"authority key identifier cut off", "\x23", "\x30\x02\x80\x01", "cut short"},
		{"authority key identifier with an issuer cut off", "\x23", "\x30\x02\xa1\x01", "cut short"},
		{"authority key identifier with an unknown field", "\x23", "\x30\x03\x84\x01a", "unknown field"},
		{"alternative names that are not a SEQUENCE", "\x11", "\x05\x00", "SEQUENCE"},
		{"no alternative name", "\x11", "\x30\x00", "the list is empty"},
		{"an alternative name of no kind", "\x11", "\x30\x02\x05\x00", "no kind"},
	} {
		p := ordinary()
		p.extensions = ext(one(idCE+test.id, flagTrue, test.value))
		c, err := cert.Parse(p.der())
		if err != nil || len(c.Malformed()) != 1 || c.Malformed()[0].ID != c.Extensions[0].ID ||
			!strings.Contains(c.Malformed()[0].Err.Error(), test.says) {
			t.Errorf("%s: %v, %v", test.rule, c.Malformed(), err)
			continue
		}
		if w := c.Warning(); !strings.Contains(w, "cannot be decoded") {
			t.Errorf("%s: warning %q", test.rule, w)
		}
		if line := c.Describe()[0]; !line.Critical || !strings.HasPrefix(line.Value, "#") {
			t.Errorf("%s: described as %+v", test.rule, line)
		}
	}
}

func TestParseRequest_refusesStructure(t *testing.T) {
	t.Parallel()
	const v1 = "\x02\x01\x00"
	info := func(fields ...string) []byte {
		return []byte(tlv(0x30, tlv(0x30, fields...), ecdsaSHA256, tlv(3, "\x00sig")))
	}
	const asks = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x0e"
	for _, test := range []struct {
		rule, says string
		der        []byte
	}{
		{"nothing", "SEQUENCE", nil},
		{"no version", "version", info(directory("CN=r"), ed25519Key)},
		{"version of 2^20", "version", info("\x02\x03\x10\x00\x00", directory("CN=r"), ed25519Key)},
		{"no subject", "subject", info(v1, ed25519Key)},
		{"subject that is a string", "subject", info(v1, "\x0c\x01r", ed25519Key)},
		{"no public key", "public key", info(v1, directory("CN=r"))},
		{"attributes under another tag", "unexpected data follows", info(v1, directory("CN=r"), ed25519Key, tlv(0xa1))},
		{"trailing bytes after the attributes", "unexpected data follows", info(v1, directory("CN=r"), ed25519Key, "\xa0\x00\x05\x00")},
		{"an attribute that is not a SEQUENCE", "attributes", info(v1, directory("CN=r"), ed25519Key, tlv(0xa0, "\x05\x00"))},
		{"an attribute with a bad type", "attributes", info(v1, directory("CN=r"), ed25519Key, tlv(0xa0, attribute("\x80")))},
		{
			"an attribute of three fields", "attributes",
			info(v1, directory("CN=r"), ed25519Key, tlv(0xa0, tlv(0x30, tlv(6, "\x2a\x03"), tlv(0x31), "\x05\x00"))),
		},
		{
			"requested extensions that are an INTEGER", "extension request",
			info(v1, directory("CN=r"), ed25519Key, tlv(0xa0, attribute(asks, "\x02\x01\x01"))),
		},
		{
			"a requested extension without a value", "extension 1",
			info(v1, directory("CN=r"), ed25519Key, tlv(0xa0, attribute(asks, tlv(0x30, tlv(0x30, "\x06\x02\x2a\x03"))))),
		},
		{"no signature", "signature", []byte(tlv(0x30, tlv(0x30, v1, directory("CN=r"), ed25519Key), ecdsaSHA256))},
	} {
		_, err := cert.ParseRequest(test.der)
		mustRefuse(t, test.rule, err, "reading a certificate request: ", test.says)
	}
	// Two extension requests: which one counts is open, so neither does.
	dns := one(sanOf, "", tlv(0x30, tlv(0x82, "a.example")))
	r, err := cert.ParseRequest(info(v1, directory("CN=r"), ed25519Key,
		tlv(0xa0, attribute(asks, tlv(0x30, dns)), attribute(asks, tlv(0x30, dns)))))
	if err != nil || len(r.Malformed()) != 1 || !strings.Contains(r.Malformed()[0].Err.Error(), "more than once") {
		t.Errorf("two extension requests: %+v, %v", r, err)
	}
}

func TestParseCRL_refusesStructure(t *testing.T) {
	t.Parallel()
	const v2 = "\x02\x01\x01"
	this := tlv(0x17, "260101000000Z")
	entry := func(rest ...string) string { return tlv(0x30, tlv(0x30, "\x02\x01\x07", this, strings.Join(rest, ""))) }
	for _, test := range []struct {
		rule, says string
		der        []byte
	}{
		{"nothing", "SEQUENCE", nil},
		{"a negative version", "version", revocations("\x02\x01\xff", this)},
		{"no inner algorithm", "inner signature algorithm", []byte(tlv(0x30, tlv(0x30, v2, "\x05\x00"), ecdsaSHA256, tlv(3, "\x00s")))},
		{"no issuer", "issuer", []byte(tlv(0x30, tlv(0x30, v2, ecdsaSHA256, this), ecdsaSHA256, tlv(3, "\x00s")))},
		{"a validity time cannot be read", "UTCTime", revocations(v2, "\x02\x01\x01")},
		{"a list cut off", "cut short", revocations(v2, this, "\x30\x7f\x00")},
		{"an entry that is an INTEGER", "entry 1", revocations(v2, this, tlv(0x30, "\x02\x01\x07"))},
		{"an entry without a serial number", "entry 1", revocations(v2, this, tlv(0x30, tlv(0x30, this)))},
		{"an entry without a date", "entry 1", revocations(v2, this, tlv(0x30, tlv(0x30, "\x02\x01\x07")))},
		{"an entry whose extensions are an INTEGER", "entry 1", revocations(v2, this, entry("\x02\x01\x01"))},
		{
			"an entry with an extension twice", "entry 1", revocations(v2, this, entry(tlv(0x30, one("\x2a\x03", "", ""), one("\x2a\x03", "", "")))),
		},
		{"trailing bytes after the list", "unexpected data follows", revocations(v2, this, "\x30\x00", "\x05\x00")},
		{"extensions that are an INTEGER", "extensions", revocations(v2, this, tlv(0xa0, "\x02\x01\x01"))},
	} {
		_, err := cert.ParseCRL(test.der)
		mustRefuse(t, test.rule, err, "reading a CRL: ", test.says)
	}
	odd := revocations(v2, tlv(0x17, "soon"), tlv(0x17, "260201000000Z"),
		tlv(0xa0, tlv(0x30, one(idCE+"\x14", "", "\x05\x00"), one(idCE+"\x1b", "", "\x02\x01\x03"))))
	c, err := cert.ParseCRL(odd)
	if err != nil || c.TimesInUTC() || len(c.Malformed()) != 1 || c.Number != nil || c.BaseNumber == nil ||
		c.Extension("2.5.29.27") == nil || c.Extension("1.2") != nil {
		t.Errorf("kept as %+v, %v", c, err)
	}
}

// Each byte of a certificate, a request and a CRL is damaged in several ways. The readers return an error or a value, and neither they nor
// the description and the warnings panic.
func TestParsers_damage(t *testing.T) {
	t.Parallel()
	p := ordinary()
	p.extensions = ext(
		one(sanOf, "", tlv(0x30, tlv(0x82, "a.example"), tlv(0x87, "\x0a\x00\x00\x01"), tlv(0xa4, directory("CN=d")))),
		one(idCE+"\x13", flagTrue, "\x30\x06\x01\x01\xff\x02\x01\x03"), one(idCE+"\x0f", flagTrue, "\x03\x02\x01\x06"),
		one(ncOf, flagTrue, tlv(0x30, tlv(0xa0, tlv(0x30, tlv(0x82, "example"))))),
		one(idCE+"\x20", "", tlv(0x30, tlv(0x30, "\x06\x02\x2a\x03"))),
		one(idCE+"\x1f", "", tlv(0x30, tlv(0x30, tlv(0xa0, tlv(0xa0, tlv(0x86, "http://a.example/crl"))), tlv(0x81, "\x01\x06")))),
		one(aiaOf, "", tlv(0x30, tlv(0x30, tlv(6, "\x2b\x06\x01\x05\x05\x07\x30\x01"), tlv(0x86, "http://a.example/")))),
		one(idCE+"\x23", "", tlv(0x30, tlv(0x80, "id"), tlv(0xa1, tlv(0xa4, directory("CN=i"))), tlv(0x82, "\x05"))),
		one(idCE+"\x24", "", "\x30\x06\x80\x01\x00\x81\x01\x02"),
	)
	this := tlv(0x17, "260101000000Z")
	crl := revocations("\x02\x01\x01", this, this, tlv(0x30, tlv(0x30, "\x02\x01\x07", this, tlv(0x30, one(idCE+"\x15", "", "\x0a\x01\x04")))),
		tlv(0xa0, tlv(0x30, one(idCE+"\x14", "", "\x02\x01\x09"), one(idCE+"\x1c", flagTrue, tlv(0x30, "\x81\x01\xff")))))
	asked := request("\x02\x01\x00", tlv(0xa0, attribute("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x0e",
		tlv(0x30, one(sanOf, "", tlv(0x30, tlv(0x82, "a.example")))))))
	look := map[string]func([]byte){
		"certificate": func(der []byte) {
			if c, err := cert.Parse(der); err == nil {
				c.Warning()
				c.Describe()
				c.SerialHex()
			}
		},
		"CRL": func(der []byte) {
			if c, err := cert.ParseCRL(der); err == nil {
				cert.DescribeExtensions(c.Extensions)
				for _, e := range c.Extensions {
					_, _ = cert.ParseIssuingDistributionPoint(e.Value)
				}
			}
		},
		"request": func(der []byte) {
			if r, err := cert.ParseRequest(der); err == nil {
				cert.DescribeExtensions(r.Extensions)
			}
		},
	}
	for kind, whole := range map[string][]byte{"certificate": p.der(), "CRL": crl, "request": asked} {
		read := look[kind]
		for i := range whole {
			read(whole[:i])
			for _, value := range []byte{0, 1, 0x30, 0x7f, 0x80, 0xff, whole[i] ^ 0x20, whole[i] + 1} {
				damaged := bytes.Clone(whole)
				damaged[i] = value
				read(damaged)
			}
		}
	}
	if c, err := cert.Parse(p.der()); err != nil || c.Warning() != "" || len(c.Malformed()) != 0 {
		t.Errorf("undamaged: %v, %v", c.Warning(), err)
	}
}
