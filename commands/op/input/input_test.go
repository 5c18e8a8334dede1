package input_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"

	"certkdb/commands/op"
	"certkdb/commands/op/input"
	"certkdb/commands/op/optest"
	"certkdb/kdb"
	"certkdb/kdb/keyfile/pem"
	"certkdb/kdb/keyfile/pkcs7"
	"certkdb/pki/key"
	"certkdb/pki/pbe"
)

var ctx = context.Background()

// read joins the kinds of all entries, or the first error.
func read(in *input.Input) (string, error) {
	var kinds []string
	for e, err := range in.Entries(nil) {
		if err != nil {
			return strings.Join(kinds, " "), err
		}
		kinds = append(kinds, e.Kind.String())
	}
	return strings.Join(kinds, " "), nil
}

func TestInput_isReadAgainAndAgain(t *testing.T) {
	t.Parallel()
	root := optest.NewCA(t, "Root")
	web := root.Issue(t, "web").Personal("web")
	env := optest.Env()
	env.Stdin = strings.NewReader(optest.PEM(root.Trusted("")))
	store := optest.Store(t, "a.jks", web)
	names := []string{optest.File(t, "x.pem", optest.PEM(optest.Request(t, "x"))), "-", store}
	in, err := input.Files{Names: names, Password: optest.Secrets()}.Open(ctx, env)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	for range 2 {
		for e, err := range in.Entries(nil) {
			if err != nil {
				t.Fatal(err)
			}
			clear(e.Key) // a database may do that
		}
	}
	if got, err := read(in); got != "request trusted personal" || err != nil {
		t.Errorf("%s, %v", got, err)
	}
	for e := range in.Entries(nil) {
		if e.Kind == kdb.KindPersonal && string(e.Key) != string(web.Key) {
			t.Error("the key differs")
		}
	}
	for range in.Entries(nil) { // one that stops early
		break
	}
}

// TestInput_keyAndCertificateInSeveralFiles: they are joined.
// TestInput_streams: only certificates and keys in files are read while they are used.
func TestInput_streams(t *testing.T) {
	t.Parallel()
	root := optest.NewCA(t, "Root")
	text := optest.PEM(root.Trusted(""))
	file := optest.File(t, "x.pem", text)
	for what, c := range map[string]struct {
		files input.Files
		want  bool
	}{
		"a file":     {input.Files{Names: []string{file}}, true},
		"a database": {input.Files{Names: []string{file, optest.Store(t, "a.jks", root.Trusted("root"))}, Password: optest.Secrets()}, false},
		"a pipe":     {input.Files{Names: []string{"-"}}, false},
		"memory":     {input.Files{Certificates: [][]byte{root.Certificate}}, false},
	} {
		env := optest.Env()
		env.Stdin = strings.NewReader(text)
		in, err := c.files.Open(ctx, env)
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		if got := in.Streams(); got != c.want {
			t.Errorf("%s: streams %t", what, got)
		}
	}
}

func TestInput_keyAndCertificateInSeveralFiles(t *testing.T) {
	t.Parallel()
	web := optest.NewCA(t, "Root").Issue(t, "web").Personal("")
	key := optest.File(t, "key.pem", op.PEMString("PRIVATE KEY", web.Key))
	certificate := optest.File(t, "cert.pem", op.PEMString("CERTIFICATE", web.Certificates[0]))
	for _, names := range [][]string{{key, certificate}, {certificate, key}} {
		in, err := input.Files{Names: names}.Open(ctx, optest.Env())
		if err != nil {
			t.Fatal(err)
		}
		if got, err := read(in); got != "personal" || err != nil {
			t.Errorf("%s, %v", got, err)
		}
	}
}

func TestInput_asksWhereThePasswordIsMissing(t *testing.T) {
	t.Parallel()
	web := optest.NewCA(t, "Root").Issue(t, "web").Personal("")
	algorithm, ciphertext, err := pbe.Encrypt(web.Key, []byte(optest.Password), pbe.AES256, 1000)
	if err != nil {
		t.Fatal(err)
	}
	text := op.PEMString("ENCRYPTED PRIVATE KEY", pbe.JoinPKCS8(algorithm, ciphertext)) + op.PEMString("CERTIFICATE", web.Certificates[0])
	in, err := input.Files{Names: []string{optest.File(t, "x.pem", text)}, Password: optest.Secrets()}.Open(ctx, optest.Env())
	if err != nil {
		t.Fatal(err)
	}
	_, err = read(in)
	missing, ok := errors.AsType[input.PasswordMissing](err)
	if !ok || missing.Where == "" || !strings.Contains(missing.Error(), missing.Where) {
		t.Fatalf("%v", err)
	}
	if err := in.Ask(missing.Where); err != nil {
		t.Fatal(err)
	}
	if got, err := read(in); got != "personal" || err != nil {
		t.Errorf("%s, %v", got, err)
	}
	in, err = input.Files{Names: []string{optest.File(t, "x.pem", text)}}.Open(ctx, optest.Env())
	if err != nil {
		t.Fatal(err)
	}
	if err := in.Ask(missing.Where); !errors.Is(err, kdb.ErrNoPassword) {
		t.Errorf("no terminal: %v", err)
	}
}

