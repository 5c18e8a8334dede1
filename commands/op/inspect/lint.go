package inspect

import (
	"context"
	"fmt"

	"certkdb/commands/op"
	"certkdb/commands/op/input"
	"certkdb/kdb"
	"certkdb/pki/lint"
)

// Lint checks a certificate with a linter.
type Lint struct {
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

// Run lints; for a file the session needs no database ([op.Nothing]). If a finding is an error, the error wraps ErrFindings, and the result
// tells them all.
func (o Lint) Run(ctx context.Context, s *op.Session) (Linted, error) {
	der, err := o.certificate(ctx, s)
	if err != nil {
		return Linted{}, err
	}
	findings, err := s.Env.Linter(ctx).Check(der, o.Profile)
	if err != nil {
		return Linted{}, op.PKIError(err)
	}
	linted := Linted{Profile: o.Profile, Findings: []LintFinding{}}
	for _, f := range findings {
		if f.Severity >= lint.Error {
			linted.Errors++
		}
		linted.Findings = append(linted.Findings, LintFinding{f.Severity.String(), f.Name, f.Source, f.Where, f.What, f.Detail})
	}
	if linted.Errors > 0 {
		return linted, fmt.Errorf("linting: %w: %d %s", op.ErrFindings, linted.Errors, op.Plural(linted.Errors, "error"))
	}
	return linted, nil
}

func (o Lint) certificate(ctx context.Context, s *op.Session) ([]byte, error) {
	if o.File != "" {
		return input.ReadCertificateFile(s.Env, o.File)
	}
	var der []byte
	err := s.View(ctx, func(tx kdb.Tx) error {
		if _, err := op.MustHave(tx, o.Label); err != nil {
			return err
		}
		entry, err := tx.Entry(o.Label)
		if err == nil && len(entry.Certificates) == 0 {
			err = &op.WrongKind{Label: o.Label, Kind: entry.Kind, Reason: "it has no certificate"}
		}
		if err == nil {
			der = entry.Certificates[0]
		}
		return err
	})
	return der, err
}
