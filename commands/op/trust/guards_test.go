package trust

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"certkdb/commands/op"
	"certkdb/commands/op/optest"
)

// TestFolder_linksAreNotOurs: a link with the name of one of our files is not listed, so that it is never removed.
func TestFolder_linksAreNotOurs(t *testing.T) {
	t.Parallel()
	corp := optest.NewCA(t, "Corp").Trusted("corp")
	s := optest.New(t, corp)
	elsewhere := optest.File(t, "corp.crt", optest.PEM(corp))
	root := image(t)
	link := filepath.Join(root, anchors, (&anchor{"corp", corp.Certificates[0]}).name()+".crt")
	if err := os.Symlink(elsewhere, link); err != nil {
		t.Skip(err)
	}
	out := Change{Labels: []string{"corp"}, Remove: true, Targets: []Target{{Kind: System}}, Root: root}
	want(t, "removed", do(t, s, out), "system unchanged corp")
	if _, err := os.Lstat(link); err != nil {
		t.Error("the link was removed")
	}
}

// TestFolder_fresh: Debian's program removes the links to what was removed only with --fresh. If that fails, it runs once more without it,
// and then an error counts.
func TestFolder_fresh(t *testing.T) {
	t.Parallel()
	const update, other = "update-ca-certificates", "update-it"
	for _, c := range []struct {
		rule, program string
		remove        []string
		fails         string // the last word of the command lines that fail
		want          string
	}{
		{"nothing is removed", update, nil, "", update},
		{"something is removed", update, []string{"a"}, "", update + " --fresh"},
		{"by another program", other, []string{"a"}, "", other},
		{"it does not know the option", update, []string{"a"}, "--fresh", update + " --fresh, " + update},
		{"it fails", update, []string{"a"}, update, update},
	} {
		s := optest.New(t)
		var ran []string
		s.Env.Command = func(_ context.Context, _ []byte, argv ...string) ([]byte, error) {
			ran = append(ran, strings.Join(argv, " "))
			if slices.Contains([]string{c.fails}, argv[len(argv)-1]) {
				return nil, errors.New("it failed")
			}
			return nil, nil
		}
		f := &folderStore{env: s.Env, path: t.TempDir(), update: c.program}
		remove := c.remove
		if c.fails == update {
			remove = nil
		}
		_, err := f.change(ctx, nil, remove)
		if got := strings.Join(ran, ", "); got != c.want || (err != nil) != (c.fails == update) {
			t.Errorf("%s: ran %q, %v; want %q", c.rule, got, err, c.want)
		}
	}
}

// TestChange_whatIsMissing: what keeps a store from being changed has a code, for which there is a remedy.
func TestChange_whatIsMissing(t *testing.T) {
	t.Parallel()
	s := optest.New(t, optest.NewCA(t, "Corp").Trusted("corp"))
	s.Env.Command = func(context.Context, []byte, ...string) ([]byte, error) { return nil, exec.ErrNotFound }
	folder := t.TempDir()
	missing := filepath.Join(folder, "none")
	done, err := Change{Labels: []string{"corp"}, Targets: []Target{{NSS, "sql:" + missing}, {NSS, folder}}}.Run(ctx, s)
	if err != nil || len(done.Targets) != 2 {
		t.Fatalf("%+v, %v", done, err)
	}
	first, ok := errors.AsType[*op.Problem](done.Targets[0].Err())
	if !ok || first.Code != op.NoNSS || first.Location != missing || !errors.Is(first, fs.ErrNotExist) {
		t.Errorf("no database: %v", done.Targets[0].Err())
	}
	if second, ok := errors.AsType[*op.Problem](done.Targets[1].Err()); !ok || second.Code != op.NoCertutil {
		t.Errorf("no program: %v", done.Targets[1].Err())
	}
}

// TestChange_rights: only root changes whom the whole system trusts, and has to name the database. Other stores belong to users.
func TestChange_rights(t *testing.T) {
	t.Parallel()
	denied := fmt.Errorf("writing: %w", fs.ErrPermission)
	for rule, c := range map[string]struct {
		change Change
		target Target
		err    error
		marked bool
	}{
		"the system":             {Change{}, Target{Kind: System}, denied, true},
		"the system, not rights": {Change{}, Target{Kind: System}, fs.ErrNotExist, false},
		"an image":               {Change{Root: "image"}, Target{Kind: System}, denied, false},
		"a folder":               {Change{}, Target{System, "folder"}, denied, false},
		"NSS":                    {Change{}, Target{Kind: NSS}, denied, false},
	} {
		err := c.change.rights(c.target, "key.ckdb", c.err)
		p, marked := errors.AsType[*op.Problem](err)
		if marked != c.marked || !errors.Is(err, c.err) {
			t.Errorf("%s: %v", rule, err)
		}
		if marked && (p.Code != op.SystemTrust || !filepath.IsAbs(p.Location)) {
			t.Errorf("%s: %+v", rule, p)
		}
	}
}
