package ber

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
)

// certificateBag is a SafeBag (RFC 7292, section 4.2.3) with a text for the certificate.
var certificateBag = bag([]byte(strings.Repeat("certificate", 50)))

func bag(der []byte) []byte {
	element := func(tag byte, content ...[]byte) []byte { return frame(bytes.Join(content, nil), 0, []byte{tag}) }
	x509 := element(ObjectID, []byte("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x16\x01"))
	certBag := element(Sequence, x509, element(Context0, element(OctetString, der)))
	return element(Sequence, element(ObjectID, []byte("\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x0a\x01\x03")), element(Context0, certBag))
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestDER_framing(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ in, der, rest string }{
		"DER":                             {"3003 020103", "3003020103", ""},
		"rest":                            {"3003 020103 ff", "3003020103", "ff"},
		"indefinite":                      {"3080 020103 0000", "3003020103", ""},
		"indefinite, nested":              {"3080 3080 0500 0000 020103 0000", "3007 3002 0500 020103", ""},
		"indefinite, rest":                {"3080 0000 0000", "3000", "0000"},
		"long length":                     {"308103 020103", "3003020103", ""},
		"length with zeros":               {"3084 00000003 020103", "3003020103", ""},
		"octets in pieces":                {"2480 0402 0102 0401 03 0000", "0403 010203", ""},
		"octets in pieces of pieces":      {"2480 2405 0401 01 0400 0401 02 0000", "0402 0102", ""},
		"no pieces":                       {"2400", "0400", ""},
		"BMPString in pieces":             {"3e08 1e02 0041 1e02 0042", "1e04 00410042", ""},
		"string in pieces of octets":      {"2c05 0403 616263", "0c03 616263", ""},
		"context tag stays":               {"a080 0401 05 0000", "a003 0401 05", ""},
		"context tag 4 is no string":      {"a480 0401 05 0000", "a403 0401 05", ""},
		"tag 4 of two bytes is no string": {"3f04 80 0401 05 0000", "3f04 03 0401 05", ""},
		"high tag number":                 {"bf8101 80 0500 0000", "bf8101 02 0500", ""},
		"primitive content is not opened": {"0404 3080 0000", "0404 30800000", ""},
		"length of 200":                   {"2481c8" + strings.Repeat("0403010203", 40), "0478" + strings.Repeat("010203", 40), ""},
	} {
		der, rest, err := DER(unhex(t, test.in))
		if err != nil || !bytes.Equal(der, unhex(t, test.der)) || !bytes.Equal(rest, unhex(t, test.rest)) {
			t.Errorf("%s: %x, %x, %v, want %s", name, der, rest, err, test.der)
		}
	}
}

func TestDER_refuses(t *testing.T) {
	t.Parallel()
	for name, in := range map[string]string{
		"nothing":                "",
		"no length":              "30",
		"cut length":             "3082 01",
		"cut content":            "3003 0201",
		"no end":                 "3080 020103",
		"half an end":            "3080 020103 00",
		"primitive indefinite":   "0480 0000",
		"length over the data":   "3084 7fffffff",
		"length of many bytes":   "3089 ffffffffffffffffff",
		"reserved length":        "30ff",
		"child over its parent":  "3003 0205 0101010101",
		"child over an indef":    "3080 3005 0201 0000",
		"piece of another type":  "2403 020101",
		"endless identifier":     "bf ffffffffffff 00",
		"identifier without end": "bf ff",
		"end where none is due":  "2402 0000",
	} {
		if der, _, err := DER(unhex(t, in)); !errors.Is(err, ErrShort) && !errors.Is(err, ErrSyntax) {
			t.Errorf("%s: %x, %v", name, der, err)
		}
	}
}

