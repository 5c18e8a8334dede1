package path_test

import (
	"fmt"
	"testing"

	"certkdb/pki/cert"
	"certkdb/pki/path"
)

// policyRule is one step of the policy processing of RFC 9618: a chain of a root, one to three CAs and a leaf.
type policyRule struct {
	section, rule string
	in            path.Policies
	cas           []change // from the root's subject down
	leaf          change
	want          string // "valid" and the user-constrained policy set, or the rules that are broken and an empty set
}

const (
	policyC    = "1.2.3.3"
	derPolicyC = "\x06\x03\x2a\x03\x03"
)

// accepts are the policy inputs of a caller who wants one of these.
func accepts(list ...string) path.Policies { return path.Policies{ExplicitPolicy: true, Initial: list} }

// policyRules go through the algorithm of RFC 9618. Its sections 5.2 to 5.5 are the new texts of RFC 5280, 6.1.2 to 6.1.5.
func policyRules() []policyRule {
	anyPolicy := policies(cert.AnyPolicy)
	a, b, ab, abc := policies(policyA), policies(policyB), policies(policyA, policyB), policies(policyA, policyB, policyC)
	return []policyRule{
		{"5.2 (a)", "the graph begins with anyPolicy", explicit, []change{a}, a, "valid [1.2.3.1]"},
		{"5.3 (d)(1)(i)", "an exact match", explicit, []change{ab}, a, "valid [1.2.3.1]"},
		{"5.3 (d)(1)(i)", "no match", explicit, []change{a}, b, "policy []"},
		{
			"5.3 (d)(1)(i)", "a node of two parents: both policies are mapped to the one", explicit,
			[]change{both(ab, mapping(derPolicyA, derPolicyC, derPolicyB, derPolicyC))},
			policies(policyC), "valid [1.2.3.1 1.2.3.2]",
		},
		{
			"5.3 (d)(1)(i)", "a node of two parents, and one of their policies is wanted", accepts(policyB),
			[]change{both(ab, mapping(derPolicyA, derPolicyC, derPolicyB, derPolicyC))},
			policies(policyC), "valid [1.2.3.2]",
		},
		{
			"5.3 (d)(1)(i)", "a node of two parents: the policy that both are mapped to is none of the CA's", accepts(policyC),
			[]change{both(ab, mapping(derPolicyA, derPolicyC, derPolicyB, derPolicyC))},
			policies(policyC), "policy []",
		},
		{"5.3 (d)(1)(ii)", "anyPolicy above stands for a policy", explicit, []change{anyPolicy}, ab, "valid [1.2.3.1 1.2.3.2]"},
		{
			"5.3 (d)(1)(ii)", "anyPolicy above does not stand for what another node expects", accepts(policyB),
			[]change{both(policies(policyA, cert.AnyPolicy), mapping(derPolicyA, derPolicyB))},
			b, "policy []",
		},
		{"5.3 (d)(2)", "anyPolicy below stands for what is expected", explicit, []change{ab}, anyPolicy, "valid [1.2.3.1 1.2.3.2]"},
		{
			"5.3 (d)(2)", "anyPolicy below stands for a mapped policy", explicit,
			[]change{both(a, mapping(derPolicyA, derPolicyB))},
			anyPolicy,
			"valid [1.2.3.1]",
		},
		{"5.3 (d)(2)(a)", "anyPolicy is inhibited", explicit, []change{both(a, inhibitAny)}, anyPolicy, "policy []"},
		{
			"5.3 (d)(2)(b)", "anyPolicy is inhibited, in a self-issued CA", explicit,
			[]change{both(a, inhibitAny), both(named("CA 1"), anyPolicy)},
			a, "valid [1.2.3.1]",
		},
		{
			"5.3 (d)(2)(b)", "anyPolicy is inhibited, in a self-issued last certificate", explicit,
			[]change{both(a, inhibitAny)},
			both(named("CA 1"), anyPolicy), "policy []",
		},
		{"5.3 (d)(3)", "nodes without children go", explicit, []change{abc, ab}, a, "valid [1.2.3.1]"},
		{"5.3 (d)(3)", "what is gone does not come back", explicit, []change{ab, a}, ab, "valid [1.2.3.1]"},
		{"5.3 (d)(3)", "the last node goes", explicit, []change{a, b}, b, "policy []"},
		{"5.3 (e)", "a CA without the extension", explicit, []change{a, plain}, a, "policy []"},
		{"5.3 (e)", "a CA without the extension, no policy required", path.Policies{}, []change{a, plain}, a, "valid []"},
		{"5.3 (e)", "a leaf without the extension", explicit, []change{a}, plain, "policy []"},
		{"5.3 (f)", "required from the first certificate on", path.Policies{}, []change{requireExplicit, a}, a, "policy []"},
		{
			"5.3 (f)", "required after one more certificate",
			path.Policies{},
			[]change{extra(cert.IDPolicyConstraints, true, "\x30\x03\x80\x01\x01"), plain},
			plain, "policy []",
		},
		{
			"5.3 (f)", "required after more certificates than there are",
			path.Policies{},
			[]change{extra(cert.IDPolicyConstraints, true, "\x30\x03\x80\x01\x05")},
			plain, "valid []",
		},
		{
			"5.4 (b)(1)", "one policy is mapped to two", explicit,
			[]change{both(a, mapping(derPolicyA, derPolicyB, derPolicyA, derPolicyC))},
			policies(policyC), "valid [1.2.3.1]",
		},
		{
			"5.4 (b)(1)", "one policy is mapped to two, and the leaf has the first", explicit,
			[]change{both(a, mapping(derPolicyA, derPolicyB, derPolicyA, derPolicyC))},
			b, "valid [1.2.3.1]",
		},
		{
			"5.4 (b)(1)", "the policy that was mapped away", explicit, []change{both(a, mapping(derPolicyA, derPolicyB))}, a, "policy []",
		},
		{
			"5.4 (b)(1)", "mapped twice", explicit,
			[]change{both(a, mapping(derPolicyA, derPolicyB)), both(b, mapping(derPolicyB, derPolicyC))},
			policies(policyC),
			"valid [1.2.3.1]",
		},
		{
			"5.4 (b)(1)", "a mapping of a policy that the CA does not have", explicit,
			[]change{both(a, mapping(derPolicyB, derPolicyC))},
			policies(policyC), "policy []",
		},
		{
			"5.4 (b)(2)", "anyPolicy stands for the mapped policy", explicit,
			[]change{both(anyPolicy, mapping(derPolicyA, derPolicyB))},
			b,
			"valid [1.2.3.1]",
		},
		{
			"5.4 (b)(2)", "and for all others as before", explicit,
			[]change{both(anyPolicy, mapping(derPolicyA, derPolicyB))},
			policies(policyC), "valid [1.2.3.3]",
		},
		{
			"5.4 (b)(3)(i)", "mapping is inhibited by the caller",
			path.Policies{ExplicitPolicy: true, InhibitMapping: true},
			[]change{both(a, mapping(derPolicyA, derPolicyB))},
			ab, "policy []",
		},
		{
			"5.4 (b)(3)(i)", "mapping is inhibited by a CA, and another policy is left", explicit,
			[]change{both(ab, inhibitMapping), both(ab, mapping(derPolicyA, derPolicyC))},
			abc, "valid [1.2.3.2]",
		},
		{
			"5.4 (b)(3)(i)", "mapping is inhibited, and anyPolicy stands for none that is mapped",
			path.Policies{ExplicitPolicy: true, InhibitMapping: true},
			[]change{both(anyPolicy, mapping(derPolicyA, derPolicyB))},
			ab,
			"valid [1.2.3.1 1.2.3.2]",
		},
		{
			"5.4 (b)(3)(ii)", "the parents of what is removed go too", explicit,
			[]change{both(a, inhibitMapping), both(a, mapping(derPolicyA, derPolicyB))},
			anyPolicy, "policy []",
		},
		{"5.5 (g)(1)", "no graph, and one is required", accepts(policyA), []change{plain}, a, "policy []"},
		{
			"5.5 (g)(2)", "the policies of the first CA count, not those below", accepts(policyA),
			[]change{a, anyPolicy},
			anyPolicy,
			"valid [1.2.3.1]",
		},
		{"5.5 (g)(3)", "anyPolicy to the end", explicit, []change{anyPolicy}, anyPolicy, "valid [2.5.29.32.0]"},
		{"5.5 (g)(6)(i)", "what the caller does not accept goes", accepts(policyB, policyC), []change{ab}, ab, "valid [1.2.3.2]"},
		{"5.5 (g)(6)(i)", "nothing is left", accepts(policyC), []change{ab}, ab, "policy []"},
		{"5.5 (g)(6)(i)", "nothing is left, and nothing is required", path.Policies{Initial: []string{policyC}}, []change{ab}, ab, "valid []"},
		{
			"5.5 (g)(6)(ii)", "anyPolicy stands for all that the caller accepts", accepts(policyA, policyC),
			[]change{anyPolicy},
			anyPolicy,
			"valid [1.2.3.1 1.2.3.3]",
		},
		{"5.5 (g)(5)", "the caller accepts anyPolicy", accepts(cert.AnyPolicy), []change{ab}, a, "valid [1.2.3.1]"},
	}
}

