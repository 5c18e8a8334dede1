package deploy_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"certkdb/commands/op"
	"certkdb/commands/op/deploy"
	"certkdb/commands/op/optest"
	"certkdb/kdb"
	"certkdb/kdb/atomicfile/atomicfiletest"
)

var ctx = context.Background()

// world is a database with a certificate, a folder to deploy to, and the commands that were run.
type world struct {
	s        *op.Session
	ca       *optest.Identity
	dir      string
	commands []string
	fails    bool
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{ca: optest.NewCA(t, "Root").CA(t, "Sub"), dir: t.TempDir()}
	w.s = optest.New(t, w.ca.Issue(t, "web").Personal("web"), w.ca.Trusted("sub"))
	w.s.Env.Command = func(_ context.Context, _ []byte, argv ...string) ([]byte, error) {
		w.commands = append(w.commands, argv[len(argv)-1])
		if w.fails {
			return []byte("no\n"), &op.CommandError{Program: "sh", Status: 7, Output: "no"}
		}
		return []byte("yes\n"), nil
	}
	return w
}

// renew gives the label another certificate and key.
func (w *world) renew(t *testing.T) {
	t.Helper()
	optest.Put(t, w.s, w.ca.Issue(t, "web").Personal("web"))
}

// target has files of forms in the folder, named like them.
func (w *world) target(forms ...deploy.Form) deploy.Target {
	var t deploy.Target
	for _, form := range forms {
		t.Files = append(t.Files, deploy.File{Form: form, Path: filepath.Join(w.dir, string(form))})
	}
	return t
}

// run deploys, and says in which state each file was, what was run, and the error.
func (w *world) run(t *testing.T, o deploy.Deploy) string {
	t.Helper()
	w.commands = nil
	done, err := o.Run(ctx, w.s)
	var text []string
	for _, d := range done.Deployments {
		for _, f := range d.Files {
			text = append(text, fmt.Sprintf("%s %s", f.Form, f.State))
		}
		if d.Reload != nil {
			text = append(text, fmt.Sprintf("reload %t", d.Reload.Done))
		}
		text = append(text, d.Notes...)
	}
	for _, command := range w.commands {
		text = append(text, "ran "+command)
	}
	if err := errors.Join(err, done.Incomplete()); err != nil {
		text = append(text, strings.ReplaceAll(err.Error(), w.dir, "DIR"))
	}
	return strings.Join(text, ", ")
}

func (w *world) want(t *testing.T, what string, o deploy.Deploy, want string) {
	t.Helper()
	if got := w.run(t, o); got != want {
		t.Errorf("%s:\n got %s\nwant %s", what, got, want)
	}
}

