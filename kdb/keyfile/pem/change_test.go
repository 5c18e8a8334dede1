package pem_test

import (
	"bytes"
	crand "crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/keyfile"
	"certkdb/kdb/keyfile/pem"
)

func TestPut_keepsEverythingElse(t *testing.T) {
	t.Parallel()
	root, sub := issue(t, "root", nil, true), issue(t, "sub", nil, true)
	for _, ends := range []string{"\n", "\r\n"} {
		before := strings.ReplaceAll("# ours\n\nRoot\n====\n"+root.certPEM()+
			"\n-----BEGIN MESSAGE-----\nAAAA\n-----END MESSAGE-----\n# end", "\n", ends)
		c := decode(t, before)
		put(t, c, kdb.Entry{Label: "sub", Kind: kdb.KindTrusted, Trusted: true, Certificates: [][]byte{sub.cert.Raw}})
		want := before + "\n" + strings.ReplaceAll("\n"+named("sub", 0, sub.certPEM()), "\n", ends)
		if got := encode(t, c); got != want {
			t.Errorf("%q, want %q", got, want)
		}
		again := decode(t, encode(t, c))
		if err := again.Delete("sub"); err != nil {
			t.Fatal(err)
		}
		if got := strings.TrimRight(encode(t, again), "\r\n"); got != before {
			t.Errorf("after deleting it again %q, want %q", got, before)
		}
	}
}

func put(t testing.TB, c keyfile.Container, e kdb.Entry) {
	t.Helper()
	if err := c.Put(e); err != nil {
		t.Fatal(err)
	}
}

func TestDelete_takesItsNotes(t *testing.T) {
	t.Parallel()
	a, b := issue(t, "aaa", nil, true), issue(t, "bbb", nil, true)
	for name, test := range map[string]struct{ before, after string }{
		"a title": {
			"# header\n\n" + b.certPEM() + "\nA title\n=======\n" + a.certPEM() + "# end\n", "# header\n\n" + b.certPEM() + "# end\n",
		},
		"the first, a header": {"# header\n\nA title\n" + a.certPEM() + "\n" + b.certPEM(), "# header\n\n\n" + b.certPEM()},
		"bag attributes": {
			b.certPEM() + "Bag Attributes\n    friendlyName: aaa\nsubject=CN = aaa\n\nissuer=x\n\n" + a.certPEM(), b.certPEM(),
		},
		"no notes":       {a.certPEM() + b.certPEM(), b.certPEM()},
		"no end of line": {b.certPEM() + strings.TrimRight(a.certPEM(), "\n"), b.certPEM()},
		"a broken block": {
			"-----BEGIN CERTIFICATE-----\nAAAA\n-----END X-----\n" + a.certPEM() + b.certPEM(),
			"-----BEGIN CERTIFICATE-----\nAAAA\n-----END X-----\n" + b.certPEM(),
		},
		"the last one": {"# header\n\n" + a.certPEM(), "# certificates and keys in PEM (RFC 7468): none yet\n# header\n\n"},
	} {
		c := decode(t, test.before)
		if err := c.Delete(labelOf(t, c, "aaa")); err != nil {
			t.Fatal(err)
		}
		got := encode(t, c)
		if got != test.after {
			t.Errorf("%s: %q, want %q", name, got, test.after)
		}
		if !pem.Codec(0).Matches([]byte(got)[:min(len(got), 4096)]) {
			t.Errorf("%s: what is left is not recognised", name)
		}
	}
}

func ecKeyPEM(t *testing.T, i *identity) string {
	t.Helper()
	item, err := pem.Traditional(i.pkcs8(t))
	if err != nil {
		t.Fatal(err)
	}
	return armoured(item.Type, item.DER)
}

