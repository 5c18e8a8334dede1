package native

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"certkdb/commands/op"
	"certkdb/pki/spelling"
)

// pointToHelp adds a hint to an error without one: what was probably meant or, if the line is wrong, where the help is.
func pointToHelp(c *cli.Context, err error) error {
	if err == nil || ownHint(err) != "" {
		return err
	}
	if hint := meantFile(c, err); hint != "" {
		return withHint(err, hint)
	}
	if !errors.Is(err, op.ErrUsage) || hintFor(err) != "" {
		return err
	}
	return withHint(err, "see: "+helpFor(c))
}

// meantFile is the hint for a file name where a label stands, and for one with spaces that the shell has divided; "" for other errors.
func meantFile(c *cli.Context, err error) string {
	if e, ok := errors.AsType[*op.NotFound](err); ok && e.Where == "" && e.Near == "" && isFile(e.Label) {
		if c.Command != nil && optionNamed(c.Command.Flags, "file") != nil {
			return "there is a file of that name: give it with --file " + op.Quote(e.Label)
		}
		return "there is a file of that name: add it first with: certkdb add " + op.Quote(e.Label)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return divided(c.Args().Slice())
	}
	return ""
}

// divided finds neighbouring arguments that are the name of a file when a space stands between them.
func divided(args []string) string {
	const most = 20 // of which every part is tried
	for i := range args[:min(len(args), most)] {
		for j := i + 2; j <= min(len(args), most); j++ {
			if name := strings.Join(args[i:j], " "); isFile(name) {
				return "a name with spaces needs quotes: " + op.Quote(name)
			}
		}
	}
	return ""
}

func isFile(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.Mode().IsRegular()
}

// unexpected is the error about an argument that the command does not take.
func unexpected(c *cli.Context, args []string, i int) error {
	err := fmt.Errorf("%w: unexpected argument %q", op.ErrUsage, args[i])
	hint := divided(args)
	if hint == "" && c.Command.ArgsUsage == "" && usesDatabase(commandPath(c)) && (filepath.Ext(args[i]) != "" || isFile(args[i])) {
		hint = "name the database with --db " + op.Quote(args[i])
	}
	if hint == "" {
		return pointToHelp(c, err)
	}
	return withHint(err, hint)
}

// dashedOption is the error about an option that begins with a dash instead of hyphens, as word processors write it; nil for other words.
func dashedOption(flags []cli.Flag, arg string) error {
	name := strings.TrimLeft(arg, "‐‑‒–—―−-")
	word, _, _ := strings.Cut(name, "=")
	if name == arg || word == "" || strings.HasPrefix(arg, "-") || optionNamed(flags, word) == nil {
		return nil
	}
	return withHint(fmt.Errorf("%w: %q begins with a dash that is not a hyphen", op.ErrUsage, arg), "write it with hyphens: --"+name)
}

// optionHint says what was meant by an option that does not exist, or what value it takes; "" if that is not known.
func optionHint(c *cli.Context, err error) string {
	if c.Command == nil {
		return ""
	}
	_, written, unknown := strings.Cut(err.Error(), "flag provided but not defined: -")
	if !unknown {
		return valueHint(c, err)
	}
	written = strings.TrimLeft(written, "-")
	if c.Command.Name == "explain" {
		return "put -- before the other program's line: certkdb explain -- LINE"
	}
	if slices.Contains([]string{"in", "infile", "i", "input", "from"}, written) {
		switch {
		case strings.Contains(c.Command.ArgsUsage, "FILE"):
			return "name the file without an option. See: " + helpFor(c)
		case optionNamed(c.Command.Flags, "file") != nil:
			return didYouMean("--file") + " See: " + helpFor(c)
		case optionNamed(c.Command.Flags, flagDB) != nil:
			return didYouMean("--db") + " See: " + helpFor(c)
		}
	}
	near := otherOption(written)
	if near == flagOutput && optionNamed(c.Command.Flags, "format") != nil {
		near = "format" // of the file, which is what openssl's -outform is about
	}
	if optionNamed(c.Command.Flags, near) == nil {
		near = strings.TrimPrefix(spelling.Nearest(optionNames(c.Command.Flags), "--"+written), "--")
	}
	if near == "" {
		return ""
	}
	return didYouMean("--"+near) + " See: " + helpFor(c)
}

// valueHint shows the form of a value that cannot be read, if the option takes a time or a number.
func valueHint(c *cli.Context, err error) string {
	for _, f := range c.Command.Flags {
		if !strings.HasSuffix(err.Error(), " for --"+f.Names()[0]) && !strings.Contains(err.Error(), " for flag -"+f.Names()[0]+":") {
			continue
		}
		switch f.(type) {
		case *cli.DurationFlag:
			return "a time is a number with its unit, such as 500ms, 5s or 10m. See: " + helpFor(c)
		case *cli.IntFlag, *cli.Uint64Flag:
			return "write a whole number, without a unit: --" + f.Names()[0] + " 30. See: " + helpFor(c)
		}
	}
	return ""
}
