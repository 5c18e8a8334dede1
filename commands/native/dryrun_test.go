package native

import (
	"slices"
	"testing"

	"certkdb/commands/op"

	"github.com/urfave/cli/v2"
)

// TestCommands_thatChangeSomethingCanBeTried: every command has --dry-run and --detailed-exitcode, unless it is known to change nothing.
func TestCommands_thatChangeSomethingCanBeTried(t *testing.T) {
	t.Parallel()
	reading := []string{
		"info", "slots list", "stash reveal", "check", "log", "list", "show", "find", "compare", "validate", "lint", "session", "explain",
		"schema", "completion bash", "completion zsh", "completion fish", "completion powershell", "man", "help", "version", "__complete",
	}
	var walk func(path string, commands []*cli.Command)
	walk = func(path string, commands []*cli.Command) {
		for _, c := range commands {
			name := path + c.Name
			if len(c.Subcommands) > 0 {
				walk(name+" ", c.Subcommands)
				continue
			}
			dry, detailed := hasFlag(c, flagDryRun), hasFlag(c, flagDetailed)
			if slices.Contains(reading, name) != (!dry && !detailed) {
				t.Errorf("%s: --dry-run %t, --detailed-exitcode %t", name, dry, detailed)
			}
		}
	}
	walk("", tree(&op.Env{}, nil, ""))
}

func hasFlag(c *cli.Command, name string) bool {
	return slices.ContainsFunc(c.Flags, func(f cli.Flag) bool { return slices.Contains(f.Names(), name) })
}
