package inspect_test

import (
	"crypto/x509"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"certkdb/commands/op"
	"certkdb/commands/op/inspect"
	"certkdb/commands/op/optest"
)

func TestList_filtersAndOrder(t *testing.T) {
	t.Parallel()
	root, other := optest.NewCA(t, "Root"), optest.NewCA(t, "Other")
	web, old := root.Issue(t, "web.example"), root.Until(t, "old.example", optest.Now.Add(-time.Hour))
	s := optest.New(t, root.Trusted("root"), other.Trusted("other"), web.Personal("web"), old.Personal("a"), optest.Secret("aes"))
	odd := optest.NewCA(t, "Odd", func(c *x509.Certificate) { c.SerialNumber = big.NewInt(0xabc) })
	optest.Put(t, s, odd.Trusted("odd"))
	shown, err := inspect.Show{Label: "web"}.Run(ctx, s)
	if err != nil {
		t.Fatal(err)
	}
	c := shown.Certificates[0]
	file := filepath.Join(t.TempDir(), "web.crt")
	if err := os.WriteFile(file, []byte(c.PEM), 0o600); err != nil {
		t.Fatal(err)
	}
	colons := func(digits string) (text string) {
		for i := 0; i < len(digits); i += 2 {
			text += ":" + strings.ToUpper(digits[i:i+2])
		}
		return text[1:]
	}
	for _, test := range []struct {
		rule string
		o    inspect.List
		want string
	}{
		{"a part of the subject, in any case", inspect.List{Filter: inspect.Filter{Subject: "WEB.ex"}}, "web valid"},
		{"the issuer", inspect.List{Filter: inspect.Filter{Issuer: "root"}}, "a expired, root valid, web valid"},
		{"a name", inspect.List{Filter: inspect.Filter{SAN: "example"}}, "a expired, web valid"},
		{"two filters", inspect.List{Filter: inspect.Filter{SAN: "example", Subject: "old"}}, "a expired"},
		{"a serial number", inspect.List{Filter: inspect.Filter{Serial: "0x00" + strings.ToUpper(c.Serial)}}, "web valid"},
		{"a serial number of an odd number of digits", inspect.List{Filter: inspect.Filter{Serial: "abc"}}, "odd valid"},
		{"SHA-256", inspect.List{Filter: inspect.Filter{Fingerprint: colons(c.SHA256)}}, "web valid"},
		{"the beginning of SHA-1", inspect.List{Filter: inspect.Filter{Fingerprint: colons(c.SHA1)[:20]}}, "web valid"},
		{"the key's digest", inspect.List{Filter: inspect.Filter{Key: c.SPKISHA256[:16]}}, "web valid"},
		{"the key in a file", inspect.List{Filter: inspect.Filter{Key: file}}, "web valid"},
		{"labels of those", inspect.List{LabelsOnly: true, Filter: inspect.Filter{Key: file}}, "web "},
		{"what nothing has", inspect.List{Filter: inspect.Filter{Fingerprint: strings.Repeat("0", 64)}}, ""},
		{"by date", inspect.List{Sort: "not_after", Kind: "personal"}, "a expired, web valid"},
		{"by date, in reverse", inspect.List{Sort: "-not_after", Kind: "personal"}, "web valid, a expired"},
		{"nothing has no date before others", inspect.List{Sort: "-not_before", Pattern: "[aw]*"}, "a expired, web valid, aes -"},
		{"by subject", inspect.List{Sort: "subject", Kind: "trusted"}, "odd valid, other valid, root valid"},
		{"by issuer", inspect.List{Sort: "issuer", Kind: "trusted"}, "odd valid, other valid, root valid"},
		{"by kind", inspect.List{Sort: "-kind", Pattern: "[ar]*[ts]"}, "root valid, aes -"},
		{"by status", inspect.List{Sort: "-status", Kind: "personal"}, "web valid, a expired"},
		{"by serial number", inspect.List{Sort: "serial", Kind: "personal"}, "web valid, a expired"},
		{"by the type of key", inspect.List{Sort: "-key_type", Pattern: "[aw]*"}, "a expired, web valid, aes -"},
		{"by the days that are left", inspect.List{Sort: "days_left", Pattern: "[aw]*"}, "a expired, web valid, aes -"},
		{"CAs last", inspect.List{Sort: "ca", Pattern: "[arw]*"}, "a expired, aes -, web valid, root valid"},
		{"by the names", inspect.List{Sort: "-sans", Pattern: "[arw]*"}, "web valid, a expired, aes -, root valid"},
		{"by when they came", inspect.List{Sort: "added", Kind: "personal"}, "a expired, web valid"},
		{"labels in reverse", inspect.List{LabelsOnly: true, Sort: "-label", Kind: "trusted"}, "root valid, other valid, odd valid"},
	} {
		got, err := listed(s, test.o)
		if err != nil || got != test.want {
			t.Errorf("%s: %q, %v; want %q", test.rule, got, err, test.want)
		}
	}
}

func TestList_refusesWhatIsNoFilter(t *testing.T) {
	t.Parallel()
	s := optest.New(t, optest.NewCA(t, "Root").Trusted("root"))
	empty := filepath.Join(t.TempDir(), "notes.txt")
	if err := os.WriteFile(empty, []byte("no key\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for field, o := range map[op.Field]inspect.List{
		op.FieldSerial: {Filter: inspect.Filter{Serial: "12x"}}, op.FieldFingerprint: {Filter: inspect.Filter{Fingerprint: "SHA256:ab"}},
		op.FieldSort: {Sort: "colour"},
	} {
		_, err := listed(s, o)
		if e, ok := errors.AsType[*op.Invalid](err); !ok || e.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	for _, key := range []string{empty, "nosuch.key"} {
		if _, err := listed(s, inspect.List{Filter: inspect.Filter{Key: key}}); err == nil {
			t.Errorf("%s is a key", key)
		}
	}
}
