package native

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"certkdb/commands/op"
)

// onTerminal is an environment whose clock stands still, with a terminal that shows progress.
func onTerminal() (env *op.Env, now *time.Time, screen *bytes.Buffer) {
	now, screen = new(time.Now()), new(bytes.Buffer)
	return &op.Env{Progress: func() io.Writer { return screen }, Now: func() time.Time { return *now }}, now, screen
}

func TestProgress_onlyOnATerminal(t *testing.T) {
	t.Parallel()
	env, now, screen := onTerminal()
	for _, argv := range []string{"add -q x", "add x --quiet", "add --json x", "list -o jsonl"} {
		shown, end := withProgress(env, strings.Fields("certkdb "+argv))
		*now = now.Add(time.Hour)
		shown.Advance(op.UnitEntries, 1, 2)
		end()
		if screen.Len() > 0 || shown != env {
			t.Errorf("%s shows %q", argv, screen)
		}
	}
	for _, env := range []*op.Env{{}, {Progress: func() io.Writer { return nil }}} {
		if shown, end := withProgress(env, []string{"certkdb", "add", "--", "-q"}); shown != env || shown.Report != nil {
			t.Error("progress without a terminal")
		} else {
			shown.Advance(op.UnitEntries, 1, 2)
			end()
		}
	}
}

// TestProgress_valuesAreNotOptions: a label may look like an option.
func TestProgress_valuesAreNotOptions(t *testing.T) {
	t.Parallel()
	for line, want := range map[string][2]bool{
		"add --label -q x":               {},
		"add --label --json x":           {},
		"slots add --name -q":            {},
		"create x --cn --json -q":        {1: true},
		"--db -q list -o json":           {0: true},
		"list -o=jsonl":                  {0: true},
		"list --output csv":              {},
		"lst --json":                     {0: true},
		"add -- --json -q":               {},
		"add --label":                    {},
		"-q --json":                      {true, true},
		"revoke x --reason=-q --json":    {0: true},
		"completion install -o json zsh": {0: true},
		"list --json=true --quiet=true":  {true, true},
		"list --json=false --quiet=0":    {},
		"list --json=perhaps":            {},
	} {
		argv := strings.Fields("certkdb " + line)
		if got := [2]bool{wantsJSON(argv), wantsQuiet(argv)}; got != want {
			t.Errorf("%s: JSON %t, quiet %t", line, got[0], got[1])
		}
	}
}

// TestProgress_notOfADialect: who calls IBM's tools by certkdb gets the output of these tools.
func TestProgress_notOfADialect(t *testing.T) {
	t.Parallel()
	env, now, screen := onTerminal()
	dialect := func(_ context.Context, env *op.Env, args []string) int {
		*now = now.Add(time.Hour)
		env.Advance(op.UnitEntries, 3, 9)
		return len(args)
	}
	env.Getenv = func(string) string { return "" }
	code := Main(t.Context(), env, []string{"certkdb", "dsmcert", "-list"}, map[string]Dialect{"dsmcert": dialect})
	if code != 1 || screen.Len() > 0 {
		t.Errorf("exit status %d, and it shows %q", code, screen)
	}
}
