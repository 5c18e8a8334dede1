package oid_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"certkdb/pki/oid"
)

func TestDecode_arcs(t *testing.T) {
	t.Parallel()
	tests := []struct{ rule, content, want string }{
		{"known", "550403", "2.5.4.3"},
		{"first arc 2 beyond 39", "883703", "2.999.3"},
		{"arc of 2^31", "2a8880808000", "1.2.2147483648"},
		{"UUID arc (X.667)", "6983f09da7ebcfdee0c7a1a7b2c0948cc8f9d776", "2.25.329800735698586629295641978511506172918"},
		{"big first arc", "ffffffffffffffffffffff7f", "2.19342813113834066795298735"},
		{"one byte", "2a", "1.2"},
	}
	for _, test := range tests {
		content, err := hex.DecodeString(test.content)
		if err != nil {
			t.Fatal(err)
		}
		got, err := oid.Decode(content)
		if err != nil || got != test.want {
			t.Errorf("%s: %q, %v; want %q", test.rule, got, err, test.want)
			continue
		}
		if back, err := oid.Encode(got); err != nil || hex.EncodeToString(back) != test.content {
			t.Errorf("%s: encoded again: %x, %v", test.rule, back, err)
		}
	}
}

func TestDecode_refuses(t *testing.T) {
	t.Parallel()
	for rule, content := range map[string]string{
		"empty": "", "unfinished arc": "5583", "leading zeros": "558003", "too long": strings.Repeat("01", 513),
	} {
		b, _ := hex.DecodeString(content)
		if got, err := oid.Decode(b); err == nil {
			t.Errorf("%s: %q", rule, got)
		}
	}
}

func TestEncode_refuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "1", "1.", ".1", "1..2", "3.1", "1.40", "1.02", "1.a", "1.-2", "1." + strings.Repeat("9", 2000)} {
		if got, err := oid.Encode(text); err == nil {
			t.Errorf("%.20q: %x", text, got)
		}
		if oid.IsDotted(text) {
			t.Errorf("IsDotted(%.20q)", text)
		}
	}
}

func TestName(t *testing.T) {
	t.Parallel()
	if got := oid.Name("2.5.29.15"); got != "keyUsage" {
		t.Error(got)
	}
	if got := oid.Name("1.2.3"); got != "1.2.3" {
		t.Error(got)
	}
}

// TestEncode_whatDecodeReads: the longest identifier that is read can be written, and none that is longer.
func TestEncode_whatDecodeReads(t *testing.T) {
	t.Parallel()
	content := bytes.Repeat([]byte{0x7f}, 512)
	text, err := oid.Decode(content)
	if err != nil {
		t.Fatal(err)
	}
	if back, err := oid.Encode(text); err != nil || !bytes.Equal(back, content) {
		t.Errorf("%d bytes, %v", len(back), err)
	}
	if back, err := oid.Encode("1.2" + strings.Repeat(".1", 512)); err == nil {
		t.Errorf("%d bytes were written", len(back))
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte{0x55, 4, 3})
	f.Add([]byte{0x88, 0x37, 3})
	f.Fuzz(func(t *testing.T, content []byte) {
		text, err := oid.Decode(content)
		if err != nil {
			return
		}
		back, err := oid.Encode(text)
		if err != nil || string(back) != string(content) {
			t.Fatalf("%x: %s becomes %x, %v", content, text, back, err)
		}
	})
}

// TestDecode_common: identifiers with a shorter way of their own are read as others are. Encode has no such way.
func TestDecode_common(t *testing.T) {
	t.Parallel()
	var all []string
	for _, arc := range []string{
		"2.5.4.", "2.5.29.", "1.3.6.1.5.5.7.3.", "1.2.840.10045.2.", "1.2.840.10045.3.1.", "1.2.840.10045.4.3.", "1.2.840.113549.1.1.",
	} {
		for last := range 128 {
			all = append(all, fmt.Sprint(arc, last))
		}
	}
	for _, dotted := range all {
		content, err := oid.Encode(dotted)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := oid.Decode(content); got != dotted || err != nil {
			t.Errorf("%s is read as %s, %v", dotted, got, err)
		}
	}
}
