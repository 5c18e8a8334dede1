package native

import (
	"encoding/csv"
	"fmt"
	"io"
	"time"

	"github.com/urfave/cli/v2"

	"certkdb/commands/native/terminal"
	"certkdb/commands/op"
	"certkdb/commands/op/issuing"
)

func issuedCommand(env *op.Env) *cli.Command {
	var o issuing.Issued
	var takeOver cli.StringSlice
	return &cli.Command{
		Name: "issued", Category: groupIssuing, Usage: "list the certificates that a CA in the database has issued",
		Description: "With -o index, the list has the format of openssl ca, so that openssl ocsp -index can answer for the CA.\n\n" +
			examples(
				"certkdb issued --ca sub", "certkdb issued --ca sub --serial 43563c82e3f71e21 -o pem", "certkdb issued --ca sub --json",
				"certkdb issued --ca sub -o csv > issued.csv", "certkdb issued --ca sub -o index > index.txt",
				"certkdb issued --ca sub --subject example.com --columns serial,not_after,sha256",
				"certkdb issued --ca sub --take-over /etc/easy-rsa/pki",
			),
		Flags: append(changeFlags(),
			&cli.StringFlag{Name: "ca", Usage: "`LABEL` of the CA", Destination: &o.CA},
			&cli.StringFlag{Name: "serial", Usage: "only the certificate with this serial `NUMBER`, hexadecimal", Destination: &o.Serial},
			&cli.StringFlag{Name: "subject", Usage: "only those with this `TEXT` in their subject, in upper or lower case", Destination: &o.Subject},
			columnsFlag(),
			&cli.StringSliceFlag{
				Name: "take-over",
				Usage: "record what other programs issued and revoked with the CA's key: a `FILE` (index.txt or crlnumber of openssl ca or " +
					"easy-rsa, a revocation list, a certificate) or a folder of them; may be repeated",
				Destination: &takeOver,
			},
		),
		Action: func(c *cli.Context) error {
			if _, err := arguments(c); err != nil {
				return err
			}
			if c.IsSet("take-over") {
				return takeOverAction(env, issuing.TakeOver{CA: o.CA, Files: takeOver.Value()})(c)
			}
			format, err := outputFormat(c)
			if err != nil {
				return err
			}
			columns, err := chosen(c, issuedColumns())
			if err != nil {
				return err
			}
			if columns != nil && format != formatTable && format != formatCSV {
				return usage(c, "--columns is for tables and CSV")
			}
			s, err := openDatabase(c, env)
			if err != nil {
				return err
			}
			defer s.Close()
			o.WithPEM, o.WithIndex = format == formatPEM, format == formatIndex
			return o.Run(c.Context, s, func(list []issuing.IssuedCertificate) error { return printIssued(env, list, format, columns) })
		},
	}
}

// takeOverAction records what a CA did elsewhere.
func takeOverAction(env *op.Env, o issuing.TakeOver) cli.ActionFunc {
	return change(env, "take-over", func(c *cli.Context, _ []string) (op.Operation[issuing.TakenOver], error) {
		if c.IsSet("serial") {
			return nil, usage(c, "--serial and --take-over exclude each other")
		}
		return o, nil
	}, func(w io.Writer, t issuing.TakenOver) {
		if !t.Changed {
			fmt.Fprintf(w, "unchanged: everything is recorded; the next revocation list is number %d\n", t.NextNumber)
			return
		}
		fmt.Fprintf(w, "recorded %d %s and %d %s; the next revocation list is number %d\n", t.Recorded, op.Plural(t.Recorded, "certificate"),
			t.Revoked, op.Plural(t.Revoked, "revocation"), t.NextNumber)
		if t.Foreign > 0 {
			fmt.Fprintf(w, "note: left out what the CA's key did not sign: %d %s\n", t.Foreign, op.Plural(t.Foreign, "file"))
		}
	})
}

func printIssued(env *op.Env, list []issuing.IssuedCertificate, format string, columns []column[*issuing.IssuedCertificate]) error {
	w := env.Stdout
	switch format {
	case formatJSON:
		if list == nil {
			list = []issuing.IssuedCertificate{}
		}
		return printJSON(w, "issued", issuedCertificates{list}, false)
	case formatJSONL:
		for _, i := range list {
			if err := jsonLine(w, i); err != nil {
				return err
			}
		}
		return nil
	case formatCSV:
		if columns == nil {
			columns = columnsNamed(issuedColumns(), "serial issued_at not_after status revoked_at reason invalid_since subject sha256")
		}
		return csvIssued(w, list, columns)
	case formatPEM, formatIndex:
		for _, i := range list {
			if _, err := io.WriteString(w, i.PEM+i.Index); err != nil {
				return err
			}
		}
		return nil
	}
	if columns == nil {
		columns = columnsNamed(issuedColumns(), "serial issued_at not_after status subject")
	}
	t := terminal.NewTableOn(w, terminal.ScreenOf(env))
	t.Row(headers(columns)...)
	for i := range list {
		var left *int64
		if end := list[i].NotAfter; end != nil {
			left = new(int64(end.Sub(env.Now()).Seconds()))
		}
		t.Coloured(colourOf(list[i].Status, left), texts(columns, &list[i])...)
	}
	return t.Flush()
}

