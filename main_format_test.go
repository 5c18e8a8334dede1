package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestFormat_namedTestsExist: a document that says which test proves a sentence names a test, or a script, that is there.
func TestFormat_namedTestsExist(t *testing.T) {
	t.Parallel()
	var source strings.Builder
	documents := map[string]string{}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		name := d.Name()
		if err != nil || d.IsDir() || !strings.HasSuffix(name, "_test.go") && !strings.HasSuffix(name, ".md") {
			return err
		}
		text, err := os.ReadFile(path)
		if strings.HasSuffix(name, ".md") {
			documents[path] = string(text)
		} else {
			source.Write(text)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`((?:Test|Fuzz)[A-Z]\\w*|\\w+\\.txtar)`")
	found := 0
	for path, text := range documents {
		for _, m := range named.FindAllStringSubmatch(text, -1) {
			found++
			there := strings.Contains(source.String(), "\nfunc "+m[1]+"(")
			if strings.HasSuffix(m[1], ".txtar") {
				_, err := os.Stat(filepath.Join("testdata", "script", m[1]))
				there = err == nil
			}
			if !there {
				t.Errorf("%s names %s, which does not exist", path, m[1])
			}
		}
	}
	if found < 20 {
		t.Errorf("only %d tests are named", found)
	}
}
