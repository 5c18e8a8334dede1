package hosts_test

import (
	"strings"
	"testing"

	"certkdb/pki/hosts"
)

func TestToASCII(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ rule, host, want string }{
		{"ASCII stays", "www.example.com", "www.example.com"},
		{"also in capitals", "WWW.Example.COM", "WWW.Example.COM"},
		{"a name of one label", "localhost", "localhost"},
		{"RFC 5890: A-labels", "bücher.example", "xn--bcher-kva.example"},
		{"UTS #46: capitals are mapped", "BÜCHER.example", "xn--bcher-kva.example"},
		{"UTS #46: not transitional", "straße.example", "xn--strae-oqa.example"},
		{"UTS #46: an ideographic full stop", "bücher。example", "xn--bcher-kva.example"},
		{"an underscore", "_foo.example", "_foo.example"},
		{"an underscore next to a U-label", "_foo.bücher.example", "_foo.xn--bcher-kva.example"},
		{"A-labels stay", "xn--bcher-kva.example", "xn--bcher-kva.example"},
		{"63 characters", strings.Repeat("a", 63) + ".example", strings.Repeat("a", 63) + ".example"},
	} {
		if got, err := hosts.ToASCII(test.host); got != test.want || err != nil {
			t.Errorf("%s: %q is %q, %v, want %q", test.rule, test.host, got, err, test.want)
		}
	}
}

func TestToASCII_refusals(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ rule, host, word string }{
		{"empty", "", "0 characters"},
		{"too long", strings.Repeat("a.", 127), "254 characters"},
		{"empty label", "a..example", "empty"},
		{"dot in front", ".example", "empty"},
		{"dot at the end", "example.", "it ends with a dot"},
		{"long label", strings.Repeat("a", 64) + ".example", "63"},
		{"hyphen in front", "-a.example", "hyphen"},
		{"hyphen at the end", "a-.example", "hyphen"},
		{"wildcard", "*.example.com", `'*'`},
		{"space", "a b.example", `' '`},
		{"NUL", "a\x00.example", `'\x00'`},
		{"a character that IDNA disallows", "a\u2028.example", "international"},
		{"RFC 5893: mixed directions", "אa.example", "international"},
		{"a joiner out of context", "a\u200db.example", "international"},
	} {
		if got, err := hosts.ToASCII(test.host); err == nil || !strings.Contains(err.Error(), test.word) {
			t.Errorf("%s: %q is %q, %v", test.rule, test.host, got, err)
		}
	}
}

func TestPatternToASCII(t *testing.T) {
	t.Parallel()
	for pattern, want := range map[string]string{
		"www.example.com": "www.example.com", "*.example.com": "*.example.com", "*.bücher.example": "*.xn--bcher-kva.example",
		"*": "", "a.*.example": "", "*a.example": "", "*.*.example": "", "*.": "",
	} {
		if got, err := hosts.PatternToASCII(pattern); got != want || (err == nil) != (want != "") {
			t.Errorf("%q is %q, %v, want %q", pattern, got, err, want)
		}
	}
}

func TestMatch(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule, pattern, host string
		want                bool
	}{
		{"the same", "www.example.com", "www.example.com", true},
		{"another", "www.example.com", "example.com", false},
		{"RFC 9525, 6.3: case does not count", "WWW.example.com", "www.EXAMPLE.com", true},
		{"an absolute name", "www.example.com", "www.example.com.", true},
		{"two final dots", "www.example.com", "www.example.com..", false},
		{"a certificate has no final dot", "www.example.com.", "www.example.com", false},
		{"U-labels", "xn--bcher-kva.example", "bücher.example", true},
		{"U-labels next to an underscore", "_foo.xn--bcher-kva.example", "_foo.bücher.example", true},
		{"A-labels", "_foo.xn--bcher-kva.example", "_foo.xn--bcher-kva.example", true},
		{"U-labels in a certificate match nothing", "bücher.example", "bücher.example", false},
		{"wildcard", "*.example.com", "www.example.com", true},
		{"wildcard and U-label", "*.example.com", "bücher.example.com", true},
		{"wildcard for a whole label only", "w*.example.com", "www.example.com", false},
		{"wildcard in front only", "www.*.com", "www.example.com", false},
		{"wildcard for exactly one label", "*.example.com", "a.b.example.com", false},
		{"not for none", "*.example.com", "example.com", false},
		{"wildcard above two labels", "*.com", "example.com", false},
		{"the wildcard alone", "*", "localhost", false},
		{"a wildcard is not a host", "*.example.com", "*.example.com", false},
		{"RFC 9525, 6.5: an address is not a name", "192.0.2.1", "192.0.2.1", false},
		{"an odd address", "0x7f.1", "0x7f.1", false},
		{"a hexadecimal number at the end", "a.0xff", "a.0xff", false},
		{"a digit in the last label", "a.b1", "a.b1", true},
		{"a bad host", "a b", "a b", false},
		{"nothing", "", "", false},
	} {
		if got := hosts.Match(test.pattern, test.host); got != test.want {
			t.Errorf("%s: %q for %q: %v", test.rule, test.pattern, test.host, got)
		}
	}
}

