package op

import (
	"context"
	"fmt"

	"certkdb/kdb"
	"certkdb/kdb/keyfile/pem"
	"certkdb/pki/lint"
)

// Lint holds a certificate against the rules of a linter.
type Lint struct {
	DB
	Label   string
	File    string // instead of a label
	Profile string // "rfc5280", "webpki" or "all"
}

// Linted tells what the linter found.
type Linted struct {
	Profile  string        `json:"profile"`
	Findings []LintFinding `json:"findings"`
	Errors   int           `json:"errors"`
}

// LintFinding is a rule that the certificate breaks.
type LintFinding struct {
	Severity string `json:"severity"` // notice, warning or error
	Rule     string `json:"rule"`
	Source   string `json:"source"`
	Section  string `json:"section,omitempty"`
	What     string `json:"what,omitempty"`
	Detail   string `json:"detail,omitempty"`
}

// Run lints. If a finding is an error, the error wraps ErrFindings, and the result tells them all.
func (o Lint) Run(ctx context.Context, env *Env) (Linted, error) {
	der, err := o.certificate(ctx, env)
	if err != nil {
		return Linted{}, err
	}
	findings, err := lint.Check(der, o.Profile)
	if err != nil {
		return Linted{}, pkiError(err)
	}
	linted := Linted{Profile: o.Profile, Findings: []LintFinding{}}
	for _, f := range findings {
		if f.Severity == lint.Error {
			linted.Errors++
		}
		linted.Findings = append(linted.Findings, LintFinding{f.Severity.String(), f.Name, f.Source, f.Where, f.What, f.Detail})
	}
	if linted.Errors > 0 {
		return linted, fmt.Errorf("linting: %w: %d %s", ErrFindings, linted.Errors, plural(linted.Errors, "error"))
	}
	return linted, nil
}

func (o Lint) certificate(ctx context.Context, env *Env) ([]byte, error) {
	if o.File != "" {
		return readCertificateFile(env, o.File)
	}
	var der []byte
	err := o.view(ctx, env, func(tx kdb.Tx) error {
		if _, err := mustHave(tx, o.Label); err != nil {
			return err
		}
		entry, err := tx.Entry(o.Label)
		if err == nil && len(entry.Certificates) == 0 {
			err = fmt.Errorf("label %q: %w: it has no certificate", o.Label, ErrUsage)
		}
		if err == nil {
			der = entry.Certificates[0]
		}
		return err
	})
	return der, err
}

// lint refuses what a CA is about to give out, if it was asked to.
func (s Spec) lint(der []byte) error {
	if !s.Lint {
		return nil
	}
	findings, err := lint.Check(der, "rfc5280")
	if err != nil {
		return err
	}
	for _, f := range findings {
		if f.Severity == lint.Error {
			return fmt.Errorf("%w: the linter refuses the certificate: %s", ErrFindings, f)
		}
	}
	return nil
}

// readCertificateFile returns the first certificate of a file; "-" is standard input.
func readCertificateFile(env *Env, file string) ([]byte, error) {
	certificates, err := readCertificates(env, file)
	if err != nil {
		return nil, err
	}
	return certificates[0], nil
}

// readCertificates returns the certificates of a file, at least one.
func readCertificates(env *Env, file string) ([][]byte, error) {
	var found [][]byte
	err := eachItem(env, file, func(item pem.Item) {
		if item.Kind == pem.Certificate {
			found = append(found, item.DER)
		}
	})
	if err == nil && len(found) == 0 {
		err = fmt.Errorf("reading %q: %w: it holds no certificate", file, kdb.ErrParse)
	}
	return found, err
}

// eachItem calls fn with everything in a file of certificates, keys, lists.
func eachItem(env *Env, file string, fn func(pem.Item)) error {
	p := piece{name: file}
	if file == "-" {
		in := &input{env: env}
		if err := in.add(context.Background(), Add{}, file); err != nil {
			return err
		}
		p = in.pieces[0]
	}
	r, closeFile, err := p.open()
	if err != nil {
		return fmt.Errorf("reading %q: %w", file, unwrapPath(err))
	}
	defer closePiece(closeFile)
	for item, err := range pem.Items(r) {
		if err != nil {
			return fmt.Errorf("reading %q: %w", file, err)
		}
		fn(item)
	}
	return nil
}
