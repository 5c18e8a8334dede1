package name

import (
	"errors"
	"strings"
)

// parseSlashes reads the notation of openssl's -subj, "/C=US/O=Example/CN=www.example.com": most general first, + before a further
// attribute of the same part, and a backslash before a character that stands for itself. A slash or + begins an attribute only where a
// known type and = follow, so "/CN=kafka/0" has one, as people mean it.
func parseSlashes(text string) (Name, error) {
	var n Name
	for rest := text; rest != ""; {
		sign, word := rest[0], rest[1:]
		dotted, value, ok := slashAttribute(word)
		if !ok {
			_, err := attributeType(strings.TrimSpace(before(word, "=")))
			if err == nil {
				err = errors.New("an attribute without =")
			}
			return Name{}, err
		}
		content, length, err := slashValue(value)
		if err != nil {
			return Name{}, err
		}
		a := Attribute{Type: dotted, Value: content, Tag: defaultTag(dotted, content)}
		a.Raw = encodeValue(a)
		if sign == '+' && len(n.RDNs) > 0 {
			last := &n.RDNs[len(n.RDNs)-1]
			*last = append(*last, a)
			last.sortDER()
		} else {
			n.RDNs = append(n.RDNs, RDN{a})
		}
		rest = value[length:]
	}
	return n, nil
}

func before(text, separator string) string {
	first, _, _ := strings.Cut(text, separator)
	return first
}

// slashAttribute takes the type and the = from the front of an attribute, if they are there.
func slashAttribute(text string) (dotted, value string, ok bool) {
	word, value, found := strings.Cut(text, "=")
	if !found || strings.ContainsAny(word, `/+\`) {
		return "", "", false
	}
	dotted, err := attributeType(strings.TrimSpace(word))
	return dotted, value, err == nil
}

// slashValue reads a value up to the next attribute, and returns how much of the text it takes.
func slashValue(text string) (value string, length int, err error) {
	var out []byte
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case '\\':
			if i++; i == len(text) {
				return "", 0, errors.New("it ends in a backslash")
			}
			out = append(out, text[i])
		case '/', '+':
			if _, _, begins := slashAttribute(text[i+1:]); begins {
				return string(out), i, nil
			}
			out = append(out, c)
		default:
			out = append(out, c)
		}
	}
	return string(out), len(text), nil
}
