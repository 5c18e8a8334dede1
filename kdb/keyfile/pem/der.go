package pem

import (
	"bufio"
	"bytes"
	"encoding/asn1"
	"errors"
	"fmt"
	"io"
)

// looksLikeDER recognises a SEQUENCE: text may begin with the character '0' too, but not followed by a length.
func looksLikeDER(head []byte) bool {
	if len(head) < 4 || head[0] != tagSequence {
		return false
	}
	switch long := head[1]; {
	case long > 0x80 && long <= 0x85:
		return true
	case long >= 0x80:
		return long == 0x80
	}
	return head[2] == tagInteger || head[2] == tagOID || head[2] == tagSequence && head[3] < 0x20
}

// scanDER reads one DER element after the other.
func scanDER(in *bufio.Reader, out *sink) {
	var offset int64
	for !out.stopped {
		if head, _ := in.Peek(1); len(head) == 1 && out.any && isPadding(head[0]) {
			_, _ = in.Discard(1)
			offset++
			continue
		}
		der, err := readElement(in)
		if err == io.EOF && len(der) == 0 {
			return
		}
		item := Item{DER: der, Offset: offset}
		if err == nil {
			err = item.identify()
		}
		if err != nil {
			item.Number = out.number(item.Kind)
			out.fail("offset %d: %w", offset, err)
			if len(der) == 0 {
				return
			}
		} else {
			out.item(item)
		}
		offset += int64(len(der))
	}
}

// isPadding accepts what editors and transfers leave behind a DER file.
func isPadding(b byte) bool { return b == '\n' || b == '\r' || b == 0 || b == 0x1a }

// readElement reads one element. Memory grows with what is really there, whatever the length says. io.EOF with no bytes is the end.
func readElement(in *bufio.Reader) ([]byte, error) {
	head, err := in.Peek(maxHead)
	if len(head) == 0 {
		return nil, err
	}
	tag, size, length, err := readHead(head)
	if err != nil {
		return nil, err
	}
	if tag != tagSequence && tag != tagOID {
		return nil, fmt.Errorf("byte 0x%02x begins neither a certificate nor a key", head[0])
	}
	if length < 0 {
		return readIndefinite(in)
	}
	if length > MaxBlock {
		return nil, fmt.Errorf("an element of %d bytes; at most %d are read", length, MaxBlock)
	}
	var der bytes.Buffer
	if n, err := io.CopyN(&der, in, int64(size+length)); err != nil {
		return nil, fmt.Errorf("cut off: %d bytes of %d are there", n, size+length)
	}
	return der.Bytes(), nil
}

// readIndefinite reads a BER element of indefinite length (X.690, 8.1.3.6), whose end shows only when its content is read.
func readIndefinite(in *bufio.Reader) ([]byte, error) {
	all, err := io.ReadAll(io.LimitReader(in, MaxBlock+1))
	if err != nil {
		return nil, err
	}
	n, err := elementLength(all, 0)
	if err != nil {
		return nil, err
	}
	in.Reset(bytes.NewReader(all[n:]))
	return all[:n:n], nil
}

// The tags that tell things apart (X.690, 8.1.2).
const (
	tagInteger     = 0x02
	tagBitString   = 0x03
	tagOctetString = 0x04
	tagOID         = 0x06
	tagUTCTime     = 0x17
	tagGeneralTime = 0x18
	tagSequence    = 0x30
	tagContext0    = 0xa0
)

const (
	maxHead    = 10 // of tag and length
	maxNesting = 64
)

var errShort = errors.New("cut off in the middle of a tag or length")

// readHead reads tag and length of a BER element: how long they are, and how long the content is, -1 if that is indefinite.
func readHead(ber []byte) (tag byte, size, length int, err error) {
	if len(ber) < 2 {
		return 0, 0, 0, errShort
	}
	tag, size, length = ber[0], 2, int(ber[1])
	if tag&0x1f == 0x1f {
		return 0, 0, 0, fmt.Errorf("a tag of several bytes (0x%02x 0x%02x) belongs to nothing that is read here", ber[0], ber[1])
	}
	if length == 0x80 {
		return tag, size, -1, nil
	}
	if length < 0x80 {
		return tag, size, length, nil
	}
	n := length & 0x7f
	if n > 8 {
		return 0, 0, 0, fmt.Errorf("a length of %d bytes", n)
	}
	if len(ber) < 2+n {
		return 0, 0, 0, errShort
	}
	length = 0
	for _, b := range ber[2 : 2+n] {
		if length > 1<<40 {
			return 0, 0, 0, errors.New("a length beyond all measure")
		}
		length = length<<8 | int(b)
	}
	return tag, 2 + n, length, nil
}

// elementLength returns the length of the BER element that ber begins with.
func elementLength(ber []byte, depth int) (int, error) {
	_, size, length, err := readHead(ber)
	switch {
	case err != nil:
		return 0, err
	case depth > maxNesting:
		return 0, fmt.Errorf("nested more than %d deep", maxNesting)
	case length > len(ber)-size:
		return 0, fmt.Errorf("cut off: %d bytes of %d are there", len(ber), size+length)
	case length >= 0:
		return size + length, nil
	}
	for at := size; ; {
		if bytes.HasPrefix(ber[at:], []byte{0, 0}) {
			return at + 2, nil
		}
		n, err := elementLength(ber[at:], depth+1)
		if err != nil {
			return 0, err
		}
		at += n
	}
}

