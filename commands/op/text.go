package op

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	stdpem "encoding/pem"
)

// TimePointer is nil for the zero time, which JSON leaves out.
func TimePointer(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// Plural is the word for a number of things.
func Plural(n int, word string) string {
	if n == 1 {
		return word
	}
	return word + "s"
}

// Choice lists words of which one may be chosen: "a, b or c".
func Choice(words []string) string {
	last := len(words) - 1
	if last < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// Quote puts a word into single quotes unless a shell takes it as it is.
func Quote(word string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/.-_:,=@+%", r)
	}
	if word != "" && strings.IndexFunc(word, func(r rune) bool { return !plain(r) }) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// Printable escapes what a terminal may take for a command, or a reader not see: control and format characters, also those that change the
// direction of text, as \u202e. Everything that a program prints and did not write itself goes through it: labels, names, file names, what
// a server says.
func Printable(text string) string { return escape(text, "") }

// PrintableText is [Printable] for a text of lines and columns: line feeds and tabs stay.
func PrintableText(text string) string { return escape(text, "\n\t") }

func escape(text, but string) string {
	hidden := func(r rune) bool { return Hidden(r) && !strings.ContainsRune(but, r) }
	if strings.IndexFunc(text, hidden) < 0 {
		return strings.ToValidUTF8(text, "\uFFFD")
	}
	var b strings.Builder
	for _, r := range text {
		switch {
		case !hidden(r):
			b.WriteRune(r)
		case r > 0xffff:
			fmt.Fprintf(&b, `\U%08x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// Hidden says whether a character is one that [Printable] escapes.
func Hidden(r rune) bool {
	return r < 0x20 || r >= 0x7f && (r < 0xa0 || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp))
}

// Digest is the SHA-256 digest of some bytes, in hexadecimal.
func Digest(data []byte) string { return HexDigest(sha256.Sum256(data)) }

// HexDigest writes a digest in hexadecimal.
func HexDigest(sum [32]byte) string {
	return hex.EncodeToString(sum[:])
}

// SecretKeyBlock is the type of a PEM block with the bytes of a secret key, as GSKit's -secretkey -extract writes it.
const SecretKeyBlock = "SECRET KEY"

// PEMString writes a PEM block.
func PEMString(kind string, der []byte) string {
	var b bytes.Buffer
	_ = stdpem.Encode(&b, &stdpem.Block{Type: kind, Bytes: der}) // a buffer takes all
	return b.String()
}

// PEMStrings writes certificates in PEM.
func PEMStrings(certificates [][]byte) []string {
	var out []string
	for _, der := range certificates {
		out = append(out, PEMString("CERTIFICATE", der))
	}
	return out
}

// ParseTime reads a date or a time of RFC 3339; "" is the zero time.
func ParseTime(field Field, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		t, err := time.Parse(layout, text)
		if err == nil && t.Year() < 1950 { // RFC 5280, 4.1.2.5: UTCTime begins there
			return time.Time{}, &Invalid{Field: field, Value: text, Reason: "certificates begin in 1950"}
		}
		if err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, &Invalid{Field: field, Value: text, Reason: "not a time; write 2027-01-31 or 2027-01-31T12:00:00Z"}
}

// maxLength is the longest length of time that is read, in days of 24 hours: about 290 years, which is what a Duration holds.
const maxLength = uint64(1<<63 - 1)

// ParseLength reads a length of time: a number with d, w or y for days, weeks and years of 365 days, or Go's hours, minutes and seconds.
// "" is 0, which cannot be written: it would stand for no limit. The error wraps [ErrUsage].
func ParseLength(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	unit := time.Duration(0)
	switch text[len(text)-1] {
	case 'd':
		unit = 24 * time.Hour
	case 'w':
		unit = 7 * 24 * time.Hour
	case 'y':
		unit = 365 * 24 * time.Hour
	}
	if unit > 0 {
		if n, err := strconv.ParseUint(text[:len(text)-1], 10, 16); err == nil && n > 0 && n <= maxLength/uint64(unit) {
			return time.Duration(n) * unit, nil
		}
	} else if d, err := time.ParseDuration(text); err == nil && d > 0 {
		return d, nil
	}
	return 0, fmt.Errorf("%w: %q is not a length of time; write 90d, 12h, 2w or 1y", ErrUsage, text)
}

// TypographicName is what a character is called that word processors make of a hyphen or a quote; "" for every other one. In a command line
// it comes from a document that the line was copied from.
func TypographicName(r rune) string {
	switch r {
	case '‐':
		return "hyphen"
	case '‑':
		return "non-breaking hyphen"
	case '‒':
		return "figure dash"
	case '–':
		return "en dash"
	case '—':
		return "em dash"
	case '−':
		return "minus sign"
	case '“':
		return "left double quotation mark"
	case '”':
		return "right double quotation mark"
	case '„':
		return "low double quotation mark"
	case '‘':
		return "left single quotation mark"
	case '’':
		return "right single quotation mark"
	}
	return ""
}
