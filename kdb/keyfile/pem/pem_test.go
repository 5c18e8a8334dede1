package pem_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	stdpem "encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf16"

	"certkdb/kdb"
	"certkdb/kdb/keyfile/pem"
)

// read collects what Items yields.
func read(input []byte) (items []pem.Item, errs []error) {
	for item, err := range pem.Items(bytes.NewReader(input)) {
		if err != nil {
			errs = append(errs, err)
			continue
		}
		items = append(items, item)
	}
	return items, errs
}

func armoured(typ string, der []byte) string {
	return string(stdpem.EncodeToMemory(&stdpem.Block{Type: typ, Bytes: der}))
}

// der makes elements of the shapes that the kinds are told apart by; the numbers in them make them differ.
func der(tag byte, parts ...[]byte) []byte {
	content := bytes.Join(parts, nil)
	switch n := len(content); {
	case n < 0x80:
		return append([]byte{tag, byte(n)}, content...)
	case n < 0x100:
		return append([]byte{tag, 0x81, byte(n)}, content...)
	default:
		return append([]byte{tag, 0x82, byte(n >> 8), byte(n)}, content...)
	}
}

func integer(n byte) []byte { return der(2, []byte{n}) }

func bigInteger(n byte) []byte { return der(2, append([]byte{1}, bytes.Repeat([]byte{n}, 127)...)) }

var (
	empty     = der(0x30)
	bits      = der(3, []byte{0, 1})
	octets    = der(4, []byte("secret"))
	utcTime   = der(0x17, []byte("260101000000Z"))
	algorithm = der(0x30, der(6, []byte{0x2a, 3, 4}))
)

func certificate(n byte) []byte {
	tbs := der(0x30, der(0xa0, integer(2)), bigInteger(n), algorithm, empty, der(0x30, utcTime, utcTime), empty, algorithm)
	return der(0x30, tbs, algorithm, bits)
}

func signed(tbs ...[]byte) []byte { return der(0x30, der(0x30, tbs...), algorithm, bits) }

func TestItems_kindByShape(t *testing.T) {
	t.Parallel()
	octetsLong := der(4, bytes.Repeat([]byte{7}, 60))
	for _, c := range []struct {
		name string
		der  []byte
		want pem.Kind
	}{
		{"certificate", certificate(1), pem.Certificate},
		{"certificate of version 1", signed(bigInteger(1), algorithm, empty, der(0x30, utcTime, utcTime), empty), pem.Certificate},
		{"revocation list", signed(integer(1), algorithm, empty, utcTime, bigInteger(9)), pem.RevocationSet},
		{"revocation list of version 1", signed(algorithm, empty, utcTime, bigInteger(9)), pem.RevocationSet},
		{"request", signed(integer(0), empty, algorithm, der(0xa0, bigInteger(3))), pem.Request},
		{"PKCS #8", der(0x30, integer(0), algorithm, octetsLong), pem.PrivateKey},
		{"SEC 1", der(0x30, integer(1), octetsLong), pem.PrivateKey},
		{
			"PKCS #1",
			der(0x30, integer(0), bigInteger(1), integer(3), bigInteger(2), bigInteger(3), bigInteger(4), integer(1), integer(1), integer(1)),
			pem.PrivateKey,
		},
		{"encrypted PKCS #8", der(0x30, algorithm, octetsLong), pem.EncryptedKey},
		{"public key", der(0x30, algorithm, der(3, bytes.Repeat([]byte{1}, 60))), pem.PublicKey},
		{"PKCS #7", der(0x30, der(6, []byte{0x2a, 3}), der(0xa0, bigInteger(1))), pem.PKCS7},
		{"PKCS #12", der(0x30, integer(3), der(0x30, der(6, []byte("\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01"))), octetsLong), pem.PKCS12},
		{"DSA parameters", der(0x30, bigInteger(1), bigInteger(2), bigInteger(3)), pem.Parameters},
	} {
		items, errs := read(c.der)
		if len(errs) > 0 || len(items) != 1 || items[0].Kind != c.want || !bytes.Equal(items[0].DER, c.der) {
			t.Errorf("%s: got %v, %v", c.name, items, errs)
		}
	}
}

