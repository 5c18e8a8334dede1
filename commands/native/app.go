package native

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"certkdb/commands/op"
)

// The groups of commands in the help, in its order.
const (
	groupDatabase   = "1 database"
	groupEntries    = "2 entries"
	groupIssuing    = "3 issuing"
	groupSessions   = "4 sessions"
	groupOperations = "5 operations"
	groupDialects   = "6 dialects"
)

func run(ctx context.Context, env *op.Env, argv []string, dialects map[string]Dialect) error {
	if len(argv) == 2 && argv[1] == "--version" { // as most programs take it
		argv = []string{argv[0], "version"}
	}
	app := newApp(env, tree(env, dialects, calledCommand(argv)))
	args, err := arrange(app, argv)
	if err != nil {
		return err
	}
	return app.RunContext(ctx, args)
}

// newApp makes the program of some commands, for one run.
func newApp(env *op.Env, commands []*cli.Command) *cli.App {
	flags := append(commonFlags(), cli.HelpFlag)
	for i, f := range flags {
		flags[i] = named(f)
	}
	return &cli.App{
		Name:                      "certkdb",
		Usage:                     "keep certificates and private keys under labels in a key database",
		Version:                   env.Version,
		HideVersion:               true,
		HideHelpCommand:           true,
		DisableSliceFlagSeparator: true, // names contain commas
		Writer:                    env.Stdout,
		ErrWriter:                 env.Stderr,
		Reader:                    env.Stdin,
		ExitErrHandler:            func(*cli.Context, error) {}, // Main alone exits
		Commands:                  commands,
		Flags:                     flags, // the action reports a missing command
		CustomAppHelpTemplate:     appHelp,
		Action:                    noCommand,
		OnUsageError:              usageError,
	}
}

// ownFormats are the commands that take further formats than table and json, and look themselves.
var ownFormats = []string{"list", "show", "issued", "log", "export", "connect", "completion", "man", "help"}

// prepare gives a command and those below it what all commands have in common.
func prepare(c *cli.Command) {
	c.HideHelpCommand = true
	c.OnUsageError = usageError
	if len(c.Subcommands) > 0 && c.Action == nil {
		c.Action = noCommand
	}
	if run := c.Action; run != nil {
		looksItself := slices.Contains(ownFormats, c.Name)
		c.Action = func(c *cli.Context) error {
			if !looksItself {
				if _, err := outputFormat(c); err != nil { // before anything is changed
					return err
				}
			}
			return pointToHelp(c, run(c))
		}
	}
	if !c.SkipFlagParsing {
		common := inCategory(categoryCommon, commonFlags())
		c.Flags = append(append(c.Flags, common...), cli.HelpFlag) // or urfave/cli adds it here and there
	}
	for i, f := range c.Flags {
		if s, ok := f.(*cli.BoolFlag); ok && f != cli.HelpFlag {
			s.DisableDefaultText = true // it is false
		}
		c.Flags[i] = named(f)
	}
	c.CustomHelpTemplate = commandHelp
	for _, sub := range c.Subcommands {
		sub.Category = c.Category
		prepare(sub)
	}
}

// usageError replaces urfave/cli's, which prints the help on standard output.
func usageError(c *cli.Context, err error, _ bool) error {
	return pointToHelp(c, fmt.Errorf("%w: %w", op.ErrUsage, twoHyphens{err}))
}

// pointToHelp adds a hint to the help, if an error about wrong usage has no better one.
func pointToHelp(c *cli.Context, err error) error {
	if !errors.Is(err, op.ErrUsage) || hintFor(err) != "" {
		return err
	}
	return withHint(err, "see: "+strings.TrimSpace(c.App.Name+" help "+commandPath(c)))
}

// twoHyphens is an error of Go's flag package, which writes options with one hyphen and calls every bad value a parse error.
type twoHyphens struct{ error }

func (e twoHyphens) Error() string {
	plain := strings.NewReplacer("for flag -", "for --", "flag provided but not defined: -", "there is no option --", ": parse error", "")
	return plain.Replace(e.error.Error())
}

func (e twoHyphens) Unwrap() error { return e.error }

func commandPath(c *cli.Context) string {
	var names []string
	for _, parent := range c.Lineage() {
		if parent.Command != nil && parent.Command.Name != "" && parent.Command.Name != "certkdb" {
			names = append([]string{parent.Command.Name}, names...)
		}
	}
	return strings.Join(names, " ")
}

