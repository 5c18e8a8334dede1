package entries_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"certkdb/commands/op"
	"certkdb/commands/op/databases"
	"certkdb/commands/op/entries"
	"certkdb/commands/op/optest"
	"certkdb/kdb"
	"certkdb/kdb/keyfile"
	"certkdb/kdb/keyfile/cms"
	"certkdb/kdb/keyfile/pem"
)

// format is a kind of file, with what it keeps of the entries of variety, as [optest.State] has it.
type format struct{ file, profile, state string }

// chained is the certificate of the chain that a CMS database has as an entry of its own.
const chained = "CN=Sub=trusted "

// formats are all that entries can be copied to. What a format cannot hold is missing; a JKS file has labels in lower case and no default.
func formats() []format {
	const all = "CORP Root=trusted+ Web Srv=personal* aes=secret-key old=trusted pending=request shop=personal"
	noSecret := strings.Replace(all, " aes=secret-key", "", 1)
	return []format{
		{"all.ckdb", "", all},
		{"all.p12", "", all},
		{"legacy.p12", "legacy", all},
		{"open.p12", "passwordless", noSecret},
		{"v3.kdb", "3", chained + all},
		{"v4.kdb", "4", chained + all},
		{"v6.kdb", "6", chained + all},
		{"all.jks", "", "corp root=trusted+ shop=personal web srv=personal"},
		{"all.pem", "", "CORP Root=trusted+ Web Srv=personal pending=request shop=personal"},
	}
}

// variety has an entry of every kind: with labels that differ by case and blanks, a chain of three, trust, distrust and a default.
func variety(t *testing.T) []kdb.Entry {
	t.Helper()
	root := optest.NewCA(t, "Root")
	sub := root.CA(t, "Sub")
	web := sub.Issue(t, "web").Default("Web Srv")
	web.Certificates = [][]byte{web.Certificates[0], sub.Certificate, root.Certificate}
	old := root.CA(t, "Old").Trusted("old")
	old.Trusted = false
	return []kdb.Entry{
		root.Trusted("CORP Root"), web, optest.NewCA(t, "Shop").Issue(t, "shop").Personal("shop"), old, optest.Request(t, "pending"),
		optest.Secret("aes"),
	}
}

// copyAll copies everything that fits, and leaves the rest out.
func copyAll(t *testing.T, from *op.Session, path, profile string) entries.Added {
	t.Helper()
	to := databases.Init{DB: op.DB{Location: path, Password: optest.Secrets()}, Profile: profile, Cost: kdb.CostTest}
	if profile == "passwordless" {
		to.DB.Password = op.Password{}
	}
	done, err := entries.Copy{From: from, All: true, CAKeys: true, SkipUnsupported: true}.CopyTo(context.Background(), to, false)
	if err != nil || done.Incomplete() != nil {
		t.Fatalf("copying to %s: %v, %v", path, err, done.Incomplete())
	}
	return done
}

// TestCopy_everyPairOfFormats: each format keeps what it can hold, whatever format it comes from, and copying again changes nothing.
func TestCopy_everyPairOfFormats(t *testing.T) {
	t.Parallel()
	have := optest.New(t, variety(t)...)
	last := len(have.Env.Drivers) - 1
	have.Env.Drivers = append(have.Env.Drivers[:last:last], keyfile.Driver(cms.Codec()), keyfile.Driver(pem.Codec(2048)))
	for _, from := range formats() {
		t.Run(from.file, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), from.file)
			own, env := *have, *have.Env // a session is one process's, and these run at once
			own.Env = &env
			copyAll(t, &own, path, from.profile)
			source, err := op.Open(context.Background(), &env, op.DB{Location: path, Password: optest.Secrets()})
			if err != nil {
				t.Fatal(err)
			}
			defer source.Close()
			optest.Expect(t, source, from.state)
			for _, to := range formats() {
				copyTwice(t, source, from, to)
			}
		})
	}
}

// copyTwice copies one file to another, and again.
func copyTwice(t *testing.T, source *op.Session, from, to format) {
	t.Helper()
	path := filepath.Join(t.TempDir(), to.file)
	done := copyAll(t, source, path, to.profile)
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if again := copyAll(t, source, path, to.profile); again.HasChanged() {
		t.Errorf("%s to %s: the second time: %s", from.file, to.file, added(again))
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
		t.Errorf("%s to %s: the second time the file changed, %v", from.file, to.file, err)
	}
	target, err := op.Open(context.Background(), source.Env, op.DB{Location: path, Password: optest.Secrets()})
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	want := poorer(from.state, to.state)
	if strings.Contains(to.state, chained) || strings.Contains(from.state, chained) && strings.Contains(to.state, "old=") {
		want = chained + want
	}
	if got := optest.State(t, target); got != want {
		t.Errorf("%s to %s: %s, want %s", from.file, to.file, got, want)
	}
	lossesAreSaid(t, from.file+" to "+to.file, done, optest.State(t, source), optest.State(t, target))
	label := "Web Srv"
	if strings.Contains(from.state+to.state, "web srv") {
		label = "web srv"
	}
	if e := optest.Entry(t, target, label); len(e.Certificates) != 3 || len(e.Key) == 0 {
		t.Errorf("%s to %s: a chain of %d", from.file, to.file, len(e.Certificates))
	}
}

// lossesAreSaid compares what two files hold with what the copy said: every entry that is missing is listed as skipped, with the reason; a
// default that is lost has one, and what is stored is listed under the label that it has now.
func lossesAreSaid(t *testing.T, what string, done entries.Added, before, after string) {
	t.Helper()
	said := map[string]entries.Action{}
	for _, a := range done.Actions {
		said[a.Label] = a
	}
	kept := map[string]string{}
	for _, one := range split(after, false) {
		at := strings.LastIndex(one, "=")
		kept[strings.ToLower(one[:at])] = one
	}
	for _, one := range split(before, false) {
		at := strings.LastIndex(one, "=")
		label, now := one[:at], kept[strings.ToLower(one[:at])]
		if now != "" {
			label = now[:strings.LastIndex(now, "=")]
		}
		a, ok := said[label]
		switch {
		case !ok:
			t.Errorf("%s: nothing is said about %q", what, label)
		case now == "" && (a.Action != entries.ActionSkipped || a.Reason == ""):
			t.Errorf("%s: %q is missing: %+v", what, label, a)
		case strings.HasSuffix(one, "*") && now != "" && !strings.HasSuffix(now, "*") && !strings.Contains(a.Reason, "default"):
			t.Errorf("%s: %q is no longer the default: %+v", what, label, a)
		}
	}
}

// poorer is what two formats have in common: the entries that both hold, with the marks that both keep, and the labels of the one that
// folds them.
func poorer(a, b string) string {
	fold := strings.Contains(a+b, "web srv")
	a, b = strings.TrimPrefix(a, chained), strings.TrimPrefix(b, chained)
	var common []string
	for _, one := range split(a, fold) {
		for _, other := range split(b, fold) {
			if strings.TrimRight(one, "*") == strings.TrimRight(other, "*") {
				common = append(common, min(one, other)) // without the mark if one of them has none
			}
		}
	}
	return strings.Join(common, " ")
}

// split cuts a state into its entries.
func split(state string, fold bool) []string {
	if fold {
		state = strings.ToLower(state)
	}
	for _, kind := range []string{"trusted+", "trusted", "personal*", "personal", "request", "secret-key"} {
		state = strings.ReplaceAll(state, "="+kind+" ", "="+kind+"\n")
	}
	list := strings.Split(state, "\n")
	slices.Sort(list)
	return list
}
