package armour

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// cut collects the lines of an input, and tells whether number and place of each are right.
func cut(t *testing.T, input string, in io.Reader) (list []string) {
	t.Helper()
	l := newLines(in)
	for open := false; ; {
		line, more, ok := l.next()
		if !ok {
			break
		}
		if got := input[l.end-len(line) : l.end]; got != string(line) {
			t.Errorf("line %d is %.40q, in its place stands %.40q", l.number, line, got)
		}
		if open {
			list[len(list)-1] += string(line)
		} else {
			list = append(list, string(line))
		}
		if open = more; l.number != len(list) {
			t.Errorf("line %d is numbered %d", len(list), l.number)
		}
	}
	return list
}

var lineEnds = regexp.MustCompile("\r\n|\r|\n")

func FuzzLines(f *testing.F) {
	for _, text := range []string{
		"", "a", "a\n", "a\r\nb\r\n", "a\rb", "\r\r\n\n", "a\n\r",
		strings.Repeat("x", 5000) + "\r\n" + strings.Repeat("y\n", 9000),
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		want := lineEnds.Split(text, -1)
		if want[len(want)-1] == "" {
			want = want[:len(want)-1] // what is behind the last end is a line only if there is something
		}
		for name, in := range map[string]io.Reader{
			"at once": strings.NewReader(text), "byte by byte": iotest.OneByteReader(strings.NewReader(text)),
			"with EOF at the end": iotest.DataErrReader(strings.NewReader(text)),
		} {
			if got := cut(t, text, in); !slices.Equal(got, want) {
				t.Errorf("%s: %d lines, want %d: %.200q", name, len(got), len(want), got)
			}
		}
	})
}

// TestLines_long: a line of any length comes in chunks that fit into memory, and is one line.
func TestLines_long(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("x", 2*maxLine+3) + "\r\nb"
	if got := cut(t, text, strings.NewReader(text)); len(got) != 2 || len(got[0]) != 2*maxLine+3 || got[1] != "b" {
		t.Errorf("%d lines", len(got))
	}
	l := newLines(strings.NewReader(text))
	if line, more, ok := l.next(); len(line) > maxLine || !more || !ok {
		t.Errorf("a chunk of %d bytes, more %v", len(line), more)
	}
}

func TestLines_errors(t *testing.T) {
	t.Parallel()
	l := newLines(io.MultiReader(strings.NewReader("a\nb"), iotest.ErrReader(io.ErrUnexpectedEOF)))
	var list []string
	for line, _, ok := l.next(); ok; line, _, ok = l.next() {
		list = append(list, string(line))
	}
	if err := l.scanner.Err(); fmt.Sprint(list) != "[a b]" || err != io.ErrUnexpectedEOF {
		t.Errorf("%q, %v", list, err)
	}
}

// readAttributes reads attributes as they are read above a block.
func readAttributes(text string) (a Attributes) {
	for line := range strings.Lines(text) {
		a.line(trim([]byte(strings.TrimRight(line, "\r\n"))))
	}
	return a
}

func TestAttributes_line(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text string
		want Attributes
	}{
		"openssl's": {
			"Bag Attributes\n    friendlyName: a b\n    localKeyID: 01 A4 \nsubject=CN = x\n", Attributes{Label: "a b", KeyID: []byte{1, 0xa4}},
		},
		"ours":                {"certkdbLabel: \" a \"\ncertkdbChain: 0102\n", Attributes{Label: " a ", ChainOf: []byte{1, 2}}},
		"the exact one":       {"friendlyName: a\ncertkdbLabel: \" a\"\n", Attributes{Label: " a"}},
		"a bad quotation":     {"friendlyName: a\ncertkdbLabel: \"a\n", Attributes{Label: "a"}},
		"no hexadecimal":      {"localKeyID: 01\nlocalKeyID: xyz\n", Attributes{KeyID: []byte{1}}},
		"another heading":     {"friendlyName: a\nlocalKeyID: 01\nBag Attributes: <No Attributes>\n", Attributes{}},
		"names are exact":     {"friendlyname: a\nFriendlyName: b\nfriendlyName : c\n", Attributes{}},
		"colons in it":        {"friendlyName: http://x\n", Attributes{Label: "http://x"}},
		"lines that are long": {"friendlyName: " + strings.Repeat("x", 4096) + "\n", Attributes{}},
	} {
		if got := readAttributes(c.text); fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// FuzzAttributes: attributes are read as they were written, whatever notes stand above a block, and the notes stay.
func FuzzAttributes(f *testing.F) {
	f.Add("", "web", []byte{1}, []byte{}, false)
	f.Add("Bag Attributes\n    friendlyName: old\n    other: 1\nsubject=x\n", " web ", []byte{}, []byte{2}, true)
	f.Add("a note\nfriendlyName: x\nBag Attributes\nBag Attributes\n  1.2.3: x", "", []byte{}, []byte{}, false)
	f.Add(" note\nfriendlyName: x\nBag Attributes\nB", "", []byte{}, []byte{}, true)
	f.Fuzz(func(t *testing.T, notes, label string, id, chainOf []byte, crlf bool) {
		if len(label) > 255 || len(id)+len(chainOf) > 100 || !plain(label) {
			return
		}
		want := Attributes{Label: label, KeyID: id, ChainOf: chainOf}
		text := want.Above([]byte(notes), crlf)
		if got := readAttributes(strings.Join(lineEnds.Split(string(text), -1), "\n")); !got.Equal(want) {
			t.Errorf("%q reads as %v", text, got)
		}
		if before, after := others(notes), others(string(text)); !slices.Equal(before, after) {
			t.Errorf("the notes were %q, and are %q", before, after)
		}
		if again := want.Above(bytes.Clone(text), crlf); !bytes.Equal(again, text) {
			t.Errorf("written again: %q, want %q", again, text)
		}
	})
}

// plain says that a text is no more than a label may be.
func plain(label string) bool {
	return !strings.ContainsFunc(label, func(r rune) bool { return r < 0x20 || r >= 0x7f && r < 0xa0 || r == '\ufffd' })
}

// others are the lines that are no attributes of ours, in their order.
func others(text string) (list []string) {
	for _, line := range lineEnds.Split(text, -1) {
		if said := trim([]byte(line)); len(said) > 0 && !isAttribute(said) {
			list = append(list, line)
		}
	}
	return list
}

// TestCutNotes: text above a block belongs to it, or to nobody.
func TestCutNotes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ loose, own string }{
		"nothing":                 {"", ""},
		"a title":                 {"", "Root\n====\n"},
		"a paragraph before it":   {"# ours\n\n", "Root\n"},
		"a blank line behind it":  {"Root\n\n", ""},
		"attributes":              {"# ours\n", "Bag Attributes\n    friendlyName: x\n\nsubject=y\n\nissuer=z\n\n"},
		"the rest of a bad block": {"-----BEGIN X-----\nAAAA\n-----END Y-----\n", "Root\n"},
		"attributes of that":      {"Bag Attributes\n-----BEGIN X-----\nAAAA\n-----END Y-----\n", ""},
		"CR LF":                   {"# ours\r\n\r\n", "Root\r\n"},
		"no end of line":          {"", "Root"},
	} {
		loose, own := CutNotes([]byte(c.loose + c.own))
		if string(loose) != c.loose || string(own) != c.own {
			t.Errorf("%s: %q and %q", name, loose, own)
		}
	}
}