func (w *world) read(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(w.dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestDeploy_onlyWhatChanged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := deploy.Deploy{Label: "web", Target: w.target(deploy.FormFullChain, deploy.FormChain, deploy.FormKey)}
	o.Reload = "reload"
	w.want(t, "first", o, "key written, chain written, fullchain written, reload true, ran reload")
	w.want(t, "again", o, "key unchanged, chain unchanged, fullchain unchanged")
	w.want(t, "remembered", deploy.Deploy{Label: "web"}, "key unchanged, chain unchanged, fullchain unchanged")
	w.want(t, "compared", deploy.Deploy{Label: "web", Compare: true}, "key unchanged, chain unchanged, fullchain unchanged")
	w.renew(t)
	w.want(t, "compared after a renewal", deploy.Deploy{Label: "web", Compare: true},
		`key differs, chain unchanged, fullchain differs, label "web": refused: deployed files are not what the database has`)
	w.s.DryRun = true
	w.want(t, "dry run", deploy.Deploy{All: true}, "key differs, chain unchanged, fullchain differs, reload false")
	w.s.DryRun = false
	w.want(t, "all", deploy.Deploy{All: true}, "key written, chain unchanged, fullchain written, reload true, ran reload")
	e := optest.Entry(t, w.s, "web")
	if got := w.read(t, "fullchain"); len(e.Certificates) != 2 || got != strings.Join(op.PEMStrings(e.Certificates), "") {
		t.Errorf("fullchain: %s", got)
	}
	for name, mode := range map[string]fs.FileMode{"key": 0o600, "chain": 0o644, "fullchain": 0o644} {
		if info, err := os.Stat(filepath.Join(w.dir, name)); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	if err := os.Chmod(filepath.Join(w.dir, "key"), 0o644); err != nil {
		t.Fatal(err)
	}
	w.want(t, "a key that others can read", deploy.Deploy{All: true},
		"key written, chain unchanged, fullchain unchanged, reload true, ran reload")
}

// TestDeploy_completesTheChain: a server gets the issuers although they are entries of their own.
func TestDeploy_completesTheChain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sent := optest.Entry(t, w.s, "web").Certificates
	bare := optest.Entry(t, w.s, "web")
	bare.Certificates = bare.Certificates[:1]
	optest.Put(t, w.s, bare)
	const note = `its chain was completed with "sub" of the database`
	o := deploy.Deploy{Label: "web", Target: w.target(deploy.FormFullChain, deploy.FormChain, deploy.FormJKS), OutPassword: optest.Secrets()}
	o.Forgetful = true
	w.want(t, "first", o, "jks written, chain written, fullchain written, "+note)
	w.want(t, "again", o, "jks unchanged, chain unchanged, fullchain unchanged, "+note)
	if got := w.read(t, "fullchain"); got != strings.Join(op.PEMStrings(sent), "") {
		t.Errorf("fullchain: %s", got)
	}
	store, err := op.Open(ctx, w.s.Env, op.DB{Location: filepath.Join(w.dir, "jks"), Password: optest.Secrets()})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if e := optest.Entry(t, store, "web"); !slices.EqualFunc(e.Certificates, sent, slices.Equal) {
		t.Errorf("the key store has a chain of %d", len(e.Certificates))
	}
	w.s.Env.Now = func() time.Time { return optest.Now.AddDate(4, 0, 0) }
	o.Target, o.OutPassword = w.target(deploy.FormFullChain), op.Password{}
	w.want(t, "the issuer has expired", o, "fullchain unchanged, "+note+`; the issuer "CN=Sub" expired on 2030-03-01`)
	o.Target = w.target(deploy.FormKey, deploy.FormCert)
	w.want(t, "no chain is written", o, "key written, cert written")
}

// TestDeploy_damagedIssuer: a server keeps its chain if an issuer cannot be read any more.
func TestDeploy_damagedIssuer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	bare := optest.Entry(t, w.s, "web")
	bare.Certificates = bare.Certificates[:1]
	s, store := optest.Sealed(t, bare, w.ca.Trusted("sub"))
	w.s = s
	o := deploy.Deploy{Label: "web", Target: w.target(deploy.FormFullChain)}
	o.Forgetful = true
	w.want(t, "before", o, `fullchain written, its chain was completed with "sub" of the database`)
	before := w.read(t, "fullchain")
	records := store.Records()
	records["c/sub"] = records["c/web"]
	store.Replace(records)
	if got := w.run(t, o); !strings.Contains(got, `completing the chain of label "web": certificates of label "sub": database damaged`) {
		t.Error(got)
	}
	if w.read(t, "fullchain") != before {
		t.Error("the file was changed")
	}
}

func TestDeploy_failedReloadIsRepeated(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := deploy.Deploy{Label: "web", Target: w.target(deploy.FormCombined)}
	o.Reload, w.fails = "reload", true
	failed := `deploying "web": the files are in place, but the reload command "reload" failed: sh: exit status 7: no`
	w.want(t, "first", o, "combined written, reload false, ran reload, "+failed)
	w.want(t, "again", deploy.Deploy{All: true}, "combined unchanged, reload false, ran reload, "+failed)
	w.fails = false
	w.want(t, "at last", deploy.Deploy{All: true}, "combined unchanged, reload true, ran reload")
	w.want(t, "after that", deploy.Deploy{All: true}, "combined unchanged")
}

// TestDeploy_reloadOnce: two labels with one server.
func TestDeploy_reloadOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	optest.Put(t, w.s, w.ca.Issue(t, "shop").Personal("shop"))
	for label, form := range map[string]deploy.Form{"web": deploy.FormKey, "shop": deploy.FormCert} {
		o := deploy.Deploy{Label: label, Target: w.target(form)}
		o.Reload = "reload"
		w.want(t, label, o, string(form)+" written, reload true, ran reload")
	}
	w.renew(t)
	optest.Put(t, w.s, w.ca.Issue(t, "shop").Personal("shop"))
	w.want(t, "all", deploy.Deploy{All: true}, "cert written, reload true, key written, reload true, ran reload")
}

