package issue

import (
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"slices"

	"certkdb/pki"
	"certkdb/pki/cert"
	"certkdb/pki/issuers"
	"certkdb/pki/key"
	"certkdb/pki/name"
	"certkdb/pki/oid"
)

// Unlike tells in what a certificate differs from what the request would make now, "" if in nothing that was asked for: serial number,
// dates and identifiers of keys do not count, since they are others each time. ca is the issuer, nil for a self-signed certificate.
func (r Request) Unlike(der []byte, ca *CA) (string, error) {
	return r.unlike(der, ca, false)
}

// UnlikeNames compares key type, subject and alternative names alone, for a certificate of a CA that decides about the rest itself.
func (r Request) UnlikeNames(der []byte) (string, error) {
	return r.unlike(der, nil, true)
}

func (r Request) unlike(der []byte, ca *CA, namesOnly bool) (string, error) {
	have, err := cert.Parse(der)
	if err != nil {
		return "", fmt.Errorf("comparing with a certificate: %w: %w", pki.ErrParse, err)
	}
	if what := r.unlikeKey(have.KeyType); what != "" {
		return what, nil
	}
	if !namesOnly && !ca.issued(have) {
		return "its issuer is " + have.Issuer.String(), nil
	}
	want, err := r.rehearse(have, ca)
	if err != nil {
		return "", fmt.Errorf("comparing with a certificate: %w", err)
	}
	if !sameText(want.RawSubject, have.RawSubject) {
		return "its subject is " + have.Subject.String(), nil
	}
	if namesOnly {
		return unlikeExtensions(alternativeNames(want), alternativeNames(have)), nil
	}
	return unlikeExtensions(want.Extensions, have.Extensions), nil
}

// alternativeNames is that extension, if there is one.
func alternativeNames(c *cert.Certificate) []cert.Extension {
	return slices.DeleteFunc(slices.Clone(c.Extensions), func(e cert.Extension) bool { return e.ID != cert.IDSubjectAltName })
}

// UnlikeRequest is Unlike for a PKCS #10 request.
func (r Request) UnlikeRequest(der []byte) (string, error) {
	have, err := cert.ParseRequest(der)
	if err != nil {
		return "", fmt.Errorf("comparing with a request: %w: %w", pki.ErrParse, err)
	}
	if what := r.unlikeKey(have.KeyType); what != "" {
		return what, nil
	}
	public, err := key.ParsePublic(have.RawSPKI)
	if err != nil {
		return "", fmt.Errorf("comparing with a request: %w: %w", pki.ErrParse, err)
	}
	d, err := r.draft(public.Key, nil)
	if err != nil {
		return "", fmt.Errorf("comparing with a request: %w", err)
	}
	if !sameText(d.RawSubject, have.RawSubject) {
		return "its subject is " + have.Subject.String(), nil
	}
	var want []cert.Extension
	for _, e := range d.requested(&r) {
		want = append(want, cert.Extension{ID: e.Id.String(), Critical: e.Critical, Value: e.Value})
	}
	return unlikeExtensions(want, have.Extensions), nil
}

// sameText tells whether two names have the same text, whatever its string types: CAs written in Go choose their own when they copy the
// subject of a request.
func sameText(a, b []byte) bool {
	first, err := name.Parse(a)
	second, errSecond := name.Parse(b)
	return err == nil && errSecond == nil && first.String() == second.String()
}

func (r Request) unlikeKey(keyType string) string {
	if keyType == cmp.Or(r.KeyType, defaultKeyType) {
		return ""
	}
	return "its key is " + keyType
}

// issued tells by names and key identifiers whether the CA issued a certificate; no CA issues what is self-signed.
func (ca *CA) issued(c *cert.Certificate) bool {
	if ca == nil {
		return issuers.SelfIssued(c)
	}
	return issuers.MayHaveIssued(ca.cert, c)
}

// rehearse makes the certificate that would be made for the same key, signed with a throwaway key.
func (r Request) rehearse(have *cert.Certificate, ca *CA) (*cert.Certificate, error) {
	// What was possible when it was made may not be so today: as many days as the CA has.
	r.Days, r.NotBefore, r.NotAfter = 0, have.NotBefore, have.NotAfter
	public, err := key.ParsePublic(have.RawSPKI)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", pki.ErrParse, err)
	}
	d, err := r.draft(public.Key, ca)
	if err != nil {
		return nil, err
	}
	if ca != nil {
		if err := ca.allows(&d, &r); err != nil {
			return nil, err
		}
	}
	der, err := signByNobody(d, public.Key)
	if err != nil {
		return nil, err
	}
	want, err := cert.Parse(der)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", pki.ErrParse, err)
	}
	return want, nil
}

func signByNobody(d draft, public crypto.PublicKey) ([]byte, error) {
	nobody, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	d.SignatureAlgorithm = x509.ECDSAWithSHA256
	der, err := x509.CreateCertificate(rand.Reader, d.Certificate, &x509.Certificate{RawSubject: d.RawSubject}, public, nobody)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", pki.ErrRefused, err)
	}
	return der, nil
}

// unlikeExtensions names the first extension that differs, is missing or was not asked for.
func unlikeExtensions(want, have []cert.Extension) string {
	find := func(list []cert.Extension, id string) (cert.Extension, bool) {
		i := slices.IndexFunc(list, func(e cert.Extension) bool { return e.ID == id })
		if i < 0 {
			return cert.Extension{}, false
		}
		return list[i], true
	}
	for _, e := range slices.Concat(want, have) {
		if e.ID == cert.IDSubjectKeyID || e.ID == cert.IDAuthorityKeyID {
			continue
		}
		w, wanted := find(want, e.ID)
		h, there := find(have, e.ID)
		switch {
		case !there:
			return "it has no " + oid.Name(e.ID) + asked(w)
		case !wanted:
			return "it has " + oid.Name(e.ID) + ", which is not asked for"
		case w.Critical != h.Critical || !sameValue(w, h):
			return "its " + oid.Name(e.ID) + " differs" + valuesOf(w, h)
		}
	}
	return ""
}
