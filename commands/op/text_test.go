package op_test

import (
	"testing"

	"certkdb/commands/op"
)

func TestPrintable_escapesWhatIsNotSeen(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"größer ☃ 中": "größer ☃ 中", "a\x1b[31mb": `a\u001b[31mb`, "\u009b2J": `\u009b2J`, "\u202eevil": `\u202eevil`,
		"zero\u200bwidth": `zero\u200bwidth`, "line\u2028end": `line\u2028end`, "tag\U000e0041": `tag\U000e0041`, "a\nb\tc": `a\u000ab\u0009c`,
		"bad\xff": "bad\uFFFD",
	} {
		if got := op.Printable(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
	if got, want := op.PrintableText("a\tb\n\u202ec\r\n"), "a\tb\n\\u202ec\\u000d\n"; got != want {
		t.Errorf("a text became %q, want %q", got, want)
	}
}
