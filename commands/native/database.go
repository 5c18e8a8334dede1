package native

import (
	"fmt"
	"io"
	"time"

	"github.com/urfave/cli/v2"

	"certkdb/commands/native/terminal"
	"certkdb/commands/op"
	"certkdb/commands/op/databases"
	"certkdb/kdb"
)

func newPasswordFlags(env *op.Env, n *op.NewPassword) []cli.Flag {
	return append(changeFlags(),
		passwordFlag(env, &n.Password, op.FieldNewPassword, "where the new password comes from"),
		&cli.BoolFlag{Name: "generate-password", Usage: "make a random password", Destination: &n.Generate},
		&cli.StringFlag{Name: "password-out", Usage: "write a generated password to `FILE` (mode 0600)", Destination: &n.OutFile},
	)
}

func initCommand(env *op.Env) *cli.Command {
	var o databases.Init
	return &cli.Command{
		Name: "init", Category: groupDatabase, Usage: "create a new, empty database",
		Description: "Creates a database and never overwrites one. With --ensure, a database of that kind that the password or stash opens is\n" +
			"left alone. The password comes from --password SRC, or is generated.\n" +
			"With --stash a random key is kept in a file next to the database, so that commands run unattended. A native database with a stash\n" +
			"needs no password: --generate-password without --password-out makes none.\n\n" +
			examples("certkdb init", "certkdb init --generate-password --stash --ensure",
				"certkdb init --db /etc/app/key.ckdb --password file:/run/secrets/kdb --stash",
				"certkdb init --db trust.p12 --password env:P12_PASSWORD", "certkdb init --db roots.pem"),
		Flags: append(newPasswordFlags(env, &o.NewPassword),
			&cli.BoolFlag{Name: "stash", Usage: "keep a stash next to the database", Destination: &o.Stash},
			&cli.BoolFlag{
				Name: "ensure", Usage: "do nothing if the database is there already, and opens; make a stash that is missing", Destination: &o.Ensure,
			},
			&cli.StringFlag{
				Name: "type", Usage: "`KIND` of database: ckdb, cms, pkcs12, jks, pem or pkcs7; default: by the file's extension", Destination: &o.Type,
			},
			profileFlag(&o.Profile),
		),
		Action: action(env, "init", func(c *cli.Context, _ []string) (created databases.Created, err error) {
			if o.DB, err = database(c, env); err != nil {
				return created, err
			}
			if !o.NewPassword.Given() { // --password names the new database's password too
				o.NewPassword.Source = o.DB.Password.Source
			}
			if c.Bool(flagDryRun) {
				return o.Plan(c.Context, env)
			}
			s, created, err := o.Run(c.Context, env)
			if err != nil {
				return created, err
			}
			return created, s.Close()
		}, printCreated),
	}
}

func printCreated(w io.Writer, created databases.Created) {
	if created.Unchanged {
		fmt.Fprintf(w, "unchanged: %q is a %s database\n", created.Location, created.Format)
		return
	}
	if created.Exists() {
		fmt.Fprintf(w, "%q is a %s database without a stash\n", created.Location, created.Format)
	} else {
		fmt.Fprintf(w, "created %s database %q\n", created.Format, created.Location)
	}
	if created.Stash != "" {
		fmt.Fprintf(w, "stashed its key in %q\n", created.Stash)
	}
	if created.PasswordFile != "" {
		fmt.Fprintf(w, "wrote its password to %q\n", created.PasswordFile)
	}
}

func infoCommand(env *op.Env) *cli.Command {
	return &cli.Command{
		Name: "info", Category: groupDatabase, Usage: "show what kind a database is and how it is protected; needs no password",
		Description: examples("certkdb info", "certkdb info --db server.p12 --json", "certkdb info --db server.pem"),
		Action: read(env, "info", func(c *cli.Context, s *op.Session, _ []string) (databases.DatabaseInfo, error) {
			return databases.Info{}.Run(c.Context, s)
		}, printInfo),
	}
}

