package name

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// fold makes two texts equal that differ in case or in compatible characters alone (RFC 4518, sections 2.2 and 2.3): it decomposes by NFKD,
// folds the case of each character and composes by NFKC. Decomposing first leaves ß as the only letter whose folded form is more than one
// character, so that this needs no table of its own, which golang.org/x/text/cases would set up at every start.
func fold(s string) string {
	s = strings.Map(foldRune, norm.NFKD.String(s))
	return norm.NFKC.String(strings.ReplaceAll(s, "ß", "ss"))
}

// foldRune stands for all characters that differ from r in case alone: it is the least of them.
func foldRune(r rune) rune {
	least := r
	for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
		least = min(least, other)
	}
	switch {
	case least <= unicode.MaxASCII:
		return unicode.ToLower(least)
	case least == 0x345: // the iota below a letter, which would compose with the one before
		return 'ι'
	}
	return least
}
