package kdb

import (
	"encoding/hex"
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
	return slugOf(subject) + "-" + hex.EncodeToString(fingerprint[:4])
}

// slugOf tries the attributes in the order of how well they name something. The last common name is the most specific one.
func slugOf(subject name.Name) string {
	for _, wanted := range [...]string{name.CommonName, oid.OrganizationalUnitName, oid.OrganizationName, ""} { // OU, O, any
		for i := len(subject.RDNs) - 1; i >= 0; i-- {
			for _, a := range subject.RDNs[i] {
				if wanted != "" && a.Type != wanted {
					continue
				}
				if s := slug(a.Value); s != "" {
					return s
				}
			}
		}
	}
	return "unnamed"
}

// maxSlug keeps labels readable in a table.
const maxSlug = 64

// slug writes text in a-z, 0-9, dots and single dashes. Latin letters lose their accents, other scripts are left out.
func slug(text string) string {
	var b strings.Builder
	dash := false
	for _, r := range text {
		plain := plainLetter(r)
		if plain == "" {
			dash = b.Len() > 0
			continue
		}
		if b.Len() >= maxSlug {
			break
		}
		if dash {
			b.WriteByte('-')
			dash = false
		}
		b.WriteString(plain)
	}
	return strings.Trim(b.String(), ".-")
}

// plainLetter returns a letter, digit or dot as it is in a slug, and "" for everything else.
func plainLetter(r rune) string {
	const ascii = "abcdefghijklmnopqrstuvwxyz0123456789."
	if 'A' <= r && r <= 'Z' {
		r += 'a' - 'A'
	}
	if r < utf8.RuneSelf {
		if i := strings.IndexByte(ascii, byte(r)); i >= 0 {
			return ascii[i : i+1]
		}
		return ""
	}
	return unaccented(r)
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