// TestDER_refusesHeads: what is wrong with a tag or a length, and whether more bytes would have helped.
func TestDER_refusesHeads(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		in    string
		short bool
	}{
		"a tag cut off":        {"1f81", true},
		"a tag of seven bytes": {"1f818181818101 00", false},
		"a length cut off":     {"048201", true},
		"a length over 256 M":  {"0486 010000000000 00", false},
	} {
		_, _, err := DER(unhex(t, test.in))
		if !errors.Is(err, ErrSyntax) || errors.Is(err, ErrShort) != test.short {
			t.Errorf("%s: %v, cut off %v", name, err, test.short)
		}
	}
	if _, _, err := DER(make([]byte, maxSize+1)); !errors.Is(err, ErrSyntax) {
		t.Errorf("more than %d bytes: %v", maxSize, err)
	}
}

// TestDER_copiesNothing that is DER already.
func TestDER_copiesNothing(t *testing.T) {
	t.Parallel()
	data := unhex(t, "3003020103")
	if der, _, err := DER(data); err != nil || &der[0] != &data[0] || cap(der) != len(der) {
		t.Errorf("%x, %v", der, err)
	}
}

// TestDER_bombs: the square of what these ask for would not end before the time limit of the whole test.
func TestDER_bombs(t *testing.T) {
	t.Parallel()
	for _, in := range map[string][]byte{
		"deep indefinite":         bytes.Repeat([]byte{0x30, 0x80}, 1<<20),
		"deep indefinite strings": bytes.Repeat([]byte{0x24, 0x80}, 1<<20),
		"deep long lengths":       bytes.Repeat([]byte{0x30, 0x83, 0x0f, 0xff, 0xff}, 1<<18),
		"many ends":               append([]byte{0x30, 0x80}, bytes.Repeat([]byte{0x30, 0x80, 0, 0}, 1<<20)...),
		"zeros":                   make([]byte, 1<<22),
	} {
		DER(in)
	}
}

// loosen writes DER as BER: indefinite lengths, octet strings in pieces, long lengths, as the random numbers will.
func loosen(out, der []byte, r *rand.Rand) []byte {
	for len(der) > 0 {
		reader := transcoder{data: der}
		h, err := reader.header()
		if err != nil {
			panic(err) // the input is DER
		}
		content := der[reader.pos : reader.pos+h.length]
		switch {
		case h.constructed() && r.IntN(2) == 0:
			out = append(append(out, h.tag...), 0x80)
			out = append(loosen(out, content, r), 0, 0)
		case h.constructed():
			inner := loosen(nil, content, r)
			out = append(append(out, h.tag...), 0x84, byte(len(inner)>>24), byte(len(inner)>>16), byte(len(inner)>>8), byte(len(inner)))
			out = append(out, inner...)
		case h.tag[0] == 4 && r.IntN(2) == 0:
			half := r.IntN(len(content) + 1)
			pieces := append(
				frame(append([]byte(nil), content[:half]...), 0, []byte{4}),
				frame(append([]byte(nil), content[half:]...), 0, []byte{4})...)
			out = append(append(append(out, 0x24, 0x80), pieces...), 0, 0)
		default:
			out = append(out, der[:reader.pos+h.length]...)
		}
		der = der[reader.pos+h.length:]
	}
	return out
}

func TestDER_invertsLoosening(t *testing.T) {
	t.Parallel()
	der := certificateBag
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		loose := loosen(nil, der, r)
		got, rest, err := DER(loose)
		if err != nil || len(rest) > 0 || !bytes.Equal(got, der) {
			t.Fatalf("%x becomes %x, %v", loose, got, err)
		}
	}
}

func FuzzDER(f *testing.F) {
	f.Add([]byte{0x30, 0x80, 0x24, 0x80, 4, 1, 1, 0, 0, 0, 0})
	f.Add(certificateBag)
	f.Fuzz(func(t *testing.T, data []byte) {
		der, rest, err := DER(data)
		if err != nil {
			return
		}
		again, more, err := DER(der)
		if err != nil || len(more) > 0 || !bytes.Equal(again, der) {
			t.Errorf("%x is not normal: %x, %v", der, again, err)
		}
		if len(der)+len(rest) > len(data) {
			t.Errorf("%d bytes became %d", len(data), len(der)+len(rest))
		}
	})
}
