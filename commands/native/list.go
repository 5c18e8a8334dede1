package native

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"certkdb/commands/op"
	"certkdb/commands/op/inspect"
	"certkdb/kdb"
)

func listCommand(env *op.Env) *cli.Command {
	var o inspect.List
	var expiring string
	var check bool
	return &cli.Command{
		Name: "list", Aliases: []string{"ls"}, Category: groupEntries, Usage: "list the entries, sorted by label",
		ArgsUsage: "[PATTERN]",
		Description: "The pattern is a shell's: * ? [a-z]. The output is streamed: memory use does not grow with the number of entries.\n" +
			"-o pem leaves distrusted certificates out, unless you name one or ask for --kind distrusted.\n\n" +
			examples(
				"certkdb list", "certkdb list 'corp-*' -o wide", "certkdb list --expiring 30d --json", "certkdb list --expiring 30d --check",
				"certkdb list --db /etc/ssl/certs/ca-certificates.crt --expiring 90d", "certkdb list --kind personal -o name",
				"certkdb list --trusted -o pem > bundle.pem", "certkdb list --db key.kdb --kind personal --expiring 60d",
				"certkdb list --db key.kdb --kind trusted --expiring 60d --check",
			),
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "kind", Usage: "only entries of `KIND`: trusted, distrusted, personal, request, secret-key", Destination: &o.Kind},
			&cli.BoolFlag{Name: "trusted", Usage: "only what is trusted, personal certificates included", Destination: &o.Trusted},
			&cli.BoolFlag{Name: "expired", Usage: "only certificates that have expired", Destination: &o.Expired},
			&cli.StringFlag{
				Name: "expiring", Usage: "only certificates that expire within a `TIME` such as 30d, or have expired", Destination: &expiring,
			},
			&cli.BoolFlag{Name: "check", Usage: "with --expired or --expiring: exit with 9 if there is any such certificate", Destination: &check},
			&cli.BoolFlag{Name: "with-pem", Usage: "add the certificates to JSON", Destination: &o.WithPEM},
		},
		Action: func(c *cli.Context) error {
			_, err := arguments(c)
			if err != nil {
				return err
			}
			o.Pattern = c.Args().First()
			if o.Expiring, err = parsePeriod(expiring); err != nil {
				return err
			}
			format, err := outputFormat(c, formatWide, formatJSONL, formatCSV, formatName, formatPEM)
			if err != nil {
				return err
			}
			if o.WithPEM && format != formatJSON && format != formatJSONL {
				return usage(c, "--with-pem needs --json or --output jsonl")
			}
			if check && o.Expiring == 0 && !o.Expired {
				return usage(c, "--check needs --expired or --expiring TIME")
			}
			out := env.Stdout
			if check { // the exit code counts even if nothing reads the list
				out = patient{out}
			}
			n, err := list(c, env, out, o, format)
			if err == nil && check && n > 0 {
				err = fmt.Errorf("%w: %d", op.ErrExpired, n)
			}
			return err
		},
	}
}

// list prints the entries and counts them.
func list(c *cli.Context, env *op.Env, out io.Writer, o inspect.List, format string) (n int, err error) {
	o.Bundle, o.LabelsOnly = format == formatPEM, format == formatName
	o.WithPEM = o.WithPEM || o.Bundle
	w := bufio.NewWriterSize(out, 64<<10)
	p := listPrinter(w, format)
	s, err := openDatabase(c, env)
	if err != nil {
		return 0, err
	}
	defer s.Close()
	err = o.Run(c.Context, s, func(chunk []op.Entry) error {
		n += len(chunk)
		return p.print(chunk)
	})
	if err == nil {
		err = p.end()
	}
	if err != nil {
		return n, err
	}
	return n, w.Flush()
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
	end   func() error
}

func listPrinter(w io.Writer, format string) entryPrinter {
	nothing := func() error { return nil }
	switch format {
	case formatJSON:
		return jsonList(w)
	case formatJSONL:
		return entryPrinter{eachEntry(func(e *op.Entry) error { return jsonLine(w, e) }), nothing}
	case formatName:
		return entryPrinter{eachEntry(func(e *op.Entry) error {
			_, err := fmt.Fprintln(w, printable(e.Label))
			return err
		}), nothing}
	case formatPEM:
		return entryPrinter{eachEntry(func(e *op.Entry) error {
			_, err := io.WriteString(w, strings.Join(e.PEM, ""))
			return err
		}), nothing}
	case formatCSV:
		return csvList(w)
	}
	return tableList(w, format == formatWide)
}

