package native

import (
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"certkdb/commands/op"
)

func manCommand(env *op.Env) *cli.Command {
	return &cli.Command{
		Name: "man", Category: groupOperations, Usage: "print the manual page",
		Description: examples("certkdb man > /usr/local/share/man/man1/certkdb.1", "certkdb man | man -l -"),
		Action: func(c *cli.Context) error {
			if _, err := arguments(c); err != nil {
				return err
			}
			w := &onceFailing{w: env.Stdout}
			printManual(w, c.App)
			return w.err
		},
	}
}

// printManual writes the manual page in the man(7) macros, made from the same texts as the help.
func printManual(w io.Writer, app *cli.App) {
	fmt.Fprintf(w, ".TH CERTKDB 1 \"\" %q \"User Commands\"\n", "certkdb "+app.Version)
	fmt.Fprintf(w, ".SH NAME\ncertkdb \\- %s\n", roff(app.Usage))
	fmt.Fprintf(w, ".SH SYNOPSIS\n.B certkdb\n.I COMMAND\n[options] [arguments]\n")
	fmt.Fprintf(w, ".SH DESCRIPTION\n%s\n", roff("The database is --db FILE, else $CERTKDB_DB, else key.ckdb in $XDG_DATA_HOME/certkdb or "+
		"~/.local/share/certkdb (root: /var/lib/certkdb/key.ckdb). Options may stand before or after the arguments."))
	fmt.Fprintf(w, ".SH COMMANDS\n")
	for _, c := range app.Commands {
		if !c.Hidden {
			printManualCommand(w, c, "")
		}
	}
	fmt.Fprintf(w, ".SH COMMON OPTIONS\n")
	printManualFlags(w, commonFlags(""), func(string) bool { return true })
	fmt.Fprintf(w, ".SH PASSWORDS\n.nf\n%s.fi\n", roff(helpPasswords))
	fmt.Fprintf(w, ".SH EXIT STATUS\n.nf\n%s.fi\n", roff(helpExitCodes))
}

func printManualCommand(w io.Writer, c *cli.Command, parent string) {
	name := strings.TrimSpace(parent + " " + c.Name)
	fmt.Fprintf(w, ".SS %s\n%s\n", roff(strings.TrimSpace(name+" "+c.ArgsUsage)), roff(c.Usage))
	if c.Description != "" {
		fmt.Fprintf(w, ".PP\n.nf\n%s\n.fi\n", roff(c.Description))
	}
	printManualFlags(w, c.Flags, func(category string) bool { return category != categoryCommon })
	for _, sub := range c.Subcommands {
		printManualCommand(w, sub, name)
	}
}

// printManualFlags prints the options of the categories that are wanted.
func printManualFlags(w io.Writer, flags []cli.Flag, wanted func(category string) bool) {
	for _, f := range flags {
		if of, ok := f.(cli.CategorizableFlag); ok && f != cli.HelpFlag && wanted(of.GetCategory()) {
			option, about := optionText(f)
			fmt.Fprintf(w, ".TP\n.B %s\n%s\n", roff(option), roff(about))
		}
	}
}

// roff protects a text from troff: backslashes, hyphens, and lines that begin with a dot or a quote.
func roff(text string) string {
	lines := strings.Split(strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(text), "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			lines[i] = `\&` + line
		}
	}
	return strings.Join(lines, "\n")
}
