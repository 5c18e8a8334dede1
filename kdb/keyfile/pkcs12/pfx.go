package pkcs12

import (
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"certkdb/kdb"
	"certkdb/kdb/keyfile/ber"
	"certkdb/pki/oid"
	"certkdb/pki/pbe"
)

// Content types (RFC 5652; RFC 2315).
const (
	oidData          = "1.2.840.113549.1.7.1"
	oidSignedData    = "1.2.840.113549.1.7.2"
	oidEnvelopedData = "1.2.840.113549.1.7.3"
	oidEncryptedData = "1.2.840.113549.1.7.6"
)

var (
	context0 = asn1.Tag(0).ContextSpecific().Constructed()
	implicit = asn1.Tag(0).ContextSpecific()
)

// pfx is the outermost structure (RFC 7292, section 4).
type pfx struct {
	content  []byte // of the authSafe: what the MAC covers
	mac      *pbe.MAC
	trailing int // bytes after the structure
}

func bad(format string, args ...any) error {
	return fmt.Errorf("reading a PKCS #12 file: %w: %s", kdb.ErrParse, fmt.Sprintf(format, args...))
}

// normalize returns the first element of BER data in DER's framing.
func normalize(data []byte) (der, rest []byte, err error) {
	if der, rest, err = ber.DER(data); err != nil {
		err = fmt.Errorf("%w: %w", kdb.ErrParse, err)
	}
	return der, rest, err
}

// parsePFX reads the outermost structure.
func parsePFX(data []byte) (*pfx, error) {
	der, rest, err := normalize(data)
	if err != nil {
		return nil, fmt.Errorf("reading a PKCS #12 file: %w", err)
	}
	in := cryptobyte.String(der)
	var body cryptobyte.String
	var version int64
	if !in.ReadASN1(&body, asn1.SEQUENCE) || !body.ReadASN1Integer(&version) {
		return nil, bad("no PFX")
	}
	if version != 3 {
		return nil, fmt.Errorf("reading a PKCS #12 file: %w: %d, only 3 is known (RFC 7292, section 4)", kdb.ErrVersion, version)
	}
	p := &pfx{trailing: len(rest)}
	kind, content, err := readContentInfo(&body)
	if err != nil {
		return nil, err
	}
	if kind == oidSignedData {
		return nil, fmt.Errorf("reading a PKCS #12 file: %w: it is signed with a certificate (public-key integrity mode, signedData %s) "+
			"instead of a password", kdb.ErrVersion, kind)
	}
	if kind != oidData {
		return nil, bad("the authSafe has content type %s (%s)", kind, oid.Name(kind))
	}
	if !content.ReadASN1Bytes(&p.content, asn1.OCTET_STRING) {
		return nil, bad("the authSafe holds no OCTET STRING")
	}
	if body.Empty() {
		return p, nil
	}
	p.mac, err = readMAC(&body)
	return p, err
}

// readContentInfo reads a content type and what is within [0].
func readContentInfo(in *cryptobyte.String) (kind string, content cryptobyte.String, err error) {
	var body, id cryptobyte.String
	if !in.ReadASN1(&body, asn1.SEQUENCE) || !body.ReadASN1(&id, asn1.OBJECT_IDENTIFIER) {
		return "", nil, bad("no ContentInfo where one should be")
	}
	if kind, err = oid.Decode(id); err != nil {
		return "", nil, bad("a content type: %v", err)
	}
	if !body.ReadASN1(&content, context0) {
		return "", nil, bad("a ContentInfo of type %s (%s) without content", kind, oid.Name(kind))
	}
	return kind, content, nil
}

// readMAC reads MacData (RFC 7292, section 4).
func readMAC(in *cryptobyte.String) (*pbe.MAC, error) {
	m := &pbe.MAC{Iterations: 1}
	var body, digest, algorithm cryptobyte.String
	if !in.ReadASN1(&body, asn1.SEQUENCE) || !body.ReadASN1(&digest, asn1.SEQUENCE) ||
		!digest.ReadASN1Element(&algorithm, asn1.SEQUENCE) || !digest.ReadASN1Bytes(&m.Value, asn1.OCTET_STRING) ||
		!body.ReadASN1Bytes(&m.Salt, asn1.OCTET_STRING) {
		return nil, bad("bad MacData")
	}
	m.Algorithm = algorithm
	if !body.Empty() && !body.ReadASN1Integer(&m.Iterations) { // any number with PBMAC1: go-pkcs12 writes 0
		return nil, bad("the MAC's number of iterations is not valid")
	}
	return m, nil
}

