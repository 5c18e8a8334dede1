package pem_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/keyfile"
	"certkdb/kdb/keyfile/pem"
)

// facts are the facts of a text but for the integrity and the advice, which always stand there, weak ones with "!".
func facts(c keyfile.Container) string {
	var list []string
	for _, f := range c.Facts() {
		if f.Name == "integrity" || f.Name == "advice" {
			continue
		}
		text := f.Name + ": " + f.Value
		if f.Weak {
			text += "!"
		}
		list = append(list, text)
	}
	return strings.Join(list, "\n")
}

func TestFacts(t *testing.T) {
	t.Parallel()
	root, leaf := issue(t, "root", nil, true), issue(t, "leaf", nil, false)
	traditional := strings.Replace(armoured("RSA PRIVATE KEY", []byte("12345678")), "KEY-----\n",
		"KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF\n\n", 1)
	for name, c := range map[string]struct{ text, want string }{
		"certificates alone": {root.certPEM() + leaf.certPEM(), ""},
		"keys in clear": {
			leaf.keyPEM(t) + leaf.certPEM() + root.keyPEM(t) + leaf.keyPEM(t),
			"private keys: 2 not encrypted: anyone who can read the file has them; set a password to encrypt them!",
		},
		"a locked one": {leaf.lockedPEM(t, secret), "private keys: 1 encrypted: PBES2: AES-256-CBC, PBKDF2 with HMAC-SHA-256, 1000 iterations"},
		"the traditional way": {
			traditional, "private keys: 1 encrypted in the traditional way (AES-128-CBC,00112233), one round of MD5: passwords are quickly guessed!",
		},
		"what makes no entry": {
			root.certPEM() + armoured("PUBLIC KEY", leaf.cert.RawSubjectPublicKeyInfo) +
				armoured("MESSAGE", []byte{1}) + armoured("MESSAGE", []byte{2}),
			"kept, not shown: 2 block\nkept, not shown: 1 public key",
		},
		"JSON": {
			`{"ca": "` + strings.ReplaceAll(root.certPEM(), "\n", `\n`) + `"}`,
			"only read: its blocks are within lines of something else, such as JSON or YAML; copy the entries into another file",
		},
	} {
		if got := facts(decode(t, c.text)); got != c.want {
			t.Errorf("%s:\n%s, want\n%s", name, got, c.want)
		}
	}
}

// TestKeyProtection: one line for each way in which a key comes, none for a certificate alone.
func TestKeyProtection(t *testing.T) {
	t.Parallel()
	leaf := issue(t, "leaf", nil, false)
	traditional := strings.Replace(leaf.keyPEM(t), "KEY-----\n",
		"KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: DES-CBC,0011223344556677\n\n", 1)
	for text, want := range map[string]string{
		leaf.certPEM():                             "",
		leaf.certPEM() + leaf.keyPEM(t):            "not encrypted",
		leaf.certPEM() + leaf.lockedPEM(t, secret): "PBES2: AES-256-CBC, PBKDF2 with HMAC-SHA-256, 1000 iterations",
		traditional:                                "traditional, DEK-Info DES-CBC,0011223344556677",
	} {
		c := decode(t, text)
		if len(c.Entries()) != 1 {
			t.Errorf("%d entries, want 1 for %q", len(c.Entries()), want)
		}
		for _, e := range c.Entries() {
			if got, err := c.KeyProtection(e.Label); err != nil || got != want {
				t.Errorf("%q, %v; want %q", got, err, want)
			}
		}
	}
}

// TestFacts_badPieces: the first ones are named, the others counted, and Check reports each.
func TestFacts_badPieces(t *testing.T) {
	t.Parallel()
	c := decode(t, issue(t, "root", nil, true).certPEM()+strings.Repeat("-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----\n", 13))
	text := facts(c)
	if strings.Count(text, "certificate ") != 10 || !strings.HasSuffix(text, "3 more pieces that cannot be read!") {
		t.Error(text)
	}
	problems := 0
	c.Check(func(p kdb.Problem) {
		if problems++; !strings.Contains(p.What, fmt.Sprintf("certificate %d (line ", problems+1)) {
			t.Errorf("problem %d: %s", problems, p.What)
		}
	})
	if problems != 13 {
		t.Errorf("%d problems", problems)
	}
}

// TestCheck_keys: a key that does not open, or belongs to another certificate, is reported under its label.
func TestCheck_keys(t *testing.T) {
	t.Parallel()
	leaf, other := issue(t, "leaf", nil, false), issue(t, "other", nil, false)
	for name, c := range map[string]struct {
		text string
		want int
	}{
		"right":                    {leaf.lockedPEM(t, secret) + leaf.certPEM(), 0},
		"alone":                    {leaf.keyPEM(t), 0},
		"another password":         {leaf.lockedPEM(t, "another one") + leaf.certPEM(), 1},
		"of another certificate":   {other.lockedPEM(t, secret) + leaf.certPEM(), 1},
		"of another, named by ID":  {named("", 1, other.lockedPEM(t, secret)) + named("", 1, leaf.certPEM()), 1},
		"one of two opens neither": {named("", 1, leaf.lockedPEM(t, "x")) + named("", 1, leaf.certPEM()) + other.keyPEM(t) + other.certPEM(), 1},
	} {
		var problems []string
		decode(t, c.text).Check(func(p kdb.Problem) { problems = append(problems, p.Where+": "+p.What) })
		if len(problems) != c.want || c.want > 0 && !strings.HasPrefix(problems[0], `label "leaf-`) {
			t.Errorf("%s: %q", name, problems)
		}
	}
}

