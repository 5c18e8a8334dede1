package path

import (
	"fmt"
	"sync"

	"certkdb/pki/cert"
)

// Rule names what a certificate or chain broke. The names are stable: scripts may compare them.
type Rule string

// The rules. Section tells where each is written.
const (
	RuleNoIssuer         Rule = "no-issuer"
	RuleUntrusted        Rule = "untrusted"
	RuleSignature        Rule = "signature"
	RuleAlgorithm        Rule = "algorithm"
	RuleWeak             Rule = "weak"
	RuleAlgorithmsDiffer Rule = "algorithms-differ"
	RuleValidity         Rule = "validity"
	RuleNameChaining     Rule = "name-chaining"
	RuleBasicConstraints Rule = "basic-constraints"
	RulePathLength       Rule = "path-length"
	RuleKeyUsage         Rule = "key-usage"
	RuleExtKeyUsage      Rule = "extended-key-usage"
	RulePurpose          Rule = "purpose"
	RuleCritical         Rule = "critical-extension"
	RuleMalformed        Rule = "malformed"
	RuleNameConstraints  Rule = "name-constraints"
	RulePolicy           Rule = "policy"
	RulePolicyMapping    Rule = "policy-mapping"
	RuleHost             Rule = "host"
	RuleEmail            Rule = "email"
	RuleRevoked          Rule = "revoked"
	RuleNoCRL            Rule = "no-crl"
	RuleVersion          Rule = "version"
	RuleProfile          Rule = "profile"
	RuleBaseline         Rule = "baseline-requirements"
	RuleDepth            Rule = "depth"
	RuleWork             Rule = "work-limit"
)

var sections = sync.OnceValue(func() map[Rule]string {
	return map[Rule]string{
		RuleNoIssuer: "RFC 5280, 6.1", RuleUntrusted: "RFC 5280, 6.1.1 (d)", RuleSignature: "RFC 5280, 6.1.3 (a)(1)",
		RuleAlgorithm: "RFC 5280, 4.1.1.2", RuleWeak: "RFC 5280, 8", RuleAlgorithmsDiffer: "RFC 5280, 4.1.1.2",
		RuleValidity: "RFC 5280, 6.1.3 (a)(2)", RuleNameChaining: "RFC 5280, 6.1.3 (a)(4)",
		RuleBasicConstraints: "RFC 5280, 6.1.4 (k)", RulePathLength: "RFC 5280, 6.1.4 (l), (m)", RuleKeyUsage: "RFC 5280, 6.1.4 (n)",
		RuleExtKeyUsage: "RFC 5280, 4.2.1.12", RulePurpose: "RFC 5280, 4.2.1.3", RuleCritical: "RFC 5280, 6.1.4 (o), 6.1.5 (f)",
		RuleMalformed: "RFC 5280, 4.2", RuleNameConstraints: "RFC 5280, 6.1.3 (b), (c)", RulePolicy: "RFC 5280, 6.1.3 (f), 6.1.5 (g)",
		RulePolicyMapping: "RFC 5280, 6.1.4 (a)", RuleHost: "RFC 9525, 6", RuleEmail: "RFC 5280, 7.5; RFC 9598",
		RuleRevoked: "RFC 5280, 6.3", RuleNoCRL: "RFC 5280, 6.3.3", RuleVersion: "RFC 5280, 4.1.2.1",
		RuleProfile: "RFC 5280, 4", RuleBaseline: "CA/Browser Forum Baseline Requirements, 7.1",
		RuleDepth: "limit of the caller", RuleWork: "limit of the caller",
	}
})

// Section says where the rule is written ("RFC 5280, 6.1.3 (a)(2)").
func (r Rule) Section() string { return sections()[r] }

// Failure is one rule that a certificate of a chain broke.
type Failure struct {
	Rule Rule
	// Position counts from the validated certificate, which is 0, towards the trust anchor.
	Position    int
	Certificate *cert.Certificate
	Reason      string // a sentence without a full stop
	Remedy      Remedy
}

// String writes the failure as one line.
func (f Failure) String() string {
	text := fmt.Sprintf("certificate %d (%s): %s [%s; %s]", f.Position, subjectOf(f.Certificate), f.Reason, f.Rule, f.Rule.Section())
	if remedy := f.Remedy.String(); remedy != "" {
		text += ": " + remedy
	}
	return text
}

func subjectOf(c *cert.Certificate) string {
	if c == nil {
		return "none"
	}
	if c.Subject.Empty() {
		return "serial " + c.SerialHex()
	}
	return c.Subject.String()
}

// Attempt is a chain that was tried: from the validated certificate towards an anchor, and what is wrong with it.
type Attempt struct {
	Chain    []*cert.Certificate
	Anchored bool // the last certificate is trusted
	Failures []Failure
}

// Result is the answer of a validation.
type Result struct {
	// Valid says that Chain was found. If it is false, Attempts say why not, the most hopeful one first.
	Valid bool
	// Chain is the valid chain, from the validated certificate to the trust anchor.
	Chain []*cert.Certificate
	// Policies is the user-constrained policy set of the valid chain, sorted (RFC 5280, 6.1.6).
	Policies []string
	// Attempts are the chains that were tried, the valid one last if there is one.
	Attempts []Attempt
	// Limit says which limit ended the search, "" if it was complete.
	Limit string
}

// Err is nil if the chain is valid, else an error that names the first failure of the most hopeful attempt.
func (r Result) Err() error {
	if r.Valid {
		return nil
	}
	for _, a := range r.Attempts {
		if len(a.Failures) > 0 {
			return fmt.Errorf("validating a chain of %d: %s", len(a.Chain), a.Failures[0])
		}
	}
	if r.Limit != "" {
		return fmt.Errorf("validating: %s", r.Limit)
	}
	return fmt.Errorf("validating: no chain was found")
}