func TestItems_layouts(t *testing.T) {
	t.Parallel()
	one, two := certificate(1), certificate(2)
	block := armoured("CERTIFICATE", one)
	text := "a comment\n\n" + block + "# between\n" + armoured("X509 CERTIFICATE", two) + "the end"
	oneLine := base64.StdEncoding.EncodeToString(one)
	for name, input := range map[string]string{
		"LF":                     text,
		"CR LF":                  strings.ReplaceAll(text, "\n", "\r\n"),
		"CR":                     strings.ReplaceAll(text, "\n", "\r"),
		"byte order mark":        "\ufeff" + block + armoured("CERTIFICATE", two),
		"UTF-16 LE":              utf16Text(binary.LittleEndian, true, text),
		"UTF-16 BE":              utf16Text(binary.BigEndian, true, text),
		"UTF-16 LE without mark": utf16Text(binary.LittleEndian, false, text),
		"UTF-16 BE without mark": utf16Text(binary.BigEndian, false, text),
		"indented":               strings.ReplaceAll(text, "\n", "\n   \t"),
		"trailing blanks":        strings.ReplaceAll(text, "\n", "  \n"),
		"blank lines inside":     strings.ReplaceAll(text, "\n", "\n\n"),
		"no end of line at end":  strings.TrimRight(text, "\n"),
		"blocks without LF":      strings.ReplaceAll(text, "-----\n-----", "----------"),
		"unbroken base64":        "-----BEGIN CERTIFICATE-----\n" + oneLine + "\n-----END CERTIFICATE-----\n" + armoured("CERTIFICATE", two),
		"all in one line":        strings.ReplaceAll(block+armoured("CERTIFICATE", two), "\n", " "),
		"JSON": `{"cert":"` + strings.ReplaceAll(block, "\n", `\n`) + `","ca":"` +
			strings.ReplaceAll(armoured("CERTIFICATE", two), "\n", `\r\n`) + `"}`,
		"CR at the end":           text + "\r",
		"only CR at the end":      strings.TrimRight(text, "\n") + "\r",
		"a NUL at the end":        text + "\x00",
		"long junk":               strings.Repeat("x", 9<<20) + "\n" + text,
		"'0' is no DER":           "0 s:CN=x\n" + text,
		"DER after DER":           string(one) + string(two),
		"DER with LF behind":      string(one) + string(two) + "\r\n",
		"base64 without armour":   base64.StdEncoding.EncodeToString(append(one, two...)),
		"the same in lines":       breakLines(base64.StdEncoding.EncodeToString(append(one[:len(one):len(one)], two...)), 70),
		"base64 with CR LF":       strings.ReplaceAll(breakLines(base64.StdEncoding.EncodeToString(slices.Concat(one, two)), 64), "\n", "\r\n"),
		"dashes in a comment":     "-----\n---------- BEGIN of it ------\n- x\n" + text,
		"PEM inside of a comment": "this ends with:\n" + text,
	} {
		for _, reader := range []io.Reader{strings.NewReader(input), iotest.OneByteReader(strings.NewReader(input))} {
			if len(input) > 1<<20 && reader != nil {
				reader = strings.NewReader(input)
			}
			var got [][]byte
			for item, err := range pem.Items(reader) {
				if err != nil {
					t.Errorf("%s: %v", name, err)
					break
				}
				if item.Kind != pem.Certificate {
					t.Errorf("%s: kind %v", name, item.Kind)
				}
				got = append(got, item.DER)
			}
			if len(got) != 2 || !bytes.Equal(got[0], one) || !bytes.Equal(got[1], two) {
				t.Errorf("%s: %d items, want the two certificates", name, len(got))
			}
		}
	}
}

