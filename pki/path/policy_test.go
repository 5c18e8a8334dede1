package path_test

import (
	"fmt"
	"testing"

	"certkdb/pki/cert"
	"certkdb/pki/path"
)

// TestValidate_policies covers the policy inputs and extensions (RFC 5280, 6.1) in a chain of three.
type policyCase struct {
	rule        string
	in          path.Policies
	inter, leaf []change
	want        string
}

var (
	mapAB           = extra(cert.IDPolicyMappings, true, "\x30\x0c\x30\x0a\x06\x03\x2a\x03\x01\x06\x03\x2a\x03\x02")
	requireExplicit = extra(cert.IDPolicyConstraints, true, "\x30\x03\x80\x01\x00")
	inhibitMapping  = extra(cert.IDPolicyConstraints, true, "\x30\x03\x81\x01\x00")
	inhibitAny      = extra(cert.IDInhibitAnyPolicy, true, "\x02\x01\x00")
	explicit        = path.Policies{ExplicitPolicy: true}
)

func TestValidate_policies(t *testing.T) {
	t.Parallel()
	const a, b, c = "1.2.3.1", "1.2.3.2", "1.2.3.3"
	checkPolicies(t, []policyCase{
		{"none anywhere", path.Policies{}, nil, nil, "valid []"},
		{"none anywhere, explicit", explicit, nil, nil, "policy []"},
		{"the same", explicit, []change{policies(a)}, []change{policies(a)}, "valid [1.2.3.1]"},
		{"different", explicit, []change{policies(a)}, []change{policies(b)}, "policy []"},
		{"different, not asked for", path.Policies{}, []change{policies(a)}, []change{policies(b)}, "valid []"},
		{"any above", explicit, []change{policies(cert.AnyPolicy)}, []change{policies(b)}, "valid [1.2.3.2]"},
		{"any below", explicit, []change{policies(a, b)}, []change{policies(cert.AnyPolicy)}, "valid [1.2.3.1 1.2.3.2]"},
		{
			"any inhibited by input",
			path.Policies{ExplicitPolicy: true, InhibitAnyPolicy: true},
			[]change{policies(cert.AnyPolicy)},
			[]change{policies(b)},
			"policy []",
		},
		{"any inhibited by the CA", explicit, []change{policies(a), inhibitAny}, []change{policies(cert.AnyPolicy)}, "policy []"},
		{"explicit by the CA", path.Policies{}, []change{policies(a), requireExplicit}, []change{policies(b)}, "policy []"},
		{
			"initial set",
			path.Policies{ExplicitPolicy: true, Initial: []string{b}},
			[]change{policies(a, b)},
			[]change{policies(a, b)},
			"valid [1.2.3.2]",
		},
		{
			"initial set missed",
			path.Policies{ExplicitPolicy: true, Initial: []string{c}},
			[]change{policies(a, b)},
			[]change{policies(a, b)},
			"policy []",
		},
		{
			"initial set through any",
			path.Policies{ExplicitPolicy: true, Initial: []string{c}},
			[]change{policies(cert.AnyPolicy)},
			[]change{policies(cert.AnyPolicy)},
			"valid [1.2.3.3]",
		},
		{"mapped", explicit, []change{policies(a), mapAB}, []change{policies(b)}, "valid [1.2.3.1]"},
		{"mapped through any", explicit, []change{policies(cert.AnyPolicy), mapAB}, []change{policies(b)}, "valid [1.2.3.1]"},
		{
			"mapping inhibited by input",
			path.Policies{ExplicitPolicy: true, InhibitMapping: true},
			[]change{policies(a), mapAB},
			[]change{policies(b)},
			"policy []",
		},
		{"mapping inhibited only below", explicit, []change{policies(a), mapAB, inhibitMapping}, []change{policies(b)}, "valid [1.2.3.1]"},
		{
			"mapping to any",
			path.Policies{},
			[]change{policies(a), extra(cert.IDPolicyMappings, true, "\x30\x0d\x30\x0b\x06\x03\x2a\x03\x01\x06\x04\x55\x1d\x20\x00")},
			[]change{policies(b)},
			"malformed policy-mapping []",
		},
		{
			"unknown qualifier in a critical extension",
			path.Policies{},
			nil,
			[]change{extra(cert.IDCertificatePolicies, true, "\x30\x10\x30\x0e\x06\x03\x2a\x03\x01\x30\x07\x30\x05\x06\x01\x2a\x05\x00")},
			"malformed []",
		},
	})
}

func checkPolicies(t *testing.T, tests []policyCase) {
	t.Helper()
	for _, test := range tests {
		root := ca(t, nil, "Root")
		inter := ca(t, root, "Intermediate", test.inter...)
		l := leaf(t, inter, test.leaf...)
		o := options(root, inter)
		o.Policies = test.in
		result := path.Validate(l.Certificate, o)
		if got := fmt.Sprintf("%s %v", rules(result), result.Policies); got != test.want {
			t.Errorf("%s: %s, want %s\n%s", test.rule, got, test.want, explain(result))
		}
	}
}

func TestValidate_policyGraphIsBounded(t *testing.T) {
	t.Parallel()
	var many []string
	for i := range 300 {
		many = append(many, fmt.Sprintf("1.2.3.%d", i))
	}
	root := ca(t, nil, "Root")
	inter := ca(t, root, "Intermediate", policies(many...))
	l := leaf(t, inter, policies(many...))
	o := options(root, inter)
	o.Limits.PolicyNodes = 500
	if got := rules(path.Validate(l.Certificate, o)); got != "policy" {
		t.Error(got)
	}
	o.Limits.PolicyNodes = 0
	if got := rules(path.Validate(l.Certificate, o)); got != "valid" {
		t.Error(got)
	}
}
