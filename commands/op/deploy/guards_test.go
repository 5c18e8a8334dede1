package deploy_test

import (
	"path/filepath"
	"testing"

	"certkdb/commands/op"
	"certkdb/commands/op/deploy"
	"certkdb/commands/op/optest"
)

// TestDeploy_reloadOfOneTarget: a reload that succeeds settles its own target; that of another target of the label stays pending.
func TestDeploy_reloadOfOneTarget(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	one, two := deploy.Deploy{Label: "web", Target: w.target(deploy.FormCert)}, deploy.Deploy{Label: "web", Target: w.target(deploy.FormKey)}
	one.Reload, two.Reload, w.fails = "one", "two", true
	failed := func(command string) string {
		return `deploying "web": the files are in place, but the reload command "` + command + `" failed: sh: exit status 7: no`
	}
	w.want(t, "one fails", one, "cert written, reload false, ran one, "+failed("one"))
	w.want(t, "two fails", two, "key written, reload false, ran two, "+failed("two"))
	w.fails = false
	w.want(t, "one alone", one, "cert unchanged, reload true, ran one")
	w.want(t, "all", deploy.Deploy{All: true}, "cert unchanged, key unchanged, reload true, ran two")
	w.want(t, "after that", deploy.Deploy{All: true}, "cert unchanged, key unchanged")
}

// TestDeploy_strangersInAKeyStore: a key store that has more than the entry is not what was deployed.
func TestDeploy_strangersInAKeyStore(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := deploy.Deploy{Label: "web", Target: w.target(deploy.FormJKS), OutPassword: optest.Secrets(), Forgetful: true}
	w.want(t, "first", o, "jks written")
	store := op.DB{Location: filepath.Join(w.dir, string(deploy.FormJKS)), Password: optest.Secrets()}
	other, err := op.Open(ctx, optest.Env(), store)
	if err != nil {
		t.Fatal(err)
	}
	optest.Put(t, other, optest.NewCA(t, "Stranger").Trusted("stranger"))
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	w.want(t, "with a stranger", o, "jks written")
	if other, err = op.Open(ctx, optest.Env(), store); err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	optest.Expect(t, other, "web=personal")
}
