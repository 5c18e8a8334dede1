package path

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"certkdb/pki/cert"
	"certkdb/pki/oid"
)

// maxCRLNumber is the longest number of a CRL in bytes (RFC 5280, 5.2.3).
const maxCRLNumber = 20

// strictError says what RFC 5280, 5 forbids CRL issuers to issue, although the list can be used.
func (l *crl) strictError() error {
	switch {
	case l.Version != 2:
		return errors.New("it is not of version 2 (5)")
	case l.Issuer.Empty():
		return errors.New("it has no issuer (5.1.2.3)")
	case len(l.AKI) == 0:
		return errors.New("it lacks the authority key identifier (5.2.1)")
	}
	if l.Number != nil && l.Number.BitLen() > 8*maxCRLNumber {
		return fmt.Errorf("its number has more than %d bytes (5.2.3)", maxCRLNumber)
	}
	for _, id := range []string{cert.IDIssuingDistribution, cert.IDDeltaCRLIndicator} {
		if e := l.Extension(id); e != nil && !e.Critical {
			return fmt.Errorf("its extension %s must be critical (5.2)", cert.TypeName(id))
		}
	}
	if l.Revoked != nil && len(l.Revoked) == 0 {
		return errors.New("its list of entries is empty, not absent (5.1.2.6)")
	}
	if !l.TimesInForm() {
		return errors.New("it has a GeneralizedTime before 2050 (5.1.2.4)")
	}
	if err := l.pointersError(); err != nil {
		return err
	}
	return l.entriesError()
}

// pointersError looks at what a list says about other names and places: its issuer's alternative names, delta CRLs and certificates.
func (l *crl) pointersError() error {
	for _, e := range l.Extensions {
		var err error
		switch e.ID {
		case cert.IDIssuerAltName:
			err = issuerNamesProblem(e.Value)
		case cert.IDFreshestCRL:
			err = l.freshestError(e.Value)
		case cert.IDAuthorityInfoAccess:
			err = issuerAccessError(e.Value)
		}
		if err != nil {
			return fmt.Errorf("its extension %s: %w", cert.TypeName(e.ID), err)
		}
	}
	return nil
}

// freshestError is RFC 5280, 5.2.6.
func (l *crl) freshestError(value []byte) error {
	if l.BaseNumber != nil {
		return errors.New("a delta CRL must not have it (5.2.6)")
	}
	points, err := cert.ParseDistributionPoints(value)
	for _, p := range points {
		if p.CRLIssuer != nil || p.HasReasons {
			return errors.New("it has reasons or a CRL issuer (5.2.6)")
		}
	}
	return cmp.Or(err, pointProblem(points))
}

// issuerAccessError is RFC 5280, 5.2.7: nothing but the issuer's certificate.
func issuerAccessError(value []byte) error {
	list, err := cert.ParseAccess(value)
	if err != nil {
		return err
	}
	other := func(a cert.Access) bool { return a.Method != oid.CAIssuers }
	if len(list) == 0 || slices.ContainsFunc(list, other) {
		return errors.New("it is not about the certificates of the issuer alone (5.2.7)")
	}
	return accessProblem(list)
}

// entriesError looks at the criticality of the entries' extensions.
func (l *crl) entriesError() error {
	for i := range l.Revoked {
		for _, e := range l.Revoked[i].Extensions {
			switch {
			case e.ID == cert.IDCertificateIssuer && !e.Critical:
				return errors.New("an entry's certificate issuer must be critical (5.3.3)")
			case e.Critical && (e.ID == cert.IDReasonCode || e.ID == cert.IDInvalidityDate):
				return fmt.Errorf("an entry's extension %s must not be critical (5.3)", cert.TypeName(e.ID))
			}
		}
	}
	return nil
}