// safe is one ContentInfo of the AuthenticatedSafe: bags, encrypted together or not.
type safe struct {
	encrypted bool
	algorithm []byte // as read; the file's profile decides how it is written
	bags      []*bag
}

// parseSafes reads the AuthenticatedSafe (RFC 7292, section 4.1). decrypt opens a ciphertext; nil leaves what is encrypted without bags.
func (c *Container) parseSafes(content []byte, decrypt func(algorithm, ciphertext []byte) ([]byte, error)) error {
	der, _, err := normalize(content)
	if err != nil {
		return fmt.Errorf("reading the AuthenticatedSafe of a PKCS #12 file: %w", err)
	}
	in := cryptobyte.String(der)
	var list cryptobyte.String
	if !in.ReadASN1(&list, asn1.SEQUENCE) {
		return bad("no AuthenticatedSafe")
	}
	for number := 1; !list.Empty(); number++ {
		s, err := parseSafe(&list, decrypt)
		if err != nil {
			return fmt.Errorf("SafeContents %d: %w", number, err)
		}
		c.safes = append(c.safes, s)
	}
	return nil
}

func parseSafe(list *cryptobyte.String, decrypt func(algorithm, ciphertext []byte) ([]byte, error)) (*safe, error) {
	kind, content, err := readContentInfo(list)
	if err != nil {
		return nil, err
	}
	s := &safe{}
	var plain []byte
	switch kind {
	case oidData:
		if !content.ReadASN1Bytes(&plain, asn1.OCTET_STRING) {
			return nil, bad("no OCTET STRING within data")
		}
	case oidEncryptedData:
		algorithm, ciphertext, err := readEncryptedData(content)
		if err != nil {
			return nil, err
		}
		s.encrypted, s.algorithm = true, algorithm
		if decrypt == nil {
			return s, nil
		}
		if plain, err = decrypt(algorithm, ciphertext); err != nil {
			return nil, err
		}
	case oidEnvelopedData:
		return nil, fmt.Errorf(
			"%w: it is encrypted to a certificate (public-key privacy mode, envelopedData %s) instead of a password",
			kdb.ErrVersion,
			kind,
		)
	default:
		return nil, fmt.Errorf("%w: content type %s (%s)", kdb.ErrVersion, kind, oid.Name(kind))
	}
	s.bags, err = parseSafeContents(plain)
	return s, err
}

// readEncryptedData reads EncryptedData (RFC 5652, section 8).
func readEncryptedData(content cryptobyte.String) (algorithm, ciphertext []byte, err error) {
	var body, info, kind, id cryptobyte.String
	if !content.ReadASN1(&body, asn1.SEQUENCE) || !body.SkipASN1(asn1.INTEGER) || !body.ReadASN1(&info, asn1.SEQUENCE) ||
		!info.ReadASN1(&kind, asn1.OBJECT_IDENTIFIER) || !info.ReadASN1Element(&id, asn1.SEQUENCE) {
		return nil, nil, bad("bad EncryptedData")
	}
	ciphertext, err = readImplicitOctets(&info)
	return id, ciphertext, err
}

// readImplicitOctets reads "[0] IMPLICIT OCTET STRING", which in BER may be in pieces that the normaliser cannot know for a string.
func readImplicitOctets(in *cryptobyte.String) ([]byte, error) {
	var content cryptobyte.String
	if in.PeekASN1Tag(implicit) {
		in.ReadASN1(&content, implicit)
		return content, nil
	}
	if !in.ReadASN1(&content, context0) {
		return nil, bad("EncryptedData without content")
	}
	var out []byte
	for !content.Empty() {
		var piece cryptobyte.String
		if !content.ReadASN1(&piece, asn1.OCTET_STRING) {
			return nil, bad("EncryptedData with pieces that are not OCTET STRINGs")
		}
		out = append(out, piece...)
	}
	return out, nil
}

// isSequence tells SafeContents from what a wrong password yields.
func isSequence(plain []byte) bool {
	der, rest, err := normalize(plain)
	return err == nil && len(rest) == 0 && der[0] == 0x30
}
