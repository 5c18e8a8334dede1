package cms

import (
	"bytes"
	"crypto/sha1"
	"encoding/asn1"
	"encoding/binary"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"certkdb/kdb"
)

// The kinds of records are the context tags of their CHOICE (FORMAT.md, section 4).
const (
	choiceRequest  = 0 // a PKCS #10 request and its sealed key
	choiceTrusted  = 1 // a certificate
	choicePersonal = 2 // a certificate and its sealed key
	choiceSecret   = 3 // a sealed secret key
)

const (
	tagVisibleString = cbasn1.Tag(26)
	slotType         = 1
	hashCount        = 5

	flagTrusted = 0x80 // bit 0
	flagDefault = 0x40 // bit 1
)

// slot is one record with its place in the file.
type slot struct {
	raw    []byte // the whole slot as it was read; nil once it was changed
	number uint32
	label  string // as it is in the slot
	shown  string // the label of the entry
	hidden string // why it is not shown; "" if it is
	record

	trailer []byte // what follows the label, padding included; of a slot that was read
	plain   []byte // the opened key, or one that was put and is sealed when the file is written
	toSeal  bool   // plain is to be sealed
	listed  bool   // a listing tried to open the secret key
	inner   string // the label within the DER, which should be the same
}

// record is the DER of a slot taken apart.
type record struct {
	choice  int
	request []byte
	cert    []byte
	sealed  []byte // EncryptedPrivateKeyInfo
	flags   []byte // content of the BIT STRING
}

// opaque says that nothing is known of the content.
func (r *record) opaque() bool { return r.cert == nil && r.request == nil && r.sealed == nil }

func (r *record) trusted() bool { return len(r.flags) > 1 && r.flags[1]&flagTrusted != 0 }

func (r *record) isDefault() bool { return len(r.flags) > 1 && r.flags[1]&flagDefault != 0 }

// setFlags makes the flags a BIT STRING in DER with a named bit list (X.690, 11.2.2): without trailing zero bits.
func (r *record) setFlags(trusted, isDefault bool) {
	switch {
	case isDefault && trusted:
		r.flags = []byte{6, flagTrusted | flagDefault}
	case isDefault:
		r.flags = []byte{6, flagDefault}
	case trusted:
		r.flags = []byte{7, flagTrusted}
	default:
		r.flags = []byte{0}
	}
}

// parseSlot reads type, number, DER, label and trailer.
func parseSlot(raw []byte) (*slot, error) {
	in := cryptobyte.String(raw)
	var typ, size uint32
	s := &slot{raw: raw}
	if !in.ReadUint32(&typ) || !in.ReadUint32(&s.number) || !in.ReadUint32(&size) {
		return nil, fmt.Errorf("%w: it is too short", kdb.ErrParse)
	}
	var der, label []byte
	if !readBytes(&in, &der, size) {
		return nil, fmt.Errorf("%w: a record of %d bytes in a slot of %d", kdb.ErrParse, size, len(raw))
	}
	if !in.ReadUint32(&size) || !readBytes(&in, &label, size) {
		return nil, fmt.Errorf("%w: the label does not fit into the slot", kdb.ErrParse)
	}
	s.label = string(bytes.TrimSuffix(label, []byte{0})) // KdbTool ends labels with a NUL, GSKit does not
	s.trailer = in
	if typ != slotType {
		s.hidden = fmt.Sprintf("its slot is of type %d", typ)
		return s, nil
	}
	if err := s.parse(der); err != nil {
		return nil, fmt.Errorf("the record of label %q: %w", s.label, err)
	}
	return s, nil
}

// readBytes is cryptobyte's ReadBytes for lengths that an int may not hold.
func readBytes(in *cryptobyte.String, out *[]byte, n uint32) bool {
	return uint64(n) <= uint64(len(*in)) && in.ReadBytes(out, int(n))
}

// parse reads SEQUENCE { INTEGER, CHOICE, VisibleString, BIT STRING }. A choice that is not known is hidden.
func (s *slot) parse(der cryptobyte.String) error {
	var body, choice, label, flags cryptobyte.String
	var tag cbasn1.Tag
	switch {
	case !der.ReadASN1(&body, cbasn1.SEQUENCE) || !der.Empty():
		return fmt.Errorf("%w: it is not a SEQUENCE", kdb.ErrParse)
	case !body.SkipASN1(cbasn1.INTEGER):
		return fmt.Errorf("%w: it has no number", kdb.ErrParse)
	case !body.ReadAnyASN1(&choice, &tag):
		return fmt.Errorf("%w: it has no content", kdb.ErrParse)
	case !body.ReadASN1(&label, tagVisibleString):
		return fmt.Errorf("%w: it has no label", kdb.ErrParse)
	case !body.ReadASN1(&flags, cbasn1.BIT_STRING) || len(flags) == 0:
		return fmt.Errorf("%w: it has no flags", kdb.ErrParse)
	}
	s.flags, s.inner = flags, string(label)
	for n := range choiceSecret + 1 {
		if tag == choiceTag(n) {
			s.choice = n
			return s.parseChoice(choice)
		}
	}
	s.hidden = fmt.Sprintf("its content has the unknown tag %#02x", uint8(tag))
	return nil
}

func choiceTag(n int) cbasn1.Tag { return cbasn1.Tag(n).ContextSpecific().Constructed() }

