package native

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"certkdb/commands/op"
	"certkdb/commands/op/inspect"
	"certkdb/kdb"
)

func lintCommand(env *op.Env) *cli.Command {
	var o inspect.Lint
	return &cli.Command{
		Name: "lint", Category: groupIssuing, Usage: "check a certificate with zlint", ArgsUsage: "[LABEL]",
		Description: examples("certkdb lint web", "certkdb lint --file web.crt --profile webpki"),
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "file", Usage: "a `FILE` with the certificate; - is standard input", Destination: &o.File},
			&cli.StringFlag{Name: "profile", Usage: "the rules: `NAME` is rfc5280, webpki or all", Value: "rfc5280", Destination: &o.Profile},
		},
		Action: func(c *cli.Context) error {
			if (c.NArg() == 1) == (o.File != "") {
				return usage(c, "name one certificate: LABEL or --file FILE")
			}
			o.Label = c.Args().First()
			s, err := databaseIf(c, env, o.File == "")
			if err != nil {
				return err
			}
			defer s.Close()
			linted, failed := o.Run(c.Context, s)
			if failed != nil && linted.Findings == nil {
				return failed
			}
			err = emit(c, env, "lint", linted, func(w io.Writer) { printLinted(w, linted) })
			if failed != nil {
				return failed
			}
			return err
		},
	}
}

func printLinted(w io.Writer, linted inspect.Linted) {
	for _, f := range linted.Findings {
		line := fmt.Sprintf("%s: %s [%s; %s]", f.Severity, f.What, f.Rule, f.Section)
		if f.Detail != "" {
			line += ": " + f.Detail
		}
		fmt.Fprintln(w, op.Printable(line))
	}
	if len(linted.Findings) == 0 {
		fmt.Fprintf(w, "no findings (%s)\n", linted.Profile)
	}
}

