package native

import (
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/urfave/cli/v2"

	"certkdb/commands/op"
	"certkdb/commands/op/databases"
)

func passwdCommand(env *op.Env) *cli.Command {
	var o databases.Passwd
	return &cli.Command{
		Name: "passwd", Category: groupDatabase, Usage: "change the database's password",
		Description: "The old password, or the stash, opens the database; the new one is tried once before the old one goes. Stashes go on\n" +
			"opening the database: they hold no password.\n\n" +
			examples("certkdb passwd", "certkdb passwd --password file:old.pw --new-password file:new.pw", "certkdb passwd --generate-password --password-out new.pw"),
		Flags: newPasswordFlags(&o.NewPassword),
		Action: action(env, "passwd", nil, func(c *cli.Context, _ []string) (databases.Done, error) {
			o.DB = database(c)
			return o.Run(c.Context, env)
		}, func(w io.Writer, done databases.Done) { fmt.Fprintf(w, "changed the password of %q\n", done.Location) }),
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
		Action: action(env, "slots", nil, func(c *cli.Context, _ []string) (databases.Slots, error) {
			return databases.ListSlots{DB: database(c)}.Run(c.Context, env)
		}, printSlots),
	}
}

func printSlots(w io.Writer, listed databases.Slots) {
	t := newTable(w)
	t.row("SLOT", "KIND", "CREATED", "KEY DERIVATION")
	for _, s := range listed.Slots {
		t.row(strconv.Itoa(s.ID), s.Kind, s.Created.Format(time.RFC3339), s.KDF)
	}
	t.flush()
}

func slotsAddCommand(env *op.Env) *cli.Command {
	var o databases.AddSlot
	return &cli.Command{
		Name: "add", Usage: "add a password that opens the database too",
		Description: examples("certkdb slots add --new-password file:second.pw"),
		Flags:       newPasswordFlags(&o.NewPassword),
		Action: action(env, "slots.add", nil, func(c *cli.Context, _ []string) (databases.SlotDone, error) {
			o.DB = database(c)
			return o.Run(c.Context, env)
		}, func(w io.Writer, slot databases.SlotDone) { fmt.Fprintf(w, "added slot %d\n", slot.ID) }),
	}
}

func slotsRemoveCommand(env *op.Env) *cli.Command {
	return &cli.Command{
		Name: "remove", Usage: "remove a key slot: what opened it opens the database no more", ArgsUsage: "SLOT",
		Description: examples("certkdb slots remove 2"),
		Action: action(env, "slots.remove", []string{"SLOT"}, func(c *cli.Context, args []string) (databases.SlotDone, error) {
			id, err := strconv.Atoi(args[0])
			if err != nil {
				return databases.SlotDone{}, usage(c, "%q is no number of a slot", args[0])
			}
			return databases.RemoveSlot{DB: database(c), ID: id}.Run(c.Context, env)
		}, func(w io.Writer, slot databases.SlotDone) { fmt.Fprintf(w, "removed slot %d\n", slot.ID) }),
	}
}

func stashCommand(env *op.Env) *cli.Command {
	return &cli.Command{
		Name: "stash", Category: groupDatabase, Usage: "keep a key beside the database, so that commands run unattended",
		Description: "The stash of a native database is a random key in a file that only its owner may read. It reveals no password, and\n" +
			"removing it revokes it: a stolen copy opens nothing any more. That of an IBM CMS database hides its password badly.\n\n" +
			examples("certkdb stash create", "certkdb stash remove"),
		Subcommands: []*cli.Command{
			stashSubcommand(env, "create", "make a stash beside the database", func(c *cli.Context) (databases.StashDone, error) {
				return databases.CreateStash{DB: database(c)}.Run(c.Context, env)
			}),
			stashSubcommand(env, "remove", "remove the stash and its key slot", func(c *cli.Context) (databases.StashDone, error) {
				return databases.RemoveStash{DB: database(c)}.Run(c.Context, env)
			}),
		},
	}
}

func stashSubcommand(env *op.Env, name, about string, run func(*cli.Context) (databases.StashDone, error)) *cli.Command {
	return &cli.Command{
		Name: name, Usage: about,
		Description: examples("certkdb stash " + name + " --db /etc/app/key.ckdb"),
		Action: action(env, "stash", nil, func(c *cli.Context, _ []string) (databases.StashDone, error) { return run(c) },
			func(w io.Writer, done databases.StashDone) { fmt.Fprintf(w, "%s stash %q\n", done.Action, done.Path) }),
	}
}

func rekeyCommand(env *op.Env) *cli.Command {
	var o databases.Rekey
	return &cli.Command{
		Name: "rekey", Category: groupDatabase, Usage: "encrypt the whole database under a new master key",
		Description: "For when somebody may have had the master key: who had it, a removed slot or a stolen stash and old copies of the file,\n" +
			"cannot read what is written from now on. The password in use and the stash beside the database go on working; other\n" +
			"slots cannot be carried over and make it fail, unless --drop-slots is given.\n\n" +
			examples("certkdb rekey --password prompt", "certkdb rekey --password file:pw --drop-slots"),
		Flags: []cli.Flag{&cli.BoolFlag{Name: "drop-slots", Usage: "remove the slots that cannot be carried over", Destination: &o.DropSlots}},
		Action: action(env, "rekey", nil, func(c *cli.Context, _ []string) (databases.Done, error) {
			o.DB = database(c)
			return o.Run(c.Context, env)
		}, func(w io.Writer, done databases.Done) {
			fmt.Fprintf(w, "encrypted %q under a new key\n", done.Location)
		}),
	}
}
