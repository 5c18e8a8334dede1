package name_test

import (
	"bytes"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"slices"
	"strings"
	"testing"

	"certkdb/pki/name"
)

func mustParse(t testing.TB, text string) name.Name {
	t.Helper()
	n, err := name.ParseString(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// What crypto/x509/pkix encodes is read with the same attributes, and encoded to the same bytes.
func TestParse_asGo(t *testing.T) {
	t.Parallel()
	for _, goes := range []pkix.Name{
		{},
		{CommonName: "www.example.com"},
		{CommonName: "a", Organization: []string{"Example, Inc."}, Country: []string{"DE"}},
		{
			CommonName: "a", OrganizationalUnit: []string{"x", "y"}, Locality: []string{"Köln"}, Province: []string{"NRW"},
			StreetAddress: []string{"Weg 1"}, PostalCode: []string{"1"}, SerialNumber: "5",
		},
		{ExtraNames: []pkix.AttributeTypeAndValue{
			{Type: asn1.ObjectIdentifier{1, 2, 3}, Value: "x"}, {Type: asn1.ObjectIdentifier{2, 5, 4, 42}, Value: "Ä*"},
		}},
	} {
		der, err := asn1.Marshal(goes.ToRDNSequence())
		if err != nil {
			t.Fatal(err)
		}
		n, err := name.Parse(der)
		if err != nil || !bytes.Equal(n.DER(), der) {
			t.Errorf("%s: %q, %x, %v; want %x", goes, n, n.DER(), err, der)
			continue
		}
		if !n.IsDER() || n.Empty() != (len(goes.ToRDNSequence()) == 0) {
			t.Errorf("%s: DER %v, empty %v", goes, n.IsDER(), n.Empty())
		}
		if n.CommonName() != goes.CommonName || !slices.Equal(n.Attributes("2.5.4.10"), goes.Organization) ||
			!slices.Equal(n.Attributes("2.5.4.17"), goes.PostalCode) {
			t.Errorf("%s: read as %q", goes, n)
		}
		units := n.Attributes("2.5.4.11")
		slices.Sort(units)
		if !slices.Equal(units, goes.OrganizationalUnit) {
			t.Errorf("%s: units %q", goes, units)
		}
	}
}

// Go reads what is encoded here, with the same values.
func TestDER_readByGo(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"CN=a,O=b", "CN=ü+OU=x,DC=example,DC=net", "emailAddress=a@b,C=DE", `CN=a\,b\ `, "UID=1"} {
		n := mustParse(t, text)
		var rdns pkix.RDNSequence
		rest, err := asn1.Unmarshal(n.DER(), &rdns)
		if err != nil || len(rest) > 0 || len(rdns) != len(n.RDNs) {
			t.Errorf("%s: %v, %v", text, rdns, err)
			continue
		}
		// pkix has the parts in the order of the encoding, and so do we.
		for i, rdn := range rdns {
			for j, a := range rdn {
				if got := n.RDNs[i][j]; got.Type != a.Type.String() || got.Value != fmt.Sprint(a.Value) {
					t.Errorf("%s: %s=%q, Go has %s=%q", text, got.Type, got.Value, a.Type, a.Value)
				}
			}
		}
	}
}

// Each refusal of the text form says what to write instead, or where the fault is.
func TestParseString_says(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ rule, text, says string }{
		{"no equals sign", "CN", "TYPE=value"},
		{"a comma in a value", "CN=Example, Inc.", "TYPE=value"},
		{"no type", "=x", "attribute type"},
		{"unknown type", "XYZZY=a", "XYZZY"},
		{"a bad identifier", "1.2.=a", "1.2."},
		{"an identifier that begins with 3", "3.1=a", "3.1"},
		{"ends in a comma", "CN=a,", "TYPE=value"},
		{"ends in a plus", "CN=a+", "TYPE=value"},
		{"a part that is missing", "CN=a,,O=b", "TYPE=value"},
		{"a quote in a value", `CN=a"b`, `\ before it`},
		{"NUL", "CN=a\x00b", `\ before it`},
		{"a quote that is not closed", `CN="a`, "closing quote"},
		{"text after a quote", `CN="a"b`, "comma"},
		{"ends in a backslash", `CN=a\`, "backslash"},
		{"ends in a backslash within quotes", `CN="a\`, "backslash"},
		{"half a pair of digits", `CN=a\4`, "backslash"},
		{"a backslash before a letter", `CN=a\x`, "needs no backslash"},
		{"not hexadecimal", "CN=#0g", "hexadecimal"},
		{"an odd number of digits", "CN=#040", "hexadecimal"},
		{"hexadecimal that is not DER", "CN=#0405", "DER"},
		{"two values in hexadecimal", "CN=#05000500", "DER"},
		{"nothing in hexadecimal", "CN=#", "DER"},
		{"too long", "CN=" + strings.Repeat("a", 1<<16), "bytes"},
	} {
		n, err := name.ParseString(test.text)
		if err == nil || !strings.HasPrefix(err.Error(), "reading ") || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %q, %v; want %q", test.rule, n, err, test.says)
		}
	}
	_, err := name.ParseString("CN=a,O=b,XYZZY=c")
	if err == nil || !strings.Contains(err.Error(), "character ") {
		t.Errorf("the place is missing: %v", err)
	}
}

