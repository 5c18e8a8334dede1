package pkcs12_test

import (
	"slices"
	"strings"
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/keyfile/pkcs12"
)

// bagsOf are the bags of a file that has one entry, by their type: those of a file of profile 2023 with the password "x".
func bagsOf(t *testing.T, entries ...kdb.Entry) map[string][][]byte {
	t.Helper()
	bags := map[string][][]byte{}
	for _, b := range decode(t, encode(t, newFile(t, "2023", entries...), "x"), "x").Bags() {
		bags[b.Type] = append(bags[b.Type], b.DER)
	}
	return bags
}

func (f family) alone(label string, id *identity) kdb.Entry {
	return kdb.Entry{Label: label, Kind: kdb.KindPersonal, Key: slices.Clone(id.pkcs8), Certificates: [][]byte{id.cert.Raw}}
}

// copiesFile is a file with the bags one after the other.
func copiesFile(t *testing.T, bags ...[][]byte) []byte {
	t.Helper()
	return rawFile(t, slices.Concat(bags...)...)
}

// TestDecode_copies: what is in a file twice is one entry, be it encrypted anew, and what differs in name, certificate or trust is two.
func TestDecode_copies(t *testing.T) {
	t.Parallel()
	f := newFamily(t)
	web, again, api := bagsOf(t, f.alone("web", f.one)), bagsOf(t, f.alone("web", f.one)), bagsOf(t, f.alone("api", f.one))
	bare := bagsOf(t, kdb.Entry{Label: "web", Kind: kdb.KindPersonal, Key: f.one.pkcs8})
	other := bagsOf(t, f.alone("web", f.two))
	secret := kdb.Entry{Label: "s", Kind: kdb.KindSecretKey, Key: []byte("0123456789abcdef"), KeyAlgorithm: "AES"}
	secrets := append(bagsOf(t, secret)["secret"], bagsOf(t, secret)["secret"]...)
	root, rootAgain := bagsOf(t, trusted("root", f.root)), bagsOf(t, trusted("root", f.root))
	const key, crt = "shrouded-key", "certificate"
	plain := decode(t, encode(t, newFile(t, "passwordless", f.alone("web", f.one)), ""), "").Bags()
	var inClear [][]byte
	for _, b := range plain {
		if b.Type == "key" {
			inClear = append(inClear, b.DER)
		}
	}
	for rule, test := range map[string]struct {
		file []byte
		want string
	}{
		"the same key":                       {copiesFile(t, web[key], web[crt], web[key]), "web:personal:c"},
		"the key encrypted anew":             {copiesFile(t, web[key], web[crt], again[key]), "web:personal:c"},
		"the key alone before the others":    {copiesFile(t, bare[key], web[crt], web[key]), "web:personal:c"},
		"the key alone, thrice":              {copiesFile(t, bare[key], bare[key], web[key]), "web:personal:"},
		"the certificate":                    {copiesFile(t, web[key], web[crt], web[crt]), "web:personal:c"},
		"key and certificate":                {copiesFile(t, web[key], web[crt], again[key], again[crt]), "web:personal:c"},
		"a trusted certificate":              {copiesFile(t, root[crt], rootAgain[crt]), "root:trusted:c*"},
		"a secret key":                       {rawFile(t, secrets...), "s:secret-key:"},
		"another name":                       {copiesFile(t, web[key], web[crt], api[key], api[crt]), "web:personal:c api:personal:c"},
		"another key under the name":         {copiesFile(t, web[key], web[crt], other[key], other[crt]), "web:personal:c web (2):personal:c"},
		"a key in clear and one that is not": {copiesFile(t, web[key], web[crt], inClear), "web:personal:c web (2):personal:"},
		"a name of its own without its cert": {copiesFile(t, web[key], web[crt], api[key]), "web:personal:c api:personal:"},
	} {
		if got := labels(decode(t, test.file, "x")); got != test.want {
			t.Errorf("%s: %s, want %s", rule, got, test.want)
		}
	}
}

// TestCopies_oneDefault: a copy that has the mark of the default entry loses it with its entry.
func TestCopies_oneDefault(t *testing.T) {
	t.Parallel()
	f := newFamily(t)
	web := f.alone("web", f.one)
	plain := bagsOf(t, web)
	web.Default = true
	marked := bagsOf(t, web)
	const key, crt = "shrouded-key", "certificate"
	for _, file := range [][]byte{copiesFile(t, plain[key], plain[crt], marked[key]), copiesFile(t, marked[key], marked[crt], marked[key])} {
		c := decode(t, file, "x")
		if got := labels(c); got != "web:personal:c!" {
			t.Errorf("read: %s", got)
		}
		api := f.alone("api", f.two)
		api.Default = true
		put(t, c, api)
		if got := sorted(labels(decode(t, encode(t, c, "x"), "x"))); got != "api:personal:c! web:personal:c" {
			t.Errorf("with another default: %s", got)
		}
	}
}

