package native

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"certkdb/commands/native/terminal"
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
	if asked, ok := errors.AsType[helpAsked](err); ok {
		w := terminal.NewWriter(env.Stdout)
		if err := showHelp(w, terminal.ScreenOf(env), app, asked.path); err != nil {
			return err
		}
		return ifRead(w.Err())
	}
	if err != nil {
		return err
	}
	return app.RunContext(ctx, args)
}

// newApp makes the program of some commands, for one run.
func newApp(env *op.Env, commands []*cli.Command) *cli.App {
	flags := append(commonFlags(""), cli.HelpFlag)
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
		Action:                    func(c *cli.Context) error { return noCommand(c, env) },
		OnUsageError:              usageError,
	}
}

// prepare gives a command and those below it what all commands have in common. The path ends with the command's name.
func prepare(c *cli.Command, env *op.Env, path string) {
	c.HideHelpCommand = true
	c.OnUsageError = usageError
	if len(c.Subcommands) > 0 && c.Action == nil {
		c.Action = func(c *cli.Context) error { return noCommand(c, env) }
	}
	if run := c.Action; run != nil {
		c.Action = func(c *cli.Context) error {
			if _, err := outputFormat(c); err != nil { // before anything is changed
				return err
			}
			return pointToHelp(c, run(c))
		}
	}
	if !c.SkipFlagParsing {
		common := inCategory(categoryCommon, commonFlags(path))
		c.Flags = append(append(c.Flags, common...), cli.HelpFlag) // or urfave/cli adds it here and there
	}
	for i, f := range c.Flags {
		if s, ok := f.(*cli.BoolFlag); ok && f != cli.HelpFlag {
			s.DisableDefaultText = true // it is false
		}
		c.Flags[i] = named(f)
	}
	for _, sub := range c.Subcommands {
		sub.Category = c.Category
		prepare(sub, env, path+" "+sub.Name)
	}
}

// usageError replaces urfave/cli's, which prints the help on standard output.
func usageError(c *cli.Context, err error, _ bool) error {
	wrong := fmt.Errorf("%w: %w", op.ErrUsage, twoHyphens{err})
	if hint := optionHint(c, err); hint != "" {
		return withHint(wrong, hint)
	}
	return pointToHelp(c, wrong)
}

// helpFor is the command line that shows the help of a command.
func helpFor(c *cli.Context) string {
	return strings.TrimSpace(c.App.Name + " help " + commandPath(c))
}

// twoHyphens is an error of Go's flag package, which writes all options with one hyphen and calls every bad value a parse error.
type twoHyphens struct{ error }

func (e twoHyphens) Error() string {
	text := e.error.Error()
	if short, unknown := strings.CutPrefix(text, "flag provided but not defined: "); unknown && len(short) == 2 {
		return "there is no option " + short
	}
	plain := strings.NewReplacer(
		"for flag -", "for --", " for -", " for --", "flag provided but not defined: -", "there is no option --", ": parse error", "",
	)
	return plain.Replace(text)
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
func noCommand(c *cli.Context, env *op.Env) error {
	isProgram := c.Command == nil || len(c.Command.Subcommands) == 0 || c.Command.Name == c.App.Name
	switch {
	case !c.Args().Present() && isProgram:
		return showHelp(env.Stdout, terminal.ScreenOf(env), c.App, nil)
	case !c.Args().Present():
		names := commandNames(c.Command.Subcommands)
		return withHint(fmt.Errorf("%w: %q needs a subcommand", op.ErrUsage, c.Command.Name),
			fmt.Sprintf("use %s; see: certkdb help %s", op.Choice(names), c.Command.Name))
	case isProgram:
		return unknownCommand(c.App.Commands, c.Args().First())
	}
	return unknownBelow(c.Command.Subcommands, c.Command.Name, c.Args().First())
}

// database collects the common options about the database.
func database(c *cli.Context, env *op.Env) (op.DB, error) {
	return databaseAt(c, env, c.String(flagDB))
}

// databaseAt is the database at a location, with the common options about it.
func databaseAt(c *cli.Context, env *op.Env, location string) (op.DB, error) {
	return databaseWith(c, env, location, c.String(flagPassword))
}

// databaseWith is the same with a password from a source.
func databaseWith(c *cli.Context, env *op.Env, location, text string) (op.DB, error) {
	db := op.DB{Location: location, LockTimeout: c.Duration(flagLockTimeout)}
	var err error
	file := c.String("password-file")
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
