package inspect_test

import (
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"certkdb/commands/op"
	"certkdb/commands/op/inspect"
	"certkdb/commands/op/optest"
	"certkdb/kdb"
)

func TestFind(t *testing.T) {
	t.Parallel()
	root := optest.NewCA(t, "Root")
	sub := root.CA(t, "Sub")
	web, api := root.Issue(t, "web.example"), sub.Issue(t, "api.test")
	s := optest.New(t, root.Trusted("root"), web.Personal("web"), optest.Request(t, "pending"), optest.Secret("aes"), api.Personal("api"))
	digits := func(i *optest.Identity) (certificate, old, public string) {
		c, _ := i.Parts()
		sum := sha1.Sum(i.Certificate)
		return op.Digest(i.Certificate), hex.EncodeToString(sum[:]), op.Digest(c.RawSubjectPublicKeyInfo)
	}
	subSHA256, subSHA1, subKey := digits(sub)
	shown, err := inspect.Show{Label: "web"}.Run(ctx, s)
	if err != nil {
		t.Fatal(err)
	}
	c := shown.Certificates[0]
	file := filepath.Join(t.TempDir(), "web.crt")
	if err := os.WriteFile(file, []byte(c.PEM), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		rule string
		o    inspect.Find
		want string
	}{
		{"a part of a name", inspect.Find{Text: "WEB.Exam"}, "web by subject,sans"},
		{"a label", inspect.Find{Text: "pend"}, "pending by label,subject,sans"},
		{"an issuer", inspect.Find{Text: "cn=root"}, "root by subject,issuer; web by issuer"},
		{"the SHA-256 of a CA in a chain", inspect.Find{Text: subSHA256}, "api by chain"},
		{"its SHA-1", inspect.Find{Text: subSHA1}, "api by chain"},
		{"its key", inspect.Find{Text: subKey[:12]}, "api by chain"},
		{"its serial number", inspect.Find{Text: "0x0000" + sub.Serial(t)}, "api by chain"},
		{"filters alone", inspect.Find{Filter: inspect.Filter{SAN: "API", Issuer: "sub"}}, "api by issuer,sans"},
		{"a serial number", inspect.Find{Text: "0x" + c.Serial}, "web by serial"},
		{"a fingerprint", inspect.Find{Text: strings.ToUpper(c.SHA256)}, "web by sha256"},
		{"its beginning", inspect.Find{Text: c.SHA1[:8]}, "web by sha1"},
		{"the key of a file", inspect.Find{Text: file}, "web by spki_sha256"},
		{"a text and a filter", inspect.Find{Text: "example", Filter: inspect.Filter{Issuer: "root"}}, "web by issuer,subject,sans"},
		{"a filter that does not fit", inspect.Find{Text: "web", Filter: inspect.Filter{Issuer: "other"}}, ""},
		{"nothing", inspect.Find{Text: "nosuch"}, ""},
	} {
		err := test.o.Prepare(ctx, s.Env)
		var got []string
		if err == nil {
			var found []inspect.Found
			found, err = test.o.Run(ctx, s)
			for _, f := range found {
				got = append(got, f.Label+" by "+strings.Join(f.Matched, ","))
			}
		}
		if strings.Join(got, "; ") != test.want || err != nil {
			t.Errorf("%s: %q, %v; want %q", test.rule, got, err, test.want)
		}
	}
	if err := (&inspect.Find{}).Prepare(ctx, s.Env); !errors.Is(err, op.ErrUsage) {
		t.Errorf("a search for nothing: %v", err)
	}
	if !errors.Is(inspect.FoundEntries{}.Incomplete(), kdb.ErrNotFound) {
		t.Error("nothing found is no error")
	}
}

