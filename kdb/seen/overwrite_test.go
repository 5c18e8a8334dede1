package seen

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// TestOverwrite_notThroughALink: somebody put a link in the place of the file after it was looked at. What the link names stays as it is.
func TestOverwrite_notThroughALink(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	target, path := filepath.Join(folder, "target"), filepath.Join(folder, fileName)
	if err := os.WriteFile(target, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, path); err != nil {
		t.Skip(err) // Windows asks for a privilege
	}
	if err := overwrite(path, 0, "line"); !errors.Is(err, ErrUnreadable) {
		t.Errorf("overwrite: %v", err)
	}
	if got, err := os.ReadFile(target); err != nil || string(got) != "precious" {
		t.Errorf("the target is %q, %v", got, err)
	}
}
