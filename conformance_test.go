package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"certkdb/scripts/conformancedata"
)

// buildTool compiles a package of this module as people run it, without the race detector.
func buildTool(t *testing.T, pkg, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if runtime.GOOS == "windows" {
		path += ".exe"
	}
	out, err := exec.Command("go", "build", "-o", path, pkg).CombinedOutput()
	if err != nil {
		t.Fatalf("go build %s: %v\n%s", pkg, err, out)
	}
	return path
}

// TestConformance runs scripts/conformance's runner; it fails on disagreements that testdata/conformance-known.tsv does not explain.
func TestConformance(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("thousands of runs of the program")
	}
	folder := conformancedata.Folder(t)
	program, runner := buildTool(t, ".", "certkdb"), buildTool(t, "./scripts/conformance-run", "conformance-run")
	out, err := exec.Command(runner, "-program", program, "-known", filepath.Join("testdata", "conformance-known.tsv"), folder).
		CombinedOutput()
	t.Logf("%s", out)
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		t.Errorf("the program disagrees with others:\n%s", grep(string(out), "DISAGREES"))
	} else if err != nil {
		t.Fatal(err)
	}
}

// TestConformance_runnerSeesFaults makes sure that the runner would notice: a program that takes everything, one that refuses everything
// and one that panics.
func TestConformance_runnerSeesFaults(t *testing.T) {
	t.Parallel()
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no shell")
	}
	runner := buildTool(t, "./scripts/conformance-run", "conformance-run")
	for name, c := range map[string]struct{ script, want string }{
		"takes all":   {`echo '{"schema":"certkdb.show-file/v1","format":"der","items":[]}'`, "bad.der: it was not refused"},
		"refuses all": {`echo "certkdb: error: no" >&2; exit 7`, "good.p12: exit code 7"},
		"loses items": {`echo '{"schema":"certkdb.show-file/v1","format":"pkcs12","items":[]}'`, "good.p12: missing"},
		"no password": {
			`echo '{"schema":"certkdb.show-file/v1","format":"pkcs12","items":[]}'; test $# -gt 6 && echo; exit 0`,
			"good.p12: a wrong password is taken",
		},
		"panics": {"printf 'panic: x\\n\\ngoroutine 1 [running]:\\n' >&2; exit 2", "any.bin: it panicked: panic: x"},
		"hangs":  {"exec sleep 60", "any.bin: it ran longer than"},
		"writes input": {
			`for f; do case $f in */any.bin) echo x >>"$f";; esac; done; echo no >&2; exit 7`,
			"any.bin: reading changed it",
		},
		"says nothing":           {"exit 7", "any.bin: exit code 7 without a message"},
		"a suite that disagrees": {"exit 7", "chains/suite.json a: it says FAILURE, not SUCCESS"},
		"misuse":                 {"echo 'certkdb: error: wrong usage: x' >&2; exit 2", "bad.der: it did not understand the call"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			write := func(name, text string) string {
				path := filepath.Join(folder, filepath.FromSlash(name))
				if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o700)); err != nil {
					t.Fatal(err)
				}
				return path
			}
			write("data/MANIFEST.tsv", "path\tkind\tpassword\tkey_password\texpected\ttier\nbad.der\tcert\t-\t-\trefuse\t\n"+
				"good.p12\tpkcs12\t\"pw\"\t-\tparse\tcore\nany.bin\tfuzz-pem\t-\t-\tno-crash\t\n")
			write("data/expected/contents.json", `{"good.p12":[{"type":"cert","friendlyName":"x","sha256":"00"}]}`)
			for _, file := range []string{"bad.der", "good.p12", "any.bin"} {
				write("data/"+file, "x")
			}
			if strings.Contains(c.want, "chains/") {
				write(
					"data/chains/suite.json",
					`{"version":1,"testcases":[{"id":"a","expected_result":"SUCCESS"}]}`,
				) // which the manifest does not name
			}
			program := write("program", "#!"+sh+"\n"+c.script+"\n")
			out, err := exec.Command(runner, "-timeout", "1s", "-program", program, "-known", filepath.Join(folder, "none"), filepath.Join(folder,
				"data")).
				CombinedOutput()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != 1 {
				t.Errorf("the runner ends with %v, want exit code 1", err)
			}
			if !strings.Contains(string(out), c.want) {
				t.Errorf("the runner does not say %q:\n%s", c.want, out)
			}
		})
	}
}

func grep(text, word string) string {
	var found []string
	for line := range strings.Lines(text) {
		if strings.Contains(line, word) {
			found = append(found, line)
		}
	}
	return strings.Join(found, "")
}