func breakLines(s string, width int) string {
	var b strings.Builder
	for ; len(s) > width; s = s[width:] {
		b.WriteString(s[:width] + "\n")
	}
	return b.String() + s + "\n"
}

func utf16Text(order binary.ByteOrder, mark bool, s string) string {
	var out []byte
	if mark {
		out = appendUint16(out, order, 0xfeff)
	}
	for _, u := range utf16.Encode([]rune(s)) {
		out = appendUint16(out, order, u)
	}
	return string(out)
}

func appendUint16(to []byte, order binary.ByteOrder, u uint16) []byte {
	var b [2]byte
	order.PutUint16(b[:], u)
	return append(to, b[:]...)
}

func TestItems_errorsNameThePlace(t *testing.T) {
	t.Parallel()
	good := armoured("CERTIFICATE", certificate(1))
	lines := strings.SplitAfter(good, "\n")
	bad := append([]string(nil), lines...)
	bad[3] = "AA*A" + bad[3][4:]
	cut := append(append([]string(nil), lines[:3]...), lines[4:]...)
	for _, c := range []struct {
		name, input string
		want        []string
		items       int
	}{
		{"empty", "", []string{"the input is empty"}, 0},
		{"nothing in it", "hello\nworld\n", []string{"it is a text file"}, 0},
		{"nothing known in it", "\x01\x02", []string{"neither a PEM block"}, 0},
		{"a web page", "<!DOCTYPE html>\n" + strings.Repeat("<br>\n", 2000), []string{"it is a web page"}, 0},
		{"an archive", "\x1f\x8b\x08\x00", []string{"compressed file"}, 0},
		{"another key store", "SQLite format 3\x00", []string{"SQLite"}, 0},
		{
			"character", "\n" + good + strings.Join(bad, "") + good,
			[]string{"certificate 2 (line", "line " + fmt.Sprint(1+len(lines)-1+4), `'*'`},
			2,
		},
		{"line lost", good + strings.Join(cut, ""), []string{"certificate 2 (line", "cut off"}, 1},
		{"no END at the end", good + strings.Join(lines[:4], ""), []string{"certificate 2 (line", "no END before the end of the input"}, 1},
		{"no END", strings.Join(lines[:4], "") + good, []string{"certificate 1 (line 1)", "before the next BEGIN in line 5"}, 1},
		{"other END", strings.Replace(good, "END CERT", "END X509 CERT", 1), []string{"certificate 1 (line 1)", `END "X509 CERTIFICATE"`}, 0},
		{"END alone", good + "-----END CERTIFICATE-----\n", []string{"END without BEGIN"}, 1},
		{
			"BEGIN with four dashes", good + strings.Replace(good, "CERTIFICATE-----", "CERTIFICATE----", 1),
			[]string{"the BEGIN line is damaged"},
			1,
		},
		{"four dashes BEGIN", good + good[1:], []string{"damaged BEGIN or END line"}, 1},
		{"END with four dashes", good[:len(good)-2] + "\n" + good, []string{"certificate 1 (line 1)", "is damaged"}, 1},
		{"nothing inside", "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n", []string{"certificate 1 (line 1)", "empty"}, 0},
		{
			"not a certificate", armoured("CERTIFICATE", der(0x30, integer(0), algorithm, octets)),
			[]string{"the content is not a certificate, but a private key"},
			0,
		},
		{"a certificate as a key", armoured("PRIVATE KEY", certificate(1)), []string{"not a private key, but a certificate"}, 0},
		{"long dashes", strings.ReplaceAll(good, "--", "\u2013"), []string{"damaged BEGIN", "U+2013"}, 0},
		{
			"lower-case markers", strings.NewReplacer("BEGIN", "begin", "END", "end", "CERTIFICATE", "certificate").Replace(good),
			[]string{"line 1: a damaged BEGIN", "write it in capitals: -----BEGIN CERTIFICATE-----"},
			0,
		},
		{
			"markers with a capital",
			"note\n" + strings.NewReplacer("BEGIN", "Begin", "END", "End", "CERTIFICATE", "Certificate").Replace(good) + good,
			[]string{"line 2: a damaged BEGIN", "write it in capitals: -----BEGIN CERTIFICATE-----"},
			1,
		},
		{"END in lower case", strings.Replace(good, "END", "end", 1) + good, []string{"certificate 1 (line 1)", "is not in capitals"}, 1},
		{"type in lower case", strings.ReplaceAll(good, "CERT", "cert"), []string{"line 1", `"certIFICATE" is not in capitals`}, 0},
		{"bytes behind", armoured("CERTIFICATE", append(certificate(1), 5, 0)), []string{"2 bytes follow the certificate"}, 0},
		{"cut content", armoured("CERTIFICATE", certificate(1)[:100]), []string{"certificate 1 (line 1)", "cut off: 100 bytes of"}, 0},
		{"cut DER", string(certificate(1)) + string(certificate(2)[:50]), []string{"offset", "cut off: 50 bytes of"}, 1},
		{"DER of nothing", "\x30\x82\x00\x04\x30\x02\x05\x00", []string{"offset 0", "not a certificate, key"}, 0},
		{"huge length", "\x30\x84\xff\xff\xff\xff\x00", []string{"offset 0", "at most"}, 0},
		{"nested", "\x30\x80" + strings.Repeat("\x30\x80", 5000), []string{"offset 0", "nested more than"}, 0},
	} {
		items, errs := read([]byte(c.input))
		if len(errs) != 1 || len(items) != c.items {
			t.Errorf("%s: %d items, errors %v; want %d items and one error", c.name, len(items), errs, c.items)
			continue
		}
		for _, want := range c.want {
			if !strings.Contains(errs[0].Error(), want) || !errors.Is(errs[0], kdb.ErrParse) {
				t.Errorf("%s: error %q, want %q in it and ErrParse", c.name, errs[0], want)
			}
		}
	}
}

