package session

import (
	"strings"
	"testing"
)

// TestLookUp_abbreviations: each abbreviation that a table allows means exactly one option.
func TestLookUp_abbreviations(t *testing.T) {
	t.Parallel()
	for _, table := range [][]option{clientTable, serverTable} {
		for i := range table {
			o := &table[i]
			for n := o.shortest(); n <= len(o.spelling); n++ {
				word := o.spelling[:n]
				if found, _ := lookUp(table, strings.ToLower(word)); found != o {
					t.Errorf("%s is not %s", word, o.spelling)
				}
				for j := range table {
					other := &table[j]
					fits := n >= other.shortest() && strings.HasPrefix(other.name(), strings.ToUpper(word))
					if other != o && fits && n < len(o.spelling) {
						t.Errorf("%s is %s and %s", word, o.spelling, other.spelling)
					}
				}
			}
		}
	}
}

func TestKeywords_abbreviations(t *testing.T) {
	t.Parallel()
	for _, f := range []form{formYesNo, formRequired, formTransport} {
		seen := map[string]string{}
		for _, spelling := range f.keywords() {
			o := option{spelling: spelling}
			for n := o.shortest(); n <= len(spelling); n++ {
				word := o.name()[:n]
				if got, ok := f.keyword(strings.ToLower(word)); !ok || got != o.name() || seen[word] != "" {
					t.Errorf("%s is %s and %s", word, got, seen[word])
				}
				seen[word] = spelling
			}
		}
	}
}
