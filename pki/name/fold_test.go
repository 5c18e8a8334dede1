package name

import (
	"strings"
	"testing"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Two texts fold to the same exactly if they do by Unicode's full case folding, which package cases has as a table.
func TestFold_likeTheTable(t *testing.T) {
	t.Parallel()
	table := cases.Fold()
	toOurs, toTable := map[string]string{}, map[string]string{}
	check := func(text string) {
		ours, want := fold(text), norm.NFKC.String(table.String(norm.NFKC.String(text)))
		if other, seen := toOurs[want]; seen && other != ours {
			t.Errorf("%+q: %+q, but another text with the folded form %+q has %+q", text, ours, want, other)
		}
		if other, seen := toTable[ours]; seen && other != want {
			t.Errorf("%+q folds to %+q like a text whose folded form is %+q, not %+q", text, ours, other, want)
		}
		toOurs[want], toTable[ours] = ours, want
	}
	for r := range rune(unicode.MaxRune + 1) {
		if unicode.In(r, unicode.L, unicode.M, unicode.N, unicode.S) && !unicode.In(r, unicode.Han, unicode.Hangul, unicode.Cherokee) {
			check(string(r))
		}
	}
	for _, text := range []string{
		"Straße", "STRASSE", "straẞe", "ΣΊΣΥΦΟΣ", "σίσυφος", "σίσυφοσ",
		"ΐ", "ΐ", "ᾳ̂", "ᾷ", "ΑΙ͂", "İstanbul", "ﬃ", "Å", "Å",
	} {
		check(text)
		check(strings.ToUpper(text))
		check(strings.ToLower(text))
	}
}

// Package cases leaves the small letters of Cherokee alone; CaseFolding.txt of Unicode folds them to the capital ones.
func TestFold_Cherokee(t *testing.T) {
	t.Parallel()
	if small, capital := fold("\uab70\u13f8"), fold("\u13a0\u13f0"); small != capital {
		t.Errorf("%+q, want %+q", small, capital)
	}
}
