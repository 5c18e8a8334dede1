package cert_test

import (
	"crypto/x509"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"certkdb/pki/cert"
	"certkdb/pki/name"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// parts are the DER fields of a certificate, so that each can be made odd. The signature means nothing.
type parts struct {
	version, serial, inner, issuer, validity, subject, spki, unique, extensions, outer, signature string
}

// unhex decodes hexadecimal with spaces.
func unhex(s string) string {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return string(b)
}

func tlv(tag byte, content ...string) string {
	var b cryptobyte.Builder
	b.AddASN1(asn1.Tag(tag), func(b *cryptobyte.Builder) { b.AddBytes([]byte(strings.Join(content, ""))) })
	return string(b.BytesOrPanic())
}

var (
	ecdsaSHA256 = tlv(0x30, unhex("0608 2a8648ce3d040302"))
	ed25519Key  = tlv(0x30, tlv(0x30, unhex("0603 2b6570")), tlv(3, "\x00", strings.Repeat("k", 32)))
)

func directory(text string) string {
	n, err := name.ParseString(text)
	if err != nil {
		panic(err)
	}
	return string(n.DER())
}

func ordinary() parts {
	return parts{
		version: unhex("a003020102"), serial: unhex("020105"), inner: ecdsaSHA256, issuer: directory("CN=i"),
		validity: tlv(0x30, tlv(0x17, "260101000000Z"), tlv(0x17, "270101000000Z")), subject: directory("CN=s"),
		spki: ed25519Key, outer: ecdsaSHA256, signature: tlv(3, "\x00sig"),
	}
}

func (p parts) der() []byte {
	tbs := tlv(0x30, p.version, p.serial, p.inner, p.issuer, p.validity, p.subject, p.spki, p.unique, p.extensions)
	return []byte(tlv(0x30, tbs, p.outer, p.signature))
}

// ext wraps extensions given as identifier content, critical flag and value.
func ext(list ...string) string { return tlv(0xa3, tlv(0x30, list...)) }

func one(id, flag, value string) string {
	return tlv(0x30, tlv(6, id), flag, tlv(4, value))
}

const (
	flagTrue  = "\x01\x01\xff"
	idCE      = "\x55\x1d"
	sanOf     = idCE + "\x11"
	ncOf      = idCE + "\x1e"
	aiaOf     = "\x2b\x06\x01\x05\x05\x07\x01\x01"
	bigArcOID = "\x2a\x88\x80\x80\x80\x00" // 1.2.2147483648
)

func rsaKey(params, modulus, exponent string) string {
	return tlv(0x30, tlv(0x30, unhex("0609 2a864886f70d010101"), params), tlv(3, "\x00", tlv(0x30, tlv(2, modulus), tlv(2, exponent))))
}

func ecKey(params, point string) string {
	return tlv(0x30, tlv(0x30, unhex("0607 2a8648ce3d0201"), params), tlv(3, "\x00", point))
}

func pureKey(oid, params, key string) string {
	return tlv(0x30, tlv(0x30, tlv(6, unhex(oid)), params), tlv(3, "\x00", key))
}

var oddModulus = "\x00" + strings.Repeat("\xc3", 256)

type warningCase struct {
	rule  string
	odd   func(*parts)
	want  string // part of the warning; "" for none
	isNil bool   // Parse refuses
}

var warningCases = []warningCase{
	{rule: "nothing", odd: func(*parts) {}},
	{rule: "version 4", odd: func(p *parts) { p.version = unhex("a003020103") }, want: "certificate version 4"},
	{rule: "version 0", odd: func(p *parts) { p.version = unhex("a0030201ff") }, want: "certificate version 0"},
	{
		rule: "version 1 with extensions", odd: func(p *parts) { p.version = ""; p.extensions = ext(one(idCE+"\x0e", "", "\x04\x00")) },
		want: "version 1 certificate has extensions",
	},
	{rule: "version that is not an INTEGER", odd: func(p *parts) { p.version = unhex("a003040102") }, isNil: true},
	{rule: "negative serial", odd: func(p *parts) { p.serial = unhex("0201ff") }, want: "negative"},
	{rule: "serial of 21 bytes", odd: func(p *parts) { p.serial = tlv(2, strings.Repeat("\x11", 21)) }, want: "more than 20 bytes"},
	{rule: "serial with leading zeros", odd: func(p *parts) { p.serial = unhex("02020005") }, isNil: true},
	{rule: "empty serial", odd: func(p *parts) { p.serial = unhex("0200") }, isNil: true},
	{rule: "algorithms differ", odd: func(p *parts) { p.outer = tlv(0x30, unhex("0608 2a8648ce3d040303")) }, want: "algorithms differ"},
	{
		rule: "algorithm with a big arc", odd: func(p *parts) { p.outer = tlv(0x30, tlv(6, bigArcOID)); p.inner = p.outer },
		want: "arc above 2^31",
	},
	{rule: "algorithm without identifier", odd: func(p *parts) { p.inner = "\x30\x00" }, isNil: true},
	{
		rule: "time without seconds", odd: func(p *parts) { p.validity = tlv(0x30, tlv(0x17, "2601010000Z"), tlv(0x17, "270101000000Z")) },
		want: "not written as",
	},
	{
		rule: "time with an offset", odd: func(p *parts) { p.validity = tlv(0x30, tlv(0x17, "260101000000+0100"), tlv(0x17, "270101000000Z")) },
		want: "not written as",
	},
	{
		rule: "time with a fraction", odd: func(p *parts) { p.validity = tlv(0x30, tlv(0x18, "20260101000000.5Z"), tlv(0x17, "270101000000Z")) },
		want: "not written as",
	},
	{
		rule: "31 June", odd: func(p *parts) { p.validity = tlv(0x30, tlv(0x17, "260631000000Z"), tlv(0x17, "270101000000Z")) }, want: "time",
	},
	{
		rule: "hour 24", odd: func(p *parts) { p.validity = tlv(0x30, tlv(0x17, "260101240000Z"), tlv(0x17, "270101000000Z")) }, want: "time",
	},
	{
		rule: "letters for a time", odd: func(p *parts) { p.validity = tlv(0x30, tlv(0x17, "soon"), tlv(0x17, "270101000000Z")) },
		want: "time",
	},
	{
		rule: "time that is a string", odd: func(p *parts) { p.validity = tlv(0x30, tlv(0x0c, "260101000000Z"), tlv(0x17, "270101000000Z")) },
		isNil: true,
	},
	{
		rule: "PrintableString with an underscore", odd: func(p *parts) { p.subject = directory("CN=#13015f") },
		want: "characters that its string type",
	},
	{rule: "invalid UTF8String", odd: func(p *parts) { p.subject = directory(`CN=a\FF`) }, want: "characters that its string type"},
	{
		rule: "IA5String that is not ASCII", odd: func(p *parts) { p.subject = directory("CN=#1601ff") },
		want: "characters that its string type",
	},
	{
		rule: "NumericString with letters", odd: func(p *parts) { p.subject = directory("CN=#120161") }, want: "characters that its string type",
	},
	{
		rule: "BMPString with a surrogate", odd: func(p *parts) { p.subject = directory("CN=#1e02d800") },
		want: "characters that its string type",
	},
	{rule: "UniversalString", odd: func(p *parts) { p.subject = directory("CN=#1c0400000061") }, want: "unusual type 28"},
	{rule: "T61String", odd: func(p *parts) { p.subject = directory("CN=#1401fc") }},
	{rule: "attribute type with a big arc", odd: func(p *parts) { p.subject = directory("1.2.2147483648=#0c0161") }, want: "arc above 2^31"},
	{rule: "RSA", odd: func(p *parts) { p.spki = rsaKey("\x05\x00", oddModulus, "\x03") }},
	{rule: "RSA without NULL", odd: func(p *parts) { p.spki = rsaKey("", oddModulus, "\x03") }, want: "no NULL"},
	{
		rule: "RSA with a negative modulus", odd: func(p *parts) { p.spki = rsaKey("\x05\x00", "\xc3\x01", "\x03") }, want: "positive number",
	},
	{rule: "RSA with exponent 0", odd: func(p *parts) { p.spki = rsaKey("\x05\x00", oddModulus, "\x00") }, want: "positive number"},
	{
		rule: "RSA with a huge exponent", odd: func(p *parts) { p.spki = rsaKey("\x05\x00", oddModulus, strings.Repeat("\x11", 9)) },
		want: "more than 64 bits",
	},
	{
		rule: "unknown curve", odd: func(p *parts) { p.spki = ecKey(unhex("0605 2b8104000a"), "\x04"+strings.Repeat("x", 64)) },
		want: "does not know the elliptic curve",
	},
	{
		rule: "compressed point", odd: func(p *parts) { p.spki = ecKey(unhex("0608 2a8648ce3d030107"), "\x02"+strings.Repeat("x", 32)) },
		want: "compressed or malformed",
	},
	{rule: "explicit curve", odd: func(p *parts) { p.spki = ecKey("\x30\x03\x02\x01\x01", "\x04xx") }, want: "explicit parameters"},
	{
		rule: "Ed25519 with parameters", odd: func(p *parts) { p.spki = pureKey("2b6570", "\x05\x00", strings.Repeat("k", 32)) },
		want: "has parameters",
	},
	{rule: "Ed25519 key too short", odd: func(p *parts) { p.spki = pureKey("2b6570", "", "k") }, want: "1 bytes instead of 32"},
	{rule: "ML-DSA key too short", odd: func(p *parts) { p.spki = pureKey("608648016503040312", "", "k") }, want: "1 bytes instead of 1952"},
	{rule: "DSA without parameters", odd: func(p *parts) { p.spki = pureKey("2a8648ce380401", "", "\x02\x01\x05") }, want: "DSA key"},
	{rule: "key of an unknown algorithm", odd: func(p *parts) { p.spki = pureKey("2a0304", "", "k") }},
	{
		rule: "key that is not a BIT STRING",
		odd:  func(p *parts) { p.spki = tlv(0x30, tlv(0x30, unhex("0603 2b6570")), tlv(4, "k")) }, isNil: true,
	},
	{rule: "unique identifiers", odd: func(p *parts) { p.unique = "\x81\x02\x00\x01\x82\x02\x00\x01" }},
	{rule: "something after the key", odd: func(p *parts) { p.unique = "\x05\x00" }, isNil: true},
	{rule: "critical flag 1", odd: func(p *parts) { p.extensions = ext(one("\x2a\x03", "\x01\x01\x01", "\x05\x00")) }, want: "not DER"},
	{
		rule: "critical flag of two bytes", odd: func(p *parts) { p.extensions = ext(one("\x2a\x03", "\x01\x02\x01\x01", "\x05\x00")) },
		isNil: true,
	},
	{rule: "extension with a big arc", odd: func(p *parts) { p.extensions = ext(one(bigArcOID, "", "\x05\x00")) }, want: "arc above 2^31"},
	{
		rule: "critical key identifier", odd: func(p *parts) { p.extensions = ext(one(idCE+"\x23", flagTrue, "\x30\x00")) },
		want: "authorityKeyIdentifier is marked critical",
	},
	{
		rule: "critical authority access", odd: func(p *parts) { p.extensions = ext(one(aiaOf, flagTrue, "\x30\x00")) },
		want: "authorityInfoAccess is marked critical",
	},
	{
		rule: "key usage with stray bits", odd: func(p *parts) { p.extensions = ext(one(idCE+"\x0f", "", "\x03\x02\x07\x81")) },
		want: "unused bits",
	},
	{rule: "CA flag 1", odd: func(p *parts) { p.extensions = ext(one(idCE+"\x13", "", "\x30\x03\x01\x01\x01")) }, want: "CA flag is not DER"},
	{
		rule: "negative path length", odd: func(p *parts) { p.extensions = ext(one(idCE+"\x13", "", "\x30\x06\x01\x01\xff\x02\x01\xff")) },
		want: "path length",
	},
	{rule: "empty extended key usage", odd: func(p *parts) { p.extensions = ext(one(idCE+"\x25", "", "\x30\x00")) }, want: "it is empty"},
	{
		rule: "name that is not ASCII", odd: func(p *parts) { p.extensions = ext(one(sanOf, "", "\x30\x03\x82\x01\xfc")) }, want: "is not ASCII",
	},
	{rule: "IPv4-mapped address", odd: func(p *parts) {
		p.extensions = ext(one(sanOf, "", "\x30\x12\x87\x10"+strings.Repeat("\x00", 10)+"\xff\xff\x01\x02\x03\x04"))
	}, want: "an IP address"},
	{rule: "address of 5 bytes", odd: func(p *parts) { p.extensions = ext(one(sanOf, "", "\x30\x07\x87\x0512345")) }, want: "an IP address"},
	{rule: "invalid URI", odd: func(p *parts) { p.extensions = ext(one(sanOf, "", "\x30\x05\x86\x03%zz")) }, want: "not a URI"},
	{rule: "unknown kind of name", odd: func(p *parts) { p.extensions = ext(one(sanOf, "", "\x30\x02\x89\x00")) }, want: "no kind of name"},
	{rule: "constraint with a broken mask", odd: func(p *parts) {
		p.extensions = ext(one(ncOf, flagTrue, "\x30\x0e\xa0\x0c\x30\x0a\x87\x08\x0a\x00\x00\x00\xff\x00\xff\x00"))
	}, want: "constraint ip:#0a000000ff00ff00 is malformed"},
	{rule: "constraint with a minimum", odd: func(p *parts) {
		p.extensions = ext(one(ncOf, flagTrue, "\x30\x0a\xa0\x08\x30\x06\x82\x01a\x80\x01\x01"))
	}, want: "minimum distance"},
	{rule: "constraint with a maximum", odd: func(p *parts) {
		p.extensions = ext(one(ncOf, flagTrue, "\x30\x0a\xa0\x08\x30\x06\x82\x01a\x81\x01\x01"))
	}, want: "maximum distance"},
	{rule: "signature that is not a BIT STRING", odd: func(p *parts) { p.signature = tlv(4, "sig") }, isNil: true},
	{rule: "signature of odd bits", odd: func(p *parts) { p.signature = tlv(3, "\x01si\x02") }, want: "whole number of bytes"},
}

// TestWarning_rules makes one thing odd at a time. Whatever crypto/x509 refuses must be warned of.
func TestWarning_rules(t *testing.T) {
	t.Parallel()
	for _, test := range warningCases {
		p := ordinary()
		test.odd(&p)
		der := p.der()
		c, err := cert.Parse(der)
		if test.isNil {
			if err == nil {
				t.Errorf("%s: read", test.rule)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", test.rule, err)
			continue
		}
		warning := c.Warning()
		if test.want == "" && warning != "" || !strings.Contains(warning, test.want) {
			t.Errorf("%s: warning %q, want %q", test.rule, warning, test.want)
		}
		if _, err := x509.ParseCertificate(der); err != nil && warning == "" {
			t.Errorf("%s: crypto/x509 says %v", test.rule, err)
		}
	}
}

func TestParse_times(t *testing.T) {
	t.Parallel()
	tests := []struct {
		rule string
		tlv  string
		want time.Time
	}{
		{"UTCTime of this century", tlv(0x17, "490102030405Z"), time.Date(2049, 1, 2, 3, 4, 5, 0, time.UTC)},
		{"UTCTime of the last century", tlv(0x17, "500102030405Z"), time.Date(1950, 1, 2, 3, 4, 5, 0, time.UTC)},
		{"GeneralizedTime", tlv(0x18, "99991231235959Z"), time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)},
		{"without seconds", tlv(0x17, "2601020304Z"), time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC)},
		{"east of Greenwich", tlv(0x17, "260102030405+0130"), time.Date(2026, 1, 2, 1, 34, 5, 0, time.UTC)},
		{"west of Greenwich", tlv(0x17, "260102030405-0130"), time.Date(2026, 1, 2, 4, 34, 5, 0, time.UTC)},
		{"29 February", tlv(0x17, "240229000000Z"), time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC)},
		{"29 February of no leap year", tlv(0x17, "260229000000Z"), time.Time{}},
		{"without zone", tlv(0x17, "260102030405"), time.Time{}},
		{"empty", tlv(0x17, ""), time.Time{}},
	}
	for _, test := range tests {
		p := ordinary()
		p.validity = tlv(0x30, test.tlv, test.tlv)
		c, err := cert.Parse(p.der())
		if err != nil {
			t.Errorf("%s: %v", test.rule, err)
			continue
		}
		if !c.NotBefore.Equal(test.want) || !c.NotAfter.Equal(test.want) || c.TimesReadable() == test.want.IsZero() {
			t.Errorf("%s: %v, want %v", test.rule, c.NotBefore, test.want)
		}
	}
}

func TestCertificate_SerialHex(t *testing.T) {
	t.Parallel()
	for der, want := range map[string]string{
		"020100": "00", "02017f": "7f", "02020080": "80", "0201ff": "-01", "02020100": "0100",
		"0202ff00": "-0100",
	} {
		p := ordinary()
		p.serial = unhex(der)
		c, err := cert.Parse(p.der())
		if err != nil {
			t.Fatal(err)
		}
		if got := c.SerialHex(); got != want {
			t.Errorf("%s: %s, want %s", der, got, want)
		}
	}
}
