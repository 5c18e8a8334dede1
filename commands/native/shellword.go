package native

import (
	"slices"
	"strings"
)

// shellWord is a word of a command line as it is typed, and what it means.
type shellWord struct {
	raw, text string
	quote     byte // the one in which the word ends, 0 for none
}

// splitLine splits a line as a shell does, as far as completion needs it. The last word is the unfinished one, which may be empty.
func splitLine(line string) []shellWord {
	var words []shellWord
	for {
		line = strings.TrimLeft(line, " \t\n")
		word, rest := firstWord(line)
		words = append(words, word)
		if rest == "" {
			return words
		}
		line = rest
	}
}

// firstWord reads a word. The rest begins with the space behind it; it is empty if the word is the last one.
func firstWord(line string) (word shellWord, rest string) {
	var text strings.Builder
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case word.quote == 0 && strings.IndexByte(" \t\n", c) >= 0:
			word.raw, word.text = line[:i], text.String()
			return word, line[i:]
		case c == word.quote:
			word.quote = 0
		case word.quote == 0 && (c == '\'' || c == '"'):
			word.quote = c
		case c == '\\' && word.quote != '\'' && i+1 < len(line) && (word.quote == 0 || strings.IndexByte("\"$`\\", line[i+1]) >= 0):
			i++
			text.WriteByte(line[i])
		default:
			text.WriteByte(c)
		}
	}
	word.raw, word.text = line, text.String()
	return word, ""
}

// atHome is a word with the home folder in the place of a tilde.
func atHome(word shellWord, home string) string {
	if strings.HasPrefix(word.raw, "~/") && home != "" {
		return home + word.text[1:]
	}
	return word.text
}

// afterCommand drops variables that a line sets for its command, and the command.
func afterCommand(words []shellWord) []shellWord {
	i := slices.IndexFunc(words, func(w shellWord) bool {
		name, _, assigned := strings.Cut(w.raw, "=")
		return !assigned || strings.ContainsAny(name, "-/.'\"")
	})
	if i < 0 || i == len(words)-1 {
		return nil
	}
	return words[i+1:]
}

// quoted writes a text so that it can follow what is typed of a word: in a quote, or with backslashes.
func quoted(text string, quote byte) string {
	switch quote {
	case '\'':
		return strings.ReplaceAll(text, "'", `'\''`)
	case '"':
		return escaped(text, func(c byte) bool { return strings.IndexByte("\"$`\\", c) >= 0 })
	}
	return escaped(text, func(c byte) bool {
		return c < 0x80 && strings.IndexByte("%+,-./:=@_", c) < 0 && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z')
	})
}

func escaped(text string, special func(byte) bool) string {
	var b strings.Builder
	for i := range len(text) {
		if special(text[i]) {
			b.WriteByte('\\')
		}
		b.WriteByte(text[i])
	}
	return b.String()
}
