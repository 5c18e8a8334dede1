// Package lint checks certificates against the rules of zlint. The rules are in a program of their own, certkdb-lint, whose initialisation
// would cost this one more than most commands; this package says which rules apply and what a finding means.
package lint

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"certkdb/pki"
	"certkdb/pki/cert"
)

// ErrUnavailable says that certkdb-lint is missing or gave no usable answer.
var ErrUnavailable = errors.New("the linter cannot be used")

// Program hands a request to certkdb-lint and returns its answer, each a line of JSON.
type Program func(request []byte) (answer []byte, err error)

// Severity is how much a finding matters.
type Severity int

// The severities, with zlint's numbers. Fatal means that zlint could not apply a rule.
const (
	Notice Severity = iota + 4
	Warning
	Error
	Fatal
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
	Severity Severity `json:"severity"`
	// Name is zlint's name of the rule, Source where it comes from ("RFC5280", "CABF_BR").
	Name   string `json:"rule"`
	Source string `json:"source"`
	// What says what the rule demands, Where which section, Detail what was found; they may be empty.
	What   string `json:"what"`
	Where  string `json:"section"`
	Detail string `json:"detail"`
}

// String is one line for people.
func (f Finding) String() string {
	line := fmt.Sprintf("%s: %s (%s)", f.Severity, f.What, f.Where)
	if f.Detail != "" {
		line += ": " + f.Detail
	}
	return line
}

// RuleSets returns the sets of rules for [Program.Check]: "rfc5280" for the standards alone, "webpki" for the rules of the CA/Browser Forum
// and browsers too, "all" for every rule that zlint has.
func RuleSets() []string { return []string{"rfc5280", "webpki", "all"} }

// rules chooses rules; the zero value is all of them.
type rules struct {
	Sources       []string `json:"sources,omitempty"`
	IgnoreSources []string `json:"ignore_sources,omitempty"`
	Ignore        []string `json:"ignore,omitempty"`
}

// ruleSet chooses the rules by where they come from.
func ruleSet(set string) (rules, error) {
	standards := []string{"RFC5280", "RFC5480", "RFC5891", "RFC8813", "RFC3279"}
	switch set {
	case "", "rfc5280":
		return rules{Sources: standards}, nil
	case "webpki":
		return rules{Sources: append(standards, "RFC6962", "CABF_BR", "CABF_EV", "Mozilla", "Apple", "Chrome")}, nil
	case "all":
		return rules{}, nil
	}
	return rules{}, fmt.Errorf("%w: no rules %q, there are %s", pki.ErrArgument, set, strings.Join(RuleSets(), ", "))
}

// Check returns the rules of a set that a certificate breaks, the worst first. The set "" is rfc5280. An error means that the certificate
// cannot be checked: zlint reads fewer certificates than package cert.
func (p Program) Check(der []byte, set string) ([]Finding, error) {
	chosen, err := ruleSet(set)
	if err != nil {
		return nil, fmt.Errorf("linting: %w", err)
	}
	if _, err := cert.Parse(der); err != nil {
		return nil, fmt.Errorf("linting: %w: %w", pki.ErrParse, err)
	}
	findings, err := p.findings(der, chosen)
	if err != nil {
		return nil, fmt.Errorf("linting: %w", err)
	}
	return findings, nil
}

// findings asks the program.
func (p Program) findings(der []byte, chosen rules) ([]Finding, error) {
	request, err := json.Marshal(struct {
		Certificate []byte `json:"certificate"`
		rules
	}{der, chosen})
	if err != nil {
		return nil, err
	}
	if p == nil {
		return nil, ErrUnavailable
	}
	line, err := p(request)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Findings    []Finding
		Error, Text string
	}
	if err := json.Unmarshal(line, &answer); err != nil {
		return nil, fmt.Errorf("%w: its answer is not JSON: %w", ErrUnavailable, err)
	}
	switch answer.Error {
	case "":
		return answer.Findings, nil
	case "certificate":
		return nil, fmt.Errorf("%w: zlint cannot read this certificate: %s", pki.ErrParse, answer.Text)
	case "rules":
		return nil, fmt.Errorf("%w: %s", pki.ErrArgument, answer.Text)
	}
	return nil, fmt.Errorf("%w: %s", ErrUnavailable, answer.Text)
}
