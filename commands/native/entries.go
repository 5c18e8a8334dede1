package native

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"certkdb/commands/op"
	"certkdb/commands/op/entries"
	"certkdb/commands/op/inspect"
)

func showCommand(env *op.Env) *cli.Command {
	var o inspect.Show
	var in inspect.Inspect
	return &cli.Command{
		Name: "show", Category: groupEntries, Usage: "show one entry, or any file, in detail", ArgsUsage: "LABEL|FILE",
		Description: "An argument that is no label of the database but a file is shown as such: certificates, keys, requests, revocation lists\n" +
			"and key stores of every kind, without putting them into a database. --file says that a file is meant; the database is not\n" +
			"opened then. Private keys are described and never shown.\n\n" +
			examples("certkdb show web", "certkdb show web --json", "certkdb show web -o pem", "certkdb show server.pem", "certkdb show --file keys.p12 --in-password file:p12.pw",
				"certkdb show --file upload.pem --expect certificate"),
		Flags: inspectFlags(&in),
		Action: func(c *cli.Context) error {
			if file, err := inspected(c, env, &in); err != nil {
				return err
			} else if file {
				return showFile(c, env, in)
			}
			args, err := exactly(c, "LABEL")
			if err != nil {
				return err
			}
			format, err := outputFormat(c, formatPEM)
			if err != nil {
				return err
			}
			o.DB, o.Label = database(c), args[0]
			shown, err := o.Run(c.Context, env)
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

func printShownPEM(w io.Writer, shown inspect.Shown) error {
	text := shown.RequestPEM
	for _, c := range shown.Certificates {
		text += c.PEM
	}
	_, err := io.WriteString(w, text)
	return err
}

func printShown(w io.Writer, shown inspect.Shown) {
	t := newTable(w)
	t.row("label", shown.Label)
	t.row("kind", kindText(&shown.Entry))
	status := shown.Status
	if shown.RevokedAt != nil {
		status += fmt.Sprintf(" (%s) since %s", shown.Reason, shown.RevokedAt.Format(time.RFC3339))
	}
	t.row("status", status)
	t.row("private key", map[bool]string{true: "yes", false: "no"}[shown.HasKey])
	if shown.Added != nil {
		t.row("added", shown.Added.Format(time.RFC3339))
	}
	if len(shown.Certificates) == 0 {
		t.row("subject", orDash(shown.Subject))
		t.row("key", orDash(shown.KeyType))
	}
	t.flush()
	for i, c := range shown.Certificates {
		fmt.Fprintf(w, "\ncertificate %d of %d\n", i+1, len(shown.Certificates))
		printCertificate(w, c)
	}
}

func printCertificate(w io.Writer, c inspect.Certificate) {
	t := newTable(w)
	t.row("  subject", orDash(c.Subject))
	t.row("  issuer", orDash(c.Issuer))
	t.row("  serial", c.Serial)
	t.row("  valid", fmt.Sprintf("%s to %s", c.NotBefore.Format(time.RFC3339), c.NotAfter.Format(time.RFC3339)))
	t.row("  key", c.KeyType)
	t.row("  signature", c.SignatureAlgorithm)
	t.row("  SHA-256", c.SHA256)
	t.row("  SHA-1", c.SHA1)
	t.row("  key SHA-256", c.SPKISHA256)
	for _, e := range c.Extensions {
		name := "  " + e.Name
		if e.Critical {
			name += " (critical)"
		}
		t.row(name, e.Value)
	}
	if c.Warning != "" {
		t.row("  warning", c.Warning)
	}
	t.flush()
}

func renameCommand(env *op.Env) *cli.Command {
	var o entries.Rename
	return &cli.Command{
		Name: "rename", Category: groupEntries, Usage: "give an entry another label", ArgsUsage: "LABEL NEW-LABEL",
		Description: examples("certkdb rename web web-2026", "certkdb rename new web --replace"),
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "replace", Usage: "remove the entry that has the new label", Destination: &o.Replace},
			detailedFlag(),
		},
		Action: func(c *cli.Context) error {
			args, err := exactly(c, "LABEL", "NEW-LABEL")
			if err != nil {
				return err
			}
			o.DB, o.Label, o.NewLabel = database(c), args[0], args[1]
			changed, err := o.Run(c.Context, env)
			if err != nil {
				return err
			}
			return printChanged(c, env, "rename", changed)
		},
	}
}

func trustCommand(env *op.Env) *cli.Command {
	return setTrustCommand(env, "trust", true, "make certificates trust anchors")
}

func distrustCommand(env *op.Env) *cli.Command {
	return setTrustCommand(env, "distrust", false, "keep certificates, but trust nothing because of them")
}

func setTrustCommand(env *op.Env, name string, trusted bool, about string) *cli.Command {
	return &cli.Command{
		Name: name, Category: groupEntries, Usage: about, ArgsUsage: "LABEL…",
		Description: examples("certkdb "+name+" corp-root", "certkdb "+name+" corp-root partner-root"),
		Flags:       []cli.Flag{detailedFlag()},
		Action: func(c *cli.Context) error {
			labels, err := atLeastOne(c, "LABEL")
			if err != nil {
				return err
			}
			changed, err := entries.SetTrust{DB: database(c), Labels: labels, Trusted: trusted}.Run(c.Context, env)
			if err != nil {
				return err
			}
			return printChanged(c, env, name, changed)
		},
	}
}

func defaultCommand(env *op.Env) *cli.Command {
	return &cli.Command{
		Name: "default", Category: groupEntries, Usage: "make a personal certificate the default one", ArgsUsage: "LABEL",
		Description: examples("certkdb default web"),
		Flags:       []cli.Flag{detailedFlag()},
		Action: func(c *cli.Context) error {
			args, err := exactly(c, "LABEL")
			if err != nil {
				return err
			}
			changed, err := entries.SetDefault{DB: database(c), Label: args[0]}.Run(c.Context, env)
			if err != nil {
				return err
			}
			return printChanged(c, env, "default", changed)
		},
	}
}

func deleteCommand(env *op.Env) *cli.Command {
	var o entries.Delete
	return &cli.Command{
		Name: "delete", Aliases: []string{"rm"}, Category: groupEntries, Usage: "delete entries, all that are named or none", ArgsUsage: "LABEL…",
		Description: "An entry that certkdb check calls damaged goes with --damaged, if there is no backup to restore. The database then forgets what\n" +
			"it knew against old records that were put back before: look at the other entries. The audit log has delete-damaged.\n\n" +
			examples("certkdb delete old-root", "certkdb delete old-root older-root --if-exists", "certkdb delete web --damaged"),
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "if-exists", Usage: "a label that is not there is no error", Destination: &o.IfExists},
			&cli.BoolFlag{Name: "damaged", Usage: "also entries that cannot be read any more", Destination: &o.Damaged},
			detailedFlag(),
		},
		Action: func(c *cli.Context) error {
			labels, err := atLeastOne(c, "LABEL")
			if err != nil {
				return err
			}
			o.DB, o.Labels = database(c), labels
			changed, err := o.Run(c.Context, env)
			if err != nil {
				return err
			}
			return printChanged(c, env, "delete", changed)
		},
	}
}

