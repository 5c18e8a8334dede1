package status

import (
	"bytes"
	"crypto/sha1"
	"errors"
	"fmt"
	"math/big"
	"time"

	"certkdb/pki"
	"certkdb/pki/cert"
	"certkdb/pki/exchange"
	"certkdb/pki/key"
	"certkdb/pki/name"
	"certkdb/pki/oid"
	"certkdb/pki/path"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
	"golang.org/x/crypto/ocsp"
)

// ocspResponse is a BasicOCSPResponse (RFC 6960, 4.2.1). Package ocsp reads it too, but cannot verify Ed25519, ML-DSA and RSASSA-PSS,
// takes the first answer with the serial number, no matter who the issuer is, and knows no CA that sends its own certificate.
type ocspResponse struct {
	tbs           []byte
	algorithm     oid.Algorithm
	signature     []byte
	certificates  []*cert.Certificate
	responderName *name.Name // the responder is named by its subject, or
	responderKey  []byte     // by the SHA-1 hash of its key
	answers       []ocspAnswer
	extensions    []cert.Extension
}

// ocspAnswer is a SingleResponse.
type ocspAnswer struct {
	Answer
	hash              *oid.Digest // nil if it is not known here
	nameHash, keyHash []byte
	serial            *big.Int
	extensions        []cert.Extension
}

// Tags of optional fields.
func tagged(n asn1.Tag) asn1.Tag { return n.ContextSpecific().Constructed() }

// maxResponders bounds the certificates of a response that are looked at.
const maxResponders = 8

var errNoOCSP = fmt.Errorf("%w: it is not an OCSP response", pki.ErrParse)

// ReadOCSP verifies a response and returns what it says of a certificate: it is about this certificate of this issuer,
// signed by the issuer or by a responder that the issuer has delegated to (RFC 6960, 4.2.2.2), and of now (4.2.2.1). o has the
// time, what is too weak, and the CRLs that the responder's own certificate may need. The error wraps [pki.ErrParse], or
// [pki.ErrRefused] if the response may not be believed.
func ReadOCSP(response []byte, c, issuer *cert.Certificate, o path.Options) (Answer, error) {
	a, err := readOCSP(response, c, issuer, o)
	if err != nil {
		return Answer{}, fmt.Errorf("reading an OCSP response about %q: %w", c.Subject.String(), err)
	}
	return a, nil
}

func readOCSP(response []byte, c, issuer *cert.Certificate, o path.Options) (Answer, error) {
	if len(response) > exchange.MaxAnswer {
		return Answer{}, fmt.Errorf("%w: it has %d bytes", pki.ErrParse, len(response))
	}
	r, err := parseOCSP(response)
	if err != nil {
		return Answer{}, err
	}
	a, err := r.about(c.Serial, issuer)
	if err != nil {
		return Answer{}, err
	}
	for _, e := range append(r.extensions, a.extensions...) {
		if e.Critical {
			return Answer{}, fmt.Errorf("%w: its critical extension %s is not known here", pki.ErrRefused, e.ID)
		}
	}
	if err := r.authorised(issuer, o); err != nil {
		return Answer{}, err
	}
	return a.Answer, a.current(o.Time)
}

// parseOCSP reads an OCSPResponse. The error of a failure says why.
func parseOCSP(der cryptobyte.String) (*ocspResponse, error) {
	var outer, explicit, body, id, basic cryptobyte.String
	var status int
	if !der.ReadASN1(&outer, asn1.SEQUENCE) || !der.Empty() || !outer.ReadASN1Enum(&status) {
		return nil, errNoOCSP
	}
	if status != int(ocsp.Success) {
		return nil, fmt.Errorf("%w: the responder says: %s", pki.ErrRefused, ocsp.ResponseStatus(status))
	}
	if !outer.ReadASN1(&explicit, tagged(0)) || !explicit.ReadASN1(&body, asn1.SEQUENCE) || !body.ReadASN1(&id, asn1.OBJECT_IDENTIFIER) ||
		!body.ReadASN1(&basic, asn1.OCTET_STRING) || !outer.Empty() || !explicit.Empty() || !body.Empty() {
		return nil, errNoOCSP
	}
	if dotted, _ := oid.Decode(id); dotted != oid.OCSPBasic {
		return nil, fmt.Errorf("%w: an OCSP response of a type that is not known here", pki.ErrRefused)
	}
	return parseBasicOCSP(basic)
}

