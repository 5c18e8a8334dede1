package path_test

import (
	"crypto/x509"
	"strings"
	"testing"

	"certkdb/pki/cert"
	"certkdb/pki/path"
)

// ruleTest is one MUST of a standard: a chain root, intermediate, leaf that conforms to everything but this rule. The tables of the files
// rules_*_test.go are meant to be read as the list of what is enforced, and where: what is missing can be seen.
type ruleTest struct {
	section string // "4.2.1.9"; the table names the standard
	rule    string // what the chain breaks
	root    change
	inter   change
	lower   change // a second intermediate, below the first; nil for none
	leaf    change
	// damage and damageCA are pairs of text to replace in the signed part of the leaf and the intermediate, which is signed again.
	damage, damageCA []string
	set              func(*path.Options)
	// build makes another chain than that of three certificates, and the options without a profile.
	build func(*testing.T) (*cert.Certificate, path.Options)
	// rules and strict are the rules that the profiles rfc5280 and rfc5280-strict say are broken, separated by spaces; "" is a valid chain.
	rules, strict string
	// accepted says why no profile refuses it. It must be given then.
	accepted string
}

// same makes the change that changes nothing.
func same(c change) change {
	if c == nil {
		return func(*x509.Certificate) {}
	}
	return c
}

// damaged replaces text in the signed part of a certificate. It keeps the key and the template for what it issues.
func (m *member) damaged(t *testing.T, issuer *member, pairs []string) *member {
	t.Helper()
	if pairs == nil {
		return m
	}
	c, err := cert.Parse(resign(t, m.Raw, issuer, 0, pairs...))
	if err != nil {
		return nil // it cannot even be read
	}
	return &member{Certificate: c, template: m.template, key: m.key}
}

// verdict validates the chain of a rule by a profile; "unreadable" is a certificate that is not even parsed.
func (r *ruleTest) verdict(t *testing.T, profile path.Profile) (string, path.Result) {
	t.Helper()
	l, o := r.chain(t)
	if l == nil {
		return "unreadable", path.Result{}
	}
	o.Profile = profile
	result := path.Validate(l, o)
	if result.Valid {
		return "", result
	}
	return rules(result), result
}

// chain makes the leaf, nil if one of the certificates cannot be read, and the options without a profile.
func (r *ruleTest) chain(t *testing.T) (*cert.Certificate, path.Options) {
	t.Helper()
	if r.build != nil {
		return r.build(t)
	}
	root := ca(t, nil, "Root", conforming, same(r.root))
	inter := ca(t, root, "Intermediate", conforming, same(r.inter)).damaged(t, root, r.damageCA)
	if inter == nil {
		return nil, path.Options{}
	}
	issuer, others := inter, []*member{inter}
	if r.lower != nil {
		issuer = ca(t, inter, "Lower", conforming, r.lower)
		others = append(others, issuer)
	}
	l := leaf(t, issuer, same(r.leaf)).damaged(t, issuer, r.damage)
	if l == nil {
		return nil, path.Options{}
	}
	o := options(root, others...)
	if r.set != nil {
		r.set(&o)
	}
	return l.Certificate, o
}

// checkRules holds each chain against two profiles; a rule that the first enforces, the second must enforce too.
func checkRules(t *testing.T, standard string, loose, tight path.Profile, table []ruleTest) {
	t.Helper()
	for _, r := range table {
		t.Run(strings.TrimPrefix(standard+", ", ", ")+r.section+": "+r.rule, func(t *testing.T) {
			t.Parallel()
			if (r.strict == "") != (r.accepted != "") {
				t.Error("the table must say why a chain is accepted, or how it is refused")
			}
			for profile, want := range map[path.Profile]string{loose: r.rules, tight: r.strict} {
				if got, result := r.verdict(t, profile); got != want {
					t.Errorf("%s: %q, want %q\n%s", profile, got, want, explain(result))
				}
			}
		})
	}
}
