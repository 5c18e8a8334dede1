package javaser_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/keyfile/jks/javaser"
)

// keyRep is an object of a class with an ancestor, with a string, a byte array, and data that writeObject added.
const keyRep = "aced 0005 73" +
	"72 0001 42 0000000000000001 03 0002" + // class B
	"4c 0001 73 74 0012 4c6a6176612f6c616e672f537472696e673b" + // String s
	"5b 0001 62 74 0002 5b42" + // byte[] b
	"78" +
	"72 0001 41 0000000000000002 02 0001 49 0001 69 78 70" + // class A, the ancestor, with int i
	"00000007" + // i
	"74 0003 414553" + // s
	"75 72 0002 5b42 0000000000000000 02 0000 78 70 00000002 0102" + // b
	"77 01 aa 78"

func TestParse_ancestorsComeFirst(t *testing.T) {
	t.Parallel()
	o, err := javaser.Parse(unhex(t, keyRep))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(o.Classes, []string{"B", "A"}) || !o.Is("A") || o.Text("s") != "AES" || string(o.Bytes("b")) != "\x01\x02" {
		t.Errorf("the object is %+v", o)
	}
}

func TestParse_refusesEveryTruncation(t *testing.T) {
	t.Parallel()
	whole := unhex(t, keyRep)
	for n := range whole {
		if o, err := javaser.Parse(whole[:n]); !errors.Is(err, kdb.ErrParse) || o != nil {
			t.Errorf("cut to %d of %d bytes: %+v, %v", n, len(whole), o, err)
		}
	}
}

// TestParse_damage changes each byte: the stream is refused, or another object comes out that ends within the stream.
func TestParse_damage(t *testing.T) {
	t.Parallel()
	whole := unhex(t, keyRep)
	refused := 0
	for i := range whole {
		damaged := slices.Clone(whole)
		damaged[i] ^= 0xff
		o, err := javaser.Parse(damaged)
		switch {
		case err != nil && !errors.Is(err, kdb.ErrParse):
			t.Errorf("byte %d: %v, want ErrParse", i, err)
		case err != nil:
			refused++
		case o == nil:
			t.Errorf("byte %d: neither an object nor an error", i)
		}
		if i < 5 && err == nil {
			t.Errorf("byte %d of the header changed, and it is read", i)
		}
	}
	if refused < len(whole)/3 {
		t.Errorf("%d of %d changes were refused", refused, len(whole))
	}
}

func TestParse_refusals(t *testing.T) {
	t.Parallel()
	const stream, noFields, text = "aced 0005 73 ", "0000000000000000 02 0000 78 ", "74 0001 41 "
	for name, tt := range map[string]struct{ in, want string }{
		"null":                     {"aced 0005 70", "not an object"},
		"class alone":              {"aced 0005 72 0001 41" + noFields + "70", "not an object"},
		"no stream":                {"cafe babe 0000", "version 5"},
		"string of 4 GiB":          {"aced 0005 7c 00000001 00000000", "over 4 GiB"},
		"unknown type of field":    {stream + "72 0001 41 0000000000000000 02 0001 51 0001 78 78 70", "is not known"},
		"array without a class":    {"aced 0005 75 70 00000001", "no array class"},
		"array of another class":   {"aced 0005 75 72 0001 41" + noFields + "70 00000001", "no array class"},
		"array of class AB":        {"aced 0005 75 72 0002 4142" + noFields + "70 00000001", "no array class"},
		"constant without a name":  {"aced 0005 7e 72 0001 45 0000000000000000 12 0000 78 70 70", "has no name"},
		"reference before all":     {stream + "71 00000000", "points nowhere"},
		"reference to itself":      {stream + "71 007e0000", "points nowhere"},
		"over 512 parts":           {stream + "72 0001 41 0000000000000000 02 0000" + strings.Repeat(text, 520) + "78 70", "over 512 parts"},
		"array ends in an element": {"aced 0005 75 72 0002 5b4a" + noFields + "70 00000001 00000000", "left"},
		"product beyond 32 bits":   {"aced 0005 75 72 0002 5b4a" + noFields + "70 20000001 00", "larger than the file"},
	} {
		_, err := javaser.Parse(unhex(t, tt.in))
		if !errors.Is(err, kdb.ErrParse) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want ErrParse with %q", name, err, tt.want)
		}
	}
}

