package lintprogram_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"certkdb/commands/lintprogram"
	"certkdb/pki/lint"
)

// script makes a program out of a shell script. Its environment is empty, so that it has to set PATH.
func script(t *testing.T, text string) *lintprogram.Program {
	t.Helper()
	path := filepath.Join(t.TempDir(), "certkdb-lint")
	syscall.ForkLock.RLock() // a process started meanwhile would hold the file open for writing: "text file busy"
	err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o700)
	syscall.ForkLock.RUnlock()
	if err != nil {
		t.Fatal(err)
	}
	return &lintprogram.Program{Path: path}
}

func TestAsk_answersInOrder(t *testing.T) {
	t.Parallel()
	p := script(t, `n=0; while read -r line; do n=$((n+1)); echo "$n: $line, $SECRET"; done`)
	for _, want := range []string{"1: a, \n", "2: a, \n", "3: a, \n"} { // one process for all
		got, err := p.Ask(t.Context(), []byte("a"))
		if err != nil || string(got) != want {
			t.Errorf("%q, %v, want %q", got, err, want)
		}
	}
}

func TestAsk_keepsTheEnvironmentToItself(t *testing.T) {
	t.Setenv("SECRET", "secret")
	p := script(t, `read -r line; echo "<$SECRET>"`)
	if got, err := p.Ask(t.Context(), []byte("a")); string(got) != "<>\n" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestAsk_failures(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ rule, script, want string }{
		{"it says why", "echo 'certkdb-lint: no memory' >&2; echo more >&2; exit 1", "no memory"},
		{"it fails without a word", "exit 3", "exit status 3"},
		{"it ends too soon", "exit 0", "ended without an answer"},
		{"it does not stop writing", "while :; do echo -n xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done", "longer than"},
		{"it has no line", "echo -n {", "ended without an answer"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			t.Parallel()
			_, err := script(t, c.script).Ask(t.Context(), []byte("a"))
			if !errors.Is(err, lint.ErrUnavailable) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
	p := &lintprogram.Program{Path: filepath.Join(t.TempDir(), "nosuch")}
	if _, err := p.Ask(t.Context(), []byte("a")); !errors.Is(err, lint.ErrUnavailable) {
		t.Error(err)
	}
}

func TestAsk_startsAgainAfterAFailure(t *testing.T) {
	t.Parallel()
	p := script(t, `read -r line; [ "$line" = fail ] || echo "$line"`)
	for _, c := range []struct {
		request string
		fails   bool
	}{{"fail", true}, {"a", false}, {"b", true}, {"c", false}} { // it answers once and ends
		got, err := p.Ask(t.Context(), []byte(c.request))
		if (err != nil) != c.fails || !c.fails && string(got) != c.request+"\n" {
			t.Errorf("%s: %q, %v", c.request, got, err)
		}
	}
}

func TestAsk_killsWhatIsLate(t *testing.T) {
	t.Parallel()
	const hang = "while :; do :; done"
	p := script(t, hang)
	p.Timeout = 100 * time.Millisecond
	if _, err := p.Ask(t.Context(), []byte("a")); !errors.Is(err, lint.ErrUnavailable) ||
		!strings.Contains(err.Error(), "did not answer within 100ms") {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(100*time.Millisecond, cancel)
	if _, err := script(t, hang).Ask(ctx, []byte("a")); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := script(t, hang).Ask(ctx, []byte("a")); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled before: %v", err)
	}
}

func TestAsk_looksInPATH(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if _, err := new(lintprogram.Program).Ask(t.Context(), []byte("a")); !errors.Is(err, lintprogram.ErrMissing) {
		t.Error(err)
	}
	t.Setenv("PATH", filepath.Dir(script(t, `read -r line; echo found`).Path))
	if got, err := new(lintprogram.Program).Ask(t.Context(), []byte("a")); string(got) != "found\n" {
		t.Errorf("%q, %v", got, err)
	}
}