// noCommand answers a group or the program itself when no command follows.
func noCommand(c *cli.Context) error {
	below := c.App.Commands
	if c.Command != nil && len(c.Command.Subcommands) > 0 {
		below = c.Command.Subcommands
	}
	if !c.Args().Present() {
		if c.Command == nil || c.Command.Name == "" || c.Command.Name == c.App.Name {
			return cli.ShowAppHelp(c)
		}
		return withHint(fmt.Errorf("%w: %q needs a subcommand", op.ErrUsage, c.Command.Name), "see: certkdb help "+c.Command.Name)
	}
	word := c.Args().First()
	err := fmt.Errorf("%w: there is no command %q", op.ErrUsage, word)
	if near := nearest(commandNames(below), word); near != "" {
		return withHint(err, fmt.Sprintf("did you mean %q? All commands: certkdb help", near))
	}
	return withHint(err, "see all commands: certkdb help")
}

// nearest is the word that was probably meant; "" if no word is similar.
func nearest(words []string, written string) (near string) {
	least := min(2, len(written)/2) + 1
	for _, word := range words {
		if d := distance(word, written); d < least {
			near, least = word, d
		}
	}
	return near
}

// distance is the number of letters to be changed, added or removed to make one word of the other (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range a {
		before := row[0] // of the row above, one to the left
		row[0] = i + 1
		for j := range b {
			change := before
			if a[i] != b[j] {
				change++
			}
			before, row[j+1] = row[j+1], min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// Names of the common options.
const (
	flagDB          = "db"
	flagPassword    = "password"
	flagLockTimeout = "lock-timeout"
	flagJSON        = "json"
	flagOutput      = "output"
	flagDetailed    = "detailed-exitcode"
	flagDryRun      = "dry-run"
)

const categoryCommon = "Common options"

// commonFlags are the options that every command takes and that mean the same everywhere.
func commonFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: flagDB, Usage: "the database: a `FILE`; default: $CERTKDB_DB, else the user's own"},
		&cli.StringFlag{
			Name: flagPassword, Usage: "where the password comes from: `SRC` is file:PATH, env:VAR, fd:N, stdin, prompt, stash, cred:NAME",
		},
		&cli.StringFlag{Name: "password-file", Usage: "the same as --password file:`FILE`"},
		&cli.DurationFlag{
			Name: flagLockTimeout, Usage: "how long to wait for another writer: a `TIME` such as 60s or 5m", Value: op.DefaultLockTimeout,
		},
		&cli.StringSliceFlag{Name: "in-key-password", Usage: "an additional password `SRC` for private keys that have their own password"},
		&cli.BoolFlag{Name: flagJSON, Usage: "print results and errors as JSON"},
		&cli.StringFlag{Name: flagOutput, Usage: "`FORMAT` of results, also -o: table, wide, json, jsonl, csv, name, pem"},
	}
}

// database collects the common options about the database.
func database(c *cli.Context, env *op.Env) (op.DB, error) {
	db := op.DB{Location: c.String(flagDB), LockTimeout: c.Duration(flagLockTimeout)}
	var err error
	text, file := c.String(flagPassword), c.String("password-file")
	switch {
	case text != "" && file != "":
		return db, op.Exclusive(op.FieldPassword, "password-file")
	case text != "":
		db.Password.Source, err = parseSource(env, op.FieldPassword, text)
	case file != "":
		db.Password.Source = op.FromFile(file)
	}
	for _, text := range c.StringSlice(string(op.FieldKeyPassword)) {
		source, failed := parseSource(env, op.FieldKeyPassword, text)
		if failed != nil {
			return db, failed
		}
		db.KeyPassword = append(db.KeyPassword, op.Password{Source: source})
	}
	return db, err
}

func usage(c *cli.Context, format string, args ...any) error {
	return usageError(c, fmt.Errorf(format, args...), true)
}

// maxPeriod is the longest that time.Duration holds, some 292 years.
const maxPeriod = 1<<63 - 1

// parsePeriod reads 90d, 12h, 2w, 1y, or what Go's durations take.
func parsePeriod(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	units := map[byte]time.Duration{'d': 24 * time.Hour, 'w': 7 * 24 * time.Hour, 'y': 365 * 24 * time.Hour}
	if unit, ok := units[text[len(text)-1]]; ok {
		if n, err := strconv.ParseUint(text[:len(text)-1], 10, 16); err == nil && n <= maxPeriod/uint64(unit) {
			return time.Duration(n) * unit, nil
		}
	} else if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return d, nil
	}
	return 0, fmt.Errorf("%w: %q is not a length of time; write 90d, 12h, 2w or 1y", op.ErrUsage, text)
}
