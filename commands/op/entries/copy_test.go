package entries_test

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"certkdb/commands/op"
	"certkdb/commands/op/databases"
	"certkdb/commands/op/entries"
	"certkdb/commands/op/optest"
	"certkdb/kdb"
	"certkdb/kdb/sealed"
)

func TestCopy(t *testing.T) {
	t.Parallel()
	source := fixture(t)
	root := optest.NewCA(t, "Other")
	for _, c := range []struct {
		rule, done, state string
		labels            []string
		replace           bool
		have              []kdb.Entry
	}{
		{"everything", "aes added, pending added, root added, shop added, web added!", initial, nil, false, nil},
		{"in the order that was asked for", "web added, root added!", "root=trusted+ web=personal*", []string{"web", "root"}, false, nil},
		{"an existing entry stays", "root unchanged, web added!", "root=trusted+ web=personal*", []string{"root", "web"}, false, source[:1]},
		{"the default mark moves", "web added!", "web=personal* www=personal", []string{"web"}, false, []kdb.Entry{root.Default("www")}},
		{"replaced", "root replaced!", "root=trusted+", []string{"root"}, true, []kdb.Entry{root.Trusted("root")}},
	} {
		t.Run(strings.ReplaceAll(c.rule, " ", "_"), func(t *testing.T) {
			t.Parallel()
			o := entries.Copy{From: optest.New(t, source...), Labels: c.labels, All: c.labels == nil, Replace: c.replace}
			got := optest.Try(t, o, added, c.have...)
			if got.Err != nil || got.Text != c.done || got.State != c.state || got.Result.Incomplete() != nil {
				t.Errorf("%s, %v; the database holds %s", got.Text, got.Err, got.State)
			}
		})
	}
}

// TestCopy_existing: what becomes of labels that the target has with other content.
func TestCopy_existing(t *testing.T) {
	t.Parallel()
	source, other := []kdb.Entry{optest.NewCA(t, "new").Trusted("root"), optest.NewCA(t, "web").Trusted("web")}, optest.NewCA(t, "Other")
	for _, c := range []struct {
		rule        entries.Existing
		done, state string
		have        []kdb.Entry
	}{
		{
			entries.ExistingKeep, "root skipped (the target has other content under this label, which stays), web added!",
			"root=trusted web=trusted+",
			[]kdb.Entry{{Label: "root", Kind: kdb.KindTrusted, Certificates: [][]byte{other.Certificate}}},
		},
		{entries.ExistingReplace, "root replaced, web added!", "root=trusted+ web=trusted+", []kdb.Entry{other.Trusted("root")}},
		{
			entries.ExistingRename, "root (3) added, web added!", "root=trusted+ root (2)=trusted+ root (3)=trusted+ web=trusted+",
			[]kdb.Entry{other.Trusted("root"), other.Issue(t, "x").Trusted("root (2)")},
		},
		{entries.ExistingRename, "root (2) unchanged, web unchanged", "root=trusted+ root (2)=trusted+ web=trusted+", []kdb.Entry{
			other.Trusted("root"), {Label: "root (2)", Kind: kdb.KindTrusted, Trusted: true, Certificates: source[0].Certificates}, source[1],
		}},
	} {
		got := optest.Try(t, entries.Copy{From: optest.New(t, source...), All: true, Existing: c.rule}, added, c.have...)
		if got.Err != nil || got.Text != c.done || got.State != c.state || got.Result.Incomplete() != nil {
			t.Errorf("%s: %s, %v; the database holds %s", c.rule, got.Text, got.Err, got.State)
		}
	}
}

func TestCopy_refused(t *testing.T) {
	t.Parallel()
	source := fixture(t)
	for _, c := range []struct {
		rule string
		o    entries.Copy
		want string
		err  error
	}{
		{"nothing named", entries.Copy{}, "wrong usage: labels or all or trusted is missing", op.ErrUsage},
		{"both", entries.Copy{All: true, Labels: []string{"web"}}, "wrong usage: labels and all exclude each other", op.ErrUsage},
		{
			"no such rule", entries.Copy{All: true, Existing: "merge"}, `wrong usage: existing "merge"`, op.ErrUsage,
		},
		{"no such label", entries.Copy{Labels: []string{"aes", "none"}}, `label "none": no such label`, kdb.ErrNotFound},
		{"all or nothing", entries.Copy{Labels: []string{"aes", "web"}}, `label "web": label exists already with other content`, kdb.ErrExists},
	} {
		t.Run(strings.ReplaceAll(c.rule, " ", "_"), func(t *testing.T) {
			t.Parallel()
			c.o.From = optest.New(t, source...)
			got := optest.Try(t, c.o, added, optest.NewCA(t, "web").Trusted("web"))
			if got.Err == nil || got.Err.Error() != c.want || !errors.Is(got.Err, c.err) || got.State != "web=trusted+" {
				t.Errorf("%v; the database holds %s", got.Err, got.State)
			}
		})
	}
}