func TestDelete_chains(t *testing.T) {
	t.Parallel()
	root := issue(t, "root", nil, true)
	sub := issue(t, "sub", root, true)
	leaf, other := issue(t, "leaf", sub, false), issue(t, "other", sub, false)
	chain := sub.certPEM() + root.certPEM()
	shared := leaf.keyPEM(t) + leaf.certPEM() + chain + other.keyPEM(t) + other.certPEM()
	for name, test := range map[string]struct{ before, label, after string }{
		"the chain goes with its entry": {
			leaf.keyPEM(t) + leaf.certPEM() + chain, "leaf", "# certificates and keys in PEM (RFC 7468): none yet\n",
		},
		"another entry needs it":       {shared, "leaf", chain + other.keyPEM(t) + other.certPEM()},
		"it needs what the other does": {shared, "other", leaf.keyPEM(t) + leaf.certPEM() + chain},
		"each has its own": {
			leaf.keyPEM(t) + leaf.certPEM() + chain + other.keyPEM(t) + other.certPEM() + chain, "other", leaf.keyPEM(t) + leaf.certPEM() + chain,
		},
		"a trusted one stays": {
			leaf.keyPEM(t) + leaf.certPEM() + sub.certPEM() + named("r", 0, root.certPEM()), "leaf", named("r", 0, root.certPEM()),
		},
		"the trusted one goes, the chain not": {
			leaf.keyPEM(t) + leaf.certPEM() + sub.certPEM() + named("r", 0, root.certPEM()), "r", leaf.keyPEM(t) + leaf.certPEM() + chain,
		},
		"an issuer's key goes": {
			leaf.keyPEM(t) + leaf.certPEM() + sub.keyPEM(t) + chain, "sub", leaf.keyPEM(t) + leaf.certPEM() + chain,
		},
		"its EC parameters": {
			armoured("EC PARAMETERS", der(6, []byte("\x2a\x86\x48\xce\x3d\x03\x01\x07"))) + ecKeyPEM(t, leaf) + leaf.certPEM() + root.certPEM(),
			"leaf", root.certPEM(),
		},
		"copies go too": {
			leaf.keyPEM(t) + leaf.certPEM() + leaf.keyPEM(t) + leaf.certPEM() + root.certPEM(), "leaf", root.certPEM(),
		},
	} {
		c := decode(t, test.before)
		if err := c.Delete(labelOf(t, c, test.label)); err != nil {
			t.Fatal(err)
		}
		if got := encode(t, c); got != test.after {
			t.Errorf("%s:\n%s, want\n%s", name, got, test.after)
		}
	}
}

// TestPut_trustedStaysTrusted: a certificate that is trusted does not become a mere part of a chain by what is added next to it.
func TestPut_trustedStaysTrusted(t *testing.T) {
	t.Parallel()
	root := issue(t, "root", nil, true)
	sub := issue(t, "sub", root, true)
	leaf := issue(t, "leaf", sub, false)
	personal := kdb.Entry{Label: "web", Kind: kdb.KindPersonal, Certificates: [][]byte{leaf.cert.Raw, sub.cert.Raw}, Key: leaf.pkcs8(t)}
	trusted := func(i *identity) kdb.Entry {
		e := kdb.Entry{Kind: kdb.KindTrusted, Trusted: true, Certificates: [][]byte{i.cert.Raw}}
		e.Label = kdb.AutoLabel(&e)
		return e
	}
	for _, list := range [][]kdb.Entry{
		{trusted(root), personal},
		{personal, trusted(root)},
		{trusted(sub), trusted(root), personal},
		{personal, trusted(sub), trusted(root)},
		{trusted(leaf), personal},
		{personal, trusted(leaf)},
	} {
		c, err := pem.FastCodec().New("")
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range list {
			put(t, c, e)
			c = decode(t, encode(t, c))
		}
		if got := c.Entries(); len(got) != len(list) {
			t.Errorf("%d entries of %d: %s", len(got), len(list), describe(c))
		}
	}
}

