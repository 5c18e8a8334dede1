package path_test

import (
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"strings"
	"testing"

	"certkdb/pki/cert"
	"certkdb/pki/path"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// endOfTBS stands for the end of the signed part among the text to replace: what stands instead is appended.
const endOfTBS = "#end"

// resign replaces text in the signed part of a certificate or CRL and signs it again by ECDSA with SHA-256.
// unused is the number of unused bits that the signature claims to have.
func resign(t testing.TB, whole []byte, issuer *member, unused byte, replace ...string) []byte {
	t.Helper()
	input := cryptobyte.String(whole)
	var seq, tbs, algorithm cryptobyte.String
	if !input.ReadASN1(&seq, asn1.SEQUENCE) || !seq.ReadASN1(&tbs, asn1.SEQUENCE) || !seq.ReadASN1Element(&algorithm, asn1.SEQUENCE) {
		t.Fatal("no signed structure")
	}
	text := string(tbs) + endOfTBS
	for i := 0; i < len(replace); i += 2 {
		if !strings.Contains(text, replace[i]) {
			t.Fatalf("%q is not there", replace[i])
		}
		text = strings.Replace(text, replace[i], replace[i+1], 1)
	}
	text = der(0x30, strings.TrimSuffix(text, endOfTBS))
	sum := sha256.Sum256([]byte(text))
	signature, err := issuer.key.Sign(rand.Reader, sum[:], crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes([]byte(text))
		b.AddBytes(algorithm)
		b.AddASN1(asn1.BIT_STRING, func(b *cryptobyte.Builder) { b.AddUint8(unused); b.AddBytes(signature) })
	})
	return b.BytesOrPanic()
}

// TestValidate_oddForms are certificates whose structure breaks a rule although the signature is right.
func TestValidate_oddForms(t *testing.T) {
	t.Parallel()
	root := ca(t, nil, "Root")
	const version3 = "\xa0\x03\x02\x01\x02"
	utc := func(s string) string { return "\x17\x0d" + s }
	notAfter := utc("270601120000Z")
	bare := forge(t, root, newKey(t), template("bare"))
	tests := []struct {
		rule    string
		leaf    *member
		unused  byte
		replace []string
		want    string
	}{
		{"as it was", leaf(t, root), 0, nil, "valid"},
		{"version 2 with extensions", leaf(t, root), 0, []string{version3, "\xa0\x03\x02\x01\x01"}, "version"},
		{"version 4", leaf(t, root), 0, []string{version3, "\xa0\x03\x02\x01\x03"}, "version"},
		{"version 0", leaf(t, root), 0, []string{version3, "\xa0\x03\x02\x01\xff"}, "version"},
		{"version 4 without extensions", bare, 0, []string{version3, "\xa0\x03\x02\x01\x03"}, "version"},
		{"a signature with unused bits", leaf(t, root), 1, nil, "signature"},
		{"a time with an offset", leaf(t, root), 0, []string{notAfter, "\x17\x0d2706011200+01"}, "malformed"},
		{"an invalid time", leaf(t, root), 0, []string{notAfter, utc("271301120000Z")}, "malformed"},
		{"a public key with unused bits", leaf(t, root), 0, []string{"\x03\x42\x00\x04", "\x03\x42\x01\x04"}, "malformed"},
		{"a public key that is not a point of its curve", leaf(t, root), 0, []string{"\x03\x42\x00\x04", "\x03\x42\x00\x05"}, "malformed"},
	}
	for _, test := range tests {
		c, err := cert.Parse(resign(t, test.leaf.Raw, root, test.unused, test.replace...))
		if err != nil {
			t.Fatalf("%s: %v", test.rule, err)
		}
		if got := rules(path.Validate(c, options(root))); got != test.want {
			t.Errorf("%s: %s, want %s", test.rule, got, test.want)
		}
	}
}

