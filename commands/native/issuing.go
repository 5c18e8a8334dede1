package native

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"certkdb/commands/op"
	"certkdb/commands/op/issuing"
)

const keyTypes = "rsa2048 rsa3072 rsa4096 p256 p384 p521 ed25519 mldsa44 mldsa65 mldsa87"

// specLists are the options of a Spec that may be repeated. urfave/cli keeps lists of its own, which take copies.
type specLists struct {
	sans, permit, exclude, keyUsages, extKeyUsages, policies, crls, ocsps, issuers cli.StringSlice
}

// into copies the lists. Usages and policies may also be given as one list with commas.
func (l *specLists) into(s *issuing.Spec) {
	s.SANs, s.Permit, s.Exclude = l.sans.Value(), l.permit.Value(), l.exclude.Value()
	s.KeyUsages, s.ExtKeyUsages, s.Policies = commas(l.keyUsages.Value()), commas(l.extKeyUsages.Value()), commas(l.policies.Value())
	s.CRLURLs, s.OCSPURLs, s.IssuerURLs = l.crls.Value(), l.ocsps.Value(), l.issuers.Value()
}

func commas(list []string) []string {
	var out []string
	for _, item := range list {
		for _, part := range strings.Split(item, ",") {
			if part = strings.TrimSpace(part); part != "" {
				out = append(out, part)
			}
		}
	}
	return out
}

// The categories of the options about a certificate.
const (
	categorySubject = "Who it is for"
	categoryUse     = "What it is for"
	categoryTime    = "How long it is valid"
)

func subjectFlags(s *issuing.Spec, l *specLists) []cli.Flag {
	flags := []cli.Flag{
		&cli.StringFlag{Name: "cn", Usage: "the common `NAME` of the subject", Destination: &s.CommonName},
		&cli.StringFlag{Name: "o", Usage: "its organization: `NAME`", Destination: &s.Organization},
		&cli.StringFlag{Name: "ou", Usage: "its organizational unit: `NAME`", Destination: &s.Unit},
		&cli.StringFlag{Name: "locality", Usage: "its locality: `NAME`", Destination: &s.Locality},
		&cli.StringFlag{Name: "state", Usage: "its state or province: `NAME`", Destination: &s.State},
		&cli.StringFlag{Name: "c", Usage: "its country: two `LETTERS`", Destination: &s.Country},
		&cli.StringFlag{Name: "dn", Usage: "the whole subject instead: a distinguished `NAME` as in RFC 4514", Destination: &s.DN},
		&cli.StringSliceFlag{
			Name: "san", Usage: "a subject alternative name, `TYPE:VALUE`: dns, ip, email, uri, directory or rid; may be repeated",
			Destination: &l.sans,
		},
		&cli.StringFlag{Name: "key-type", Usage: "`TYPE` of the key: " + keyTypes, Value: "p256", Destination: &s.KeyType},
	}
	return inCategory(categorySubject, flags)
}