func validateCommand(env *op.Env) *cli.Command {
	var o inspect.Validate
	var files, crls, policies, trust, untrusted cli.StringSlice
	return &cli.Command{
		Name: "validate", Category: groupIssuing, Usage: "build and validate chains from what the database trusts, and explain the verdict",
		ArgsUsage: "[LABEL…]",
		Description: "Validates paths as in RFC 5280, section 6. Chains are built from the trusted entries, the other CAs in the database and\n" +
			"the certificates that come along. Each failure names the certificate, the rule and a remedy. Exits with 8 if a\n" +
			"certificate is not valid.\n\n" +
			examples(
				"certkdb validate web --host www.example.com",
				"certkdb validate --file chain.pem --purpose client --at 2027-01-31",
				"certkdb validate web --crl sub.crl --crl root.crl --json",
				"certkdb validate --file chain.pem --trust root.pem --only-trust",
				"certkdb validate --file web.pem --untrusted intermediates.pem --host www.example.com",
			),
		Flags: []cli.Flag{
			&cli.StringSliceFlag{
				Name: "file", Usage: "a `FILE` with a certificate and its chain, in any order; may be repeated", Destination: &files,
			},
			&cli.StringFlag{
				Name: "host", Usage: "the certificate must be for this `NAME`: a host name, an IP address or an e-mail address", Destination: &o.Host,
			},
			&cli.StringFlag{
				Name: "purpose", Usage: "`USE`: server, client, code, email, timestamp, ocsp, any, or a dotted identifier", Destination: &o.Purpose,
			},
			&cli.StringFlag{Name: "at", Usage: "validate as of this `TIME`; default: now", Destination: &o.At},
			&cli.StringSliceFlag{
				Name: "crl", Usage: "a `FILE` with revocation lists; with it, every certificate needs one; may be repeated", Destination: &crls,
			},
			&cli.StringFlag{
				Name:        "ocsp",
				Usage:       "check its status by OCSP: a `FILE` with a response, a responder's URL, or the word certificate for the one it names",
				Destination: &o.OCSP,
			},
			&cli.StringSliceFlag{
				Name: "untrusted", Usage: "a `FILE` with certificates that may be in the chain and are not trusted for that; may be repeated",
				Destination: &untrusted,
			},
			&cli.StringSliceFlag{Name: "trust", Usage: "a `FILE` with further trust anchors; may be repeated", Destination: &trust},
			&cli.BoolFlag{Name: "only-trust", Usage: "trust only --trust, not the database", Destination: &o.OnlyThese},
			&cli.StringSliceFlag{Name: "policy", Usage: "acceptable policies: dotted `OID,OID`, or any", Destination: &policies},
			&cli.BoolFlag{Name: "explicit-policy", Usage: "the chain must be valid for one of the policies", Destination: &o.ExplicitPolicy},
			&cli.BoolFlag{Name: "inhibit-policy-mapping", Usage: "do not allow policy mappings", Destination: &o.InhibitMapping},
			&cli.BoolFlag{Name: "inhibit-any-policy", Usage: "ignore anyPolicy", Destination: &o.InhibitAny},
			&cli.IntFlag{Name: "max-depth", Usage: "at most `N` intermediate certificates", Value: -1, DefaultText: "20", Destination: &o.MaxDepth},
			&cli.BoolFlag{Name: "partial-chain", Usage: "a trusted certificate ends a chain even if it is not a CA's", Destination: &o.PartialChain},
			&cli.StringFlag{
				Name: "profile", Usage: "`RULES`: rfc5280, rfc5280-strict, or webpki to add the rules of browsers", Destination: &o.Profile,
			},
			&cli.BoolFlag{Name: "allow-weak", Usage: "accept SHA-1 signatures and RSA keys from 1024 bits", Destination: &o.AllowWeak},
		},
		Action: func(c *cli.Context) error {
			o.Labels, o.Files = c.Args().Slice(), files.Value()
			o.Untrusted = untrusted.Value()
			o.CRLs, o.Policies, o.Trust = crls.Value(), commas(policies.Value()), trust.Value()
			s, err := validationDatabase(c, env, o)
			if err != nil {
				return err
			}
			defer s.Close()
			validated, failed := o.Run(c.Context, s)
			warnUnverified(env, s)
			addValidationRemedies(validated, o)
			if first := firstRemedy(validated); first != "" && errors.Is(failed, op.ErrInvalid) {
				failed = withHint(failed, first)
			}
			if failed != nil && validated.Results == nil {
				return failed
			}
			err = emit(c, env, "validate", validated, func(w io.Writer) { printValidated(w, validated) })
			if failed != nil {
				return failed
			}
			return err
		},
	}
}

// databaseIf opens the database if it is needed.
func databaseIf(c *cli.Context, env *op.Env, needed bool) (*op.Session, error) {
	if !needed {
		return op.Nothing(env), nil
	}
	return openDatabase(c, env)
}

// validationDatabase opens the database. Where none is named, --trust may be all that there is to trust.
func validationDatabase(c *cli.Context, env *op.Env, o inspect.Validate) (*op.Session, error) {
	s, err := databaseIf(c, env, o.NeedsDatabase())
	if errors.Is(err, kdb.ErrNoDatabase) && len(o.Labels) == 0 && len(o.Trust) > 0 && !c.IsSet(flagDB) {
		return op.Nothing(env), nil
	}
	return s, err
}

// addValidationRemedies tells how to trust those certificates of the database that are not trusted, and where a missing one belongs.
func addValidationRemedies(validated inspect.Validated, o inspect.Validate) {
	for i := range validated.Results {
		v := &validated.Results[i]
		isFile := slices.Contains(o.Files, v.Name) && !slices.Contains(o.Labels, v.Name)
		for _, chain := range v.Chains {
			for i := range chain.Failures {
				switch f := &chain.Failures[i]; {
				case f.Untrusted != "":
					f.Remedy = trustRemedy(f.Untrusted)
				case f.Lacks != "":
					f.Remedy = lackingRemedy(f, isFile, o.OnlyThese)
				}
			}
		}
		if len(v.Lacking) > 0 {
			v.Notes = append(v.Notes, lackingNote(v))
		}
	}
}