func addCommand(env *op.Env) *cli.Command {
	var o entries.Add
	var in op.Password
	return &cli.Command{
		Name: "add", Aliases: []string{"import"}, Category: groupEntries, Usage: "add certificates and keys from files, or from another database", ArgsUsage: "FILE…",
		Description: "Reads PEM bundles, DER and whole key databases; - is standard input. Certificates become trusted entries, keys with\n" +
			"their certificates personal ones. Everything goes in with one transaction or nothing does. What is there already with the\n" +
			"same content stays as it is. Without --label an entry gets the label it has in the file, else one made of its subject\n" +
			"and fingerprint, the same on every machine.\n\n" +
			examples("certkdb add root.pem --label corp-root", "certkdb add /etc/ssl/certs/ca-certificates.crt", "certkdb add server.key server.crt chain.pem --label web",
				"certkdb add keys.p12 --in-password file:p12.pw", "openssl s_client -showcerts -connect host:443 </dev/null | certkdb add -"),
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "label", Aliases: []string{"l"}, Usage: "`LABEL` for the one entry in the input", Destination: &o.Label},
			&cli.StringFlag{Name: "only", Usage: "only the entry with this `LABEL` in the input", Destination: &o.Only},
			&cli.BoolFlag{Name: "replace", Usage: "replace entries that have the label but other content", Destination: &o.Replace},
			&cli.BoolFlag{Name: "skip-invalid", Usage: "go on past what cannot be read, and report it", Destination: &o.SkipInvalid},
			&cli.BoolFlag{Name: "no-trust", Usage: "add certificates without trusting them", Destination: &o.NoTrust},
			passwordFlag(&in, "in-password", "where the input's password comes from"),
			detailedFlag(),
		},
		Action: func(c *cli.Context) error {
			files, err := atLeastOne(c, "FILE")
			if err != nil {
				return err
			}
			in.AllowEmpty = true
			o.DB, o.Files, o.InPassword = database(c), files, in
			added, err := o.Run(c.Context, env)
			if err != nil {
				return err
			}
			return printAdded(c, env, "add", added)
		},
	}
}

// printAdded prints each entry of a small input and the counts of a large one.
func printAdded(c *cli.Context, env *op.Env, schema string, added entries.Added) error {
	err := emit(c, env, schema, added, func(w io.Writer) {
		for _, a := range added.Actions {
			if len(added.Actions) <= 20 || a.Action == "skipped" || a.Reason != "" {
				fmt.Fprintln(w, actionLine(a))
			}
		}
		if len(added.Actions) > 1 {
			fmt.Fprintln(w, added.Counts())
		}
	})
	if err == nil && added.Changed.Changed && c.Bool(flagDetailed) {
		return detailedExit{}
	}
	return err
}