func useFlags(s *issuing.Spec, l *specLists) []cli.Flag {
	return inCategory(categoryUse, []cli.Flag{
		&cli.StringFlag{
			Name: "profile",
			Usage: "`NAME`: server, client, peer, ca, code, email, ocsp, timestamp, or one from --profile-file; default: ca for a CA, else " +
				"the file's default, else server",
			Destination: &s.Profile,
		},
		&cli.StringFlag{Name: "profile-file", Usage: "a `FILE` with more profiles: a cfssl configuration", Destination: &s.ProfileFile},
		&cli.BoolFlag{Name: "is-ca", Usage: "make a CA certificate", Destination: &s.IsCA},
		&cli.IntFlag{
			Name: "path-len", Usage: "how many CAs may follow below this one: `N`", Value: -1, DefaultText: "no limit", Destination: &s.PathLen,
		},
		&cli.StringSliceFlag{
			Name: "permit",
			Usage: "name constraint of a CA, `TYPE:VALUE` (dns, ip, email, uri, directory): allow only this and names below it; may be " +
				"repeated",
			Destination: &l.permit,
		},
		&cli.StringSliceFlag{
			Name: "exclude", Usage: "name constraint of a CA, `TYPE:VALUE`: forbid this and names below; may be repeated", Destination: &l.exclude,
		},
		&cli.StringSliceFlag{Name: "ku", Usage: "key usages instead of the profile's: `NAME,NAME`", Destination: &l.keyUsages},
		&cli.StringSliceFlag{
			Name: "eku", Usage: "extended key usages instead of the profile's: `NAME,NAME` or dotted identifiers", Destination: &l.extKeyUsages,
		},
		&cli.StringSliceFlag{Name: "policy", Usage: "certificate policies: dotted `OID,OID`", Destination: &l.policies},
		&cli.StringSliceFlag{Name: "crl-url", Usage: "where its revocation list is: `URL`", Destination: &l.crls},
		&cli.StringSliceFlag{Name: "ocsp-url", Usage: "where its OCSP responder is: `URL`", Destination: &l.ocsps},
		&cli.StringSliceFlag{Name: "issuer-url", Usage: "where its issuer's certificate is: `URL`", Destination: &l.issuers},
		&cli.BoolFlag{Name: "fips", Usage: "refuse what is not approved under FIPS 140-3", Destination: &s.FIPS},
		&cli.BoolFlag{Name: "lint", Usage: "refuse a certificate in which the linter finds errors", Destination: &s.Lint},
	})
}

func timeFlags(s *issuing.Spec) []cli.Flag {
	return inCategory(categoryTime, []cli.Flag{
		&cli.IntFlag{
			Name: "days", Usage: "valid for `N` days; default: the profile's validity, or 365", DefaultText: "the profile's", Destination: &s.Days,
		},
		&cli.StringFlag{
			Name: "not-before", Usage: "valid from this `TIME`, such as 2027-01-31 or 2027-01-31T12:00:00Z", Destination: &s.NotBefore,
		},
		&cli.StringFlag{Name: "not-after", Usage: "valid until this `TIME`", Destination: &s.NotAfter},
	})
}

// checkValues refuses values that would otherwise count as not given: --days 0, and a CA whose name is an empty variable of a script.
func checkValues(c *cli.Context) error {
	for _, name := range []string{
		"ca", "ca-db", "ca-remote", "ca-remote-key", "ca-password", "profile", "profile-file", "cn", "not-after", "key-type",
	} {
		if c.IsSet(name) && c.String(name) == "" {
			return usage(c, "--%s is empty", name)
		}
	}
	if c.IsSet("days") && c.Int("days") < 1 {
		return usage(c, "--days %d: a certificate is valid for at least a day", c.Int("days"))
	}
	return nil
}

func authorityFlags(env *op.Env, a *issuing.Authority) []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "ca", Usage: "`LABEL` of the CA that signs", Destination: &a.Label},
		&cli.StringFlag{Name: "ca-db", Usage: "the CA's database, if the CA is in a different one: a `FILE`", Destination: &a.DB.Location},
		passwordFlag(env, &a.DB.Password, op.FieldCAPassword, "where its password comes from"),
		&cli.StringFlag{Name: "ca-remote", Usage: "a remote CA, run with cfssl serve: its `URL`", Destination: &a.Remote},
		passwordFlag(env, &a.RemoteKey, op.FieldCARemoteKey, "where its authentication key comes from"),
		&cli.StringFlag{Name: "ca-remote-profile", Usage: "the server's signing profile: `NAME`", Destination: &a.RemoteProfile},
		&cli.StringFlag{Name: "ca-remote-label", Usage: "the server's signer: `NAME`", Destination: &a.RemoteLabel},
	}
}

