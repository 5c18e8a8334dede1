package native

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"certkdb/commands/op"
)

// arrange puts options before arguments, so that they may stand anywhere: urfave/cli, like Go's flag package, stops at the
// first argument. Options before the command's name move after it, because every command knows the common options.
// Everything after "--" is an argument. The first element of args is the program's name.
//
// An empty value or argument is an error, because it is mostly a variable of a script that is not set: without it, a check would be
// skipped, or another database changed. So is an option that is given twice but takes one value.
func arrange(app *cli.App, args []string) ([]string, error) {
	path, options, rest := []string{args[0]}, []string{}, []string{}
	commands, flags, given := app.Commands, commonFlags(""), valued{}
	stray := "" // an option before the command that only some commands have, if any
	for i := 1; i < len(args); i++ {
		arg := args[i]
		if arg == "--" {
			rest = append(rest, args[i+1:]...)
			break
		}
		if len(arg) > 1 && arg[0] == '-' {
			if name := strings.TrimLeft(arg, "-"); name == "help" || name == "h" {
				return nil, helpAsked{commandPathIn(commands, path[1:], args[i+1:])}
			}
			if len(path) == 1 && stray == "" && optionNamed(flags, optionName(arg)) == nil {
				stray = arg
			}
			n, err := optionLength(flags, args[i:])
			if err == nil {
				err = given.take(flags, args[i:i+n])
			}
			if err != nil {
				return nil, withHint(err, strings.Join(append([]string{"see: certkdb help"}, path[1:]...), " "))
			}
			options = append(append(options, longOption(arg)), args[i+1:i+n]...)
			i += n - 1
			continue
		}
		if err := dashedOption(flags, arg); err != nil {
			return nil, err
		}
		command := lookup(commands, arg)
		if command == nil && len(rest) == 0 && len(commands) > 0 && arg != "" {
			if stray != "" {
				return nil, strayOption(args[1:], stray)
			}
			if len(path) > 1 {
				return nil, unknownBelow(commands, strings.Join(path[1:], " "), arg)
			}
			return nil, unknownCommand(commands, arg)
		}
		if command == nil || len(rest) > 0 {
			rest = append(rest, arg)
			continue
		}
		path, commands = append(path, arg), command.Subcommands
		if command.SkipFlagParsing {
			return append(path, args[i+1:]...), nil
		}
		flags = append(flags, command.Flags...)
	}
	if len(path) == 1 && stray != "" {
		return nil, strayOption(args[1:], stray)
	}
	if twice := given.twice(len(path) == 2 && lookup(app.Commands, path[1]).Name == "list"); twice != "" {
		return nil, withHint(givenTwice(twice), strings.Join(append([]string{"see: certkdb help"}, path[1:]...), " "))
	}
	if slices.Contains(rest, "") {
		return nil, fmt.Errorf("%w: an argument is empty", op.ErrUsage)
	}
	return slices.Concat(path, options, []string{"--"}, rest), nil
}

// optionsOf are the options of a line with their values, as they are written, even if the line has mistakes. The value of another option
// is none, nor is what follows "--".
func optionsOf(argv []string) iter.Seq2[string, string] {
	return func(yield func(name, value string) bool) {
		flags := commonFlags("")
		called := calledCommand(argv)
		for _, m := range makers(nil) {
			if slices.Contains(m.names, called) {
				flags = append(flags, flagsBelow(m.make(&op.Env{}))...)
			}
		}
		for i := 1; i < len(argv) && argv[i] != "--"; i++ {
			if len(argv[i]) < 2 || argv[i][0] != '-' {
				continue
			}
			_, value, _ := strings.Cut(argv[i], "=")
			name := optionName(argv[i])
			if n, err := optionLength(flags, argv[i:]); err == nil && n == 2 {
				i++
				value = argv[i]
			}
			if !yield(name, value) {
				return
			}
		}
	}
}

// isOn says whether the value of an option that is on or off, as optionsOf yields it, turns it on: --json, --json=true.
func isOn(value string) bool {
	on, err := strconv.ParseBool(cmp.Or(value, "true"))
	return err == nil && on
}

