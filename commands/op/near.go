package op

import (
	"strings"

	"certkdb/kdb"
)

// Nearest is the word that was probably meant by one that does not exist; "" if no word is similar. A word that differs only by case is the
// nearest; one mistake is allowed in every three letters, but a second one only behind the first letter. Otherwise it is the only word that
// begins so.
func Nearest(words []string, written string) (near string) {
	least := len(written)/3 + 1
	for _, word := range words {
		if strings.EqualFold(word, written) {
			return word
		}
		if d := distance(word, written); d < least && (d == 1 || word != "" && word[0] == written[0]) {
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

// distance is the number of letters to be changed, added, removed or exchanged with the next to make one word of the other (Damerau and
// Levenshtein, without a second change of what was exchanged).
func distance(a, b string) int {
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

// mostCompared bounds how many labels are compared with one that does not exist.
const mostCompared = 20_000

// nearLabel is the label of a database that was probably meant by one that does not exist, "" for none.
func nearLabel(tx kdb.Tx, written string) string {
	var labels []string
	for label, err := range tx.Labels("") {
		if err != nil || len(labels) == mostCompared {
			break
		}
		labels = append(labels, label)
	}
	return Nearest(labels, written)
}