func parseBasicOCSP(der cryptobyte.String) (*ocspResponse, error) {
	var seq, tbs, algorithm, list cryptobyte.String
	var bits []byte
	r := &ocspResponse{}
	if !der.ReadASN1(&seq, asn1.SEQUENCE) || !der.Empty() || !seq.ReadASN1Element(&tbs, asn1.SEQUENCE) ||
		!seq.ReadASN1Element(&algorithm, asn1.SEQUENCE) || !seq.ReadASN1BitStringAsBytes(&bits) {
		return nil, errNoOCSP
	}
	var err error
	if r.algorithm, err = oid.ParseAlgorithm(algorithm); err != nil {
		return nil, fmt.Errorf("%w: %w", errNoOCSP, err)
	}
	r.tbs, r.signature = tbs, bits
	if seq.PeekASN1Tag(tagged(0)) {
		if !seq.ReadASN1(&list, tagged(0)) || !list.ReadASN1(&list, asn1.SEQUENCE) {
			return nil, errNoOCSP
		}
		for !list.Empty() && len(r.certificates) < maxResponders {
			var one cryptobyte.String
			if !list.ReadASN1Element(&one, asn1.SEQUENCE) {
				return nil, errNoOCSP
			}
			if c, err := cert.Parse(one); err == nil { // one that cannot be read has not signed
				r.certificates = append(r.certificates, c)
			}
		}
	}
	if !seq.Empty() {
		return nil, errNoOCSP
	}
	return r, r.parseData(tbs)
}

// parseData reads ResponseData.
func (r *ocspResponse) parseData(tbs cryptobyte.String) error {
	var data, answers cryptobyte.String
	var produced time.Time
	var err error
	tbs.ReadASN1(&data, asn1.SEQUENCE) // it was read as an element already
	if err := readVersion(&data); err != nil {
		return err
	}
	if err := r.readResponder(&data); err != nil {
		return err
	}
	if !data.ReadASN1GeneralizedTime(&produced) || !data.ReadASN1(&answers, asn1.SEQUENCE) {
		return errNoOCSP
	}
	for !answers.Empty() {
		a, err := readOCSPAnswer(&answers)
		if err != nil {
			return err
		}
		r.answers = append(r.answers, a)
	}
	r.extensions, err = readLastExtensions(data)
	return err
}

// readResponder reads ResponderID: a name, or the hash of a key.
func (r *ocspResponse) readResponder(data *cryptobyte.String) error {
	var choice cryptobyte.String
	var tag asn1.Tag
	if !data.ReadAnyASN1(&choice, &tag) {
		return errNoOCSP
	}
	switch tag {
	case tagged(1):
		n, err := name.Parse(choice)
		if err != nil {
			return fmt.Errorf("%w: its responder: %w", errNoOCSP, err)
		}
		r.responderName = &n
		return nil
	case tagged(2):
		if choice.ReadASN1((*cryptobyte.String)(&r.responderKey), asn1.OCTET_STRING) && choice.Empty() {
			return nil
		}
	}
	return errNoOCSP
}

// readLastExtensions reads the [1] extensions that end a structure; nil if they are absent.
func readLastExtensions(from cryptobyte.String) ([]cert.Extension, error) {
	var content cryptobyte.String
	var present bool
	if !from.ReadOptionalASN1(&content, &present, tagged(1)) || !from.Empty() {
		return nil, errNoOCSP
	}
	if !present {
		return nil, nil
	}
	list, err := cert.ParseExtensions(content)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNoOCSP, err)
	}
	return list, nil
}

