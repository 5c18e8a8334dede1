package native

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/urfave/cli/v2"

	"certkdb/commands/native/terminal"
	"certkdb/commands/op"
	"certkdb/commands/op/entries"
	"certkdb/commands/op/inspect"
)

func showCommand(env *op.Env) *cli.Command {
	var in inspect.Inspect
	return &cli.Command{
		Name: "show", Category: groupEntries, Usage: "show one entry, or any file, in detail", ArgsUsage: "LABEL|FILE",
		Description: "If the argument is not a label of the database but a file, the file is shown: certificates, keys, requests, revocation\n" +
			"lists and key stores of every kind. Nothing is added to a database. With --file the argument is always a file, and the\n" +
			"database is not opened. Private keys are described but never shown.\n\n" +
			examples(
				"certkdb show web",
				"certkdb show web --json",
				"certkdb show web -o pem",
				"certkdb show server.pem",
				"certkdb show --file keys.p12 --in-password file:p12.pw",
				"certkdb show --file upload.pem --expect certificate",
			),
		Flags: inspectFlags(env, &in),
		Action: func(c *cli.Context) error {
			if file, err := inspected(c, env, &in); err != nil {
				return err
			} else if file {
				return showFile(c, env, in)
			}
			args, err := arguments(c)
			if err != nil {
				return err
			}
			format, err := outputFormat(c)
			if err != nil {
				return err
			}
			shown, err := showEntry(c, env, args[0])
			if err != nil {
				return err
			}
			if format == formatPEM {
				return printShownPEM(env.Stdout, shown)
			}
			return emit(c, env, "show", shown, func(w io.Writer) { printShown(w, shown) })
		},
	}
}

func showEntry(c *cli.Context, env *op.Env, label string) (inspect.Shown, error) {
	s, err := openDatabase(c, env)
	if err != nil {
		return inspect.Shown{}, err
	}
	defer s.Close()
	shown, err := inspect.Show{Label: label}.Run(c.Context, s)
	if err == nil {
		warnUnverified(env, s)
	}
	return shown, err
}

func printShownPEM(w io.Writer, shown inspect.Shown) error {
	text := shown.RequestPEM
	for _, c := range shown.Certificates {
		text += c.PEM
	}
	_, err := io.WriteString(w, text)
	return err
}

func printShown(w io.Writer, shown inspect.Shown) {
	t := terminal.NewDetails(w)
	t.Row("label", shown.Label)
	t.Row("kind", kindText(&shown.Entry))
	status := string(shown.Status)
	if shown.RevokedAt != nil {
		status += fmt.Sprintf(" (%s) since %s", shown.Reason, shown.RevokedAt.Format(time.RFC3339))
	}
	t.Row("status", status)
	t.Row("private key", map[bool]string{true: "yes", false: "no"}[shown.HasKey])
	if shown.KeyEncryption != "" {
		t.Row("key encryption", shown.KeyEncryption)
	}
	if shown.Added != nil {
		t.Row("added", shown.Added.Format(time.RFC3339))
	}
	for _, target := range shown.Deployments {
		for _, f := range target.Files {
			t.Row("deployed to", fmt.Sprintf("%s (%s)", f.Path, f.Form))
		}
		if target.Reload != "" {
			t.Row("reload", reloadText(target))
		}
	}
	if len(shown.Certificates) == 0 {
		t.Row("subject", orDash(shown.Subject))
		t.Row("key", orDash(shown.KeyType))
	}
	t.Flush()
	for i, c := range shown.Certificates {
		fmt.Fprintf(w, "\ncertificate %d of %d\n", i+1, len(shown.Certificates))
		printCertificate(w, c)
	}
}

func printCertificate(w io.Writer, c inspect.Certificate) {
	t := terminal.NewDetails(w)
	t.Row("  subject", orDash(c.Subject))
	t.Row("  issuer", orDash(c.Issuer))
	t.Row("  serial", c.Serial)
	t.Row("  valid", fmt.Sprintf("%s to %s", c.NotBefore.Format(time.RFC3339), c.NotAfter.Format(time.RFC3339)))
	t.Row("  key", c.KeyType)
	t.Row("  signature", c.SignatureAlgorithm)
	t.Row("  SHA-256", c.SHA256)
	t.Row("  SHA-1", c.SHA1)
	t.Row("  key SHA-256", c.SPKISHA256)
	for _, e := range c.Extensions {
		name := "  " + e.Name
		if e.Critical {
			name += " (critical)"
		}
		t.Row(name, e.Value)
	}
	if c.Warning != "" {
		t.Row("  warning", c.Warning)
	}
	t.Flush()
}

// printChanged prints what was done to entries, a line each.
func printChanged(w io.Writer, changed entries.Changed) {
	for _, a := range changed.Actions {
		fmt.Fprintln(w, actionLine(a))
	}
}