// TestCopies_goWithTheirEntry: a copy that nobody sees would be a private key that stays when its entry is deleted.
func TestCopies_goWithTheirEntry(t *testing.T) {
	t.Parallel()
	f := newFamily(t)
	web, again, root := bagsOf(t, f.alone("web", f.one)), bagsOf(t, f.alone("web", f.one)), bagsOf(t, trusted("root", f.root))
	const key, crt = "shrouded-key", "certificate"
	file := copiesFile(t, web[key], web[crt], again[key], again[crt], root[crt], root[crt])
	for rule, test := range map[string]struct {
		change func(*pkcs12.Container) error
		want   string // labels, and the bags that are left
		bags   string
	}{
		"nothing": {
			func(c *pkcs12.Container) error { return nil }, "web:personal:c root:trusted:c*",
			"shrouded-key certificate shrouded-key certificate certificate certificate",
		},
		"delete the key": {func(c *pkcs12.Container) error { return c.Delete("web") }, "root:trusted:c*", "certificate certificate"},
		"delete the certificate": {
			func(c *pkcs12.Container) error { return c.Delete("root") }, "web:personal:c", "shrouded-key certificate shrouded-key certificate",
		},
		"rename": {
			func(c *pkcs12.Container) error { return c.Rename("web", "api") }, "api:personal:c root:trusted:c*",
			"shrouded-key certificate certificate certificate",
		},
		"replace": {
			func(c *pkcs12.Container) error { return c.Put(f.alone("web", f.two)) }, "root:trusted:c* web:personal:c",
			"certificate certificate certificate shrouded-key",
		},
		"distrust": {
			func(c *pkcs12.Container) error {
				return c.Update(kdb.Entry{Label: "root", Kind: kdb.KindTrusted, Certificates: [][]byte{f.root.cert.Raw}})
			},
			"web:personal:c root:trusted:c", "shrouded-key certificate shrouded-key certificate certificate",
		},
	} {
		c := decode(t, file, "x")
		if err := test.change(c); err != nil {
			t.Fatal(err)
		}
		for _, password := range []string{"x", "y"} { // as it is, and with all keys encrypted anew
			c := decode(t, encode(t, c, password), password)
			var bags []string
			for _, b := range c.Bags() {
				bags = append(bags, b.Type)
			}
			if got := labels(c); got != test.want || strings.Join(bags, " ") != test.bags {
				t.Errorf("%s: %s of %q, want %s of %q", rule, got, bags, test.want, test.bags)
			}
			checkKeys(t, c)
		}
	}
}

// TestCopies_trust: with the last key, or the first one, readers conclude otherwise whether certificates without attributes are trusted. A
// copy stays what its entry is.
func TestCopies_trust(t *testing.T) {
	t.Parallel()
	f := newFamily(t)
	web := bagsOf(t, f.alone("web", f.one))
	root := bagsOf(t, f.alone("", f.root))["certificate"] // without attributes that tell of trust
	file := copiesFile(t, web["shrouded-key"], web["certificate"], root, root)
	c := decode(t, file, "x")
	label := c.Entries()[1].Label
	if err := c.Delete("web"); err != nil {
		t.Fatal(err)
	}
	if got := labels(decode(t, encode(t, c, "x"), "x")); got != label+":trusted:c" {
		t.Errorf("without the last key: %s", got)
	}
	c = decode(t, copiesFile(t, root, root), "x")
	put(t, c, f.alone("web", f.one))
	if got := sorted(labels(decode(t, encode(t, c, "x"), "x"))); got != sorted(label+":trusted:c* web:personal:c") {
		t.Errorf("with the first key: %s", got)
	}
}

// TestCopies_leaf: a second bag of the certificate of a key goes with its entry. Without the key it would be an entry, even a trusted one.
func TestCopies_leaf(t *testing.T) {
	t.Parallel()
	f := newFamily(t)
	web := bagsOf(t, f.alone("web", f.one))
	bare := bagsOf(t, kdb.Entry{Label: "", Kind: kdb.KindTrusted, Certificates: [][]byte{f.one.cert.Raw}})
	for _, again := range [][][]byte{web["certificate"], bare["certificate"]} {
		c := decode(t, copiesFile(t, web["shrouded-key"], web["certificate"], again), "x")
		if got := labels(c); got != "web:personal:c" {
			t.Fatalf("read: %s", got)
		}
		if err := c.Delete("web"); err != nil {
			t.Fatal(err)
		}
		if got := labels(decode(t, encode(t, c, "x"), "x")); got != "" {
			t.Errorf("after it was deleted: %s", got)
		}
	}
}