// Each kind of character that RFC 4518, section 2.2 maps, alone: to nothing, to a space, or not at all.
func TestEqual_mapping(t *testing.T) {
	t.Parallel()
	for rule, runes := range map[string]string{
		"nothing": "\u00ad\u1806\u034f\u180b\ufe00\ufffc\u200b\ufeff\u2060\x01\x7f\u0080",
		"space":   "\t\n\v\f\r\u0085\u00a0\u2003\u2028\u3000",
		"itself":  "é€ßж中😀",
	} {
		for _, r := range runes {
			with := name.Name{RDNs: []name.RDN{{{Type: name.CommonName, Tag: name.TagUTF8String, Value: "a" + string(r) + "b"}}}}
			got := [...]bool{name.Equal(with, mustParse(t, "CN=ab")), name.Equal(with, mustParse(t, "CN=a b"))}
			if want := [...]bool{rule == "nothing", rule == "space"}; got != want {
				t.Errorf("%U: equal to nothing and to a space: %v, want %v", r, got, want)
			}
			if !name.Equal(with, with) {
				t.Errorf("%U: not equal to itself", r)
			}
		}
	}
}

// Equal is an equivalence, and Canonical tells the same.
func TestEqual_equivalence(t *testing.T) {
	t.Parallel()
	var names []name.Name
	for _, text := range []string{
		"", "CN=a", "CN=A", "cn= a", "CN=#0c0161", "CN=b", "O=a", "CN=a,O=b", "CN=a+O=b", "O=B+CN=A", "CN=a+O=b+OU=c", "CN=a+CN=a", "DC=X",
		"DC=x",
		"CN=#040161", "CN=#0401ff", "1.2.3=a", "1.2.3=A", "emailAddress=A@b", "emailAddress=a@B", "CN=ﬁ", "CN=fi", "CN=", `CN=\ `,
	} {
		names = append(names, mustParse(t, text))
	}
	for _, a := range names {
		for _, b := range names {
			same := name.Equal(a, b)
			if same != name.Equal(b, a) || same != (a.Canonical() == b.Canonical()) {
				t.Errorf("%q and %q: Equal %v, the other way round %v", a, b, same, name.Equal(b, a))
			}
			if same && (!a.HasPrefix(b) || !b.HasPrefix(a)) {
				t.Errorf("%q and %q are equal, but neither is a prefix", a, b)
			}
			for _, c := range names {
				if same && name.Equal(b, c) && !name.Equal(a, c) {
					t.Errorf("%q = %q = %q, but not the first and the last", a, b, c)
				}
			}
		}
	}
}

// The separators of the canonical form cannot be smuggled in by a value.
func TestCanonical_cannotBeForged(t *testing.T) {
	t.Parallel()
	one := func(value string) name.Name {
		return name.Name{RDNs: []name.RDN{{{Type: name.CommonName, Tag: name.TagUTF8String, Value: value}}}}
	}
	two := mustParse(t, "CN=a,O=b")
	for _, value := range []string{"a\x012.5.4.10=b", "a\x022.5.4.10=b", "a\x002.5.4.10=b", "a,O=b", "a+O=b"} {
		if n := one(value); name.Equal(n, two) || n.Canonical() == two.Canonical() || n.Canonical() == mustParse(t, "CN=a+O=b").Canonical() {
			t.Errorf("%q passes for two attributes", value)
		}
	}
}

