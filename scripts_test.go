package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestScripts_racesLeaveOutTestsThatExist: where a pattern in scripts/test matches no test any more, one was renamed, and is slow again.
func TestScripts_racesLeaveOutTestsThatExist(t *testing.T) {
	t.Parallel()
	script, err := os.ReadFile("scripts/test")
	if err != nil {
		t.Fatal(err)
	}
	var patterns []string
	for _, m := range regexp.MustCompile(`(?m)^\tlong=['"](?:\$long\|)?(.*)['"]$`).FindAllSubmatch(script, -1) {
		// An alternative in parentheses belongs to the pattern around it.
		patterns = append(patterns, regexp.MustCompile(`(?:[^|(]|\([^)]*\))+`).FindAllString(string(m[1]), -1)...)
	}
	if len(patterns) < 10 {
		t.Fatalf("patterns: %q", patterns)
	}
	var tests []string
	for _, folder := range []string{"commands", "kdb", "pki"} {
		err := filepath.WalkDir(folder, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			tests = append(tests, regexp.MustCompile(`(?m)^func Test\w+`).FindAllString(string(text), -1)...)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, pattern := range patterns {
		if !slices.ContainsFunc(tests, regexp.MustCompile(pattern).MatchString) {
			t.Errorf("no test matches %s", pattern)
		}
	}
}
