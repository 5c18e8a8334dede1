package native

import (
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"certkdb/commands/op"
)

// shown undoes roff, as far as a reader sees it.
func shown(text string) string {
	return strings.NewReplacer(`\e`, `\`, `\-`, "-", `\(aq`, "'", `\(ga`, "`", `\(ti`, "~", `\(ha`, "^", `\&`, "").Replace(text)
}

// TestManual_saysWhatHelpSays: the page of each command has every option and example of its help, and the sections that pages have.
func TestManual_saysWhatHelpSays(t *testing.T) {
	t.Parallel()
	env := &op.Env{}
	app := newApp(env, tree(env, map[string]Dialect{"dsmcert": nil}, ""))
	pages := map[string]string{}
	for _, page := range manual(app) {
		pages[page.name] = string(page.text)
	}
	var check func(page string, c *cli.Command)
	check = func(page string, c *cli.Command) {
		text := shown(page)
		for _, f := range c.Flags {
			option, about := optionText(f)
			if !strings.Contains(text, ".B "+option+"\n"+about+"\n") {
				t.Errorf("%s: the manual page lacks %s", c.Name, option)
			}
		}
		_, lines := describedBy(c)
		for line := range strings.Lines(lines) {
			if !strings.Contains(text, strings.TrimSpace(line)) {
				t.Errorf("%s: the manual page lacks %s", c.Name, line)
			}
		}
		for _, sub := range c.Subcommands {
			check(page, sub)
		}
	}
	for _, c := range app.Commands {
		if c.Hidden {
			continue
		}
		page := pages["certkdb-"+c.Name]
		check(page, c)
		for _, section := range []string{"NAME", "SYNOPSIS", "DESCRIPTION", "EXAMPLES", "EXIT STATUS", "SEE ALSO"} {
			if !strings.Contains(page, ".SH "+section+"\n") {
				t.Errorf("%s: the manual page lacks the section %s", c.Name, section)
			}
		}
		if usesDatabase(c.Name) != strings.Contains(page, ".SH ENVIRONMENT\n.TP\n.B CERTKDB_DB\n") {
			t.Errorf("%s: the environment of its page", c.Name)
		}
	}
	for _, name := range topicNames() {
		if page := shown(pages["certkdb-"+name]); !strings.Contains(page, strings.TrimSpace(topic(name))) {
			t.Errorf("%s: the manual page is not the topic: %s", name, page)
		}
	}
	if n := len(pages); n != len(makers(nil))+len(topicNames())+1 { // and the program, dsmcert, less the hidden one
		t.Errorf("%d pages", n)
	}
	if _, about := topic("nosuch"), topicTitle("exit-codes"); about != "exit codes" {
		t.Errorf("the title %q", about)
	}
}

// TestManualTable_hasEveryName: the tables of help become lists, whose texts may go on below.
func TestManualTable_hasEveryName(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	manualTable(&b, "FILES", "Files\n  a/b   one\n        two\n  c  three\n")
	if got, want := b.String(), ".SH FILES\n.TP\n.B a/b\none\ntwo\n.TP\n.B c\nthree\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	for _, text := range []string{helpEnvironment, helpFiles} {
		var names []string
		for line := range strings.Lines(text) {
			if strings.HasPrefix(line, "  ") && line[2] != ' ' {
				names = append(names, strings.Fields(line)[0])
			}
		}
		var b strings.Builder
		manualTable(&b, "X", text)
		for _, name := range names {
			if !strings.Contains(shown(b.String()), ".B "+name) {
				t.Errorf("the list lacks %s", name)
			}
		}
		if slices.Contains(names, "") || len(names) < 5 {
			t.Errorf("names %q", names)
		}
	}
}