// TestDeploy_allGoesOn: a target that cannot be written does not keep the others from it, and its own command is not run.
func TestDeploy_allGoesOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	folder := filepath.Join(w.dir, "sub")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	broken := deploy.Deploy{Label: "web", Target: deploy.Target{
		Files: []deploy.File{{Form: deploy.FormKey, Path: filepath.Join(folder, "key")}}, Reload: "broken",
	}}
	w.want(t, "one", broken, "key written, reload true, ran broken")
	o := deploy.Deploy{Label: "web", Target: w.target(deploy.FormCert)}
	o.Reload = "reload"
	w.want(t, "two", o, "cert written, reload true, ran reload")
	if err := os.RemoveAll(folder); err != nil {
		t.Fatal(err)
	}
	w.renew(t)
	w.want(t, "all", deploy.Deploy{All: true},
		`cert written, reload true, ran reload, deploying "web": writing "DIR/sub/key": its folder: no such file or directory`)
}

// TestDeploy_allOrNothing: when a file cannot be written, none is, and nothing is run.
func TestDeploy_allOrNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := deploy.Deploy{Label: "web", Target: w.target(deploy.FormKey, deploy.FormCert)}
	o.Reload = "reload"
	w.run(t, o)
	before := w.read(t, "key") + w.read(t, "cert")
	w.renew(t)
	for n := 1; ; n++ {
		disk := &atomicfiletest.Disk{Fail: atomicfiletest.At(n, syscall.ENOSPC)}
		w.s.Env.Disk = disk
		got := w.run(t, deploy.Deploy{All: true})
		if now := w.read(t, "key") + w.read(t, "cert"); now != before {
			if strings.Contains(now, strings.Split(before, "\n")[1]) || strings.Contains(before, w.read(t, "cert")) {
				t.Errorf("call %d: half is new: %s", n, got)
			}
			break
		}
		if !strings.Contains(got, "no space left") || len(w.commands) > 0 {
			t.Errorf("call %d of %q: %s", n, disk.Calls(), got)
		}
	}
	w.s.Env.Disk = nil
	if got := w.run(t, deploy.Deploy{All: true}); !strings.Contains(got, "ran reload") && len(w.commands) > 1 {
		t.Errorf("in the end: %s", got)
	}
	w.want(t, "after that", deploy.Deploy{All: true, Compare: true}, "key unchanged, cert unchanged")
}

// TestDeploy_saysWhatWasWritten: where a file cannot take its place after another one did, the result says which, and what the next run
// completes is written then, and makes the server read it.
func TestDeploy_saysWhatWasWritten(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := deploy.Deploy{Label: "web", Target: w.target(deploy.FormKey, deploy.FormCert, deploy.FormChain), Forgetful: true}
	o.Reload = "reload"
	disk := &atomicfiletest.Disk{Fail: func(_ int, call string) error {
		if strings.HasPrefix(call, "rename ") && strings.HasSuffix(call, " cert") {
			return syscall.EPERM
		}
		return nil
	}}
	w.s.Env.Disk = disk
	const unfinished = "the change is stored, but not all of its files could be replaced yet: \"DIR/cert\": operation not permitted"
	w.want(t, "first", o, `key written, chain written, cert missing, reload false, deploying "web": replacing "DIR/key" `+
		`and the files with it: `+unfinished)
	w.want(t, "again", o, `key unchanged, chain unchanged, cert missing, deploying "web": completing an interrupted change `+
		`(DIR/.key.certkdb-journal): `+unfinished)
	w.s.Env.Disk = nil
	w.want(t, "completed", o, "key unchanged, chain unchanged, cert written, reload true, ran reload")
	w.want(t, "after that", o, "key unchanged, chain unchanged, cert unchanged")
}