func TestItems_bagAttributes(t *testing.T) {
	t.Parallel()
	input := "Bag Attributes\n    friendlyName: My key é\n    localKeyID: 01 02 A0 \nsubject=CN = x\n\nissuer=CN = y\n\n" +
		armoured("CERTIFICATE", certificate(1)) + "Bag Attributes: <No Attributes>\n" + armoured("CERTIFICATE", certificate(2))
	items, errs := read([]byte(input))
	if len(errs) > 0 || len(items) != 2 {
		t.Fatalf("got %v, %v", items, errs)
	}
	if items[0].Label != "My key é" || !bytes.Equal(items[0].LocalKeyID, []byte{1, 2, 0xa0}) {
		t.Errorf("label %q, key id %x", items[0].Label, items[0].LocalKeyID)
	}
	if items[1].Label != "" || items[1].LocalKeyID != nil {
		t.Errorf("attributes of the first block stick to the second: %q %x", items[1].Label, items[1].LocalKeyID)
	}
	if items[0].Where() != "certificate 1 (line 8)" {
		t.Errorf("where: %s", items[0].Where())
	}
}

func TestItems_trustedCertificate(t *testing.T) {
	t.Parallel()
	serverAuth, any := []byte{0x2b, 6, 1, 5, 5, 7, 3, 1}, []byte{0x55, 0x1d, 0x25, 0}
	aux := der(0x30, der(0x30, der(6, serverAuth)), der(0xa0, der(6, any)), der(0x0c, []byte("Alias")), der(4, []byte{1, 2}))
	items, errs := read([]byte(armoured("TRUSTED CERTIFICATE", append(certificate(1), aux...))))
	if len(errs) > 0 || len(items) != 1 {
		t.Fatalf("got %v, %v", items, errs)
	}
	got := items[0]
	if !bytes.Equal(got.DER, certificate(1)) || got.Label != "Alias" || got.Aux == nil || got.Aux.Distrusted() ||
		fmt.Sprint(got.Aux.Trust, got.Aux.Reject) != "[1.3.6.1.5.5.7.3.1] [2.5.29.37.0]" {
		t.Errorf("got %+v", got)
	}
	items, _ = read([]byte(armoured("TRUSTED CERTIFICATE", append(certificate(1), der(0x30, der(0xa0, der(6, any)))...))))
	if len(items) != 1 || !items[0].Aux.Distrusted() {
		t.Errorf("a certificate that is rejected for everything is not distrusted: %+v", items)
	}
}

