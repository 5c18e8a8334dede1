package native

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"certkdb/commands/op"
)

func manCommand(env *op.Env) *cli.Command {
	var folder string
	return &cli.Command{
		Name: "man", Category: groupOperations, Usage: "print a manual page, or write all of them",
		ArgsUsage: "[COMMAND|TOPIC]",
		Description: "Without an argument it prints the page of the program. The pages are made of the same texts as the help.\n" +
			"With --dir they are written to man1 and man7 below a folder of man's, such as /usr/local/share/man.\n\n" +
			examples("certkdb man add | man -l -", "certkdb man passwords | man -l -", "certkdb man --dir /usr/local/share/man"),
		Flags: []cli.Flag{&cli.StringFlag{Name: "dir", Usage: "write all pages below `FOLDER`", Destination: &folder}},
		Action: func(c *cli.Context) error {
			args, err := arguments(c)
			if err != nil {
				return err
			}
			if folder != "" {
				if len(args) > 0 {
					return usage(c, "%q and --dir exclude each other", args[0])
				}
				return writeManual(env, c.App, folder)
			}
			name := strings.Join(append([]string{c.App.Name}, args...), "-")
			for _, page := range manual(c.App) {
				if page.name == name {
					_, err := env.Stdout.Write(page.text)
					return ifRead(err)
				}
			}
			return noHelp(c.App.Commands, args[0])
		},
	}
}

// manualPage is one for man(1).
type manualPage struct {
	name    string // certkdb-add
	section int
	text    []byte
}

// manual is the page of the program, then those of its commands and topics.
func manual(app *cli.App) []manualPage {
	var b bytes.Buffer
	printManual(&b, app)
	pages := []manualPage{{app.Name, 1, tidy(b.Bytes())}}
	for _, c := range app.Commands {
		if c.Hidden {
			continue
		}
		var b bytes.Buffer
		printManualCommand(&b, app, c)
		pages = append(pages, manualPage{app.Name + "-" + c.Name, 1, tidy(b.Bytes())})
	}
	for _, name := range topicNames() {
		var b bytes.Buffer
		printManualTopic(&b, app, name)
		pages = append(pages, manualPage{app.Name + "-" + name, 7, tidy(b.Bytes())})
	}
	return pages
}

// tidy leaves out the beginning of a paragraph right after a heading, which mandoc complains about.
func tidy(page []byte) []byte {
	var b bytes.Buffer
	before := []byte(nil)
	for line := range bytes.Lines(page) {
		if string(line) != ".PP\n" || !bytes.HasPrefix(before, []byte(".S")) {
			b.Write(line)
		}
		before = line
	}
	return b.Bytes()
}