func logOf(t *testing.T, s *op.Session) (log []string) {
	t.Helper()
	for r, err := range s.Database().(*sealed.Database).Log(ctx, 0) {
		if err != nil {
			t.Fatal(err)
		}
		log = append(log, r.Operation+" "+r.Label)
	}
	return log
}

// TestCopy_isNotedInTheSource: private keys that leave a database are noted there, and only in earnest.
func TestCopy_isNotedInTheSource(t *testing.T) {
	t.Parallel()
	source, store := optest.Sealed(t, fixture(t)...)
	target := optest.New(t)
	target.DryRun, source.DryRun = true, true
	optest.Unchanged(t, store, "a dry run", func() {
		if _, err := op.One(ctx, target, entries.Copy{From: source, All: true}); err != nil {
			t.Error(err)
		}
	})
	target.DryRun, source.DryRun = false, false
	optest.Unchanged(t, store, "a plan", func() {
		plan, err := entries.Copy{From: source, All: true}.Plan(ctx, target)
		if err != nil {
			t.Error(err)
		}
		plan.Close()
	})
	occupied := optest.New(t, optest.NewCA(t, "Other").Trusted("web"))
	optest.Unchanged(t, store, "a copy that is refused", func() {
		if _, err := op.One(ctx, occupied, entries.Copy{From: source, Labels: []string{"web", "aes"}}); !errors.Is(err, kdb.ErrExists) {
			t.Error(err)
		}
	})
	optest.Unchanged(t, store, "a copy without keys", func() {
		if _, err := op.One(ctx, optest.New(t), entries.Copy{From: source, Labels: []string{"root"}}); err != nil {
			t.Error(err)
		}
	})
	if _, err := op.One(ctx, target, entries.Copy{From: source, Labels: []string{"web", "root"}}); err != nil {
		t.Error(err)
	}
	log := logOf(t, source)
	if got := strings.Join(log[len(log)-2:], ", "); !strings.HasSuffix(got, "copy-key web") || strings.Contains(got, "root") {
		t.Errorf("the log ends with %s", got)
	}
	optest.Unchanged(t, store, "copying again", func() {
		again := entries.Copy{From: source, Labels: []string{"web", "root"}}
		if added, err := op.One(ctx, target, again); err != nil || added.HasChanged() || len(added.Actions) != 2 {
			t.Errorf("%+v, %v", added, err)
		}
	})
	bundle := optest.Kind(t, "pkcs7", optest.NewCA(t, "Other").Trusted("other"))
	if _, err := op.One(ctx, bundle, entries.Copy{From: source, All: true, CAKeys: true}); err != nil {
		t.Error(err)
	}
	if again := logOf(t, source); len(again) != len(log) {
		t.Errorf("keys that a .p7b cannot hold are in the log: %s", again[len(log):])
	}
}

