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
		&cli.StringFlag{Name: "dn", Usage: "the whole subject instead: a distinguished `NAME` of RFC 4514", Destination: &s.DN},
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
			Usage: "`NAME`: server, client, peer, ca, code, email, ocsp, timestamp, or one of --profile-file; else ca for a CA, the " +
				"default one of the file, or server",
			Destination: &s.Profile,
		},
		&cli.StringFlag{Name: "profile-file", Usage: "a `FILE` with further profiles: a configuration of cfssl", Destination: &s.ProfileFile},
		&cli.BoolFlag{Name: "is-ca", Usage: "a certificate of a CA", Destination: &s.IsCA},
		&cli.IntFlag{
			Name: "path-len", Usage: "how many CAs may follow below a CA: `N`", Value: -1, DefaultText: "no limit", Destination: &s.PathLen,
		},
		&cli.StringSliceFlag{
			Name: "permit",
			Usage: "name constraint of a CA, `TYPE:VALUE` (dns, ip, email, uri, directory): nothing but this and what is below; may be " +
				"repeated",
			Destination: &l.permit,
		},
		&cli.StringSliceFlag{
			Name: "exclude", Usage: "name constraint of a CA, `TYPE:VALUE`: not this nor what is below; may be repeated", Destination: &l.exclude,
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
		&cli.BoolFlag{Name: "lint", Usage: "refuse a certificate that the linter calls wrong", Destination: &s.Lint},
	})
}

func timeFlags(s *issuing.Spec) []cli.Flag {
	return inCategory(categoryTime, []cli.Flag{
		&cli.IntFlag{
			Name: "days", Usage: "valid for `N` days; else as long as the profile says, or 365", DefaultText: "the profile's", Destination: &s.Days,
		},
		&cli.StringFlag{
			Name: "not-before", Usage: "valid from this `TIME`, such as 2027-01-31 or 2027-01-31T12:00:00Z", Destination: &s.NotBefore,
		},
		&cli.StringFlag{Name: "not-after", Usage: "valid until this `TIME`", Destination: &s.NotAfter},
	})
}

// checkValues refuses what would otherwise be as if it were not given: --days 0, and a CA whose name is an empty variable of a script.
func checkValues(c *cli.Context) error {
	for _, name := range []string{
		"ca", "ca-db", "ca-remote", "ca-remote-key", "ca-password", "profile", "profile-file", "cn", "not-after", "key-type",
	} {
		if c.IsSet(name) && c.String(name) == "" {
			return usage(c, "--%s is empty", name)
		}
	}
	if c.IsSet("days") && c.Int("days") < 1 {
		return usage(c, "--days %d: a certificate is valid for a day at least", c.Int("days"))
	}
	return nil
}

func inCategory(category string, flags []cli.Flag) []cli.Flag {
	for _, f := range flags {
		switch f := f.(type) {
		case *cli.StringFlag:
			f.Category = category
		case *cli.StringSliceFlag:
			f.Category = category
		case *cli.IntFlag:
			f.Category = category
		case *cli.BoolFlag:
			f.Category = category
		}
	}
	return flags
}

