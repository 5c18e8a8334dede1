package native

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The table of the README about profiles of PKCS #12 has the cells of the help's.
func TestHelpProfiles_asInTheREADME(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(readme), "\n| profile |")
	if !found {
		t.Fatal("the README has no table of profiles")
	}
	table, _, _ = strings.Cut(table, "\n\n")
	lines := strings.Split(table, "\n")
	want := [][]string{trimmed(strings.Split(strings.Trim(lines[0], "|"), "|"))}
	for _, line := range lines[2:] {
		cells := trimmed(strings.Split(strings.Trim(line, "|"), "|"))
		for _, name := range strings.Split(strings.TrimSuffix(cells[0], " (the default)"), ", ") {
			want = append(want, append([]string{strings.Trim(name, "`")}, cells[1:]...))
		}
	}
	_, table, _ = strings.Cut(helpProfiles, "Which program reads which:\n")
	var got [][]string
	for line := range strings.Lines(table) {
		if !strings.HasPrefix(line, "  ") {
			break
		}
		got = append(got, trimmed(regexp.MustCompile(` {2,}`).Split(strings.TrimSpace(line), -1)))
	}
	if len(want) != 6 || !slices.EqualFunc(got, want, slices.Equal) {
		t.Errorf("the help has\n%q\nand the README\n%q", got, want)
	}
}

func trimmed(cells []string) []string {
	for i := range cells {
		cells[i] = strings.TrimSpace(cells[i])
	}
	return cells
}
