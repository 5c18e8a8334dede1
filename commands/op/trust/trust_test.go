package trust

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"certkdb/commands/op"
	"certkdb/commands/op/optest"
	"certkdb/kdb"
)

var ctx = context.Background()

const anchors = "usr/local/share/ca-certificates"

// image makes a folder with the anchors of a Debian system.
func image(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, anchors), 0o755); err != nil {
		t.Fatal(err)
	}
	return root
}

// do changes targets and returns the actions, "kind action label".
func do(t *testing.T, s *op.Session, c Change) string {
	t.Helper()
	done, err := c.Run(ctx, s)
	var text []string
	for _, o := range done.Targets {
		for _, a := range o.Actions {
			text = append(text, fmt.Sprintf("%s %s %s", o.Kind, a.Action, a.Label))
		}
		if o.Error != "" {
			text = append(text, string(o.Kind)+" failed")
		}
	}
	if err := errors.Join(err, done.Incomplete()); err != nil {
		text = append(text, err.Error())
	}
	return strings.Join(text, ", ")
}

func want(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s:\n got %s\nwant %s", what, got, want)
	}
}

func names(t *testing.T, folder string) (names []string) {
	t.Helper()
	files, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		names = append(names, f.Name())
	}
	return names
}

func TestFolder(t *testing.T) {
	t.Parallel()
	root := image(t)
	folder := filepath.Join(root, anchors)
	s := optest.New(t, optest.NewCA(t, "Corp").Trusted("Corp Root/1"), optest.NewCA(t, "Other").Trusted("other"))
	// These are not ours, although they look like it.
	foreign := []string{"other.crt", (&anchor{label: "other"}).prefix() + "0123456789abcdef.crt", "certkdb-x.crt"}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")})
	for _, name := range foreign {
		if err := os.WriteFile(filepath.Join(folder, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	in := Change{Labels: []string{"Corp Root/1"}, Targets: []Target{{Kind: System}}, Root: root}
	want(t, "installed", do(t, s, in), "system installed Corp Root/1")
	want(t, "again", do(t, s, in), "system unchanged Corp Root/1")
	e := optest.Entry(t, s, "Corp Root/1")
	a := anchor{label: e.Label, der: e.Certificates[0]}
	data, err := os.ReadFile(filepath.Join(folder, a.name()+".crt"))
	if block, _ := pem.Decode(data); err != nil || block == nil || string(block.Bytes) != string(a.der) {
		t.Errorf("the file: %s, %v", data, err)
	}
	optest.Put(t, s, optest.NewCA(t, "Corp").Trusted("Corp Root/1"))
	optest.Change(t, s, func(tx kdb.Tx) error { return tx.Mark("Corp Root/1", kdb.Marks{Trusted: new(true)}) })
	want(t, "another certificate", do(t, s, in), "system removed Corp Root/1, system installed Corp Root/1")
	in.Labels, in.All = nil, true
	want(t, "all", do(t, s, in), "system unchanged Corp Root/1, system installed other")
	if n := len(names(t, folder)); n != len(foreign)+2 {
		t.Errorf("%d files", n)
	}
	out := Change{Labels: []string{"Corp Root/1", "other", "none"}, Remove: true, Targets: in.Targets, Root: root}
	optest.Change(t, s, func(tx kdb.Tx) error { return tx.Delete("other") })
	s.DryRun = true
	want(t, "dry run", do(t, s, out), "system removed Corp Root/1, system removed other, system unchanged none")
	s.DryRun = false
	want(t, "removed", do(t, s, out), "system removed Corp Root/1, system removed other, system unchanged none")
	slices.Sort(foreign)
	if got := names(t, folder); !slices.Equal(got, foreign) {
		t.Errorf("left: %q", got)
	}
}

func TestFolder_updates(t *testing.T) {
	t.Parallel()
	s := optest.New(t, optest.NewCA(t, "Corp").Trusted("corp"))
	for _, f := range folders() {
		root := t.TempDir()
		if err := os.MkdirAll(filepath.Join(root, f[0]), 0o755); err != nil {
			t.Fatal(err)
		}
		done, err := Change{All: true, Targets: []Target{{Kind: System}}, Root: root}.Run(ctx, s)
		if err = errors.Join(err, done.Incomplete()); err != nil || !strings.Contains(done.Targets[0].Notes[0], "run "+f[1]+" in") {
			t.Errorf("%s: %v, %v", f[0], done, err)
		}
		if n := len(names(t, filepath.Join(root, f[0]))); n != 1 {
			t.Errorf("%s has %d files", f[0], n)
		}
	}
	// In the system that runs, the program is run.
	var ran []string
	s.Env.Command = func(_ context.Context, _ []byte, argv ...string) ([]byte, error) {
		ran = append(ran, argv...)
		return nil, nil
	}
	f := &folderStore{env: s.Env, path: t.TempDir(), update: "update-it"}
	if _, err := f.change(ctx, []anchor{{"a", []byte("x")}}, nil); err != nil || !slices.Equal(ran, []string{"update-it"}) {
		t.Errorf("ran %q, %v", ran, err)
	}
}

func TestChange_refuses(t *testing.T) {
	t.Parallel()
	root := image(t)
	s := optest.New(t, optest.NewCA(t, "Corp").Trusted("corp"), optest.NewCA(t, "Web").Personal("web"))
	optest.Change(t, s, func(tx kdb.Tx) error { return tx.Mark("corp", kdb.Marks{Trusted: new(false)}) })
	for label, what := range map[string]string{
		"corp": "it is not trusted", "web": "it is not trusted", "none": "no such label", "": "is missing",
	} {
		c := Change{Targets: []Target{{Kind: System}}, Root: root}
		if label != "" {
			c.Labels = []string{label}
		}
		if got := do(t, s, c); !strings.Contains(got, what) {
			t.Errorf("%q: %s", label, got)
		}
	}
	if left := names(t, filepath.Join(root, anchors)); left != nil {
		t.Errorf("files were made: %q", left)
	}
	if _, err := ParseTarget(op.FieldTo, "systems"); !errors.Is(err, op.ErrUsage) {
		t.Error(err)
	}
	if target, err := ParseTarget(op.FieldTo, "NSS:/a:b"); err != nil || target != (Target{NSS, "/a:b"}) {
		t.Errorf("%v, %v", target, err)
	}
}

// TestChange_oneBrokenTarget does not keep the others from being changed.
func TestChange_oneBrokenTarget(t *testing.T) {
	t.Parallel()
	root := image(t)
	s := optest.New(t, optest.NewCA(t, "Corp").Trusted("corp"))
	c := Change{All: true, Targets: []Target{{Java, "/none"}, {Kind: Java}, {NSS, "/none"}, {Kind: System}}, Root: root}
	if got := do(t, s, c); !strings.HasPrefix(got, "java failed, java failed, nss failed, system installed corp, java trust store: ") {
		t.Error(got)
	}
}

func TestJava(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"cacerts.jks", "cacerts.p12"} {
		mine := optest.NewCA(t, "Mine")
		path := optest.Store(t, name, mine.Trusted("mine"))
		s := optest.New(t, optest.NewCA(t, "Corp").Trusted("Corp"))
		c := Change{All: true, Targets: []Target{{Java, path}}, Password: optest.Secrets()}
		want(t, name, do(t, s, c), "java installed Corp")
		want(t, name, do(t, s, c), "java unchanged Corp")
		c.Remove = true
		want(t, name, do(t, s, c), "java removed Corp")
		want(t, name, do(t, s, c), "java unchanged Corp")
		c.Password = op.Password{}
		if got := do(t, s, c); !strings.Contains(got, "wrong password") {
			t.Errorf("%s: changeit: %s", name, got)
		}
	}
}

// TestWithin: links of an image lead to places in the image.
func TestWithin(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for link, target := range map[string]string{"absolute": "/etc/pki", "up": "../../../../etc", "loop": "loop", "chain": "absolute/x"} {
		if err := os.Symlink(target, filepath.Join(root, link)); err != nil {
			t.Skip(err)
		}
	}
	for path, want := range map[string]string{
		"/a/b": "a/b", "/absolute/x": "etc/pki/x", "/up/x": "etc/x", "/../../x": "x", "/chain": "etc/pki/x",
	} {
		if got, err := within(root, path); err != nil || got != filepath.Join(root, want) {
			t.Errorf("%s: %s, %v", path, got, err)
		}
	}
	if got, err := within(root, "/loop/x"); err == nil {
		t.Errorf("a loop leads to %s", got)
	}
}

// TestFolder_linkOutOfTheRoot: nothing is written through a link in place of the file.
func TestFolder_linkOutOfTheRoot(t *testing.T) {
	t.Parallel()
	root, outside := image(t), filepath.Join(t.TempDir(), "victim")
	corp := optest.NewCA(t, "Corp").Trusted("corp")
	s := optest.New(t, corp)
	a := anchor{"corp", corp.Certificates[0]}
	if err := os.Symlink(outside, filepath.Join(root, anchors, a.name()+".crt")); err != nil {
		t.Skip(err)
	}
	done, err := Change{All: true, Targets: []Target{{Kind: System}}, Root: root}.Run(ctx, s)
	if err != nil || done.Incomplete() == nil {
		t.Errorf("%v, %v", done, err)
	}
	if _, err := os.Lstat(outside); err == nil {
		t.Error("the target of the link was written")
	}
}

// TestFolder_updateFails: the next attempt installs again, and runs the program again.
func TestFolder_updateFails(t *testing.T) {
	t.Parallel()
	s := optest.New(t)
	s.Env.Command = func(context.Context, []byte, ...string) ([]byte, error) { return nil, errors.New("it failed") }
	f := &folderStore{env: s.Env, path: t.TempDir(), update: "update-it"}
	if _, err := f.change(ctx, []anchor{{"a", []byte("x")}}, nil); err == nil || len(names(t, f.path)) != 0 {
		t.Errorf("%v, and there are %q", err, names(t, f.path))
	}
}

// TestTools: the command lines of macOS and Windows.
func TestTools(t *testing.T) {
	t.Parallel()
	ca := optest.NewCA(t, "Corp")
	for system, lines := range map[string][]string{
		"darwin": {
			"sh -c security find-certificate -a -Z " + keychain + " | grep -q ",
			"security add-trusted-cert -d -r trustRoot -k " + keychain + " FILE",
			"security remove-trusted-cert -d FILE", "security delete-certificate -Z ",
		},
		"windows": {"certutil -store Root ", "certutil -f -addstore Root FILE", "certutil -delstore Root "},
	} {
		there := false
		var ran []string
		env := optest.Env()
		env.Command = func(_ context.Context, _ []byte, argv ...string) ([]byte, error) {
			line := strings.Join(argv, " ")
			ran = append(ran, line)
			if strings.HasPrefix(line, lines[0]) && !there {
				return nil, &op.CommandError{Program: argv[0], Status: 1}
			}
			return nil, nil
		}
		st := &commandStore{env: env, tool: toolOf(system)}
		all := []anchor{{"corp", ca.Certificate}, {label: "unknown"}}
		found, err := st.list(ctx, all)
		_, err2 := st.change(ctx, all[:1], nil)
		there = true
		again, err3 := st.list(ctx, all)
		_, err4 := st.change(ctx, nil, again)
		if err := errors.Join(err, err2, err3, err4); err != nil || len(found) != 0 || len(again) != 1 {
			t.Errorf("%s: %q, %q, %v", system, found, again, err)
		}
		ran = slices.Delete(ran, 2, 3) // asked twice
		for i, line := range lines {
			before, after, hasFile := strings.Cut(line, "FILE")
			if i >= len(ran) || !strings.HasPrefix(ran[i], before) || hasFile && after == "" && !strings.HasSuffix(ran[i], ".crt") {
				t.Errorf("%s: ran %q, want %q", system, ran, line)
			}
		}
	}
}

// nss stands for certutil: a list of names with certificates.
type nss map[string][]byte

func (n nss) run(_ context.Context, _ []byte, argv ...string) ([]byte, error) {
	name := ""
	if i := slices.Index(argv, "-n"); i > 0 {
		name = argv[i+1]
	}
	switch argv[1] {
	case "-A":
		text, err := os.ReadFile(argv[slices.Index(argv, "-i")+1])
		if err != nil {
			return nil, err
		}
		block, _ := pem.Decode(text)
		n[name] = block.Bytes
	case "-D":
		delete(n, name)
	case "-L":
		if name != "" {
			return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: n[name]}), nil
		}
		text := "\nCertificate Nickname      Trust Attributes\n            SSL,S/MIME,JAR/XPI\n\n"
		for name := range n {
			text += name + "     C,,  \n"
		}
		return []byte(text), nil
	}
	return nil, nil
}

