package terminal

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"certkdb/commands/op"
)

// watched is an environment whose clock stands still, with a terminal that shows progress and everything else that is written.
func watched() (env *op.Env, now *time.Time, screen *bytes.Buffer) {
	now, screen = new(time.Now()), new(bytes.Buffer)
	return &op.Env{
		Progress: func() io.Writer { return screen }, Now: func() time.Time { return *now }, Stdout: screen, Stderr: screen,
		Terminal: func() (op.Terminal, error) {
			screen.WriteString("?")
			return nil, op.ErrNoTerminal
		},
	}, now, screen
}

func TestProgress_oneLineThatGoesAway(t *testing.T) {
	t.Parallel()
	env, now, screen := watched()
	shown, end := ShowProgress(env)
	expect := func(rule, want string) {
		t.Helper()
		if got := screen.String(); got != want {
			t.Errorf("%s: it shows %q, want %q", rule, got, want)
		}
		screen.Reset()
	}
	shown.Advance(op.UnitEntries, 1, 0)
	expect("in the first second", "")
	*now = now.Add(time.Second)
	shown.Advance(op.UnitEntries, 2000, 0)
	expect("after a second", "\r2000 entries")
	shown.Advance(op.UnitEntries, 2001, 0)
	expect("at once again", "")
	*now = now.Add(progressEvery)
	shown.Advance(op.UnitServers, 9, 20)
	expect("with a total", "\r9 of 20 servers (45 %)")
	*now = now.Add(progressEvery)
	shown.Advance(op.UnitServers, 8, 20)
	expect("overtaken", "")
	shown.Advance(op.UnitEntries, 3, 9)
	expect("a shorter line", "\r3 of 9 entries (33 %) ")
	fmt.Fprint(shown.Stdout, "result")
	expect("before a result", "\r"+strings.Repeat(" ", 21)+"\rresult")
	*now = now.Add(progressEvery)
	shown.Advance(op.UnitEntries, 4, 9)
	screen.Reset()
	if _, err := shown.Terminal(); err == nil {
		t.Error("a terminal")
	}
	expect("before a question", "\r"+strings.Repeat(" ", 21)+"\r?")
	end()
	expect("at the end, when nothing is there", "")
}
