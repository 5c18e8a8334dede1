package kdb_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"certkdb/kdb"
)

// TestOpen_remains: a file that no driver recognises is what is left of a database if a driver finds pages of one in it. A file of a format
// that is known by its content is never taken for that, and neither is one that a driver opens.
func TestOpen_remains(t *testing.T) {
	t.Parallel()
	list := drivers()
	list[0].Remains = func(r io.ReaderAt, size int64) bool {
		page := make([]byte, 4)
		_, err := r.ReadAt(page, size-4)
		return err == nil && string(page) == "page"
	}
	for name, c := range map[string]struct {
		content string
		want    error // nil if it is opened
	}{
		"the head is lost":         {"\x00\x00\x00\x00 and then a page", kdb.ErrRemains},
		"something before a page":  {"something with a page", kdb.ErrRemains},
		"nothing of a database":    {"something else at all", kdb.ErrVersion},
		"a database with its head": {"NATIVE and a page", nil},
	} {
		path := filepath.Join(t.TempDir(), "x.ckdb")
		if err := os.WriteFile(path, []byte(c.content), 0o600); err != nil {
			t.Fatal(err)
		}
		driver, err := kdb.Recognise(list, path)
		if !errors.Is(err, c.want) || (driver != nil) != (c.want == nil) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		var open *kdb.OpenError
		if c.want != nil && (!errors.As(err, &open) || open.Location != path) {
			t.Errorf("%s: %v does not name the file", name, err)
		}
	}
}