func (s *slot) parseChoice(in cryptobyte.String) error {
	var first, second cryptobyte.String
	pair := s.choice == choiceRequest || s.choice == choicePersonal
	if pair && (!in.ReadASN1(&in, cbasn1.SEQUENCE) || !in.ReadASN1Element(&first, cbasn1.SEQUENCE)) ||
		!in.ReadASN1Element(&second, cbasn1.SEQUENCE) || !in.Empty() {
		return fmt.Errorf("%w: malformed content of kind [%d]", kdb.ErrParse, s.choice)
	}
	switch s.choice {
	case choiceRequest:
		s.request, s.sealed = first, second
	case choicePersonal:
		s.cert, s.sealed = first, second
	case choiceTrusted:
		s.cert = second
	case choiceSecret:
		s.sealed = second
	}
	return nil
}

// der builds the record. Its INTEGER is the record number, as GSKit writes it.
func (s *slot) der() ([]byte, error) {
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Uint64(uint64(s.number))
		b.AddASN1(choiceTag(s.choice), func(b *cryptobyte.Builder) {
			switch s.choice {
			case choiceRequest:
				addPair(b, s.request, s.sealed)
			case choicePersonal:
				addPair(b, s.cert, s.sealed)
			case choiceTrusted:
				b.AddBytes(s.cert)
			case choiceSecret:
				b.AddBytes(s.sealed)
			}
		})
		b.AddASN1(tagVisibleString, func(b *cryptobyte.Builder) { b.AddBytes([]byte(s.label)) })
		b.AddASN1(cbasn1.BIT_STRING, func(b *cryptobyte.Builder) { b.AddBytes(s.flags) })
	})
	return b.Bytes()
}

func addPair(b *cryptobyte.Builder, first, second []byte) {
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(first)
		b.AddBytes(second)
	})
}

// body is the slot without padding; of an untouched one it is what was read.
func (s *slot) body() ([]byte, error) {
	if s.raw != nil {
		return s.raw, nil
	}
	der, err := s.der()
	if err != nil {
		return nil, err
	}
	out := binary.BigEndian.AppendUint32(nil, slotType)
	out = binary.BigEndian.AppendUint32(out, s.number)
	out = binary.BigEndian.AppendUint32(out, uint32(len(der)))
	out = append(out, der...)
	out = binary.BigEndian.AppendUint32(out, uint32(len(s.label)))
	out = append(out, s.label...)
	return append(out, s.newTrailer()...), nil
}

// newTrailer is the flags, which are 0 in a new slot, and, of certificates, the five hashes. Requests and secret keys have none.
func (s *slot) newTrailer() []byte {
	out := make([]byte, 4)
	copy(out, s.trailer)
	for _, h := range s.hashes() {
		out = binary.BigEndian.AppendUint32(out, sha1.Size)
		out = append(out, h...)
	}
	return out
}

// hashes are the five SHA-1 of the trailer (FORMAT.md, section 5); none if there is no certificate, or an unreadable one.
func (s *slot) hashes() [][]byte {
	p, err := splitCertificate(s.cert)
	if s.cert == nil || err != nil {
		return nil
	}
	var list [][]byte
	for _, part := range [hashCount][]byte{p.signature, p.tbs, p.subject, p.spki, p.issuerSerial()} {
		sum := sha1.Sum(part)
		list = append(list, sum[:])
	}
	return list
}

// readTrailer reads the hashes of a slot as it is in the file.
func (s *slot) readTrailer() [][]byte {
	in := cryptobyte.String(s.trailer)
	var list [][]byte
	var size uint32
	for in.Skip(4); len(list) < hashCount && in.ReadUint32(&size) && size == sha1.Size; {
		var h []byte
		if !readBytes(&in, &h, size) {
			break
		}
		list = append(list, h)
	}
	return list
}

// certificateParts are the encodings that the trailer is made of.
type certificateParts struct{ tbs, signature, serial, issuer, subject, spki []byte }

// splitCertificate finds the parts of a certificate (RFC 5280, 4.1), whatever they contain.
func splitCertificate(der cryptobyte.String) (p certificateParts, err error) {
	var outer, tbs cryptobyte.String
	read := func(in *cryptobyte.String, out *[]byte, tag cbasn1.Tag) bool {
		return in.ReadASN1Element((*cryptobyte.String)(out), tag)
	}
	if !der.ReadASN1(&outer, cbasn1.SEQUENCE) || !der.Empty() || !read(&outer, &p.tbs, cbasn1.SEQUENCE) ||
		!outer.SkipASN1(cbasn1.SEQUENCE) || !read(&outer, &p.signature, cbasn1.BIT_STRING) {
		return p, fmt.Errorf("%w: it holds no certificate", kdb.ErrParse)
	}
	body := cryptobyte.String(p.tbs)
	if !body.ReadASN1(&tbs, cbasn1.SEQUENCE) || !tbs.SkipOptionalASN1(choiceTag(0)) || !read(&tbs, &p.serial, cbasn1.INTEGER) ||
		!tbs.SkipASN1(cbasn1.SEQUENCE) || !read(&tbs, &p.issuer, cbasn1.SEQUENCE) || !tbs.SkipASN1(cbasn1.SEQUENCE) ||
		!read(&tbs, &p.subject, cbasn1.SEQUENCE) || !read(&tbs, &p.spki, cbasn1.SEQUENCE) {
		return p, fmt.Errorf("%w: it holds no certificate", kdb.ErrParse)
	}
	return p, nil
}

// issuerSerial is SEQUENCE { issuer, serial }.
func (p certificateParts) issuerSerial() []byte {
	content := append(bytes.Clone(p.issuer), p.serial...)
	der, err := asn1.Marshal(asn1.RawValue{Class: asn1.ClassUniversal, Tag: asn1.TagSequence, IsCompound: true, Bytes: content})
	if err != nil {
		return nil // unreachable: raw bytes always encode
	}
	return der
}
