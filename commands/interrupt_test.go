package commands_test

import (
	"bytes"
	"context"
	"os"
	"strings"
	"syscall"
	"testing"

	"certkdb/commands"
)

func TestRun_endsWhatASignalFinds(t *testing.T) {
	t.Parallel()
	patient := func(ctx context.Context) int { <-ctx.Done(); return 130 }
	deaf := func(context.Context) int { select {} }
	done := func(ctx context.Context) int { <-ctx.Done(); return 0 }
	for _, c := range []struct {
		rule    string
		program func(context.Context) int
		signals []os.Signal
		argv    string
		code    int
		said    string
	}{
		{"it ends by itself", patient, []os.Signal{os.Interrupt}, "", 130, ""},
		{"terminated", patient, []os.Signal{syscall.SIGTERM}, "", 143, ""},
		{"it was done already", done, []os.Signal{syscall.SIGTERM}, "", 0, ""},
		{"it does not listen", deaf, []os.Signal{syscall.SIGTERM}, "certkdb list", 143, "certkdb: error: interrupted\n"},
		{"at once when told twice", deaf, []os.Signal{os.Interrupt, os.Interrupt}, "certkdb list --json", 130, `"exit":130,`},
		{"no signal", func(context.Context) int { return 7 }, nil, "", 7, ""},
	} {
		signals := make(chan os.Signal, 2)
		for _, s := range c.signals {
			signals <- s
		}
		var said bytes.Buffer
		code := commands.Run(signals, strings.Fields(c.argv), &said, c.program)
		if code != c.code || !strings.Contains(said.String(), c.said) || c.said == "" && said.Len() > 0 {
			t.Errorf("%s: %d, %q", c.rule, code, said.String())
		}
	}
}

// TestProcessEnv_listensBeforeItAsks: a signal between hiding what is typed and listening would leave a terminal that hides it.
func TestProcessEnv_listensBeforeItAsks(t *testing.T) {
	t.Parallel()
	listens := false
	env := commands.ProcessEnv(t.Context(), "test", func() { listens = true })
	if terminal, err := env.Terminal(); err == nil { // the tests may have been started from one
		terminal.Close()
	}
	if !listens {
		t.Error("it asks without listening to signals")
	}
	listens = false
	if env.Listen(); !listens {
		t.Error("it does not listen when it should")
	}
}