func TestItems_headersMakeAKeyEncrypted(t *testing.T) {
	t.Parallel()
	input := "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n" +
		"DEK-Info: AES-128-CBC,0011\n\nAAECAwQFBgc=\n-----END RSA PRIVATE KEY-----\n"
	items, errs := read([]byte(input))
	if len(errs) > 0 || len(items) != 1 || items[0].Kind != pem.EncryptedKey ||
		items[0].Header("DEK-Info") != "AES-128-CBC,0011" || len(items[0].DER) != 8 {
		t.Errorf("got %+v, %v", items, errs)
	}
}

func TestItems_blocksOfOthers(t *testing.T) {
	t.Parallel()
	for name, block := range map[string]string{
		"a check sum":   "-----BEGIN PGP MESSAGE-----\n\nhQEMA5vJ\n=abcd\n-----END PGP MESSAGE-----\n",
		"no DER":        "-----BEGIN X-----\nAAAA\n-----END X-----\n",
		"a certificate": armoured("X", certificate(1)),
		"nothing":       "-----BEGIN X-----\n-----END X-----\n",
	} {
		items, errs := read([]byte(block + armoured("CERTIFICATE", certificate(1))))
		if len(errs) > 0 || len(items) != 2 || items[0].Kind != pem.Other || items[1].Kind != pem.Certificate {
			t.Errorf("%s: %d items, %v", name, len(items), errs)
		}
	}
}

func TestItems_stopsWhenAsked(t *testing.T) {
	t.Parallel()
	input := strings.Repeat(armoured("CERTIFICATE", certificate(1)), 3)
	seen := 0
	for range pem.Items(strings.NewReader(input)) {
		seen++
		break
	}
	if seen != 1 {
		t.Errorf("saw %d", seen)
	}
}

func TestItems_readError(t *testing.T) {
	t.Parallel()
	broken := errors.New("disk on fire")
	block := armoured("CERTIFICATE", certificate(1))
	for _, input := range []string{"", block, block + block[:50]} {
		var last error
		for _, err := range pem.Items(io.MultiReader(strings.NewReader(input), iotest.ErrReader(broken))) {
			last = err
		}
		if !errors.Is(last, broken) || errors.Is(last, kdb.ErrParse) {
			t.Errorf("after %d bytes: %v", len(input), last)
		}
	}
}

func BenchmarkItems(b *testing.B) {
	block := armoured("CERTIFICATE", bytes.Replace(certificate(1), empty, empty, 1))
	input := strings.Repeat(block+"# comment\n", 10000)
	b.SetBytes(int64(len(input)))
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		for _, err := range pem.Items(strings.NewReader(input)) {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		if n != 10000 {
			b.Fatal(n)
		}
	}
}

// The example in FORMAT.md says what it is said to say.
func TestFormat_example(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "```\n")
	example, _, found := strings.Cut(rest, "-----BEGIN CERTIFICATE-----\n```")
	if !found {
		t.Fatal("FORMAT.md has no example of a certificate")
	}
	items, errs := read([]byte(example + armoured("CERTIFICATE", certificate(1))))
	if len(items) != 1 || len(errs) != 0 || items[0].Label != "web" || !bytes.Equal(items[0].LocalKeyID, []byte{0x01, 0xa4, 0x79, 0xb8}) {
		t.Errorf("%+v, %v", items, errs)
	}
}