func printInfo(w io.Writer, info databases.DatabaseInfo) {
	t := terminal.NewDetails(w)
	t.Row("location", info.Location)
	t.Row("format", info.Format+" "+info.Version)
	if info.ID != "" {
		t.Row("id", info.ID)
	}
	if info.Created != nil {
		t.Row("created", info.Created.Format(time.RFC3339))
	}
	if info.Entries != nil {
		t.Row("entries", fmt.Sprint(*info.Entries))
	} else {
		t.Row("entries", "unknown without the password")
	}
	if info.Size > 0 {
		t.Row("size", fmt.Sprintf("%d bytes", info.Size))
	}
	for _, s := range info.Slots {
		t.Row(fmt.Sprintf("slot %d", s.ID), fmt.Sprintf("%s, %s, %s, since %s", s.Name, s.Kind, s.KDF, s.Created.Format(time.DateOnly)))
	}
	for _, f := range info.Facts {
		value := f.Value
		if f.Name == "advice" {
			value += ": certkdb copy --all --db " + op.Quote(info.Location) + " --to key.ckdb"
		}
		if f.Title == kdb.FactForJava {
			value += ": " + seenByJava(info.Location)
		}
		if f.Weak {
			value += " (weak)"
		}
		t.Row(f.Title, value)
	}
	t.Row("FIPS 140-3", map[bool]string{true: "module on", false: "module off"}[info.FIPS])
	t.Flush()
}

func checkCommand(env *op.Env) *cli.Command {
	var o databases.Check
	return &cli.Command{
		Name: "check", Category: groupDatabase, Usage: "verify everything in a database and report problems",
		Description: "Opens every record, recomputes the digest over all of them, compares keys with certificates and follows the\n" +
			"audit log's chain. Exits with 12 when something is damaged, and with 5 when a key needs another password.\n\n" +
			"certkdb remembers the newest state of each native database that you change, in $XDG_STATE_HOME/certkdb, else in\n" +
			"~/.local/state/certkdb (root: /var/lib/certkdb). If an older copy takes its place, every command warns, and those that issue or\n" +
			"revoke certificates refuse it, until you accept the older state.\n\n" + examples(
			"certkdb check", "certkdb check --db key.ckdb --json", "certkdb check --accept-rollback",
		),
		Flags: []cli.Flag{&cli.BoolFlag{
			Name: "accept-rollback", Usage: "go on with an older state of the database that was put back", Destination: &o.AcceptRollback,
		}},
		Action: func(c *cli.Context) error {
			if _, err := arguments(c); err != nil {
				return err
			}
			s, err := openDatabase(c, env)
			if err != nil {
				return databases.Unsound(err)
			}
			defer s.Close()
			checked, failed := o.Run(c.Context, s)
			if failed != nil && len(checked.Problems) == 0 && checked.RolledBack == nil {
				return failed
			}
			err = emit(c, env, "check", checked, func(w io.Writer) { printChecked(w, checked) })
			if failed != nil {
				return failed
			}
			return err
		},
	}
}

// seenByJava are the commands after which Java sees the certificates of a PKCS #12 file.
func seenByJava(location string) string {
	at := op.Quote(location)
	return "certkdb trust LABEL --db " + at + ", or certkdb copy --trusted --db " + at + " --to NEW.p12"
}

func printChecked(w io.Writer, checked databases.Checked) {
	for _, p := range checked.Problems {
		fmt.Fprintf(w, "%s: %s\n", p.Where, p.What)
	}
	for _, p := range checked.Notes {
		fmt.Fprintf(w, "note: %s: %s\n", p.Where, p.What)
		if p.Where == kdb.FactForJava {
			fmt.Fprintf(w, "      %s\n", seenByJava(checked.Location))
		}
	}
	if r := checked.RolledBack; r != nil && checked.Accepted {
		fmt.Fprintf(w, "accepted the older state: %d changes, where %d were known\n", r.Found, r.Seen)
	}
	if checked.OK {
		fmt.Fprintf(w, "%q is sound\n", checked.Location)
	}
}

func compactCommand(env *op.Env) *cli.Command {
	return &cli.Command{
		Name: "compact", Category: groupDatabase, Usage: "rewrite the file to free the space of deleted records",
		Description: "Removed key slots and private keys are overwritten at once. Other deleted and replaced records stay in the file,\n" +
			"encrypted, in free pages, until you compact it.\n\n" + examples("certkdb compact"),
		Flags: changeFlags(),
		Action: act(env, "compact", func(*cli.Context, []string) (op.Act[databases.Compacted], error) {
			return databases.Compact{}, nil
		}, func(w io.Writer, done databases.Compacted) {
			if done.After == 0 {
				fmt.Fprintf(w, "%d bytes would be rewritten\n", done.Before)
				return
			}
			fmt.Fprintf(w, "%d bytes before, %d bytes now\n", done.Before, done.After)
		}),
	}
}