// jsonLine writes a value as JSON in a line of its own.
func jsonLine(w io.Writer, v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("writing JSON: %w", err)
	}
	_, err = fmt.Fprintf(w, "%s\n", escapeJSON(line))
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
	separator := fmt.Sprintf(`{"schema":%q,"entries":[`, schemaName("list"))
	return entryPrinter{
		print: eachEntry(func(e *op.Entry) error {
			data, err := json.Marshal(e)
			if err != nil {
				return fmt.Errorf("writing JSON: %w", err)
			}
			_, err = fmt.Fprintf(w, "%s%s", separator, escapeJSON(data))
			separator = ","
			return err
		}),
		end: func() error {
			if separator == "," {
				separator = ""
			}
			_, err := fmt.Fprintf(w, "%s]}\n", separator)
			return err
		},
	}
}

func csvList(w io.Writer) entryPrinter {
	writer := csv.NewWriter(w)
	header := []string{
		"label", "kind", "trusted", "default", "subject", "issuer", "serial", "not_before", "not_after", "status", "key_type", "ca", "sha256",
	}
	_ = writer.Write(header) // errors come out of Flush
	return entryPrinter{
		print: eachEntry(func(e *op.Entry) error {
			return writer.Write(cells(
				e.Label, e.Kind.String(), strconv.FormatBool(e.Trusted), strconv.FormatBool(e.Default), e.Subject, e.Issuer, e.Serial,
				timeText(e.NotBefore, time.RFC3339), timeText(e.NotAfter, time.RFC3339),
				string(e.Status), e.KeyType, strconv.FormatBool(e.CA), e.Fingerprints.SHA256,
			))
		}),
		end: func() error {
			writer.Flush()
			return writer.Error()
		},
	}
}

// tableList prints columns, aligned within each chunk.
func tableList(w io.Writer, wide bool) entryPrinter {
	found := false
	return entryPrinter{
		print: func(chunk []op.Entry) error {
			t := newTable(w)
			if len(chunk) > 0 && !found {
				t.row(tableHeader(wide)...)
				found = true
			}
			for i := range chunk {
				t.row(tableRow(&chunk[i], wide)...)
			}
			return t.flush()
		},
		end: func() error {
			if found {
				return nil
			}
			_, err := fmt.Fprintln(w, "no entries")
			return err
		},
	}
}

func tableHeader(wide bool) []string {
	header := []string{"LABEL", "KIND", "EXPIRES", "DAYS", "KEY", "STATUS", "SUBJECT"}
	if wide {
		header = append(header, "ISSUER", "SERIAL", "SHA256", "NAMES", "WARNING")
	}
	return header
}

func tableRow(e *op.Entry, wide bool) []string {
	row := []string{
		e.Label, kindText(e), timeText(e.NotAfter, time.DateOnly), daysLeft(e), orDash(e.KeyType), string(e.Status), orDash(e.Subject),
	}
	if wide {
		row = append(row, orDash(e.Issuer), orDash(e.Serial), e.Fingerprints.SHA256, orDash(namesText(e.SANs)), e.Warning)
	}
	return row
}

// kindText is the kind with what is special about the entry.
func kindText(e *op.Entry) string {
	text := e.Kind.String()
	switch {
	case e.Kind == kdb.KindTrusted && !e.Trusted:
		text = "distrusted"
	case e.Kind == kdb.KindPersonal && e.Trusted:
		text += "+trusted"
	}
	if e.Default {
		text += "*"
	}
	return text
}

func timeText(t *time.Time, layout string) string {
	if t == nil {
		return "-"
	}
	return t.Format(layout)
}

func daysLeft(e *op.Entry) string {
	if e.ExpiresInSeconds == nil {
		return "-"
	}
	return strconv.FormatInt(*e.ExpiresInSeconds/(24*60*60), 10)
}

func namesText(s *op.SANs) string {
	if s == nil {
		return ""
	}
	var names []string
	for _, list := range [][]string{s.DNS, s.IP, s.Email, s.URI} {
		names = append(names, list...)
	}
	return strings.Join(names, " ")
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
