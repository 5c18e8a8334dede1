package path

import (
	"bytes"
	"errors"
	"fmt"
	"math/big"
	"time"

	"certkdb/pki/cert"
	"certkdb/pki/name"
)

// crl is a revocation list with what is found out about it.
type crl struct {
	*cert.CRL
	issuer   string // canonical
	point    *cert.IssuingDistributionPoint
	err      error // why it cannot be used at all
	entries  map[string]revocation
	signedBy map[*node]error
}

// revocation is an entry of a CRL: the key of the map is the certificate issuer's canonical name and the serial number.
type revocation struct {
	date   time.Time
	reason cert.Reason
}

func newCRL(c *cert.CRL) *crl {
	l := &crl{CRL: c, issuer: c.Issuer.Canonical(), signedBy: map[*node]error{}}
	l.err = l.check()
	if l.err == nil {
		l.err = l.index()
	}
	return l
}

// newerFirst orders CRLs of an issuer: what a newer one says of a certificate replaces what an older one says (RFC 5280, 5.2.3;
// 6.3.3 (a)).
func newerFirst(a, b *crl) int {
	if c := b.ThisUpdate.Compare(a.ThisUpdate); c != 0 || a.Number == nil || b.Number == nil {
		return c
	}
	return b.Number.Cmp(a.Number)
}

// scope tells CRLs apart that replace one another: those of the same issuer and distribution point, by the same key.
func (l *crl) scope() string {
	scope := l.issuer + "\x03" + string(l.AKI)
	if e := l.Extension(cert.IDIssuingDistribution); e != nil {
		scope += "\x03" + string(e.Value)
	}
	return scope
}

// check refuses CRLs that must not be used: unknown critical extensions, malformed ones, no number (RFC 5280, 5.2).
func (l *crl) check() error {
	for _, e := range l.Extensions {
		switch e.ID {
		case cert.IDAuthorityKeyID, cert.IDDeltaCRLIndicator, cert.IDIssuerAltName:
		case cert.IDCRLNumber:
			if e.Critical {
				return errors.New("its number is marked critical")
			}
		case cert.IDIssuingDistribution:
			point, err := cert.ParseIssuingDistributionPoint(e.Value)
			if err != nil {
				return err
			}
			if err := scopeError(point); err != nil {
				return err
			}
			l.point = point
		default:
			if e.Critical {
				return fmt.Errorf("its critical extension %s is not known here", e.ID)
			}
		}
	}
	if bad := l.Malformed(); len(bad) > 0 {
		return fmt.Errorf("its extension %s cannot be read: %w", cert.TypeName(bad[0].ID), bad[0].Err)
	}
	switch {
	case l.Version != 1 && l.Version != 2:
		return fmt.Errorf("unknown CRL version %d", l.Version)
	case l.Version == 1 && len(l.Extensions) > 0:
		return errors.New("it is of version 1 and has extensions")
	case l.Version == 2 && (l.Number == nil || l.Number.Sign() < 0):
		return errors.New("it has no number, or a negative one")
	case l.BaseNumber != nil && l.BaseNumber.Sign() < 0:
		return errors.New("it is a delta CRL to a negative number")
	case !l.TimesInUTC():
		return errors.New("a time in it cannot be read, or is not in UTC with seconds (5.1.2.4)")
	case l.Unaligned:
		return errors.New("its signature is not a whole number of bytes")
	}
	if !bytes.Equal(l.SignatureAlgorithm.Raw, l.TBSSignatureAlgorithm.Raw) {
		return errors.New("its inner and outer signature algorithms differ")
	}
	return nil
}

// scopeError refuses scopes that no CRL can have: more than one kind of certificate, or no reason (RFC 5280, 5.2.5).
func scopeError(p *cert.IssuingDistributionPoint) error {
	kinds := 0
	for _, only := range []bool{p.OnlyUsers, p.OnlyCAs, p.OnlyAttributes} {
		if only {
			kinds++
		}
	}
	if *p == (cert.IssuingDistributionPoint{OnlySomeReasons: cert.AllReasons}) {
		return errors.New("its scope is empty (5.2.5)")
	}
	if kinds > 1 {
		return errors.New("it is only for one kind of certificates, and only for another")
	}
	if p.OnlySomeReasons == 0 {
		return errors.New("it is for no reason of revocation")
	}
	return nil
}

// index sorts the entries by certificate. In an indirect CRL an entry without a certificate issuer has that of the one
// before (RFC 5280, 5.3.3).
func (l *crl) index() error {
	l.entries = make(map[string]revocation, len(l.Revoked))
	issuer := l.issuer
	for i := range l.Revoked {
		r := &l.Revoked[i]
		if l.Version == 1 && len(r.Extensions) > 0 {
			return errors.New("it is of version 1, and an entry has extensions")
		}
		for _, e := range r.Extensions {
			known := e.ID == cert.IDReasonCode || e.ID == cert.IDInvalidityDate || e.ID == cert.IDCertificateIssuer
			if e.Critical && !known {
				return fmt.Errorf("an entry's critical extension %s is not known here", e.ID)
			}
		}
		if r.Malformed {
			return errors.New("an entry's extension cannot be read")
		}
		if r.Issuer != nil {
			if issuer = directoryName(r.Issuer); issuer == "" || l.point == nil || !l.point.Indirect {
				return errors.New("an entry's certificate issuer is not a directory name, or the CRL is not an indirect one")
			}
		}
		key := entryKey(issuer, r.Serial)
		if _, known := l.entries[key]; !known || r.Reason != cert.RemoveFromCRL {
			l.entries[key] = revocation{date: r.Date, reason: r.Reason} // of several entries the one that revokes
		}
	}
	return nil
}

func entryKey(issuer string, serial *big.Int) string { return issuer + "\x03" + serial.Text(16) }

// directoryName returns the canonical form of the first directory name.
func directoryName(list cert.SAN) string {
	for _, g := range list {
		if g.Type == cert.DirectoryName {
			if n, err := name.Parse(g.Value); err == nil {
				return n.Canonical()
			}
		}
	}
	return ""
}