// Each byte of a name damaged: an error, or a name that comes back from its own text and DER.
func TestParse_damage(t *testing.T) {
	t.Parallel()
	whole := mustParse(t, "CN=ü+OU=x,DC=net,1.2.3=#0401aa,CN=a").DER()
	for i := range whole {
		if n, err := name.Parse(whole[:i]); err == nil {
			t.Errorf("cut to %d bytes: %q", i, n)
		}
		for _, value := range []byte{0, 1, 0x0c, 0x1e, 0x30, 0x31, 0x7f, 0x80, 0xff, whole[i] + 1} {
			damaged := bytes.Clone(whole)
			damaged[i] = value
			n, err := name.Parse(damaged)
			if err != nil {
				if !strings.HasPrefix(err.Error(), "reading a name: ") {
					t.Errorf("byte %d: %v", i, err)
				}
				continue
			}
			if again, err := name.Parse(n.DER()); err != nil || !name.Equal(n, again) {
				t.Errorf("byte %d changed to %#x: %q becomes %q, %v", i, value, n, again, err)
			}
			checkRoundTrip(t, n)
		}
	}
}

// A name may have any number of parts, up to a bound that keeps hostile ones cheap.
func TestParse_manyParts(t *testing.T) {
	t.Parallel()
	for count := range 70 {
		n := mustParse(t, strings.TrimSuffix(strings.Repeat("OU=x,", count), ","))
		if back, err := name.Parse(n.DER()); err != nil || len(back.RDNs) != count || len(back.Attributes("2.5.4.11")) != count {
			t.Errorf("%d parts: %d, %v", count, len(back.RDNs), err)
		}
	}
}

func TestAttributes_first(t *testing.T) {
	t.Parallel()
	n := mustParse(t, "CN=leaf,OU=a,OU=b,CN=top")
	if n.CommonName() != "leaf" || n.Attribute("2.5.4.11") == "" || len(n.Attributes("2.5.4.3")) != 2 || n.Attributes("1.2.3") != nil {
		t.Errorf("%q, %q, %q", n.CommonName(), n.Attribute("2.5.4.11"), n.Attributes("2.5.4.3"))
	}
	if got := mustParse(t, "O=b").CommonName(); got != "" {
		t.Errorf("common name %q of a name without one", got)
	}
	for id, want := range map[string]string{
		name.CommonName: "CN", name.Country: "C", name.DomainComponent: "DC", "2.5.4.42": "GN",
		"1.2.3.4": "1.2.3.4",
	} {
		if got := name.ShortName(id); got != want {
			t.Errorf("%s is %s, want %s", id, got, want)
		}
	}
}

// Every short name that is written is read back as the same type, in any case.
func TestShortName_readBack(t *testing.T) {
	t.Parallel()
	for _, short := range []string{
		"CN", "SN", "serialNumber", "C", "L", "ST", "street", "O", "OU", "title", "GN", "initials", "UID", "DC",
		"emailAddress",
	} {
		n := mustParse(t, short+"=x")
		if got := name.ShortName(n.RDNs[0][0].Type); got != short {
			t.Errorf("%s is written as %s", short, got)
		}
		for _, spelled := range []string{strings.ToLower(short), strings.ToUpper(short)} {
			if !name.Equal(mustParse(t, spelled+"=x"), n) {
				t.Errorf("%s is another type than %s", spelled, short)
			}
		}
	}
}

func TestText_types(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		tag     int
		content string
		want    string
		ok      bool
	}{
		{name.TagUTF8String, "ü", "ü", true},
		{name.TagNumericString, "12 3", "12 3", true},
		{name.TagT61String, "\xe4", "ä", true},
		{name.TagBMPString, "\x20\xac", "€", true},
		{name.TagBMPString, "x", "", false},
		{name.TagUniversalString, "\x00\x00\x20\xac", "€", true},
		{name.TagUniversalString, "abc", "", false},
		{name.TagUniversalString, "\x00\x00\xd8\x00", "\ufffd", true},
		{name.TagBitString, "\x00a", "", false},
		{5, "", "", false},
	} {
		if got, ok := name.Text(test.tag, []byte(test.content)); ok != test.ok || ok && got != test.want {
			t.Errorf("tag %d, %q: %q, %v", test.tag, test.content, got, ok)
		}
	}
}

