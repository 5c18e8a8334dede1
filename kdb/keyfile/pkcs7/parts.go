package pkcs7

import (
	"errors"
	"fmt"

	"certkdb/kdb"
	"certkdb/kdb/keyfile/ber"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// The names of the content types that carry certificates.
const (
	signedData = "signed-data"
	netscape   = "Netscape certificate sequence"
)

// parts are signed data or a certificate sequence taken apart, so that other certificates can be put in and all else stays as it is.
type parts struct {
	oid           []byte // the content type, its content
	before, after []byte // elements of SignedData around the certificates, as they came
	elements      []element
	crls, signers int
	// fixed says why the parts cannot be put together again; "" if they can.
	fixed string
}

// element is a certificate, or another element among them (RFC 5652, 10.2.2).
type element struct {
	der         []byte
	certificate bool
}

func emptyParts() parts {
	return parts{
		oid:    []byte(contentTypes[0].oid),
		before: []byte("\x02\x01\x01\x31\x00\x30\x0b\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01"), // version 1, no digests, data
		after:  []byte("\x31\x00"),                                                                 // no signers
	}
}

// split takes data apart. Whether all of it is well-formed parse has looked at.
func split(data []byte) (parts, error) {
	contents, err := parse(data)
	if err != nil {
		return parts{}, err
	}
	r := ber.Reader{Rest: data}
	info := r.Enter(ber.Sequence, "ContentInfo")
	p := parts{oid: info.Content(ber.ObjectID, "content type"), crls: len(contents.CRLs)}
	content := info.Enter(ber.Context0, "content")
	list := content.Enter(ber.Sequence, "content")
	if len(info.Rest)+len(content.Rest) > 0 {
		p.fixed = "unknown elements follow its content"
	}
	if nameOf(p.oid) == signedData {
		signed := list
		for range 3 { // version, digest algorithms, content
			_, whole := signed.Whole()
			p.before = append(p.before, whole...)
		}
		list = &ber.Reader{}
		if signed.Peek() == tagCertificates {
			list = signed.Enter(tagCertificates, "certificates")
		}
		p.after = signed.Rest
		p.signers = countSigners(signed)
	}
	for list.Err == nil && len(list.Rest) > 0 {
		tag, whole := list.Whole()
		p.elements = append(p.elements, element{whole, tag == ber.Sequence})
	}
	return p, errors.Join(info.Err, content.Err, list.Err)
}

func countSigners(r *ber.Reader) int {
	if r.Peek() == tagCRLs {
		r.Content(tagCRLs, "revocation lists")
	}
	signers, n := r.Enter(ber.Set, "signers"), 0
	for signers.Err == nil && len(signers.Rest) > 0 {
		if _, _ = signers.Whole(); signers.Err == nil {
			n++
		}
	}
	return n
}

// version is that of the signed data (RFC 5652, 5.1).
func (p *parts) version() string {
	if nameOf(p.oid) != signedData || len(p.before) < 3 {
		return netscape
	}
	return fmt.Sprint(p.before[2])
}

// join puts the parts together, in DER as far as the parts are.
func (p *parts) join(list [][]byte) ([]byte, error) {
	explicit := asn1.Tag(0).ContextSpecific().Constructed()
	elements := func(b *cryptobyte.Builder) {
		for _, der := range list {
			b.AddBytes(der)
		}
	}
	b := cryptobyte.NewBuilder(nil)
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.OBJECT_IDENTIFIER, func(b *cryptobyte.Builder) { b.AddBytes(p.oid) })
		b.AddASN1(explicit, func(b *cryptobyte.Builder) {
			b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddBytes(p.before)
				if nameOf(p.oid) == netscape {
					elements(b)
				} else {
					b.AddASN1(explicit, elements)
				}
				b.AddBytes(p.after)
			})
		})
	})
	out, err := b.Bytes()
	if err != nil {
		return nil, fmt.Errorf("encoding %d certificates as PKCS #7: %w", len(list), err)
	}
	return out, nil
}

// readOnly is the error of a change to parts that cannot be put together again.
func (p *parts) readOnly() error { return &kdb.Limit{Reason: p.fixed, Way: kdb.WayCopy} }
