package op_test

import (
	"errors"
	"testing"
	"time"

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

// TestParseLength_ofNothing: what is written is not taken for what is left out.
func TestParseLength_ofNothing(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"0d", "0w", "0y", "0h", "0s", "-1h", "d", "0"} {
		if d, err := op.ParseLength(text); !errors.Is(err, op.ErrUsage) {
			t.Errorf("%q: %v, %v", text, d, err)
		}
	}
	if d, err := op.ParseLength("1s"); d != time.Second || err != nil {
		t.Errorf("%v, %v", d, err)
	}
}