func exportCommand(env *op.Env) *cli.Command {
	var o entries.Export
	var password op.NewPassword
	return &cli.Command{
		Name: "export", Category: groupEntries, Usage: "write entries to a file", ArgsUsage: "LABEL…",
		Description: "Writes certificates as PEM, DER or PKCS #7, public keys as OpenSSH has them, or copies entries into a new key database. A\n" +
			"private key leaves only with --key, with --combined or inside a key database, and that is noted in the audit log. With\n" +
			"--out-password it is encrypted (PKCS #8, PBES2 with AES-256). Files with keys are for their owner alone (mode 0600).\n\n" +
			examples("certkdb export corp-root --out root.pem", "certkdb export web --chain --out web.crt", "certkdb export web --key --out web.key",
				"certkdb export web --combined --out haproxy.pem", "certkdb export web --key --out-password file:key.pw --out web.key", "certkdb export --all -o pem > bundle.pem",
				"certkdb export web --out web.p12 --out-password file:p12.pw", "certkdb export web --out web.p7b", "certkdb export web --format ssh >> authorized_keys"),
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "format", Usage: "`FORMAT` of the file: pem, der, pkcs7 (p7b), pkcs7-der (p7c), ssh, or a kind of database; else by the extension of --out", Destination: &o.Format},
			&cli.StringFlag{Name: "out", Usage: "the `FILE` to write; else standard output", Destination: &o.Out.Path},
			&cli.BoolFlag{Name: "force", Usage: "replace an existing file", Destination: &o.Out.Force},
			&cli.BoolFlag{Name: "all", Usage: "every entry", Destination: &o.All},
			&cli.BoolFlag{Name: "key", Usage: "the private key instead of the certificate", Destination: &o.Key},
			&cli.BoolFlag{Name: "chain", Usage: "the chain behind the certificate too", Destination: &o.Chain},
			&cli.BoolFlag{Name: "combined", Usage: "private key, certificate and chain in one file", Destination: &o.Combined},
			&cli.BoolFlag{Name: "traditional", Usage: "private keys as PKCS #1 or SEC 1 for old programs, not as PKCS #8", Destination: &o.Traditional},
			passwordFlag(&password.Password, "out-password", "where the password of the new database or encrypted key comes from"),
			&cli.StringFlag{Name: "profile", Usage: "how a foreign format is written: `NAME`", Destination: &o.Profile},
		},
		Action: func(c *cli.Context) error {
			format, err := outputFormat(c, formatPEM, "der")
			if err != nil {
				return err
			}
			o.DB, o.Labels, o.OutPassword = database(c), c.Args().Slice(), password
			if o.Format == "" && (format == formatPEM || format == "der") {
				o.Format = format // -o pem, as people write it for list
			}
			exported, err := o.Run(c.Context, env)
			if err != nil || exported.Out == "" {
				return err
			}
			if format == formatJSON {
				return printJSON(env.Stdout, "export", exported)
			}
			w := &onceFailing{w: env.Stdout}
			fmt.Fprintf(w, "wrote %s to %q\n", strings.Join(exported.Contents, ", "), exported.Out)
			printNotes(w, exported.Notes)
			return w.err
		},
	}
}

func copyCommand(env *op.Env) *cli.Command {
	var o entries.Copy
	return &cli.Command{
		Name: "copy", Category: groupEntries, Usage: "copy entries to another database", ArgsUsage: "LABEL…",
		Description: "Copies between databases of any kind; the target is made when it is not there. Entries that are there already with\n" +
			"the same content stay as they are.\n\n" +
			examples("certkdb copy web --to backup.ckdb --to-password file:backup.pw", "certkdb --db old.p12 copy --all --to new.ckdb", "certkdb copy --all --db key.kdb --to roots.pem"),
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "to", Usage: "the other database: a `FILE`", Destination: &o.To.Location},
			passwordFlag(&o.To.Password, "to-password", "where its password comes from"),
			&cli.StringFlag{Name: "type", Usage: "`KIND` of a new database: ckdb, cms, pkcs12, jks, pem or pkcs7; else by its extension", Destination: &o.Type},
			&cli.StringFlag{Name: "profile", Usage: "how a foreign format is written: `NAME`", Destination: &o.Profile},
			&cli.BoolFlag{Name: "all", Usage: "every entry", Destination: &o.All},
			&cli.BoolFlag{Name: "replace", Usage: "replace entries that have the label but other content", Destination: &o.Replace},
			detailedFlag(),
		},
		Action: func(c *cli.Context) error {
			o.DB, o.Labels = database(c), c.Args().Slice()
			o.To.LockTimeout = o.DB.LockTimeout
			copied, err := o.Run(c.Context, env)
			if err != nil {
				return err
			}
			return printAdded(c, env, "copy", copied)
		},
	}
}
