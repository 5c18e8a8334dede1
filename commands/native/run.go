package native

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"certkdb/commands/op"
)

// action is what a command does: it takes the arguments that ArgsUsage names, calls run and prints the result.
func action[T any](env *op.Env, schema string, run func(*cli.Context, []string) (T, error), text func(io.Writer, T)) cli.ActionFunc {
	return func(c *cli.Context) error {
		args, err := arguments(c)
		if err != nil {
			return err
		}
		result, err := run(c, args)
		if err != nil {
			return err
		}
		err = emit(c, env, schema, result, func(w io.Writer) { text(w, result) })
		if partial, ok := any(result).(incomplete); ok && err == nil {
			err = partial.Incomplete()
		}
		if changed, ok := any(result).(changer); ok {
			return detailed(c, changed.HasChanged(), err)
		}
		return err
	}
}

// incomplete is a result that may lack something: it is printed, and the error decides the exit code.
type incomplete interface{ Incomplete() error }

// changer is a result that knows whether anything was changed, or would be.
type changer interface{ HasChanged() bool }

// change is the action of a command that changes the database: prepare binds the arguments and returns the operation.
func change[T changer](
	env *op.Env, schema string, prepare func(*cli.Context, []string) (op.Operation[T], error), text func(io.Writer, T),
) cli.ActionFunc {
	return opened(env, schema, prepare, op.One[T], text)
}

// act is the action of a command that changes the database as a whole.
func act[T changer](
	env *op.Env, schema string, prepare func(*cli.Context, []string) (op.Act[T], error), text func(io.Writer, T),
) cli.ActionFunc {
	return opened(env, schema, prepare, op.Perform[T], text)
}

// opened is the action of a command that does something with the open database.
func opened[T changer, O any](
	env *op.Env, schema string, prepare func(*cli.Context, []string) (O, error),
	do func(context.Context, *op.Session, O) (T, error), text func(io.Writer, T),
) cli.ActionFunc {
	return action(env, schema, func(c *cli.Context, args []string) (result T, err error) {
		o, err := prepare(c, args)
		if err != nil {
			return result, err
		}
		s, err := openDatabase(c, env)
		if err != nil {
			return result, err
		}
		defer s.Close()
		if result, err = do(c.Context, s, o); err == nil {
			warnUnverified(env, s)
		}
		return result, err
	}, text)
}

// openDatabase opens the database that the common options name.
func openDatabase(c *cli.Context, env *op.Env) (*op.Session, error) {
	db, err := database(c, env)
	if err != nil {
		return nil, err
	}
	s, err := op.Open(c.Context, env, db)
	if err == nil {
		s.DryRun, s.Guard = c.Bool(flagDryRun), guard(c, env)
	}
	return s, err
}

// warnUnverified warns if what was read of a key store was not verified, because its password was not given, and of labels that were cut.
// The database of a CA, and one to copy to, count too.
func warnUnverified(env *op.Env, s *op.Session) {
	warned := map[string]bool{}
	for _, s := range s.Opened() {
		warnShortened(env, s)
		if warning := s.Unverified(); warning != nil && env.Warn != nil && !warned[s.Location] {
			env.Warn(warning)
			warned[s.Location] = true
		}
	}
}

// warnShortened warns of labels that are only the beginning of longer names in the file.
func warnShortened(env *op.Env, s *op.Session) {
	for _, warning := range s.Shortened() {
		if env.Warn != nil {
			env.Warn(warning)
		}
	}
}

// guard asks before entries with private keys are replaced and before certificates lose their trust. Without a terminal only the latter
// needs --yes, because scripts replace entries on purpose.
func guard(c *cli.Context, env *op.Env) *op.Guard {
	if c.Bool(flagYes) {
		return nil
	}
	interactive := env.Interactive != nil && env.Interactive()
	return &op.Guard{Ask: func(_ context.Context, lost []op.Loss) error {
		text := lossText(lost)
		if !interactive {
			if !slices.ContainsFunc(lost, func(l op.Loss) bool { return l.What == op.LostTrust }) {
				return nil
			}
			return usage(c, "%s; accept that with --yes", text)
		}
		sure, err := op.Confirm(env, text+". Go on?")
		if err == nil && !sure {
			err = errors.New("nothing was changed")
		}
		return err
	}}
}