// flagsBelow are the options of a command and of those below it.
func flagsBelow(c *cli.Command) []cli.Flag {
	flags := slices.Clone(c.Flags)
	for _, sub := range c.Subcommands {
		flags = append(flags, flagsBelow(sub)...)
	}
	for i, f := range flags {
		flags[i] = named(f)
	}
	return flags
}

// twice names an option that was given twice where only one can count: only list takes several databases, and passwords for them.
func (v valued) twice(isList bool) string {
	for _, name := range []string{flagDB, flagPassword} {
		if v[name] > 1 && !isList {
			return name
		}
	}
	return ""
}

func givenTwice(name string) error { return fmt.Errorf("%w: --%s is given twice", op.ErrUsage, name) }

// valued counts the options with values that were given, by their first names.
type valued map[string]int

// take looks at an option, a word or two, and refuses an empty value and a second one where only one can count.
func (v valued) take(flags []cli.Flag, words []string) error {
	written, value, hasValue := strings.Cut(longOption(words[0]), "=")
	f := optionNamed(flags, strings.TrimLeft(written, "-"))
	if f == nil || len(words) == 1 && !hasValue {
		return nil
	}
	if len(words) == 2 {
		value = words[1]
	}
	name := f.Names()[0]
	switch {
	case isSwitch(f):
		return nil
	case value == "":
		return fmt.Errorf("%w: --%s is empty; leave the option out, or give it a value", op.ErrUsage, name)
	case isTime(f) && strings.HasPrefix(value, "-"):
		return &op.Invalid{Field: op.Field(name), Value: value, Reason: "a time to wait is not negative"}
	case v[name] > 0 && !isList(f) && name != flagDB && name != flagPassword: // list takes several databases
		return givenTwice(name)
	}
	v[name]++
	return nil
}

func isTime(f cli.Flag) bool {
	_, is := f.(*cli.DurationFlag)
	return is
}

func isList(f cli.Flag) bool {
	switch f.(type) {
	case *listOption, *cli.StringSliceFlag:
		return true
	}
	return false
}

// optionNamed finds an option by one of its names; nil if there is none.
func optionNamed(flags []cli.Flag, name string) cli.Flag {
	i := slices.IndexFunc(flags, func(f cli.Flag) bool { return slices.Contains(f.Names(), name) })
	if i < 0 {
		return nil
	}
	return flags[i]
}

func lookup(commands []*cli.Command, name string) *cli.Command {
	for _, c := range commands {
		if c.HasName(name) {
			return c
		}
	}
	return nil
}

// longOption turns -o into --output: to Go's flag package -o and --o are the same, but --o is the organization of a subject.
func longOption(arg string) string {
	if rest, ok := strings.CutPrefix(arg, "-o"); ok && (rest == "" || rest[0] == '=') {
		return "--" + flagOutput + rest
	}
	return arg
}

// optionName is the name of an option as it is written.
func optionName(arg string) string {
	name, _, _ := strings.Cut(strings.TrimLeft(longOption(arg), "-"), "=")
	return name
}

// helpAsked is not a failure: the line has --help. Path is the command that it is about.
type helpAsked struct{ path []string }

func (helpAsked) Error() string { return "help" }

// commandPathIn adds the names of commands that follow in the line to a path.
func commandPathIn(commands []*cli.Command, path, words []string) []string {
	for _, word := range words {
		if c := lookup(commands, word); c != nil {
			path, commands = append(path, c.Name), c.Subcommands
		}
	}
	return path
}

// optionLength says how many words the option at the front takes: two when its value is a separate word.
func optionLength(flags []cli.Flag, args []string) (int, error) {
	if strings.Contains(args[0], "=") {
		return 1, nil
	}
	f := optionNamed(flags, optionName(args[0]))
	if f == nil {
		return 1, nil // unknown: the command will say so
	}
	if isSwitch(f) {
		return 1, nil
	}
	if len(args) < 2 {
		return 0, fmt.Errorf("%w: option %s needs a value", op.ErrUsage, args[0])
	}
	return 2, nil
}
