package pem

import (
	"bufio"
	"bytes"
	"encoding/asn1"
	"fmt"
	"io"

	"certkdb/kdb/keyfile/ber"
	"certkdb/kdb/keyfile/pem/armour"
)

// looksLikeDER recognises a SEQUENCE: text may begin with the character '0' too, but not followed by a length.
func looksLikeDER(head []byte) bool {
	if len(head) < 4 || head[0] != tagSequence {
		return false
	}
	switch long := head[1]; {
	case long > 0x80 && long <= 0x80+ber.MaxHead-2:
		return true
	case long >= 0x80:
		return long == 0x80
	}
	// An encrypted key (PKCS #8) begins with an AlgorithmIdentifier, which may be longer than any control character.
	return head[2] == tagInteger || head[2] == tagOID || head[2] == tagSequence && (head[3] < 0x20 || len(head) > 4 && head[4] == tagOID)
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

// isPadding accepts what editors and transfers append to a DER file.
func isPadding(b byte) bool { return b == '\n' || b == '\r' || b == 0 || b == 0x1a }

// readElement reads one element. Memory grows with what is really there, whatever the length says. io.EOF with no bytes is the end.
func readElement(in *bufio.Reader) ([]byte, error) {
	head, err := in.Peek(ber.MaxHead)
	if len(head) == 0 {
		return nil, err
	}
	tag, size, length, err := ber.Head(head)
	if err != nil {
		return nil, err
	}
	if tag != tagSequence && tag != tagOID {
		return nil, fmt.Errorf("byte 0x%02x begins neither a certificate nor a key", head[0])
	}
	if length < 0 {
		return readIndefinite(in)
	}
	if length > armour.MaxBlock {
		return nil, fmt.Errorf("an element of %d bytes; at most %d are read", length, armour.MaxBlock)
	}
	var der bytes.Buffer
	if n, err := io.CopyN(&der, in, int64(size+length)); err != nil {
		return nil, fmt.Errorf("cut off: %d bytes of %d are there", n, size+length)
	}
	return der.Bytes(), nil
}

// readIndefinite reads a BER element of indefinite length (X.690, 8.1.3.6), whose end shows only when its content is read.
func readIndefinite(in *bufio.Reader) ([]byte, error) {
	all, err := io.ReadAll(io.LimitReader(in, armour.MaxBlock+1))
	if err != nil {
		return nil, err
	}
	n, err := ber.Length(all)
	if err != nil {
		return nil, err
	}
	in.Reset(bytes.NewReader(all[n:]))
	return all[:n:n], nil
}

// The tags that tell things apart.
const (
	tagInteger     = ber.Integer
	tagBitString   = ber.BitString
	tagOctetString = ber.OctetString
	tagOID         = ber.ObjectID
	tagUTCTime     = ber.UTCTime
	tagGeneralTime = ber.GeneralizedTime
	tagSequence    = ber.Sequence
	tagContext0    = ber.Context0
)

// shape is what a constructed element holds: the tags of its first elements, and these elements whole.
type shape struct {
	count int
	tags  [maxShape]byte
	parts [maxShape][]byte
}

const maxShape = 8

// shapeOf reads the shape of a BER element as far as it can be read.
func shapeOf(der []byte) shape {
	var s shape
	_, content, _, err := ber.Next(der)
	for err == nil && len(content) > 0 && s.count < maxShape {
		var n int
		if n, err = ber.Length(content); err == nil {
			s.tags[s.count], s.parts[s.count] = content[0], content[:n]
			s.count++
			content = content[n:]
		}
	}
	return s
}

// is compares the first tags. No shape has the tag 0, so a shape that is too short differs.
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
		return classifyNumbered(&s)
	case tagSequence:
		return classifySigned(&s)
	}
	return Other
}

// oidPKCS7 is the beginning of the content types of PKCS #7 (1.2.840.113549.1.7).
const oidPKCS7 = "\x2a\x86\x48\x86\xf7\x0d\x01\x07"

// classifyNumbered tells apart what begins with an INTEGER, mostly a version.
func classifyNumbered(s *shape) Kind {
	switch {
	case s.is(tagInteger, tagSequence) && bytes.Contains(s.parts[1][:min(len(s.parts[1]), 2*ber.MaxHead+len(oidPKCS7))], []byte(oidPKCS7)):
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
		content := shapeOf(s.parts[0])
		return classifyContent(&content)
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
		return nil, fmt.Errorf("the trust settings after the certificate: %w", err)
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
