package armour_test

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"

	"golang.org/x/text/encoding/unicode"

	"certkdb/kdb/keyfile/pem/armour"
)

func TestUnwrap(t *testing.T) {
	t.Parallel()
	file := bytes.Repeat([]byte{0xfe, 0xed, 0x00}, 200)
	text := base64.StdEncoding.EncodeToString(file)
	block := "-----BEGIN CERTIFICATE-----\n" + text + "\n-----END CERTIFICATE-----\n"
	utf16, err := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().String(text + "\r\n")
	if err != nil {
		t.Fatal(err)
	}
	for rule, c := range map[string]struct {
		text string
		want bool
	}{
		"one line":                   {text, true},
		"lines, as base64 writes it": {text[:76] + "\n" + text[76:152] + "\n" + text[152:] + "\n", true},
		"CR LF, blanks":              {"  " + text[:64] + "\r\n\t" + text[64:] + "\r\n\r\n", true},
		"byte order mark":            {"\ufeff" + text, true},
		"UTF-16, as PowerShell":      {utf16, true},
		"a string of JSON":           {"\"" + text + "\"\r\n", true},
		"a data URL":                 {"data:application/x-pkcs12;base64," + text, true},
		"another data URL":           {"data:," + text, false},
		"no padding":                 {strings.TrimRight(text, "="), true},
		"a block of any type":        {block, true},
		"notes around the block":     {"Bag Attributes\n" + block + "the end\n", true},
		"two blocks":                 {block + block, false},
		"a block without end":        {strings.TrimSuffix(block, "-----END CERTIFICATE-----\n"), false},
		"a damaged BEGIN":            {"-----BEGIN CERTIFICATE\n" + text, false},
		"other characters":           {text[:100] + "_" + text[100:], false},
		"cut":                        {text[:101], false},
		"too short for any store":    {text[:36], false},
		"nothing":                    {"", false},
		"notes":                      {"certificates of the partners: none of them is here any more\n", false},
	} {
		want := file
		if !c.want {
			want = nil
		}
		if got := armour.Unwrap([]byte(c.text), true); !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, want %d", rule, len(got), len(want))
		}
	}
}

func TestUnwrap_beginnings(t *testing.T) {
	t.Parallel()
	file := []byte(strings.Repeat("0123456789", 60))
	text := base64.StdEncoding.EncodeToString(file)
	for _, whole := range []string{text, "-----BEGIN PKCS12-----\n" + text[:400] + "\n" + text[400:] + "\n-----END PKCS12-----\n"} {
		for n := 100; n < len(whole); n++ {
			got := armour.Unwrap([]byte(whole[:n]), false)
			if len(got) < (n-50)/4*3-3 || !bytes.HasPrefix(file, got) {
				t.Fatalf("%d characters: %q", n, got)
			}
		}
	}
}