// issuedColumns are all columns of a list of what a CA issued.
func issuedColumns() []column[*issuing.IssuedCertificate] {
	type record = *issuing.IssuedCertificate
	day := func(of func(record) *time.Time) func(record) string {
		return func(i record) string { return timeText(of(i), time.DateOnly) }
	}
	second := func(of func(record) *time.Time) func(record) string {
		return func(i record) string {
			if of(i) == nil {
				return ""
			}
			return of(i).Format(time.RFC3339)
		}
	}
	issued := func(i record) *time.Time { return i.IssuedAt }
	notAfter := func(i record) *time.Time { return i.NotAfter }
	revoked := func(i record) *time.Time { return i.RevokedAt }
	invalidSince := func(i record) *time.Time { return i.InvalidSince }
	return []column[record]{
		{"serial", "SERIAL", func(i record) string { return i.Serial }, nil},
		{"issued_at", "ISSUED", day(issued), second(issued)},
		{"not_after", "EXPIRES", day(notAfter), second(notAfter)},
		{"status", "STATUS", issuedStatus, func(i record) string { return string(i.Status) }},
		{"revoked_at", "REVOKED", day(revoked), second(revoked)},
		{"reason", "REASON", func(i record) string { return orDash(i.Reason) }, func(i record) string { return i.Reason }},
		{"invalid_since", "INVALID SINCE", day(invalidSince), second(invalidSince)},
		{"subject", "SUBJECT", func(i record) string { return orDash(i.Subject) }, func(i record) string { return i.Subject }},
		{"sha256", "SHA256", func(i record) string { return i.SHA256 }, nil},
	}
}

func issuedStatus(i *issuing.IssuedCertificate) string {
	if i.Reason != "" {
		return string(i.Status) + " (" + i.Reason + ")"
	}
	return string(i.Status)
}

func csvIssued(w io.Writer, list []issuing.IssuedCertificate, columns []column[*issuing.IssuedCertificate]) error {
	writer := csv.NewWriter(w)
	_ = writer.Write(columnNames(columns)) // errors come out of Error
	for i := range list {
		_ = writer.Write(values(columns, &list[i]))
	}
	writer.Flush()
	return writer.Error()
}

func revokeCommand(env *op.Env) *cli.Command {
	var o issuing.Revoke
	return &cli.Command{
		Name: "revoke", Category: groupIssuing, Usage: "revoke a certificate that a CA in the database issued", ArgsUsage: "[LABEL]",
		Description: "Name the certificate by a label in the database, by its serial number or by a file. The revocation takes effect with\n" +
			"the next list; see: certkdb crl. Reasons: unspecified keyCompromise cACompromise affiliationChanged superseded\n" +
			"cessationOfOperation certificateHold privilegeWithdrawn aACompromise. removeFromCRL releases a certificate from hold;\n" +
			"any other reason makes the revocation final. --invalid-since tells those who check old signatures since when a key is\n" +
			"not to be relied on, and can be said of a certificate that is revoked already.\n\n" +
			examples(
				"certkdb revoke web --ca sub --reason keyCompromise", "certkdb revoke --serial 43563c82e3f71e21 --ca sub",
				"certkdb revoke --file old.crt --ca sub", "certkdb revoke api --ca sub --reason certificateHold",
				"certkdb revoke api --ca sub --reason removeFromCRL", "certkdb revoke john --ca sub --all",
				"certkdb revoke web --ca sub --reason keyCompromise --invalid-since 2026-10-31",
			),
		Flags: append(changeFlags(),
			&cli.StringFlag{Name: "ca", Usage: "`LABEL` of the CA", Destination: &o.CA},
			&cli.StringFlag{Name: "serial", Usage: "the serial `NUMBER`, hexadecimal", Destination: &o.Serial},
			&cli.StringFlag{
				Name: "file", Usage: "a `FILE` with the certificate, recorded or not, that the CA's key signed", Destination: &o.File,
			},
			&cli.BoolFlag{Name: "all", Usage: "and every other certificate of the same subject that is still valid", Destination: &o.All},
			&cli.StringFlag{Name: "reason", Usage: "why: a reason `NAME` from RFC 5280, 5.3.1", Destination: &o.Reason},
			&cli.StringFlag{
				Name: "invalid-since", Usage: "the invalidity date (RFC 5280, 5.3.2): since when the key is compromised, a `TIME` such as 2026-10-31 " +
					"or 2026-10-31T12:00:00Z", Destination: &o.InvalidSince,
			},
		),
		Action: change(env, "revoke", func(c *cli.Context, _ []string) (op.Operation[issuing.Revoked], error) {
			named := c.NArg()
			for _, other := range []string{o.Serial, o.File} {
				if other != "" {
					named++
				}
			}
			if named != 1 {
				return nil, usage(c, "name the certificate by one of LABEL, --serial, --file")
			}
			o.Label = c.Args().First()
			return o, nil
		}, func(w io.Writer, r issuing.Revoked) { printRevoked(w, r, o.CA) }),
	}
}