func TestDeploy_keyStores(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	password := optest.File(t, "pw", "secret\n")
	o := deploy.Deploy{Label: "web", Target: w.target(deploy.FormJKS, deploy.FormPKCS12)}
	w.want(t, "without a password", o, `deploying "web": no password given for the deployed key stores, and there is no terminal to ask on`)
	o.OutPassword.Source = op.FromBytes([]byte("secret"))
	w.want(t, "with one that is not remembered", o,
		"wrong usage: out-password: a password from this source cannot be remembered for the next time")
	o.Forgetful = true
	w.want(t, "forgetful", o, "p12 written, jks written")
	w.want(t, "nothing is remembered", deploy.Deploy{All: true}, "")
	o.Forgetful, o.OutPassword.Source = false, op.FromFile(password)
	w.want(t, "with a file", o, "p12 unchanged, jks unchanged")
	w.renew(t)
	w.want(t, "renewed", deploy.Deploy{All: true}, "p12 written, jks written")
	w.want(t, "and again", deploy.Deploy{All: true, Compare: true}, "p12 unchanged, jks unchanged")
	if err := os.WriteFile(password, []byte("another\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.want(t, "with another password", deploy.Deploy{All: true}, "p12 written, jks written")
}

func TestDeploy_refuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	optest.Put(t, w.s, optest.NewCA(t, "Self").Personal("self"))
	twice := w.target(deploy.FormKey, deploy.FormCert)
	twice.Files[1].Path = twice.Files[0].Path
	mode := w.target(deploy.FormKey)
	mode.Mode = "9"
	folder := deploy.Target{Files: []deploy.File{{Form: deploy.FormKey, Path: w.dir}}}
	for _, c := range []struct {
		o    deploy.Deploy
		want string
	}{
		{deploy.Deploy{}, "labels or all is missing"},
		{deploy.Deploy{Label: "web", All: true}, "labels and all exclude each other"},
		{deploy.Deploy{All: true, Target: mode}, "not for new files"},
		{deploy.Deploy{Label: "web", Target: deploy.Target{Reload: "x"}}, "is missing"},
		{deploy.Deploy{Label: "web"}, "does not remember"},
		{deploy.Deploy{Target: w.target(deploy.FormKey)}, `name one of the 2 certificates with a private key: ["self" "web"]`},
		{deploy.Deploy{Label: "none", Target: w.target(deploy.FormKey)}, "no such label"},
		{deploy.Deploy{Label: "sub", Target: w.target(deploy.FormCert)}, "only a personal certificate"},
		{deploy.Deploy{Label: "web", Target: twice}, "two files"},
		{deploy.Deploy{Label: "web", Target: mode}, "a mode is an octal number"},
		{deploy.Deploy{Label: "web", Target: folder}, "folder"},
		{deploy.Deploy{Label: "self", Target: w.target(deploy.FormKey, deploy.FormChain)}, "has no issuers"},
		{deploy.Deploy{Label: "web", Target: w.target(deploy.FormKey), OutPassword: optest.Secrets()}, "it is for PKCS #12"},
	} {
		if got := w.run(t, c.o); !strings.Contains(got, c.want) {
			t.Errorf("%+v: %s, want %s", c.o, got, c.want)
		}
	}
	if found, _ := os.ReadDir(w.dir); len(found) > 0 {
		t.Errorf("files were made: %v", found)
	}
}

// TestDeploy_theOnlyKey: a database with one private key needs no label.
func TestDeploy_theOnlyKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := deploy.Deploy{Target: w.target(deploy.FormKey, deploy.FormFullChain), Forgetful: true}
	if got := w.run(t, o); got != "key written, fullchain written" {
		t.Errorf("the first time: %s", got)
	}
	if got := w.run(t, o); got != "key unchanged, fullchain unchanged" {
		t.Errorf("again: %s", got)
	}
	w.s = optest.New(t, w.ca.Trusted("sub"))
	if got := w.run(t, o); !strings.Contains(got, "no certificate in the database has a private key") {
		t.Errorf("without a key: %s", got)
	}
	crowd := optest.New(t)
	for i := range 12 {
		optest.Put(t, crowd, w.ca.Issue(t, "web").Personal(fmt.Sprint("web", i)))
	}
	w.s = crowd
	got := w.run(t, o)
	if !strings.Contains(got, `the 12 certificates with a private key: ["web0" "web1" "web10" `) || !strings.Contains(got, " …]") {
		t.Errorf("with twelve keys: %s", got)
	}
}

