package native

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"certkdb/commands/op"
	"certkdb/commands/op/databases"
	"certkdb/commands/op/entries"
	"certkdb/commands/op/trust"
)

func addCommand(env *op.Env) *cli.Command {
	var o entries.Add
	return &cli.Command{
		Name: "add", Aliases: []string{"import"}, Category: groupEntries,
		Usage: "add certificates and keys from files, or from another database", ArgsUsage: "FILE…",
		Description: "Reads PEM bundles, DER and whole key databases, also in base64; - is standard input. Certificates without keys become\n" +
			"trusted if they are self-signed, others only with --trust; a key store's own marks are kept. Keys with their certificates become\n" +
			"personal entries. PEM, PKCS #7 and JKS files trust all certificates without keys that they have.\n\n" +
			"All entries are added in one transaction, or none. Entries of a key store that cannot be read, such as a private key\n" +
			"with another password, are left out and listed, and the exit code tells. An entry that already has the same content is\n" +
			"left alone. Without --label an entry keeps the label it has in the file, or gets one derived from its subject and\n" +
			"fingerprint, the same on every machine.\n\n" +
			"With --exclusive the input is the complete list of what is trusted. Certificates that are trusted and not in it are deleted,\n" +
			"personal certificates are only distrusted, and what was distrusted and is in it becomes trusted. Scripts need --yes for that.\n\n" +
			examples(
				"certkdb add root.pem --label corp-root",
				"certkdb add /etc/ssl/certs/ca-certificates.crt",
				"certkdb add server.key server.crt chain.pem --label web",
				"certkdb add bundle.pem --exclusive --yes",
				"certkdb add keys.p12 --in-password file:p12.pw",
				"openssl s_client -showcerts -connect host:443 </dev/null | certkdb add - --no-trust",
			),
		Flags: append(changeFlags(),
			&cli.StringFlag{
				Name: "label", Aliases: []string{"l"}, Usage: "`LABEL` for the one entry, or the one private key, in the input",
				Destination: &o.Label,
			},
			&cli.StringFlag{Name: "only", Usage: "only the entry with this `LABEL` in the input", Destination: &o.Only},
			&cli.BoolFlag{Name: "replace", Usage: "replace entries that have the label but other content", Destination: &o.Replace},
			&cli.BoolFlag{Name: "skip-invalid", Usage: "skip what cannot be read, and report it", Destination: &o.SkipInvalid},
			&cli.BoolFlag{Name: "trust", Usage: "trust all certificates without keys, not only self-signed ones", Destination: &o.Trust},
			&cli.BoolFlag{Name: "no-trust", Usage: "trust none of the certificates", Destination: &o.NoTrust},
			&cli.BoolFlag{
				Name: "exclusive", Usage: "trust what the input trusts and nothing else: delete or distrust the rest", Destination: &o.Exclusive,
			},
			yesFlag(),
			passwordFlag(env, &o.InPassword, op.FieldInPassword, "where the input's password comes from"),
		),
		Action: change(env, "add", func(c *cli.Context, args []string) (op.Operation[entries.Added], error) {
			format, err := outputFormat(c)
			o.InPassword.AllowEmpty, o.LeaveOut, o.Files, o.Brief = true, true, args, format == formatTable
			o.Retrust = o.Trust
			return o, err
		}, printAdded),
	}
}

// printAdded prints each entry of a small input and the counts of a large one.
func printAdded(w io.Writer, added entries.Added) {
	for a := range added.Notable() {
		if a.Reason == entries.RecordsStay {
			a.Reason += "; a whole database moves with: certkdb backup"
		}
		if a.Reason == entries.NotTrusted && a.Label != "" {
			a.Reason += "; " + trustRemedy(a.Label)
		}
		fmt.Fprintln(w, actionLine(a))
	}
	if added.Count() > 1 {
		fmt.Fprintln(w, added.Counts())
	}
}

func actionLine(a entries.Action) string {
	line := string(a.Action)
	if a.Label != "" {
		line += fmt.Sprintf(" %q", a.Label)
	}
	if a.PrivateKey {
		line += " with its private key"
	}
	if a.Trusted {
		line += " as trusted"
	}
	if a.NewLabel != "" {
		line += fmt.Sprintf(" to %q", a.NewLabel)
	}
	if a.Reason != "" {
		line += ": " + a.Reason
	}
	return line
}

