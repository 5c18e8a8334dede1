package native

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"certkdb/commands/op"
)

// said runs a command line without databases and returns its exit code and its errors.
func said(args ...string) (int, string) {
	var stdout, stderr bytes.Buffer
	env := &op.Env{
		Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr, Getenv: func(string) string { return "" },
		Terminal: func() (op.Terminal, error) { return nil, op.ErrNoTerminal },
	}
	code := Main(context.Background(), env, append([]string{"certkdb"}, args...), nil)
	return code, stderr.String()
}

// eachCommand calls fn with every command that does something, and the words that call it.
func eachCommand(fn func(c *cli.Command, words []string)) {
	var walk func(all []*cli.Command, path []string)
	walk = func(all []*cli.Command, path []string) {
		for _, c := range all {
			words := append(slices.Clone(path), c.Name)
			if len(c.Subcommands) == 0 && !c.SkipFlagParsing {
				fn(c, words)
			}
			walk(c.Subcommands, words)
		}
	}
	walk(tree(&op.Env{}, nil, ""), nil)
}

// A variable of a script that is not set must not switch a check off or choose another database.
func TestOptions_emptyValueIsAnError(t *testing.T) {
	t.Parallel()
	tried := 0
	eachCommand(func(c *cli.Command, words []string) {
		for _, f := range c.Flags {
			if isSwitch(f) {
				continue
			}
			for _, name := range f.Names() {
				for _, option := range [][]string{{"--" + name, ""}, {"--" + name + "="}, {"-" + name + "="}} {
					args := append(slices.Clone(words), option...)
					if code, text := said(args...); code != 2 || !strings.Contains(text, "is empty; leave the option out") {
						t.Errorf("%q exits with %d: %s", args, code, text)
					}
					tried++
				}
			}
		}
	})
	if tried < 1000 {
		t.Errorf("only %d options were tried", tried)
	}
	for _, args := range [][]string{{"--db", "", "list"}, {"-o", "", "list"}, {"list", ""}, {"add", "a", ""}, {"delete", "--", ""}} {
		if code, text := said(args...); code != 2 || !strings.Contains(text, "is empty") {
			t.Errorf("%q exits with %d: %s", args, code, text)
		}
	}
}

func TestOptions_givenTwice(t *testing.T) {
	t.Parallel()
	eachCommand(func(c *cli.Command, words []string) {
		for _, f := range c.Flags {
			name := f.Names()[0]
			args := append(slices.Clone(words), "--"+name, "1", "--"+name+"=2")
			if _, isList := f.(*listOption); isList || isSwitch(f) || words[0] == "list" && (name == flagDB || name == flagPassword) {
				continue
			}
			if code, text := said(args...); code != 2 || !strings.Contains(text, "--"+name+" is given twice") {
				t.Errorf("%q exits with %d: %s", args, code, text)
			}
		}
	})
	for _, line := range []string{"--db a show --db=b x", "add -l a --label b x", "-o csv --output=csv list"} {
		args := strings.Fields(line)
		if code, text := said(args...); code != 2 || !strings.Contains(text, "is given twice") {
			t.Errorf("%q exits with %d: %s", args, code, text)
		}
	}
}

func TestArguments_nothingIsIgnored(t *testing.T) {
	t.Parallel()
	eachCommand(func(c *cli.Command, words []string) {
		if strings.Contains(c.ArgsUsage, "…") {
			return
		}
		args := append(slices.Clone(words), strings.Split(strings.Repeat("x ", len(strings.Fields(c.ArgsUsage)))+"superfluous", " ")...)
		if code, text := said(args...); code != 2 || !strings.Contains(text, `superfluous"`) && !strings.Contains(text, "name ") {
			t.Errorf("%q exits with %d: %s", args, code, text)
		}
	})
	for _, c := range []struct{ args, want string }{
		{"list --json -o csv", "--json and --output csv exclude each other"},
		{"list --with-pem", "--with-pem needs"},
		{"list --password pass:x --password-file y", "--password and --password-file exclude each other"},
		{"help exit-codes superfluous", "there is no command"},
	} {
		if code, text := said(strings.Fields(c.args)...); code != 2 || !strings.Contains(text, c.want) {
			t.Errorf("%s exits with %d: %s", c.args, code, text)
		}
	}
}
