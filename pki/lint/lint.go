// Package lint checks certificates against the rules of zlint.
package lint

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"certkdb/pki"
	"certkdb/pki/cert"

	"github.com/zmap/zcrypto/x509"
	"github.com/zmap/zlint/v3"
	"github.com/zmap/zlint/v3/lint"
)

// Severity is how much a finding matters.
type Severity int

// The severities, in zlint's words.
const (
	Notice Severity = iota + 1
	Warning
	Error
)

// String returns notice, warning or error.
func (s Severity) String() string {
	switch s {
	case Notice:
		return "notice"
	case Warning:
		return "warning"
	}
	return "error"
}

// Finding is a rule that a certificate breaks.
type Finding struct {
	Severity Severity
	// Name is zlint's name of the rule, Source where it comes from ("RFC5280", "CABF_BR").
	Name, Source string
	// What says what the rule demands, Where which section, Detail what was found; they may be empty.
	What, Where, Detail string
}

// String is one line for people.
func (f Finding) String() string {
	line := fmt.Sprintf("%s: %s (%s)", f.Severity, f.What, f.Where)
	if f.Detail != "" {
		line += ": " + f.Detail
	}
	return line
}

// RuleSets returns the sets of rules for [Check]: "rfc5280" for the standards alone, "webpki" for the rules of the CA/Browser Forum and
// browsers too, "all" for every rule that zlint has.
func RuleSets() []string { return []string{"rfc5280", "webpki", "all"} }

// Check returns the rules of a set that a certificate breaks, the worst first. The set "" is rfc5280. An error means that the certificate
// cannot be checked: zlint reads fewer certificates than package cert.
func Check(der []byte, set string) ([]Finding, error) {
	registry, err := ruleSet(set)
	if err != nil {
		return nil, fmt.Errorf("linting: %w", err)
	}
	if _, err := cert.Parse(der); err != nil {
		return nil, fmt.Errorf("linting: %w: %w", pki.ErrParse, err)
	}
	found, err := results(der, registry)
	if err != nil {
		return nil, fmt.Errorf("linting: %w", err)
	}
	var findings []Finding
	for name, result := range found {
		if severity, bad := severityOf(result.Status); bad {
			findings = append(findings, finding(registry, name, severity, result.Details))
		}
	}
	slices.SortFunc(findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(b.Severity, a.Severity), strings.Compare(a.Name, b.Name))
	})
	return findings, nil
}

func results(der []byte, rules lint.Registry) (map[string]*lint.LintResult, error) {
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("%w: zlint cannot read this certificate: %w", pki.ErrParse, err)
	}
	return zlint.LintCertificateEx(c, rules).Results, nil
}

// ruleSet chooses the rules by where they come from.
func ruleSet(set string) (lint.Registry, error) {
	var sources lint.SourceList
	switch set {
	case "", "rfc5280":
		sources = lint.SourceList{lint.RFC5280, lint.RFC5480, lint.RFC5891, lint.RFC8813, lint.RFC3279}
	case "webpki":
		sources = lint.SourceList{
			lint.RFC5280, lint.RFC5480, lint.RFC5891, lint.RFC8813, lint.RFC3279, lint.CABFBaselineRequirements,
			lint.CABFEVGuidelines, lint.MozillaRootStorePolicy, lint.AppleRootStorePolicy,
		}
	case "all":
		return lint.GlobalRegistry(), nil
	default:
		return nil, fmt.Errorf("%w: no rules %q, there are %s", pki.ErrArgument, set, strings.Join(RuleSets(), ", "))
	}
	return lint.GlobalRegistry().Filter(lint.FilterOptions{IncludeSources: sources})
}

func severityOf(status lint.LintStatus) (Severity, bool) {
	switch status {
	case lint.Notice:
		return Notice, true
	case lint.Warn:
		return Warning, true
	case lint.Error, lint.Fatal:
		return Error, true
	}
	return 0, false
}

func finding(registry lint.Registry, name string, severity Severity, details string) Finding {
	f := Finding{Severity: severity, Name: name, Detail: details}
	if rule := registry.CertificateLints().ByName(name); rule != nil {
		f.Source, f.What, f.Where = string(rule.Source), rule.Description, rule.Citation
	}
	return f
}