func exportCommand(env *op.Env) *cli.Command {
	var o entries.Export
	var folder string
	var stores trust.Change
	return &cli.Command{
		Name: "export", Category: groupEntries, Usage: "write entries to a file", ArgsUsage: "[LABEL…]",
		Description: "Writes certificates as PEM, DER or PKCS #7, public keys in OpenSSH's format, or copies entries into a new key database.\n" +
			"Private keys are written only with --key, with --combined or into a key database, and the audit log records it. Into a\n" +
			"key database, --key allows the private key of a CA. With --out-password keys are encrypted (PKCS #8, PBES2 with AES-256).\n" +
			"Only the owner can read files with keys (mode 0600). A secret key is written in base64 between SECRET KEY lines, or with\n" +
			"--format der as its bytes. --all leaves distrusted certificates out of files that would make them trusted.\n\n" +
			"Into a folder, --out-dir writes LABEL.crt for each label, all at once, and with --key also LABEL.key. Labels may be\n" +
			"patterns; the key of a CA is written only if its label is given in full. Files with the same content are left alone.\n\n" +
			"With --to, other programs trust the trusted certificates of the database: the operating system (Linux, macOS, Windows),\n" +
			"a Java runtime (JAVA_HOME, or java:FILE) or NSS (~/.pki/nssdb, or nss:FOLDER, by its certutil). --from removes them.\n" +
			"Names are made of label and fingerprint, and nothing else in the stores is touched.\n\n" +
			examples(
				"certkdb export corp-root --out root.pem",
				"certkdb export web --chain --out web.crt",
				"certkdb export web --key --out web.key",
				"certkdb export web --combined --out haproxy.pem",
				"certkdb export web --key --out-password file:key.pw --out web.key",
				"certkdb export '*.example.com' --chain --key --out-dir servers",
				"certkdb export --trusted > bundle.pem",
				"certkdb export web --out web.p12 --out-password file:p12.pw",
				"certkdb export web --out web.p7b",
				"certkdb export web --format ssh >> authorized_keys",
				"certkdb export corp-root --to system --to java --to nss",
				"certkdb export corp-root --from system",
			),
		Flags: exportFlags(env, &o, &folder, &stores),
		Action: func(c *cli.Context) error {
			if len(stores.Targets) > 0 {
				return installTrust(env, &stores)(c)
			}
			if stores.Root != "" {
				return usage(c, "--root is for trust stores: name one with --to or --from")
			}
			if folder != "" {
				return exportFolder(c, env, folder, o)
			}
			if c.Bool(flagDetailed) && o.Out.IsStdout() {
				return usage(c, "--detailed-exitcode is for trust stores and files: name one with --to, --from, --out or --out-dir")
			}
			format, err := outputFormat(c)
			if err != nil {
				return err
			}
			if format == formatJSON && o.Out.Path == "" && !c.Bool(flagDryRun) {
				return usage(c, "--json needs --out FILE, because standard output has the certificates")
			}
			o.Labels = c.Args().Slice()
			if o.Format == "" && (format == formatPEM || format == formatDER) {
				o.Format = entries.Format(format) // -o pem, as people write it for list
			}
			return export(c, env, o, format)
		},
	}
}

func exportFlags(env *op.Env, o *entries.Export, folder *string, stores *trust.Change) []cli.Flag {
	return append(append(outputFlags(&o.Out, "the `FILE` to write; default: standard output"),
		&cli.StringFlag{Name: "out-dir", Usage: "write a file for each certificate and key to this `FOLDER`", Destination: folder},
		&cli.StringFlag{
			Name:        "format",
			Usage:       "`FORMAT` of the file: pem, der, pkcs7 (p7b), pkcs7-der (p7c), ssh or a kind of database; default: by extension of --out",
			Destination: (*string)(&o.Format),
		},
		&cli.BoolFlag{Name: "all", Usage: "every entry", Destination: &o.All},
		&cli.BoolFlag{Name: "trusted", Usage: "what is trusted, personal certificates included, without keys", Destination: &o.Trusted},
		&cli.BoolFlag{
			Name: "key", Usage: "the private key instead of the certificate; into a database, also that of a CA", Destination: &o.Key,
		},
		&cli.BoolFlag{Name: "chain", Usage: "also the chain, after the certificate", Destination: &o.Chain},
		&cli.BoolFlag{Name: "combined", Usage: "private key, certificate and chain in one file", Destination: &o.Combined},
		&cli.BoolFlag{
			Name: "traditional", Usage: "private keys as PKCS #1 or SEC 1 for old programs, not as PKCS #8", Destination: &o.Traditional,
		},
		passwordFlag(env, &o.OutPassword.Password, op.FieldOutPassword, "where the password for the new database or encrypted key comes from"),
		profileFlag(&o.Profile),
		&cli.BoolFlag{
			Name: flagSkip, Destination: &o.SkipUnsupported,
			Usage: "leave out, and list, what is not supported, or a key database cannot hold; it is no error then",
		},
		dryRunFlag(),
	), trustFlags(env, stores)...)
}

func export(c *cli.Context, env *op.Env, o entries.Export, format string) error {
	s, err := openDatabase(c, env)
	if err != nil {
		return err
	}
	defer s.Close()
	if o.All || o.Trusted {
		err = warnOfDamage(c, env, s, "and left out")
	}
	if err != nil {
		return err
	}
	exported, err := o.Run(c.Context, s)
	if err == nil {
		warnUnverified(env, s)
	}
	if err != nil || exported.Out == "" && !s.DryRun {
		return err
	}
	if format == formatJSON {
		err := cmp.Or(ifRead(printJSON(env.Stdout, "export", exported, s.DryRun)), exported.Incomplete())
		return detailed(c, !exported.Unchanged, err)
	}
	if c.Bool(flagQuiet) {
		return detailed(c, !exported.Unchanged, exported.Incomplete())
	}
	w := textWriter(c, env)
	to := "standard output"
	if exported.Out != "" {
		to = fmt.Sprintf("%q", exported.Out)
	}
	line := fmt.Sprintf("wrote %s to %s", contents(exported), to)
	if exported.Unchanged {
		line = fmt.Sprintf("unchanged: %s has %s", to, contents(exported))
	}
	if len(exported.Contents) > 0 {
		fmt.Fprintln(w, line)
	}
	for _, a := range exported.Skipped {
		fmt.Fprintln(w, actionLine(a))
	}
	printNotes(w, exported.Notes)
	return detailed(c, !exported.Unchanged, cmp.Or(ifRead(w.Err()), exported.Incomplete()))
}

