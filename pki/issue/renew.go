package issue

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"slices"

	"certkdb/pki"
	"certkdb/pki/cert"
	"certkdb/pki/key"
)

// Renewal makes the request for a certificate that follows another: subject, alternative names, usages, constraints,
// policies, URLs and other extensions stay as they are; serial number, validity and key identifiers are new. It is valid
// for as long as the old one was. The key is a new one of the same type, unless the caller sets Key.
func Renewal(der []byte) (Request, error) {
	c, err := cert.Parse(der)
	if err != nil {
		return Request{}, fmt.Errorf("renewing a certificate: %w: %w", pki.ErrParse, err)
	}
	r := Request{Subject: c.Subject, SANs: c.SAN, IsCA: c.IsCA, Profile: Profile{Name: "renewal", IsCA: c.IsCA}, renews: c}
	if slices.Contains(key.Types(), c.KeyType) {
		r.KeyType = c.KeyType
	} // else the default: the caller may want another, or sets the key
	if c.IsCA && c.MaxPathLen >= 0 {
		r.MaxPathLen = &c.MaxPathLen
	}
	r.Profile.Usages, r.Profile.noKeyUsage = renewedUsages(c)
	// The old one began before it was made, as the new one will.
	r.Profile.Validity = c.NotAfter.Sub(c.NotBefore)
	if r.Profile.Validity > 2*defaultBackdate {
		r.Profile.Validity -= defaultBackdate
	}
	for _, e := range c.Extensions {
		if stays(e.ID) {
			r.Extensions = append(r.Extensions, e)
		}
	}
	return r, nil
}

// RenewalRequest is [Renewal] for another CA than one's own: what the issuer alone decides is left out (RFC 5280, 4.2.1.4, 4.2.1.13,
// 4.2.2.1).
func RenewalRequest(der []byte) (Request, error) {
	r, err := Renewal(der)
	r.Extensions = slices.DeleteFunc(r.Extensions, func(e cert.Extension) bool {
		switch e.ID {
		case cert.IDAuthorityInfoAccess, cert.IDCRLDistributionPoints, cert.IDFreshestCRL, cert.IDIssuerAltName, cert.IDCertificatePolicies:
			return true
		}
		return false
	})
	return r, err
}

// renewedUsages are the key usages by cfssl's names, so that those that a key of another type cannot have go; none says
// that the old certificate does not limit them. The purposes are copied with the extensions.
func renewedUsages(c *cert.Certificate) (usages []string, none bool) {
	var bits cert.KeyUsage
	for _, u := range keyUsages() {
		bit := cert.KeyUsage(u.bit)
		if bit == cert.KeyCertSign && !c.IsCA { // some have it nevertheless (RFC 5280, 4.2.1.9)
			continue
		}
		if c.KeyUsage&bit&^bits != 0 {
			bits |= bit
			usages = append(usages, u.cfssl)
		}
	}
	if len(usages) == 0 {
		return []string{"digital signature"}, true
	}
	return usages, false
}

// keepKeyID gives the same key the same identifier, in whatever way that was made (RFC 5280, 4.2.1.2): what a CA issued before names it as
// its issuer's.
func (d *draft) keepKeyID(r *Request) {
	if len(r.keyID) > 0 {
		d.SubjectKeyId = r.keyID
	}
	if r.renews == nil || len(r.renews.SKI) == 0 {
		return
	}
	spki, err := x509.MarshalPKIXPublicKey(d.PublicKey)
	if err == nil && key.SameKey(spki, r.renews.RawSPKI) && !bytes.Equal(d.SubjectKeyId, r.renews.SKI) {
		d.SubjectKeyId, d.ownKeyID = r.renews.SKI, true
	}
}

// stays tells whether an extension of the old certificate holds for the new one as it is.
func stays(id string) bool {
	switch id {
	case cert.IDSubjectKeyID, cert.IDAuthorityKeyID: // made of the keys, but see keepKeyID
		return false
	case cert.IDBasicConstraints, cert.IDSubjectAltName, cert.IDKeyUsage: // made from what the request says
		return false
	case cert.IDSCTList, cert.IDCTPoison: // proofs about the old certificate (RFC 6962, 3.3)
		return false
	}
	return true
}