// TestRename_inPlace: a rename changes the label and nothing else, and opens no key.
func TestRename_inPlace(t *testing.T) {
	t.Parallel()
	root, leaf := issue(t, "root", nil, true), issue(t, "leaf", nil, false)
	for name, test := range map[string]struct {
		parts [3]string
		key   bool
	}{
		"a certificate with a title": {[3]string{root.certPEM() + "\nTitle\n=====\n", leaf.certPEM(), "\n" + root.certPEM()}, false},
		"trust settings": {[3]string{
			"", armoured("TRUSTED CERTIFICATE", slices.Concat(leaf.cert.Raw, der(0x30, der(0xa0, der(6, []byte("\x55\x1d\x25\x00")))))),
			"# end\n",
		}, false},
		"a plain key": {[3]string{leaf.keyPEM(t), leaf.certPEM(), root.certPEM()}, true},
	} {
		c := decode(t, strings.Join(test.parts[:], ""))
		if err := c.Rename(labelOf(t, c, "leaf"), "new"); err != nil {
			t.Fatal(err)
		}
		const attributes = "Bag Attributes\n    friendlyName: new\n"
		want := test.parts[0] + attributes + test.parts[1] + test.parts[2]
		if test.key {
			want = attributes + want
		}
		files, err := c.Encode(nil)
		if got := string(files.Main); err != nil || got != want {
			t.Errorf("%s: %v, %s, want %s", name, err, got, want)
		}
	}
}

// TestRename_takesAlongWhatHasTheLabel: copies of the certificate, and certificates of the chain with the label of the entry.
func TestRename_takesAlongWhatHasTheLabel(t *testing.T) {
	t.Parallel()
	root := issue(t, "root", nil, true)
	leaf := issue(t, "leaf", root, false)
	text := leaf.keyPEM(t) + named("web", 0, leaf.certPEM()) + named("web", 0, root.certPEM()) + named("web", 0, leaf.certPEM())
	c := decode(t, text)
	if got := describe(c); got != "personal web 2" {
		t.Fatal(got)
	}
	if err := c.Rename("web", "www"); err != nil {
		t.Fatal(err)
	}
	if got := describe(decode(t, encode(t, c))); got != "personal www 2" {
		t.Error(got)
	}
	for label, want := range map[string]error{"-----BEGIN X": kdb.ErrUnsupported} {
		if err := c.Rename("www", label); !errors.Is(err, want) {
			t.Errorf("renamed to %q: %v", label, err)
		}
	}
}

// TestPut_besideAPlainKey: a certificate of the same key that is added as trusted stays trusted.
func TestPut_besideAPlainKey(t *testing.T) {
	t.Parallel()
	leaf := issue(t, "leaf", nil, false)
	renewed := issue(t, "renewed", nil, false).cert
	renewed.PublicKey = nil
	der, err := x509.CreateCertificate(crand.Reader, renewed, renewed, leaf.key.Public(), leaf.key)
	if err != nil {
		t.Fatal(err)
	}
	for _, other := range []string{leaf.certPEM(), armoured("CERTIFICATE REQUEST", leaf.request(t))} {
		c := decode(t, leaf.keyPEM(t)+other)
		before := describe(c)
		put(t, c, kdb.Entry{Label: "renewed", Kind: kdb.KindTrusted, Trusted: true, Certificates: [][]byte{der}})
		if got := describe(decode(t, encode(t, c))); got != before+", trusted renewed 1" {
			t.Errorf("%s, then %s", before, got)
		}
	}
}