// contents says in words what a file has.
func contents(exported entries.Exported) string {
	var texts []string
	for _, piece := range exported.Contents {
		texts = append(texts, piece.String())
	}
	return strings.Join(texts, ", ")
}

func copyCommand(env *op.Env) *cli.Command {
	var o entries.Copy
	var to databases.Init
	return &cli.Command{
		Name: "copy", Category: groupEntries, Usage: "copy entries to another database", ArgsUsage: "[LABEL…]",
		Description: "Copies between databases of any kind, and creates the target if it does not exist. Entries that already have the same\n" +
			"content are left alone. With --all, entries whose keys do not open, or that the target cannot hold, are skipped and\n" +
			"listed, and the exit code tells why; --skip-unsupported makes the latter no error. --existing merges two databases: it\n" +
			"says what becomes of an entry whose label the target has with other content. keep leaves the target's, replace takes the\n" +
			"copy, rename puts a number behind the copy's label, such as web (2).\n\n" +
			"--skip-damaged saves what can be read of a damaged database. Whatever is lost is listed as skipped, and the exit code is 12.\n" +
			"certkdb recover makes a whole new database, with the audit log, the key slots and the records of CAs.\n\n" +
			"Private keys are copied with their certificates, but that of a CA only with --key. To share certificates, copy them with\n" +
			"--certificates; --trusted copies the certificates of everything that is trusted. Neither copies a private key.\n\n" +
			examples(
				"certkdb copy web --to backup.ckdb --to-password file:backup.pw", "certkdb --db old.p12 copy --all --key --to new.ckdb",
				"certkdb copy --trusted --db key.kdb --to roots.pem", "certkdb copy root --certificates --to trust.jks --to-password file:jks.pw",
				"certkdb copy --all --key --db old.kdb --to key.kdb --existing keep",
				"certkdb copy --all --key --skip-damaged --db damaged.ckdb --to new.ckdb",
			),
		Flags: append(changeFlags(),
			&cli.StringFlag{Name: "to", Usage: "the other database: a `FILE`", Destination: &to.DB.Location},
			passwordFlag(env, &to.DB.Password, op.FieldToPassword, "where its password comes from"),
			&cli.StringFlag{
				Name: "type", Usage: "`KIND` of a new database: ckdb, cms, pkcs12, jks, pem or pkcs7; default: by its extension", Destination: &to.Type,
			},
			profileFlag(&to.Profile),
			&cli.BoolFlag{Name: "all", Usage: "every entry", Destination: &o.All},
			&cli.BoolFlag{Name: "trusted", Usage: "the certificates of what is trusted, personal ones included", Destination: &o.Trusted},
			&cli.BoolFlag{Name: "certificates", Usage: "certificates alone, without private keys and chains", Destination: &o.Certificates},
			&cli.BoolFlag{Name: "key", Usage: "also the private keys of CAs", Destination: &o.CAKeys},
			&cli.BoolFlag{
				Name: flagSkip, Destination: &o.SkipUnsupported,
				Usage: "leave out, and list, what is not supported, or the target cannot hold; it is no error then",
			},
			&cli.BoolFlag{
				Name: "skip-damaged", Usage: "with --all or --trusted, leave out, and list, what is damaged; the exit code is 12 then",
				Destination: &o.SkipDamaged,
			},
			&cli.BoolFlag{Name: "replace", Usage: "the same as --existing replace", Destination: &o.Replace},
			yesFlag(),
			&cli.StringFlag{
				Name: "existing", Usage: "what becomes of labels that exist with other content: `RULE` is keep, replace or rename",
				Destination: (*string)(&o.Existing),
			},
		),
		Action: action(env, "copy", func(c *cli.Context, args []string) (entries.Added, error) {
			from, err := openDatabase(c, env)
			if err != nil {
				return entries.Added{}, err
			}
			defer from.Close()
			if (o.All || o.Trusted) && !o.SkipDamaged {
				err = warnOfDamage(c, env, from, "and left out")
			}
			if err != nil {
				return entries.Added{}, err
			}
			format, err := outputFormat(c)
			if err != nil {
				return entries.Added{}, err
			}
			o.From, o.Labels, o.Brief, to.DB.LockTimeout = from, args, format == formatTable, c.Duration(flagLockTimeout)
			added, err := o.CopyTo(c.Context, to, false)
			if err == nil {
				warnUnverified(env, from)
			}
			return added, err
		}, printAdded),
	}
}