func createCommand(env *op.Env) *cli.Command {
	var o issuing.Create
	var lists specLists
	flags := append(authorityFlags(env, &o.CA),
		&cli.BoolFlag{Name: "replace", Usage: "replace an entry that has the label", Destination: &o.Replace},
		&cli.BoolFlag{Name: "ensure", Usage: "do nothing if the entry already matches; dates are not compared", Destination: &o.Ensure},
		&cli.BoolFlag{Name: "default", Usage: "make it the default entry", Destination: &o.Default},
	)
	flags = append(append(flags, changeFlags()...), subjectFlags(&o.Spec, &lists)...)
	flags = append(append(flags, useFlags(&o.Spec, &lists)...), timeFlags(&o.Spec)...)
	return &cli.Command{
		Name: "create", Category: groupIssuing, Usage: "create a private key and its certificate, self-signed or signed by a CA in the database",
		ArgsUsage: "LABEL",
		Description: "Without --ca the certificate is self-signed. Without --san a server certificate is valid for its common name, if it is\n" +
			"a host name or an address. What a CA signs is recorded in its database; see: certkdb issued.\n" +
			"Use --ensure in scripts that run repeatedly: if the entry differs, that is an error, or with --replace a new certificate is\n" +
			"made. To replace a certificate before it expires: certkdb renew LABEL --before 30d.\n\n" +
			examples(
				"certkdb create web --cn www.example.com",
				"certkdb create web --cn www.example.com --san dns:example.com --san ip:192.0.2.7 --days 90",
				"certkdb create root --is-ca --dn 'CN=Example Root,O=Example,C=US' --key-type p384 --days 3650",
				"certkdb create sub --ca root --is-ca --path-len 0 --permit dns:example.com --cn 'Example Issuing CA'",
				"certkdb create api --ca sub --cn api.example.com --profile peer --ensure",
			),
		Flags: flags,
		Action: change(env, "create", func(c *cli.Context, args []string) (op.Operation[issuing.Made], error) {
			lists.into(&o.Spec)
			o.Label, o.CA.DB.LockTimeout = args[0], c.Duration(flagLockTimeout)
			return o, checkValues(c)
		}, printMade),
	}
}

func printMade(w io.Writer, made issuing.Made) {
	fmt.Fprintf(
		w, "%s %q: %s, %s, valid until %s\n", changedWord("created", !made.Kept), made.Label, orDash(made.Subject), made.KeyType,
		timeText(made.NotAfter, time.DateOnly),
	)
	printNotes(w, made.Notes)
}

// changedWord is what was done, or that nothing was.
func changedWord(done string, changed bool) string {
	if changed {
		return done
	}
	return "unchanged"
}

func printNotes(w io.Writer, notes []string) {
	for _, note := range notes {
		if note == issuing.NoteDueAgain {
			note += "; use --days"
		}
		fmt.Fprintf(w, "note: %s\n", printable(note))
	}
}

func requestCommand(env *op.Env) *cli.Command {
	var o issuing.Request
	var lists specLists
	flags := append(outputFlags(&o.Out, "write the request to `FILE`; - is standard output"),
		&cli.BoolFlag{Name: "replace", Usage: "replace an entry that has the label", Destination: &o.Replace},
		&cli.BoolFlag{
			Name: "ensure", Usage: "do nothing if the label already has such a request, or the certificate issued for it",
			Destination: &o.Ensure,
		},
	)
	flags = append(append(append(flags, changeFlags()...), subjectFlags(&o.Spec, &lists)...), useFlags(&o.Spec, &lists)...)
	return &cli.Command{
		Name: "request", Category: groupIssuing, Usage: "create a private key and a PKCS #10 certificate request", ArgsUsage: "LABEL",
		Description: "The key waits in the database under the label until you add the certificate with: certkdb receive.\n\n" +
			examples(
				"certkdb request web --cn www.example.com --san dns:example.com --out web.csr",
				"certkdb request web --dn 'CN=fqdn,OU=Storage,O=Example' --key-type rsa2048 --ku digitalSignature,keyEncipherment --eku "+
					"clientAuth,serverAuth --out -",
			),
		Flags: flags,
		Action: change(env, "request", func(c *cli.Context, args []string) (op.Operation[issuing.Requested], error) {
			lists.into(&o.Spec)
			o.Label = args[0]
			return o, checkValues(c)
		}, func(w io.Writer, made issuing.Requested) {
			if o.Out.Path == "-" { // for another program, which expects nothing else
				fmt.Fprint(w, made.PEM)
				return
			}
			printRequested(w, made)
		}),
	}
}

