package name

import (
	"bytes"
	"slices"
	"strings"
	"unicode"
)

// Equal compares two names by RFC 5280 section 7.1: part by part, the attributes of a part in any order, text by its
// prepared form whatever its string type, everything else by its bytes.
func Equal(a, b Name) bool {
	if len(a.RDNs) != len(b.RDNs) {
		return false
	}
	for i := range a.RDNs {
		if !equalRDN(a.RDNs[i], b.RDNs[i]) {
			return false
		}
	}
	return true
}

// HasPrefix reports whether n lies in the subtree of base: base's parts are the first of n's (RFC 5280, 4.2.1.10).
func (n Name) HasPrefix(base Name) bool {
	return len(base.RDNs) <= len(n.RDNs) && Equal(base, Name{RDNs: n.RDNs[:len(base.RDNs)]})
}

func equalRDN(a, b RDN) bool {
	if len(a) != len(b) {
		return false
	}
	if len(a) == 1 {
		return equalAttribute(a[0], b[0])
	}
	return a.canonical() == b.canonical()
}

func equalAttribute(a, b Attribute) bool {
	if a.Type != b.Type {
		return false
	}
	if a.Raw != nil && bytes.Equal(a.Raw, b.Raw) {
		return true
	}
	return a.canonical() == b.canonical()
}

// Canonical returns a string that two names share exactly if [Equal] holds: a key for maps. It is not for people.
func (n Name) Canonical() string {
	var b strings.Builder
	for _, rdn := range n.RDNs {
		b.WriteString(rdn.canonical())
		b.WriteByte(2)
	}
	return b.String()
}

func (r RDN) canonical() string {
	if len(r) == 1 {
		return r[0].canonical()
	}
	parts := make([]string, len(r))
	for i, a := range r {
		parts[i] = a.canonical()
	}
	slices.Sort(parts)
	return strings.Join(parts, "\x01")
}

// canonical never contains the separators 1 and 2 outside of raw values, whose bytes are doubled by hexadecimal.
func (a Attribute) canonical() string {
	switch {
	case !a.IsText():
		return a.Type + "#" + strings.ToLower(a.String())
	case a.Type == DomainComponent:
		// RFC 5280, 7.3 wants labels compared as in DNS, without regard to ASCII case.
		return a.Type + "=" + prepare(asciiLower(a.Value))
	}
	// emailAddress too is compared without regard to case (RFC 5280, 4.1.2.6).
	return a.Type + "=" + prepare(a.Value)
}

// prepare is the string preparation of RFC 4518 section 2 for caseIgnoreMatch: map, fold case, normalise by NFKC,
// then reduce insignificant spaces (RFC 5280, 7.1 b and c).
func prepare(s string) string {
	if isASCII(s) {
		return squeeze(strings.Map(mapASCII, s))
	}
	s = strings.Map(mapRune, s)
	return squeeze(strings.Map(mapRune, fold(s)))
}

// mapRune drops what RFC 4518 section 2.2 maps to nothing and turns all white space into a space.
func mapRune(r rune) rune {
	switch {
	case r >= '\t' && r <= '\r' || r == 0x85 || unicode.Is(unicode.Z, r):
		return ' '
	case r == 0x200b: // zero width space, a format character since Unicode 4.0.1
		return -1
	case unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Variation_Selector, r):
		return -1
	case r == 0x034f || r == 0x1806 || r == 0xfffc:
		return -1
	}
	return r
}

// mapASCII is mapRune for ASCII, in lower case.
func mapASCII(r rune) rune {
	switch {
	case 'A' <= r && r <= 'Z':
		return r + 'a' - 'A'
	case r >= '\t' && r <= '\r':
		return ' '
	case r < ' ' || r == 0x7f:
		return -1
	}
	return r
}

// squeeze removes leading and trailing spaces and makes each inner run one space.
func squeeze(s string) string {
	s = strings.Trim(s, " ")
	for strings.Contains(s, "  ") {
		s = strings.ReplaceAll(s, "  ", " ")
	}
	return s
}

func asciiLower(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}