// readVersion takes version 1 alone, also written out, which DER leaves out.
func readVersion(data *cryptobyte.String) error {
	var explicit cryptobyte.String
	var version int
	if !data.PeekASN1Tag(tagged(0)) {
		return nil
	}
	if !data.ReadASN1(&explicit, tagged(0)) || !explicit.ReadASN1Integer(&version) || !explicit.Empty() {
		return errNoOCSP
	}
	if version != 0 {
		return fmt.Errorf("%w: an OCSP response of version %d, which is not known here", pki.ErrRefused, version+1)
	}
	return nil
}

func readOCSPAnswer(from *cryptobyte.String) (ocspAnswer, error) {
	a := ocspAnswer{serial: new(big.Int)}
	var seq, id, algorithm, hash, status, next cryptobyte.String
	var hasNext bool
	var tag asn1.Tag
	if !from.ReadASN1(&seq, asn1.SEQUENCE) || !seq.ReadASN1(&id, asn1.SEQUENCE) || !id.ReadASN1(&algorithm, asn1.SEQUENCE) ||
		!algorithm.ReadASN1(&hash, asn1.OBJECT_IDENTIFIER) || !id.ReadASN1((*cryptobyte.String)(&a.nameHash), asn1.OCTET_STRING) ||
		!id.ReadASN1((*cryptobyte.String)(&a.keyHash), asn1.OCTET_STRING) || !id.ReadASN1Integer(a.serial) || !id.Empty() ||
		!seq.ReadAnyASN1(&status, &tag) || !a.readStatus(status, tag) || !seq.ReadASN1GeneralizedTime(&a.ThisUpdate) {
		return a, errNoOCSP
	}
	if !seq.ReadOptionalASN1(&next, &hasNext, tagged(0)) ||
		hasNext && (!next.ReadASN1GeneralizedTime(&a.NextUpdate) || !next.Empty()) {
		return a, errNoOCSP
	}
	a.hash = digestOf(hash)
	var err error
	a.extensions, err = readLastExtensions(seq)
	return a, err
}

// readStatus reads CertStatus.
func (a *ocspAnswer) readStatus(content cryptobyte.String, tag asn1.Tag) bool {
	switch tag {
	case asn1.Tag(0).ContextSpecific():
		a.Status = Good
		return len(content) == 0 // IMPLICIT NULL
	case asn1.Tag(2).ContextSpecific():
		a.Status = Unknown
		return len(content) == 0
	case tagged(1):
		var reason cryptobyte.String
		var number int
		var hasReason bool
		a.Status = Revoked
		if !content.ReadASN1GeneralizedTime(&a.RevokedAt) {
			return false
		}
		if !content.ReadOptionalASN1(&reason, &hasReason, tagged(0)) || hasReason && (!reason.ReadASN1Enum(&number) || !reason.Empty()) {
			return false
		}
		a.Reason = cert.Reason(number)
		return content.Empty()
	}
	return false
}

// about finds the answer about a certificate of an issuer: serial numbers are unique only within one. Of several the one that revokes
// counts.
func (r *ocspResponse) about(serial *big.Int, issuer *cert.Certificate) (ocspAnswer, error) {
	err := fmt.Errorf("%w: it has no answer about this certificate", pki.ErrRefused)
	var found *ocspAnswer
	for i := range r.answers {
		a := &r.answers[i]
		switch {
		case a.serial.Cmp(serial) != 0:
		case !a.isAbout(issuer):
			err = fmt.Errorf("%w: it is about a certificate of another issuer (RFC 6960, 4.1.1)", pki.ErrRefused)
		case found == nil || a.Status == Revoked:
			found = a
		}
	}
	if found == nil {
		return ocspAnswer{}, err
	}
	return *found, nil
}

