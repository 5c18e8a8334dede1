package entries_test

import (
	"bytes"
	"errors"
	"testing"

	"certkdb/commands/op"
	"certkdb/commands/op/entries"
	"certkdb/commands/op/optest"
	"certkdb/kdb"
)

func TestAddSecret(t *testing.T) {
	t.Parallel()
	s := optest.New(t, optest.Secret("taken"))
	given := bytes.Repeat([]byte{7}, 24)
	if _, err := op.One(t.Context(), s, entries.AddSecret{Label: "given", Key: given, Algorithm: "AES"}); err != nil {
		t.Fatal(err)
	}
	if e := optest.Entry(t, s, "given"); !bytes.Equal(e.Key, given) || e.KeyAlgorithm != "AES" {
		t.Errorf("a key that is given: %x, %s", e.Key, e.KeyAlgorithm)
	}
	if _, err := op.One(t.Context(), s, entries.AddSecret{Label: "made", Size: 32}); err != nil {
		t.Fatal(err)
	}
	key, err := entries.Secret{Label: "made"}.Run(t.Context(), s)
	if err != nil || len(key) != 32 || bytes.Equal(key, make([]byte, 32)) {
		t.Errorf("a key that is made: %x, %v", key, err)
	}
	for rule, c := range map[string]struct {
		o    entries.AddSecret
		want error
	}{
		"a label that is taken": {entries.AddSecret{Label: "taken", Key: given}, kdb.ErrExists},
		"no size":               {entries.AddSecret{Label: "x"}, op.ErrUsage},
		"too large":             {entries.AddSecret{Label: "x", Size: 5000}, op.ErrUsage},
		"no label":              {entries.AddSecret{Key: given}, kdb.ErrLabel},
	} {
		if _, err := op.One(t.Context(), s, c.o); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", rule, err)
		}
	}
	optest.Expect(t, s, "given=secret-key made=secret-key taken=secret-key")
}

func TestSecret_isForSecretKeys(t *testing.T) {
	t.Parallel()
	s := optest.New(t, optest.NewCA(t, "Root").Trusted("root"))
	if _, err := (entries.Secret{Label: "root"}).Run(t.Context(), s); !errors.As(err, new(*op.WrongKind)) {
		t.Errorf("a certificate: %v", err)
	}
	if _, err := (entries.Secret{Label: "missing"}).Run(t.Context(), s); !errors.Is(err, kdb.ErrNotFound) {
		t.Errorf("nothing: %v", err)
	}
}

func TestAdd_labelsBySubject(t *testing.T) {
	t.Parallel()
	root := optest.NewCA(t, "Root")
	web := root.Issue(t, "web")
	bundle := optest.File(t, "bundle.pem", optest.PEM(web.Trusted(""), root.Trusted("")))
	for _, c := range []struct{ label, state string }{
		{"", "CN=Root=trusted+ CN=web=trusted+"},
		{"first", "CN=Root=trusted+ first=trusted+"},
	} {
		s := optest.New(t)
		o := entries.Add{Files: []string{bundle}, Label: c.label, LabelFirst: true, LabelBySubject: true, Trust: true}
		if _, err := op.One(t.Context(), s, o); err != nil {
			t.Errorf("label %q: %v", c.label, err)
		}
		optest.Expect(t, s, c.state)
	}
}

func TestAdd_skipsKnownCertificates(t *testing.T) {
	t.Parallel()
	root := optest.NewCA(t, "Root")
	web := root.Issue(t, "web")
	bundle := optest.File(t, "bundle.pem", optest.PEM(web.Trusted(""), root.Trusted("")))
	s := optest.New(t, root.Trusted("my root"))
	added, err := op.One(t.Context(), s, entries.Add{Files: []string{bundle}, Label: "web", LabelFirst: true, SkipKnown: true, Trust: true})
	if err != nil || len(added.Actions) != 2 || added.Actions[1].Action != entries.ActionUnchanged || added.Actions[1].Label != "my root" {
		t.Errorf("%+v, %v", added.Actions, err)
	}
	optest.Expect(t, s, "my root=trusted+ web=trusted+")
}