func authorityFlags(env *op.Env, a *issuing.Authority) []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "ca", Usage: "`LABEL` of the CA that signs", Destination: &a.Label},
		&cli.StringFlag{Name: "ca-db", Usage: "the database of the CA, if it is another one: a `FILE`", Destination: &a.DB.Location},
		passwordFlag(env, &a.DB.Password, op.FieldCAPassword, "where its password comes from"),
		&cli.StringFlag{Name: "ca-remote", Usage: "a CA behind cfssl serve: its `URL`", Destination: &a.Remote},
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
		&cli.BoolFlag{Name: "ensure", Usage: "do nothing when the label has already what would be made, dates apart", Destination: &o.Ensure},
		&cli.BoolFlag{Name: "default", Usage: "make it the default entry", Destination: &o.Default},
	)
	flags = append(append(flags, changeFlags()...), subjectFlags(&o.Spec, &lists)...)
	flags = append(append(flags, useFlags(&o.Spec, &lists)...), timeFlags(&o.Spec)...)
	return &cli.Command{
		Name: "create", Category: groupIssuing, Usage: "make a private key and its certificate, self-signed or signed by a CA of the database",
		ArgsUsage: "LABEL",
		Description: "Without --ca the certificate is self-signed. Without --san a server certificate is valid for its common name, when that " +
			"is\n" +
			"a host's name or an address. What a CA signs is recorded in its database; see: certkdb issued.\n" +
			"A script that runs again says --ensure; a difference is then an error, or with --replace a new certificate. For one that ends\n" +
			"soon there is: certkdb renew LABEL --before 30d.\n\n" +
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
	flags := []cli.Flag{
		&cli.StringFlag{Name: "out", Usage: "write the request to `FILE`; - is standard output", Destination: &o.Out.Path},
		&cli.BoolFlag{Name: "force", Usage: "replace an existing file", Destination: &o.Out.Force},
		&cli.BoolFlag{Name: "replace", Usage: "replace an entry that has the label", Destination: &o.Replace},
		&cli.BoolFlag{
			Name: "ensure", Usage: "do nothing when the label has such a request already, or the certificate that came of it",
			Destination: &o.Ensure,
		},
	}
	flags = append(append(append(flags, changeFlags()...), subjectFlags(&o.Spec, &lists)...), useFlags(&o.Spec, &lists)...)
	return &cli.Command{
		Name: "request", Category: groupIssuing, Usage: "make a private key and a PKCS #10 request for a certificate", ArgsUsage: "LABEL",
		Description: "The key stays in the database under the label until the certificate comes: certkdb receive.\n\n" +
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
			if o.Out.Path == "-" { // for another program, that wants nothing else
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
		&cli.BoolFlag{Name: "preserve", Usage: "take the extensions that the requests ask for", Destination: &o.Preserve},
		&cli.BoolFlag{Name: "chain", Usage: "write the CA's chain behind each certificate", Destination: &o.Chain},
		&cli.StringFlag{Name: "out", Usage: "the `FILE` to write, a folder for several; else standard output", Destination: &o.Out.Path},
		&cli.BoolFlag{Name: "force", Usage: "replace existing files", Destination: &o.Out.Force},
	)
	flags = append(flags, changeFlags()...)
	subject := subjectFlags(&o.Spec, &lists)
	flags = append(flags, subject[:len(subject)-1]...) // the key is the requester's
	flags = append(append(flags, useFlags(&o.Spec, &lists)...), timeFlags(&o.Spec)...)
	return &cli.Command{
		Name: "sign", Category: groupIssuing, Usage: "sign PKCS #10 requests by a CA of the database", ArgsUsage: "FILE|FOLDER…",
		Description: "Takes of a request what the profile allows; --preserve takes its extensions too. What is given here replaces what the\n" +
			"request says. All the requests are signed or none, and recorded before they are written: certkdb issued.\n\n" +
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

// printSigned prints certificates that have no file of their own; what is said about them then goes to standard error.
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
	if s.Serial != "" { // else it is still the remote CA's to say
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
		Name: "receive", Category: groupIssuing, Usage: "take the certificate that a CA made for a request of the database", ArgsUsage: "FILE…",
		Description: "Finds the pending request, or the entry to renew, by the public key, and builds the chain from the input and the " +
			"database.\n\n" +
			examples(
				"certkdb receive web.crt",
				"certkdb receive web.crt chain.pem --default",
			),
		Flags: append(changeFlags(),
			&cli.StringFlag{
				Name: "label", Aliases: []string{"l"}, Usage: "`LABEL` of the request; else found by the public key", Destination: &o.Label,
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
		fmt.Fprintf(w, "note: the chain is not complete: add the certificate of %s\n", printable(r.Missing))
	}
}

func renewCommand(env *op.Env) *cli.Command {
	var o issuing.Renew
	var before string
	return &cli.Command{
		Name: "renew", Category: groupIssuing, Usage: "replace a certificate by a new one for the same names and uses", ArgsUsage: "LABEL",
		Description: "A self-signed certificate signs itself, another one is signed by its CA, when that is in the database or named. A new\n" +
			"private key is made unless --reuse-key keeps it; a CA keeps its key, so that what it issued stays valid, unless --key-type\n" +
			"asks for another, and its new certificate goes into the chains of the entries that hold the old one. With --before nothing is done " +
			"as long as it is not due.\n\n" +
			examples("certkdb renew web", "certkdb renew web --before 30d", "certkdb renew web --reuse-key --days 90"),
		Flags: append(append(changeFlags(), authorityFlags(env, &o.CA)...),
			&cli.BoolFlag{Name: "reuse-key", Usage: "keep the private key", Destination: &o.ReuseKey},
			&cli.StringFlag{Name: "key-type", Usage: "`TYPE` of the new key; else as before", Destination: &o.KeyType},
			&cli.IntFlag{Name: "days", Usage: "valid for `N` days; else as long as before", DefaultText: "as before", Destination: &o.Days},
			&cli.StringFlag{Name: "before", Usage: "only if it expires within a `TIME` such as 30d", Destination: &before},
			&cli.BoolFlag{Name: "lint", Usage: "refuse a certificate that the linter calls wrong", Destination: &o.Lint},
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