func printRevoked(w io.Writer, r issuing.Revoked, ca string) {
	word, state := "unchanged", "not revoked"
	if r.RevokedAt != nil {
		state = fmt.Sprintf("%s since %s", r.Reason, r.RevokedAt.Format(time.RFC3339))
	}
	if r.InvalidSince != nil {
		state += ", invalid since " + r.InvalidSince.Format(time.RFC3339)
	}
	switch {
	case r.Changed && r.RevokedAt != nil:
		word = "revoked"
	case r.Changed:
		word = "released"
	}
	fmt.Fprintf(w, "%s serial %s: %s, %s\n", word, r.Serial, op.Printable(orDash(r.Subject)), state)
	for _, other := range r.Others {
		fmt.Fprintf(w, "revoked serial %s: %s, too\n", other.Serial, op.Printable(orDash(other.Subject)))
	}
	const most = 3
	for i, other := range r.Valid {
		if i == most {
			fmt.Fprintf(w, "note: %d more are valid; revoke all of them with --all\n", len(r.Valid)-most)
			break
		}
		fmt.Fprintf(
			w, "note: another certificate of %s is valid until %s: certkdb revoke --serial %s --ca %s\n",
			op.Printable(orDash(other.Subject)), timeText(other.NotAfter, time.DateOnly), other.Serial, op.Quote(ca),
		)
	}
}

func crlCommand(env *op.Env) *cli.Command {
	var o issuing.CRL
	var next, before string
	return &cli.Command{
		Name: "crl", Category: groupIssuing, Usage: "create a revocation list for a CA in the database",
		Description: "Each list has the next number and states when the following one is due. With --before, an existing list is\n" +
			"replaced only when it is due or when something was revoked or released. The first list of a CA that made lists elsewhere\n" +
			"goes on from the last of them: --after. To take over what it issued as well: certkdb issued --take-over.\n\n" +
			examples("certkdb crl --ca sub --out sub.crl", "certkdb crl --ca sub --format der --next-update 1d --out sub.crl --force",
				"certkdb crl --ca sub --out sub.crl --before 2d", "certkdb crl --ca sub --after old.crl --out sub.crl"),
		Flags: append(append(changeFlags(), outputFlags(&o.Out, "the `FILE` to write; default: standard output")...),
			&cli.StringFlag{Name: "ca", Usage: "`LABEL` of the CA", Destination: &o.CA},
			&cli.StringFlag{Name: "next-update", Usage: "the next list is due within a `TIME`", Value: "7d", Destination: &next},
			&cli.StringFlag{Name: "format", Usage: "`FORMAT`: pem or der", Value: "pem", Destination: (*string)(&o.Format)},
			&cli.StringFlag{
				Name: "before", Usage: "only if the list in --out ends within a `TIME` such as 2d, or does not say what is revoked",
				Destination: &before,
			},
			&cli.StringFlag{
				Name: "after", Usage: "the CA's last list from elsewhere, a `FILE`: what it revokes stays revoked, and its numbers go on",
				Destination: &o.After,
			},
			&cli.Uint64Flag{
				Name: "number", Usage: "the list's `NUMBER`, decimal", DefaultText: "the next one", Destination: &o.Number,
			},
		),
		Action: change(env, "crl", func(c *cli.Context, _ []string) (op.Operation[issuing.CRLDone], error) {
			var err error
			if o.NextUpdate, err = op.ParseLength(next); err == nil {
				o.Before, err = op.ParseLength(before)
			}
			if err == nil && c.IsSet("number") && o.Number == 0 {
				err = usage(c, "--number 0: the numbers of revocation lists begin at 1 here")
			}
			return o, err
		}, func(w io.Writer, done issuing.CRLDone) { printList(w, env.Stderr, done) }),
	}
}

func printList(w, notes io.Writer, done issuing.CRLDone) {
	switch {
	case !done.Changed:
		fmt.Fprintf(
			w, "unchanged %q: revocation list %d, %d revoked, next update %s\n", done.Out, done.Number, done.Revoked,
			done.NextUpdate.Format(time.RFC3339),
		)
	case done.Body != nil:
		w.(*terminal.Writer).Bytes(done.Body)
	case done.Out == "": // a dry run
		fmt.Fprintf(w, "made revocation list %d: %d revoked, next update %s\n", done.Number, done.Revoked, done.NextUpdate.Format(time.RFC3339))
	default:
		fmt.Fprintf(
			w, "wrote revocation list %d to %q: %d revoked, next update %s\n", done.Number, done.Out, done.Revoked,
			done.NextUpdate.Format(time.RFC3339),
		)
	}
	if done.TakenOver > 0 {
		fmt.Fprintf(notes, "note: took over %d %s\n", done.TakenOver, op.Plural(done.TakenOver, "revocation"))
	}
	for _, note := range done.Notes {
		if note == issuing.NoteFirstList {
			note += "; go on from the last one with --after OLD.crl"
		}
		fmt.Fprintf(notes, "note: %s\n", note)
	}
}
