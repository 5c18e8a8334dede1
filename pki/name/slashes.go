package name

import (
	"errors"
	"fmt"
	"strings"
)

// parseSlashes reads the notation of openssl's -subj, "/C=US/O=Example/CN=www.example.com": most general first, + before a further
// attribute of the same part, and a backslash before a character that stands for itself. A slash at the end says nothing. A slash or +
// begins an attribute only where a word and = follow, so "/CN=kafka/0" has one, as people mean it.
func parseSlashes(text string) (Name, error) {
	var n Name
	for rest := text; rest != ""; {
		sign, word := rest[0], rest[1:]
		if word == "" && sign == '/' && len(n.RDNs) > 0 {
			break
		}
		dotted, value, err := slashAttribute(word)
		if err != nil {
			if len(n.RDNs) > 0 {
				err = fmt.Errorf("%w; a %c that is part of a value has a backslash before it", err, sign)
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

// slashAttribute takes the type and the = from the front of an attribute.
func slashAttribute(text string) (dotted, value string, err error) {
	word, value, found := strings.Cut(text, "=")
	if dotted, err = attributeType(strings.TrimSpace(word)); err == nil && !found {
		err = errors.New("an attribute without =")
	}
	return dotted, value, err
}

// beginsAttribute tells whether a slash or + in front of the text begins an attribute: a word and = follow.
func beginsAttribute(text string) bool {
	word := strings.TrimLeft(text, " ")
	rest := strings.TrimLeft(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-")
	return len(rest) < len(word) && strings.HasPrefix(strings.TrimLeft(rest, " "), "=")
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
			if beginsAttribute(text[i+1:]) || c == '/' && i+1 == len(text) {
				return string(out), i, nil
			}
			out = append(out, c)
		default:
			out = append(out, c)
		}
	}
	return string(out), len(text), nil
}
