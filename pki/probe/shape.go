package probe

import (
	"bytes"
	"crypto/x509"
	"errors"
	"slices"

	"certkdb/pki/cert"
	"certkdb/pki/name"
	"certkdb/pki/oid"
)

// The bounds of the work on a chain: certificates that are looked at, and signatures that are checked.
const (
	maxLinked = 100
	maxChecks = 100
)

// Shape says how a chain is made up, without judging it.
type Shape struct {
	// Path has the positions of the certificates that lead from the server's own upwards.
	Path []int
	// Superfluous are positions that the path does not need: certificates of no link of it, and duplicates.
	Superfluous []int
	// Root is the position of a self-signed certificate at the end of the path, -1 if there is none. Clients have it or do not trust it, so a
	// server need not send it.
	Root int
	// OutOfOrder says that the certificates of the path do not follow each other (RFC 5246, 7.4.2; TLS 1.3 allows it).
	OutOfOrder bool
	// Missing is the issuer that is neither sent nor among the trusted certificates; nil if the path is whole.
	Missing *Missing
	// Unreadable are the positions of what is not a certificate at all.
	Unreadable []int
}

// Missing is a certificate that a server should have sent.
type Missing struct {
	// Subject is the name that the last certificate of the path gives its issuer.
	Subject name.Name
	// KeyID is the issuer's key identifier, nil if it is not given.
	KeyID []byte
	// URLs are where the last certificate says that its issuer can be had (RFC 5280, 4.2.2.1).
	URLs []string
}

// shapeOf links a chain by names, key identifiers and signatures.
func shapeOf(chain [][]byte, trust []*cert.Certificate) Shape {
	s := Shape{Root: -1}
	if len(chain) == 0 {
		return s
	}
	list := make([]*cert.Certificate, min(len(chain), maxLinked))
	for i := range list {
		if c, err := cert.Parse(chain[i]); err == nil {
			list[i] = c
		} else {
			s.Unreadable = append(s.Unreadable, i)
		}
	}
	if list[0] != nil {
		l := linker{Shape: &s, list: list, trust: trust, checks: maxChecks}
		l.follow()
	}
	for i := range chain {
		if !slices.Contains(s.Path, i) && !slices.Contains(s.Unreadable, i) {
			s.Superfluous = append(s.Superfluous, i)
		}
	}
	s.OutOfOrder = !slices.IsSorted(s.Path)
	return s
}

// linker finds the path of a shape.
type linker struct {
	*Shape
	list, trust []*cert.Certificate
	// checks is how many signatures may still be checked.
	checks int
}

// follow goes from the first certificate upwards.
func (l *linker) follow() {
	l.Path = []int{0}
	for last := l.list[0]; ; {
		if l.issues(last, last) {
			l.Root = l.Path[len(l.Path)-1]
			return
		}
		next := slices.IndexFunc(l.list, func(c *cert.Certificate) bool { return c != nil && !l.has(c) && l.issues(c, last) })
		if next < 0 {
			known := func(c *cert.Certificate) bool { return bytes.Equal(c.Raw, last.Raw) || l.issues(c, last) }
			if !slices.ContainsFunc(l.trust, known) {
				l.Missing = &Missing{Subject: last.Issuer, KeyID: last.AKI, URLs: last.AccessURLs(oid.CAIssuers)}
			}
			return
		}
		l.Path = append(l.Path, next)
		last = l.list[next]
	}
}

// has says whether the path has the certificate, or a duplicate.
func (l *linker) has(c *cert.Certificate) bool {
	return slices.ContainsFunc(l.Path, func(i int) bool { return bytes.Equal(l.list[i].Raw, c.Raw) })
}

// issues says whether one certificate issued the other. A signature that Go cannot check does not count against it.
func (l *linker) issues(issuer, c *cert.Certificate) bool {
	if !name.Equal(issuer.Subject, c.Issuer) || len(c.AKI) > 0 && len(issuer.SKI) > 0 && !bytes.Equal(c.AKI, issuer.SKI) {
		return false
	}
	if l.checks--; l.checks < 0 {
		return false
	}
	signed, err := x509.ParseCertificate(c.Raw)
	if err != nil {
		return true
	}
	signer, err := x509.ParseCertificate(issuer.Raw)
	if err != nil {
		return true
	}
	err = signer.CheckSignature(signed.SignatureAlgorithm, signed.RawTBSCertificate, signed.Signature)
	var weak x509.InsecureAlgorithmError
	return err == nil || errors.As(err, &weak) || errors.Is(err, x509.ErrUnsupportedAlgorithm)
}
