package native

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"certkdb/commands/op"
	"certkdb/commands/op/issuing"
	"certkdb/pki/key"
)

// specLists are the options of a Spec that may be repeated. urfave/cli keeps lists of its own, which take copies.
type specLists struct {
	sans, permit, exclude, keyUsages, extKeyUsages, policies, crls, ocsps, issuers, extensions cli.StringSlice
}

// into copies the lists. Usages and policies may also be given as one list with commas.
func (l *specLists) into(s *issuing.Spec) {
	s.SANs, s.Permit, s.Exclude = l.sans.Value(), l.permit.Value(), l.exclude.Value()
	s.KeyUsages, s.ExtKeyUsages, s.Policies = commas(l.keyUsages.Value()), commas(l.extKeyUsages.Value()), commas(l.policies.Value())
	s.CRLURLs, s.OCSPURLs, s.IssuerURLs = l.crls.Value(), l.ocsps.Value(), l.issuers.Value()
	s.Extensions = l.extensions.Value()
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
		&cli.StringFlag{
			Name: "dn", Usage: "the whole subject instead: a distinguished `NAME` as in RFC 4514, or as in openssl: /C=US/CN=x",
			Destination: &s.DN,
		},
		&cli.StringSliceFlag{
			Name: "san",
			Usage: "a subject alternative name, `TYPE:VALUE`: dns, ip, email, uri, directory, rid, upn, or other:OID;UTF8:TEXT; dns, ip and " +
				"email also as a list with commas; may be repeated",
			Destination: &l.sans,
		},
		&cli.StringFlag{Name: "key-type", Usage: "`TYPE` of the key: " + strings.Join(key.Types(), " "), Value: "p256", Destination: &s.KeyType},
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
			Usage: "name constraint of a CA, `TYPE:VALUE` (dns, ip, email, uri, directory): allow only this and names below it; lists " +
				"and repetition as with --san",
			Destination: &l.permit,
		},
		&cli.StringSliceFlag{
			Name: "exclude", Usage: "name constraint of a CA, `TYPE:VALUE`: forbid this and names below; may be repeated", Destination: &l.exclude,
		},
		&cli.StringSliceFlag{Name: "ku", Usage: "key usages instead of the profile's: `NAME,NAME`", Destination: &l.keyUsages},
		&cli.StringSliceFlag{
			Name:        "eku",
			Usage:       "extended key usages instead of the profile's: `NAME,NAME`, dotted identifiers, or the words of validate --purpose",
			Destination: &l.extKeyUsages,
		},
		&cli.StringSliceFlag{Name: "policy", Usage: "certificate policies: dotted `OID,OID`", Destination: &l.policies},
		&cli.StringSliceFlag{Name: "crl-url", Usage: "where its revocation list is: `URL`", Destination: &l.crls},
		&cli.StringSliceFlag{Name: "ocsp-url", Usage: "where its OCSP responder is: `URL`", Destination: &l.ocsps},
		&cli.StringSliceFlag{Name: "issuer-url", Usage: "where its issuer's certificate is: `URL`", Destination: &l.issuers},
		&cli.BoolFlag{
			Name: "must-staple", Usage: "clients insist on a stapled OCSP response (RFC 7633)", Destination: &s.MustStaple,
		},
		&cli.StringSliceFlag{
			Name:        "extension",
			Usage:       "a further extension, `OID=VALUE`: DER:HEX, UTF8:TEXT, IA5:TEXT or NULL, then ,critical if it is; may be repeated",
			Destination: &l.extensions,
		},
		&cli.BoolFlag{Name: "fips", Usage: "refuse what is not approved under FIPS 140-3", Destination: &s.FIPS},
		&cli.BoolFlag{Name: "lint", Usage: "refuse a certificate in which the linter finds errors", Destination: &s.Lint},
	})
}

