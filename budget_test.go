package main

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

// What a reader can take in at once.
const (
	maxColumns       = 140
	maxFileLines     = 500
	maxFunctionLines = 80
)

func TestBudget_sourceFitsAReader(t *testing.T) {
	t.Parallel()
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && (d.Name() == "testdata" || d.Name() != "." && strings.HasPrefix(d.Name(), ".")) {
			return filepath.SkipDir
		}
		if err == nil && filepath.Ext(path) == ".go" {
			checkBudget(t, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func checkBudget(t *testing.T, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(text, []byte("\n")); n > maxFileLines {
		t.Errorf("%s: %d lines, more than %d", path, n, maxFileLines)
	}
	number := 0
	for line := range bytes.Lines(text) {
		number++
		if n := utf8.RuneCount(bytes.TrimRight(line, "\n")); n > maxColumns {
			t.Errorf("%s:%d: %d columns, more than %d", path, number, n, maxColumns)
		}
	}
	if strings.HasSuffix(path, "_test.go") {
		return // most of a long test is its table
	}
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, path, text, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(node ast.Node) bool {
		f, ok := node.(*ast.FuncDecl)
		if !ok || f.Body == nil {
			return true
		}
		if n := files.Position(f.Body.End()).Line - files.Position(f.Pos()).Line + 1; n > maxFunctionLines {
			t.Errorf("%s: %s has %d lines, more than %d", files.Position(f.Pos()), f.Name.Name, n, maxFunctionLines)
		}
		return false
	})
}
