package armour

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// scan describes what Scan finds: "line type content" of a block, "line type: error" of a bad one, and other errors as they are.
func scan(t *testing.T, text string) (list []string, result Result) {
	t.Helper()
	result, err := Scan(strings.NewReader(text), func(b Block, err error) bool {
		switch {
		case b.Line == 0:
			list = append(list, err.Error())
		case err != nil:
			list = append(list, fmt.Sprintf("%d %s: %v", b.Line, b.Type, err))
		case b.Damage != nil:
			list = append(list, fmt.Sprintf("%d %s damaged: %v", b.Line, b.Type, b.Damage))
		default:
			list = append(list, fmt.Sprintf("%d %s %s", b.Line, b.Type, b.DER))
		}
		return true
	})
	if err != nil {
		t.Errorf("reading: %v", err)
	}
	return list, result
}

// blockOf is a PEM block with short lines.
func blockOf(typ, content string) string {
	text := base64.StdEncoding.EncodeToString([]byte(content))
	return "-----BEGIN " + typ + "-----\n" + strings.Join(slices.Collect(chunks(text, 8)), "\n") + "\n-----END " + typ + "-----\n"
}

func chunks(text string, size int) func(func(string) bool) {
	return func(yield func(string) bool) {
		for ; len(text) > size; text = text[size:] {
			if !yield(text[:size]) {
				return
			}
		}
		yield(text)
	}
}