func timeFlags(s *issuing.Spec) []cli.Flag {
	return inCategory(categoryTime, []cli.Flag{
		&cli.IntFlag{
			Name: "days", Usage: "valid for `N` days", DefaultText: "the profile's validity, or 365", Destination: &s.Days,
		},
		&cli.StringFlag{
			Name: "not-before", Usage: "valid from this `TIME`, such as 2027-01-31 or 2027-01-31T12:00:00Z", Destination: &s.NotBefore,
		},
		&cli.StringFlag{
			Name: "not-after", Usage: "valid until this `TIME`, or for a length such as 90d or 12h, or never", Destination: &s.NotAfter,
		},
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

func printMade(w io.Writer, made issuing.Made) {
	fmt.Fprintf(
		w, "%s %q: %s, %s, valid until %s\n", changedWord("created", !made.Kept), made.Label, orDash(made.Subject), made.KeyType,
		untilText(made.NotBefore, made.NotAfter),
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
		fmt.Fprintf(w, "note: %s\n", op.Printable(note))
	}
}

func requestCommand(env *op.Env) *cli.Command {
	var o issuing.Request
	var lists specLists
	flags := append(outputFlags(&o.Out, "write the request to `FILE`; - is standard output"),
		&cli.BoolFlag{Name: "replace", Usage: "replace an entry that has the label", Destination: &o.Replace},
		yesFlag(),
		&cli.BoolFlag{
			Name: "ensure", Usage: "do nothing if the label already has such a request, or the certificate issued for it",
			Destination: &o.Ensure,
		},
		&cli.StringFlag{Name: "renew", Usage: "ask for the next certificate of the entry with this `LABEL`", Destination: &o.Renew},
		&cli.BoolFlag{Name: "reuse-key", Usage: "with --renew: keep the private key", Destination: &o.ReuseKey},
	)
	flags = append(append(append(flags, changeFlags()...), subjectFlags(&o.Spec, &lists)...), useFlags(&o.Spec, &lists)...)
	return &cli.Command{
		Name: "request", Category: groupIssuing, Usage: "create a private key and a PKCS #10 certificate request", ArgsUsage: "[LABEL]",
		Description: "The key waits in the database under the label until you add the certificate with: certkdb receive.\n" +
			"With --renew, the request asks for what the certificate of an entry has: names, usages and type of key. The new key waits\n" +
			"under LABEL.renewal, and the entry stays in use until certkdb receive puts the new certificate in its place.\n\n" +
			examples(
				"certkdb request --renew web --out web.csr", "certkdb request --renew web --reuse-key --out web.csr",
				"certkdb request web --cn www.example.com --san dns:example.com --out web.csr",
				"certkdb request web --dn 'CN=fqdn,OU=Storage,O=Example' --key-type rsa2048 --ku digitalSignature,keyEncipherment --eku "+
					"clientAuth,serverAuth --out -",
			),
		Flags: flags,
		Action: change(env, "request", func(c *cli.Context, args []string) (op.Operation[issuing.Requested], error) {
			lists.into(&o.Spec)
			if err := checkRequest(c, &o, args); err != nil {
				return nil, err
			}
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

// checkRequest tells a new request, which has a label and names, from one for an entry that is renewed.
func checkRequest(c *cli.Context, o *issuing.Request, args []string) error {
	switch {
	case c.IsSet("renew") && o.Renew == "":
		return usage(c, "--renew is empty")
	case o.Renew == "" && len(args) == 0:
		return usage(c, "LABEL is missing")
	case o.Renew == "" && o.ReuseKey:
		return usage(c, "--reuse-key needs --renew LABEL")
	case o.Renew == "":
		o.Label = args[0]
		return nil
	case len(args) > 0:
		return usage(c, "the request for %q waits under %q: leave %q out", o.Renew, o.Renew+issuing.RenewalSuffix, args[0])
	}
	if !c.IsSet("key-type") {
		o.Spec.KeyType = "" // that of the entry
	}
	for _, f := range append(subjectFlags(&issuing.Spec{}, &specLists{}), useFlags(&issuing.Spec{}, &specLists{})...) {
		if name := f.Names()[0]; name != "key-type" && name != "fips" && c.IsSet(name) {
			return usage(c, "--%s and --renew exclude each other: the names and usages are those of the entry", name)
		}
	}
	return nil
}

func printRequested(w io.Writer, made issuing.Requested) {
	word := changedWord("requested", made.Changed)
	if made.Renews != "" && made.Renews == made.Label {
		word = "requested for the key of"
	}
	fmt.Fprintf(w, "%s %q: %s, %s\n", word, made.Label, orDash(made.Subject), made.KeyType)
	printNotes(w, made.Notes)
	switch {
	case made.Out == "":
		fmt.Fprint(w, made.PEM)
	case made.Changed || made.Renews != "":
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
			if signed, err = op.One(c.Context, s, o); err == nil {
				warnUnverified(env, s)
			}
			return signed, err
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
	line := "signed " + op.Printable(orDash(s.Subject))
	if s.Serial != "" { // else the remote CA has not chosen it yet
		line += fmt.Sprintf(": serial %s, until %s", s.Serial, untilText(&s.NotBefore, &s.End))
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
		w, "%s %q: %s, valid until %s\n", changedWord("received", r.Changed), r.Label, orDash(r.Subject), untilText(r.NotBefore, r.NotAfter),
	)
	printRefreshed(w, r.Refreshed)
	switch {
	case r.Missing != "":
		fmt.Fprintf(w, "note: the chain is incomplete: add the certificate of %s, and receive this one again\n", op.Printable(r.Missing))
	case r.UntrustedRoot != "":
		fmt.Fprintf(w, "note: the chain ends in %s, which is not trusted here: add it, or trust it\n", op.Printable(r.UntrustedRoot))
	}
	printNotes(w, r.Notes)
}

func renewCommand(env *op.Env) *cli.Command {
	var o issuing.Renew
	var before string
	return &cli.Command{
		Name: "renew", Category: groupIssuing, Usage: "replace a certificate with a new one for the same names and uses", ArgsUsage: "LABEL",
		Description: "A self-signed certificate is self-signed again. Any other is signed by its CA, which is found in the database or named\n" +
			"with --ca. The entry gets a new private key, unless --reuse-key keeps the old one. A CA keeps its key, so that what it\n" +
			"issued stays valid; its new certificate replaces the old one in the chains of other entries.\n" +
			"With --before, nothing is done until the certificate is due.\n\n" +
			"To give a CA a new key, use --new-key. The entry with the old key stays as LABEL.old, and two certificates are made by\n" +
			"which each key vouches for the other: servers send LABEL.new-with-old to clients that trust only the old root. Then renew\n" +
			"what the old key issued, give the new root to all clients, and go on making lists for both: certkdb crl --ca LABEL.old.\n" +
			"When nothing of certkdb issued --ca LABEL.old is valid any more: certkdb delete LABEL.old.\n\n" +
			examples(
				"certkdb renew web", "certkdb renew web --before 30d", "certkdb renew web --reuse-key --days 90", "certkdb renew web --revoke",
				"certkdb renew root --new-key",
			),
		Flags: append(append(changeFlags(), authorityFlags(env, &o.CA)...),
			&cli.BoolFlag{Name: "reuse-key", Usage: "keep the private key", Destination: &o.ReuseKey},
			&cli.BoolFlag{Name: "new-key", Usage: "make a new private key for a CA too, and keep the old one as LABEL.old", Destination: &o.NewKey},
			&cli.StringFlag{Name: "key-type", Usage: "make a new key of this `TYPE`; default: as before", Destination: &o.KeyType},
			&cli.IntFlag{Name: "days", Usage: "valid for `N` days", DefaultText: "as long as before", Destination: &o.Days},
			&cli.StringFlag{
				Name: "before", Usage: "only if it expires within a `TIME` such as 30d, or in the last 33% of its validity", Destination: &before,
			},
			&cli.BoolFlag{Name: "revoke", Usage: "revoke the replaced certificate, as superseded", Destination: &o.Revoke},
			&cli.BoolFlag{Name: "lint", Usage: "refuse a certificate in which the linter finds errors", Destination: &o.Lint},
		),
		Action: change(env, "renew", func(c *cli.Context, args []string) (op.Operation[issuing.Renewed], error) {
			if err := checkValues(c); err != nil {
				return nil, err
			}
			var err error
			if percent, is := strings.CutSuffix(before, "%"); is {
				if o.BeforePercent, err = strconv.Atoi(percent); err != nil || o.BeforePercent < 1 || o.BeforePercent > 99 {
					return nil, usage(c, "--before %s: 1%% to 99%% of the validity are possible", before)
				}
			} else {
				o.Before, err = op.ParseLength(before)
			}
			o.Label, o.CA.DB.LockTimeout = args[0], c.Duration(flagLockTimeout)
			return o, err
		}, printRenewed),
	}
}

func printRenewed(w io.Writer, r issuing.Renewed) {
	until := untilText(r.NotBefore, r.NotAfter)
	if !r.Changed {
		fmt.Fprintf(w, "unchanged %q: valid until %s, not due\n", r.Label, until)
		printNotes(w, r.Notes)
		return
	}
	key := "with the same key"
	if r.NewKey {
		key = "with a new key"
	}
	signer := r.Issuer
	if signer == r.Label {
		signer = "itself"
	}
	fmt.Fprintf(w, "renewed %q %s, signed by %s, valid until %s\n", r.Label, key, signer, until)
	if r.OldLabel != "" {
		fmt.Fprintf(w, "kept the old key as %q: it is needed until what it issued has expired\n", r.OldLabel)
	}
	for _, label := range r.CrossCertificates {
		fmt.Fprintf(w, "made the cross certificate %q\n", label)
	}
	if r.Revoked != "" {
		fmt.Fprintf(w, "revoked the old certificate: serial %s, superseded\n", r.Revoked)
	}
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