// isAbout compares the issuer of an answer (RFC 6960, 4.1.1).
func (a *ocspAnswer) isAbout(issuer *cert.Certificate) bool {
	return a.hash != nil && bytes.Equal(a.nameHash, a.hash.Sum(issuer.RawSubject)) &&
		bytes.Equal(a.keyHash, a.hash.Sum(publicBits(issuer.RawSPKI)))
}

// authorised finds the signer of the response, and checks that it may sign it.
func (r *ocspResponse) authorised(issuer *cert.Certificate, o path.Options) error {
	err := errors.New("the certificate of the responder that it names is not in it")
	for _, signer := range append([]*cert.Certificate{issuer}, r.certificates...) {
		if !r.names(signer) {
			continue
		}
		if err = path.CheckSignature(signer, r.algorithm, r.tbs, r.signature, o.Weak); err != nil {
			err = fmt.Errorf("checking its signature with the key of %q: %w", signer.Subject.String(), err)
			continue
		}
		if key.SameKey(signer.RawSPKI, issuer.RawSPKI) {
			return nil // the issuer itself
		}
		if err = delegated(signer, issuer, o); err == nil {
			return nil
		}
	}
	return fmt.Errorf("%w: %w", pki.ErrRefused, err)
}

// names tells whether the responder's identifier is that of a certificate (RFC 6960, 4.2.2.3).
func (r *ocspResponse) names(c *cert.Certificate) bool {
	if r.responderName != nil {
		return name.Equal(*r.responderName, c.Subject)
	}
	sum := sha1.Sum(publicBits(c.RawSPKI)) // RFC 6960, 4.2.1 names it; nothing is trusted because of it
	return bytes.Equal(r.responderKey, sum[:])
}

// delegated validates the responder's certificate as one that the issuer has issued for just that (RFC 6960, 4.2.2.2).
func delegated(responder, issuer *cert.Certificate, o path.Options) error {
	if !name.Equal(responder.Issuer, issuer.Subject) {
		return errors.New("the responder's certificate is not of the same issuer (RFC 6960, 4.2.2.2)")
	}
	result := path.Validate(responder, path.Options{
		Roots: []path.Anchor{{Certificate: issuer, IgnoreTime: true}}, Time: o.Time, Purpose: path.OCSPSigning, KeyUsage: cert.DigitalSignature,
		CRLs: o.CRLs, RequireCRLs: o.RequireCRLs, Weak: o.Weak,
	})
	if result.Valid {
		return nil
	}
	reason := result.Limit
	if a := result.Attempts; len(a) > 0 && len(a[0].Failures) > 0 {
		reason = a[0].Failures[0].Reason
	}
	return fmt.Errorf("the responder's certificate %q: %s (RFC 6960, 4.2.2.2)", responder.Subject.String(), reason)
}

// current checks that an answer is of now.
func (a *ocspAnswer) current(now time.Time) error {
	switch {
	case a.ThisUpdate.After(now.Add(ocspSkew)):
		return fmt.Errorf("%w: it begins at %s, after now", pki.ErrRefused, stamp(a.ThisUpdate))
	case !a.NextUpdate.IsZero() && a.NextUpdate.Before(a.ThisUpdate):
		return fmt.Errorf("%w: it ends at %s, before it begins at %s", pki.ErrRefused, stamp(a.NextUpdate), stamp(a.ThisUpdate))
	case !a.NextUpdate.IsZero() && a.NextUpdate.Before(now.Add(-ocspSkew)):
		return fmt.Errorf("%w: it ended at %s; ask the responder again", pki.ErrRefused, stamp(a.NextUpdate))
	case a.NextUpdate.IsZero() && a.ThisUpdate.Before(now.Add(-ocspFresh)):
		return fmt.Errorf("%w: it is of %s and does not say how long it is good for; ask the responder again", pki.ErrRefused,
			stamp(a.ThisUpdate))
	}
	return nil
}
