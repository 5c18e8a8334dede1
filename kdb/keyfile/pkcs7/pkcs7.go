// Package pkcs7 reads the certificates out of PKCS #7 and CMS signed data (RFC 2315, RFC 5652), and writes signed data that
// holds nothing but certificates: the files that end in .p7b and .p7c. [Codec] makes databases of them. It verifies no signatures and
// decrypts nothing.
//
//	contents, err := pkcs7.Parse(data)
//
// The basic encoding rules are read, and PEM armour too; what is written is DER.
package pkcs7

import (
	"bytes"
	stdpem "encoding/pem"
	"errors"
	"fmt"

	"certkdb/kdb"
	"certkdb/kdb/keyfile/ber"
)

// Contents are what signed data carries apart from signatures.
type Contents struct {
	// Certificates are X.509 certificates as they came, in their order.
	Certificates [][]byte
	// CRLs are X.509 certificate revocation lists.
	CRLs [][]byte
}

// The content types, DER without tag and length: RFC 5652, 4 and 5.1 to 9.1; RFC 3274; RFC 5083; and Netscape's certificate
// sequence. open is the option of openssl cms that takes the content out of a message.
var contentTypes = [...]struct{ oid, name, open string }{
	{"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02", signedData, ""},
	{"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01", "data", "-data_out"},
	{"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03", "enveloped-data", "-decrypt -inkey KEY"},
	{"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x05", "digested-data", "-digest_verify"},
	{"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x06", "encrypted-data", "-EncryptedData_decrypt -secretkey HEX"},
	{"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x02", "authenticated-data", "-verify"},
	{"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x09", "compressed-data", "-uncompress"},
	{"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x17", "authenticated enveloped-data", "-decrypt -inkey KEY"},
	{"\x60\x86\x48\x01\x86\xf8\x42\x02\x05", netscape, ""},
}

// MaxCertificates bounds how many certificates are read from one file.
const MaxCertificates = 1 << 20

// Parse returns the certificates and revocation lists in PKCS #7, in DER, BER or PEM. The error wraps kdb.ErrParse if the input is
// damaged, and is a kdb.ForeignFormat that does so if it is of a kind that carries no certificates, such as enveloped data.
func Parse(data []byte) (Contents, error) {
	if block, _ := stdpem.Decode(data); block != nil {
		data = trimPadding(block.Bytes)
	}
	contents, err := parse(data)
	return contents, unreadable(err)
}

// unreadable makes the error of parsing one that wraps kdb.ErrParse, or kdb.ErrUnsupported if it already does.
func unreadable(err error) error {
	switch {
	case err == nil, errors.Is(err, kdb.ErrUnsupported):
		return err
	case errors.Is(err, kdb.ErrParse):
		return fmt.Errorf("reading PKCS #7: %w", err)
	}
	return fmt.Errorf("reading PKCS #7: %w: %w", kdb.ErrParse, err)
}

// trimPadding cuts off one or two bytes after the element: old encoders filled the last group of base64 with bytes in place of '='.
func trimPadding(data []byte) []byte {
	if n, err := ber.Length(data); err == nil && len(data)-n <= 2 {
		return data[:n]
	}
	return data
}

// parse reads ContentInfo (RFC 5652, 3): SEQUENCE { contentType OID, content [0] EXPLICIT }.
func parse(data []byte) (Contents, error) {
	r := ber.Reader{Rest: data}
	info := r.Enter(ber.Sequence, "ContentInfo")
	if r.Err == nil && len(bytes.TrimRight(r.Rest, "\x00\r\n")) > 0 {
		return Contents{}, fmt.Errorf("%d bytes follow it", len(r.Rest))
	}
	oid := info.Content(ber.ObjectID, "content type")
	if err := errors.Join(r.Err, info.Err); err != nil {
		return Contents{}, err
	}
	switch name := nameOf(oid); name {
	case signedData:
		content := info.Enter(ber.Context0, "content")
		signed := content.Enter(ber.Sequence, "SignedData")
		if err := errors.Join(info.Err, content.Err, signed.Err); err != nil {
			return Contents{}, err
		}
		return readSignedData(signed)
	case netscape:
		content := info.Enter(ber.Context0, "content")
		list := content.Enter(ber.Sequence, "certificate sequence")
		var c Contents
		err := readCertificates(list, &c)
		return c, errors.Join(info.Err, content.Err, err)
	case "":
		return Contents{}, fmt.Errorf("the content type % x is not known", oid)
	default:
		return Contents{}, withoutCertificates(name)
	}
}