// TestFind_keysWithoutCertificates: a file may have keys alone, which are found by their public keys.
func TestFind_keysWithoutCertificates(t *testing.T) {
	t.Parallel()
	web := optest.NewCA(t, "web")
	key, store := op.PEMString("PRIVATE KEY", web.Key), optest.File(t, "keys.pem", "")
	if err := os.WriteFile(store, []byte(key+op.PEMString("PRIVATE KEY", optest.NewCA(t, "other").Key)), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := op.Open(ctx, optest.Env(), op.DB{Location: store})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	o := inspect.Find{Text: optest.File(t, "web.key", key)}
	if err := o.Prepare(ctx, s.Env); err != nil {
		t.Fatal(err)
	}
	if found, err := o.Run(ctx, s); err != nil || len(found) != 1 || !found[0].HasKey {
		t.Errorf("%+v, %v", found, err)
	}
}

func TestCompare(t *testing.T) {
	t.Parallel()
	root := optest.NewCA(t, "Root")
	web, other := root.Issue(t, "web.example"), root.Issue(t, "web.example")
	a := optest.New(t, root.Trusted("root"), web.Personal("web"), optest.Request(t, "only"))
	b := optest.New(t, root.Trusted("corp"), other.Personal("web"), optest.Secret("aes"))
	c := optest.New(t, root.Trusted("x"), optest.Secret("y"))
	twice := func(one, other string) *op.Session { return optest.New(t, root.Trusted(one), root.Trusted(other)) }
	for _, test := range []struct {
		rule   string
		a, b   *op.Session
		labels [2]string
		want   string
	}{
		{"a database with itself", a, a, [2]string{}, ""},
		{
			"two databases", a, b,
			[2]string{},
			"aes only_b, only only_a, root renamed label, web changed certificate, web changed public_key",
		},
		{"two entries", a, b, [2]string{"root", "corp"}, ""},
		{"an entry and what it is in another database", a, b, [2]string{"root", ""}, ""},
		{"entries of two kinds", b, a, [2]string{"aes", "root"}, "aes changed kind, aes changed certificate, aes changed public_key"},
		{"an entry that is not in the other database", a, c, [2]string{"only", ""}, "only only_a, x only_b, y only_b"},
		{"the same twice, under other labels", twice("a", "b"), twice("x", "y"), [2]string{}, "a renamed label, b renamed label"},
		{"two with the same label", a, b, [2]string{"web", "web"}, "web changed certificate, web changed public_key"},
	} {
		done, err := inspect.Compare{Labels: test.labels}.Run(ctx, test.a, test.b)
		var got []string
		for _, d := range done.Differences {
			got = append(got, strings.TrimSpace(fmt.Sprint(d.Label, " ", d.Kind, " ", d.Field)))
		}
		text := strings.Join(got, ", ")
		more := len(done.Differences) > strings.Count(test.want, ",")+1 && !strings.HasPrefix(test.rule, "entries of two kinds")
		if !strings.HasPrefix(text, test.want) || test.want == "" && text != "" || more && test.want != "" || err != nil {
			t.Errorf("%s: %s, %v; want %s", test.rule, text, err, test.want)
		}
		if same := errors.Is(done.Incomplete(), op.ErrFindings); done.Same == same || done.Same != (text == "") {
			t.Errorf("%s: the same: %v, %v", test.rule, done.Same, done.Incomplete())
		}
	}
	sub := root.CA(t, "Sub")
	api := sub.Issue(t, "api.example").Personal("api")
	alone := api
	alone.Certificates = api.Certificates[:1]
	otherChain := api
	otherChain.Certificates = [][]byte{api.Certificates[0], root.Certificate}
	untrusted := root.Trusted("root")
	untrusted.Trusted = false
	file := kdb.Entry{Label: "file", Kind: kdb.KindTrusted, Certificates: alone.Certificates}
	for _, test := range []struct {
		rule   string
		a, b   kdb.Entry
		labels [2]string
		want   string
	}{
		{"without its chain", api, alone, [2]string{"api", "api"}, "chain"},
		{"in a file, without key, chain and marks", api, file, [2]string{"api", ""}, ""},
		{"under its label there", api, file, [2]string{"api", "file"}, "kind chain private_key"},
		{"trusted", root.Trusted("root"), untrusted, [2]string{}, "trusted"},
		{"another chain", api, otherChain, [2]string{}, "chain"},
		{"a request and a certificate", optest.Request(t, "root"), untrusted, [2]string{}, "kind certificate public_key private_key"},
		{"under another label, and not trusted", root.Trusted("a"), untrusted, [2]string{}, "label trusted"},
		{"the default", web.Default("web"), web.Personal("web"), [2]string{}, "default"},
	} {
		done, err := inspect.Compare{Labels: test.labels}.Run(ctx, optest.New(t, test.a), optest.New(t, test.b))
		var fields []string
		for _, d := range done.Differences {
			fields = append(fields, d.Field)
		}
		if got := strings.Join(fields, " "); got != test.want || err != nil {
			t.Errorf("%s: %s, %v; want %s", test.rule, got, err, test.want)
		}
	}
	if _, err := (inspect.Compare{Labels: [2]string{"nosuch", ""}}).Run(ctx, a, b); !errors.Is(err, kdb.ErrNotFound) {
		t.Errorf("a label that does not exist: %v", err)
	}
}
