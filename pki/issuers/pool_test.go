package issuers_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"slices"
	"testing"
	"time"

	"certkdb/pki/cert"
	"certkdb/pki/issuers"
)

func TestChain_outOfAPool(t *testing.T) {
	t.Parallel()
	root, sub, leaf := newEntity(t, "CN=Root", "root"), newEntity(t, "CN=Sub", "sub"), newEntity(t, "CN=leaf", "leaf")
	r, s, l := root.certify(t, root, 1), sub.certify(t, root, 2), leaf.certify(t, sub, 3)
	// Decoys: another root of the same name, and an older certificate of the same CA.
	decoy := newEntity(t, "CN=Root", "decoy")
	d, old := decoy.certify(t, decoy, 1), sub.certify(t, root, 4, validIn(-20, -10))
	for _, test := range []struct {
		rule     string
		leaf     *cert.Certificate
		pool     []*cert.Certificate
		want     []*cert.Certificate
		complete bool
	}{
		{"whole", l, []*cert.Certificate{d, r, old, s, l}, []*cert.Certificate{l, s, r}, true},
		{"in another order", l, []*cert.Certificate{l, s, old, r, d}, []*cert.Certificate{l, s, r}, true},
		{"without the root", l, []*cert.Certificate{d, s}, []*cert.Certificate{l, s}, false},
		{"without the intermediate", l, []*cert.Certificate{r, d}, []*cert.Certificate{l}, false},
		{"an expired one rather than none", l, []*cert.Certificate{old, r}, []*cert.Certificate{l, old, r}, true},
		{"self-signed", r, nil, []*cert.Certificate{r}, true},
		{"twice in the pool", l, []*cert.Certificate{s, s, r, r}, []*cert.Certificate{l, s, r}, true},
	} {
		got, complete := issuers.NewPool(now, test.pool...).Chain(test.leaf)
		if complete != test.complete || !slices.Equal(got, test.want) {
			t.Errorf("%s: %s, complete %v", test.rule, names(got), complete)
		}
	}
}

func names(chain []*cert.Certificate) (out []string) {
	for _, c := range chain {
		out = append(out, c.Subject.String()+" "+c.SerialHex())
	}
	return out
}

// Two CAs that certify each other make no endless chain.
func TestChain_crossCertificates(t *testing.T) {
	t.Parallel()
	a, b, leaf := newEntity(t, "CN=A", "a"), newEntity(t, "CN=B", "b"), newEntity(t, "CN=leaf", "leaf")
	l := leaf.certify(t, a, 1)
	chain, complete := issuers.NewPool(now, a.certify(t, b, 2), b.certify(t, a, 3)).Chain(l)
	if complete || len(chain) != 3 {
		t.Errorf("%s, complete %v", names(chain), complete)
	}
}

// A CA that changed its key certifies the new one with the old one: the chain goes on through the self-issued certificate.
func TestChain_selfIssuedIsNotTheEnd(t *testing.T) {
	t.Parallel()
	for _, identifier := range []string{"new", ""} {
		before, after, leaf := newEntity(t, "CN=Root", "old"), newEntity(t, "CN=Root", identifier), newEntity(t, "CN=leaf", "leaf")
		root, link, l := before.certify(t, before, 1), after.certify(t, before, 2), leaf.certify(t, after, 3)
		chain, complete := issuers.NewPool(now, link, root).Chain(l)
		if !complete || !slices.Equal(chain, []*cert.Certificate{l, link, root}) {
			t.Errorf("identifier %q: %s, complete %v", identifier, names(chain), complete)
		}
	}
}

func TestIssuer(t *testing.T) {
	t.Parallel()
	ca, impostor, leaf := newEntity(t, "CN=Test Root", "ca"), newEntity(t, "CN=Test Root", "ca"), newEntity(t, "CN=leaf", "leaf")
	plain, plainImpostor := newEntity(t, "CN=Test Root", ""), newEntity(t, "CN=Test Root", "")
	spelled := &entity{dn(t, "CN=TEST  root"), ca.signer, ca.ski}
	own, forged := ca.certify(t, ca, 1), impostor.certify(t, impostor, 2, validIn(-300, 300))
	bare, bareForged := plain.certify(t, plain, 3), plainImpostor.certify(t, plainImpostor, 4, validIn(-300, 300))
	longer, future := ca.certify(t, ca, 5, validIn(-100, 300)), ca.certify(t, ca, 6, validIn(100, 900))
	for _, test := range []struct {
		rule string
		by   *entity
		pool []*cert.Certificate
		want *cert.Certificate
	}{
		{"RFC 5280, 7.1: names are compared without case and spaces", spelled, []*cert.Certificate{own}, own},
		{"of two with the key identifier the signature decides", ca, []*cert.Certificate{forged, own}, own},
		{"without identifiers it decides too", plain, []*cert.Certificate{bareForged, bare}, bare},
		{"also about a single one", plain, []*cert.Certificate{bareForged}, nil},
		{"another key identifier but the right key", ca, []*cert.Certificate{withSKI(t, ca, "x")}, withSKI(t, ca, "x")},
		{"another key identifier and key", ca, []*cert.Certificate{plainImpostor.certify(t, plainImpostor, 8), withSKI(t, impostor, "y")}, nil},
		{"of two that are valid the longer one", ca, []*cert.Certificate{longer, own}, longer},
		{"one that is valid now", ca, []*cert.Certificate{future, own}, own},
		{"none of the name", newEntity(t, "CN=Other", "ca"), []*cert.Certificate{own}, nil},
	} {
		c := leaf.certify(t, test.by, 9)
		got := issuers.NewPool(now, test.pool...).Issuer(c)
		if (got == nil) != (test.want == nil) || got != nil && got.SerialHex() != test.want.SerialHex() {
			t.Errorf("%s: %v", test.rule, got)
		}
	}
	if got := issuers.NewPool(now, own).Issuer(own); got != nil {
		t.Errorf("a certificate is not looked for above itself: %v", got.SerialHex())
	}
}