func TestNSS(t *testing.T) {
	t.Parallel()
	corp, other := optest.NewCA(t, "Corp"), optest.NewCA(t, "Other")
	s := optest.New(t, corp.Trusted("corp"), other.Trusted("other"))
	db := nss{"Some Name": other.Certificate}
	s.Env.Command = db.run
	c := Change{Labels: []string{"corp"}, Targets: []Target{{NSS, "sql:" + t.TempDir()}}}
	want(t, "installed", do(t, s, c), "nss installed corp")
	want(t, "again", do(t, s, c), "nss unchanged corp")
	c.Labels = []string{"other"}
	want(t, "under another name", do(t, s, c),
		`nss failed, nss trust store: it has the certificate of label "other" already, under the name "Some Name"`)
	c.Remove, c.Labels = true, []string{"corp", "other"}
	want(t, "removed", do(t, s, c), "nss removed corp, nss unchanged other")
	if len(db) != 1 || db["Some Name"] == nil {
		t.Errorf("left: %d", len(db))
	}
}

// TestChange_passwordIsReadOnce: from standard input it cannot be read again, and nobody types it for each call of a tool.
func TestChange_passwordIsReadOnce(t *testing.T) {
	t.Parallel()
	s := optest.New(t, optest.NewCA(t, "Corp").Trusted("corp"))
	s.Env.Stdin = strings.NewReader(optest.Password + "\n")
	var passwords []string
	tool := nss{}
	s.Env.Command = func(ctx context.Context, stdin []byte, argv ...string) ([]byte, error) {
		password, err := stdin, error(nil)
		if file := argv[slices.Index(argv, "-f")+1]; runtime.GOOS == "windows" {
			password, err = os.ReadFile(file)
		} else if file != "/dev/stdin" {
			t.Errorf("the password is in %q, which a kill would leave behind", file)
		}
		if err != nil {
			return nil, err
		}
		passwords = append(passwords, string(password))
		return tool.run(ctx, stdin, argv...)
	}
	java := optest.Store(t, "cacerts.jks", optest.NewCA(t, "Mine").Trusted("mine"))
	c := Change{All: true, Targets: []Target{{NSS, t.TempDir()}, {Java, java}}, Password: op.Password{Source: op.FromStdin()}}
	want(t, "installed", do(t, s, c), "nss installed corp, java installed corp")
	want(t, "the passwords", strings.Join(passwords, " "), optest.Password+" "+optest.Password)
}
