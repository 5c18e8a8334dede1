package atomicfile

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"certkdb/kdb/internal/lockfile"
)

// TestNames_ofTheDocument holds the names in FORMAT.md, "Where": another process, or another version, looks for these.
func TestNames_ofTheDocument(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "key.kdb")
	hash := fmt.Sprintf("%x", sha256.Sum256([]byte(path)))[:24]
	for got, want := range map[string]string{
		journalPath(path):                   filepath.Join(dir, ".key.kdb.certkdb-journal"),
		awayPrefix(dir, path) + journalName: filepath.Join(dir, fmt.Sprintf("certkdb-%d-%s-journal", os.Geteuid(), hash)),
		awayPrefix(dir, path) + suffix(0):   filepath.Join(dir, fmt.Sprintf("certkdb-%d-%s-new", os.Geteuid(), hash)),
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	for end, want := range map[string]bool{
		"new": true, "GEZDGNBVGY3TQOJQ": true, "GEZDGNBVGY3TQOJ": false, "GEZDGNBVGY3TQOJQA": false, "GEZDGNBVGY3TQOJ1": false, "": false,
	} {
		if isSuffix(end) != want {
			t.Errorf("a name that ends with %q: %v", end, !want)
		}
	}
}

// TestJournal_sixteenActions is what a journal may have, and no more.
func TestJournal_sixteenActions(t *testing.T) {
	t.Parallel()
	var all []string
	for i := range 17 {
		all = append(all, fmt.Sprintf("/keys/%02d", i))
	}
	j := &journal{kind: "replace", at: journalPath(all[0]), main: all[0]}
	for _, path := range all {
		j.actions = append(j.actions, action{verb: "remove", path: path, old: digest("old"), next: absent})
	}
	if _, err := decodeJournal(j.encode(), j.at, all); !errors.Is(err, ErrJournal) {
		t.Errorf("17 actions: %v, want ErrJournal", err)
	}
	j.actions = j.actions[:16]
	if got, err := decodeJournal(j.encode(), j.at, all); err != nil || len(got.actions) != 16 {
		t.Errorf("16 actions: %v", err)
	}
}

// TestRecover_ofALivingProcess: the journal is locked as long as its process works on the files.
func TestRecover_ofALivingProcess(t *testing.T) {
	t.Parallel()
	dir, j := pending(t)
	before := state(t, dir)
	f, err := os.OpenFile(j.at, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := lockfile.TryFile(f); err != nil {
		t.Fatal(err)
	}
	if err := Recover(Disk{}, filepath.Join(dir, "a"), filepath.Join(dir, "b")); !errors.Is(err, ErrBusy) {
		t.Errorf("Recover = %v, want ErrBusy", err)
	}
	lockfile.Close(f)
	if got := state(t, dir); got != before {
		t.Errorf("the folder holds %s, want %s", got, before)
	}
}

// TestRecover_creation: without the main file the others go, but not one that has other content by now.
func TestRecover_creation(t *testing.T) {
	t.Parallel()
	for content, want := range map[string]string{"new b": "", "mine": "b=mine"} {
		dir, j := pending(t)
		j.kind = "create"
		for i := range j.actions {
			j.actions[i].old = absent
		}
		write(t, j.at, string(j.encode()))
		write(t, j.actions[1].path, content)
		if err := os.Remove(j.main); err != nil {
			t.Fatal(err)
		}
		if err := Recover(Disk{}, j.main, j.actions[1].path); err != nil {
			t.Error(err)
		}
		if got := strings.TrimSpace(state(t, dir)); got != want {
			t.Errorf("with %q in it: the folder holds %q, want %q", content, got, want)
		}
	}
}
