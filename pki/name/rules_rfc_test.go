package name_test

import (
	"encoding/hex"
	"strings"
	"testing"

	"certkdb/pki/name"
)

// TestRules is the list of the MUSTs about names that make the readers of this package refuse one, each broken alone. The text of DER is
// hexadecimal.
func TestRules(t *testing.T) {
	t.Parallel()
	der := func(text string) (name.Name, error) {
		data, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		return name.Parse(data)
	}
	for _, r := range []struct {
		section, breaks string
		read            func(string) (name.Name, error)
		text, says      string
	}{
		{"RFC 5280, 4.1.2.4", "a Name that is no SEQUENCE", der, "3100", "not a SEQUENCE"},
		{"RFC 5280, 4.1.2.4", "something after the Name", der, "300000", "follow it"},
		{"RFC 5280, 4.1.2.4", "a part that is no SET", der, "30023000", "part 1 is not a SET"},
		{"RFC 5280, 4.1.2.4", "an attribute that is no SEQUENCE", der, "300431020500", "without a type"},
		{"RFC 5280, 4.1.2.4", "a type that is no identifier", der, "300a31083006040103040161", "without a type"},
		{"RFC 5280, 4.1.2.4", "no value", der, "3009310730050603550403", "one type and one value"},
		{"RFC 5280, 4.1.2.4", "two values", der, "300f310d300b06035504030c01610c0162", "one type and one value"},
		{"RFC 5280, A.1", "a type whose last arc is cut off", der, "300c310a300806035504830c0161", "part 1"},
		{"RFC 4514, 3", "no attribute type", name.ParseString, "=x", "not a known attribute type"},
		{"RFC 4514, 3", "no equals sign", name.ParseString, "CN", "without ="},
		{"RFC 4514, 3", "nothing between two commas", name.ParseString, "CN=a,,O=b", "without ="},
		{"RFC 4514, 3", "a comma at the end", name.ParseString, "CN=a,", "without ="},
		{"RFC 4514, 2.3", "a type that is neither a name nor an identifier", name.ParseString, "1.x=a", "not a known attribute type"},
		{"RFC 4514, 2.4", "hexadecimal that is none", name.ParseString, "CN=#0g", "not hexadecimal"},
		{"RFC 4514, 2.4", "hexadecimal that is not BER", name.ParseString, "CN=#0405", "DER of one value"},
		{"RFC 4514, 2.4", "an unescaped quotation mark", name.ParseString, `CN=a"b`, "must be written with"},
		{"RFC 4514, 2.4", "an unescaped NUL", name.ParseString, "CN=a\x00b", "must be written with"},
		{"RFC 4514, 3", "an escape of nothing", name.ParseString, `CN=a\`, "ends in a backslash"},
		{"RFC 4514, 3", "an escape of a letter", name.ParseString, `CN=a\x`, "needs no backslash"},
	} {
		n, err := r.read(r.text)
		if err == nil || !strings.Contains(err.Error(), r.says) {
			t.Errorf("%s: %s: %q, %v; want %q", r.section, r.breaks, n, err, r.says)
		}
	}
}

// TestRules_stringTypes: the types that RFC 5280, 4.1.2.4 and appendix A.1 prescribe for values are those that are written, also for domain
// components and mailboxes, which stay ASCII (RFC 9549, 2.4; RFC 9598, 3 keeps other mailboxes out of emailAddress).
func TestRules_stringTypes(t *testing.T) {
	t.Parallel()
	for text, tag := range map[string]int{
		"C=DE": name.TagPrintableString, "serialNumber=12": name.TagPrintableString, "2.5.4.46=x": name.TagPrintableString,
		"DC=example": name.TagIA5String, "emailAddress=a@example.com": name.TagIA5String,
		"CN=a": name.TagUTF8String, "O=Grün": name.TagUTF8String, "L=x": name.TagUTF8String,
	} {
		n, err := name.ParseString(text)
		if err != nil || n.RDNs[0][0].Tag != tag {
			t.Errorf("%s: tag %d, want %d, %v", text, n.RDNs[0][0].Tag, tag, err)
		}
	}
}
