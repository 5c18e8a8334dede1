package main

import (
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// The tour of the README runs word for word, with the program in the PATH.
func TestREADME_tourRuns(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/etc/ssl/certs/ca-certificates.crt"); err != nil {
		t.Skip("the tour begins with the system's root certificates, and there are none")
	}
	runReadme(t, t.TempDir(), "## Tour", 10)
}

// The first job of the README can be repeated, and then changes nothing.
func TestREADME_firstJobRunsTwice(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	runReadme(t, folder, "## First job", 4)
	first := contents(t, folder)
	if len(first) < 4 { // keys and certificates of two servers
		t.Errorf("it wrote only %v", slices.Collect(maps.Keys(first)))
	}
	runReadme(t, folder, "## First job", 4)
	for path, content := range contents(t, folder) {
		if first[path] != content {
			t.Errorf("the second run changed %s", path)
		}
	}
}

// scripts/build says what is missing: Go, before it makes a folder, and the folder in PATH. A program that does nothing stands for Go.
func TestBuild_saysWhatIsMissing(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("the script is for sh")
	}
	tools, folder := t.TempDir(), filepath.Join(t.TempDir(), "bin")
	link := func(name, program string) {
		path, err := exec.LookPath(program)
		if err == nil {
			err = os.Symlink(path, filepath.Join(tools, name))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	build := func(path string) string {
		cmd := exec.Command("/bin/sh", "scripts/build", folder)
		cmd.Env = []string{"PATH=" + path}
		out, _ := cmd.CombinedOutput()
		return string(out)
	}
	link("dirname", "dirname")
	link("mkdir", "mkdir")
	if said := build(tools); !strings.HasPrefix(said, "build: Go is missing: install Go 1.21 or newer") {
		t.Errorf("without Go it says %q", said)
	}
	if _, err := os.Stat(folder); err == nil {
		t.Error("without Go it makes a folder")
	}
	link("go", "true")
	if said := build(tools); !strings.Contains(said, "bin is not in PATH; for this shell: export PATH=") {
		t.Errorf("into a folder that is not in PATH it says %q", said)
	}
	if said := build(tools + ":" + folder); !strings.HasPrefix(said, "built ") || strings.Contains(said, "PATH") {
		t.Errorf("into a folder in PATH it says %q", said)
	}
}

// runReadme runs the commands of a section in a folder; there are at least so many.
func runReadme(t *testing.T, folder, heading string, atLeast int) {
	t.Helper()
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	script := shellBlocks(section(string(text), heading))
	if strings.Count(script, "certkdb ") < atLeast {
		t.Fatalf("README %s has only these commands:\n%s", heading, script)
	}
	cmd := exec.Command("sh", "-eux", "-c", script)
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "HOME="+folder, "TMPDIR="+folder, "XDG_DATA_HOME=", "CERTKDB_DB="+filepath.Join(folder, "key.ckdb"),
		"CERTKDB_PASSWORD_FILE=", "PASSWORDDIR=", "DSM_DIR=")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("README %s fails: %v\n%s", heading, err, out)
	}
}

// contents are the files below a folder.
func contents(t *testing.T, folder string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		files[path] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// section is the part of a Markdown text under a heading.
func section(text, heading string) string {
	_, text, _ = strings.Cut(text, "\n"+heading+"\n")
	level, _, _ := strings.Cut(heading, " ")
	text, _, _ = strings.Cut(text, "\n"+level+" ")
	return text
}

// shellBlocks are the blocks of code of a Markdown text that are marked as sh, one after the other.
func shellBlocks(text string) string {
	var blocks strings.Builder
	for {
		_, rest, found := strings.Cut(text, "\n```sh\n")
		if !found {
			return blocks.String()
		}
		block, rest, _ := strings.Cut(rest, "\n```")
		blocks.WriteString(block + "\n")
		text = rest
	}
}
