package terminal

import "testing"

func TestEscapeJSON_leavesNothingThatMovesTheCursor(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`{"a":"plain ü 中"}`:              `{"a":"plain ü 中"}`,
		"{\"a\":\"\u009b2J\x7f\u202e\"}": `{"a":"\u009b2J\u007f\u202e"}`,
		"{\"a\":\"\u200b\U000e0041\"}\n": `{"a":"\u200b\udb40\udc41"}` + "\n",
	} {
		if got := string(EscapeJSON([]byte(in))); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

func TestCell_isNoFormula(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"": "", "-": "-", "web": "web", "=cmd()": "'=cmd()", "+1": "'+1", "-rf": "'-rf", "@a": "'@a",
		"\tx": `'\u0009x`, "a=b": "a=b", "\rx": `'\u000dx`,
	} {
		if got := Cell(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}