// shape is what a constructed element holds: the tags of its first elements, and these elements whole.
type shape struct {
	count int
	tags  [maxShape]byte
	parts [maxShape][]byte
}

const maxShape = 8

// shapeOf reads the shape of a BER element as far as it can be read.
func shapeOf(ber []byte) *shape {
	var s shape
	_, at, length, err := readHead(ber)
	if err != nil {
		return &s
	}
	if length >= 0 && length <= len(ber)-at {
		ber = ber[:at+length]
	}
	for at < len(ber) && s.count < maxShape {
		n, err := elementLength(ber[at:], 1)
		if err != nil || ber[at] == 0 && length < 0 {
			break
		}
		s.tags[s.count], s.parts[s.count] = ber[at], ber[at:at+n]
		s.count++
		at += n
	}
	return &s
}

// is compares the first tags. The tag 0 never stands in a shape, so a shape that is too short differs.
func (s *shape) is(want ...byte) bool { return bytes.HasPrefix(s.tags[:], want) }

// classify says what a DER element is by its shape; Other if it is nothing known.
func classify(der []byte) Kind {
	if len(der) > 0 && der[0] == tagOID {
		return Parameters
	}
	s := shapeOf(der)
	switch s.tags[0] {
	case tagOID:
		return PKCS7
	case tagInteger:
		return classifyNumbered(s)
	case tagSequence:
		return classifySigned(s)
	}
	return Other
}

// oidPKCS7 is the beginning of the content types of PKCS #7 in DER (1.2.840.113549.1.7).
const oidPKCS7 = "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07"

// classifyNumbered tells apart what begins with an INTEGER, mostly a version.
func classifyNumbered(s *shape) Kind {
	switch {
	case s.is(tagInteger, tagSequence) && bytes.Contains(s.parts[1][:min(len(s.parts[1]), 16)], []byte(oidPKCS7)):
		return PKCS12
	case s.is(tagInteger, tagSequence, tagOctetString), s.is(tagInteger, tagOctetString),
		s.is(tagInteger, tagInteger, tagInteger, tagInteger, tagInteger, tagInteger):
		return PrivateKey
	case s.is(tagInteger, tagSequence, tagSequence):
		return Parameters // ECParameters (SEC 1, C.2)
	case s.is(tagInteger, tagInteger) && s.count == 2 && len(s.parts[1]) <= 10:
		return PublicKey // PKCS #1; a DHParameter of two numbers looks the same and is of no use here
	case s.is(tagInteger, tagInteger):
		return Parameters
	}
	return Other
}

// classifySigned tells apart what begins with a SEQUENCE: something signed, or an algorithm.
func classifySigned(s *shape) Kind {
	const constructedOctetString = 0x24 // BER
	switch {
	case s.is(tagSequence, tagSequence, tagBitString):
		return classifyContent(shapeOf(s.parts[0]))
	case s.is(tagSequence, tagBitString):
		return PublicKey
	case s.is(tagSequence, tagOctetString), s.is(tagSequence, constructedOctetString):
		return EncryptedKey
	}
	return Other
}

// classifyContent tells what was signed (RFC 5280, 4.1 and 5.1; RFC 2986, 4.1).
func classifyContent(s *shape) Kind {
	switch {
	case s.is(tagContext0), s.is(tagInteger, tagSequence, tagSequence, tagSequence):
		return Certificate
	case s.is(tagSequence, tagSequence, tagUTCTime), s.is(tagSequence, tagSequence, tagGeneralTime),
		s.is(tagInteger, tagSequence, tagSequence, tagUTCTime), s.is(tagInteger, tagSequence, tagSequence, tagGeneralTime):
		return RevocationSet
	case s.is(tagInteger, tagSequence, tagSequence):
		return Request
	}
	return Other
}

// Aux is what OpenSSL keeps with a TRUSTED CERTIFICATE (X509_CERT_AUX).
type Aux struct {
	Alias string
	// Trust and Reject are extended key usages in dotted form that the certificate is trusted for, and is not.
	Trust, Reject []string
	KeyID         []byte
}

// Distrusted says that the auxiliary part trusts the certificate for nothing and rejects it for something.
func (a *Aux) Distrusted() bool { return a != nil && len(a.Trust) == 0 && len(a.Reject) > 0 }

// parseAux reads X509_CERT_AUX: SEQUENCE { trust SEQUENCE OF OID OPTIONAL, reject [0] OPTIONAL, alias UTF8String OPTIONAL,
// keyid OCTET STRING OPTIONAL, other [1] OPTIONAL }.
func parseAux(der []byte) (*Aux, error) {
	var raw struct {
		Trust  []asn1.ObjectIdentifier `asn1:"optional"`
		Reject []asn1.ObjectIdentifier `asn1:"optional,tag:0"`
		Alias  string                  `asn1:"optional,utf8"`
		KeyID  []byte                  `asn1:"optional"`
		Other  asn1.RawValue           `asn1:"optional,tag:1"`
	}
	if _, err := asn1.Unmarshal(der, &raw); err != nil {
		return nil, fmt.Errorf("the trust settings behind the certificate: %w", err)
	}
	return &Aux{Alias: raw.Alias, Trust: dotted(raw.Trust), Reject: dotted(raw.Reject), KeyID: raw.KeyID}, nil
}

func dotted(ids []asn1.ObjectIdentifier) []string {
	var out []string
	for _, id := range ids {
		out = append(out, id.String())
	}
	return out
}
