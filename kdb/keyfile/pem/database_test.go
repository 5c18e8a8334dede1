package pem_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/keyfile"
	"certkdb/kdb/keyfile/pem"
	"certkdb/pki/pbe"
)

const secret = "correct horse"

// decode opens a text as a database whose password is secret.
func decode(t testing.TB, text string) keyfile.Container {
	t.Helper()
	return decodeWith(t, text, func() ([]byte, error) { return []byte(secret), nil })
}

func decodeWith(t testing.TB, text string, password func() ([]byte, error)) keyfile.Container {
	t.Helper()
	c, err := pem.FastCodec().Decode(keyfile.Files{Main: []byte(text)}, keyfile.Passwords{Database: password})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func encode(t testing.TB, c keyfile.Container) string {
	t.Helper()
	files, err := c.Encode([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	return string(files.Main)
}

// describe lists entries in short: kind, label without its fingerprint, number of certificates.
func describe(c keyfile.Container) string {
	var out []string
	for _, e := range c.Entries() {
		label := e.Label
		if i := strings.LastIndexByte(label, '-'); i > 0 {
			label = label[:i]
		}
		s := fmt.Sprintf("%s %s %d", e.Kind, label, len(e.Certificates))
		if e.Kind == kdb.KindTrusted && !e.Trusted {
			s += " distrusted"
		}
		out = append(out, s)
	}
	return strings.Join(out, ", ")
}

// labelOf finds the label that begins with a word.
func labelOf(t testing.TB, c keyfile.Container, word string) string {
	t.Helper()
	for _, e := range c.Entries() {
		if strings.HasPrefix(e.Label, word) {
			return e.Label
		}
	}
	t.Fatalf("no label begins with %q among %s", word, describe(c))
	return ""
}

// lockedPEM is the identity's private key, encrypted.
func (i *identity) lockedPEM(t testing.TB, password string) string {
	t.Helper()
	algorithm, ciphertext, err := pbe.Encrypt(i.pkcs8(t), []byte(password), pbe.AES256, 1000)
	if err != nil {
		t.Fatal(err)
	}
	return armoured("ENCRYPTED PRIVATE KEY", pbe.JoinPKCS8(algorithm, ciphertext))
}

func named(label string, id int, block string) string {
	text := "Bag Attributes\n"
	if label != "" {
		text += "    friendlyName: " + label + "\n"
	}
	if id > 0 {
		text += fmt.Sprintf("    localKeyID: %02X \n", id)
	}
	return text + block
}

func TestDecode_entries(t *testing.T) {
	t.Parallel()
	root := issue(t, "root", nil, true)
	sub := issue(t, "sub", root, true)
	leaf := issue(t, "leaf", sub, false)
	other := issue(t, "other", nil, false)
	chain := sub.certPEM() + root.certPEM()
	for name, test := range map[string]struct{ input, want string }{
		"certificates":                      {root.certPEM() + sub.certPEM(), "trusted root 1, trusted sub 1"},
		"one twice":                         {root.certPEM() + root.certPEM(), "trusted root 1, trusted root 1"},
		"a key, its certificate, its chain": {leaf.keyPEM(t) + leaf.certPEM() + chain, "personal leaf 3"},
		"the key last":                      {leaf.certPEM() + chain + leaf.keyPEM(t), "personal leaf 3"},
		"the key twice":                     {leaf.keyPEM(t) + leaf.certPEM() + leaf.keyPEM(t), "personal leaf 1"},
		"the certificate twice":             {leaf.keyPEM(t) + leaf.certPEM() + leaf.certPEM(), "personal leaf 1"},
		"a CA of a chain has its key too":   {leaf.keyPEM(t) + leaf.certPEM() + sub.keyPEM(t) + chain, "personal leaf 3, personal sub 2"},
		"a chain's root under its own label": {
			leaf.keyPEM(t) + leaf.certPEM() + sub.certPEM() + named("my root", 0, root.certPEM()), "personal leaf 3, trusted my root 1",
		},
		"the certificate under two labels": {
			leaf.keyPEM(t) + named("a", 0, leaf.certPEM()) + named("b", 0, leaf.certPEM()), "personal a 1, trusted b 1",
		},
		"a locked key and one certificate": {root.lockedPEM(t, secret) + root.certPEM(), "personal root 1"},
		"a locked key before its chain":    {leaf.lockedPEM(t, secret) + leaf.certPEM() + chain, "personal leaf 3"},
		"a locked key among CAs": {
			root.certPEM() + sub.certPEM() + leaf.lockedPEM(t, secret), "trusted root 1, trusted sub 1, personal key 0",
		},
		"locked keys with localKeyID": {
			named("", 1, leaf.lockedPEM(t, secret)) + named("", 2, other.lockedPEM(t, secret)) +
				named("o", 2, other.certPEM()) + named("l", 1, leaf.certPEM()),
			"personal l 1, personal o 1",
		},
		"a locked key without a certificate after it": {
			leaf.lockedPEM(t, secret) + leaf.certPEM() + other.lockedPEM(t, secret), "personal leaf 1, personal key 0",
		},
		"locked keys, each before its certificate": {
			other.lockedPEM(t, secret) + other.certPEM() + leaf.lockedPEM(t, secret) + leaf.certPEM() + chain, "personal other 1, personal leaf 3",
		},
		"locked keys, each after its certificate": {
			leaf.certPEM() + chain + leaf.lockedPEM(t, secret) + other.certPEM() + other.lockedPEM(t, secret), "personal leaf 3, personal other 1",
		},
		"a locked key next to a plain one": {
			leaf.keyPEM(t) + leaf.certPEM() + other.lockedPEM(t, secret) + other.certPEM(), "personal leaf 1, personal other 1",
		},
		"a locked key before the pair of a plain one": {
			other.lockedPEM(t, secret) + leaf.certPEM() + leaf.keyPEM(t), "personal key 0, personal leaf 1",
		},
		"locked keys before certificates of CAs": {
			other.lockedPEM(t, secret) + chain + leaf.lockedPEM(t, secret) + leaf.certPEM(),
			"personal key 0, personal leaf 3",
		},
		"a key alone":                {leaf.keyPEM(t), "personal key 0"},
		"a key alone under a label":  {named("mine", 0, leaf.keyPEM(t)), "personal mine 0"},
		"a request":                  {leaf.keyPEM(t) + armoured("CERTIFICATE REQUEST", leaf.request(t)), "request leaf 0"},
		"a request and a locked key": {leaf.lockedPEM(t, secret) + armoured("CERTIFICATE REQUEST", leaf.request(t)), "request leaf 0"},
		"a request without key":      {armoured("CERTIFICATE REQUEST", leaf.request(t)) + root.certPEM(), "trusted root 1"},
		"a bad piece among good ones": {
			root.certPEM() + armoured("CERTIFICATE", []byte("0\x03no!")) + sub.certPEM(), "trusted root 1, trusted sub 1",
		},
		"a label that cannot be one":    {named(strings.Repeat("x", 300), 0, root.certPEM()), "trusted root 1"},
		"a label with blanks around it": {"    friendlyName: x\n    certkdbLabel: \" x \"\n" + root.certPEM(), "trusted  x  1"},
		"a chain that only we tell": {
			named("l", 1, leaf.keyPEM(t)) + named("l", 1, leaf.certPEM()) + "certkdbChain: 01\n" + other.certPEM(), "personal l 2",
		},
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			t.Parallel()
			asked := decodeWith(t, test.input, func() ([]byte, error) {
				t.Error("reading asks for the password")
				return nil, kdb.ErrNoPassword
			})
			if got := describe(asked); got != test.want {
				t.Errorf("%s, want %s", got, test.want)
			}
			for _, ends := range []string{"\r\n", "\r"} {
				if got := describe(decode(t, strings.ReplaceAll(test.input, "\n", ends))); got != test.want {
					t.Errorf("with the line ends %q: %s, want %s", ends, got, test.want)
				}
			}
			if got := encode(t, decode(t, test.input)); got != test.input {
				t.Error("writing without a change changes the file")
			}
		})
	}
}

func TestDecode_refuses(t *testing.T) {
	t.Parallel()
	root := issue(t, "root", nil, true)
	for name, input := range map[string]string{
		"nothing":             "",
		"text":                strings.Repeat("notes\n", 1000),
		"one that is cut off": root.certPEM()[:200],
		"one that is damaged": strings.Replace(root.certPEM(), "MI", "?!", 1),
	} {
		_, err := pem.Codec(0).Decode(keyfile.Files{Main: []byte(input)}, keyfile.Passwords{})
		if !errors.Is(err, kdb.ErrParse) {
			t.Errorf("%s: %v, want kdb.ErrParse", name, err)
		}
	}
}

func TestMatches(t *testing.T) {
	t.Parallel()
	cert := issue(t, "x", nil, true).cert.Raw
	block := armoured("CERTIFICATE", cert)
	for name, test := range map[string]struct {
		head     string
		pem, der bool
	}{
		"a block":                    {head: block, pem: true},
		"notes before it":            {head: "# Füße\r\n\f\n" + block, pem: true},
		"Latin-1":                    {head: "# F\xfc\xdfe\n" + block, pem: true},
		"a byte order mark":          {head: "\ufeff" + block, pem: true},
		"UTF-16":                     {head: "\xff\xfe" + string(utf16LE(block)), pem: true},
		"notes that fill it":         {head: strings.Repeat("note\n", 1000)[:4096], pem: true},
		"short notes":                {head: "just text\n"},
		"nothing":                    {head: ""},
		"binary before a block":      {head: "\x00\x01" + block},
		"binary that fills it":       {head: strings.Repeat("note\x01", 1000)[:4096]},
		"an empty database":          {head: "# certificates and keys in PEM (RFC 7468): none yet\n", pem: true},
		"DER":                        {head: string(cert), der: true},
		"base64":                     {head: base64Text(cert), der: true},
		"base64 in UTF-16":           {head: "\xff\xfe" + string(utf16LE(base64Text(cert))), der: true},
		"base64 of PEM":              {head: base64Text([]byte(block)), der: true},
		"base64 of base64":           {head: base64Text([]byte(base64Text(cert))), der: true},
		"base64 of something else":   {head: base64Text([]byte("a key store of Java would be here, for example"))},
		"base64 that fills the head": {head: strings.Repeat("MIIB", 1024), pem: true, der: true},
	} {
		if got := pem.Codec(0).Matches([]byte(test.head)); got != test.pem {
			t.Errorf("%s: PEM %v", name, got)
		}
		if got := pem.DER().Matches([]byte(test.head)); got != test.der {
			t.Errorf("%s: DER %v", name, got)
		}
	}
}

func utf16LE(text string) []byte {
	var out []byte
	for _, b := range []byte(text) {
		out = append(out, b, 0)
	}
	return out
}

func base64Text(der []byte) string {
	lines := strings.Split(strings.TrimSpace(armoured("X", der)), "\n")
	return strings.Join(lines[1:len(lines)-1], "\n") + "\n"
}

func TestCodec_onlyReads(t *testing.T) {
	t.Parallel()
	root, other := issue(t, "root", nil, true), issue(t, "other", nil, true)
	entry := kdb.Entry{Label: "other", Kind: kdb.KindTrusted, Trusted: true, Certificates: [][]byte{other.cert.Raw}}
	for name, test := range map[string]struct {
		codec keyfile.Codec
		data  []byte
	}{
		"DER":    {pem.DER(), root.cert.Raw},
		"base64": {pem.DER(), []byte(base64Text(root.cert.Raw))},
		"JSON":   {pem.Codec(0), []byte(`{"ca": "` + strings.ReplaceAll(root.certPEM(), "\n", `\n`) + `"}`)},
		"YAML":   {pem.Codec(0), []byte("ca: |\n  " + strings.ReplaceAll(root.certPEM(), "\n", "\n  "))},
		"UTF-16": {pem.Codec(0), append([]byte("\xff\xfe"), utf16LE(root.certPEM())...)},
	} {
		if !test.codec.Matches(test.data[:min(len(test.data), 4096)]) {
			t.Errorf("%s is not recognised", name)
		}
		c, err := test.codec.Decode(keyfile.Files{Main: test.data}, keyfile.Passwords{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := describe(c); got != "trusted root 1" {
			t.Errorf("%s: %s", name, got)
		}
		_, encoded := c.Encode(nil)
		for what, err := range map[string]error{
			"put": c.Put(entry), "delete": c.Delete(labelOf(t, c, "root")), "encode": encoded, "reseal": c.(keyfile.Sealer).Reseal(),
		} {
			if !errors.Is(err, kdb.ErrUnsupported) {
				t.Errorf("%s: %s: %v, want kdb.ErrUnsupported", name, what, err)
			}
		}
	}
}

// TestDatabase_asksWhenAKeyOpens: listing asks nobody, a key once, and never while the file is locked.
func TestDatabase_asksWhenAKeyOpens(t *testing.T) {
	t.Parallel()
	leaf := issue(t, "leaf", nil, false)
	path := filepath.Join(t.TempDir(), "web.pem")
	text := leaf.lockedPEM(t, secret) + leaf.certPEM()
	if err := os.WriteFile(path, []byte(text), 0o640); err != nil {
		t.Fatal(err)
	}
	asked := 0
	db, err := keyfile.Open(pem.FastCodec(), path, kdb.Options{Password: func(context.Context, string) ([]byte, error) {
		asked++
		return []byte(secret), nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	var label string
	err = db.View(t.Context(), func(tx kdb.Tx) error {
		for s, err := range tx.Summaries("") {
			label = s.Label
			return err
		}
		return nil
	})
	if err != nil || asked != 0 {
		t.Fatalf("listing asked %d times, %v", asked, err)
	}
	if got, _ := os.ReadFile(path); string(got) != text {
		t.Error("reading changed the file")
	}
	for i := range 2 {
		to := fmt.Sprint("renamed ", i)
		err = db.Update(t.Context(), "rename", func(tx kdb.Tx) error {
			before := asked
			key, err := tx.Key(label)
			if err == nil && !bytes.Equal(key, leaf.pkcs8(t)) {
				err = errors.New("another key")
			}
			if err == nil {
				err = tx.Rename(label, to)
			}
			if err == nil && asked != before {
				t.Error("asked while the file is locked")
			}
			return err
		})
		label = to
		if err != nil || asked != 1 {
			t.Errorf("opening a key asked %d times, %v", asked, err)
		}
	}
}
