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
	out := make([]byte, 0, 128)
	for _, rdn := range n.RDNs {
		out = append(rdn.appendCanonical(out), 2)
	}
	return string(out)
}

func (r RDN) canonical() string { return string(r.appendCanonical(nil)) }

func (r RDN) appendCanonical(out []byte) []byte {
	if len(r) == 1 {
		return r[0].appendCanonical(out)
	}
	parts := make([]string, len(r))
	for i, a := range r {
		parts[i] = a.canonical()
	}
	slices.Sort(parts)
	return append(out, strings.Join(parts, "\x01")...)
}

func (a Attribute) canonical() string { return string(a.appendCanonical(nil)) }

// appendCanonical never writes the separators 1 and 2 outside of raw values, whose bytes are doubled by hexadecimal.
func (a Attribute) appendCanonical(out []byte) []byte {
	out = append(out, a.Type...)
	if !a.IsText() {
		return append(append(out, '#'), strings.ToLower(a.String())...)
	}
	out = append(out, '=')
	if isASCII(a.Value) {
		return appendASCII(out, a.Value)
	}
	value := a.Value
	if a.Type == DomainComponent {
		value = asciiLower(value) // RFC 5280, 7.3 wants labels compared as in DNS, without regard to ASCII case
	}
	// emailAddress too is compared without regard to case (RFC 5280, 4.1.2.6).
	return append(out, prepare(value)...)
}

// appendASCII writes what prepare makes of ASCII text.
func appendASCII(out []byte, text string) []byte {
	start := len(out)
	for _, c := range []byte(text) {
		switch {
		case 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		case c >= '\t' && c <= '\r':
			c = ' '
		case c < ' ' || c == 0x7f:
			continue
		}
		if c == ' ' && (len(out) == start || out[len(out)-1] == ' ') {
			continue
		}
		out = append(out, c)
	}
	if last := len(out) - 1; last >= start && out[last] == ' ' {
		out = out[:last]
	}
	return out
}

// prepare is the string preparation of RFC 4518 section 2 for caseIgnoreMatch: map, fold case, normalise by NFKC,
// then reduce insignificant spaces (RFC 5280, 7.1 b and c).
func prepare(s string) string {
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
