package pem

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"

	"certkdb/kdb"
	"certkdb/kdb/keyfile"
	"certkdb/kdb/keyfile/pem/armour"
)

// Codec is the codec of text with PEM blocks as a database. Untouched text stays byte for byte: notes, attributes, order, line ends, and
// blocks that make no entry. FORMAT.md says how blocks become entries, and what is written above them. New private keys are protected with
// a number of iterations; 0 is the number of package pbe.
func Codec(iterations int) keyfile.Codec {
	return keyfile.Codec{
		Name:       "pem",
		Extensions: []string{".pem", ".crt", ".cer", ".arm", ".key"},
		Pieces:     true,
		Matches:    matchesText,
		Unwrap:     armour.Unwrap,
		Decode: func(f keyfile.Files, p keyfile.Passwords) (keyfile.Container, error) {
			c := newContainer(p)
			c.iterations = iterations
			return c.decodeText(f.Main)
		},
		New: func(profile string) (keyfile.Container, error) {
			if profile != "" {
				return nil, fmt.Errorf("%w: PEM is written in one way, there is no profile %q", kdb.ErrUnsupported, profile)
			}
			c := newContainer(keyfile.Passwords{})
			c.iterations = iterations
			return c, nil
		},
	}
}

// DER is the codec of certificates and keys without armour: DER, one element after the other, and its base64 text. They have no place for
// labels and passwords, so they are only read.
func DER() keyfile.Codec {
	return keyfile.Codec{
		Name:       "der",
		Extensions: []string{".der"},
		Pieces:     true,
		Matches:    func(head []byte) bool { return looksLikeDER(head) || isWrapped(head) },
		Decode: func(f keyfile.Files, p keyfile.Passwords) (keyfile.Container, error) {
			return newContainer(p).decodeDER(f.Main)
		},
	}
}

// isWrapped recognises base64 text without armour that holds DER or PEM by its beginning, also if it was encoded twice.
func isWrapped(head []byte) bool {
	inner := armour.UnwrapBare(head, false)
	return inner != nil && (looksLikeDER(inner) || bytes.Contains(inner, []byte(armour.BeginMark)) || isWrapped(inner))
}

// emptyMark is the content of a PEM file without any block: an empty file could be anything.
const emptyMark = "# certificates and keys in PEM (RFC 7468): none yet\n"

// errKeyStore is the error for a PKCS #12 file in PEM armour next to something else. It wraps [kdb.ErrUnsupported].
var errKeyStore = fmt.Errorf("%w: a key store among certificates; pass it in a file of its own", kdb.ErrUnsupported)

var utf8Mark = []byte("\ufeff")

// matchesText recognises text with PEM blocks by its beginning. Notes of any length may stand before the first block, so text that fills
// the whole head is believed to have one; reading will tell.
func matchesText(head []byte) bool {
	const whole = 4096 // as much as kdb.Driver.Matches promises to see
	full := len(head) >= whole
	if decoder := armour.UTF16(head); decoder != nil {
		head, _ = decoder.Bytes(head) // what is not UTF-16 becomes U+FFFD
	}
	notes, _, found := bytes.Cut(head, []byte(armour.BeginMark))
	return (found || full || bytes.HasPrefix(head, []byte(emptyMark)) || armour.BrokenMarker(head)) && isNote(notes)
}

// isNote says that there are no control characters; UTF-8 and the Latin alphabets are all fine.
func isNote(text []byte) bool {
	for _, b := range text {
		if b < ' ' && (b < '\t' || b > '\r') || b == 0x7f {
			return false
		}
	}
	return true
}

// decodeText reads text with PEM blocks.
func (c *container) decodeText(data []byte) (keyfile.Container, error) {
	text := data
	if decoder := armour.UTF16(data); decoder != nil {
		c.fixed = "it is UTF-16; write it as UTF-8 first, for example with iconv"
		text, _ = decoder.Bytes(data) // what is not UTF-16 becomes U+FFFD
	}
	if bytes.HasPrefix(text, []byte(emptyMark)) && !bytes.Contains(text, []byte(armour.BeginMark)) {
		c.tail = text
		return c, nil
	}
	start := 0 // behind the byte order mark
	if bytes.HasPrefix(text, utf8Mark) {
		start = len(utf8Mark)
	}
	c.split(text, start, func(out *sink) { scanText(bytes.NewReader(text[start:]), out) })
	return c.read()
}

// decodeDER reads what has no armour.
func (c *container) decodeDER(data []byte) (keyfile.Container, error) {
	c.fixed = "files without PEM armour are only read; copy the entries into another one"
	c.version = "DER"
	if !looksLikeDER(data) {
		c.version = "base64 without armour"
	}
	if decoder := armour.UTF16(data); decoder != nil {
		data, _ = decoder.Bytes(data) // what is not UTF-16 becomes U+FFFD
	}
	c.split(data, 0, func(out *sink) {
		if c.version == "DER" {
			scanDER(bufio.NewReader(bytes.NewReader(data)), out)
			return
		}
		scanText(bytes.NewReader(data), out)
	})
	return c.read()
}

// read makes entries of the parts. Bad pieces are kept and not shown, but if they are all that there is, the file cannot be read: it must
// not pass for an empty one. Nor must a key store among them: it can hold more than all the rest.
func (c *container) read() (keyfile.Container, error) {
	c.pair()
	if c.records.Len() == 0 && len(c.bad) > 0 {
		return nil, c.bad[0]
	}
	for _, err := range c.bad {
		if errors.Is(err, errKeyStore) {
			return nil, err
		}
	}
	return c, nil
}

// pair makes the records, in the order of the file. A key that cannot be opened yet makes one all the same.
func (c *container) pair() {
	x := &pieces{named: true, ignored: func(Item) {}, invalid: func(err error) { c.bad = append(c.bad, err) }}
	for _, p := range c.parts {
		var err error
		if isKey(p.item.Kind) {
			p.private, err = p.item.OpenKey(nil)
		}
		if err == nil || errors.Is(err, kdb.ErrNoPassword) || p.item.Kind != PrivateKey && unsupported(err) {
			err = x.add(p)
		}
		if err != nil {
			p.unread = true
			x.invalid(err)
		}
	}
	records := x.pair()
	slices.SortStableFunc(records, func(a, b *record) int { return cmp.Compare(a.number(), b.number()) })
	for _, r := range records {
		for _, p := range r.parts() {
			p.owners++
		}
		r.base = r.label
		r.label = c.records.Add(r.base, r)
	}
}
