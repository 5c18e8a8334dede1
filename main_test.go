package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"certkdb/commands/gskcapi"
	"certkdb/commands/lintprogram/linttest"
	"certkdb/commands/op/optest"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain makes the test binary be the program when a script calls it by one of its names.
func TestMain(m *testing.M) {
	program := checkedProgram
	programs := map[string]func(){"certkdb": program, "dsmcert": program}
	for _, name := range slices.Concat(gskcapi.NativeNames, gskcapi.JavaNames) {
		programs[name] = program
	}
	testscript.Main(withLinter{m}, programs)
}

// withLinter removes certkdb-lint, which the tests that need it build, after the last test.
type withLinter struct{ *testing.M }

func (m withLinter) Run() int {
	code := optest.Main(m.M)
	if err := linttest.Remove(); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	return code
}

func TestScript(t *testing.T) {
	t.Parallel()
	root, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       os.Getenv("UPDATE_SCRIPTS") != "",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Condition:           condition,
		Setup:               func(env *testscript.Env) error { return setup(env, root) },
		Cmds:                scriptCmds(),
	})
}

// condition knows [root]: the test runs as the system's administrator, whom no file mode keeps out.
func condition(name string) (bool, error) {
	if name != "root" {
		return false, fmt.Errorf("unknown condition %q", name)
	}
	return os.Geteuid() == 0, nil
}

// scriptCmds are the commands that scripts have besides testscript's own.
func scriptCmds() map[string]func(*testscript.TestScript, bool, []string) {
	cmds := map[string]func(*testscript.TestScript, bool, []string){
		"status": cmdStatus, "perm": cmdPerm, "flip": cmdFlip, "sameset": cmdSameCertificates, "untouched": cmdUntouched, "remember": cmdRemember,
		"linter": cmdLinter, "records": cmdRecords,
	}
	maps.Copy(cmds, serverCmds())
	maps.Copy(cmds, connectCmds())
	maps.Copy(cmds, issuingCmds())
	return cmds
}

// setup gives each script a home of its own, away from the user's databases and settings.
func setup(env *testscript.Env, root string) error {
	env.Setenv("HOME", env.WorkDir)
	env.Setenv("XDG_DATA_HOME", filepath.Join(env.WorkDir, "data"))
	env.Setenv("XDG_STATE_HOME", filepath.Join(env.WorkDir, "state"))
	env.Setenv("CERTKDB_DB", filepath.Join(env.WorkDir, "key.ckdb"))
	env.Setenv("CERTKDB_PASSWORD_FILE", "")
	env.Setenv("TESTDATA", filepath.Join(root, "testdata"))
	env.Setenv("TZ", "UTC")
	return closePasswords(env.WorkDir)
}

// closePasswords keeps other users away from a script's password files, which testscript makes readable, so that nothing warns of them.
func closePasswords(folder string) error {
	files, err := filepath.Glob(filepath.Join(folder, "*pw"))
	for _, file := range files {
		err = errors.Join(err, os.Chmod(file, 0o600))
	}
	return err
}

// cmdStatus runs a program and wants an exact exit code: status 3 certkdb show x. The output is in stdout and stderr as after exec.
func cmdStatus(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N program args…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("running %s: %v", args[1], err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("%s: exit code %d, want %d", strings.Join(args[1:], " "), got, want)
	}
}

// cmdLinter builds certkdb-lint, once for all scripts, and puts it in PATH: linter.
func cmdLinter(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: linter")
	}
	folder, err := linttest.Build()
	ts.Check(err)
	ts.Setenv("PATH", folder+string(filepath.ListSeparator)+ts.Getenv("PATH"))
}

// cmdPerm wants a file to have exactly these permissions: perm 0600 key.pem.
func cmdPerm(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: perm MODE file")
	}
	info, err := os.Stat(ts.MkAbs(args[1]))
	ts.Check(err)
	want, err := strconv.ParseUint(args[0], 8, 32)
	ts.Check(err)
	if got := info.Mode().Perm(); got != os.FileMode(want) {
		ts.Fatalf("%s has mode %o, want %o", args[1], got, want)
	}
}

// cmdFlip changes one bit of a file: flip file offset.
func cmdFlip(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: flip file offset")
	}
	path := ts.MkAbs(args[0])
	data, err := os.ReadFile(path)
	ts.Check(err)
	offset, err := strconv.Atoi(args[1])
	ts.Check(err)
	if offset < 0 {
		offset += len(data)
	}
	data[offset] ^= 1
	ts.Check(os.WriteFile(path, data, 0o600))
}
