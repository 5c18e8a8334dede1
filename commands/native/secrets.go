package native

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/urfave/cli/v2"

	"certkdb/commands/native/terminal"
	"certkdb/commands/op"
	"certkdb/commands/op/databases"
)

func passwdCommand(env *op.Env) *cli.Command {
	var o databases.Passwd
	return &cli.Command{
		Name: "passwd", Category: groupDatabase, Usage: "change the database's password",
		Description: "The old password, or the stash, opens the database. The new password is tried once before the old one is removed. If\n" +
			"the database has the new password already, it is left alone.\n" +
			"Stashes still open the database, because they hold no password.\n\n" +
			examples(
				"certkdb passwd", "certkdb passwd --password file:old.pw --new-password file:new.pw",
				"certkdb passwd --generate-password --password-out new.pw",
			),
		Flags: newPasswordFlags(env, &o.NewPassword),
		Action: act(
			env, "passwd", func(*cli.Context, []string) (op.Act[databases.Done], error) { return o, nil },
			func(w io.Writer, done databases.Done) {
				if done.Unchanged {
					fmt.Fprintf(w, "unchanged: %q has this password\n", done.Location)
					return
				}
				fmt.Fprintf(w, "set the password of %q\n", done.Location)
			},
		),
	}
}

func slotsCommand(env *op.Env) *cli.Command {
	return &cli.Command{
		Name: "slots", Category: groupDatabase, Usage: "manage the key slots, each of which opens the database",
		Description: examples(
			"certkdb slots list", "certkdb slots add --name ansible --new-password file:second.pw", "certkdb slots remove ansible",
		),
		Subcommands: []*cli.Command{slotsListCommand(env), slotsAddCommand(env), slotsRemoveCommand(env)},
	}
}

func slotsListCommand(env *op.Env) *cli.Command {
	return &cli.Command{
		Name: "list", Usage: "list the key slots; needs no password",
		Description: examples("certkdb slots list --json"),
		Action: read(env, "slots", func(c *cli.Context, s *op.Session, _ []string) (databases.Slots, error) {
			return databases.ListSlots{}.Run(c.Context, s)
		}, printSlots),
	}
}

func printSlots(w io.Writer, listed databases.Slots) {
	t := terminal.NewTable(w)
	t.Row("SLOT", "NAME", "KIND", "CREATED", "BY", "IN USE", "KEY DERIVATION")
	for _, s := range listed.Slots {
		t.Row(strconv.Itoa(s.ID), orDash(s.Name), s.Kind, s.Created.Format(time.RFC3339), orDash(s.By), orDash(slotUse(s)), s.KDF)
	}
	t.Flush()
}

// slotUse says what a slot is used for here.
func slotUse(s databases.Slot) string {
	switch {
	case s.HasStash && s.Opened:
		return "stash, opened it"
	case s.HasStash:
		return "stash"
	case s.Opened:
		return "opened it"
	}
	return ""
}

func slotsAddCommand(env *op.Env) *cli.Command {
	var o databases.AddSlot
	return &cli.Command{
		Name: "add", Usage: "add another password that opens the database",
		Description: examples("certkdb slots add --name ansible --new-password file:second.pw"),
		Flags: append(
			newPasswordFlags(env, &o.NewPassword),
			&cli.StringFlag{Name: "name", Usage: "call the slot `NAME` (default: password, password-2 …)", Destination: &o.Name},
		),
		Action: act(env, "slots.add", func(*cli.Context, []string) (op.Act[databases.SlotDone], error) { return o, nil },
			func(w io.Writer, slot databases.SlotDone) {
				if slot.Unchanged {
					fmt.Fprintf(w, "unchanged: slot %d, %q, has this password\n", slot.ID, slot.Name)
					return
				}
				if slot.ID == 0 {
					fmt.Fprintln(w, "added a slot")
					return
				}
				fmt.Fprintf(w, "added slot %d, %q\n", slot.ID, slot.Name)
			}),
	}
}

func slotsRemoveCommand(env *op.Env) *cli.Command {
	var force bool
	return &cli.Command{
		Name: "remove", Usage: "remove a key slot: its password or stash no longer opens the database", ArgsUsage: "NAME",
		Description: "The last usable slot cannot be removed, because nothing would open the database any more. The slot of a stash counts\n" +
			"only while the stash exists and opens it; the stash file goes with it. Somebody who had the password or the stash may also\n" +
			"have kept the master key, which it opened: certkdb rekey replaces that.\n\n" +
			examples("certkdb slots remove ansible", "certkdb slots remove 2"),
		Flags: append(changeFlags(), &cli.BoolFlag{Name: "force", Usage: "remove even the last one", Destination: &force}),
		Action: act(env, "slots.remove", func(_ *cli.Context, args []string) (op.Act[databases.SlotDone], error) {
			return databases.RemoveSlot{Slot: args[0], Force: force}, nil
		}, func(w io.Writer, slot databases.SlotDone) {
			fmt.Fprintf(w, "removed slot %d, %q\n", slot.ID, slot.Name)
			fmt.Fprintln(w, "note: somebody who could open it may have kept the master key; replace that with: certkdb rekey")
		}),
	}
}