func TestScan_layouts(t *testing.T) {
	t.Parallel()
	one, two := blockOf("A", "hello, world"), blockOf("B B", "two")
	for name, c := range map[string]struct{ text, want string }{
		"nothing around":           {one + two, "1 A hello, world|5 B B two"},
		"notes around":             {"note\n\n" + one + "- another\n" + two + "end", "3 A hello, world|8 B B two"},
		"indented":                 {"  " + strings.ReplaceAll(one, "\n", "\n \t "), "1 A hello, world"},
		"blanks at the ends":       {strings.ReplaceAll(one, "\n", " \t\n"), "1 A hello, world"},
		"blank lines in between":   {strings.ReplaceAll(one, "\n", "\n\n"), "1 A hello, world"},
		"CR LF":                    {strings.ReplaceAll(one+two, "\n", "\r\n"), "1 A hello, world|5 B B two"},
		"CR":                       {strings.ReplaceAll(one+two, "\n", "\r"), "1 A hello, world|5 B B two"},
		"no line ends at all":      {strings.ReplaceAll(one+two, "\n", ""), "1 A hello, world|1 B B two"},
		"line ends as \\n":         {strings.ReplaceAll(one+two, "\n", `\n`), "1 A hello, world|1 B B two"},
		"line ends as \\r\\n":      {strings.ReplaceAll(one, "\n", `\r\n`), "1 A hello, world"},
		"blanks for line ends":     {strings.ReplaceAll(one, "\n", " "), "1 A hello, world"},
		"a quoted string":          {`{"cert": "` + strings.ReplaceAll(one, "\n", `\n`) + `"}`, "1 A hello, world"},
		"text after END":           {strings.TrimSuffix(one, "\n") + " # that was it\n" + two, "1 A hello, world|5 B B two"},
		"blanks around the type":   {strings.ReplaceAll(one, " A-", "  A -"), "1 A hello, world"},
		"text after a line with -": {"-----BEGIN A-----\nb25l\n-checksum\n-----END A-----\n", "1 A one"},
		"no end of the last line":  {strings.TrimSuffix(one, "\n"), "1 A hello, world"},
		"PGP's checksum, of a type": {
			"-----BEGIN A-----\nb25l\n=njUN\n-----END A-----\n", "1 A damaged: the base64 text is damaged or cut off at line 3",
		},
	} {
		if got, _ := scan(t, c.text); strings.Join(got, "|") != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestScan_errors(t *testing.T) {
	t.Parallel()
	good := blockOf("B", "good")
	for name, c := range map[string]struct {
		text, want string
		unended    bool
	}{
		"no END": {"-----BEGIN A-----\nb25l\n", "1 A: there is no END before the end of the input", true},
		"no END before the next": {
			"-----BEGIN A-----\nb25l\n" + good, "1 A: there is no END before the next BEGIN in line 3|3 B good", true,
		},
		"another END": {
			"-----BEGIN A-----\nb25l\n-----END C-----\n" + good, `1 A: it ends with END "C" in line 3|4 B good`, false,
		},
		"END alone": {"-----END A-----\n" + good, `line 1: END without BEGIN: "-----END A-----"|2 B good`, false},
		"a damaged BEGIN": {
			"-----BEGIN A---\nb25l\n-----END A-----\n" + good, `line 1: the BEGIN line is damaged: "-----BEGIN A---"|4 B good`, false,
		},
		"a damaged END": {
			"-----BEGIN A-----\nb25l\n-----END A---\n" + good, "1 A: the END in line 3 is damaged|4 B good", false,
		},
		"dashes missing": {
			"----BEGIN A-----\n" + good, `line 1: a damaged BEGIN or END line: "----BEGIN A-----"|2 B good`, false,
		},
		"long dashes": {
			"\u2014--\u2014BEGIN A\u2014--\u2014\nb25l\n\u2013\u2013END A\u2013\u2013\n" + good,
			"line 1: a damaged BEGIN or END line: \"\u2014--\u2014BEGIN A\u2014--\u2014\"" +
				"; it has dashes (U+2014) in place of hyphens, as text processors make them|4 B good",
			false,
		},
		"headings between long dashes": {"\u2014 BEGIN A \u2014\n\u2013END\u2013\n\u2014\n\u2014BEGIN \u2014\n" + good, "5 B good", false},
		"a blank of the web": {
			"-----BEGIN A-----\u00a0\nb25l\n-----END A-----\n", `1 A damaged: line 1 holds the character '\u00a0', which is not base64`, false,
		},
		"a list is no marker": {"- BEGIN here\n--- END\n" + good, "3 B good", false},
		"nothing in it":       {"-----BEGIN A-----\n-----END A-----\n" + good, "1 A damaged: it is empty|3 B good", false},
		"a character": {
			"-----BEGIN A-----\nb2*l\n-----END A-----\n", `1 A damaged: line 2 holds the character '*', which is not base64`, false,
		},
		"a character in line 3": {
			"-----BEGIN A-----\n\nb25l\nb2?l\n-----END A-----\n", `1 A damaged: line 4 holds the character '?', which is not base64`, false,
		},
		"cut off": {
			"-----BEGIN A-----\nb25lb2\n-----END A-----\n", "1 A damaged: the base64 text is damaged or cut off at line 2", false,
		},
		"the type of 65 letters": {
			"-----BEGIN " + strings.Repeat("A", 65) + "-----\n" + good, "line 1: the BEGIN line is damaged", false,
		},
		"a header after 32 of them": {
			"-----BEGIN A-----\n" + strings.Repeat("a: b\n", 33) + "\nb25l\n-----END A-----\n",
			"1 A damaged: it has more than 32 header lines", false,
		},
		"what is quoted is not long": {"-----BEGIN " + strings.Repeat("A", 500) + "\n", "line 1: the BEGIN line is damaged", false},
	} {
		got, result := scan(t, c.text)
		all := strings.Join(got, "|")
		if !strings.HasPrefix(all, c.want) || len(all) > len(c.want)+150 || result.Unended != c.unended {
			t.Errorf("%s: %q, unended %v, want %q, %v", name, all, result.Unended, c.want, c.unended)
		}
	}
}

func TestScan_headers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text string
		want []Header
	}{
		"a traditional key": {
			"Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n", []Header{{"Proc-Type", "4,ENCRYPTED"}, {"DEK-Info", "AES-128-CBC,00"}},
		},
		"no empty line after them": {
			"Proc-Type: 4,ENCRYPTED\nDEK-Info: DES-CBC,00\n", []Header{{"Proc-Type", "4,ENCRYPTED"}, {"DEK-Info", "DES-CBC,00"}},
		},
		"a value in two lines":        {"List: a,\n b\n\n", []Header{{"List", "a,b"}}},
		"PuTTY's way of two lines":    {"Comment: \"a\\\nb\"\n\n", []Header{{"Comment", `"a\b"`}}},
		"a colon in the value":        {"URL: http://x\n\n", []Header{{"URL", "http://x"}}},
		"none":                        {"", nil},
		"an empty line is not enough": {"\n", nil},
	} {
		text := "-----BEGIN A-----\n" + c.text + "b25l\n-----END A-----\n"
		_, err := Scan(strings.NewReader(text), func(b Block, err error) bool {
			if !slices.Equal(b.Headers, c.want) || string(b.DER) != "one" || err != nil {
				t.Errorf("%s: %q, %q, %v", name, b.Headers, b.DER, errors.Join(err, b.Damage))
			}
			return true
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// TestScan_attributes: those above a block are its own, not those of the next one.
// TestScan_hugeInLength: lines of markers alone, and a header that never ends, take time and memory in proportion to their length.
func TestScan_hugeInLength(t *testing.T) {
	t.Parallel()
	const n = 20_000 // each marker, or line, must not make the scanner look at all others
	for name, c := range map[string]struct {
		text, want string
		errors     int
	}{
		"BEGIN": {strings.Repeat(`-----BEGIN A-----\n`, n), "there is no END before the next BEGIN", n},
		"END":   {strings.Repeat(`-----END A-----\n`, n), "END without BEGIN", n},
		"a header": {
			"-----BEGIN A-----\nName: value,\n" + strings.Repeat("continued,\n", n) + "\nMIIB\n-----END A-----\n",
			"it has a header of more than 4096 characters", 1,
		},
	} {
		list, _ := scan(t, c.text)
		if len(list) != c.errors || !strings.Contains(list[0], c.want) {
			t.Errorf("%s: %d errors, such as %.100q", name, len(list), list[0])
		}
	}
}

func TestNextMarker(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"": "-1 false", "-----": "-1 false", "-----BEGIN": "-1 false", "-----BEGIN -----END ": "0 true", "a-----END -----BEGIN ": "1 false",
		"-------BEGIN ": "2 true", "-----x-----END ": "6 false", "----BEGIN -----": "-1 false",
	} {
		at, begin := nextMarker([]byte(text))
		if got := fmt.Sprint(at, begin); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

func TestScan_attributes(t *testing.T) {
	t.Parallel()
	text := "Bag Attributes\n    friendlyName: one\n    localKeyID: 01 02\n" + blockOf("A", "1") + "certkdbChain: 03\n" +
		"-----BEGIN X-----\nbad\n" + blockOf("B", "2") + "friendlyName: three\nnote\n" + blockOf("C", "3")
	var got []string
	if _, err := Scan(strings.NewReader(text), func(b Block, _ error) bool {
		got = append(got, fmt.Sprintf("%s %q %x %x", b.Type, b.Attributes.Label, b.Attributes.KeyID, b.Attributes.ChainOf))
		return true
	}); err != nil {
		t.Error(err)
	}
	if want := []string{`A "one" 0102 `, `X ""  03`, `B ""  `, `C "three"  `}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestScan_withoutBlocks(t *testing.T) {
	t.Parallel()
	long := "MII" + strings.Repeat("A", 60)
	for name, c := range map[string]struct {
		text   string
		base64 string
		empty  bool
	}{
		"empty":                  {"", "", true},
		"notes":                  {"some text\n", "", false},
		"base64":                 {long, long, false},
		"base64 in lines":        {long[:30] + "\r\n" + long[30:] + "\n\n", long, false},
		"short base64":           {long[:39], "", false},
		"base64 that is no DER":  {strings.Repeat("A", 60), strings.Repeat("A", 60), false},
		"base64 and notes":       {long + "\nand more\n", "", false},
		"notes and base64":       {"here:\n" + long, "", false},
		"base64 before a block":  {long + "\n" + blockOf("A", "1"), "", false},
		"base64 after a bad END": {"-----END A-----\n" + long, "", false},
	} {
		_, result := scan(t, c.text)
		if string(result.Base64) != c.base64 || result.Empty != c.empty {
			t.Errorf("%s: %+v", name, result)
		}
	}
}

func TestScan_stopsWhenAsked(t *testing.T) {
	t.Parallel()
	blocks := 0
	if _, err := Scan(strings.NewReader(strings.Repeat(blockOf("A", "1"), 9)), func(Block, error) bool {
		blocks++
		return blocks < 3
	}); err != nil || blocks != 3 {
		t.Errorf("%d blocks, %v", blocks, err)
	}
}

func TestScan_readingFails(t *testing.T) {
	t.Parallel()
	in := io.MultiReader(strings.NewReader(blockOf("A", "1")+"-----BEGIN B-----\n"), iotest.ErrReader(io.ErrUnexpectedEOF))
	blocks := 0
	_, err := Scan(in, func(b Block, err error) bool {
		if blocks++; err != nil || b.Type != "A" {
			t.Errorf("%s: %v", b.Type, err)
		}
		return true
	})
	if err != io.ErrUnexpectedEOF || blocks != 1 {
		t.Errorf("%d blocks, %v", blocks, err)
	}
}

// FuzzScan: whatever the text, each block is where it says to be, and lines and places grow.
func FuzzScan(f *testing.F) {
	for _, text := range []string{
		blockOf("A", "1"), "x\r\n" + strings.ReplaceAll(blockOf("A", "1"), "\n", "\r\n"), "-----BEGIN A-----\n-----BEGIN B-----\r-----END",
		"-----BEGIN A-----b25l-----END A----------BEGIN B-----b25l-----END B-----", "-----BEGIN A-----\na: b\n\n\\n-----END A-----",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		end, line := 0, 0
		_, err := Scan(bytes.NewReader(text), func(b Block, err error) bool {
			if b.Line == 0 || err != nil {
				return true
			}
			if b.Start < end || b.End <= b.Start || b.Line < line || !bytes.HasPrefix(text[b.Start:b.End], []byte(BeginMark)) ||
				!bytes.HasSuffix(text[:b.End], []byte(closeMark)) || !bytes.Contains(text[b.Start:b.End], []byte(EndMark)) {
				t.Errorf("block in line %d from %d to %d of %q", b.Line, b.Start, b.End, text)
			}
			end, line = b.End, b.Line
			return true
		})
		if err != nil {
			t.Error(err)
		}
	})
}

func TestUTF16(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"\xff\xfea\x00b\x00": "ab", "\xfe\xff\x00a\x00b": "ab", "a\x00b\x00": "ab", "\x00a\x00b": "ab",
		"abcd": "", "a\x00": "", "\x30\x82\x01\x00": "", "a\x00\x01\x00": "", "\ufeffab": "",
	} {
		decoder := UTF16([]byte(text))
		if (decoder != nil) != (want != "") {
			t.Errorf("%q: recognised %v", text, decoder != nil)
		} else if decoder != nil {
			if got, err := decoder.String(text); err != nil || got != want {
				t.Errorf("%q: %q, %v", text, got, err)
			}
		}
	}
}