// TestValidate_strictEncoding are forms that section 4 forbids, but everybody reads.
func TestValidate_strictEncoding(t *testing.T) {
	t.Parallel()
	root := ca(t, nil, "Root", conforming)
	const (
		validity    = "\x30\x1e\x17\x0d250601120000Z\x17\x0d270601120000Z"
		generalized = "\x30\x20\x17\x0d250601120000Z\x18\x0f20270601120000Z"
		ecdsaSHA256 = "\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02"
		withNull    = "\x30\x0c\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02\x05\x00"
	)
	tests := []struct {
		rule    string
		replace []string
		want    string
	}{
		{"a GeneralizedTime before 2050", []string{validity, generalized}, "has a GeneralizedTime before 2050"},
		{"a critical flag that is BER", []string{"\x01\x01\xff", "\x01\x01\x01"}, "has a critical flag that is not DER"},
		{
			"an invalid UTF8String",
			[]string{"\x06\x03\x55\x04\x03\x13\x0bexample.com", "\x06\x03\x55\x04\x03\x0c\x0bexample\xffcom"},
			"has characters that its string type does not have",
		},
		{
			"an invalid IA5String",
			[]string{"\x06\x03\x55\x04\x03\x13\x0bexample.com", "\x06\x03\x55\x04\x03\x16\x0bexample\xffcom"},
			"has characters that its string type does not have",
		},
		{
			"an attribute without a value",
			[]string{"\x30\x28\x31\x10\x30\x0e\x06\x03\x55\x04\x0a\x13\x07Example", "\x30\x21\x31\x09\x30\x07\x06\x03\x55\x04\x0a\x13\x00"},
			"has an attribute without a value",
		},
		{"an inner algorithm with parameters", []string{ecdsaSHA256, withNull}, "algorithms-differ"},
	}
	for _, test := range tests {
		c, err := cert.Parse(resign(t, leaf(t, root).Raw, root, 0, test.replace...))
		if err != nil {
			t.Fatalf("%s: %v", test.rule, err)
		}
		o := options(root)
		o.Profile = path.StrictRFC5280
		if result := path.Validate(c, o); result.Valid || !strings.Contains(explain(result), test.want) {
			t.Errorf("%s: want %q\n%s", test.rule, test.want, explain(result))
		}
	}
}

// TestValidate_oddCRLs are CRLs whose structure breaks a rule although the signature is right.
func TestValidate_oddCRLs(t *testing.T) {
	t.Parallel()
	root := ca(t, nil, "Root")
	l := leaf(t, root)
	list := crlOf(t, root, nil)
	delta := crlOf(t, root, crlExtension(cert.IDDeltaCRLIndicator, true, "\x02\x01\x05"))
	const version2, nextUpdate = "\x02\x01\x01\x30", "260607120000Z"
	tests := []struct {
		rule    string
		der     []byte
		unused  byte
		replace []string
		want    string
	}{
		{"as it was", list.Raw, 0, nil, "valid"},
		{"version 3", list.Raw, 0, []string{version2, "\x02\x01\x02\x30"}, "no-crl"},
		{"version 1 with extensions", list.Raw, 0, []string{version2, "\x02\x01\x00\x30"}, "no-crl"},
		{
			"a delta without a number", delta.Raw, 0,
			[]string{version2, "\x02\x01\x00\x30", "\x06\x03\x55\x1d\x14", "\x06\x03\x55\x1d\x70"},
			"no-crl",
		},
		{"a signature with unused bits", list.Raw, 1, nil, "no-crl"},
		{"a next update that is not a time", list.Raw, 0, []string{nextUpdate, "261307120000Z"}, "no-crl"},
		{"no next update", list.Raw, 0, []string{"\x17\x0d" + nextUpdate, ""}, "no-crl"},
		{"a negative number", list.Raw, 0, []string{"\x55\x1d\x14\x04\x03\x02\x01\x05", "\x55\x1d\x14\x04\x03\x02\x01\x85"}, "no-crl"},
	}
	for _, test := range tests {
		c, err := cert.ParseCRL(resign(t, test.der, root, test.unused, test.replace...))
		if err != nil {
			t.Fatalf("%s: %v", test.rule, err)
		}
		o := options(root)
		o.CRLs, o.RequireCRLs = []*cert.CRL{c}, true
		result := path.Validate(l.Certificate, o)
		if got := rules(result); got != test.want {
			t.Errorf("%s: %s, want %s\n%s", test.rule, got, test.want, explain(result))
		}
		o.CRLs = append(o.CRLs, list) // with a good one, it is left out of account
		if got := rules(path.Validate(l.Certificate, o)); got != "valid" {
			t.Errorf("%s, with a good one: %s", test.rule, got)
		}
	}
}
