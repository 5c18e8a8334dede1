package commands

import (
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/urfave/cli/v2"

	"certkdb/commands/op"
)

func passwdCommand(env *op.Env) *cli.Command {
	var o op.Passwd
	return &cli.Command{
		Name: "passwd", Category: groupDatabase, Usage: "change the database's password",
		Description: "The old password, or the stash, opens the database; the new one is tried once before the old one goes. Stashes go on\n" +
			"opening the database: they hold no password.\n\n" +
			examples("certkdb passwd", "certkdb passwd --password file:old.pw --new-password file:new.pw", "certkdb passwd --generate-password --password-out new.pw"),
		Flags: newPasswordFlags(&o.NewPassword),
		Action: func(c *cli.Context) error {
			if _, err := exactly(c); err != nil {
				return err
			}
			o.DB = database(c)
			done, err := o.Run(c.Context, env)
			if err != nil {
				return err
			}
			return emit(c, env, "passwd", done, func(w io.Writer) { fmt.Fprintf(w, "changed the password of %q\n", done.Location) })
		},
	}
}

func slotsCommand(env *op.Env) *cli.Command {
	return &cli.Command{
		Name: "slots", Category: groupDatabase, Usage: "manage the key slots, each of which opens the database",
		Description: examples("certkdb slots list", "certkdb slots add --new-password file:second.pw", "certkdb slots remove 2"),
		Subcommands: []*cli.Command{slotsListCommand(env), slotsAddCommand(env), slotsRemoveCommand(env)},
	}
}

func slotsListCommand(env *op.Env) *cli.Command {
	return &cli.Command{
		Name: "list", Usage: "list the key slots; needs no password",
		Description: examples("certkdb slots list --json"),
		Action: func(c *cli.Context) error {
			if _, err := exactly(c); err != nil {
				return err
			}
			listed, err := op.ListSlots{DB: database(c)}.Run(c.Context, env)
			if err != nil {
				return err
			}
			return emit(c, env, "slots", listed, func(w io.Writer) { printSlots(w, listed.Slots) })
		},
	}
}

func printSlots(w io.Writer, slots []op.Slot) {
	t := newTable(w)
	t.row("SLOT", "KIND", "CREATED", "KEY DERIVATION")
	for _, s := range slots {
		t.row(strconv.Itoa(s.ID), s.Kind, s.Created.Format(time.RFC3339), s.KDF)
	}
	t.flush()
}

func slotsAddCommand(env *op.Env) *cli.Command {
	var o op.AddSlot
	return &cli.Command{
		Name: "add", Usage: "add a password that opens the database too",
		Description: examples("certkdb slots add --new-password file:second.pw"),
		Flags:       newPasswordFlags(&o.NewPassword),
		Action: func(c *cli.Context) error {
			if _, err := exactly(c); err != nil {
				return err
			}
			o.DB = database(c)
			slot, err := o.Run(c.Context, env)
			if err != nil {
				return err
			}
			return emit(c, env, "slots", slot, func(w io.Writer) { fmt.Fprintf(w, "added slot %d\n", slot.ID) })
		},
	}
}

func slotsRemoveCommand(env *op.Env) *cli.Command {
	return &cli.Command{
		Name: "remove", Usage: "remove a key slot: what opened it opens the database no more", ArgsUsage: "SLOT",
		Description: examples("certkdb slots remove 2"),
		Action: func(c *cli.Context) error {
			args, err := exactly(c, "SLOT")
			if err != nil {
				return err
			}
			id, err := strconv.Atoi(args[0])
			if err != nil {
				return usage(c, "%q is no number of a slot", args[0])
			}
			removed, err := op.RemoveSlot{DB: database(c), ID: id}.Run(c.Context, env)
			if err != nil {
				return err
			}
			return emit(c, env, "slots", removed, func(w io.Writer) { fmt.Fprintf(w, "removed slot %d\n", removed.ID) })
		},
	}
}

func stashCommand(env *op.Env) *cli.Command {
	return &cli.Command{
		Name: "stash", Category: groupDatabase, Usage: "keep a key beside the database, so that commands run unattended",
		Description: "The stash is a random key in a file that only its owner may read. It reveals no password, and removing it revokes it:\n" +
			"a stolen copy opens nothing any more.\n\n" + examples("certkdb stash create", "certkdb stash remove"),
		Subcommands: []*cli.Command{
			stashSubcommand(env, "create", "make a stash beside the database", func(c *cli.Context) (op.StashDone, error) {
				return op.CreateStash{DB: database(c)}.Run(c.Context, env)
			}),
			stashSubcommand(env, "remove", "remove the stash and its key slot", func(c *cli.Context) (op.StashDone, error) {
				return op.RemoveStash{DB: database(c)}.Run(c.Context, env)
			}),
		},
	}
}