func TestUnlock(t *testing.T) {
	t.Parallel()
	leaf, other := issue(t, "leaf", nil, false), issue(t, "other", nil, false)
	keys := func(passwords ...string) string {
		text := ""
		for i, password := range passwords {
			text += []*identity{leaf, other}[i].lockedPEM(t, password)
		}
		return text
	}
	for name, c := range map[string]struct {
		text string
		want error
		asks int
	}{
		"nothing to open":       {leaf.certPEM() + leaf.keyPEM(t), nil, 0},
		"the password":          {keys(secret), nil, 1},
		"another one":           {keys("x"), kdb.ErrPassword, 1},
		"it opens the second":   {keys("x", secret), nil, 1},
		"a password of the key": {keys("its own"), nil, 0},
	} {
		asked := 0
		container, err := pem.FastCodec().Decode(keyfile.Files{Main: []byte(c.text)}, keyfile.Passwords{
			Keys: [][]byte{[]byte("its own")}, Database: func() ([]byte, error) { asked++; return []byte(secret), nil },
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := container.(keyfile.Sealer).Unlock(); !errors.Is(err, c.want) || asked != c.asks {
			t.Errorf("%s: %v after asking %d times", name, err, asked)
		}
	}
}

// TestPut_refused: what PEM cannot hold is refused with a reason, and nothing is changed.
func TestPut_refused(t *testing.T) {
	t.Parallel()
	leaf := issue(t, "leaf", nil, false)
	text := leaf.keyPEM(t) + named("web", 0, leaf.certPEM())
	c := decode(t, text)
	chain, key := [][]byte{leaf.cert.Raw}, leaf.pkcs8(t)
	for name, test := range map[string]struct {
		err  error
		want string
	}{
		"a secret key":  {c.Put(kdb.Entry{Label: "x", Kind: kdb.KindSecretKey, Key: []byte{1}}), "it holds no secret keys"},
		"a key alone":   {c.Put(kdb.Entry{Label: "x", Kind: kdb.KindPersonal, Key: key}), "needs its certificate or request"},
		"distrust":      {c.Put(kdb.Entry{Label: "x", Kind: kdb.KindTrusted, Certificates: chain}), "is trusted"},
		"a marker":      {c.Rename("web", "-----END x"), "would be taken for the beginning or end of a block"},
		"the default":   {c.Update(kdb.Entry{Label: "web", Kind: kdb.KindPersonal, Certificates: chain, Default: true}), "no default entry"},
		"trust":         {c.Update(kdb.Entry{Label: "web", Kind: kdb.KindPersonal, Certificates: chain, Trusted: true}), "cannot be trusted"},
		"another label": {c.Update(kdb.Entry{Label: "none", Kind: kdb.KindPersonal, Certificates: chain}), `"none"`},
	} {
		wanted := kdb.ErrUnsupported
		if name == "another label" {
			wanted = kdb.ErrNotFound
		}
		if !errors.Is(test.err, wanted) || !strings.Contains(fmt.Sprint(test.err), test.want) {
			t.Errorf("%s: %v, want %q", name, test.err, test.want)
		}
	}
	if files, err := c.Encode(nil); err != nil || string(files.Main) != text {
		t.Errorf("the file was changed, %v:\n%s", err, files.Main)
	}
}

// TestDecode_nothingReadable: a file that cannot be read must not pass for an empty database.
func TestDecode_nothingReadable(t *testing.T) {
	t.Parallel()
	store := "\x30\x24\x02\x01\x03\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01\xa0\x00\x04\x10" + strings.Repeat("\x00", 16)
	unknownKey := "\x30\x0c\x02\x01\x00\x30\x04\x06\x02\x2a\x03\x04\x01\x00"
	for what, c := range map[string]struct {
		codec keyfile.Codec
		text  string
		want  error
		says  string
	}{
		"a damaged certificate":    {pem.FastCodec(), armoured("CERTIFICATE", []byte("0\x03no!")), kdb.ErrParse, "certificate 1 (line 1)"},
		"a key of an unknown type": {pem.FastCodec(), armoured("PRIVATE KEY", []byte(unknownKey)), kdb.ErrUnsupported, "private key 1"},
		"a key store in base64":    {pem.DER(), base64.StdEncoding.EncodeToString([]byte(store)), kdb.ErrUnsupported, "in a file of its own"},
		"a key store in armour":    {pem.FastCodec(), "note\n" + armoured("PKCS12", []byte(store)), kdb.ErrUnsupported, "in a file of its own"},
		"a key store and a certificate": {
			pem.FastCodec(), armoured("PKCS12", []byte(store)) + issue(t, "root", nil, true).certPEM(), kdb.ErrUnsupported, "in a file of its own",
		},
	} {
		_, err := c.codec.Decode(keyfile.Files{Main: []byte(c.text)}, keyfile.Passwords{})
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %v with %q", what, err, c.want, c.says)
		}
	}
}
