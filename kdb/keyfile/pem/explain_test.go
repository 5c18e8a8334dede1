package pem_test

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"strings"
	"testing"
	"time"

	"certkdb/kdb"
	"certkdb/kdb/keyfile"
	"certkdb/kdb/keyfile/pem"
)

// again is another certificate for the key and the name of an identity, valid for longer.
func (i *identity) again(t testing.TB, issuer *identity) *identity {
	t.Helper()
	template := *i.cert
	template.NotAfter = i.cert.NotAfter.Add(time.Hour)
	der, err := x509.CreateCertificate(rand.Reader, &template, issuer.cert, i.key.Public(), issuer.key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &identity{i.key, c}
}

// forged makes a self-signed certificate with the name and the key identifier of a CA, and another key.
func (i *identity) forged(t testing.TB) *identity {
	t.Helper()
	template, other := *i.cert, issue(t, "other", nil, true)
	template.AuthorityKeyId, template.PublicKey = template.SubjectKeyId, other.key.Public()
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, other.key.Public(), other.key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &identity{other.key, c}
}

func trust(label string, i *identity) kdb.Entry {
	return kdb.Entry{Label: label, Kind: kdb.KindTrusted, Trusted: true, Certificates: [][]byte{i.cert.Raw}}
}

// TestPairing_rules holds the rules of FORMAT.md in both ways of reading: as a database, and as a stream of entries.
func TestPairing_rules(t *testing.T) {
	t.Parallel()
	root := issue(t, "root", nil, true)
	sub := issue(t, "sub", root, true)
	leaf, other := issue(t, "leaf", sub, false), issue(t, "other", nil, false)
	renewed := leaf.again(t, sub)
	request := armoured("CERTIFICATE REQUEST", leaf.request(t))
	tied := func(block string) string { return "    certkdbChain: 01\n" + block }
	for name, c := range map[string]struct{ input, database, stream string }{
		"two certificates of a key": {
			leaf.keyPEM(t) + leaf.certPEM() + renewed.certPEM(), "personal leaf 1, personal leaf 1", "personal leaf 1, personal leaf 1",
		},
		"one of them has its localKeyID": {
			named("", 1, leaf.keyPEM(t)) + named("a", 1, leaf.certPEM()) + named("b", 0, renewed.certPEM()),
			"personal a 1, trusted b 1", "personal a 1, trusted b 1",
		},
		"another key's localKeyID": {
			named("", 1, leaf.keyPEM(t)) + named("", 1, other.certPEM()) + named("x", 2, leaf.certPEM()),
			"personal x 1, trusted other 1", "personal x 1, trusted other 1",
		},
		"a forged issuer": {
			leaf.keyPEM(t) + leaf.certPEM() + sub.forged(t).certPEM() + root.certPEM(),
			"personal leaf 1, trusted sub 1, trusted root 1", "personal leaf 1, trusted sub 1 distrusted, trusted root 1",
		},
		"a forged issuer before the issuer": {
			leaf.keyPEM(t) + leaf.certPEM() + sub.forged(t).certPEM() + sub.certPEM() + root.certPEM(),
			"personal leaf 3, trusted sub 1", "personal leaf 3, trusted sub 1 distrusted",
		},
		"a named certificate in a chain": {
			leaf.keyPEM(t) + leaf.certPEM() + named("ours", 0, sub.certPEM()), "personal leaf 2, trusted ours 1", "personal leaf 2",
		},
		"one with the label of the entry": {
			named("web", 0, leaf.keyPEM(t)) + leaf.certPEM() + named("web", 0, sub.certPEM()), "personal web 2", "personal web 2",
		},
		"a copy with another label": {
			leaf.keyPEM(t) + named("a", 0, leaf.certPEM()) + named("b", 0, leaf.certPEM()), "personal a 1, trusted b 1", "personal a 1",
		},
		"a copy in the chain": {
			leaf.keyPEM(t) + leaf.certPEM() + sub.certPEM() + sub.certPEM(), "personal leaf 2", "personal leaf 2",
		},
		"a chain that issuer and subject do not tell": {
			named("", 1, leaf.keyPEM(t)) + named("", 1, leaf.certPEM()) + tied(other.certPEM()), "personal leaf 2", "personal leaf 2",
		},
		"the tied one of two": {
			named("", 1, leaf.keyPEM(t)) + leaf.certPEM() + tied(sub.certPEM()) + sub.again(t, root).certPEM(),
			"personal leaf 2, trusted sub 1", "personal leaf 2, trusted sub 1",
		},
		"a request with the localKeyID": {
			named("", 1, leaf.keyPEM(t)) + named("r", 1, request) + leaf.certPEM(), "request r 0, trusted leaf 1", "request r 0, trusted leaf 1",
		},
	} {
		if got := describe(decode(t, c.input)); got != c.database {
			t.Errorf("%s: the database has %s, want %s", name, got, c.database)
		}
		list, err := entries(c.input, pem.Options{})
		if got := short(list); err != nil || got != c.stream {
			t.Errorf("%s: the stream has %s, %v, want %s", name, got, err, c.stream)
		}
	}
}

// TestExplain: whatever is added, the entries that were there are read as before, and nothing is written of those that are clear.
func TestExplain(t *testing.T) {
	t.Parallel()
	root := issue(t, "root", nil, true)
	sub := issue(t, "sub", root, true)
	leaf, other := issue(t, "leaf", sub, false), issue(t, "other", nil, false)
	subAgain, leafAgain := sub.again(t, root), leaf.again(t, sub)
	locked := leaf.lockedPEM(t, secret)
	for name, c := range map[string]struct {
		before string
		add    kdb.Entry
		lines  string // what is written above the blocks that stood there
	}{
		"nothing to explain": {leaf.keyPEM(t) + leaf.certPEM() + sub.certPEM(), trust("x", other), ""},
		"a CA with the name of one in a chain": {
			leaf.keyPEM(t) + leaf.certPEM() + sub.certPEM(), trust("x", subAgain), "friendlyName localKeyID certkdbChain",
		},
		"a certificate of a plain key":                     {leaf.keyPEM(t) + leaf.certPEM(), trust("x", leafAgain), "localKeyID"},
		"a certificate for a locked key with the only one": {locked + leaf.certPEM(), trust("x", other), ""},
		"a certificate for a locked key alone":             {locked, trust("x", other), "localKeyID"},
		"a certificate for a locked key with a request": {
			locked + armoured("CERTIFICATE REQUEST", leaf.request(t)), trust("x", other), "localKeyID",
		},
		"a second key": {
			locked + leaf.certPEM(),
			kdb.Entry{Label: "x", Kind: kdb.KindPersonal, Certificates: [][]byte{other.cert.Raw}, Key: other.pkcs8(t)},
			"",
		},
		"a trusted certificate that becomes an issuer": {
			sub.certPEM(), kdb.Entry{Label: "x", Kind: kdb.KindPersonal, Certificates: [][]byte{leaf.cert.Raw}, Key: leaf.pkcs8(t)}, "friendlyName",
		},
	} {
		container := decode(t, c.before)
		before := describe(container)
		put(t, container, c.add)
		text := encode(t, container)
		got := describe(decode(t, text))
		if !strings.HasPrefix(got, before) || !strings.Contains(got[len(before):], " x ") {
			t.Errorf("%s: %s, and then %s", name, before, got)
		}
		if encode(t, container) != text {
			t.Errorf("%s: it is written in two ways", name)
		}
		old, _, _ := strings.Cut(text, "friendlyName: x\n")
		for _, word := range []string{"friendlyName", "localKeyID", "certkdbChain"} {
			if strings.Contains(old, word) != strings.Contains(c.lines, word) {
				t.Errorf("%s: want the lines %q in\n%s", name, c.lines, old)
			}
		}
	}
}

// TestExplain_keepsTheChain: the chain of an entry stays that which was put, of several with the same names.
func TestExplain_keepsTheChain(t *testing.T) {
	t.Parallel()
	root := issue(t, "root", nil, true)
	sub := issue(t, "sub", root, true)
	leaf, later := issue(t, "leaf", sub, false), sub.again(t, root)
	chains := [][][]byte{{leaf.cert.Raw, sub.cert.Raw}, {leaf.cert.Raw, later.cert.Raw}}
	for _, first := range []int{0, 1} {
		c, err := pem.FastCodec().New("")
		if err != nil {
			t.Fatal(err)
		}
		put(t, c, kdb.Entry{Label: "a", Kind: kdb.KindPersonal, Certificates: chains[first], Key: leaf.pkcs8(t)})
		put(t, c, kdb.Entry{Label: "b", Kind: kdb.KindPersonal, Certificates: chains[1-first], Key: leaf.pkcs8(t)})
		read := decode(t, encode(t, c))
		for label, want := range map[string][][]byte{"a": chains[first], "b": chains[1-first]} {
			e, err := read.Entry(label)
			if err != nil || len(e.Certificates) < 2 || !bytes.Equal(e.Certificates[1], want[1]) {
				t.Errorf("%d, %s: %d certificates, %v", first, label, len(e.Certificates), err)
			}
		}
	}
}

// TestReseal_keepsEntries: when keys in clear are encrypted, everything is read as before.
func TestReseal_keepsEntries(t *testing.T) {
	t.Parallel()
	root := issue(t, "root", nil, true)
	leaf, other := issue(t, "leaf", root, false), issue(t, "other", nil, false)
	for name, text := range map[string]string{
		"two keys":      leaf.keyPEM(t) + other.keyPEM(t) + other.certPEM() + leaf.certPEM() + root.certPEM(),
		"a key alone":   other.keyPEM(t) + leaf.certPEM(),
		"a request":     armoured("CERTIFICATE REQUEST", leaf.request(t)) + leaf.keyPEM(t) + other.certPEM(),
		"a locked one":  leaf.lockedPEM(t, secret) + leaf.certPEM(),
		"a copied key":  leaf.keyPEM(t) + leaf.certPEM() + leaf.keyPEM(t),
		"two with one":  leaf.keyPEM(t) + named("a", 0, leaf.certPEM()) + named("b", 0, leaf.again(t, root).certPEM()),
		"a trusted one": leaf.keyPEM(t) + named("a", 0, leaf.certPEM()) + named("b", 0, root.certPEM()),
	} {
		c := decode(t, text)
		before := fmt.Sprint(labels(c))
		if err := c.(keyfile.Sealer).Reseal(); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		changed := encode(t, c)
		if got := fmt.Sprint(labels(decode(t, changed))); got != before || strings.Contains(changed, "BEGIN PRIVATE KEY") {
			t.Errorf("%s: %s, before %s\n%s", name, got, before, changed)
		}
	}
}

func labels(c keyfile.Container) (list []string) {
	for _, e := range c.Entries() {
		list = append(list, fmt.Sprintf("%s %s %d", e.Kind, e.Label, len(e.Certificates)))
	}
	return list
}
