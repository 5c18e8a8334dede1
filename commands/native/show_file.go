package native

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"certkdb/commands/native/terminal"
	"certkdb/commands/op"
	"certkdb/commands/op/inspect"
)

// inspectFlags are the options of show for files.
func inspectFlags(env *op.Env, o *inspect.Inspect) []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "file", Usage: "show what is in `FILE`, without a database; - is standard input", Destination: &o.File},
		passwordFlag(env, &o.Password, op.FieldInPassword, "where the file's password comes from"),
		&cli.StringFlag{
			Name: "expect", Destination: &o.Expect,
			Usage: "fail unless the file holds a `TYPE`: " + strings.Join(inspect.Expectations(nil), ", ") + ", or a kind of database",
		},
	}
}

// inspected says whether show means a file and not a label, and puts it into o.
func inspected(c *cli.Context, env *op.Env, o *inspect.Inspect) (bool, error) {
	db, err := database(c, env)
	switch {
	case err != nil:
		return false, err
	case o.File != "" && c.NArg() > 0:
		return false, usage(c, "unexpected argument %q: --file names what is shown", c.Args().First())
	case o.File == "" && (c.NArg() != 1 || !inspect.ShowsFile(c.Context, env, db, c.Args().First())):
		return false, nil
	case o.File == "":
		o.File = c.Args().First()
	}
	if o.Password.AllowEmpty = true; !o.Password.Given() {
		o.Password.Source = db.Password.Source
	}
	o.KeyPasswords, o.LockTimeout = db.KeyPassword, db.LockTimeout
	return true, nil
}

// showFile shows a file. What could be read is printed even if other parts of it are bad.
func showFile(c *cli.Context, env *op.Env, o inspect.Inspect) error {
	format, err := outputFormat(c)
	if err != nil {
		return err
	}
	found, err := o.Run(c.Context, env)
	if err != nil && !slices.ContainsFunc(found.Items, func(i inspect.Item) bool { return i.Error == "" }) {
		return err
	}
	if format == formatPEM {
		return firstError(err, printInspectedPEM(env.Stdout, found))
	}
	return firstError(err, emit(c, env, "show-file", found, func(w io.Writer) { printInspected(w, found) }))
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// printInspectedPEM prints everything that is no secret.
func printInspectedPEM(w io.Writer, found inspect.Inspected) error {
	for _, item := range found.Items {
		text := item.PEM
		for _, c := range item.Certificates {
			text += c.PEM
		}
		if _, err := io.WriteString(w, text); err != nil {
			return err
		}
	}
	return nil
}

func printInspected(w io.Writer, found inspect.Inspected) {
	t := terminal.NewDetails(w)
	t.Row("file", found.File)
	t.Row("format", strings.TrimSpace(found.Format+" "+found.Version))
	t.Row("items", strconv.Itoa(len(found.Items)))
	t.Flush()
	for i, item := range found.Items {
		fmt.Fprintf(w, "\n%s (%d of %d%s)\n", op.Printable(item.Type), i+1, len(found.Items), placeOf(&item))
		printItem(w, &item)
	}
}

func placeOf(item *inspect.Item) string {
	if item.Line > 0 {
		return fmt.Sprintf(", line %d", item.Line)
	}
	return ""
}

func printItem(w io.Writer, item *inspect.Item) {
	t := terminal.NewDetails(w)
	field := func(name, value string) {
		if value != "" {
			t.Row("  "+name, value)
		}
	}
	field("label", item.Label)
	field("local key id", item.LocalKeyID)
	if len(item.Certificates) == 0 {
		field("subject", item.Subject)
		field("issuer", item.Issuer)
	}
	field("status", string(item.Status))
	field("trusted", yes(item.Trusted || item.TrustedKeyUsage))
	field("default", yes(item.Default))
	printKeyFields(field, item)
	printRevocationFields(field, item)
	field("error", item.Error)
	for _, e := range item.Extensions {
		field(extensionName(&e), e.Value)
	}
	t.Flush()
	printRevokedCertificates(w, item.RevokedCertificates)
	for i, c := range item.Certificates {
		if len(item.Certificates) > 1 || item.Type != "certificate" {
			fmt.Fprintf(w, "  certificate %d of %d\n", i+1, len(item.Certificates))
		}
		printCertificate(w, c)
	}
}

// printKeyFields describes the key of an item that is no certificate, and the private key of one that is.
func printKeyFields(field func(name, value string), item *inspect.Item) {
	if len(item.Certificates) == 0 {
		field("key", item.KeyType)
		field("SHA-256", item.SHA256)
		field("key SHA-256", item.SPKISHA256)
	}
	field("algorithm", item.Algorithm)
	field("encrypted", item.Encryption)
	what := "private key"
	if item.Type == "secret-key" {
		what = "secret key"
	}
	switch {
	case item.Unsupported:
		field(what, "closed: its encryption is not supported")
	case item.Locked:
		field(what, "closed: give its password with --in-password or --in-key-password")
	case item.PKCS8SHA256 != "":
		field("private key", "PKCS #8 SHA-256 "+item.PKCS8SHA256)
	}
}

func printRevocationFields(field func(name, value string), item *inspect.Item) {
	if item.Revoked == nil {
		return
	}
	field("this update", timeText(item.ThisUpdate, time.RFC3339))
	field("next update", timeText(item.NextUpdate, time.RFC3339))
	field("number", item.Number)
	field("revoked", strconv.Itoa(*item.Revoked))
}

// printRevokedCertificates prints the entries of a revocation list.
func printRevokedCertificates(w io.Writer, list []inspect.RevokedCertificate) {
	if len(list) == 0 {
		return
	}
	t := terminal.NewTable(w)
	t.Row("  SERIAL", "REVOKED", "REASON", "INVALID SINCE")
	for _, r := range list {
		reason := r.Reason
		if r.Issuer != "" {
			reason += ", issued by " + r.Issuer
		}
		t.Row("  "+r.Serial, r.RevokedAt.Format(time.RFC3339), reason, timeText(r.InvalidSince, time.RFC3339))
	}
	t.Flush()
}

func extensionName(e *inspect.Extension) string {
	if e.Critical {
		return e.Name + " (critical)"
	}
	return e.Name
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return ""
}
