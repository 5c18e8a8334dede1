package native

import (
	"bufio"
	"encoding/csv"
	"errors"
	"strconv"
	"time"

	"github.com/urfave/cli/v2"

	"certkdb/commands/native/terminal"
	"certkdb/commands/op"
	"certkdb/commands/op/databases"
)

func logCommand(env *op.Env) *cli.Command {
	var o databases.Log
	return &cli.Command{
		Name: "log", Category: groupDatabase, Usage: "show the audit log: who changed or exported what, and when",
		Description: "The log is verified while it is read. If records were changed, removed or put back, what comes before them is shown,\n" +
			"and the exit code is 12. SLOT is the key slot that opened the database for the operation.\n\n" +
			examples("certkdb log", "certkdb log --last 20", "certkdb log --after 120", "certkdb log -o jsonl"),
		Flags: []cli.Flag{
			&cli.Uint64Flag{Name: "after", Usage: "only records after number `N`", Destination: &o.After},
			&cli.IntFlag{Name: "last", Usage: "only the last `N` records", Destination: &o.Last},
		},
		Action: func(c *cli.Context) error {
			if _, err := arguments(c); err != nil {
				return err
			}
			format, err := outputFormat(c)
			if err != nil {
				return err
			}
			if c.IsSet("last") && o.Last < 1 {
				return usage(c, "--last %d: show at least one record", o.Last)
			}
			s, err := openDatabase(c, env)
			if err != nil {
				return err
			}
			defer s.Close()
			return printLog(c, env, s, o, format)
		},
	}
}

// printLog streams the audit log: a table, one JSON object, or a JSON object a line.
func printLog(c *cli.Context, env *op.Env, s *op.Session, o databases.Log, format string) error {
	w := bufio.NewWriter(env.Stdout)
	var err error
	switch format {
	case formatCSV:
		writer := csv.NewWriter(w)
		_ = writer.Write([]string{"number", "recorded_at", "operation", "label", "sha256", "user", "host", "slot", "slot_name"})
		err = o.Run(c.Context, s, func(records []databases.LogRecord) error {
			for _, r := range records {
				_ = writer.Write(terminal.Cells( // errors come out of Error
					strconv.FormatUint(r.Number, 10), r.Time.Format(time.RFC3339), r.Operation, r.Label, r.SHA256, r.User, r.Host,
					strconv.Itoa(r.Slot), r.SlotName,
				))
			}
			return nil
		})
		writer.Flush()
		err = errors.Join(err, writer.Error())
	case formatJSONL:
		err = o.Run(c.Context, s, func(records []databases.LogRecord) error {
			for _, r := range records {
				if err := jsonLine(w, r); err != nil {
					return err
				}
			}
			return nil
		})
	case formatJSON:
		all := databases.LogRecords{Records: []databases.LogRecord{}}
		err = o.Run(c.Context, s, func(records []databases.LogRecord) error {
			all.Records = append(all.Records, records...)
			return nil
		})
		if err == nil {
			err = printJSON(w, "log", all, false)
		}
	default:
		t := terminal.NewTable(w)
		t.Row("NUMBER", "TIME", "OPERATION", "LABEL", "SHA256", "USER", "HOST", "SLOT")
		err = o.Run(c.Context, s, func(records []databases.LogRecord) error {
			for _, r := range records {
				t.Row(
					strconv.FormatUint(r.Number, 10), r.Time.Format(time.RFC3339), r.Operation, orDash(r.Label), orDash(r.SHA256), orDash(r.User),
					orDash(r.Host), r.SlotName,
				)
			}
			return nil
		})
		err = errors.Join(err, t.Flush())
	}
	return errors.Join(err, w.Flush())
}
