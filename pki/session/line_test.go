package session

import (
	"strings"
	"testing"
)

// Options files come from Windows, Unix and old Macs. A file may end within a line, or with half of an end of line.
func TestCutLine_endsOfLines(t *testing.T) {
	t.Parallel()
	for data, want := range map[string]string{
		"a\nb": "a|b", "a\r\nb": "a|b", "a\rb": "a|b", "a\r\rb": "a||b", "a\n\nb": "a||b", "a\n\rb": "a||b",
		"a": "a", "a\n": "a", "a\r\n": "a", "a\r": "a", "\r": "", "\n": "", "\r\nb": "|b",
	} {
		var lines []string
		for rest := []byte(data); len(rest) > 0; {
			var line []byte
			line, rest = cutLine(rest)
			lines = append(lines, string(line))
		}
		if got := strings.Join(lines, "|"); got != want {
			t.Errorf("%q: %q, want %q", data, got, want)
		}
	}
}