func TestLower_foldsASCIIOnly(t *testing.T) {
	t.Parallel()
	if got := hosts.Lower("Ab-Z.ÜK\u212a"); got != "ab-z.Ük\u212a" {
		t.Errorf("%q", got)
	}
}

// A host that is accepted as a name matches itself, and the wildcard in place of its first label.
func FuzzMatch(f *testing.F) {
	for _, seed := range []string{
		"www.example.com", "_foo.bücher.example", "a..b", "*.example", "192.0.2.1", "0x7f.1", "straße.example",
		"a\u200db.example",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, host string) {
		ascii, err := hosts.ToASCII(host)
		if err != nil {
			if hosts.Match(host, host) {
				t.Fatalf("%q is refused but matches itself", host)
			}
			return
		}
		if again, err := hosts.ToASCII(ascii); err != nil || again != ascii {
			t.Fatalf("%q becomes %q, and that %q, %v", host, ascii, again, err)
		}
		if hosts.Match(ascii, host) != hosts.Match(ascii, ascii) {
			t.Fatalf("%q and %q differ", host, ascii)
		}
		_, suffix, _ := strings.Cut(ascii, ".")
		if strings.Contains(suffix, ".") && hosts.Match(ascii, ascii) != hosts.Match("*."+suffix, ascii) {
			t.Fatalf("the wildcard for %q differs", ascii)
		}
	})
}

// TestPatternToASCII_says: the error names what was given, and the remedy (issuing.md, K10).
func TestPatternToASCII_says(t *testing.T) {
	t.Parallel()
	const (
		wildcard = ` is not a host name: the character '*' is not allowed there: only the whole first label may be a wildcard`
		finalDot = ` is not a host name: it ends with a dot, which names in certificates do not have (RFC 5280, 4.2.1.6): leave the dot out`
	)
	for pattern, says := range map[string]string{
		"*.*.example.com":   `"*.*.example.com"` + wildcard,
		"foo*.example.com":  `"foo*.example.com"` + wildcard,
		"*.example.com.":    `"*.example.com."` + finalDot,
		"www.example.com.":  `"www.example.com."` + finalDot,
		"*.\u05d0a.example": "not an international host name",
	} {
		if _, err := hosts.PatternToASCII(pattern); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", pattern, err)
		}
	}
}

// A-labels are Punycode of IDNA 2008 (RFC 5890, 2.3.2.1), in lower case or not; other labels are not judged.
func TestCheckALabels(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]bool{
		"example.com": true, "xn--exmple-cua.com": true, "XN--EXMPLE-CUA.com": true, "a.xn--fa-hia.de": true, "ab--cd.com": true, "": true,
		"xn--.com": false, "xn--a.com": false, "xn--example-.com": false, "a.xn--mnchen-psa.de": false, "xn--paypal-df0c.com": false,
	} {
		if err := hosts.CheckALabels(host); (err == nil) != want {
			t.Errorf("%q: %v", host, err)
		}
	}
}

func TestHasReservedLabel(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]bool{
		"ab--cd.com": true, "a.AB--": true, "xn--exmple-cua.com": false, "XN--exmple-cua.com": false, "a--b.com": false, "abc--d.com": false,
	} {
		if hosts.HasReservedLabel(host) != want {
			t.Errorf("%q: want %v", host, want)
		}
	}
}

// What is more than a host is named as what it is.
func TestToASCII_moreThanAHost(t *testing.T) {
	t.Parallel()
	for text, says := range map[string]string{
		"https://w.example.com/": "it is a URL: write its host alone", "w.example.com:8443": "it has a port: leave the port out",
		"w.example.com.": "leave the dot out",
	} {
		if _, err := hosts.ToASCII(text); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