func stashCommand(env *op.Env) *cli.Command {
	return &cli.Command{
		Name: "stash", Category: groupDatabase, Usage: "keep a key next to the database, so that commands run unattended",
		Description: "The stash of a native database is a random key in a file that only its owner may read. It reveals no password, and\n" +
			"removing it revokes it: a stolen copy no longer opens anything. The stash of an IBM CMS database or a PKCS #12 file\n" +
			"contains the password, merely obscured: anyone who can read the file can recover it.\n\n" +
			examples("certkdb stash create", "certkdb stash remove", "certkdb stash reveal key.sth"),
		Subcommands: []*cli.Command{
			stashSubcommand(env, "create", "create a stash next to the database", databases.CreateStash{}),
			stashSubcommand(env, "remove", "remove the stash and its key slot", databases.RemoveStash{}),
			stashRevealCommand(env),
		},
	}
}

func stashSubcommand(env *op.Env, name, about string, o op.Act[databases.StashDone]) *cli.Command {
	return &cli.Command{
		Name: name, Usage: about,
		Description: examples("certkdb stash " + name + " --db /etc/app/key.ckdb"),
		Flags:       changeFlags(),
		Action: act(env, "stash", func(*cli.Context, []string) (op.Act[databases.StashDone], error) { return o, nil },
			func(w io.Writer, done databases.StashDone) { fmt.Fprintf(w, "%s stash %q\n", done.Action, done.Path) }),
	}
}

func stashRevealCommand(env *op.Env) *cli.Command {
	var yes bool
	return &cli.Command{
		Name: "reveal", Usage: "show the password in a stash of IBM's tools", ArgsUsage: "FILE",
		Description: "For those who have the .sth file of a key database and have lost its password. A terminal is asked first; without one,\n" +
			"--yes is needed, so that no password gets into the log of a script by mistake. The stash of a native database holds no\n" +
			"password.\n\n" + examples("certkdb stash reveal key.sth", "certkdb stash reveal --yes key.sth > key.pw"),
		Flags: []cli.Flag{&cli.BoolFlag{Name: "yes", Usage: "show it without a question", Destination: &yes}},
		Action: action(env, "stash.reveal", func(c *cli.Context, args []string) (databases.Revealed, error) {
			found, err := databases.RevealStash{File: args[0]}.Run()
			if err != nil || yes {
				return found, err
			}
			sure, err := op.Confirm(env, fmt.Sprintf("Show the password in %q?", args[0]))
			if errors.Is(err, op.ErrNoTerminal) {
				return databases.Revealed{}, usage(c, "there is no terminal to ask on; --yes shows the password")
			}
			if err == nil && !sure {
				err = errors.New("the password was not shown")
			}
			if err != nil {
				return databases.Revealed{}, err
			}
			return found, nil
		}, func(w io.Writer, found databases.Revealed) { fmt.Fprintln(w, found.Password) }),
	}
}

func rekeyCommand(env *op.Env) *cli.Command {
	var o databases.Rekey
	return &cli.Command{
		Name: "rekey", Category: groupDatabase, Usage: "encrypt the whole database under a new master key",
		Description: "Use this after a possible compromise. An attacker with the old master key, a removed slot, or a stolen stash and old\n" +
			"copies of the file cannot read anything written from now on. The stash gets a new key. The current password keeps\n" +
			"working: change it with certkdb passwd if it may be known. Other slots cannot be carried over: rekey fails unless you\n" +
			"drop them with --drop-slots.\n\n" +
			examples(
				"certkdb rekey --password prompt",
				"certkdb rekey --password file:pw --drop-slots",
			),
		Flags: append(
			changeFlags(), &cli.BoolFlag{Name: "drop-slots", Usage: "remove the slots that cannot be carried over", Destination: &o.DropSlots},
		),
		Action: action(env, "rekey", func(c *cli.Context, _ []string) (databases.Done, error) { return rekey(c, env, o) },
			func(w io.Writer, done databases.Done) {
				fmt.Fprintf(w, "encrypted %q under a new key\n", done.Location)
			}),
	}
}

// rekey remembers the passwords that open the database: their slots are carried over.
func rekey(c *cli.Context, env *op.Env, o databases.Rekey) (databases.Done, error) {
	db, err := database(c, env)
	if err != nil {
		return databases.Done{}, err
	}
	var seen [][]byte
	db.Password.Seen = func(password []byte) { seen = append(seen, bytes.Clone(password)) }
	defer func() {
		for _, password := range seen {
			clear(password)
		}
	}()
	s, err := op.Open(c.Context, env, db)
	if err != nil {
		return databases.Done{}, err
	}
	defer s.Close()
	s.DryRun, o.Passwords = c.Bool(flagDryRun), func() [][]byte { return seen }
	return op.Perform(c.Context, s, o)
}