func TestPut_plainKeysStayPlain(t *testing.T) {
	t.Parallel()
	leaf, other := issue(t, "leaf", nil, false), issue(t, "other", nil, false)
	before := leaf.keyPEM(t) + leaf.certPEM()
	c := decode(t, before)
	if err := c.Rename(c.Entries()[0].Label, "renamed"); err != nil {
		t.Fatal(err)
	}
	if files, err := c.Encode(nil); err != nil || !bytes.Contains(files.Main, []byte(leaf.keyPEM(t))) {
		t.Errorf("renaming without a password: %v, %s", err, files.Main)
	}
	put(t, c, kdb.Entry{Label: "new", Kind: kdb.KindPersonal, Certificates: [][]byte{other.cert.Raw}, Key: other.pkcs8(t)})
	if _, err := c.Encode(nil); !errors.Is(err, kdb.ErrNoPassword) {
		t.Errorf("a new key without a password: %v, want kdb.ErrNoPassword", err)
	}
	got := encode(t, c)
	if strings.Count(got, "-----BEGIN PRIVATE KEY-----") != 1 || strings.Count(got, "-----BEGIN ENCRYPTED PRIVATE KEY-----") != 1 {
		t.Errorf("the old key is not plain, or the new one is:\n%s", got)
	}
}

// TestPut_besideACutBlock: what has no end would swallow the attributes of what is written behind it.
func TestPut_besideACutBlock(t *testing.T) {
	t.Parallel()
	root, leaf := issue(t, "root", nil, true), issue(t, "leaf", nil, false)
	cut := leaf.certPEM()[:200]
	for _, text := range []string{root.certPEM() + cut, cut + "\n" + root.certPEM()} {
		c := decode(t, text)
		if got := describe(c); got != "trusted root 1" {
			t.Error(got)
		}
		err := c.Put(kdb.Entry{Label: "x", Kind: kdb.KindTrusted, Trusted: true, Certificates: [][]byte{leaf.cert.Raw}})
		if !errors.Is(err, kdb.ErrUnsupported) {
			t.Errorf("%v, want kdb.ErrUnsupported", err)
		}
	}
}

// TestPut_nextToALockedKey: what is added next to a locked key without a certificate does not become its certificate.
func TestPut_nextToALockedKey(t *testing.T) {
	t.Parallel()
	leaf, other := issue(t, "leaf", nil, false), issue(t, "other", nil, true)
	c := decode(t, leaf.lockedPEM(t, secret))
	put(t, c, kdb.Entry{Label: "other", Kind: kdb.KindTrusted, Trusted: true, Certificates: [][]byte{other.cert.Raw}})
	c = decode(t, encode(t, c))
	if got := describe(c); got != "personal key 0, trusted other 1" {
		t.Error(got)
	}
	if err := c.Update(kdb.Entry{Label: labelOf(t, c, "key"), Kind: kdb.KindPersonal, Certificates: [][]byte{leaf.cert.Raw}}); err != nil {
		t.Fatal(err)
	}
	if got := describe(decode(t, encode(t, c))); got != "personal key 1, trusted other 1" {
		t.Error(got)
	}
}

func TestEncode_onePassword(t *testing.T) {
	t.Parallel()
	leaf, other := issue(t, "leaf", nil, false), issue(t, "other", nil, false)
	entry := kdb.Entry{Label: "new", Kind: kdb.KindPersonal, Certificates: [][]byte{other.cert.Raw}, Key: other.pkcs8(t)}
	c := decode(t, leaf.lockedPEM(t, secret)+leaf.certPEM())
	put(t, c, entry)
	if _, err := c.Encode([]byte("a slip")); !errors.Is(err, kdb.ErrPassword) {
		t.Errorf("a key under another password than that of the file: %v, want kdb.ErrPassword", err)
	}
	again := decode(t, encode(t, c))
	for _, e := range again.Entries() {
		if _, err := again.Key(e.Label); err != nil {
			t.Errorf("the key of %q: %v", e.Label, err)
		}
	}
}

func TestKey_belongsToItsCertificate(t *testing.T) {
	t.Parallel()
	leaf, other := issue(t, "leaf", nil, false), issue(t, "other", nil, false)
	c := decode(t, other.lockedPEM(t, secret)+leaf.certPEM())
	if _, err := c.Key(labelOf(t, c, "leaf")); !errors.Is(err, kdb.ErrParse) {
		t.Errorf("a key that belongs to another certificate: %v", err)
	}
}

