package path_test

import (
	"crypto"
	"crypto/x509"
	"fmt"
	"strings"
	"testing"

	"certkdb/pki/path"
)

// caWith makes a CA of a given key.
func caWith(t testing.TB, issuer *member, key crypto.Signer, cn string, changes ...change) *member {
	t.Helper()
	tmpl := template(cn)
	tmpl.IsCA, tmpl.BasicConstraintsValid, tmpl.KeyUsage = true, true, x509.KeyUsageCertSign|x509.KeyUsageCRLSign
	return forge(t, issuer, key, tmpl, changes...)
}

// TestValidate_candidates has several certificates stand where one is wanted (RFC 4158, 2.4).
func TestValidate_candidates(t *testing.T) {
	t.Parallel()
	expired := func(c *x509.Certificate) { c.NotAfter = now.AddDate(0, 0, -3) }
	keyed := func(id string) change { return func(c *x509.Certificate) { c.SubjectKeyId = []byte(id) } }
	old, root, key := ca(t, nil, "Old Root"), ca(t, nil, "Root"), newKey(t)
	inter := caWith(t, root, key, "CA")
	l := leaf(t, inter)
	lapsed := caWith(t, old, key, "CA", expired)
	constrained := caWith(t, root, key, "CA", excludes(dnsName("example.com")))
	otherKey := ca(t, root, "CA") // another key
	elsewhere := caWith(t, root, key, "CB")
	hinted := leaf(t, caWith(t, root, key, "CA", keyed("hint")))
	lure := ca(t, root, "CA", keyed("hint")) // the key identifier that the leaf names, but another key
	back := caWith(t, inter, root.key, "Root")
	tests := []struct {
		rule  string
		leaf  *member
		roots []*member
		pool  []*member
		want  string
	}{
		{"an expired cross certificate and a valid one", l, []*member{old, root}, []*member{lapsed, inter}, "valid"},
		{"the same without the valid one", l, []*member{old, root}, []*member{lapsed}, "validity"},
		{"one of two has constraints", l, []*member{root}, []*member{constrained, inter}, "valid"},
		{"the other key of the name", l, []*member{root}, []*member{otherKey, inter}, "valid"},
		{"only the other key", l, []*member{root}, []*member{otherKey}, "signature"},
		{"the same key under another name", l, []*member{root}, []*member{elsewhere}, "no-issuer"},
		{"a key identifier that misleads", hinted, []*member{root}, []*member{lure, inter}, "valid"},
		{"the root among the others too", l, []*member{root}, []*member{root, inter}, "valid"},
		{"a circle", l, []*member{root}, []*member{back, inter}, "valid"},
		{"a circle without a way out", l, []*member{old}, []*member{back, inter}, "no-issuer"},
		{"the intermediate is trusted itself", l, []*member{inter}, nil, "valid"},
		{"an expired one is trusted", l, []*member{lapsed}, []*member{inter, root}, "validity"},
		{"an expired one is trusted, and the root", l, []*member{lapsed, root}, []*member{inter}, "valid"},
	}
	for _, test := range tests {
		o := path.Options{Roots: path.Anchors(certificates(test.roots...)...), Intermediates: certificates(test.pool...), Time: now}
		result := path.Validate(test.leaf.Certificate, o)
		if got := rules(result); got != test.want {
			t.Errorf("%s: %s, want %s\n%s", test.rule, got, test.want, explain(result))
		}
	}
}

// TestValidate_manyAnchors trusts a hundred CAs of one name, of which the last has the key.
func TestValidate_manyAnchors(t *testing.T) {
	t.Parallel()
	var o path.Options
	for range 100 {
		o.Roots = append(o.Roots, path.Anchors(ca(t, nil, "Root").Certificate)...)
	}
	root := ca(t, nil, "Root")
	l := leaf(t, root, func(c *x509.Certificate) { c.NotAfter = now.AddDate(0, 0, -3) })
	o.Roots, o.Time = append(o.Roots, path.Anchors(root.Certificate)...), now
	if got := rules(path.Validate(l.Certificate, o)); got != "validity" {
		t.Errorf("the reason of the chain with the right key does not come first: %s", got)
	}
	if got := rules(path.Validate(leaf(t, root).Certificate, o)); got != "valid" {
		t.Error(got)
	}
}

