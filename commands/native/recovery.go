package native

import (
	"errors"
	"fmt"
	"io"

	"github.com/urfave/cli/v2"

	"certkdb/commands/op"
	"certkdb/commands/op/databases"
	"certkdb/kdb"
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

func backupCommand(env *op.Env) *cli.Command {
	var o databases.Backup
	return &cli.Command{
		Name: "backup", Category: groupDatabase, Usage: "write a copy of the database to a file", ArgsUsage: "FILE",
		Description: "The copy is encrypted like the database, and opens with the same passwords. --with-stash makes a stash for the copy,\n" +
			"--password-out writes a new random password to a file: both open the copy alone, and are worth as much as the keys in it.\n" +
			"The copy is opened before the command reports success, so it needs the database's stash or password.\n" +
			"Put a copy back with: certkdb restore FILE.\n\n" + examples(
			"certkdb backup /backup/key-2026-11-22.ckdb", "certkdb backup /backup/key.ckdb --with-stash",
			"certkdb backup /backup/key.ckdb --force --password-out /root/key-backup.pw",
		),
		Flags: append(changeFlags(), append(copyFlags(&o.Out),
			&cli.BoolFlag{Name: "with-stash", Usage: "make a stash for the copy, next to it", Destination: &o.WithStash},
			&cli.StringFlag{
				Name: "password-out", Usage: "write a random password that opens the copy to `FILE` (mode 0600)", Destination: &o.PasswordOut,
			})...),
		Action: act(env, "backup", func(_ *cli.Context, args []string) (op.Act[databases.BackupDone], error) {
			o.Out.Path = args[0]
			return o, nil
		}, printBackup),
	}
}

// copyFlags are those of an output file that an argument names.
func copyFlags(out *op.Output) []cli.Flag { return outputFlags(out, "")[1:] }

func printBackup(w io.Writer, done databases.BackupDone) {
	if done.Unchanged {
		fmt.Fprintf(w, "unchanged: %q is a copy of the database already\n", done.To)
	} else {
		fmt.Fprintf(w, "wrote %d bytes to %q\n", done.Size, done.To)
	}
	for _, o := range done.OpensWith {
		switch {
		case o.Move != "":
			fmt.Fprintf(w, "it opens with the stash %q, if that is copied to %q\n", o.File, o.Move)
		case o.Kind == "stash":
			fmt.Fprintf(w, "it opens with the stash %q\n", o.File)
		case o.File != "":
			fmt.Fprintf(w, "it opens with the password in %q\n", o.File)
		default:
			fmt.Fprintf(w, "it opens with the password of key slot %q\n", o.Slot)
		}
	}
	if len(done.OpensWith) > 0 && !done.Portable() {
		fmt.Fprintln(w, "keep a copy of that stash, or make the backup with --with-stash or --password-out FILE")
	}
}

func restoreCommand(env *op.Env) *cli.Command {
	var o databases.Restore
	return &cli.Command{
		Name: "restore", Category: groupDatabase, Usage: "put a backup in the place of the database", ArgsUsage: "FILE",
		Description: "FILE was made by certkdb backup. It is verified completely, then takes the place of the database that --db names, all\n" +
			"or nothing. The password is that of the backup; a stash next to it is used too, or that of the database.\n\n" +
			"A database that has changes which the backup lacks, another one, and one that is damaged are replaced only with --force.\n" +
			"The output says what is lost. The stash of the database stays where it is. If there is none, that of the backup is copied.\n" +
			"The next revocation lists of CAs get numbers above all that may have been issued since the backup.\n\n" + examples(
			"certkdb restore /backup/key-2026-11-22.ckdb", "certkdb restore /backup/key.ckdb --password file:/root/key-backup.pw",
			"certkdb restore /backup/key.ckdb --db /etc/app/key.ckdb --dry-run",
		),
		Flags: append(changeFlags(), &cli.BoolFlag{
			Name: "force", Usage: "replace the database even if it has what the backup lacks", Destination: &o.Force,
		}),
		Action: action(env, "restore", func(c *cli.Context, args []string) (done databases.Restored, err error) {
			if o.To, err = database(c, env); err != nil {
				return done, err
			}
			o.From = args[0]
			done, err = o.Run(c.Context, env, c.Bool(flagDryRun))
			if p, ok := errors.AsType[*op.Problem](err); ok && p.Code == op.NoPassword {
				err = withHint(err, fmt.Sprintf("give the password that opened the backup with --password SRC, or put a copy of its stash into %s",
					op.Quote(o.From+".stash")))
			}
			return done, err
		}, printRestored),
	}
}

func printRestored(w io.Writer, done databases.Restored) {
	if done.Unchanged {
		fmt.Fprintf(w, "unchanged: %q has everything that is in %q\n", done.Location, done.From)
	} else {
		fmt.Fprintf(w, "restored %q from %q, entries: %d\n", done.Location, done.From, done.Entries)
	}
	switch l := done.Lost; {
	case l == nil:
	case l.What == databases.LostDatabase:
		fmt.Fprintln(w, "lost: the database that was there, which was another one")
	case l.What == databases.LostUnknown:
		fmt.Fprintln(w, "lost: what the database had that the backup lacks; it could not be read")
	case l.Changes == 1:
		fmt.Fprintf(w, "lost: 1 change, %s\n", kdb.Change(*l.First))
	default:
		fmt.Fprintf(w, "lost: %d changes, from %s to %s\n", l.Changes, kdb.Change(*l.First), kdb.Change(*l.Last))
	}
	if done.Lost != nil {
		fmt.Fprintln(w, "if a CA revoked something since, that is valid again; take over its last list: certkdb issued --ca CA --take-over FILE")
	}
	switch {
	case done.CopiedStash:
		fmt.Fprintf(w, "copied the stash of the backup to %q\n", done.Stash)
	case done.Stash != "":
		fmt.Fprintf(w, "its stash %q opens it\n", done.Stash)
	case done.UselessStash != "" && done.BackupStash != "":
		fmt.Fprintf(w, "its stash %q does not open it; replace it with that of the backup: cp %s %s\n", done.UselessStash,
			op.Quote(done.BackupStash), op.Quote(done.UselessStash))
	case done.UselessStash != "":
		fmt.Fprintf(w, "its stash %q does not open it; replace it with: certkdb stash create --db %s\n", done.UselessStash,
			op.Quote(done.Location))
	}
}

// lossHint says what to do about a database that a backup would replace.
func lossHint(e *kdb.WouldLose) string {
	if e.Loss == kdb.LossUnreadable {
		return fmt.Sprintf("first copy what can still be read with: certkdb recover %s --to NEW.ckdb; then replace it with --force",
			op.Quote(e.Location))
	}
	return "replace it with --force; what it has is lost then, so make a backup of it first with: certkdb backup FILE --db " +
		op.Quote(e.Location)
}