func printRequested(w io.Writer, made issuing.Requested) {
	fmt.Fprintf(w, "%s %q: %s, %s\n", changedWord("requested", made.Changed), made.Label, orDash(made.Subject), made.KeyType)
	printNotes(w, made.Notes)
	switch {
	case made.Out == "":
		fmt.Fprint(w, made.PEM)
	case made.Changed:
		fmt.Fprintf(w, "wrote the request to %q\n", made.Out)
	default:
		fmt.Fprintf(w, "the request is in %q\n", made.Out)
	}
}

func signCommand(env *op.Env) *cli.Command {
	var o issuing.Sign
	var lists specLists
	flags := append(authorityFlags(env, &o.CA),
		&cli.BoolFlag{Name: "preserve", Usage: "accept the extensions that the requests ask for", Destination: &o.Preserve},
		&cli.BoolFlag{Name: "chain", Usage: "write the CA's chain after each certificate", Destination: &o.Chain},
	)
	flags = append(flags, outputFlags(&o.Out, "the `FILE` to write, or a folder for several; default: standard output")...)
	flags = append(flags, changeFlags()...)
	subject := subjectFlags(&o.Spec, &lists)
	flags = append(flags, subject[:len(subject)-1]...) // the key is the requester's
	flags = append(append(flags, useFlags(&o.Spec, &lists)...), timeFlags(&o.Spec)...)
	return &cli.Command{
		Name: "sign", Category: groupIssuing, Usage: "sign PKCS #10 requests with a CA in the database", ArgsUsage: "FILE|FOLDER…",
		Description: "Accepts from a request what the profile allows, and with --preserve its extensions too. Options override the request.\n" +
			"All requests are signed, or none. Certificates are recorded before they are written; see: certkdb issued.\n\n" +
			examples(
				"certkdb sign web.csr --ca sub --out web.crt", "certkdb sign web.csr --ca sub --profile peer --preserve --days 90 --chain",
				"certkdb sign requests/ --ca sub --out certificates/",
			),
		Flags: flags,
		Action: action(env, "sign", func(c *cli.Context, args []string) (signed issuing.Signed, err error) {
			if err := checkValues(c); err != nil {
				return signed, err
			}
			db, err := database(c, env)
			if err != nil {
				return signed, err
			}
			lists.into(&o.Spec)
			o.Files, o.CA.DB.LockTimeout = args, c.Duration(flagLockTimeout)
			s, err := o.Open(c.Context, env, db)
			if err != nil {
				return signed, err
			}
			defer s.Close()
			s.DryRun = c.Bool(flagDryRun)
			return op.One(c.Context, s, o)
		}, func(w io.Writer, signed issuing.Signed) { printSigned(w, env.Stderr, signed) }),
	}
}

// printSigned prints certificates that are not written to files; messages about them then go to standard error.
func printSigned(w, notes io.Writer, signed issuing.Signed) {
	for _, s := range signed.Certificates {
		if s.PEM != "" {
			fmt.Fprint(w, s.PEM)
			printNotes(notes, s.Notes)
			continue
		}
		if len(signed.Certificates) <= 20 {
			fmt.Fprintln(w, signedLine(&s))
			printNotes(w, s.Notes)
		}
	}
	if n := len(signed.Certificates); n > 20 {
		fmt.Fprintf(w, "signed %d requests\n", n)
	}
}

func signedLine(s *issuing.SignedCertificate) string {
	line := "signed " + printable(orDash(s.Subject))
	if s.Serial != "" { // else the remote CA has not chosen it yet
		line += fmt.Sprintf(": serial %s, until %s", s.Serial, s.NotAfter[:len(time.DateOnly)])
	}
	if s.Out != "" {
		line += fmt.Sprintf(", in %q", s.Out)
	}
	return line
}

