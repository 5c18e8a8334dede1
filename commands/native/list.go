package native

import (
	"bufio"
	"cmp"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"certkdb/commands/native/terminal"
	"certkdb/commands/op"
	"certkdb/commands/op/databases"
	"certkdb/commands/op/inspect"
	"certkdb/kdb"
)

func listCommand(env *op.Env) *cli.Command {
	o := listing{}
	return &cli.Command{
		Name: "list", Aliases: []string{"ls"}, Category: groupEntries, Usage: "list the entries, sorted by label",
		ArgsUsage: "[PATTERN]",
		Description: "Several databases are listed with --db FILE for each, or with a pattern in quotes. Each opens with the first --password\n" +
			"that fits, or with its stash. One that cannot be read is an error, after the others have been listed.\n\n" +
			"The pattern is a shell's: * ? [a-z]. With several filters, entries are shown that fit all of them. On a terminal,\n" +
			"wide columns are cut to its width, what has expired is red, and what expires within 30 days is yellow.\n\n" +
			"The output is streamed: memory use does not grow with the number of entries, unless you sort them.\n" +
			"-o pem leaves distrusted certificates out, unless you name one or ask for --kind distrusted.\n" +
			"In JSON they have the kind trusted, which means a certificate without a key, and trusted is false.\n\n" +
			examples(
				"certkdb list", "certkdb list 'corp-*' -o wide", "certkdb list --expiring 30d --json", "certkdb list --expiring 30d --check",
				"certkdb list --db '/etc/app/*.p12' --db trust.jks --password file:1.pw --password file:2.pw --expiring 60d --check",
				"certkdb list --sort not_after --columns label,not_after,days_left,sans", "certkdb list --issuer 'Example Root' --san example.com",
				"certkdb list --db /etc/ssl/certs/ca-certificates.crt --expiring 90d", "certkdb list --kind personal -o name",
				"certkdb list --trusted -o pem > bundle.pem", "certkdb list --db key.kdb --kind personal --expiring 60d",
				"certkdb list --db key.kdb --kind trusted --expiring 60d --check",
			),
		Flags:  o.flags(),
		Action: func(c *cli.Context) error { return o.run(c, env) },
	}
}

// listing are the options of list.
type listing struct {
	inspect.List
	expiring string
	check    bool
}

func (o *listing) flags() []cli.Flag {
	return slices.Concat([]cli.Flag{
		&cli.StringFlag{Name: "kind", Usage: "only entries of `KIND`: trusted, distrusted, personal, request, secret-key", Destination: &o.Kind},
		&cli.BoolFlag{Name: "trusted", Usage: "only what is trusted, personal certificates included", Destination: &o.Trusted},
		&cli.BoolFlag{Name: "expired", Usage: "only what has expired, chains included", Destination: &o.Expired},
		&cli.StringFlag{
			Name: "expiring", Usage: "only what expires within a `TIME` such as 30d, or has expired, chains included", Destination: &o.expiring,
		},
	}, filterFlags(&o.Filter), []cli.Flag{
		&cli.StringFlag{
			Name: "sort", Usage: "by this `COLUMN`, such as not_after or subject; with a hyphen before its name, in reverse", Destination: &o.Sort,
		},
		columnsFlag(),
		&cli.BoolFlag{Name: "check", Usage: "with --expired or --expiring: exit with 9 if there is any such certificate", Destination: &o.check},
		&cli.BoolFlag{Name: "with-pem", Usage: "add the certificates to JSON", Destination: &o.WithPEM},
	})
}

