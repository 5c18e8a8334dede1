package terminal

import (
	"strings"
	"testing"

	"certkdb/commands/op"
)

func draw(on Screen, details bool, rows ...[]string) string {
	var b strings.Builder
	t := &Table{w: &b, on: on, details: details}
	for _, r := range rows {
		t.Row(r...)
	}
	_ = t.Flush()
	return b.String()
}

// On a screen the widest columns are cut first; elsewhere everything is written.
func TestTable_fitsTheScreen(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("long ", 20)
	rows := [][]string{{"LABEL", "KIND", "SUBJECT"}, {"web", "personal", long + "end"}, {strings.Repeat("x", 60), "trusted", "CN=short"}}
	if all := draw(Screen{}, false, rows...); !strings.Contains(all, long+"end") || !strings.Contains(all, strings.Repeat("x", 60)) {
		t.Errorf("a pipe does not get everything:\n%s", all)
	}
	for _, columns := range []int{200, 80, 60, 40, 20} {
		text := draw(Screen{Columns: columns}, false, rows...)
		for line := range strings.Lines(text) {
			if n := Width(strings.TrimSuffix(line, "\n")); n > columns {
				t.Errorf("%d columns of %d: %q", n, columns, line)
			}
		}
		if columns == 80 && (!strings.Contains(text, "personal") || strings.Count(text, "…") != 2) {
			t.Errorf("not the widest columns are cut:\n%s", text)
		}
	}
}

// Wide, combining and hidden characters do not shift the columns behind them.
func TestTable_alignsByWidth(t *testing.T) {
	t.Parallel()
	text := draw(Screen{}, false,
		[]string{"証明書", "|"}, []string{"cafe\u0301", "|"}, []string{"👩🏽", "|"}, []string{"a\u202eb", "|"}, []string{"plain", "|"})
	for line := range strings.Lines(text) {
		before, _, _ := strings.Cut(line, "|")
		if n := Width(before); n != len(`a\u202eb`)+len(gap) {
			t.Errorf("the second column begins at %d: %q", n, line)
		}
	}
	if short, n := cut("証明書", 4); short != "証…" || n != 3 {
		t.Errorf("half a character: %q, %d", short, n)
	}
	if short, _ := cut("e\u0301e\u0301e\u0301", 2); short != "e\u0301…" {
		t.Errorf("an accent is lost: %q", short)
	}
}

// Text from right to left is isolated on a screen that takes it, and takes no more columns for that.
func TestTable_isolatesRightToLeft(t *testing.T) {
	t.Parallel()
	rows := [][]string{{"שלום", "a"}, {"مرحبا بالعالم", "b"}, {"web", "c"}}
	text := draw(Screen{Columns: 14, Isolates: true}, false, rows...)
	want := "\u2068שלום\u2069         a\n\u2068مرحبا بالع…\u2069  b\nweb          c\n"
	if text != want {
		t.Errorf("%q, want %q", text, want)
	}
	if text := draw(Screen{}, false, rows...); strings.ContainsAny(text, "\u2068\u2069") {
		t.Errorf("a pipe gets Isolates: %q", text)
	}
	var raw strings.Builder
	out := NewResults(&raw, Screen{Columns: 80, Isolates: true}, false)
	table := NewTable(out)
	table.Row("שלום", "a\u202eb")
	if err := table.Flush(); err != nil || raw.String() != "\u2068שלום\u2069  a\\u202eb\n" {
		t.Errorf("%q, %v", raw.String(), err)
	}
}

func TestTable_detailsHang(t *testing.T) {
	t.Parallel()
	row := []string{"names", "one.example.com two.example.com three.example.com"}
	want := "names  one.example.com two.example.com\n       three.example.com\n"
	if got := draw(Screen{Columns: 40}, true, row); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := draw(Screen{}, true, row); strings.Count(got, "\n") != 1 {
		t.Errorf("a pipe gets %q", got)
	}
	hash := strings.Repeat("0", 64)
	if got := draw(Screen{Columns: 40}, true, []string{"hash", hash}); !strings.Contains(got, hash) {
		t.Errorf("a word is broken: %q", got)
	}
}

func TestTable_coloursOnlyOnAScreen(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		environment string
		columns     int
		shows, want bool
	}{
		{"", 80, true, true},
		{"", 0, true, false},
		{"", 80, false, false},
		{"NO_COLOR=1", 80, true, false},
		{"CLICOLOR=0", 80, true, false},
		{"CLICOLOR=1", 80, true, true},
		{"TERM=dumb", 80, true, false},
		{"TERM=xterm", 80, true, true},
	} {
		name, value, _ := strings.Cut(c.environment, "=")
		env := &op.Env{
			Screen: func() (int, bool) { return c.columns, c.shows },
			Getenv: func(asked string) string { return map[string]string{name: value}[asked] },
		}
		on := ScreenOf(env)
		var b strings.Builder
		table := &Table{w: &b, on: on}
		table.Coloured(Red, "expired")
		if err := table.Flush(); err != nil || strings.Contains(b.String(), "\x1b[31mexpired\x1b[0m") != c.want {
			t.Errorf("%+v: %q, %v", c, b.String(), err)
		}
	}
	if ScreenOf(&op.Env{}) != (Screen{}) {
		t.Error("an environment without a screen has one")
	}
}
