package document

import (
	"strings"
	"unicode/utf8"

	"certkdb/kdb"
)

// numberSize is how many bytes the number at the end of a label may take: " (4294967)".
const numberSize = 10

// Label is the label of an entry whose name in a file may have any form: the name if it is a valid label, else what
// is left of it without control characters and cut to its length, else an automatic label.
func Label(name string, automatic func() string) string {
	if kdb.CheckLabel(name) == nil {
		return name
	}
	if name = repair(name); name != "" {
		return name
	}
	return automatic()
}

// Automatic makes the automatic label of a certificate or request; "unnamed" if there is neither.
func Automatic(e *kdb.Entry) func() string {
	return func() string {
		if len(e.Certificates) == 0 && len(e.Request) == 0 {
			return "unnamed"
		}
		return kdb.AutoLabel(e)
	}
}

// repair makes a label of a name; "" if nothing is left.
func repair(name string) string {
	clean := strings.Map(func(r rune) rune {
		if r < 0x20 || r >= 0x7f && r < 0xa0 || r == utf8.RuneError {
			return -1
		}
		return r
	}, name)
	return Cut(strings.TrimSpace(clean), kdb.MaxLabel)
}

// Cut shortens text to at most n bytes of whole characters, without a blank at the end.
func Cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return strings.TrimRight(text[:n], " ")
}
