package native

import (
	"fmt"
	"io"

	"github.com/urfave/cli/v2"

	"certkdb/commands/op"
	"certkdb/commands/op/databases"
)

func recoverCommand(env *op.Env) *cli.Command {
	var o databases.Recover
	return &cli.Command{
		Name: "recover", Category: groupDatabase, Usage: "copy what can still be read of a damaged native database",
		ArgsUsage: "[FILE]",
		Description: "Finds the records of a damaged file on its pages, even if the structure around them is lost, verifies each of them,\n" +
			"and copies them into a new database with the same key slots: what opened the damaged one opens the\n" +
			"new one. A stash is copied along.\n" +
			"The damaged file is not changed. What is lost, or could only be copied in part, is listed, and the exit code is 12 then.\n" +
			"Entries that had been deleted do not come back; what the database does not vouch for loses its trust mark and is listed.\n\n" +
			examples("certkdb recover key.ckdb --to new.ckdb", "certkdb recover --db key.ckdb --to new.ckdb --dry-run --json"),
		Flags: append(changeFlags(), &cli.StringFlag{Name: "to", Usage: "the new database: a `FILE` that does not exist", Destination: &o.To}),
		Action: action(env, "recover", func(c *cli.Context, args []string) (done databases.Recovered, err error) {
			if o.From, err = database(c, env); err != nil {
				return done, err
			}
			if len(args) > 0 {
				o.From.Location = args[0]
			}
			return o.Run(c.Context, env, c.Bool(flagDryRun))
		}, printRecovered),
	}
}

func printRecovered(w io.Writer, done databases.Recovered) {
	of := ""
	if done.Expected != nil {
		of = fmt.Sprintf(" of %d", *done.Expected)
	}
	proof := "as they last were"
	if !done.Verified {
		proof = "each is genuine, but some may have been changed or removed later"
	}
	fmt.Fprintf(w, "recovered %d%s entries into %q: %s\n", done.Entries, of, done.To, proof)
	for _, list := range []struct {
		what  string
		parts []databases.Problem
	}{{"missing", done.Missing}, {"altered", done.Altered}, {"left out", done.LeftOut}} {
		for _, p := range list.parts {
			fmt.Fprintf(w, "%s: %s: %s\n", list.what, p.Where, p.What)
		}
	}
}
