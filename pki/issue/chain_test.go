package issue_test

import (
	"slices"
	"testing"
	"time"

	"certkdb/pki/cert"
	"certkdb/pki/issue"
	"certkdb/pki/issuers"
)

func TestChain_outOfAPool(t *testing.T) {
	t.Parallel()
	now := time.Now()
	root, intermediate, leaf := threeGenerations(t, "p256")
	r, _ := parsed(t, root.Certificate)
	i, _ := parsed(t, intermediate.Certificate)
	l, _ := parsed(t, leaf.Certificate)
	// Decoys: another root of the same name, and an older certificate of the intermediate's key.
	_, decoy := newCA(t, issue.Request{})
	d, _ := parsed(t, decoy.Certificate)
	renewal, err := issue.Renewal(intermediate.Certificate)
	if err != nil {
		t.Fatal(err)
	}
	renewal.Key, renewal.NotBefore, renewal.NotAfter = &intermediate.Key, now.AddDate(0, 0, -20), now.AddDate(0, 0, -10)
	old, _ := parsed(t, mustIssue(t, asCA(t, root), renewal).Certificate)
	for _, c := range []struct {
		rule     string
		leaf     *cert.Certificate
		pool     []*cert.Certificate
		want     []*cert.Certificate
		complete bool
	}{
		{"whole", l, []*cert.Certificate{d, r, old, i, l}, []*cert.Certificate{l, i, r}, true},
		{"without the root", l, []*cert.Certificate{d, i}, []*cert.Certificate{l, i}, false},
		{"without the intermediate", l, []*cert.Certificate{r, d}, []*cert.Certificate{l}, false},
		{"an expired one rather than none", l, []*cert.Certificate{old, r}, []*cert.Certificate{l, old, r}, true},
		{"self-signed", r, nil, []*cert.Certificate{r}, true},
	} {
		got, complete := issuers.Chain(c.leaf, c.pool, now)
		if complete != c.complete || !slices.Equal(got, c.want) {
			var names []string
			for _, x := range got {
				names = append(names, x.Subject.String()+" "+x.SerialHex())
			}
			t.Errorf("%s: %v, complete %v", c.rule, names, complete)
		}
	}
}

// Two CAs that certify each other make no endless chain.
func TestChain_crossCertificates(t *testing.T) {
	t.Parallel()
	a, aRoot := newCA(t, issue.Request{Subject: dn(t, "CN=A")})
	b, bRoot := newCA(t, issue.Request{Subject: dn(t, "CN=B")})
	crossB, _ := parsed(t, mustIssue(t, a, issue.Request{Subject: dn(t, "CN=B"), IsCA: true, Key: &bRoot.Key}).Certificate)
	crossA, _ := parsed(t, mustIssue(t, b, issue.Request{Subject: dn(t, "CN=A"), IsCA: true, Key: &aRoot.Key}).Certificate)
	leaf, _ := parsed(t, mustIssue(t, a, issue.Request{Subject: dn(t, "CN=leaf")}).Certificate)
	chain, complete := issuers.Chain(leaf, []*cert.Certificate{crossA, crossB}, time.Now())
	if complete || len(chain) != 3 {
		t.Errorf("%d certificates, complete %v", len(chain), complete)
	}
}
