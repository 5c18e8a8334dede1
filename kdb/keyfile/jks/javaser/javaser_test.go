package javaser_test

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/keyfile/jks/javaser"
)

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// classDesc is a class descriptor without fields whose super class follows.
const classDesc = "72 0001 41 0000000000000000 02 0000 78 "

func TestJava_boundsTheStream(t *testing.T) {
	t.Parallel()
	stream := "aced 0005 73 "
	for name, tt := range map[string]struct{ in, want string }{
		"class that is its own ancestor": {stream + "72 0001 41 0000000000000000 02 0000 78 71 007e0000", "ancestors"},
		"hundred classes deep":           {stream + strings.Repeat(classDesc, 100) + "70", "nests deeper"},
		"array of 4 GiB":                 {"aced 0005 75 72 0002 5b42 0000000000000000 02 0000 78 70 ffffffff", "larger than the file"},
		"array of objects, no end":       {"aced 0005 75 72 0002 5b4c 0000000000000000 02 0000 78 70 ffffffff 70 70", "0 are left"},
		"thousand fields":                {stream + "72 0001 41 0000000000000000 02 03e8", "1000 fields"},
		"reference to nowhere":           {stream + "71 007e0005", "points nowhere"},
		"string for a class":             {stream + "74 0001 41", "no Java class where"},
		"form of its own":                {stream + "72 0001 41 0000000000000000 04 0000 78 70", "form of its own"},
		"unknown marker":                 {"aced 0005 7d", "not known"},
		"string alone":                   {"aced 0005 74 0001 41", "not an object"},
		"another version":                {"aced 0006 70", "version 5"},
		"ends in an annotation":          {stream + "72 0001 41 0000000000000000 02 0000", "ends too early"},
	} {
		_, err := javaser.Parse(unhex(t, tt.in))
		if !errors.Is(err, kdb.ErrParse) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want ErrParse with %q", name, err, tt.want)
		}
	}
}

func TestJava_readsEveryKindOfValue(t *testing.T) {
	t.Parallel()
	o, err := javaser.Parse(unhex(t, "aced 0005 73"+
		"72 0014 6a6176612e73656375726974792e4b6579526570 0000000000000001 03 0006"+ // java.security.KeyRep
		"49 0001 69"+ // int i
		"4c 0009 616c676f726974686d 74 0012 4c6a6176612f6c616e672f537472696e673b"+ // String algorithm
		"5b 0007 656e636f646564 74 0002 5b42"+ // byte[] encoded
		"5b 0001 6e 74 0002 5b4a"+ // long[] n
		"4c 0001 65 71 007e0001"+ // e
		"4c 0001 63 71 007e0001"+ // c
		"78 70"+
		"00000007"+ // i
		"74 0003 414553"+ // "AES"
		"75 72 0002 5b42 0000000000000000 02 0000 78 70 00000002 0102"+
		"75 72 0002 5b4a 0000000000000000 02 0000 78 70 00000001 0000000000000009"+
		"7e 72 0001 45 0000000000000000 12 0000 78 70 74 0003 534543"+ // enum E.SEC
		"76 71 007e0000"+ // the class again
		"77 02 aabb 7a 00000001 cc 70 7c 0000000000000001 41 78")) // what writeObject added
	if err != nil {
		t.Fatal(err)
	}
	if !o.Is("java.security.KeyRep") || o.Is("java.lang.Object") || o.Text("algorithm") != "AES" ||
		string(o.Bytes("encoded")) != "\x01\x02" {
		t.Errorf("the object is %+v", o)
	}
	if o.Text("e") != "SEC" || o.Text("encoded") != "" || o.Bytes("n") != nil || o.Bytes("none") != nil {
		t.Errorf("the object is %+v", o)
	}
}

func TestModifiedUTF8(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"a\xC0\x80b": "a\x00b", "\xED\xA0\xBD\xED\xB4\x91": "🔑", "\xF0\x9F\x94\x91": "🔑", "\xC3\xA4": "ä",
		"\xE9\x8D\xB5": "鍵", "\xC3": "\xC3",
	} {
		if got := javaser.DecodeText([]byte(in)); got != want {
			t.Errorf("%x is %q, want %q", in, got, want)
		}
	}
	if got := string(javaser.EncodeText("a\x00ä鍵🔑")); got != "a\xC0\x80\xC3\xA4\xE9\x8D\xB5\xED\xA0\xBD\xED\xB4\x91" {
		t.Errorf("encoded %x", got)
	}
}

// TestSkip finds where an object ends, with or without something behind it.
func TestSkip(t *testing.T) {
	t.Parallel()
	object := unhex(t, "aced 0005 73 72 0001 41 0000000000000000 02 0000 78 70")
	c := &javaser.Cursor{Data: append(append([]byte("head"), object...), "rest"...), Pos: 4}
	if got := javaser.Skip(c); string(got) != string(object) || c.Err != nil || string(c.Bytes(4, "the rest")) != "rest" {
		t.Errorf("%x, %v", got, c.Err)
	}
}

func TestCursor_keepsTheFirstError(t *testing.T) {
	t.Parallel()
	c := &javaser.Cursor{Data: []byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 0, 1, 65}}
	if a, b, d, s := c.U16("a"), c.U32("b"), c.U64("d"), c.Text("s"); a != 0x0102 || b != 0x03040506 ||
		d != 0x0708090a0b0c0d0e || s != "A" || c.Err != nil {
		t.Errorf("%x, %x, %x, %q, %v", a, b, d, s, c.Err)
	}
	if c.U16("the next") != 0 || !errors.Is(c.Err, kdb.ErrParse) || !strings.Contains(c.Err.Error(), "the next at offset 17") {
		t.Errorf("at the end: %v", c.Err)
	}
	first := c.Err
	c.Fail("another")
	if c.U32("x") != 0 || c.U64("x") != 0 || c.Text("x") != "" || c.Bytes(0, "x") != nil || c.Err != first {
		t.Errorf("after an error: %v", c.Err)
	}
}

// FuzzParse: no stream makes a panic, and an object ends within its input.
func FuzzParse(f *testing.F) {
	f.Add([]byte("\xac\xed\x00\x05\x73\x72\x00\x01A\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x78\x70"))
	f.Add([]byte("\xac\xed\x00\x05\x75\x72\x00\x02[B\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x78\x70\x00\x00\x00\x01\x01"))
	f.Fuzz(func(t *testing.T, data []byte) {
		o, err := javaser.Parse(data)
		if (o == nil) != (err != nil) {
			t.Errorf("%x: %v, %v", data, o, err)
		}
		c := &javaser.Cursor{Data: data}
		if skipped := javaser.Skip(c); len(skipped) > len(data) || (c.Err == nil) != (err == nil) {
			t.Errorf("%x: %d bytes, %v and %v", data, len(skipped), c.Err, err)
		}
	})
}

// FuzzText: a string of Java's becomes the same bytes again where it is the shortest form of it.
func FuzzText(f *testing.F) {
	f.Add("a\x00ä鍵🔑")
	f.Fuzz(func(t *testing.T, s string) {
		if clean := strings.ToValidUTF8(s, "?"); javaser.DecodeText(javaser.EncodeText(clean)) != clean {
			t.Errorf("%q becomes %q", clean, javaser.DecodeText(javaser.EncodeText(clean)))
		}
	})
}