func TestInput_refuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		rule, name string
		err        error
	}{
		{"no such file", "/none/x", fs.ErrNotExist},
		{"an empty file", optest.File(t, "x", ""), kdb.ErrParse},
		{"a format that is not read", optest.File(t, "x", "SQLite format 3\x00"), kdb.ErrVersion},
		{"the location of no driver", "moon://x", fs.ErrNotExist},
		{"a key store without its password", optest.Store(t, "a.jks", optest.NewCA(t, "x").Personal("x")), kdb.ErrNoPassword},
	} {
		if _, err := (input.Files{Names: []string{c.name}}).Open(ctx, optest.Env()); !errors.Is(err, c.err) {
			t.Errorf("%s: %v", c.rule, err)
		}
	}
}

func TestInput_badPieces(t *testing.T) {
	t.Parallel()
	root := optest.NewCA(t, "Root")
	file := optest.File(t, "x.pem", "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"+optest.PEM(root.Trusted("")))
	for _, lenient := range []bool{false, true} {
		in, err := input.Files{Names: []string{file}, Lenient: lenient}.Open(ctx, optest.Env())
		if err != nil {
			t.Fatal(err)
		}
		bad, good := 0, 0
		for _, err := range in.Entries(nil) {
			if err == nil {
				good++
				continue
			}
			if bad++; !errors.Is(err, kdb.ErrParse) || !strings.Contains(err.Error(), file) {
				t.Errorf("%v, want an error that names the file", err)
			}
			if !lenient {
				break
			}
		}
		if bad != 1 || (good == 1) != lenient {
			t.Errorf("lenient %v: %d bad, %d good", lenient, bad, good)
		}
	}
}