func TestParse_externalizable(t *testing.T) {
	t.Parallel()
	o, err := javaser.Parse(unhex(t, "aced 0005 73 72 0001 41 0000000000000000 0c 0000 78 70 77 02 aabb 78"))
	if err != nil || !o.Is("A") || len(o.Fields) != 0 {
		t.Errorf("in block data: %+v, %v", o, err)
	}
}

func TestSkip_stopsAtAnError(t *testing.T) {
	t.Parallel()
	c := &javaser.Cursor{Data: unhex(t, "aced 0005 7d")}
	if javaser.Skip(c); !errors.Is(c.Err, kdb.ErrParse) || c.Bytes(0, "more") != nil {
		t.Errorf("after an error: %v", c.Err)
	}
}

// TestParse_limits: what is just allowed is read, one more is refused.
func TestParse_limits(t *testing.T) {
	t.Parallel()
	const stream, text = "aced 0005 73 ", "74 0001 41 "
	field, class := "49 0001 69 ", "72 0001 41 0000000000000000 02 "
	for what, c := range map[string]struct {
		most int
		make func(n int) string
		want string
	}{
		"classes one below the other": {22, func(n int) string { return stream + strings.Repeat(classDesc, n) + "70" }, "nests deeper than 24"},
		"fields": {64, func(n int) string {
			return stream + class + fmt.Sprintf("%04x ", n) + strings.Repeat(field, n) + "78 70" + strings.Repeat("00000001", n)
		}, "at most 64"},
		"parts, of which two are the class and the object": {510, func(n int) string {
			return stream + class + "0000 " + strings.Repeat(text, n) + "78 70"
		}, "over 512 parts"},
	} {
		if o, err := javaser.Parse(unhex(t, c.make(c.most))); err != nil || !o.Is("A") {
			t.Errorf("%d %s: %v", c.most, what, err)
		}
		if _, err := javaser.Parse(unhex(t, c.make(c.most+1))); !errors.Is(err, kdb.ErrParse) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%d %s: %v, want %q", c.most+1, what, err, c.want)
		}
	}
}

// TestParse_primitives: each type has its size, so that the string behind a value of it is found; nothing else is.
func TestParse_primitives(t *testing.T) {
	t.Parallel()
	const stringField = "4c 0001 73 74 0012 4c6a6176612f6c616e672f537472696e673b "
	for code, size := range map[byte]int{'B': 1, 'Z': 1, 'C': 2, 'S': 2, 'F': 4, 'I': 4, 'D': 8, 'J': 8} {
		class := fmt.Sprintf("aced 0005 73 72 0001 41 0000000000000000 02 0002 %02x 0001 70 ", code) + stringField + "78 70 "
		o, err := javaser.Parse(unhex(t, class+strings.Repeat("74", size)+"74 0003 414553"))
		if err != nil || o.Text("s") != "AES" || len(o.Fields) != 1 {
			t.Errorf("%c: %+v, %v", code, o, err)
		}
		array := fmt.Sprintf("75 72 0002 5b%02x 0000000000000000 02 0000 78 70 00000003", code)
		object := "aced 0005 73 72 0001 41 0000000000000000 02 0002 5b 0001 61 " + text("[") + stringField + "78 70 "
		o, err = javaser.Parse(unhex(t, object+array+strings.Repeat("05", 3*size)+"74 0003 414553"))
		if err != nil || o.Text("s") != "AES" || (code == 'B') != (string(o.Bytes("a")) == "\x05\x05\x05") {
			t.Errorf("array of %c: %+v, %v", code, o, err)
		}
	}
}

// text is a string in a stream, in hexadecimal.
func text(s string) string { return fmt.Sprintf("74 %04x %x ", len(s), s) }

// TestParse_longString: the eight bytes of its length, and a reference to it.
func TestParse_longString(t *testing.T) {
	t.Parallel()
	fields := "4c 0001 73 " + text("L") + "4c 0001 72 71 007e0001 "
	o, err := javaser.Parse(unhex(t, "aced 0005 73 72 0001 41 0000000000000000 02 0002 "+fields+"78 70 7c 0000000000000002 4142 71 007e0003"))
	if err != nil || o.Text("s") != "AB" || o.Text("r") != "AB" {
		t.Errorf("%+v, %v", o, err)
	}
}
