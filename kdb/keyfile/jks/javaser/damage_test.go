package javaser_test

import (
	"errors"
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