func nameOf(oid []byte) string {
	for _, t := range contentTypes {
		if t.oid == string(oid) {
			return t.name
		}
	}
	return ""
}

// withoutCertificates is the error for a message of a type whose content is no certificates.
func withoutCertificates(name string) error {
	message := kdb.ForeignFormat{Name: "message (" + name + ") whose content is no list of certificates"}
	for _, t := range contentTypes {
		if t.name == name {
			message.Convert = "take the content out, with: openssl cms " + t.open + " -inform DER -in FILE -out CONTENT"
		}
	}
	return message.Searched()
}

// The parts of SignedData that are optional (RFC 5652, 5.1); both are implicit sets.
const (
	tagCertificates = ber.Context0
	tagCRLs         = ber.Context0 + 1
)

// readSignedData reads SEQUENCE { version, digestAlgorithms SET, encapContentInfo, certificates [0] OPTIONAL, crls [1] OPTIONAL,
// signerInfos SET }.
func readSignedData(r *ber.Reader) (Contents, error) {
	var c Contents
	version := r.Content(ber.Integer, "version")
	r.Enter(ber.Set, "digest algorithms")
	encapsulated := r.Enter(ber.Sequence, "content info")
	encapsulated.Content(ber.ObjectID, "inner content type")
	if err := errors.Join(r.Err, encapsulated.Err); err != nil {
		return c, err
	}
	if len(version) != 1 || version[0] > 5 {
		return c, fmt.Errorf("SignedData of version %x", version)
	}
	if r.Peek() == tagCertificates {
		list := r.Enter(tagCertificates, "certificates")
		if err := readCertificates(list, &c); err != nil {
			return c, err
		}
	}
	if r.Peek() == tagCRLs {
		list := r.Enter(tagCRLs, "revocation lists")
		if err := readCRLs(list, &c); err != nil {
			return c, err
		}
	}
	signers := r.Enter(ber.Set, "signers")
	if r.Err == nil && len(r.Rest) > 0 {
		return c, fmt.Errorf("%d bytes follow the signers", len(r.Rest))
	}
	return c, errors.Join(r.Err, checkSigners(signers))
}

// readCertificates takes the X.509 certificates of a CertificateSet (RFC 5652, 10.2.3) and passes over attribute certificates.
func readCertificates(r *ber.Reader, c *Contents) error {
	for r.Err == nil && len(r.Rest) > 0 {
		tag, whole := r.Whole()
		switch {
		case r.Err != nil:
			return fmt.Errorf("certificate %d: %w", len(c.Certificates)+1, r.Err)
		case len(c.Certificates) == MaxCertificates:
			return fmt.Errorf("more than %d certificates", MaxCertificates)
		case tag == ber.Sequence:
			c.Certificates = append(c.Certificates, whole)
		case tag&^0x3f != 0x80:
			return fmt.Errorf("the tag 0x%02x among the certificates", tag)
		}
	}
	return r.Err
}

func readCRLs(r *ber.Reader, c *Contents) error {
	for r.Err == nil && len(r.Rest) > 0 {
		if tag, whole := r.Whole(); r.Err == nil && tag == ber.Sequence {
			c.CRLs = append(c.CRLs, whole)
		}
	}
	return r.Err
}

// checkSigners checks that SignerInfos are SEQUENCEs that begin with a version; what they sign is not looked at.
func checkSigners(r *ber.Reader) error {
	for r.Err == nil && len(r.Rest) > 0 {
		signer := r.Enter(ber.Sequence, "signer")
		signer.Content(ber.Integer, "signer's version")
		if signer.Err != nil {
			return signer.Err
		}
	}
	return r.Err
}

// Encode writes signed data that holds certificates alone, without content and signers (RFC 5652, 5.1: "degenerate"), in DER, as
// openssl crl2pkcs7 -nocrl does.
func Encode(certificates [][]byte) ([]byte, error) {
	p := emptyParts()
	return p.join(certificates)
}