// TestIssuer_verified: a certificate with the right name and key identifier, which anybody can make, does not stand for the issuer, nor
// does it hide the issuer. So many of them that not all are verified do not either.
func TestIssuer_verified(t *testing.T) {
	t.Parallel()
	ca, impostor, leaf := newEntity(t, "CN=CA", "ca"), newEntity(t, "CN=CA", "ca"), newEntity(t, "CN=leaf", "leaf")
	own, planted, c := ca.certify(t, ca, 1), impostor.certify(t, impostor, 2), leaf.certify(t, ca, 3)
	var many []*cert.Certificate
	for i := range int64(200) {
		many = append(many, impostor.certify(t, impostor, 100+i))
	}
	for _, test := range []struct {
		rule string
		pool []*cert.Certificate
		want *cert.Certificate
	}{
		{"the issuer", []*cert.Certificate{own}, own},
		{"planted", []*cert.Certificate{planted}, nil},
		{"planted and the issuer", []*cert.Certificate{planted, own}, own},
		{"planted many times", many, nil},
		{"planted many times, and the issuer without the identifier", append(many, withSKI(t, ca, "")), withSKI(t, ca, "")},
	} {
		pool := issuers.NewPool(now, test.pool...)
		if got := pool.Issuer(c); (got == nil) != (test.want == nil) || got != nil && got.SerialHex() != test.want.SerialHex() {
			t.Errorf("%s: %v", test.rule, got)
		}
	}
	if issuers.Signed(planted, c) || !issuers.Signed(own, c) {
		t.Error("the signature does not decide")
	}
}

// TestPretends: a certificate is a pretender when an issuer with its name and key identifier was looked for, and its key did not sign.
func TestPretends(t *testing.T) {
	t.Parallel()
	ca, impostor, leaf := newEntity(t, "CN=CA", "ca"), newEntity(t, "CN=CA", "ca"), newEntity(t, "CN=leaf", "leaf")
	own, planted, plain := withSKI(t, ca, ""), impostor.certify(t, impostor, 2), withSKI(t, impostor, "")
	pool := issuers.NewPool(now, planted, own, plain)
	if pool.Pretends(planted) {
		t.Error("before its name was looked for")
	}
	pool.Issuer(leaf.certify(t, ca, 3))
	if !pool.Pretends(planted) || pool.Pretends(own) || pool.Pretends(plain) {
		t.Error("it is not the planted certificate alone that pretends")
	}
}

// TestIssuer_bounds: of hostile certificates so many signatures fail that no issuer is looked for any more; a CA that had another key
// before, and does not say which is which, has as many certificates as it likes.
func TestIssuer_bounds(t *testing.T) {
	t.Parallel()
	ca, before, leaf := newEntity(t, "CN=CA", ""), newEntity(t, "CN=CA", ""), newEntity(t, "CN=leaf", "leaf")
	own, old, c := ca.certify(t, ca, 1), before.certify(t, before, 2, validIn(-300, 900)), leaf.certify(t, ca, 3)
	hostile := issuers.NewPool(now)
	for i := range int64(63) {
		impostor := newEntity(t, "CN=CA", "")
		hostile.Add(impostor.certify(t, impostor, 100+i))
	}
	hostile.Add(own)
	honest := issuers.NewPool(now, old, own)
	for i := range 4200 {
		again := *c // another certificate, as far as the pool knows
		if honest.Issuer(&again) != own {
			t.Fatalf("the issuer of certificate %d is not found", i+1)
		}
		if got := hostile.Issuer(&again); i < 60 && got != own || i > 80 && got != nil {
			t.Fatalf("hostile certificates, after %d: %v", i, got)
		}
	}
}

// TestPretends_onlyWhatWasTried: when no signature is tried any more, nobody is called a pretender.
func TestPretends_onlyWhatWasTried(t *testing.T) {
	t.Parallel()
	ca, leaf := newEntity(t, "CN=CA", "ca"), newEntity(t, "CN=leaf", "leaf")
	own, c := ca.certify(t, ca, 1, validIn(-300, 900)), leaf.certify(t, ca, 2)
	pool := issuers.NewPool(now)
	for i := range int64(63) {
		impostor := newEntity(t, "CN=CA", "ca")
		pool.Add(impostor.certify(t, impostor, 100+i))
	}
	pool.Add(own)
	for range 80 {
		again := *c
		pool.Issuer(&again)
	}
	if pool.Pretends(own) {
		t.Error("the CA pretends to be itself")
	}
}

