package kdb

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode/utf8"

	"certkdb/pki/cert"
	"certkdb/pki/name"
	"certkdb/pki/oid"
)

// AutoLabel makes the label of an entry that came without one, from its first certificate or request: see [LabelFor]. The
// same input gets the same label everywhere.
func AutoLabel(e *Entry) string {
	var subject name.Name
	switch {
	case len(e.Certificates) > 0:
		if c, err := cert.Parse(e.Certificates[0]); err == nil {
			subject = c.Subject
		}
	case len(e.Request) > 0:
		if r, err := cert.ParseRequest(e.Request); err == nil {
			subject = r.Subject
		}
	}
	return LabelFor(subject, e.Fingerprint())
}

// LabelFor makes a label of a subject and a fingerprint: the common name as a slug of a-z, 0-9, dot and dash, else the
// organizational unit, the organization, or whatever attribute yields one, followed by the first eight hexadecimal digits of the
// fingerprint, such as "isrg-root-x1-96bcec06".
func LabelFor(subject name.Name, fingerprint [32]byte) string {
	label := append(appendSlugOf(make([]byte, 0, 2*maxSlug), subject), '-')
	return string(hex.AppendEncode(label, fingerprint[:4]))
}

// appendSlugOf tries the attributes in the order of how well they name something. The last common name is the most specific one.
func appendSlugOf(to []byte, subject name.Name) []byte {
	for _, wanted := range [...]string{name.CommonName, oid.OrganizationalUnitName, oid.OrganizationName, ""} { // OU, O, any
		for i := len(subject.RDNs) - 1; i >= 0; i-- {
			for _, a := range subject.RDNs[i] {
				if wanted != "" && a.Type != wanted {
					continue
				}
				if with := appendSlug(to, a.Value); len(with) > len(to) {
					return with
				}
			}
		}
	}
	return append(to, "unnamed"...)
}

// maxSlug keeps labels readable in a table.
const maxSlug = 64

// appendSlug writes text in a-z, 0-9, dots and single dashes. Latin letters lose their accents, other scripts are left out. It writes
// neither dots nor dashes at the ends.
func appendSlug(to []byte, text string) []byte {
	start, dash := len(to), false
	for _, r := range text {
		letter, plain := plainASCII(r)
		more := ""
		if r >= utf8.RuneSelf {
			more = unaccented(r)
			plain = more != ""
		}
		if !plain {
			dash = len(to) > start
			continue
		}
		if len(to)-start >= maxSlug {
			break
		}
		if dash {
			to = append(to, '-')
			dash = false
		}
		if to = append(to, more...); more == "" {
			to = append(to, letter)
		}
	}
	return append(to[:start], bytes.Trim(to[start:], ".-")...)
}

// plainASCII returns an ASCII letter, digit or dot as it is in a slug; false for all other characters.
func plainASCII(r rune) (byte, bool) {
	switch {
	case 'A' <= r && r <= 'Z':
		return byte(r) + 'a' - 'A', true
	case 'a' <= r && r <= 'z', '0' <= r && r <= '9', r == '.':
		return byte(r), true
	}
	return 0, false
}

// accented lists letters of the Latin-1 and Latin Extended-A blocks by what they are without their accents.
var accented = [...]struct{ plain, letters string }{
	{"a", "àáâãäåāăąÀÁÂÃÄÅĀĂĄ"},
	{"ae", "æÆ"},
	{"c", "çćĉċčÇĆĈĊČ"},
	{"d", "ðďđÐĎĐ"},
	{"e", "èéêëēĕėęěÈÉÊËĒĔĖĘĚ"},
	{"g", "ĝğġģĜĞĠĢ"},
	{"h", "ĥħĤĦ"},
	{"i", "ìíîïĩīĭįıÌÍÎÏĨĪĬĮİ"},
	{"j", "ĵĴ"},
	{"k", "ķĶ"},
	{"l", "ĺļľŀłĹĻĽĿŁ"},
	{"n", "ñńņňÑŃŅŇ"},
	{"o", "òóôõöøōŏőÒÓÔÕÖØŌŎŐ"},
	{"oe", "œŒ"},
	{"r", "ŕŗřŔŖŘ"},
	{"s", "śŝşšșŚŜŞŠȘ"},
	{"ss", "ßẞ"},
	{"t", "ţťŧțŢŤŦȚ"},
	{"th", "þÞ"},
	{"u", "ùúûüũūŭůűųÙÚÛÜŨŪŬŮŰŲ"},
	{"w", "ŵŴ"},
	{"y", "ýÿŷÝŸŶ"},
	{"z", "źżžŹŻŽ"},
}

func unaccented(r rune) string {
	for _, a := range accented {
		if strings.ContainsRune(a.letters, r) {
			return a.plain
		}
	}
	return ""
}

// Shortened is a label that is only the beginning of the name that an entry has in its file, because that has more than [MaxLabel] bytes.
type Shortened struct {
	Label string
	Bytes int // of the whole name
}

// String says what was cut.
func (s Shortened) String() string {
	return fmt.Sprintf("it is the beginning of a name of %d bytes, which stays in the file: a label has at most %d", s.Bytes, MaxLabel)
}