// writeManual writes all pages below a folder, and leaves those alone that are the same.
func writeManual(env *op.Env, app *cli.App, folder string) error {
	pages, written := manual(app), 0
	for _, page := range pages {
		in := filepath.Join(folder, fmt.Sprintf("man%d", page.section))
		if err := os.MkdirAll(in, 0o755); err != nil {
			return fmt.Errorf("writing the manual: %w", err)
		}
		written++
		o := op.Output{
			Path: filepath.Join(in, fmt.Sprintf("%s.%d", page.name, page.section)), Force: true, Lax: true, Unchanged: func() { written-- },
		}
		err := o.Write(env, false, func(w io.Writer) error {
			_, err := w.Write(page.text)
			return err
		})
		if err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(env.Stdout, "wrote %d of %d pages to %q, the others are the same\n", written, len(pages), folder)
	return ifRead(err)
}

func printManual(w io.Writer, app *cli.App) {
	manualHead(w, app, app.Name, 1, app.Usage)
	fmt.Fprintf(w, ".SH SYNOPSIS\n.B certkdb\n.I COMMAND\n[options] [arguments]\n")
	fmt.Fprintf(w, ".SH DESCRIPTION\n%s\n", roff("The database is --db FILE, else $CERTKDB_DB, else key.ckdb in $XDG_DATA_HOME/certkdb or "+
		"~/.local/share/certkdb (root: /var/lib/certkdb). Options may stand before or after the arguments."))
	group := ""
	fmt.Fprintf(w, ".SH COMMANDS\n")
	for _, c := range app.Commands {
		if c.Hidden {
			continue
		}
		if c.Category != group {
			group = c.Category
			fmt.Fprintf(w, ".SS %s\n", roff(group[2:]))
		}
		manualItem(w, app.Name+"-"+c.Name+"(1)", c.Usage)
	}
	fmt.Fprintf(w, ".SH COMMON OPTIONS\n")
	for _, f := range commonFlags("") {
		manualOption(w, f)
	}
	fmt.Fprintf(w, ".SH EXAMPLES\n.nf\n%s\n.fi\n", roff(manualExamples))
	manualTail(w, "")
}

const manualExamples = `certkdb init --generate-password --stash
certkdb create web --cn www.example.com --san dns:example.com
certkdb export web --chain --out web.crt
certkdb list --expiring 30d --check`

func printManualCommand(w io.Writer, app *cli.App, c *cli.Command) {
	manualHead(w, app, app.Name+"-"+c.Name, 1, c.Usage)
	fmt.Fprintf(w, ".SH SYNOPSIS\n")
	below := c.Subcommands
	if len(below) == 0 {
		manualSynopsis(w, app.Name+" "+c.Name, c)
	}
	for _, sub := range below {
		manualSynopsis(w, app.Name+" "+c.Name+" "+sub.Name, sub)
	}
	about, lines := describedBy(c)
	fmt.Fprintf(w, ".SH DESCRIPTION\n")
	if about == "" {
		about = strings.ToUpper(c.Usage[:1]) + c.Usage[1:] + "."
	}
	manualText(w, about)
	if len(c.Aliases) > 0 {
		manualText(w, "Also called "+op.Choice(c.Aliases)+".")
	}
	manualSubcommands(w, app, c)
	manualOptions(w, ".SH ", c)
	fmt.Fprintf(w, ".SH EXAMPLES\n.nf\n%s\n.fi\n", roff(lines))
	manualTail(w, c.Name)
}

// manualSubcommands explains the commands below one.
func manualSubcommands(w io.Writer, app *cli.App, c *cli.Command) {
	if len(c.Subcommands) == 0 {
		return
	}
	fmt.Fprintf(w, ".SH COMMANDS\n")
	for _, sub := range c.Subcommands {
		fmt.Fprintf(w, ".SS %s\n", roff(strings.TrimSpace(app.Name+" "+c.Name+" "+sub.Name+" "+sub.ArgsUsage)))
		about, lines := describedBy(sub)
		manualText(w, strings.ToUpper(sub.Usage[:1])+sub.Usage[1:]+".")
		manualText(w, about)
		manualOptions(w, "", sub)
		fmt.Fprintf(w, ".PP\n.nf\n%s\n.fi\n", roff(lines))
	}
}

// manualHead begins a page.
func manualHead(w io.Writer, app *cli.App, name string, section int, about string) {
	of := map[int]string{1: "User Commands", 7: "Miscellaneous Information"}[section]
	fmt.Fprintf(w, ".TH %s %d \"\" %q %q\n", roff(strings.ToUpper(name)), section, "certkdb "+app.Version, of)
	fmt.Fprintf(w, ".SH NAME\n%s \\- %s\n", roff(name), roff(about))
}

func manualSynopsis(w io.Writer, name string, c *cli.Command) {
	fmt.Fprintf(w, ".PP\n.B %s\n%s\n", roff(name), roff(strings.TrimSpace(synopsis(c))))
}

// describedBy is a command's description, and its examples as lines.
func describedBy(c *cli.Command) (about, lines string) {
	about, lines, _ = strings.Cut(c.Description, "Examples:\n")
	return strings.TrimSpace(about), strings.ReplaceAll(strings.TrimLeft(lines, " "), "\n  ", "\n")
}

// manualText prints paragraphs. Lines that are indented stay lines.
func manualText(w io.Writer, text string) {
	for line := range strings.SplitSeq(joined(text), "\n") {
		switch {
		case line == "":
		case strings.HasPrefix(line, " "):
			fmt.Fprintf(w, ".br\n%s\n", roff(strings.TrimSpace(line)))
		default:
			fmt.Fprintf(w, ".PP\n%s\n", roff(line))
		}
	}
}

// manualOptions prints the options by their categories. Without a heading they follow each other.
func manualOptions(w io.Writer, heading string, c *cli.Command) {
	for i, category := range categories(c.Flags) {
		switch {
		case heading != "" && i == 0:
			fmt.Fprintf(w, "%sOPTIONS\n", heading)
			fallthrough
		case heading != "":
			if category != "Options" {
				fmt.Fprintf(w, ".SS %s\n", roff(category))
			}
		}
		for _, f := range c.Flags {
			if categoryOf(f) == category {
				manualOption(w, f)
			}
		}
	}
}

func manualOption(w io.Writer, f cli.Flag) {
	option, about := optionText(f)
	manualItem(w, option, about)
}

// manualItem prints a name and, indented, what it is.
func manualItem(w io.Writer, name, about string) {
	fmt.Fprintf(w, ".TP\n.B %s\n%s\n", roff(name), roff(about))
}

// printManualTopic prints the page of a topic, whose tables stay as they are.
func printManualTopic(w io.Writer, app *cli.App, name string) {
	manualHead(w, app, app.Name+"-"+name, 7, topicTitle(name))
	fmt.Fprintf(w, ".SH DESCRIPTION\n.nf\n%s\n.fi\n", roff(strings.TrimSpace(topic(name))))
	fmt.Fprintf(w, ".SH SEE ALSO\n%s\n", roff("certkdb(1)"))
}

// manualTail ends the page of a command, of the program for "".
func manualTail(w io.Writer, command string) {
	_, codes, _ := strings.Cut(helpExitCodes, "\n")
	fmt.Fprintf(w, ".SH EXIT STATUS\n.nf\n%s\n.fi\n", roff(strings.TrimRight(codes, "\n")))
	see := []string{"certkdb(1)"}
	if command == "" || usesDatabase(command) {
		manualTable(w, "ENVIRONMENT", helpEnvironment)
		manualTable(w, "FILES", helpFiles)
	}
	if command == "" {
		see = nil
	}
	for _, name := range topicNames() {
		see = append(see, "certkdb-"+name+"(7)")
	}
	fmt.Fprintf(w, ".SH SEE ALSO\n%s\n", roff(strings.Join(see, ", ")))
}

// manualTable prints a topic that is a table of names and texts, which may go on in lines below.
func manualTable(w io.Writer, heading, table string) {
	fmt.Fprintf(w, ".SH %s\n", heading)
	_, rows, _ := strings.Cut(table, "\n")
	for row := range strings.Lines(rows) {
		if name, about, ok := strings.Cut(strings.TrimPrefix(strings.TrimRight(row, "\n"), "  "), "  "); ok && name != "" {
			manualItem(w, name, strings.TrimSpace(about))
			continue
		}
		fmt.Fprintf(w, "%s\n", roff(strings.TrimSpace(row)))
	}
}

// roff protects a text from troff: backslashes, hyphens, quotes and the like, which must be what a shell takes, and lines that begin with
// a dot.
func roff(text string) string {
	plain := strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "~", `\(ti`, "^", `\(ha`)
	lines := strings.Split(plain.Replace(text), "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, ".") {
			lines[i] = `\&` + line
		}
	}
	return strings.Join(lines, "\n")
}
