package atomicfile

import (
	"os"
	"path/filepath"
	"testing"
)

// TestSet_newContentHasNoName until the journal is written, so that a kill before leaves nothing.
func TestSet_newContentHasNoName(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	unnamed, err := createUnnamed(path)
	if err != nil {
		t.Log("this file system has no files without names:", err)
		return
	}
	unnamed.Close()
	write(t, path, "old")
	set := NewSet(Disk{}, path)
	defer set.Discard()
	if err := set.Put(path, []byte("new")); err != nil {
		t.Fatal(err)
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 1 {
		t.Errorf("before the journal: %v, %v", files, err)
	}
	if err := set.Replace(); err != nil {
		t.Fatal(err)
	}
	if got := state(t, dir); got != "a=new" {
		t.Errorf("the folder holds %s", got)
	}
}
