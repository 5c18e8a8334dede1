package native

import (
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"certkdb/commands/native/terminal"
	"certkdb/commands/op"
	"certkdb/commands/op/inspect"
)

func findCommand(env *op.Env) *cli.Command {
	var o inspect.Find
	var in []op.Password
	return &cli.Command{
		Name: "find", Category: groupEntries, Usage: "find entries by any part of what is in them",
		ArgsUsage: "[TEXT|FILE] [DATABASE…]",
		Description: "Looks for the text in labels, subjects, issuers and alternative names, in upper or lower case, and for a number in\n" +
			"serial numbers and at the beginning of fingerprints: those of certificates (SHA-256, SHA-1), of public keys and of the chain.\n" +
			"A file with a key, certificate or request finds the entries that have its key: it answers whether they belong together.\n\n" +
			"Databases are files of any kind that certkdb reads; without one, the database of --db is searched. Each opens with the first\n" +
			"--in-password that fits, or with its stash. Exits with 3 if nothing is found.\n\n" +
			examples(
				"certkdb find www.example.com", "certkdb find 5D:56:49:9B:E4", "certkdb find server.key", "certkdb find server.key server.crt",
				"certkdb find example.com key.ckdb trust.p12 /etc/ssl/certs/ca-certificates.crt", "certkdb find --issuer 'Example Root' *.p12 --json",
			),
		Flags: append(filterFlags(&o.Filter),
			othersPasswordFlag(env, &in)),
		Action: action(env, "find", func(c *cli.Context, _ []string) (inspect.FoundEntries, error) {
			files := c.Args().Slice()
			if !o.Chooses() {
				if len(files) == 0 {
					return inspect.FoundEntries{}, usage(c, "TEXT is missing")
				}
				o.Text, files = files[0], files[1:]
			}
			return find(c, env, &o, in, files)
		}, func(w io.Writer, found inspect.FoundEntries) { printFound(w, found) }),
	}
}

// find searches the files, or the database of the common options.
func find(c *cli.Context, env *op.Env, o *inspect.Find, in []op.Password, files []string) (inspect.FoundEntries, error) {
	found := inspect.FoundEntries{Entries: []inspect.Found{}}
	if err := o.Prepare(c.Context, env); err != nil {
		return found, err
	}
	search := func(s *op.Session, err error) error {
		if err != nil {
			return err
		}
		defer s.Close()
		some, err := o.Run(c.Context, s)
		warnUnverified(env, s)
		found.Entries = append(found.Entries, some...)
		return err
	}
	if len(files) == 0 || c.IsSet(flagDB) {
		if err := search(openDatabase(c, env)); err != nil {
			return found, err
		}
	}
	for _, file := range files {
		if err := search(openOther(c, env, file, in)); err != nil {
			return found, err
		}
	}
	return found, nil
}

func printFound(w io.Writer, found inspect.FoundEntries) {
	t := terminal.NewTable(w)
	if len(found.Entries) > 0 {
		t.Row("DATABASE", "LABEL", "KIND", "EXPIRES", "STATUS", "SUBJECT", "FOUND BY")
	}
	columns := columnsNamed(entryColumns(), "label kind not_after status subject")
	for i := range found.Entries {
		f := &found.Entries[i]
		row := append([]string{f.Location}, texts(columns, &f.Entry)...)
		t.Coloured(colourOf(f.Status, f.ExpiresInSeconds), append(row, strings.Join(f.Matched, ","))...)
	}
	t.Flush()
}

func compareCommand(env *op.Env) *cli.Command {
	var in []op.Password
	var label string
	return &cli.Command{
		Name: "compare", Category: groupEntries, Usage: "say in what two entries, files or databases differ",
		ArgsUsage: "LABEL|FILE [LABEL|FILE]",
		Description: "An argument is a label of the database, or else a file of any kind that certkdb reads: a database, a bundle,\n" +
			"a certificate. One argument is compared with the database itself. Certificates, chains, marks and kinds are compared, private keys\n" +
			"by their public ones. An entry that has only another label is called renamed, and what a file cannot have is no difference.\n" +
			"Databases open with the first --in-password that fits, or with their stashes.\n" +
			"Exits with 0 if both are the same, with 8 if not.\n\n" +
			examples(
				"certkdb compare web /etc/nginx/web.crt", "certkdb compare web web-2026",
				"certkdb compare old.kdb new.ckdb --in-password file:old.pw --in-password file:new.pw",
				"certkdb compare backup.ckdb --json", "certkdb compare a.p12 b.p12 --label web",
			),
		Flags: []cli.Flag{
			othersPasswordFlag(env, &in),
			&cli.StringFlag{Name: "label", Aliases: []string{"l"}, Usage: "compare only the entries with this `LABEL`", Destination: &label},
		},
		Action: action(env, "compare", func(c *cli.Context, args []string) (inspect.Compared, error) {
			var o inspect.Compare
			sides := []*op.Session{nil, nil}
			if len(args) == 1 {
				args = append([]string{""}, args...)
			}
			for i, arg := range args {
				s, entry, err := comparedSide(c, env, arg, in)
				if err != nil {
					return inspect.Compared{}, err
				}
				defer s.Close()
				sides[i], o.Labels[i] = s, entry
				if label != "" && entry == "" {
					o.Labels[i] = label
				}
			}
			compared, err := o.Run(c.Context, sides[0], sides[1])
			for _, s := range sides {
				warnUnverified(env, s)
			}
			return compared, err
		}, printCompared),
	}
}

// comparedSide opens what an argument of compare stands for: the database for "", its entry with the label, or a file.
func comparedSide(c *cli.Context, env *op.Env, arg string, passwords []op.Password) (s *op.Session, label string, err error) {
	if arg == "" {
		s, err = openDatabase(c, env)
		return s, "", err
	}
	db, err := database(c, env)
	if err != nil {
		return nil, "", err
	}
	if inspect.ShowsFile(c.Context, env, db, arg) {
		s, err = openOther(c, env, arg, passwords)
		return s, "", err
	}
	s, err = openDatabase(c, env)
	return s, arg, err
}

func printCompared(w io.Writer, done inspect.Compared) {
	if done.Same {
		fmt.Fprintln(w, "the same")
		return
	}
	name := func(s inspect.Side) string {
		if s.Label != "" {
			return fmt.Sprintf("%q in %s", s.Label, s.Location)
		}
		return s.Location
	}
	fmt.Fprintf(w, "A is %s\nB is %s\n", name(done.A), name(done.B))
	t := terminal.NewTable(w)
	t.Row("LABEL", "DIFFERENCE", "A", "B")
	for _, d := range done.Differences {
		kind := d.Field
		switch d.Kind {
		case "only_a":
			kind = "only in A"
		case "only_b":
			kind = "only in B"
		}
		t.Row(d.Label, strings.ReplaceAll(kind, "_", " "), orDash(d.A), orDash(d.B))
	}
	t.Flush()
	fmt.Fprintf(w, "%d %s the same\n", done.Equal, map[bool]string{true: "entry is", false: "entries are"}[done.Equal == 1])
}