// chain makes the leaf below the CAs "CA 1", "CA 2" and the options.
func (r *policyRule) chain(t *testing.T) (*member, path.Options) {
	t.Helper()
	root := ca(t, nil, "Root", conforming)
	issuer, others := root, []*member(nil)
	for i, change := range r.cas {
		issuer = ca(t, issuer, fmt.Sprintf("CA %d", i+1), conforming, change)
		others = append(others, issuer)
	}
	o := options(root, others...)
	o.Policies = r.in
	return leaf(t, issuer, r.leaf), o
}

func TestRules_RFC9618(t *testing.T) {
	t.Parallel()
	for _, r := range policyRules() {
		t.Run("RFC 9618, "+r.section+": "+r.rule, func(t *testing.T) {
			t.Parallel()
			l, o := r.chain(t)
			result := path.Validate(l.Certificate, o)
			if got := fmt.Sprintf("%s %v", rules(result), result.Policies); got != r.want {
				t.Errorf("%s, want %s\n%s", got, r.want, explain(result))
			}
		})
	}
}

// RFC 9618, 3: where each CA maps every policy to all of the next, a tree grows exponentially with the depth. The graph has at most one
// node for each policy and depth (5.2), so a long chain stays within a small limit.
func TestRules_RFC9618_exponentialGrowth(t *testing.T) {
	t.Parallel()
	const depth, wide = 16, 4
	var ids, pairs []string
	for i := range wide {
		ids = append(ids, fmt.Sprintf("1.2.3.%d", i+1))
		for j := range wide {
			pairs = append(pairs, "\x06\x03\x2a\x03"+string(rune(i+1)), "\x06\x03\x2a\x03"+string(rune(j+1)))
		}
	}
	r := policyRule{in: explicit, leaf: policies(ids...)}
	for range depth {
		r.cas = append(r.cas, both(policies(ids...), mapping(pairs...)))
	}
	l, o := r.chain(t)
	o.Limits.PolicyNodes = 2 * wide * (depth + 1)
	if result := path.Validate(l.Certificate, o); !result.Valid || len(result.Policies) != wide {
		t.Errorf("%v\n%s", result.Policies, explain(result))
	}
}
