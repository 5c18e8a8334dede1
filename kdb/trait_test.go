package kdb_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"iter"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"certkdb/kdb"
	"certkdb/kdb/memory"
	"certkdb/pki/name"
)

// authority is a certificate with its key.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	spki []byte
}

// newAuthority makes a certificate that issuer signs, nil for itself.
func newAuthority(t *testing.T, cn string, issuer *authority) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: cn}, NotAfter: time.Now().Add(time.Hour),
		BasicConstraintsValid: true, IsCA: true,
	}
	if issuer == nil {
		issuer = &authority{cert: template, key: key}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer.cert, key.Public(), issuer.key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{c, key, c.RawSubjectPublicKeyInfo}
}

// pkcs8 is the private key as entries have it.
func (a *authority) pkcs8(t *testing.T) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(a.key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func named(t *testing.T, cn string) name.Name {
	t.Helper()
	n, err := name.ParseString("CN=" + cn)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestTraits: an entry is found by the subjects of its whole chain, but only by the issuer and the key of its own certificate.
func TestTraits(t *testing.T) {
	t.Parallel()
	root := newAuthority(t, "Root", nil)
	leaf := newAuthority(t, "Leaf", root)
	odd := []byte{0x30, 0}
	for rule, c := range map[string]struct {
		entry kdb.Entry
		want  []kdb.Trait
	}{
		"a chain": {
			kdb.Entry{Certificates: [][]byte{leaf.cert.Raw, root.cert.Raw}},
			[]kdb.Trait{
				kdb.ByIssuer(named(t, "Root")), kdb.ByKey(leaf.spki), kdb.BySubject(named(t, "Leaf")), kdb.BySubject(named(t, "Root")),
			},
		},
		"each subject once": {
			kdb.Entry{Certificates: [][]byte{root.cert.Raw, root.cert.Raw}},
			[]kdb.Trait{kdb.ByIssuer(named(t, "root")), kdb.ByKey(root.spki), kdb.BySubject(named(t, "ROOT"))},
		},
		"nothing of what cannot be parsed": {
			kdb.Entry{Certificates: [][]byte{odd, root.cert.Raw}, Request: odd}, []kdb.Trait{kdb.BySubject(named(t, "Root"))},
		},
		"deployments": {kdb.Entry{Deployments: []byte("x")}, []kdb.Trait{kdb.Deployed}},
		"nothing":     {kdb.Entry{}, nil},
	} {
		if got := kdb.Traits(&c.entry); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", rule, got, c.want)
		}
	}
	_, request := newKey(t)
	if got := kdb.Traits(&kdb.Entry{Request: request}); len(got) != 1 || got[0][0] != kdb.ByKey(root.spki)[0] {
		t.Errorf("a request: %q", got)
	}
}

// inMemory is a view of some entries.
func inMemory(t *testing.T, entries []kdb.Entry, fn func(kdb.Tx)) {
	t.Helper()
	db := memory.New("x", "pem")
	err := db.Update(t.Context(), "test", func(tx kdb.Tx) error {
		var err error
		for _, e := range entries {
			err = errors.Join(err, tx.Put(e))
		}
		return err
	})
	if err == nil {
		err = db.View(t.Context(), func(tx kdb.Tx) error { fn(tx); return nil })
	}
	if err != nil {
		t.Fatal(err)
	}
}

// labelsOf are the labels of some summaries, the last one an error if there is one.
func labelsOf(all iter.Seq2[kdb.Summary, error]) string {
	var list []string
	for s, err := range all {
		if err != nil {
			return strings.Join(append(list, err.Error()), ", ")
		}
		list = append(list, s.Label)
	}
	return strings.Join(list, ", ")
}

// TestIndex_findsInTheOrderOfTheLabels: also a private key that stands alone, by its public key alone.
func TestIndex_findsInTheOrderOfTheLabels(t *testing.T) {
	t.Parallel()
	root := newAuthority(t, "Root", nil)
	leaf, other := newAuthority(t, "Leaf", root), newAuthority(t, "Other", root)
	inMemory(t, []kdb.Entry{
		{Label: "z leaf", Kind: kdb.KindPersonal, Certificates: [][]byte{leaf.cert.Raw, root.cert.Raw}, Key: leaf.pkcs8(t)},
		{Label: "a key", Kind: kdb.KindPersonal, Key: leaf.pkcs8(t)},
		{Label: "b other", Kind: kdb.KindTrusted, Certificates: [][]byte{other.cert.Raw}},
		{Label: "c root", Kind: kdb.KindTrusted, Certificates: [][]byte{root.cert.Raw}},
	}, func(tx kdb.Tx) {
		index, err := kdb.NewIndex(tx)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			trait kdb.Trait
			want  string
		}{
			{kdb.ByKey(leaf.spki), "a key, z leaf"},
			{kdb.ByKey(other.spki), "b other"},
			{kdb.ByKey(root.spki), "c root"},
			{kdb.ByIssuer(named(t, "Root")), "b other, c root, z leaf"},
			{kdb.BySubject(named(t, "Root")), "c root, z leaf"},
			{kdb.BySubject(named(t, "Nobody")), ""},
		} {
			for range 2 { // the second time it is the same
				if got := labelsOf(index.Find(tx, c.trait)); got != c.want {
					t.Errorf("%q: %q, want %q", c.trait, got, c.want)
				}
			}
		}
		for range index.Find(tx, kdb.ByIssuer(named(t, "Root"))) {
			break // it asks for no more
		}
		got := labelsOf(kdb.Labelled(tx, []string{"a key", "missing", "c root"}))
		if !strings.HasPrefix(got, "a key, ") || strings.Contains(got, "root") {
			t.Errorf("with a label that is missing: %q", got)
		}
	})
}

