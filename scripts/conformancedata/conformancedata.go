// Package conformancedata finds and reads other projects' test data, which is not part of the repository: a folder with a MANIFEST.tsv,
// whose
// README describes its columns. The tests of the packages use it, and scripts/conformance.
//
//	for _, file := range conformancedata.Files(t, "jks", "jceks") {
//		… file.Path, file.Expected, file.Data
//	}
package conformancedata

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Row is a line of MANIFEST.tsv.
type Row struct {
	Path, Kind, Expected, Tier, Note string
	// Password is nil where none is needed or known.
	Password *string
	Keys     []string // passwords of single keys
}

// PasswordOr returns the password, or other if the case has no password.
func (r *Row) PasswordOr(other string) string {
	if r.Password == nil {
		return other
	}
	return *r.Password
}

// KeyPasswords returns Keys as bytes.
func (r *Row) KeyPasswords() [][]byte {
	var keys [][]byte
	for _, k := range r.Keys {
		keys = append(keys, []byte(k))
	}
	return keys
}

// Manifest reads the folder's MANIFEST.tsv: columns by the names in its first row, passwords as JSON strings. The error wraps
// fs.ErrNotExist if
// there is none.
func Manifest(folder string) ([]Row, error) {
	data, err := os.ReadFile(filepath.Join(folder, "MANIFEST.tsv"))
	if err != nil {
		return nil, err
	}
	lines := strings.Split(strings.ReplaceAll(string(data), "\r\n", "\n"), "\n")
	head := strings.Split(lines[0], "\t")
	var rows []Row
	for n, line := range lines[1:] {
		if line == "" {
			continue
		}
		cells := strings.Split(line, "\t")
		cell := func(name string) string {
			if i := slices.Index(head, name); i >= 0 && i < len(cells) {
				return cells[i]
			}
			return ""
		}
		r := Row{Path: cell("path"), Kind: cell("kind"), Expected: cell("expected"), Tier: cell("tier"), Note: cell("note")}
		if err := r.passwords(cell("password"), cell("key_password")); err != nil {
			return nil, fmt.Errorf("MANIFEST.tsv, line %d: %w", n+2, err)
		}
		rows = append(rows, r)
	}
	return rows, nil
}

// passwords reads the two cells: a JSON string, or "-"; key passwords may be several, separated by " | " within or between strings.
func (r *Row) passwords(password, keys string) error {
	if password != "-" && password != "" {
		r.Password = new(string)
		if err := json.Unmarshal([]byte(password), r.Password); err != nil {
			return fmt.Errorf("password %s: %w", password, err)
		}
	}
	if keys == "-" || keys == "" {
		return nil
	}
	for _, one := range strings.Split(keys, " | ") {
		one = strings.Trim(one, `"`)
		var text string
		if err := json.Unmarshal([]byte(`"`+one+`"`), &text); err != nil {
			return fmt.Errorf("key_password %s: %w", keys, err)
		}
		r.Keys = append(r.Keys, text)
	}
	return nil
}

// Folder finds the data: $CERTKDB_CONFORMANCE, else shared/conformance/public next to a parent folder of the working one. It
// skips the test where there is none.
func Folder(t testing.TB) string {
	t.Helper()
	if folder := os.Getenv("CERTKDB_CONFORMANCE"); folder != "" {
		return folder
	}
	folder, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; folder != filepath.Dir(folder); folder = filepath.Dir(folder) {
		found := filepath.Join(folder, "shared", "conformance", "public")
		if _, err := os.Stat(filepath.Join(found, "MANIFEST.tsv")); err == nil {
			return found
		}
	}
	t.Skip("no conformance data: set CERTKDB_CONFORMANCE")
	return ""
}

// Path is where a file of the data is.
func Path(t testing.TB, file string) string {
	t.Helper()
	return filepath.Join(Folder(t), filepath.FromSlash(file))
}

// Read reads a file of the data.
func Read(t testing.TB, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(Path(t, file))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// ReadJSON reads a file of the data into v.
func ReadJSON(t testing.TB, file string, v any) {
	t.Helper()
	if err := json.Unmarshal(Read(t, file), v); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

// File is a row with the bytes of its file.
type File struct {
	Row
	Data []byte
}

// Files returns the files of some kinds, of which there must be some.
func Files(t testing.TB, kinds ...string) []File {
	t.Helper()
	return FilesWhere(t, func(r *Row) bool { return slices.Contains(kinds, r.Kind) })
}

// FilesWhere returns the files that are wanted, of which there must be some.
func FilesWhere(t testing.TB, wanted func(*Row) bool) []File {
	t.Helper()
	rows, err := Manifest(Folder(t))
	if err != nil {
		t.Fatal(err)
	}
	var files []File
	for i := range rows {
		if wanted(&rows[i]) {
			files = append(files, File{rows[i], Read(t, rows[i].Path)})
		}
	}
	if len(files) == 0 {
		t.Fatal("the manifest has no file of these kinds")
	}
	return files
}

// Shared reads a file of the folder shared next to a parent folder of the working one; it skips the test where there is none.
func Shared(t testing.TB, file string) []byte {
	t.Helper()
	folder, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; folder != filepath.Dir(folder); folder = filepath.Dir(folder) {
		if data, err := os.ReadFile(filepath.Join(folder, "shared", filepath.FromSlash(file))); err == nil {
			return data
		}
	}
	t.Skipf("no shared/%s", file)
	return nil
}