// filterFlags are the options that choose entries by what is in them.
func filterFlags(f *inspect.Filter) []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "subject", Usage: "only those with this `TEXT` in their subject, in upper or lower case", Destination: &f.Subject},
		&cli.StringFlag{Name: "issuer", Usage: "only those with this `TEXT` in their issuer's name", Destination: &f.Issuer},
		&cli.StringFlag{Name: "san", Usage: "only those with this `TEXT` in a subject alternative name", Destination: &f.SAN},
		&cli.StringFlag{Name: "serial", Usage: "only those with this serial `NUMBER`, hexadecimal", Destination: &f.Serial},
		&cli.StringFlag{
			Name: "fingerprint", Usage: "only those whose fingerprint, SHA-256 or SHA-1, begins with these `DIGITS`", Destination: &f.Fingerprint,
		},
		&cli.StringFlag{
			Name: "key", Usage: "only those with the key in this `FILE` (a key, certificate or request), or whose key's SHA-256 begins like this",
			Destination: &f.Key,
		},
	}
}

func (o *listing) run(c *cli.Context, env *op.Env) error {
	_, err := arguments(c)
	if err != nil {
		return err
	}
	o.Pattern = c.Args().First()
	if o.Expiring, err = op.ParseLength(o.expiring); err != nil {
		return err
	}
	format, err := outputFormat(c)
	if err != nil {
		return err
	}
	o.Sort = sortField(o.Sort)
	columns, err := chosen(c, entryColumns())
	switch {
	case err != nil:
		return err
	case columns != nil && format != formatTable && format != formatCSV:
		return usage(c, "--columns is for tables and CSV")
	case o.WithPEM && format != formatJSON && format != formatJSONL:
		return usage(c, "--with-pem needs --json or --output jsonl")
	case o.check && o.Expiring == 0 && !o.Expired:
		return usage(c, "--check needs --expired or --expiring TIME")
	}
	out := env.Stdout
	if o.check { // the exit code counts even if nothing reads the list
		out = patient{out}
	}
	n, err := list(c, env, out, o.List, format, columns)
	if err == nil && n == 0 {
		err = notAFile(c, o.Pattern)
	}
	if err == nil && o.check && n > 0 {
		err = fmt.Errorf("%w: %d", op.ErrExpired, n)
	}
	return err
}

// list prints the entries and counts them.
func list(c *cli.Context, env *op.Env, out io.Writer, o inspect.List, format string, columns []column[*op.Entry]) (n int, err error) {
	o.Bundle, o.LabelsOnly = format == formatPEM, format == formatName
	o.WithPEM = o.WithPEM || o.Bundle
	w := bufio.NewWriterSize(out, 64<<10)
	all := expanded(allOf(c, flagDB))
	if len(all) > 1 && columns == nil {
		columns = columnsNamed(entryColumns(), "location "+standardColumns(format))
	}
	l := stores{c: c, env: env, locations: all, print: listPrinter(w, env, format, columns)}
	if err = l.listAll(o); err != nil {
		return l.found, err
	}
	if err = l.print.end(len(l.unverified) > 0); err == nil {
		err = w.Flush()
	}
	return l.found, cmp.Or(err, l.end())
}

// notAFile refuses a pattern that no label matches and that is the name of a file: it was meant to be listed.
func notAFile(c *cli.Context, pattern string) error {
	if info, err := os.Stat(pattern); pattern == "" || err != nil || info.IsDir() {
		return nil
	}
	err := usage(c, "no label matches %q, which is a file", pattern)
	return withHint(err, "list what is in it with: certkdb list --db "+op.Quote(pattern)+"; what is in several files with: --db 'PATTERN'")
}

// warnOfDamage says what is in a file of another program and cannot be shown or copied, so that nobody takes the result for all that there
// is.
func warnOfDamage(c *cli.Context, env *op.Env, s *op.Session, then string) error {
	info, err := databases.Info{}.Run(c.Context, s)
	if err != nil {
		return err
	}
	for _, what := range info.Damaged {
		if env.Warn != nil {
			env.Warn(withHint(op.Classify(fmt.Errorf("damaged, %s: %s", then, what), kdb.ErrCorrupt), ""))
		}
	}
	return info.CheckNotEmpty()
}

// patient is a writer that goes on when its output was closed.
type patient struct{ w io.Writer }

func (p patient) Write(data []byte) (int, error) {
	n, err := p.w.Write(data)
	if errors.Is(err, op.ErrOutputClosed) {
		return len(data), nil
	}
	return n, err
}

