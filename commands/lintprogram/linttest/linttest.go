// Package linttest builds certkdb-lint for tests.
package linttest

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"certkdb/commands/lintprogram"
	"certkdb/pki/lint"
)

// Build returns the folder with the program. It is built once for all tests of a package; remove it with [Remove].
var Build = sync.OnceValues(build)

func build() (string, error) {
	folder, err := os.MkdirTemp("", "certkdb-lint-")
	if err != nil {
		return "", err
	}
	built = folder
	module, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "certkdb").Output()
	if err != nil {
		return "", err
	}
	program := filepath.Join(folder, "certkdb-lint")
	if runtime.GOOS == "windows" {
		program += ".exe"
	}
	cmd := exec.Command("go", "build", "-o", program, ".")
	cmd.Dir = filepath.Join(strings.TrimSpace(string(module)), "pki", "lint", "certkdb-lint")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-trimpath")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", &exec.Error{Name: string(out), Err: err}
	}
	return folder, nil
}

// built is the folder that Build made.
var built string

// Remove removes what Build made; TestMain calls it at the end.
func Remove() error { return os.RemoveAll(built) }

// Program returns the linter for a test.
func Program(t testing.TB) lint.Program {
	t.Helper()
	folder, err := Build()
	if err != nil {
		t.Fatalf("building certkdb-lint: %v", err)
	}
	program := &lintprogram.Program{Path: filepath.Join(folder, "certkdb-lint")}
	return func(request []byte) ([]byte, error) { return program.Ask(t.Context(), request) }
}