// brokenTx fails where it is told to.
type brokenTx struct {
	kdb.Tx
	summaries, entry, key error
}

func (b brokenTx) Summaries(after string) iter.Seq2[kdb.Summary, error] {
	if b.summaries == nil {
		return b.Tx.Summaries(after)
	}
	return func(yield func(kdb.Summary, error) bool) { yield(kdb.Summary{}, b.summaries) }
}

func (b brokenTx) Entry(label string) (kdb.Entry, error) {
	if b.entry != nil {
		return kdb.Entry{}, b.entry
	}
	return b.Tx.Entry(label)
}

func (b brokenTx) Key(label string) ([]byte, error) {
	if b.key != nil {
		return nil, b.key
	}
	return b.Tx.Key(label)
}

// TestNewIndex_faults: a database that fails is an error; one entry that cannot be parsed, or one key that does not open, is not.
func TestNewIndex_faults(t *testing.T) {
	t.Parallel()
	root, fault := newAuthority(t, "Root", nil), errors.New("fault")
	inMemory(t, []kdb.Entry{{Label: "key", Kind: kdb.KindPersonal, Key: root.pkcs8(t)}}, func(tx kdb.Tx) {
		for _, c := range []struct {
			rule string
			tx   brokenTx
			want error
			find string
		}{
			{"sound", brokenTx{Tx: tx}, nil, "key"},
			{"no summaries", brokenTx{Tx: tx, summaries: fault}, fault, ""},
			{"no entry", brokenTx{Tx: tx, entry: fault}, fault, ""},
			{"an entry that cannot be parsed", brokenTx{Tx: tx, entry: kdb.ErrParse}, nil, ""},
			{"a key that does not open", brokenTx{Tx: tx, key: kdb.ErrPassword}, nil, ""},
		} {
			index, err := kdb.NewIndex(c.tx)
			if !errors.Is(err, c.want) || c.want == nil && err != nil {
				t.Errorf("%s: %v", c.rule, err)
			}
			if err == nil && labelsOf(index.Find(c.tx, kdb.ByKey(root.spki))) != c.find {
				t.Errorf("%s: found %q", c.rule, labelsOf(index.Find(c.tx, kdb.ByKey(root.spki))))
			}
		}
		e, err := tx.Entry("key")
		if err != nil {
			t.Fatal(err)
		}
		if !kdb.HasBareKey(tx, &e, kdb.ByKey(root.spki)) || kdb.HasBareKey(tx, &e, kdb.ByIssuer(named(t, "Root"))) ||
			kdb.HasBareKey(tx, &e, kdb.ByKey(newAuthority(t, "Other", nil).spki)) {
			t.Error("it is found by its own public key, and by nothing else")
		}
		certified := e
		certified.Certificates = [][]byte{root.cert.Raw}
		asked := e
		asked.Kind = kdb.KindRequest
		for _, with := range []kdb.Entry{certified, asked} {
			if kdb.HasBareKey(tx, &with, kdb.ByKey(root.spki)) {
				t.Errorf("a %s with %d certificates is no private key alone", with.Kind, len(with.Certificates))
			}
		}
	})
}