func renameCommand(env *op.Env) *cli.Command {
	var o entries.Rename
	return &cli.Command{
		Name: "rename", Category: groupEntries, Usage: "give an entry another label", ArgsUsage: "LABEL NEW-LABEL",
		Description: examples("certkdb rename web web-2026", "certkdb rename new web --replace", "certkdb rename old new --ensure"),
		Flags: append(changeFlags(),
			&cli.BoolFlag{Name: "replace", Usage: "remove the entry that has the new label", Destination: &o.Replace},
			yesFlag(),
			&cli.BoolFlag{
				Name: "ensure", Usage: "do nothing if only the new label is there: the entry was renamed before", Destination: &o.Ensure,
			},
		),
		Action: change(env, "rename", func(_ *cli.Context, args []string) (op.Operation[entries.Changed], error) {
			o.Label, o.NewLabel = args[0], args[1]
			return o, nil
		}, printChanged),
	}
}

func trustCommand(env *op.Env) *cli.Command {
	return setTrustCommand(env, "trust", true, "make certificates trust anchors")
}

func distrustCommand(env *op.Env) *cli.Command {
	return setTrustCommand(env, "distrust", false, "keep certificates, but no longer use them as trust anchors")
}

func setTrustCommand(env *op.Env, name string, trusted bool, about string) *cli.Command {
	return &cli.Command{
		Name: name, Category: groupEntries, Usage: about, ArgsUsage: "LABEL…",
		Description: examples("certkdb "+name+" corp-root", "certkdb "+name+" corp-root partner-root"),
		Flags:       changeFlags(),
		Action: change(env, name, func(_ *cli.Context, args []string) (op.Operation[entries.Changed], error) {
			return entries.SetTrust{Labels: args, Trusted: trusted}, nil
		}, printChanged),
	}
}

func defaultCommand(env *op.Env) *cli.Command {
	return &cli.Command{
		Name: "default", Category: groupEntries, Usage: "make a personal certificate the default one", ArgsUsage: "LABEL",
		Description: examples("certkdb default web"),
		Flags:       changeFlags(),
		Action: change(env, "default", func(_ *cli.Context, args []string) (op.Operation[entries.Changed], error) {
			return entries.SetDefault{Label: args[0]}, nil
		}, printChanged),
	}
}

func deleteCommand(env *op.Env) *cli.Command {
	var o entries.Delete
	var sure bool
	return &cli.Command{
		Name: "delete", Aliases: []string{"rm"}, Category: groupEntries, Usage: "delete entries: all that you name, or none",
		ArgsUsage: "LABEL…",
		Description: "Use --damaged for an entry that certkdb check reports as damaged, if you have no backup to restore. After that, the\n" +
			"database can no longer detect an earlier rollback of records, so review the other entries. The audit log records this as\n" +
			"delete-damaged.\n\n" +
			"On a terminal you are asked before a private key is deleted, unless you say --yes. Scripts without a terminal are not asked.\n\n" +
			examples("certkdb delete old-root", "certkdb delete old-root older-root --if-exists", "certkdb delete web --damaged"),
		Flags: append(changeFlags(),
			&cli.BoolFlag{Name: "if-exists", Usage: "ignore labels that do not exist", Destination: &o.IfExists},
			&cli.BoolFlag{Name: "damaged", Usage: "also entries that can no longer be read", Destination: &o.Damaged},
			&cli.BoolFlag{Name: flagYes, Aliases: []string{"y"}, Usage: "do not ask", Destination: &sure},
		),
		Action: action(env, "delete", func(c *cli.Context, args []string) (entries.Changed, error) {
			o.Labels = args
			s, err := openDatabase(c, env)
			if err != nil {
				return entries.Changed{}, err
			}
			defer s.Close()
			if !sure && !s.DryRun && env.Interactive != nil && env.Interactive() {
				if err := confirmDeletion(c, s, o); err != nil {
					return entries.Changed{}, err
				}
			}
			changed, err := op.One(c.Context, s, o)
			if err == nil {
				warnUnverified(env, s)
			}
			return changed, err
		}, printChanged),
	}
}

// confirmDeletion asks before private keys are lost.
func confirmDeletion(c *cli.Context, s *op.Session, o entries.Delete) error {
	keys, err := o.PrivateKeys(c.Context, s)
	if err != nil || len(keys) == 0 {
		return err
	}
	question := fmt.Sprintf("%q has a private key, which would be lost. Delete it?", keys[0])
	if n := len(keys); n > 1 {
		question = fmt.Sprintf("%d of them have private keys, which would be lost. Delete them?", n)
	}
	sure, err := op.Confirm(s.Env, question)
	if err == nil && !sure {
		err = errors.New("nothing was deleted")
	}
	return err
}
