package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestGSKit_everyLineHasItsScript finds each line of the three collections of real command lines (E, L) and of IBM's procedures (P) in the
// comments of a script, and COMPAT.md's table of them is right.
func TestGSKit_everyLineHasItsScript(t *testing.T) {
	t.Parallel()
	scripts, err := filepath.Glob("testdata/script/gsk_*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	table := "| script | lines |\n|---|---|\n"
	number := regexp.MustCompile(`\b[ELP][0-9]+\b`)
	for _, path := range scripts {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var tags []string
		for line := range strings.Lines(string(text)) {
			if strings.HasPrefix(line, "# ") {
				tags = append(tags, number.FindAllString(line, -1)...)
			}
		}
		slices.SortFunc(tags, func(a, b string) int {
			return cmp.Or(cmp.Compare(a[:1], b[:1]), cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
		})
		tags = slices.Compact(tags)
		for _, tag := range tags {
			found[tag] = true
		}
		if len(tags) > 0 {
			table += fmt.Sprintf("| %s | %s |\n", strings.TrimSuffix(filepath.Base(path), ".txtar"), strings.Join(tags, " "))
		}
	}
	for letter, last := range map[string]int{"E": 30, "L": 43, "P": 12} {
		for n := 1; n <= last; n++ {
			if tag := fmt.Sprint(letter, n); !found[tag] {
				t.Errorf("no script has %s", tag)
			}
		}
	}
	compat, err := os.ReadFile("commands/gskcapi/COMPAT.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(compat), table) {
		t.Errorf("COMPAT.md needs this table:\n%s", table)
	}
}
