package inspect_test

import (
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
	web := root.Issue(t, "web.example")
	s := optest.New(t, root.Trusted("root"), web.Personal("web"), optest.Request(t, "pending"), optest.Secret("aes"))
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

func TestCompare(t *testing.T) {
	t.Parallel()
	root := optest.NewCA(t, "Root")
	web, other := root.Issue(t, "web.example"), root.Issue(t, "web.example")
	a := optest.New(t, root.Trusted("root"), web.Personal("web"), optest.Request(t, "only"))
	b := optest.New(t, root.Trusted("corp"), other.Personal("web"), optest.Secret("aes"))
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
		{"two with the same label", a, b, [2]string{"web", "web"}, "web changed certificate, web changed public_key"},
	} {
		done, err := inspect.Compare{Labels: test.labels}.Run(ctx, test.a, test.b)
		var got []string
		for _, d := range done.Differences {
			got = append(got, strings.TrimSpace(fmt.Sprint(d.Label, " ", d.Kind, " ", d.Field)))
		}
		text := strings.Join(got, ", ")
		if !strings.HasPrefix(text, test.want) || test.want == "" && text != "" || err != nil {
			t.Errorf("%s: %s, %v; want %s", test.rule, text, err, test.want)
		}
		if same := errors.Is(done.Incomplete(), op.ErrFindings); done.Same == same || done.Same != (text == "") {
			t.Errorf("%s: the same: %v, %v", test.rule, done.Same, done.Incomplete())
		}
	}
	if _, err := (inspect.Compare{Labels: [2]string{"nosuch", ""}}).Run(ctx, a, b); !errors.Is(err, kdb.ErrNotFound) {
		t.Errorf("a label that does not exist: %v", err)
	}
}
