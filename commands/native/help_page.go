package native

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"certkdb/commands/native/terminal"

	"github.com/urfave/cli/v2"
)

const (
	helpColumns = 100 // a help page is at most this wide
	optionWidth = 30  // of the column with the options
)

// helpPage writes the help of a command, or of the program, no wider than its columns.
type helpPage struct {
	w       io.Writer
	columns int
}

func newHelpPage(w io.Writer, on terminal.Screen) helpPage {
	p := helpPage{w, helpColumns}
	if on.Columns > 0 {
		p.columns = max(min(on.Columns, helpColumns), 40)
	}
	return p
}

// program writes the overview of all commands.
func (p helpPage) program(app *cli.App) {
	fmt.Fprintf(p.w, "certkdb - %s\n\nUsage: certkdb COMMAND [options] [arguments]        options may stand anywhere\n", app.Usage)
	group := ""
	for _, c := range app.Commands {
		if c.Hidden {
			continue
		}
		if c.Category != group {
			group = c.Category
			fmt.Fprintf(p.w, "\n%s:\n", group[2:])
		}
		p.item(fmt.Sprintf("%-16s", c.Name), c.Usage)
	}
	fmt.Fprintln(p.w)
	p.text("certkdb help COMMAND explains a command. Topics: " + strings.Join(topicNames(), ", ") + ".\n" +
		"The database is --db FILE, else $CERTKDB_DB, else key.ckdb in your data folder (root: /var/lib/certkdb/key.ckdb).")
}

// command writes all about one command. Name is how it is called.
func (p helpPage) command(c *cli.Command, name string) {
	p.paragraph("", name+" - "+c.Usage)
	fmt.Fprintf(p.w, "\nUsage: %s\n", strings.TrimSpace(name+synopsis(c)))
	if names := c.Aliases; len(names) > 0 {
		fmt.Fprintf(p.w, "Also: %s\n", strings.Join(names, ", "))
	}
	if len(c.Subcommands) > 0 {
		fmt.Fprintln(p.w, "\nCommands:")
		for _, sub := range c.Subcommands {
			p.item(fmt.Sprintf("%-16s", sub.Name), sub.Usage)
		}
	}
	if c.Description != "" {
		fmt.Fprintln(p.w)
		p.text(c.Description)
	}
	for _, category := range categories(c.Flags) {
		fmt.Fprintf(p.w, "\n%s:\n", category)
		for _, f := range c.Flags {
			if categoryOf(f) == category {
				option, about := optionText(f)
				p.item(pad(option), about)
			}
		}
	}
}

// synopsis is what follows the name of a command, each part with a space in front of it.
func synopsis(c *cli.Command) (text string) {
	if len(c.Subcommands) > 0 {
		text = " COMMAND"
	}
	if !c.SkipFlagParsing {
		text += " [options]"
	}
	if c.ArgsUsage != "" {
		text += " " + c.ArgsUsage
	}
	return text
}

// categories are those of some options, the common ones last.
func categories(flags []cli.Flag) []string {
	var names []string
	for _, f := range flags {
		if name := categoryOf(f); !slices.Contains(names, name) && name != categoryCommon {
			names = append(names, name)
		}
	}
	if slices.ContainsFunc(flags, func(f cli.Flag) bool { return categoryOf(f) == categoryCommon }) {
		names = append(names, categoryCommon)
	}
	return names
}

// categoryOf is the heading under which an option stands.
func categoryOf(f cli.Flag) string {
	if of, ok := f.(cli.CategorizableFlag); ok && of.GetCategory() != "" {
		return of.GetCategory()
	}
	if f == cli.HelpFlag {
		return categoryCommon
	}
	return "Options"
}

// pad makes an option as wide as the others.
func pad(option string) string {
	return option + strings.Repeat(" ", max(optionWidth-terminal.Width(option), 0))
}

// optionText is how an option is written, and what it means. One with a name of one letter has two hyphens: -o is --output (longOption).
func optionText(f cli.Flag) (option, about string) {
	text := f.String()
	if own, ok := f.(interface{ about() string }); ok {
		text = own.about()
	}
	option, about, _ = strings.Cut(text, "\t")
	if len(f.Names()[0]) == 1 {
		option = "-" + option
	}
	if first, _, repeated := strings.Cut(option, " [ "); repeated {
		option = first + "…"
	}
	about = strings.TrimSuffix(strings.TrimSpace(about), " (default: 0)") // it is not limited, or not asked for
	return strings.TrimSpace(option), about
}

// item writes a name and a text next to it, or below if the name is long.
func (p helpPage) item(name, about string) {
	indent := terminal.Width(name) + 4
	if terminal.Width(strings.TrimRight(name, " ")) > optionWidth {
		indent = optionWidth + 4
		fmt.Fprintf(p.w, "  %s\n%s%s\n", name, strings.Repeat(" ", indent), terminal.Hang(about, indent, p.columns))
		return
	}
	fmt.Fprintf(p.w, "  %s  %s\n", name, terminal.Hang(about, indent, p.columns))
}

// text writes paragraphs. Lines that are indented are examples and stay lines.
func (p helpPage) text(text string) {
	for line := range strings.SplitSeq(joined(text), "\n") {
		if strings.HasPrefix(line, " ") {
			fmt.Fprintln(p.w, continued(line, p.columns))
			continue
		}
		p.paragraph("", line)
	}
}

func (p helpPage) paragraph(indent, text string) {
	fmt.Fprintln(p.w, indent+terminal.Hang(text, len(indent), p.columns))
}

// joined makes a line of each paragraph. A paragraph ends with an empty line, with an indented one, and with a colon.
func joined(text string) string {
	var b strings.Builder
	before := ""
	for i, line := range strings.Split(text, "\n") {
		switch {
		case i == 0:
		case line == "" || before == "" || strings.HasPrefix(line, " ") || strings.HasPrefix(before, " ") || strings.HasSuffix(before, ":") ||
			strings.HasSuffix(before, "."):
			b.WriteString("\n")
		default:
			b.WriteString(" ")
		}
		b.WriteString(line)
		before = line
	}
	return b.String()
}

// continued breaks a command line as a shell allows it, before an option.
func continued(line string, columns int) string {
	if terminal.Width(line) <= columns {
		return line
	}
	const indent = "      "
	var b strings.Builder
	used := 0
	for i, part := range strings.Split(line, " --") {
		if i > 0 {
			part = " --" + part
		}
		if i > 0 && used+terminal.Width(part)+2 > columns {
			b.WriteString(" \\\n" + indent)
			part = part[1:]
			used = len(indent)
		}
		b.WriteString(part)
		used += terminal.Width(part)
	}
	return b.String()
}
