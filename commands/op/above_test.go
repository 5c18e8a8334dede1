package op_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"iter"
	"math/big"
	"slices"
	"testing"
	"time"

	"certkdb/commands/op"
	"certkdb/commands/op/optest"
	"certkdb/kdb"
)

// entries is the part of a transaction that looks for issuers.
type entries struct {
	kdb.Tx
	list []kdb.Entry
	fail error
}

func (e entries) Find(trait kdb.Trait) iter.Seq2[kdb.Summary, error] {
	return func(yield func(kdb.Summary, error) bool) {
		for i := range e.list {
			if !slices.Contains(kdb.Traits(&e.list[i]), trait) {
				continue
			}
			if s, err := kdb.Summarize(&e.list[i]); !yield(s, err) {
				return
			}
		}
		if e.fail != nil {
			yield(kdb.Summary{}, e.fail)
		}
	}
}

func (e entries) Entry(label string) (kdb.Entry, error) {
	i := slices.IndexFunc(e.list, func(x kdb.Entry) bool { return x.Label == label })
	return e.list[i], nil
}

// generations makes a chain of CAs, each issued by the one before it, the root first.
func generations(t *testing.T, names ...string) [][]byte {
	t.Helper()
	var parent *x509.Certificate
	var signer *ecdsa.PrivateKey
	var ders [][]byte
	for i, name := range names {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		c := &x509.Certificate{
			SerialNumber: big.NewInt(int64(i + 1)), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		}
		if parent == nil {
			parent, signer = c, k
		}
		der, err := x509.CreateCertificate(rand.Reader, c, parent, k.Public(), signer)
		if err != nil {
			t.Fatal(err)
		}
		if parent, err = x509.ParseCertificate(der); err != nil {
			t.Fatal(err)
		}
		signer, ders = k, append(ders, der)
	}
	return ders
}

// crossed makes two CAs that certified each other: the second's certificate by the first, and the first's by the second.
func crossed(t *testing.T) (second, first []byte) {
	t.Helper()
	var keys [2]*ecdsa.PrivateKey
	var templates [2]*x509.Certificate
	var ders [2][]byte
	for i := range keys {
		var err error
		if keys[i], err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			t.Fatal(err)
		}
		templates[i] = &x509.Certificate{
			SerialNumber: big.NewInt(int64(i + 1)), Subject: pkix.Name{CommonName: fmt.Sprintf("CA %d", i+1)}, SubjectKeyId: []byte{byte(i)},
			IsCA: true, BasicConstraintsValid: true, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		}
	}
	for i, by := range []int{1, 0} {
		var err error
		if ders[i], err = x509.CreateCertificate(rand.Reader, templates[i], templates[by], keys[i].Public(), keys[by]); err != nil {
			t.Fatal(err)
		}
	}
	return ders[1], ders[0]
}

func TestAbove(t *testing.T) {
	t.Parallel()
	g := generations(t, "Root", "A", "B", "C")
	root, a, b, c := g[0], g[1], g[2], g[3]
	n := generations(t, "Root", "Root", "C")
	second, first := crossed(t)
	alone := func(ders ...[]byte) (list []kdb.Entry) {
		for i, der := range ders {
			list = append(list, kdb.Entry{Label: string(rune('a' + i)), Kind: kdb.KindTrusted, Certificates: [][]byte{der}})
		}
		return list
	}
	behind := kdb.Entry{Label: "z", Kind: kdb.KindPersonal, Certificates: [][]byte{generations(t, "leaf")[0], b, a}}
	for _, test := range []struct {
		rule        string
		chain, want [][]byte
		list        []kdb.Entry
	}{
		{"each level an entry", [][]byte{c}, [][]byte{c, b, a, root}, alone(root, a, b, c)},
		{"a stored chain without its root", [][]byte{c, b, a}, [][]byte{c, b, a, root}, alone(root)},
		{"two levels are missing in a stored chain", [][]byte{c, b}, [][]byte{c, b, a, root}, alone(root, a)},
		{"issuers in the chain of another entry", [][]byte{c}, [][]byte{c, b, a, root}, append(alone(root), behind)},
		{"as far as they are here", [][]byte{c}, [][]byte{c, b}, alone(root, b)},
		{"RFC 5280, 3.2: a CA's new key, certified with its old one", [][]byte{n[2], n[1]}, [][]byte{n[2], n[1], n[0]}, alone(n[0])},
		{"CAs that certified each other", [][]byte{c, second, first}, [][]byte{c, second, first}, alone(first, second)},
		{"a root", [][]byte{root}, [][]byte{root}, alone(root, a)},
		{"unreadable", [][]byte{[]byte("odd")}, [][]byte{[]byte("odd")}, alone(root)},
	} {
		got, err := op.Above(entries{list: test.list}, test.chain, time.Now())
		if err != nil || !slices.EqualFunc(got, test.want, slices.Equal[[]byte]) {
			t.Errorf("%s: %d certificates, %v", test.rule, len(got), err)
		}
	}
	planted := func(c *x509.Certificate) { c.SubjectKeyId = []byte("sub") }
	web := optest.NewCA(t, "Root").CA(t, "Sub", planted).Issue(t, "web").Certificate
	impostor := optest.NewCA(t, "Other").CA(t, "Sub", planted).Certificate
	got, err := op.Above(entries{list: alone(impostor)}, [][]byte{web}, optest.Now)
	if err != nil || len(got) != 1 {
		t.Errorf("a certificate with the name and the key identifier of the issuer, but a different key: %d certificates, %v", len(got), err)
	}
	broken := errors.New("broken")
	if _, err := op.Above(entries{fail: broken}, [][]byte{c}, time.Now()); !errors.Is(err, broken) {
		t.Error(err)
	}
}