func stashSubcommand(env *op.Env, name, about string, run func(*cli.Context) (op.StashDone, error)) *cli.Command {
	return &cli.Command{
		Name: name, Usage: about,
		Description: examples("certkdb stash " + name + " --db /etc/app/key.ckdb"),
		Action: func(c *cli.Context) error {
			if _, err := exactly(c); err != nil {
				return err
			}
			done, err := run(c)
			if err != nil {
				return err
			}
			return emit(c, env, "stash", done, func(w io.Writer) { fmt.Fprintf(w, "%s stash %q\n", done.Action, done.Path) })
		},
	}
}

func rekeyCommand(env *op.Env) *cli.Command {
	var o op.Rekey
	return &cli.Command{
		Name: "rekey", Category: groupDatabase, Usage: "encrypt the whole database under a new master key",
		Description: "For when somebody may have had the master key: who had it, a removed slot or a stolen stash and old copies of the file,\n" +
			"cannot read what is written from now on. The password in use and the stash beside the database go on working; other\n" +
			"slots cannot be carried over and make it fail, unless --drop-slots is given.\n\n" +
			examples("certkdb rekey", "certkdb rekey --password prompt --drop-slots"),
		Flags: []cli.Flag{&cli.BoolFlag{Name: "drop-slots", Usage: "remove the slots that cannot be carried over", Destination: &o.DropSlots}},
		Action: func(c *cli.Context) error {
			if _, err := exactly(c); err != nil {
				return err
			}
			o.DB = database(c)
			done, err := o.Run(c.Context, env)
			if err != nil {
				return err
			}
			return emit(c, env, "rekey", done, func(w io.Writer) {
				fmt.Fprintf(w, "encrypted %q under a new key\n", done.Location)
			})
		},
	}
}

func compactCommand(env *op.Env) *cli.Command {
	return &cli.Command{
		Name: "compact", Category: groupDatabase, Usage: "rewrite the file without the space of deleted records",
		Description: "Deleted and replaced records stay in free pages of the file, sealed, until then.\n\n" + examples("certkdb compact"),
		Action: func(c *cli.Context) error {
			if _, err := exactly(c); err != nil {
				return err
			}
			done, err := op.Compact{DB: database(c)}.Run(c.Context, env)
			if err != nil {
				return err
			}
			return emit(c, env, "compact", done, func(w io.Writer) { fmt.Fprintf(w, "%d bytes before, %d bytes now\n", done.Before, done.After) })
		},
	}
}

func backupCommand(env *op.Env) *cli.Command {
	return &cli.Command{
		Name: "backup", Category: groupDatabase, Usage: "write a consistent copy of the database to a new file", ArgsUsage: "FILE",
		Description: "The copy is sealed as the original is and opens with the same passwords; the stash is not copied.\n\n" + examples("certkdb backup /backup/key-2026-11-22.ckdb"),
		Action: func(c *cli.Context) error {
			args, err := exactly(c, "FILE")
			if err != nil {
				return err
			}
			done, err := op.Backup{DB: database(c), To: args[0]}.Run(c.Context, env)
			if err != nil {
				return err
			}
			return emit(c, env, "backup", done, func(w io.Writer) { fmt.Fprintf(w, "wrote %d bytes to %q\n", done.Size, done.To) })
		},
	}
}

func logCommand(env *op.Env) *cli.Command {
	var o op.Log
	return &cli.Command{
		Name: "log", Category: groupDatabase, Usage: "show the audit log: who changed or exported what, and when",
		Description: examples("certkdb log", "certkdb log --after 120", "certkdb log -o jsonl"),
		Flags:       []cli.Flag{&cli.Uint64Flag{Name: "after", Usage: "only records behind number `N`", Destination: &o.After}},
		Action: func(c *cli.Context) error {
			if _, err := exactly(c); err != nil {
				return err
			}
			format, err := outputFormat(c, formatJSONL)
			if err != nil {
				return err
			}
			o.DB = database(c)
			return printLog(c, env, o, format)
		},
	}
}
