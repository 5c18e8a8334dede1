package pki_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"

	"certkdb/pki"
	"certkdb/pki/cert"
	"certkdb/pki/key"
)

func TestRenewal_keepsWhatTheOldOneSaid(t *testing.T) {
	t.Parallel()
	one := 1
	ca, _ := newCA(t, pki.Request{})
	for _, c := range []struct {
		rule string
		r    pki.Request
	}{
		{"server", pki.Request{SANs: sans(t, "a.example", "ip:192.0.2.1", "uri:https://a.example/"), Days: 90, CRLURLs: []string{"http://c.example/x.crl"}, Policies: []string{"1.2.3.4"}}},
		{"RSA", pki.Request{Key: testKey(t, "rsa2048")}},
		{"client with more", pki.Request{Profile: profile(t, "client"), ExtKeyUsages: []string{"clientAuth", "1.2.3.9"}, Extensions: []cert.Extension{{ID: "1.2.3.4.5", Value: []byte{5, 0}}}}},
		{"CA with constraints", pki.Request{IsCA: true, MaxPathLen: &one, Permitted: constraints(t, "dns:example.com"), Days: 300}},
		{"timestamping", pki.Request{Profile: profile(t, "timestamp")}},
		{"responder", pki.Request{Profile: profile(t, "ocsp")}},
		{"post-quantum", pki.Request{KeyType: "mldsa44"}},
	} {
		t.Run(c.rule, func(t *testing.T) {
			t.Parallel()
			c.r.Subject = dn(t, "CN=renewed.example+UID=1,O=Ünï")
			old := issue(t, ca, c.r)
			before, _ := parsed(t, old.Certificate)
			r, err := pki.Renewal(old.Certificate)
			if err != nil {
				t.Fatal(err)
			}
			after, _ := parsed(t, issue(t, ca, r).Certificate)
			if !bytes.Equal(before.RawSubject, after.RawSubject) || before.SAN.String() != after.SAN.String() || before.KeyType != after.KeyType {
				t.Errorf("%s %s %s became %s %s %s", before.Subject, before.SAN, before.KeyType, after.Subject, after.SAN, after.KeyType)
			}
			if before.SerialHex() == after.SerialHex() || bytes.Equal(before.SKI, after.SKI) {
				t.Error("the serial number or the key is the old one")
			}
			for _, e := range before.Extensions {
				if e.ID == cert.IDSubjectKeyID {
					continue
				}
				got := after.Extension(e.ID)
				if got == nil || got.Critical != e.Critical || !bytes.Equal(got.Value, e.Value) {
					t.Errorf("extension %s: %x became %+v", e.ID, e.Value, got)
				}
			}
			if len(before.Extensions) != len(after.Extensions) {
				t.Errorf("%d extensions became %d", len(before.Extensions), len(after.Extensions))
			}
			if was, is := before.NotAfter.Sub(before.NotBefore), after.NotAfter.Sub(after.NotBefore); (was-is).Abs() > 2*time.Second && c.rule != "CA with constraints" {
				t.Errorf("valid for %s instead of %s", is, was)
			}
		})
	}
}

func TestRenewal_withTheSameOrAnotherKey(t *testing.T) {
	t.Parallel()
	old, before, _ := selfSigned(t, pki.Request{Subject: dn(t, "CN=x.example"), Key: testKey(t, "rsa2048")})
	r, err := pki.Renewal(old.Certificate)
	if err != nil {
		t.Fatal(err)
	}
	same := r
	same.Key = &old.Key
	_, after, _ := selfSigned(t, same)
	if !key.SameKey(before.RawSPKI, after.RawSPKI) || !bytes.Equal(before.SKI, after.SKI) {
		t.Error("the key was to stay")
	}
	for keyType, usage := range map[string]cert.KeyUsage{"p256": cert.DigitalSignature, "mldsa65": cert.DigitalSignature} {
		other := r
		other.KeyType = keyType
		if _, after, _ = selfSigned(t, other); after.KeyType != keyType || after.KeyUsage != usage {
			t.Errorf("renewed with %s: %s, %s", keyType, after.KeyType, after.KeyUsage)
		}
	}
	if _, err := pki.Renewal([]byte("no certificate")); !errors.Is(err, pki.ErrParse) {
		t.Error(err)
	}
}

func TestRenewal_ofACertificateWithoutUsages(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	mustTool(t, dir, "openssl", "req", "-x509", "-new", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-keyout", "k.pem", "-subj", "/CN=plain.example", "-out", "c.pem", "-days", "30")
	old := readPEM(t, dir+"/c.pem")
	r, err := pki.Renewal(old)
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := selfSigned(t, r)
	if after.Extension(cert.IDKeyUsage) != nil || after.Extension(cert.IDExtendedKeyUsage) != nil || !after.IsCA {
		t.Errorf("usage %s, purposes %v, CA %v", after.KeyUsage, after.ExtKeyUsage, after.IsCA)
	}
}

func TestDue(t *testing.T) {
	t.Parallel()
	end := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	c := &cert.Certificate{NotAfter: end}
	for _, x := range []struct {
		now    time.Time
		before time.Duration
		want   bool
	}{
		{end.AddDate(0, 0, -31), 30 * 24 * time.Hour, false},
		{end.AddDate(0, 0, -30), 30 * 24 * time.Hour, true},
		{end.Add(time.Hour), 0, true},
		{end.Add(-time.Hour), 0, false},
	} {
		if pki.Due(c, x.now, x.before) != x.want {
			t.Errorf("%s, %s before", x.now, x.before)
		}
	}
}

func TestChain_outOfAPool(t *testing.T) {
	t.Parallel()
	now := time.Now()
	root, intermediate, leaf := threeGenerations(t, "p256")
	r, _ := parsed(t, root.Certificate)
	i, _ := parsed(t, intermediate.Certificate)
	l, _ := parsed(t, leaf.Certificate)
	// Decoys: another root of the same name, and an older certificate of the intermediate's key.
	_, decoy := newCA(t, pki.Request{})
	d, _ := parsed(t, decoy.Certificate)
	renewal, err := pki.Renewal(intermediate.Certificate)
	if err != nil {
		t.Fatal(err)
	}
	renewal.Key, renewal.NotBefore, renewal.NotAfter = &intermediate.Key, now.AddDate(0, 0, -20), now.AddDate(0, 0, -10)
	old, _ := parsed(t, issue(t, asCA(t, root), renewal).Certificate)
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
		got, complete := pki.Chain(c.leaf, c.pool, now)
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
	a, aRoot := newCA(t, pki.Request{Subject: dn(t, "CN=A")})
	b, bRoot := newCA(t, pki.Request{Subject: dn(t, "CN=B")})
	crossB, _ := parsed(t, issue(t, a, pki.Request{Subject: dn(t, "CN=B"), IsCA: true, Key: &bRoot.Key}).Certificate)
	crossA, _ := parsed(t, issue(t, b, pki.Request{Subject: dn(t, "CN=A"), IsCA: true, Key: &aRoot.Key}).Certificate)
	leaf, _ := parsed(t, issue(t, a, pki.Request{Subject: dn(t, "CN=leaf")}).Certificate)
	chain, complete := pki.Chain(leaf, []*cert.Certificate{crossA, crossB}, time.Now())
	if complete || len(chain) != 3 {
		t.Errorf("%d certificates, complete %v", len(chain), complete)
	}
}