// firstRemedy is that of the failure that the error names.
func firstRemedy(validated inspect.Validated) string {
	for _, v := range validated.Results {
		if v.Valid {
			continue
		}
		for _, a := range v.Chains {
			if len(a.Failures) > 0 {
				return a.Failures[0].Remedy
			}
		}
		break
	}
	return ""
}

// lackingRemedy says where the certificate of an issuer belongs that is neither in a file nor known.
func lackingRemedy(f *inspect.Failure, isFile, onlyTrust bool) string {
	text := fmt.Sprintf("add the certificate of %q", f.Lacks)
	if f.At != "" {
		text += ", which it says is at " + f.At
	}
	root := "certkdb add FILE"
	if onlyTrust {
		root = "--trust FILE"
	}
	if !isFile {
		return fmt.Sprintf("%s, with: certkdb add FILE; or try it with --untrusted FILE", text)
	}
	return fmt.Sprintf("%s, to the file that the server sends, after its own; try it with --untrusted FILE; "+
		"if it is a root that you trust: %s", text, root)
}

// lackingNote says which certificates a file lacks that the database has, and how to write one that is complete.
func lackingNote(v *inspect.Validation) string {
	var names []string
	labels := []string{v.Lacking[0].Label}
	for _, step := range v.Lacking[1:] {
		names, labels = append(names, strconv.Quote(step.Subject)), append(labels, step.Label)
	}
	note := fmt.Sprintf("the certificate of %s is not in the file, but in the database: programs that only get what is in the file "+
		"find no chain", strings.Join(names, ", "))
	switch above := labels[1:]; {
	case labels[0] != "":
		return note + "; write a complete file with: certkdb export " + op.Quote(labels[0]) + " --chain --out FILE"
	case !slices.Contains(above, ""):
		for i, label := range above {
			above[i] = op.Quote(label)
		}
		return note + "; append it to the server's file with: certkdb export " + strings.Join(above, " ") + " >> FILE"
	}
	return note
}

func trustRemedy(label string) string {
	text := "if you trust it: certkdb trust "
	if strings.HasPrefix(label, "-") {
		text += "-- " // it would be taken for an option
	}
	return text + op.Quote(label)
}

func printValidated(w io.Writer, validated inspect.Validated) {
	for _, v := range validated.Results {
		if v.Valid {
			fmt.Fprintf(w, "%s: valid\n", op.Printable(v.Name))
		} else {
			fmt.Fprintf(w, "%s: NOT VALID, chains tried: %d\n", op.Printable(v.Name), len(v.Chains))
		}
		for i, chain := range v.Chains {
			if v.Valid && len(chain.Failures) > 0 {
				continue // what was tried before the valid one does not matter to a person
			}
			printAttempt(w, i+1, chain)
		}
		if v.OCSP != nil {
			line := fmt.Sprintf("  OCSP: %s, of %s, from %q", v.OCSP.Status, v.OCSP.ThisUpdate.Format(time.RFC3339), v.OCSP.Source)
			fmt.Fprintln(w, op.Printable(line))
		}
		if v.Valid {
			for _, note := range v.Notes {
				fmt.Fprintf(w, "  note: %s\n", op.Printable(note))
			}
		}
		if v.Limit != "" {
			fmt.Fprintf(w, "  %s\n", v.Limit)
		}
	}
}

func printAttempt(w io.Writer, number int, chain inspect.Attempt) {
	fmt.Fprintf(w, "  chain %d\n", number)
	for i, step := range chain.Certificates {
		line := fmt.Sprintf("    %d %s", i, orDash(step.Subject))
		if step.Label != "" {
			line += fmt.Sprintf(" (label %q)", step.Label)
		}
		fmt.Fprintln(w, op.Printable(line))
	}
	for _, f := range chain.Failures {
		line := fmt.Sprintf("    certificate %d: %s [%s; %s]", f.Position, f.Reason, f.Rule, f.Section)
		fmt.Fprintln(w, op.Printable(line))
		if f.Remedy != "" {
			fmt.Fprintf(w, "      remedy: %s\n", op.Printable(f.Remedy))
		}
	}
}