// Certificates alone keep their trust, and lose key and chain; the private key of a CA is copied only on purpose.
func TestCopy_certificates(t *testing.T) {
	t.Parallel()
	root, distrusted := optest.NewCA(t, "Root"), optest.NewCA(t, "Old").Trusted("old")
	distrusted.Trusted = false
	ca := root.CA(t, "Sub").Personal("ca")
	ca.Trusted = true
	source := []kdb.Entry{root.Trusted("root"), distrusted, ca, root.CA(t, "Low").Issue(t, "web").Personal("web"), optest.Secret("aes")}
	for _, c := range []struct {
		rule, done, state string
		o                 entries.Copy
	}{
		{
			"all of them", "ca added, old added, root added, web added", "ca=trusted+ old=trusted root=trusted+ web=trusted",
			entries.Copy{All: true, Certificates: true},
		},
		{"by label", "ca added", "ca=trusted+", entries.Copy{Labels: []string{"ca"}, Certificates: true}},
		{"what is trusted", "ca added, root added", "ca=trusted+ root=trusted+", entries.Copy{Trusted: true}},
		{"with the key of a CA", "ca added with key", "ca=personal+", entries.Copy{Labels: []string{"ca"}, CAKeys: true}},
		{"with another key", "web added with key", "web=personal", entries.Copy{Labels: []string{"web"}}},
	} {
		c.o.From = optest.New(t, source...)
		got := optest.Try(t, c.o, withKeys)
		if got.Err != nil || got.Text != c.done || got.State != c.state {
			t.Errorf("%s: %s, %v; the database holds %s", c.rule, got.Text, got.Err, got.State)
		}
	}
	for rule, o := range map[string]entries.Copy{
		"by label": {Labels: []string{"web", "ca"}}, "all": {All: true}, "of a target that exists": {Labels: []string{"ca"}, Replace: true},
	} {
		o.From = optest.New(t, source...)
		got := optest.Try(t, o, withKeys)
		p, ok := errors.AsType[*op.Problem](got.Err)
		if !ok || p.Code != op.CAKey || p.Label != "ca" || !errors.Is(got.Err, op.ErrUsage) || got.State != "" {
			t.Errorf("%s: %v; the database holds %s", rule, got.Err, got.State)
		}
	}
	for rule, o := range map[string]entries.Copy{
		"nothing is trusted": {Trusted: true}, "no certificate": {Labels: []string{"aes"}, Certificates: true},
		"two ways": {All: true, Trusted: true}, "keys of certificates": {All: true, Certificates: true, CAKeys: true},
		"trusted keys": {Trusted: true, CAKeys: true},
	} {
		o.From = optest.New(t, distrusted, optest.Secret("aes"))
		if got := optest.Try(t, o, withKeys); got.Err == nil || got.State != "" {
			t.Errorf("%s: %v; the database holds %s", rule, got.Err, got.State)
		}
	}
}

