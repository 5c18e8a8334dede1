package native

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"certkdb/commands/op"
)

// Names of the common options.
const (
	flagDB          = "db"
	flagPassword    = "password"
	flagLockTimeout = "lock-timeout"
	flagJSON        = "json"
	flagOutput      = "output"
	flagQuiet       = "quiet"
	flagDetailed    = "detailed-exitcode"
	flagDryRun      = "dry-run"
	flagYes         = "yes"
)

const categoryCommon = "Common options"

// commonFlags are the options that mean the same in every command that takes them. The command is named with those above it, as in
// "slots list"; "" is the program, which takes all of them in front of a command.
func commonFlags(command string) []cli.Flag {
	var flags []cli.Flag
	if usesDatabase(command) {
		flags = databaseFlags()
	}
	if formats := formatsOf(command); formats != nil {
		flags = append(flags,
			&cli.BoolFlag{Name: flagJSON, Usage: "print results and errors as JSON"},
			&cli.StringFlag{Name: flagOutput, Usage: "`FORMAT` of results, also -o: " + strings.Join(formats, ", ")})
	}
	if !onlyAnswers(command) {
		flags = append(flags, &cli.BoolFlag{Name: flagQuiet, Aliases: []string{"q"}, Usage: "print no messages about what was done or found"})
	}
	return flags
}

func usesDatabase(command string) bool {
	return !slices.Contains([]string{
		"version", "link", "unlink", "completion", "completion install", "man", "help", "explain", "schema", "stash reveal",
	}, command)
}

func databaseFlags() []cli.Flag {
	return []cli.Flag{
		&cli.GenericFlag{Name: flagDB, Usage: "the database: a `FILE`; default: $CERTKDB_DB, else the user's own", Value: &repeated{}},
		&cli.GenericFlag{
			Name: flagPassword, Usage: "where the password comes from: `SRC` is file:PATH, env:VAR, fd:N, stdin, prompt, stash, cred:NAME",
			Value: &repeated{},
		},
		&cli.StringFlag{Name: "password-file", Usage: "the same as --password file:`FILE`"},
		&cli.DurationFlag{
			Name: flagLockTimeout, Usage: "how long to wait for another writer: a `TIME` such as 60s or 5m", Value: op.DefaultLockTimeout,
		},
		&cli.StringSliceFlag{Name: "in-key-password", Usage: "an additional password `SRC` for private keys that have their own password"},
	}
}

// repeated are the values of --db or --password, of which only list takes several.
type repeated struct{ all []string }

// Set implements flag.Value.
func (r *repeated) Set(value string) error {
	r.all = append(r.all, value)
	return nil
}

// String is the last one.
func (r *repeated) String() string {
	if len(r.all) == 0 {
		return ""
	}
	return r.all[len(r.all)-1]
}

// allOf are the values of an option that may be repeated, or "" if it was not given.
func allOf(c *cli.Context, name string) []string {
	if r, ok := c.Generic(name).(*repeated); ok && len(r.all) > 0 {
		return r.all
	}
	return []string{""}
}

// onlyAnswers says whether a command has no other purpose than its output, so that it makes no sense to leave that out.
func onlyAnswers(command string) bool {
	answering := []string{
		"list", "show", "info", "log", "issued", "session", "explain", "version", "completion", "man", "help", "schema", "find", "slots list",
		"stash reveal", "slots", "stash",
	}
	return slices.Contains(answering, command)
}
