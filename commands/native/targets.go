package native

import (
	"encoding/csv"
	"fmt"
	"io"
	"time"

	"github.com/urfave/cli/v2"

	"certkdb/commands/native/terminal"
	"certkdb/commands/op"
	"certkdb/commands/op/sessions"
)

// connectIn is the action of connect: the formats that have a line for each server, and those of all commands.
func connectIn(env *op.Env, run func(*cli.Context, []string) (sessions.Connected, error)) cli.ActionFunc {
	common := action(env, "connect", run, printConnected)
	return func(c *cli.Context) error {
		format, err := outputFormat(c)
		if err != nil {
			return err
		}
		if format == formatTable || format == formatJSON {
			return common(c)
		}
		connected, err := run(c, c.Args().Slice())
		if err != nil {
			return err
		}
		w := terminal.NewWriter(env.Stdout)
		if err := printTargets(w, connected.Targets, format); ifRead(err) != nil {
			return err
		}
		return detailed(c, connected.HasChanged(), connected.Incomplete())
	}
}

// printTargets prints a line for each server, as names of those that are not in order only.
func printTargets(w io.Writer, targets []*sessions.Result, format string) error {
	switch format {
	case formatCSV:
		return csvTargets(w, targets)
	case formatName:
		for _, r := range targets {
			if r.Status != sessions.StatusOK && r.Status != sessions.StatusWarning {
				if _, err := fmt.Fprintln(w, op.Printable(r.Address)); err != nil {
					return err
				}
			}
		}
		return nil
	}
	for _, r := range targets {
		if err := jsonLine(w, r); err != nil {
			return err
		}
	}
	return nil
}

func csvTargets(w io.Writer, targets []*sessions.Result) error {
	writer := csv.NewWriter(w)
	_ = writer.Write([]string{ // errors come out of Error
		"address", "server_name", "starttls", "status", "code", "cause", "remedy", "protocol", "cipher_suite", "key_exchange", "not_after",
		"sha256", "trusted_by",
	})
	for _, r := range targets {
		var first sessions.Finding
		if len(r.Findings) > 0 {
			first = r.Findings[0]
		}
		notAfter, fingerprint := "", ""
		if len(r.Chain) > 0 {
			fingerprint = r.Chain[0].SHA256
			if r.Chain[0].NotAfter != nil {
				notAfter = r.Chain[0].NotAfter.Format(time.RFC3339)
			}
		}
		row := []string{
			r.Address, r.ServerName, string(r.StartTLS), string(r.Status), first.Code, first.Cause, first.Remedy, r.Protocol, r.CipherSuite,
			r.KeyExchange, notAfter, fingerprint, r.TrustedBy,
		}
		_ = writer.Write(terminal.Cells(row...))
	}
	writer.Flush()
	return writer.Error()
}