// withKeys is what added says, and which entries were added with their keys.
func withKeys(a entries.Added) string {
	var parts []string
	for _, action := range a.Actions {
		text := action.Label + " " + string(action.Action)
		if action.PrivateKey {
			text += " with key"
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ", ")
}

// TestCopy_recordsOfACAStay: and that is said.
func TestCopy_recordsOfACAStay(t *testing.T) {
	t.Parallel()
	root := optest.NewCA(t, "Root")
	web := root.Issue(t, "web")
	source := optest.New(t, root.Personal("ca"), web.Personal("web"))
	id, err := op.IssuerID(root.Certificate)
	if err != nil {
		t.Fatal(err)
	}
	optest.Change(t, source, func(tx kdb.Tx) error {
		return tx.(kdb.Registry).PutIssued(kdb.Issued{Issuer: id, Serial: web.Serial(t), Certificate: web.Certificate})
	})
	got := optest.Try(t, entries.Copy{From: source, All: true, CAKeys: true}, added)
	if want := "ca added (" + entries.RecordsStay + "), web added!"; got.Err != nil || got.Text != want {
		t.Errorf("%s, %v", got.Text, got.Err)
	}
}

// TestCopy_keyWithoutCertificate: a native database keeps none; with All the others are copied.
func TestCopy_keyWithoutCertificate(t *testing.T) {
	t.Parallel()
	lonely := kdb.Entry{Label: "lonely", Kind: kdb.KindPersonal, Key: optest.Request(t, "x").Key}
	source := optest.Kind(t, "pem", lonely, optest.NewCA(t, "Root").Trusted("root"))
	got := optest.Try(t, entries.Copy{From: source, Labels: []string{"root", "lonely"}}, added)
	p, ok := errors.AsType[*op.Problem](got.Err)
	if !ok || p.Code != op.KeyWithoutCertificate || p.Label != "lonely" || !errors.Is(got.Err, kdb.ErrUnsupported) || got.State != "" {
		t.Errorf("%#v, %v; the database holds %s", p, got.Err, got.State)
	}
	got = optest.Try(t, entries.Copy{From: source, All: true}, withoutParseErrors)
	if got.Err != nil || got.Text != "root added, lonely skipped!" || got.State != "root=trusted+" {
		t.Errorf("%s, %v; the database holds %s", got.Text, got.Err, got.State)
	}
	if incomplete := got.Result.Incomplete(); !errors.Is(incomplete, kdb.ErrUnsupported) {
		t.Errorf("incomplete: %v", incomplete)
	}
}

func TestCopyTo(t *testing.T) {
	t.Parallel()
	source := optest.New(t, fixture(t)...)
	labels := []string{"root", "web"}
	path := filepath.Join(t.TempDir(), "new.jks")
	to := databases.Init{DB: op.DB{Location: path, Password: optest.Secrets()}}
	source.DryRun = true
	done, err := entries.Copy{From: source, Labels: labels}.CopyTo(ctx, to, false)
	if fileExists(t, path) || err != nil || !strings.HasPrefix(added(done), "root added, web added") {
		t.Errorf("a dry run: %s, %v", added(done), err)
	}
	source.DryRun = false
	_, err = entries.Copy{From: source, Labels: []string{"none"}}.CopyTo(ctx, to, false)
	if !errors.Is(err, kdb.ErrNotFound) || fileExists(t, path) {
		t.Errorf("no such label: %v", err)
	}
	done, err = entries.Copy{From: source, Labels: labels}.CopyTo(ctx, to, false)
	want := "root added, web added (this kind of database cannot mark it as the default entry)!"
	if err != nil || added(done) != want {
		t.Errorf("a new one: %s, %v", added(done), err)
	}
	done, err = entries.Copy{From: source, Labels: labels}.CopyTo(ctx, to, false)
	if err != nil || added(done) != "root unchanged, web unchanged" {
		t.Errorf("again: %s, %v", added(done), err)
	}
	if _, err = (entries.Copy{From: source, Labels: labels}).CopyTo(ctx, to, true); !errors.Is(err, kdb.ErrDatabaseExists) {
		t.Errorf("over one that exists: %v", err)
	}
	if _, err = (entries.Copy{From: source, All: true}).CopyTo(ctx, databases.Init{}, false); !errors.Is(err, op.ErrUsage) {
		t.Errorf("to nothing: %v", err)
	}
	self := databases.Init{DB: op.DB{Location: source.Location}}
	if _, err = (entries.Copy{From: source, All: true}).CopyTo(ctx, self, false); !errors.Is(err, op.ErrUsage) {
		t.Errorf("to itself: %v", err)
	}
}

// TestCopyTo_together: of several runs at the same time one makes the database, and all succeed.
func TestCopyTo_together(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"new.ckdb", "new.p12", "new.kdb", "new.jks", "new.pem"} {
		source := optest.New(t, fixture(t)...)
		db := op.DB{Location: filepath.Join(t.TempDir(), name), Password: optest.Secrets(), LockTimeout: time.Minute}
		to := databases.Init{DB: db, Cost: kdb.CostTest}
		results := make(chan error, 6)
		for range cap(results) {
			go func() {
				_, err := entries.Copy{From: source, Labels: []string{"root", "web"}}.CopyTo(ctx, to, false)
				results <- err
			}()
		}
		for range cap(results) {
			if err := <-results; err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func fileExists(t *testing.T, path string) bool {
	t.Helper()
	exists, err := kdb.FileExists(ctx, path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return exists
}

// TestChecked_decidesInTheTransaction: the rule sees what the database had, and its error undoes the change.
func TestChecked_decidesInTheTransaction(t *testing.T) {
	t.Parallel()
	root, other := optest.NewCA(t, "Root"), optest.NewCA(t, "Other")
	from, target := optest.New(t, root.Trusted("root"), other.Trusted("other")), optest.New(t)
	refused := errors.New("refused")
	o := entries.Checked(entries.Copy{From: from, All: true}, func(a entries.Added, had map[string]string) error {
		for _, action := range a.Actions {
			if label, known := had[action.SHA256]; known {
				return fmt.Errorf("%w: %q is %q", refused, action.Label, label)
			}
		}
		return nil
	})
	plan, err := o.Plan(ctx, target)
	if err != nil {
		t.Fatal(err)
	}
	optest.Put(t, target, root.Trusted("here")) // meanwhile
	if _, err = op.One(ctx, target, op.Planned(plan)); !errors.Is(err, refused) || err.Error() != `refused: "root" is "here"` {
		t.Errorf("the error is %v", err)
	}
	optest.Expect(t, target, "here=trusted+")
	if _, err := op.One(ctx, optest.New(t), o); err != nil {
		t.Error(err)
	}
}

// Java finds labels in any case, also in PKCS #12 files, which keep it.
func TestCopy_namesLabelsThatDifferInCase(t *testing.T) {
	t.Parallel()
	several := fixture(t)[:2]
	several[0].Label, several[1].Label = "Corp", "CORP"
	source := optest.New(t, several...)
	to := databases.Init{DB: op.DB{Location: filepath.Join(t.TempDir(), "new.p12"), Password: optest.Secrets()}}
	o := entries.Copy{From: source, Labels: []string{"Corp", "CORP"}}
	done, err := o.CopyTo(ctx, to, false)
	if err != nil || strings.Count(added(done), entries.Twin) != 1 {
		t.Errorf("to a new one: %s, %v", added(done), err)
	}
	done, err = o.CopyTo(ctx, to, false)
	if err != nil || strings.Contains(added(done), entries.Twin) {
		t.Errorf("again: %s, %v", added(done), err)
	}
}