// lossText says what would be lost.
func lossText(lost []op.Loss) string {
	const most = 5
	texts := map[op.Lost]string{op.LostKey: "would lose their private keys", op.LostTrust: "would no longer be trusted"}
	if len(lost) == 1 {
		texts[op.LostKey] = "would lose its private key"
	}
	var parts []string
	for _, what := range []op.Lost{op.LostKey, op.LostTrust} {
		var labels []string
		for _, l := range lost {
			if l.What == what {
				labels = append(labels, strconv.Quote(l.Label))
			}
		}
		if n := len(labels); n > most {
			labels = append(labels[:most], fmt.Sprintf("%d more", n-most))
		}
		if len(labels) > 0 {
			parts = append(parts, strings.Join(labels, ", ")+" "+texts[what])
		}
	}
	return strings.Join(parts, "; ")
}

func yesFlag() cli.Flag {
	return &cli.BoolFlag{Name: flagYes, Aliases: []string{"y"}, Usage: "do not ask before a private key or trust is lost"}
}

// read is the action of a command that reads the database and prints one result.
func read[T any](
	env *op.Env,
	schema string,
	run func(*cli.Context, *op.Session, []string) (T, error),
	text func(io.Writer, T),
) cli.ActionFunc {
	return action(env, schema, func(c *cli.Context, args []string) (result T, err error) {
		s, err := openDatabase(c, env)
		if err != nil {
			return result, err
		}
		defer s.Close()
		return run(c, s, args)
	}, text)
}

// detailed makes the exit code of --detailed-exitcode out of what was done.
func detailed(c *cli.Context, changed bool, err error) error {
	if err == nil && changed && c.Bool(flagDetailed) {
		return detailedExit{}
	}
	return err
}

// changeFlags are the options of commands that change something.
func changeFlags() []cli.Flag {
	return []cli.Flag{
		&cli.BoolFlag{Name: flagDetailed, Usage: "exit with 20 if something changed, with 0 if there was nothing to do"},
		dryRunFlag(),
	}
}

func dryRunFlag() cli.Flag {
	return &cli.BoolFlag{Name: flagDryRun, Usage: "say what would be done, but change nothing"}
}

// outputFlags are those of a command that writes a file.
func outputFlags(out *op.Output, usage string) []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "out", Usage: usage, Destination: &out.Path},
		&cli.BoolFlag{Name: "force", Usage: "replace an existing file", Destination: &out.Force},
		&cli.StringFlag{Name: "mode", Usage: "the file's rights, an octal `NUMBER` such as 0640", Destination: &out.Rights.Mode},
		&cli.StringFlag{Name: "owner", Usage: "the file's owner: `USER`", Destination: &out.Rights.Owner},
		&cli.StringFlag{Name: "group", Usage: "the file's group: `GROUP`", Destination: &out.Rights.Group},
	}
}

// arguments compares the arguments with the command's ArgsUsage: words, of which [WORD] is optional and WORD… may be repeated.
func arguments(c *cli.Context) ([]string, error) {
	args := c.Args().Slice()
	i := 0
	for _, word := range strings.Fields(c.Command.ArgsUsage) {
		optional, repeated := strings.HasPrefix(word, "["), strings.Contains(word, "…")
		word, _, _ = strings.Cut(strings.Trim(word, "[]…"), "|")
		switch {
		case i == len(args) && !optional:
			return nil, usage(c, "%s is missing", word)
		case repeated:
			return args, nil
		case i < len(args):
			i++
		}
	}
	if i < len(args) {
		return nil, unexpected(c, args, i)
	}
	return args, nil
}