// TestValidate_crossCertified looks for an end in hundreds of certificates of CAs that certify one another.
func TestValidate_crossCertified(t *testing.T) {
	t.Parallel()
	key, stranger := newKey(t), ca(t, nil, "Stranger")
	var same, mesh []*member
	for range 300 {
		same = append(same, caWith(t, &member{template: template("CA"), key: key}, key, "CA"))
	}
	for i := range 18 {
		for j := range 18 {
			if i != j {
				issuer := &member{template: template(fmt.Sprintf("CA %d", i)), key: key}
				mesh = append(mesh, caWith(t, issuer, key, fmt.Sprintf("CA %d", j)))
			}
		}
	}
	tests := []struct {
		rule string
		leaf *member
		pool []*member
		root *member
		want string
	}{
		{"one name and key, no way out", leaf(t, same[0]), same, stranger, `the root "CN=CA,O=Example" is not among the trusted`},
		{
			"one name and key, a trusted root of the name and another key", leaf(t, same[0]), same, ca(t, nil, "CA"),
			"the signature does not verify",
		},
		{"many names", leaf(t, mesh[0]), mesh, stranger, "no chain through its issuer"},
		{"many names, an anchor with another key", leaf(t, mesh[0]), mesh, ca(t, nil, "CA 3"), "the signature does not verify"},
	}
	for _, test := range tests {
		o := path.Options{Roots: path.Anchors(test.root.Certificate), Intermediates: certificates(test.pool...), Time: now}
		if err := path.Validate(test.leaf.Certificate, o).Err(); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", test.rule, err)
		}
	}
	out := caWith(t, stranger, key, "CA")
	o := path.Options{Roots: path.Anchors(stranger.Certificate), Intermediates: certificates(append(same, out)...), Time: now}
	if got := rules(path.Validate(leaf(t, same[0]).Certificate, o)); got != "valid" {
		t.Errorf("one way out among hundreds: %s", got)
	}
}

// TestValidate_namesakes: a root that is not trusted ends a chain, and is not taken for one that its namesake with another key should have
// signed, as after a rollover.
func TestValidate_namesakes(t *testing.T) {
	t.Parallel()
	older, newer := ca(t, nil, "CA"), ca(t, nil, "CA")
	for rule, pool := range map[string][]*member{"signed by the new": {newer, older}, "signed by the old": {older, newer}} {
		o := path.Options{Roots: path.Anchors(ca(t, nil, "Stranger").Certificate), Intermediates: certificates(pool...), Time: now}
		err := path.Validate(leaf(t, pool[0]).Certificate, o).Err()
		if err == nil || !strings.Contains(err.Error(), `the root "CN=CA,O=Example" is not among the trusted`) {
			t.Errorf("%s: %v", rule, err)
		}
	}
	cross := ca(t, older, "CA") // is no root: its signer is missing, and a namesake has another key
	stranger := path.Anchors(ca(t, nil, "Stranger").Certificate)
	o := path.Options{Roots: stranger, Intermediates: certificates(cross, newer), Time: now}
	err := path.Validate(leaf(t, cross).Certificate, o).Err()
	if err == nil || !strings.Contains(err.Error(), "the signature does not verify") {
		t.Errorf("signed by one that is missing: %v", err)
	}
}

// TestValidate_trustedLeaf says why a certificate that is trusted is not valid.
func TestValidate_trustedLeaf(t *testing.T) {
	t.Parallel()
	root := ca(t, nil, "Root")
	issued, otherKey := leaf(t, root), caWith(t, root, newKey(t), "Root") // self-issued, but signed by another key
	for _, test := range []struct {
		leaf *member
		want string
	}{
		{issued, "and that it is trusted itself makes no chain"},
		{otherKey, "it is trusted, but does not vouch for itself as a root does: the signature does not verify"},
	} {
		o := options(test.leaf)
		if err := path.Validate(test.leaf.Certificate, o).Err(); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v, want %q", err, test.want)
		}
		o.PartialChain = true
		if err := path.Validate(test.leaf.Certificate, o).Err(); err != nil {
			t.Errorf("with partial chains: %v", err)
		}
	}
}
