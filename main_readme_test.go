package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The tour of the README runs word for word, in a new folder, with the program in the PATH.
func TestREADME_tourRuns(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	script := shellBlocks(section(string(text), "## Tour"))
	if strings.Count(script, "certkdb ") < 10 {
		t.Fatalf("the README has no tour worth the name:\n%s", script)
	}
	if _, err := os.Stat("/etc/ssl/certs/ca-certificates.crt"); err != nil {
		t.Skip("the tour begins with the system's root certificates, and there are none")
	}
	folder := t.TempDir()
	cmd := exec.Command("sh", "-eux", "-c", script)
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "HOME="+folder, "XDG_DATA_HOME=", "CERTKDB_DB="+filepath.Join(folder, "key.ckdb"),
		"CERTKDB_PASSWORD_FILE=", "PASSWORDDIR=", "DSM_DIR=")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("the tour fails: %v\n%s", err, out)
	}
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