// TestChanges_random makes random changes and compares with what a map would hold, reading the file again after each.
func TestChanges_random(t *testing.T) {
	t.Parallel()
	root := issue(t, "root", nil, true)
	sub := issue(t, "sub", root, true)
	people := []*identity{
		root, sub, issue(t, "a", sub, false), issue(t, "b", sub, false),
		issue(t, "c", root, false), issue(t, "d", nil, false),
	}
	// The last has no chain.
	chains := [][][]byte{{}, {root.cert.Raw}, {sub.cert.Raw, root.cert.Raw}, {sub.cert.Raw}, {root.cert.Raw}, {people[4].cert.Raw}}
	for seed := range uint64(60) {
		random := rand.New(rand.NewPCG(seed, 1))
		c, err := pem.FastCodec().New("")
		if err != nil {
			t.Fatal(err)
		}
		model := map[string]kdb.Entry{}
		if seed%2 == 0 { // a file of another program: a key in clear, without localKeyID
			c = decode(t, people[2].keyPEM(t)+named("label 0", 0, people[2].certPEM())+sub.certPEM()+root.certPEM())
			model["label 0"] = kdb.Entry{
				Label: "label 0", Kind: kdb.KindPersonal, Key: people[2].pkcs8(t), Certificates: append([][]byte{people[2].cert.Raw}, chains[2]...),
			}
		}
		var log []string
		for range 12 {
			label := fmt.Sprintf("label %d", random.IntN(5))
			who := random.IntN(len(people))
			switch old, ok := model[label]; {
			case ok && random.IntN(2) == 0:
				log = append(log, "delete "+label)
				if err := c.Delete(label); err != nil {
					t.Fatalf("%v: %v", log, err)
				}
				delete(model, label)
			case ok && random.IntN(3) == 0:
				to := fmt.Sprintf("label %d", 5+random.IntN(3))
				log = append(log, "rename "+label+" to "+to)
				err := c.Rename(label, to)
				if _, taken := model[to]; taken {
					if !errors.Is(err, kdb.ErrExists) {
						t.Fatalf("%v: %v, want ErrExists", log, err)
					}
					break
				}
				if err != nil {
					t.Fatalf("%v: %v", log, err)
				}
				old.Label = to
				delete(model, label)
				model[to] = old
			default:
				e := kdb.Entry{Label: label, Kind: kdb.KindTrusted, Trusted: true, Certificates: [][]byte{people[who].cert.Raw}}
				if random.IntN(2) == 0 {
					e.Kind, e.Trusted, e.Key = kdb.KindPersonal, false, people[who].pkcs8(t)
					e.Certificates = append(e.Certificates, chains[who]...)
				}
				log = append(log, fmt.Sprintf("put %s %s %d", e.Kind, label, who))
				put(t, c, e)
				model[label] = e
			}
			if random.IntN(3) > 0 {
				log = append(log, "read")
				c = decode(t, encode(t, c))
			}
			if problem := compare(c, model); problem != "" {
				t.Fatalf("seed %d: %s after %v\n%s", seed, problem, log, encode(t, c))
			}
		}
	}
}

func compare(c keyfile.Container, model map[string]kdb.Entry) string {
	list := c.Entries()
	if len(list) != len(model) {
		return fmt.Sprintf("%d entries of %d (%s)", len(list), len(model), describe(c))
	}
	for _, e := range list {
		want, ok := model[e.Label]
		switch {
		case !ok || e.Kind != want.Kind:
			return fmt.Sprintf("%s %q", e.Kind, e.Label)
		case len(e.Certificates) < len(want.Certificates) ||
			!slices.EqualFunc(e.Certificates[:len(want.Certificates)], want.Certificates, bytes.Equal):
			return fmt.Sprintf("%q has other certificates", e.Label)
		}
		if key, err := c.Key(e.Label); len(want.Key) > 0 && (err != nil || !bytes.Equal(key, want.Key)) {
			return fmt.Sprintf("the key of %q: %v", e.Label, err)
		}
	}
	return ""
}
