package op_test

import (
	"errors"
	"io/fs"
	"path/filepath"
	"testing"

	"certkdb/commands/op"
	"certkdb/commands/op/optest"
)

// TestNameFolder: rights that are missing are those of the folder if there is no file yet.
func TestNameFolder(t *testing.T) {
	t.Parallel()
	file := optest.File(t, "there", "")
	folder := filepath.Dir(file)
	for path, want := range map[string]string{
		filepath.Join(folder, "new"): folder, file: "", filepath.Join(file, "below"): "", filepath.Join(folder, "no", "folder"): "",
	} {
		err := op.NameFolder(path, fs.ErrPermission)
		named, ok := errors.AsType[*op.NoFolderRights](err)
		if ok != (want != "") || ok && named.Folder != want || !errors.Is(err, fs.ErrPermission) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if err := op.NameFolder(filepath.Join(folder, "new"), fs.ErrExist); !errors.Is(err, fs.ErrExist) || errors.Is(err, fs.ErrPermission) {
		t.Errorf("another error: %v", err)
	}
}