// The two characters of an escaped pair, and all that must be escaped (RFC 4514, 2.4), come back.
func TestString_escapes(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"a,b": `a\,b`, "a+b": `a\+b`, `a"b`: `a\"b`, `a\b`: `a\\b`, "a<b": `a\<b`, "a>b": `a\>b`, "a;b": `a\;b`, "#a": `\#a`, "a#": "a#",
		" a": `\ a`,
		"a ": `a\ `, " ": `\ `, "  ": `\ \ `, "a\x00b": `a\00b`, "a\nb": `a\0Ab`, "a\x7fb": `a\7Fb`, "a=b": "a=b", "ü": "ü",
	} {
		n := name.Name{RDNs: []name.RDN{{{Type: name.CommonName, Tag: name.TagUTF8String, Value: value}}}}
		if got := n.String(); got != "CN="+want {
			t.Errorf("%q is written %q, want %q", value, got, "CN="+want)
		}
		back, err := name.ParseString(n.String())
		if err != nil || back.CommonName() != value {
			t.Errorf("%q comes back as %q, %v", value, back.CommonName(), err)
		}
	}
}

// A part of several attributes is written, compared and encoded as a set (X.690, 11.6).
func TestRDN_isASet(t *testing.T) {
	t.Parallel()
	texts := []string{"CN=a+OU=b+O=c", "O=c+CN=a+OU=b", "OU=b+O=c+CN=a"}
	first := mustParse(t, texts[0])
	for _, text := range texts[1:] {
		n := mustParse(t, text)
		if !name.Equal(n, first) || n.String() != first.String() || !bytes.Equal(n.DER(), first.DER()) {
			t.Errorf("%q and %q differ: %q, %q", texts[0], text, first, n)
		}
	}
	for _, other := range []string{"CN=a+OU=b", "CN=a+OU=b+O=d", "CN=a,OU=b,O=c", "CN=a+CN=a+O=c"} {
		if name.Equal(mustParse(t, other), first) {
			t.Errorf("%q equals %q", other, first)
		}
	}
}

// Quoted values of RFC 2253 are read as what they stand for.
func TestParseString_quoted(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`CN="a"`: "a", `CN=""`: "", `CN=" a "`: " a ", `CN="a,b+c;d=e"`: "a,b+c;d=e", `CN="a\\b"`: `a\b`, `CN="\41"`: "A", `CN="#a"`: "#a",
		`CN= "a" `: "a",
	} {
		if n, err := name.ParseString(text); err != nil || n.CommonName() != want {
			t.Errorf("%s: %q, %v", text, n.CommonName(), err)
		}
	}
}

func FuzzEqual(f *testing.F) {
	f.Add("CN=a,O=b", "O=B+CN=A")
	f.Add("CN=Straße", "CN=STRASSE")
	f.Add("1.2.3=#0401aa", "1.2.3=#0401AA")
	f.Fuzz(func(t *testing.T, x, y string) {
		a, errA := name.ParseString(x)
		b, errB := name.ParseString(y)
		if errA != nil || errB != nil {
			return
		}
		if name.Equal(a, b) != (a.Canonical() == b.Canonical()) || name.Equal(a, b) != name.Equal(b, a) {
			t.Fatalf("%q and %q: Equal %v, canonical %q and %q", x, y, name.Equal(a, b), a.Canonical(), b.Canonical())
		}
	})
}

// TestCanonical_asciiAsOthers: ASCII text takes a shorter way, with the same result.
func TestCanonical_asciiAsOthers(t *testing.T) {
	t.Parallel()
	canonical := func(text string) string {
		return name.Name{RDNs: []name.RDN{{{Type: name.CommonName, Tag: 12, Value: text}}}}.Canonical()
	}
	for c := range rune(128) {
		short, long := canonical("A"+string(c)+" Z"), canonical("A"+string(c)+" Zé")
		if strings.Replace(long, "é", "", 1) != short {
			t.Errorf("%q: %q in ASCII, %q among other characters", c, short, long)
		}
	}
}