func receiveCommand(env *op.Env) *cli.Command {
	var o issuing.Receive
	return &cli.Command{
		Name: "receive", Category: groupIssuing, Usage: "add the certificate that a CA issued for a request in the database",
		ArgsUsage: "FILE…",
		Description: "Finds the pending request, or the entry to renew, by the public key, and builds the chain from the input and the " +
			"database.\n\n" +
			examples(
				"certkdb receive web.crt",
				"certkdb receive web.crt chain.pem --default",
			),
		Flags: append(changeFlags(),
			&cli.StringFlag{
				Name: "label", Aliases: []string{"l"}, Usage: "`LABEL` of the request; default: found by the public key", Destination: &o.Label,
			},
			&cli.BoolFlag{Name: "default", Usage: "make it the default entry", Destination: &o.Default},
		),
		Action: change(env, "receive", func(_ *cli.Context, args []string) (op.Operation[issuing.Received], error) {
			o.Files = args
			return o, nil
		}, printReceived),
	}
}

func printReceived(w io.Writer, r issuing.Received) {
	fmt.Fprintf(
		w, "%s %q: %s, valid until %s\n", changedWord("received", r.Changed), r.Label, orDash(r.Subject), timeText(r.NotAfter, time.DateOnly),
	)
	printRefreshed(w, r.Refreshed)
	if !r.Complete {
		fmt.Fprintf(w, "note: the chain is incomplete: add the certificate of %s\n", printable(r.Missing))
	}
}

func renewCommand(env *op.Env) *cli.Command {
	var o issuing.Renew
	var before string
	return &cli.Command{
		Name: "renew", Category: groupIssuing, Usage: "replace a certificate with a new one for the same names and uses", ArgsUsage: "LABEL",
		Description: "A self-signed certificate is self-signed again. Any other is signed by its CA, which is found in the database or named\n" +
			"with --ca. The entry gets a new private key, unless --reuse-key keeps the old one. A CA keeps its key, so that what it\n" +
			"issued stays valid, unless you give --key-type; its new certificate replaces the old one in the chains of other entries.\n" +
			"With --before, nothing is done until the certificate is due.\n\n" +
			examples("certkdb renew web", "certkdb renew web --before 30d", "certkdb renew web --reuse-key --days 90"),
		Flags: append(append(changeFlags(), authorityFlags(env, &o.CA)...),
			&cli.BoolFlag{Name: "reuse-key", Usage: "keep the private key", Destination: &o.ReuseKey},
			&cli.StringFlag{Name: "key-type", Usage: "`TYPE` of the new key; default: as before", Destination: &o.KeyType},
			&cli.IntFlag{Name: "days", Usage: "valid for `N` days; default: as long as before", DefaultText: "as before", Destination: &o.Days},
			&cli.StringFlag{Name: "before", Usage: "only if it expires within a `TIME` such as 30d", Destination: &before},
			&cli.BoolFlag{Name: "lint", Usage: "refuse a certificate in which the linter finds errors", Destination: &o.Lint},
		),
		Action: change(env, "renew", func(c *cli.Context, args []string) (op.Operation[issuing.Renewed], error) {
			if err := checkValues(c); err != nil {
				return nil, err
			}
			var err error
			o.Before, err = parsePeriod(before)
			o.Label, o.CA.DB.LockTimeout = args[0], c.Duration(flagLockTimeout)
			return o, err
		}, printRenewed),
	}
}

func printRenewed(w io.Writer, r issuing.Renewed) {
	until := timeText(r.NotAfter, time.DateOnly)
	if !r.Changed {
		fmt.Fprintf(w, "unchanged %q: valid until %s, not due\n", r.Label, until)
		return
	}
	key := "with the same key"
	if r.NewKey {
		key = "with a new key"
	}
	fmt.Fprintf(w, "renewed %q %s, signed by %s, valid until %s\n", r.Label, key, r.Issuer, until)
	printRefreshed(w, r.Refreshed)
	printNotes(w, r.Notes)
}

func printRefreshed(w io.Writer, labels []string) {
	const most = 10
	shown := labels[:min(len(labels), most)]
	for _, label := range shown {
		fmt.Fprintf(w, "refreshed the chain of %q\n", label)
	}
	if more := len(labels) - len(shown); more > 0 {
		fmt.Fprintf(w, "refreshed the chains of %d more entries\n", more)
	}
}