// entryPrinter prints entries as they come.
type entryPrinter struct {
	print func([]op.Entry) error
	end   func(unverified bool) error
}

func listPrinter(w io.Writer, env *op.Env, format string, columns []column[*op.Entry]) entryPrinter {
	nothing := func(bool) error { return nil }
	switch format {
	case formatJSON:
		return jsonList(w)
	case formatJSONL:
		return entryPrinter{jsonEntries(w, "", "", "\n"), nothing}
	case formatName:
		return entryPrinter{eachEntry(func(e *op.Entry) error {
			_, err := fmt.Fprintln(w, op.Printable(e.Label))
			return err
		}), nothing}
	case formatPEM:
		return entryPrinter{eachEntry(func(e *op.Entry) error {
			_, err := io.WriteString(w, strings.Join(e.PEM, ""))
			return err
		}), nothing}
	case formatCSV:
		if columns == nil {
			columns = columnsNamed(entryColumns(), standardColumns(format))
		}
		return csvList(w, columns)
	}
	if columns == nil {
		columns = columnsNamed(entryColumns(), standardColumns(format))
	}
	return tableList(w, env.Stderr, terminal.ScreenOf(env), columns)
}

// jsonLine writes a value as JSON in a line of its own.
func jsonLine(w io.Writer, v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("writing JSON: %w", err)
	}
	_, err = fmt.Fprintf(w, "%s\n", terminal.EscapeJSON(line))
	return err
}

func eachEntry(print func(*op.Entry) error) func([]op.Entry) error {
	return func(chunk []op.Entry) error {
		for i := range chunk {
			if err := print(&chunk[i]); err != nil {
				return err
			}
		}
		return nil
	}
}

// jsonList prints one object whose list is streamed.
func jsonList(w io.Writer) entryPrinter {
	first := fmt.Sprintf(`{"schema":%q,"entries":[`, schemaName("list"))
	print := jsonEntries(w, first, ",", "")
	return entryPrinter{
		print: func(chunk []op.Entry) error {
			if len(chunk) > 0 {
				first = ""
			}
			return print(chunk)
		},
		end: func(unverified bool) error {
			rest := ""
			if unverified {
				rest = `,"unverified":true`
			}
			_, err := fmt.Fprintf(w, "%s]%s}\n", first, rest)
			return err
		},
	}
}

// jsonEntries prints entries in JSON, each between two texts; another one stands before the first.
func jsonEntries(w io.Writer, first, before, after string) func([]op.Entry) error {
	var line []byte
	return eachEntry(func(e *op.Entry) (err error) {
		line, err = appendEntry(append(line[:0], first...), e)
		if err != nil {
			return err
		}
		first = before
		_, err = w.Write(append(line, after...))
		return err
	})
}

func csvList(w io.Writer, columns []column[*op.Entry]) entryPrinter {
	writer := csv.NewWriter(w)
	_ = writer.Write(columnNames(columns)) // errors come out of Flush
	return entryPrinter{
		print: eachEntry(func(e *op.Entry) error { return writer.Write(values(columns, e)) }),
		end: func(bool) error {
			writer.Flush()
			return writer.Error()
		},
	}
}

// tableRows is how many rows of a list are aligned with each other.
const tableRows = 1000

// tableList prints columns, aligned among so many rows. That there is nothing is no result and goes to notes.
func tableList(w, notes io.Writer, on terminal.Screen, columns []column[*op.Entry]) entryPrinter {
	found := false
	t := terminal.NewTableOn(w, on)
	return entryPrinter{
		print: func(chunk []op.Entry) error {
			if len(chunk) > 0 && !found {
				t.Row(headers(columns)...)
				found = true
			}
			for i := range chunk {
				e := &chunk[i]
				t.Coloured(colourOf(e.Status, e.ExpiresInSeconds), texts(columns, e)...)
			}
			if t.Len() < tableRows {
				return nil
			}
			return t.Flush()
		},
		end: func(bool) error {
			if !found {
				fmt.Fprintln(notes, "no entries")
			}
			return t.Flush()
		},
	}
}
