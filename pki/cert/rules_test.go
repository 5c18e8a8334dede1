package cert_test

import (
	"strings"
	"testing"

	"certkdb/pki/cert"
)

// rule is one MUST of RFC 5280 about the form of a certificate, and what breaks it. Either Parse refuses it, or the certificate can be kept
// and its Warning tells. What a rule means for the validity of chains stands in pki/path.
type rule struct {
	section, breaks string
	odd             func(*parts)
	refused         bool   // by Parse
	says            string // part of the error or the warning
}

// with makes a certificate that has one extension.
func with(id, flag, value string) func(*parts) {
	return func(p *parts) { p.extensions = ext(one(idCE+id, flag, value)) }
}

func validity(from, to string) func(*parts) {
	return func(p *parts) { p.validity = tlv(0x30, from, to) }
}

// formRules is the list of what this package enforces of sections 4.1 and 4.2: what is missing can be seen.
func formRules() []rule {
	late := tlv(0x17, "270101000000Z")
	return []rule{
		{"4.1", "no SEQUENCE of three", func(p *parts) { p.signature = "" }, true, "signature"},
		{"4.1", "something after the signature", func(p *parts) { p.signature += "\x05\x00" }, true, "follow its signature"},
		{"4.1.1.2", "another algorithm inside than outside", func(p *parts) { p.outer = tlv(0x30, unhex("0603 2b6570")) }, false, "differ"},
		{"4.1.1.3", "a signature that is no BIT STRING", func(p *parts) { p.signature = tlv(4, "sig") }, true, "BIT STRING"},
		{"4.1.2.1", "version 4", func(p *parts) { p.version = unhex("a003020103") }, false, "version 4"},
		{"4.1.2.1", "extensions in version 1", func(p *parts) { p.version = ""; with("\x0e", "", "\x04\x01k")(p) }, false, "has extensions"},
		{"4.1.2.2", "a negative serial number", func(p *parts) { p.serial = unhex("0201ff") }, false, "negative"},
		{"4.1.2.2", "21 bytes", func(p *parts) { p.serial = tlv(2, strings.Repeat("\x11", 21)) }, false, "more than 20 bytes"},
		{"4.1.2.2", "no INTEGER", func(p *parts) { p.serial = "\x04\x01\x05" }, true, "serial number"},
		{"4.1.2.4", "an issuer that is no Name", func(p *parts) { p.issuer = "\x0c\x01i" }, true, "issuer"},
		{"4.1.2.5", "one time", validity(late, ""), true, "validity"},
		{"4.1.2.5.1", "a UTCTime without seconds", validity(tlv(0x17, "2601010000Z"), late), false, "not written as"},
		{"4.1.2.5.1", "a UTCTime with an offset", validity(tlv(0x17, "260101000000+0100"), late), false, "not written as"},
		{"4.1.2.5.2", "a GeneralizedTime with a fraction", validity(tlv(0x18, "20600101000000.5Z"), late), false, "not written as"},
		{"4.1.2.5", "a day that no month has", validity(tlv(0x17, "260631000000Z"), late), false, "time"},
		{"4.1.2.7", "no public key", func(p *parts) { p.spki = "" }, true, "public key"},
		{"4.1.2.7", "a key that is no BIT STRING", func(p *parts) { p.spki = tlv(0x30, ecdsaSHA256, tlv(4, "k")) }, true, "BIT STRING"},
		{"4.1.2.8", "identifiers in the wrong order", func(p *parts) { p.unique = "\x82\x02\x00\x01\x81\x02\x00\x01" }, true, "follows"},
		{"4.1.2.9", "extensions that are no SEQUENCE", func(p *parts) { p.extensions = tlv(0xa3, "\x05\x00") }, true, "extensions"},
		{"4.2", "an extension twice", func(p *parts) { p.extensions = ext(one("\x2a\x03", "", "a"), one("\x2a\x03", "", "b")) }, true, "twice"},
		{"4.2", "a critical flag that is not DER", with("\x0e", "\x01\x01\x01", "\x04\x01k"), false, "not DER"},
		{"4.2.1.1", "a critical authority key identifier", with("\x23", flagTrue, "\x30\x00"), false, "critical"},
		{"4.2.1.1", "an authority key identifier that is none", with("\x23", "", "\x04\x01k"), false, "authorityKeyIdentifier"},
		{"4.2.1.2", "a subject key identifier that is none", with("\x0e", "", "\x30\x00"), false, "subjectKeyIdentifier"},
		{"4.2.1.3", "a key usage that is no BIT STRING", with("\x0f", "", "\x04\x01\x80"), false, "keyUsage"},
		{"4.2.1.6", "no name at all", with("\x11", "", "\x30\x00"), false, "subjectAltName"},
		{"4.2.1.6", "a DNS name that is not ASCII", with("\x11", "", "\x30\x03\x82\x01\xfc"), false, "not ASCII"},
		{"4.2.1.6", "an address of 5 bytes", with("\x11", "", "\x30\x07\x87\x0512345"), false, "IP address"},
		{"4.2.1.6", "a URI that is none", with("\x11", "", "\x30\x05\x86\x03%zz"), false, "not a URI"},
		{"4.2.1.6", "a kind of name that is none", with("\x11", "", "\x30\x02\x89\x00"), false, "no kind of name"},
		{"4.2.1.9", "a negative path length", with("\x13", flagTrue, "\x30\x06\x01\x01\xff\x02\x01\xff"), false, "path length"},
		{"4.2.1.9", "constraints that are no SEQUENCE", with("\x13", flagTrue, "\x01\x01\xff"), false, "basicConstraints"},
		{"4.2.1.10", "a minimum distance", with("\x1e", flagTrue, "\x30\x0a\xa0\x08\x30\x06\x82\x01a\x80\x01\x01"), false, "minimum"},
		{"4.2.1.10", "a maximum distance", with("\x1e", flagTrue, "\x30\x0a\xa0\x08\x30\x06\x82\x01a\x81\x01\x01"), false, "maximum"},
		{"4.2.1.12", "no usage at all", with("\x25", "", "\x30\x00"), false, "it is empty"},
		{"4.2.2.1", "a critical authority access", func(p *parts) { p.extensions = ext(one(aiaOf, flagTrue, "\x30\x00")) }, false, "critical"},
	}
}

// TestRules_RFC5280 breaks one rule at a time in a certificate that keeps all others.
func TestRules_RFC5280(t *testing.T) {
	t.Parallel()
	sound := ordinary()
	if c, err := cert.Parse(sound.der()); err != nil || c.Warning() != "" {
		t.Fatalf("the certificate that breaks no rule: %v", err)
	}
	for _, r := range formRules() {
		p := ordinary()
		r.odd(&p)
		c, err := cert.Parse(p.der())
		text := ""
		switch {
		case (err != nil) != r.refused:
			t.Errorf("%s: %s: %v, refused must be %v", r.section, r.breaks, err, r.refused)
			continue
		case err != nil:
			text = err.Error()
		default:
			text = c.Warning()
		}
		if !strings.Contains(text, r.says) {
			t.Errorf("%s: %s: %q does not say %q", r.section, r.breaks, text, r.says)
		}
	}
}