// TestDeploy_foreign: other databases deploy, and say that they cannot remember it.
func TestDeploy_foreign(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.s = optest.Kind(t, "pkcs12", w.ca.Issue(t, "web").Personal("web"))
	o := deploy.Deploy{Label: "web", Target: w.target(deploy.FormKey)}
	w.want(t, "first", o, "key written, "+deploy.NotRemembered)
	w.want(t, "all", deploy.Deploy{All: true}, "")
}

// unchangeable is a database that this user can only read.
type unchangeable struct{ kdb.Database }

func (unchangeable) Update(context.Context, string, func(kdb.Tx) error) error {
	return fs.ErrPermission
}

// TestDeploy_readOnly: what a database has no record of is said, and only that.
func TestDeploy_readOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	known := deploy.Deploy{Label: "web", Target: w.target(deploy.FormKey)}
	w.run(t, known)
	env, warned := *w.s.Env, 0
	env.Warn = func(error) { warned++ }
	w.s = op.Attach(&env, w.s.Location, unchangeable{w.s.Database()})
	w.want(t, "known and there", known, "key unchanged")
	if warned != 0 {
		t.Errorf("%d warnings where nothing was written", warned)
	}
	if err := os.Remove(known.Target.Files[0].Path); err != nil {
		t.Fatal(err)
	}
	w.want(t, "known", known, "key written")
	w.want(t, "new", deploy.Deploy{Label: "web", Target: w.target(deploy.FormCert)}, "cert written, "+deploy.ReadOnly)
	if warned != 2 {
		t.Errorf("%d warnings about the log, want 2", warned)
	}
}

func TestRemembered(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.run(t, deploy.Deploy{Label: "web", Target: w.target(deploy.FormKey, deploy.FormCert)})
	w.run(t, deploy.Deploy{Label: "web", Target: w.target(deploy.FormJKS), OutPassword: op.Password{Source: op.FromEnv("PW")}})
	w.run(t, deploy.Deploy{Label: "web", Target: w.target(deploy.FormFullChain)})
	w.run(t, deploy.Deploy{Label: "web", Target: w.target(deploy.FormFullChain, deploy.FormKey)})
	list := func(label string) (text []string) {
		listed, err := deploy.List{Label: label}.Run(ctx, w.s)
		if err != nil {
			t.Error(err)
		}
		for _, r := range listed.Deployments {
			for _, target := range r.Targets {
				for _, f := range target.Files {
					text = append(text, r.Label+" "+string(f.Form))
				}
			}
		}
		return text
	}
	want := []string{"web key", "web fullchain"}
	if got := list(""); !slices.Equal(got, want) {
		t.Errorf("all: %q", got)
	}
	if got := list("sub"); got != nil {
		t.Errorf("one that is not deployed: %q", got)
	}
	optest.Change(t, w.s, func(tx kdb.Tx) error { return tx.Rename("web", "www") })
	if got := list("www"); len(got) != 2 {
		t.Errorf("renamed: %q", got)
	}
	forgotten, err := op.One(ctx, w.s, deploy.Forget{Label: "www"})
	if err != nil || !forgotten.HasChanged() || list("") != nil {
		t.Errorf("forgotten %v, %v", forgotten, err)
	}
	if forgotten, err = op.One(ctx, w.s, deploy.Forget{Label: "www"}); err != nil || forgotten.HasChanged() {
		t.Errorf("forgotten again: %v, %v", forgotten, err)
	}
	if _, err := op.One(ctx, w.s, deploy.Forget{Label: "none"}); !errors.Is(err, kdb.ErrNotFound) {
		t.Errorf("no such label: %v", err)
	}
}

// TestRemembered_damaged: what cannot be read is an error, and can be forgotten.
func TestRemembered_damaged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	optest.Change(t, w.s, func(tx kdb.Tx) error { return tx.(kdb.Deployer).SetDeployments("web", []byte("{")) })
	for _, o := range []deploy.Deploy{{All: true}, {Label: "web"}, {Label: "web", Target: w.target(deploy.FormKey)}} {
		if got := w.run(t, o); !strings.Contains(got, "database damaged") {
			t.Errorf("%+v: %s", o, got)
		}
	}
	if _, err := op.One(ctx, w.s, deploy.Forget{Label: "web"}); err != nil {
		t.Error(err)
	}
	w.want(t, "after that", deploy.Deploy{All: true}, "")
}
