// Package spelling finds the word that was meant by one that does not exist.
//
//	near := spelling.Nearest([]string{"list", "lint"}, "lsit") // "list"
package spelling

import "strings"

// Nearest is the word that was probably meant by one that does not exist; "" if no word is similar. A word that differs only by case is the
// nearest; one mistake is allowed in every three letters, but a second one only behind the first letter. Otherwise it is the only word that
// begins so.
func Nearest(words []string, written string) (near string) {
	least := len(written)/3 + 1
	for _, word := range words {
		if strings.EqualFold(word, written) {
			return word
		}
		if d := Distance(word, written); d < least && (d == 1 || word != "" && word[0] == written[0]) {
			near, least = word, d
		}
	}
	if near == "" && len(written) > 1 {
		near = onlyOne(words, written)
	}
	return near
}

// onlyOne is the word that begins in a certain way, "" if several words do.
func onlyOne(words []string, beginning string) (found string) {
	for _, word := range words {
		if len(word) < len(beginning) || !strings.EqualFold(word[:len(beginning)], beginning) {
			continue
		}
		if found != "" {
			return ""
		}
		found = word
	}
	return found
}

// Distance is the number of letters to be changed, added, removed or exchanged with the next to make one word of the other (Damerau and
// Levenshtein, without a second change of what was exchanged).
func Distance(a, b string) int {
	above, row := []int(nil), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range a {
		next := make([]int, len(b)+1)
		next[0] = i + 1
		for j := range b {
			change := row[j]
			if a[i] != b[j] {
				change++
			}
			next[j+1] = min(change, row[j+1]+1, next[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				next[j+1] = min(next[j+1], above[j-1]+1)
			}
		}
		above, row = row, next
	}
	return row[len(b)]
}