// TestIssuer_countsAlike: of certificates that look alike, 64 with the right key identifier are compared, and 64 with another one.
func TestIssuer_countsAlike(t *testing.T) {
	t.Parallel()
	ca, impostor := newEntity(t, "CN=CA", "ca"), newEntity(t, "CN=CA", "ca")
	for what, identifier := range map[string]string{"the right key identifier": "ca", "another one": "other"} {
		c := newEntity(t, "CN=leaf", "leaf").certify(t, ca, 1)
		for _, others := range []int{63, 64} {
			pool := issuers.NewPool(now)
			for i := range others {
				alike := *impostor.certify(t, impostor, 2)
				alike.SKI, alike.Raw = []byte(identifier), append(slices.Clone(alike.Raw), byte(i)) // another certificate, as far as the pool knows
				pool.Add(&alike)
			}
			own := withSKI(t, ca, identifier)
			pool.Add(own)
			if got := pool.Issuer(c); (got == own) != (others < 64) {
				t.Errorf("%s, after %d others: %v", what, others, got)
			}
		}
	}
}

// withSKI is a certificate of the entity with another subject key identifier.
func withSKI(t *testing.T, e *entity, identifier string) *cert.Certificate {
	t.Helper()
	renamed := *e
	renamed.ski = []byte(identifier)
	return renamed.certify(t, &renamed, 7)
}

// Without a time the validity does not count, but the one that ends last is taken.
func TestIssuer_withoutATime(t *testing.T) {
	t.Parallel()
	ca, leaf := newEntity(t, "CN=CA", "ca"), newEntity(t, "CN=leaf", "leaf")
	own, future := ca.certify(t, ca, 1), ca.certify(t, ca, 2, validIn(100, 900))
	if got := issuers.NewPool(time.Time{}, own, future).Issuer(leaf.certify(t, ca, 3)); got != future {
		t.Errorf("%v", got.SerialHex())
	}
}

// A key that Go cannot verify with is taken by its identifier; so is one beyond all sizes.
func TestIssuer_unknownAlgorithm(t *testing.T) {
	t.Parallel()
	ca, leaf := newEntity(t, "CN=CA", "ca"), newEntity(t, "CN=leaf", "leaf")
	c := leaf.certify(t, ca, 1)
	odd := *ca.certify(t, ca, 2)
	odd.RawSPKI = []byte{0x30, 0x00}
	odd.Raw = append(slices.Clone(odd.Raw), 0)
	other := *newEntity(t, "CN=CA", "other").certify(t, ca, 3)
	other.RawSPKI = odd.RawSPKI
	if got := issuers.NewPool(now, &odd, ca.certify(t, ca, 4, validIn(-100, -50)), &other).Issuer(c); got == nil || got.SerialHex() != "04" {
		t.Errorf("a verified key comes first: %v", got)
	}
	if got := issuers.NewPool(now, &odd, withSKI(t, ca, "")).Issuer(c); got == nil || got.SerialHex() != "07" {
		t.Errorf("a verified key comes first, even without an identifier: %v", got)
	}
	if got := issuers.NewPool(now, &other).Issuer(c); got != nil {
		t.Error("another identifier, and no signature to say otherwise")
	}
}

func TestAdd(t *testing.T) {
	t.Parallel()
	root, sub, leaf := newEntity(t, "CN=Root", "root"), newEntity(t, "CN=Sub", "sub"), newEntity(t, "CN=leaf", "leaf")
	l := leaf.certify(t, sub, 3)
	pool := issuers.NewPool(now)
	if got := pool.Issuer(l); got != nil {
		t.Error("out of nothing")
	}
	pool.AddDER(sub.certify(t, root, 2).Raw, []byte("odd"), root.certify(t, root, 1).Raw)
	if chain, complete := pool.Chain(l); !complete || len(chain) != 3 {
		t.Errorf("what was not found before is not remembered: %s, complete %v", names(chain), complete)
	}
}

// Of thousands of certificates that look alike, no chain is longer than the bound.
func TestPool_hostile(t *testing.T) {
	t.Parallel()
	_, signer, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	e := &entity{dn(t, "CN=Alike"), signer, nil}
	template := e.certify(t, e, 1, func(c *x509.Certificate) { c.AuthorityKeyId = []byte("other") })
	pool := issuers.NewPool(now)
	var list []*cert.Certificate
	for i := range 5000 {
		c := *template
		c.Raw = fmt.Appendf(nil, "%s%d", template.Raw, i)
		c.AKI, c.SKI = []byte("a"), []byte("b")
		list = append(list, &c)
	}
	pool.Add(list...)
	for _, c := range list {
		if chain, complete := pool.Chain(c); complete || len(chain) > 64 {
			t.Fatalf("%d certificates, complete %v", len(chain), complete)
		}
	}
}
