package armour

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestAttributes_Above: the attributes take the place of those that were there; notes and what other programs wrote stay.
func TestAttributes_Above(t *testing.T) {
	t.Parallel()
	web := Attributes{Label: "web", KeyID: []byte{1, 0xab}, ChainOf: []byte{2}}
	const webLines = "    friendlyName: web\n    localKeyID: 01 AB \n    certkdbChain: 02 \n"
	for name, c := range map[string]struct {
		attributes  Attributes
		above, want string
		crlf        bool
	}{
		"nothing above":          {web, "", "Bag Attributes\n" + webLines, false},
		"notes stay first":       {web, "note\n", "note\nBag Attributes\n" + webLines, false},
		"a note without its end": {web, "note", "note\nBag Attributes\n" + webLines, false},
		"old ones go":            {web, "Bag Attributes\n    friendlyName: old\n    localKeyID: 09\n", "Bag Attributes\n" + webLines, false},
		"others stay": {
			web, "Bag Attributes\n    friendlyName: old\n    Other: 1\n", "Bag Attributes\n" + webLines + "    Other: 1\n", false,
		},
		"subject= stays below": {
			web, "Bag Attributes: <No Attributes>\nsubject=CN=x\n", "Bag Attributes\n" + webLines + "subject=CN=x\n", false,
		},
		"CR LF":                 {Attributes{Label: "w"}, "note\r\n", "note\r\nBag Attributes\r\n    friendlyName: w\r\n", true},
		"none, and none before": {Attributes{}, "note\n", "note\n", false},
		"none any more":         {Attributes{}, "note\nBag Attributes\n    friendlyName: old\n", "note\n", false},
		"none of ours, but others": {
			Attributes{}, "Bag Attributes\n    friendlyName: old\n    Other: 1\n", "Bag Attributes\n    Other: 1\n", false,
		},
		"blanks around a label": {Attributes{Label: " w "}, "", "Bag Attributes\n    friendlyName:  w \n    certkdbLabel: \" w \"\n", false},
		"an old exact label goes": {
			Attributes{Label: "w"}, "Bag Attributes\n    certkdbLabel: \" v\"\n", "Bag Attributes\n    friendlyName: w\n", false,
		},
		"no head above the old ones": {Attributes{Label: "w"}, "friendlyName: old\n", "Bag Attributes\n    friendlyName: w\n", false},
	} {
		got := string(c.attributes.Above([]byte(c.above), c.crlf))
		if got != c.want {
			t.Errorf("%s:\n%q, want\n%q", name, got, c.want)
		}
		if again := string(c.attributes.Above([]byte(got), c.crlf)); again != got {
			t.Errorf("%s: the second time\n%q, want\n%q", name, again, got)
		}
	}
}

// TestAttributes_line_bounds: a line that is too long or damaged changes nothing, and a new bag forgets the one before.
func TestAttributes_line_bounds(t *testing.T) {
	t.Parallel()
	before := Attributes{Label: "old", KeyID: []byte{1}, ChainOf: []byte{2}}
	for line, want := range map[string]Attributes{
		"":                  before,
		"friendlyName":      before,
		"FriendlyName: new": before,
		"friendlyName: " + strings.Repeat("x", 4083): before,
		"localKeyID: 0":                      before,
		"localKeyID: xy":                     before,
		"certkdbChain: 1":                    before,
		`certkdbLabel: "unended`:             before,
		"certkdbLabel: bare":                 before,
		"Bag Attributes":                     {},
		"Bag Attributes: <Empty Attributes>": {},
		"friendlyName: new":                  {Label: "new", KeyID: []byte{1}, ChainOf: []byte{2}},
		"friendlyName: a: b":                 {Label: "a: b", KeyID: []byte{1}, ChainOf: []byte{2}},
		`certkdbLabel: " new "`:              {Label: " new ", KeyID: []byte{1}, ChainOf: []byte{2}},
		"localKeyID: 0A 0b0c":                {Label: "old", KeyID: []byte{10, 11, 12}, ChainOf: []byte{2}},
		"certkdbChain: FF":                   {Label: "old", KeyID: []byte{1}, ChainOf: []byte{255}},
	} {
		got := before
		if got.line([]byte(line)); !got.Equal(want) {
			t.Errorf("%.40q: %+v, want %+v", line, got, want)
		}
	}
}

// TestAttributes_Equal compares each part.
func TestAttributes_Equal(t *testing.T) {
	t.Parallel()
	all := []Attributes{{}, {Label: "a"}, {Label: "b"}, {KeyID: []byte("a")}, {ChainOf: []byte("a")}, {Label: "a", KeyID: []byte("a")}}
	for i, a := range all {
		for j, b := range all {
			if a.Equal(b) != (i == j) {
				t.Errorf("%+v and %+v: %v", a, b, i != j)
			}
		}
	}
}

// TestAfterLine: only blanks and one end of line are passed over, so that the text of the next line stays.
func TestAfterLine(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{
		"|\nx": 1, "|\r\nx": 2, "|\rx": 1, "| \t\nx": 3, "|\n\nx": 1, "| note\nx": 0, "|": 0, "|  ": 2, "|x": 0,
	} {
		at := strings.IndexByte(text, '|')
		if got := AfterLine([]byte(strings.Replace(text, "|", "", 1)), at) - at; got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
}

// TestEnds: the end of a line is LF or CR, and the text that has one already stays as it is.
func TestEnds(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"": "", "a": "a\n", "a\n": "a\n", "a\r": "a\r", "a\r\n": "a\r\n", "\n\na": "\n\na\n"} {
		if got := string(EndLine([]byte(text))); got != want || Ended([]byte(text)) != (text == want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	if got := WithEnds("a\nb\n", true) + WithEnds("a\nb\n", false); got != "a\r\nb\r\na\nb\n" {
		t.Errorf("%q", got)
	}
}

// TestScan_places: Start and End are those of the block in its file, so that it can be cut out, whatever is around it.
func TestScan_places(t *testing.T) {
	t.Parallel()
	one := "-----BEGIN A-----\nb25l\n-----END A-----"
	for _, ends := range []string{"\n", "\r\n", "\r"} {
		block := strings.ReplaceAll(one, "\n", ends)
		for _, text := range []string{
			block, block + ends, "note" + ends + block + ends + block, block + " # note" + ends + block, block + block, "\t" + block + "\t",
		} {
			var found []string
			if _, err := Scan(strings.NewReader(text), func(b Block, err error) bool {
				found = append(found, fmt.Sprintf("%s %s %v", text[b.Start:b.End], b.DER, err))
				return true
			}); err != nil {
				t.Error(err)
			}
			want := slices.Repeat([]string{block + " one <nil>"}, strings.Count(text, "BEGIN"))
			if !slices.Equal(found, want) {
				t.Errorf("%q: %q, want %q", text, found, want)
			}
		}
	}
}
