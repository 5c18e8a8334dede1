package name_test

import (
	"bytes"
	"encoding/hex"
	"os/exec"
	"strings"
	"testing"

	"certkdb/pki/name"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// makeName encodes a name of one attribute per part, each with the given type, tag and content.
func makeName(parts ...name.Attribute) name.Name {
	var n name.Name
	for _, a := range parts {
		n.RDNs = append(n.RDNs, name.RDN{a})
	}
	return n
}

func raw(tag int, content string) []byte {
	var b cryptobyte.Builder
	b.AddASN1(asn1.Tag(tag), func(b *cryptobyte.Builder) { b.AddBytes([]byte(content)) })
	return b.BytesOrPanic()
}

func TestParse_stringTypes(t *testing.T) {
	t.Parallel()
	tests := []struct {
		rule    string
		tag     int
		content string
		value   string
		text    string
	}{
		{"UTF8String", name.TagUTF8String, "Zürich", "Zürich", "CN=Zürich"},
		{"PrintableString", name.TagPrintableString, "abc", "abc", "CN=abc"},
		{"T61String is read as Latin-1", name.TagT61String, "Z\xfcrich", "Zürich", "CN=Zürich"},
		{"BMPString", name.TagBMPString, "\x00Z\x00\xfc\x20\xac", "Zü€", "CN=Zü€"},
		{"BMPString with a surrogate pair", name.TagBMPString, "\xd8\x3d\xde\x00", "😀", "CN=😀"},
		{"BMPString of odd length is hexadecimal", name.TagBMPString, "abc", "", "CN=#1e03616263"},
		{"UniversalString", name.TagUniversalString, "\x00\x00\x00Z\x00\x01\xf6\x00", "Z😀", "CN=Z😀"},
		{"UniversalString beyond Unicode", name.TagUniversalString, "\x00\x11\x00\x00", "", "CN=#1c0400110000"},
		{"IA5String", name.TagIA5String, "a@b", "a@b", "CN=a@b"},
		{"BIT STRING is hexadecimal", name.TagBitString, "\x00\xff", "", "CN=#030200ff"},
		{"INTEGER is hexadecimal", 2, "\x05", "", "CN=#020105"},
		{"UTF8String that is not UTF-8 keeps its bytes", name.TagUTF8String, "a\xff", "a\xff", `CN=a\FF`},
		{"empty value", name.TagUTF8String, "", "", "CN="},
	}
	for _, test := range tests {
		der := makeName(name.Attribute{Type: name.CommonName, Raw: raw(test.tag, test.content)}).DER()
		n, err := name.Parse(der)
		if err != nil {
			t.Errorf("%s: %v", test.rule, err)
			continue
		}
		if got := n.CommonName(); got != test.value {
			t.Errorf("%s: value %q, want %q", test.rule, got, test.value)
		}
		if got := n.String(); got != test.text {
			t.Errorf("%s: text %q, want %q", test.rule, got, test.text)
		}
		if !bytes.Equal(n.DER(), der) {
			t.Errorf("%s: DER changed to %x", test.rule, n.DER())
		}
		checkRoundTrip(t, n)
	}
}

func checkRoundTrip(t *testing.T, n name.Name) {
	t.Helper()
	again, err := name.ParseString(n.String())
	if err != nil {
		t.Errorf("reading %q back: %v", n.String(), err)
		return
	}
	if !name.Equal(n, again) || n.Canonical() != again.Canonical() {
		t.Errorf("%q is not equal to itself read back, %q", n, again)
	}
}

func TestParse_refuses(t *testing.T) {
	t.Parallel()
	tests := []struct{ rule, der string }{
		{"nothing", ""},
		{"no SEQUENCE", "3100"},
		{"bytes after the name", "300000"},
		{"part that is not a SET", "30023000"},
		{"attribute that is not a SEQUENCE", "300431020500"},
		{"attribute without a value", "300931073005060355040300"},
		{"type with an unfinished arc", "300d310b30090603550483" + "0c026162"},
		{"cut short", "300a3108"},
	}
	for _, test := range tests {
		der, err := hex.DecodeString(test.der)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := name.Parse(der); err == nil {
			t.Errorf("%s: read as %q", test.rule, n)
		}
	}
}

func TestParseString_forms(t *testing.T) {
	t.Parallel()
	tests := []struct{ rule, text, want string }{
		{"empty name", "", ""},
		{"RFC 4514 example", "UID=jsmith,DC=example,DC=net", "UID=jsmith,DC=example,DC=net"},
		{"multi-valued RDN in DER order", "CN=J. Smith+OU=Sales,DC=example,DC=net", "OU=Sales+CN=J. Smith,DC=example,DC=net"},
		{"escaped comma", `CN=Steve Kille\, Isode,C=GB`, `CN=Steve Kille\, Isode,C=GB`},
		{"escaped control character", `CN=Before\0dAfter,DC=net`, `CN=Before\0DAfter,DC=net`},
		{"dotted type with hexadecimal value", "1.3.6.1.4.1.1466.0=#04024869", "1.3.6.1.4.1.1466.0=#04024869"},
		{"dotted type with a known name", "2.5.4.3=x", "CN=x"},
		{"UTF-8 in pairs", `SN=Lu\C4\8Di\C4\87`, "SN=Lučić"},
		{"spaces around separators", " CN = a b , O = c ", "CN=a b,O=c"},
		{"semicolons", "CN=a;O=b", "CN=a,O=b"},
		{"quoted value", `CN="a, b",O=c`, `CN=a\, b,O=c`},
		{"quote within quotes", `CN="a\"b"`, `CN=a\"b`},
		{"OID prefix", "OID.2.5.4.10=x", "O=x"},
		{"type in any case", "cn=a,dc=b,EMAIL=c@d,s=NRW", "CN=a,DC=b,emailAddress=c@d,ST=NRW"},
		{"leading hash and spaces", `CN=\#a\ `, `CN=\#a\ `},
		{"leading space", `CN=\ a`, `CN=\ a`},
		{"equals sign in a value", "CN=a=b", "CN=a=b"},
		{"empty value", "CN=,O=b", "CN=,O=b"},
		{"long names", "commonName=a,organizationName=b,countryName=DE", "CN=a,O=b,C=DE"},
	}
	for _, test := range tests {
		n, err := name.ParseString(test.text)
		if err != nil {
			t.Errorf("%s: %v", test.rule, err)
			continue
		}
		if got := n.String(); got != test.want {
			t.Errorf("%s: %q, want %q", test.rule, got, test.want)
		}
		if parsed, err := name.Parse(n.DER()); err != nil || !name.Equal(n, parsed) || parsed.String() != test.want {
			t.Errorf("%s: after DER: %q, %v", test.rule, parsed, err)
		}
	}
}

func TestParseString_refuses(t *testing.T) {
	t.Parallel()
	tests := []struct{ rule, text string }{
		{"no type", "=x"},
		{"no equals sign", "CN"},
		{"unknown type", "XYZZY=a"},
		{"missing part", "CN=a,,O=b"},
		{"ends in a separator", "CN=a,"},
		{"bare quote in a value", `CN=a"b`},
		{"unfinished quote", `CN="a`},
		{"text after a quote", `CN="a"b`},
		{"unfinished escape", `CN=a\`},
		{"needless escape", `CN=a\x`},
		{"invalid hexadecimal", "1.2.3=#0g"},
		{"hexadecimal that is not DER", "1.2.3=#0405"},
		{"NUL unescaped", "CN=a\x00b"},
		{"too long", "CN=" + strings.Repeat("a", 1<<16)},
	}
	for _, test := range tests {
		if n, err := name.ParseString(test.text); err == nil {
			t.Errorf("%s: read as %q", test.rule, n)
		}
	}
}

func TestEqual_RFC5280section71(t *testing.T) {
	t.Parallel()
	tests := []struct {
		rule, a, b string
		want       bool
	}{
		{"case is ignored", "CN=Example CA,O=x", "CN=EXAMPLE ca,O=X", true},
		{"inner spaces are compressed", "CN=a  b", "CN=a b", true},
		{"outer spaces are ignored", `CN=\ a\ `, "CN=a", true},
		{"case beyond ASCII", "CN=ÄRGER", "CN=ärger", true},
		{"full case folding", "CN=STRASSE", "CN=Straße", true},
		{"compatibility normalisation", "CN=ﬁ", "CN=fi", true},
		{"combining characters", "CN=e\u0301", "CN=é", true},
		{"soft hyphen maps to nothing", "CN=a\u00adb", "CN=ab", true},
		{"no-break space is a space", "CN=a\u00a0b", "CN=a b", true},
		{"order of parts matters", "CN=a,O=b", "O=b,CN=a", false},
		{"order within a part does not", "CN=a+O=b", "O=b+CN=a", true},
		{"more parts", "CN=a,O=b", "CN=a", false},
		{"other type", "CN=a", "O=a", false},
		{"domain components ignore case", "DC=Example", "DC=example", true},
		{"email addresses ignore case", "emailAddress=A@B", "emailAddress=a@b", true},
		{"other text", "CN=a", "CN=b", false},
		{"spaces do not vanish", "CN=a b", "CN=ab", false},
		{"other values by their bytes", "1.2.3=#0401aa", "1.2.3=#0401ab", false},
		{"string type does not matter", "CN=#0c0161", "CN=#130161", true},
		{"text and bytes differ", "CN=a", "CN=#040161", false},
	}
	for _, test := range tests {
		a, err := name.ParseString(test.a)
		if err != nil {
			t.Fatal(err)
		}
		b, err := name.ParseString(test.b)
		if err != nil {
			t.Fatal(err)
		}
		if got := name.Equal(a, b); got != test.want {
			t.Errorf("%s: Equal(%q, %q) = %v", test.rule, a, b, got)
		}
		if got := a.Canonical() == b.Canonical(); got != test.want {
			t.Errorf("%s: Canonical agrees: %v", test.rule, got)
		}
	}
}

func TestName_HasPrefix(t *testing.T) {
	t.Parallel()
	whole, _ := name.ParseString("CN=a,OU=b,O=c")
	for base, want := range map[string]bool{
		"": true, "O=C": true, "OU=b,O=c": true, "CN=a,OU=b,O=c": true, "OU=b": false,
		"CN=x,CN=a,OU=b,O=c": false,
	} {
		n, err := name.ParseString(base)
		if err != nil {
			t.Fatal(err)
		}
		if got := whole.HasPrefix(n); got != want {
			t.Errorf("HasPrefix(%q) = %v", base, got)
		}
	}
}

func TestParseString_defaultStringTypes(t *testing.T) {
	t.Parallel()
	n, err := name.ParseString("C=DE,serialNumber=5,DC=x,emailAddress=a@b,CN=a,C=ü")
	if err != nil {
		t.Fatal(err)
	}
	want := []int{
		name.TagUTF8String, name.TagUTF8String, name.TagIA5String, name.TagIA5String, name.TagPrintableString,
		name.TagPrintableString,
	}
	for i, rdn := range n.RDNs {
		if rdn[0].Tag != want[i] {
			t.Errorf("%s has tag %d, want %d", rdn[0], rdn[0].Tag, want[i])
		}
	}
}

// TestName_DER encodes attributes that have no bytes of their own.
func TestName_DER_byTag(t *testing.T) {
	t.Parallel()
	tests := []struct {
		tag   int
		value string
		want  string
	}{
		{0, "ü", "0c02c3bc"},
		{name.TagBMPString, "ü😀", "1e0600fcd83dde00"},
		{name.TagUniversalString, "ü", "1c04000000fc"},
		{name.TagT61String, "ü", "1401fc"},
		{name.TagPrintableString, "a", "130161"},
	}
	for _, test := range tests {
		n := makeName(name.Attribute{Type: name.CommonName, Tag: test.tag, Value: test.value})
		back, err := name.Parse(n.DER())
		if err != nil || back.CommonName() != test.value || hex.EncodeToString(back.RDNs[0][0].Raw) != test.want {
			t.Errorf("tag %d: %q %x, %v", test.tag, back.CommonName(), n.DER(), err)
		}
	}
	if n := makeName(name.Attribute{Type: name.Country, Value: "DE"}); n.Attribute(name.Country) != "DE" ||
		n.Attribute(name.CommonName) != "" {
		t.Error("Attribute finds another value")
	}
}

func TestName_IsDER(t *testing.T) {
	t.Parallel()
	n, err := name.ParseString("CN=b+OU=a,O=c")
	if err != nil {
		t.Fatal(err)
	}
	if !n.IsDER() {
		t.Error("ParseString sorts not")
	}
	n.RDNs[1][0], n.RDNs[1][1] = n.RDNs[1][1], n.RDNs[1][0]
	if n.IsDER() {
		t.Error("the wrong order passes")
	}
}

// TestString_openssl makes names with openssl and compares how both write them.
func TestString_openssl(t *testing.T) {
	t.Parallel()
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("no openssl")
	}
	subjects := []string{
		"/C=DE/O=Example, Inc./CN=a\\+b",
		"/DC=net/DC=example/UID=jsmith/CN=#x ",
		"/C=DE/ST=NRW/L=Köln/O=x;y/OU=<z>/CN=\"quoted\\\\\"/emailAddress=a@b",
		"/O=x/serialNumber=5/title=Dr/GN=A/SN=B/initials=C/street=D/postalCode=12/businessCategory=e/organizationIdentifier=f",
	}
	key := t.TempDir() + "/key.pem"
	for _, subject := range subjects {
		made, err := exec.Command(openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key,
			"-utf8", "-subj", subject, "-days", "1").Output()
		if err != nil {
			t.Fatalf("%s: %v", subject, err)
		}
		show := exec.Command(openssl, "x509", "-noout", "-subject", "-nameopt", "RFC2253,-esc_msb,utf8,show_type,-show_type")
		show.Stdin = bytes.NewReader(made)
		text, err := show.Output()
		if err != nil {
			t.Fatal(err)
		}
		want := strings.TrimSuffix(strings.TrimPrefix(string(text), "subject="), "\n")
		n, err := name.ParseString(want)
		if err != nil {
			t.Errorf("%s: %v", want, err)
			continue
		}
		if got := n.String(); got != want {
			t.Errorf("we write %q, openssl %q", got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{"CN=a", "CN=a+O=b,C=DE", `CN=\ü`, "1.2.3=#0401aa"} {
		if n, err := name.ParseString(text); err == nil {
			f.Add(n.DER())
		}
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		n, err := name.Parse(der)
		if err != nil {
			return
		}
		if again, err := name.Parse(n.DER()); err != nil || !name.Equal(n, again) {
			t.Fatalf("%x: %q becomes %q, %v", der, n, again, err)
		}
		if n.Empty() {
			return
		}
		for _, rdn := range n.RDNs {
			if len(rdn) == 0 {
				return // RFC 4514 cannot write an empty part
			}
		}
		again, err := name.ParseString(n.String())
		if err != nil || n.Canonical() != again.Canonical() {
			t.Fatalf("%x: %q becomes %q, %v", der, n, again, err)
		}
	})
}

func FuzzParseString(f *testing.F) {
	for _, text := range []string{"CN=a", `CN="a,b"+O=\2C;C=DE`, "1.2.3=#0401aa", "OID.2.5.4.3=x"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n, err := name.ParseString(text)
		if err != nil {
			return
		}
		again, err := name.ParseString(n.String())
		if err != nil || !name.Equal(n, again) {
			t.Fatalf("%q: %q becomes %q, %v", text, n, again, err)
		}
	})
}