func TestReadCertificates(t *testing.T) {
	t.Parallel()
	root := optest.NewCA(t, "Root")
	web := root.Issue(t, "web").Personal("")
	env := optest.Env()
	env.Stdin = strings.NewReader(optest.PEM(root.Trusted("")))
	for name, want := range map[string]int{"-": 1, optest.File(t, "x.pem", optest.PEM(web, root.Trusted(""))): 2} {
		if got, err := input.ReadCertificates(env, name); len(got) != want || err != nil {
			t.Errorf("%s: %d certificates, %v", name, len(got), err)
		}
	}
	message, err := pkcs7.Encode([][]byte{root.Certificate, web.Certificates[0]})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{string(message), op.PEMString("PKCS7", message)} {
		got, err := input.ReadCertificates(env, optest.File(t, "x.p7b", text))
		if len(got) != 2 || !bytes.Equal(got[0], web.Certificates[0]) || err != nil {
			t.Errorf("PKCS #7: %d certificates, or the CA's first, %v", len(got), err)
		}
	}
	damaged := optest.File(t, "x.p7b", op.PEMString("PKCS7", []byte("\x30\x00")))
	if _, err := input.ReadCertificates(env, damaged); !errors.Is(err, kdb.ErrParse) {
		t.Errorf("damaged PKCS #7: %v", err)
	}
	for _, name := range []string{"a.p12", "a.jks"} {
		store := optest.Store(t, name, root.Trusted("root"))
		data, err := os.ReadFile(store)
		if err != nil {
			t.Fatal(err)
		}
		piped := optest.Env()
		piped.Stdin = bytes.NewReader(data)
		for path, env := range map[string]*op.Env{store: env, op.Stdin: piped} {
			_, err := input.ReadCertificates(env, path)
			if p, ok := errors.AsType[*op.Problem](err); !ok || p.Code != op.StoreAsFile || p.Location == "" || !errors.Is(err, kdb.ErrParse) {
				t.Errorf("%s, %s: %v", name, path, err)
			}
		}
	}
	first, err := input.ReadCertificateFile(env, optest.File(t, "x.pem", optest.PEM(web, root.Trusted(""))))
	if string(first) != string(web.Certificates[0]) || err != nil {
		t.Errorf("the first one differs, %v", err)
	}
	_, err = input.ReadCertificateFile(env, optest.File(t, "x.pem", optest.PEM(optest.Request(t, "x"))))
	if !errors.Is(err, kdb.ErrParse) {
		t.Errorf("no certificate: %v", err)
	}
	if _, err = input.ReadCertificates(env, "/none/x"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	err = input.EachItem(env, optest.File(t, "x.pem", "-----BEGIN CERTIFICATE-----\nMA\n"), func(pem.Item) { t.Error("an item") })
	if err == nil {
		t.Error("a broken file was read")
	}
}

// TestInput_loneKeyOfAStore: openssl pkcs12 -export -nocerts makes key stores of a private key alone, which joins its certificate.
func TestInput_loneKeyOfAStore(t *testing.T) {
	t.Parallel()
	web := optest.NewCA(t, "Root").Issue(t, "web").Personal("web")
	lone := kdb.Entry{Label: "web", Kind: kdb.KindPersonal, Key: bytes.Clone(web.Key)}
	store := optest.Store(t, "a.p12", lone)
	certificate := optest.File(t, "cert.pem", op.PEMString("CERTIFICATE", web.Certificates[0]))
	other := optest.File(t, "other.pem", optest.PEM(optest.NewCA(t, "Other").Trusted("")))
	for _, c := range []struct {
		names      []string
		want, fail string
	}{
		{[]string{store, certificate}, "personal", ""},
		{[]string{certificate, store}, "personal", ""},
		{[]string{store, other}, "", `a.p12": private key "web": no certificate`},
		{[]string{store}, "personal", ""}, // alone
	} {
		in, err := input.Files{Names: c.names, Password: optest.Secrets()}.Open(ctx, optest.Env())
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		for range 2 {
			if got, err := read(in); got != c.want || (err == nil) != (c.fail == "") || err != nil && !strings.Contains(err.Error(), c.fail) {
				t.Errorf("%v: %s, %v; want %s, %q", c.names, got, err, c.want, c.fail)
			}
			for e := range in.Entries(nil) {
				if e.Kind == kdb.KindPersonal && !bytes.Equal(e.Key, web.Key) {
					t.Errorf("%v: another key", c.names)
				}
				clear(e.Key) // a database may do that
			}
		}
	}
	in, err := input.Files{Names: []string{store}, Password: optest.Secrets()}.Open(ctx, optest.Env())
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	failure := errors.New("failure")
	for _, c := range []struct {
		entry kdb.Entry
		found bool
		err   error
		label string
	}{{web, true, nil, web.Label}, {kdb.Entry{}, false, nil, "web"}, {kdb.Entry{}, false, failure, ""}} {
		adopt := func(key.Private) (kdb.Entry, bool, error) { return c.entry, c.found, c.err }
		for e, err := range in.Entries(adopt) {
			if !errors.Is(err, c.err) || err == nil && (e.Label != c.label || (len(e.Certificates) > 0) != c.found) {
				t.Errorf("adopted: %v, %v", e, err)
			}
		}
	}
}

// TestInput_damageOfAStore: what cannot be read is said, also that there is nothing.
func TestInput_damageOfAStore(t *testing.T) {
	t.Parallel()
	root, other := optest.NewCA(t, "Root").Trusted("root"), optest.NewCA(t, "Other").Trusted("other")
	damage := func(path string) string {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		at := bytes.Index(data, root.Certificates[0])
		data[at] ^= 1
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, c := range []struct{ path, warning, kinds, err string }{
		{damage(optest.Store(t, "a.jks", root, other)), `a.jks": damaged, and left out: alias "root"`, "trusted", ""},
		{damage(optest.Store(t, "b.jks", root)), "damaged", "", "nothing in it can be read"},
		{optest.Store(t, "c.jks"), `c.jks" has no entries`, "", ""},
		{optest.Store(t, "d.jks", root), "", "trusted", ""},
	} {
		env := optest.Env()
		var warnings []string
		env.Warn = func(err error) { warnings = append(warnings, err.Error()) }
		in, err := input.Files{Names: []string{c.path}}.Open(ctx, env)
		if err != nil {
			if c.err == "" || !strings.Contains(err.Error(), c.err) || !errors.Is(err, kdb.ErrParse) {
				t.Errorf("%s: %v", c.path, err)
			}
			continue
		}
		if got, err := read(in); got != c.kinds || err != nil || c.err != "" {
			t.Errorf("%s: %s, %v; want %s, %q", c.path, got, err, c.kinds, c.err)
		}
		in.Close()
		if text := strings.Join(warnings, "; "); !strings.Contains(text, c.warning) {
			t.Errorf("%s: warnings %q, want %q", c.path, text, c.warning)
		}
	}
}

// TestInput_namesBadPiecesAmongGood: where other certificates can be read, the error says that a piece is bad.
func TestInput_namesBadPiecesAmongGood(t *testing.T) {
	t.Parallel()
	good := optest.PEM(optest.NewCA(t, "Root").Trusted(""))
	bad := op.PEMString("CERTIFICATE", []byte("\x30\x03\x02\x01\x05"))
	for text, want := range map[string]bool{
		bad: false, bad + good: true, good + bad: true, "text": false, good + "-----BEGIN CERTIFICATE-----\nMA\n": true,
	} {
		in, err := input.Files{Names: []string{optest.File(t, "x.pem", text)}}.Open(ctx, optest.Env())
		if err != nil {
			t.Fatal(err)
		}
		_, err = read(in)
		if _, got := errors.AsType[*input.BadPiece](err); got != want || !errors.Is(err, kdb.ErrParse) {
			t.Errorf("%.60q: %v, want a bad piece: %v", text, err, want)
		}
	}
}
