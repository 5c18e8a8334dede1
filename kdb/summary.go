package kdb

import (
	"time"

	"certkdb/pki/cert"
)

// Summary is what a listing shows of an entry. It is computed once, when the entry is put, and kept with it, so
// that listing opens neither certificates nor keys.
type Summary struct {
	Label   string
	Kind    Kind
	Trusted bool
	Default bool
	// SHA256 is the fingerprint of the entry (see [Entry.Fingerprint]).
	SHA256 [32]byte
	// Subject and Issuer are RFC 4514 strings; Serial is lower-case hexadecimal with a sign if it is negative.
	Subject, Issuer, Serial string
	NotBefore, NotAfter     time.Time
	// KeyType is "rsa2048", "p256", "ed25519", "mldsa65", … (package pki/key), or a secret key's algorithm.
	KeyType string
	// CA says that the certificate's basic constraints make it one.
	CA bool
	// Deployed says that the entry has deployments.
	Deployed bool
	// DNSNames, IPAddresses, Emails and URIs are the subject alternative names.
	DNSNames, IPAddresses, Emails, URIs []string
	// ChainLength counts the certificates of the entry, its own included.
	ChainLength int
	// Warning says what is odd about the certificate, for example that Go's parser refuses it; "" if nothing.
	Warning string
	Added   time.Time
}

// Unreadable says that the entry has a certificate, and that it could not be parsed: every other one has a serial number.
func (s *Summary) Unreadable() bool {
	return s.ChainLength > 0 && s.Serial == "" && s.NotAfter.IsZero()
}

// Summarize reads the summary out of an entry. Odd certificates get a Warning; the error says that the first
// certificate cannot be parsed.
func Summarize(e *Entry) (Summary, error) {
	s := Summary{
		Label: e.Label, Kind: e.Kind, Trusted: e.Trusted, Default: e.Default, SHA256: e.Fingerprint(),
		KeyType: e.KeyAlgorithm, ChainLength: len(e.Certificates), Added: e.Added,
		Deployed: len(e.Deployments) > 0,
	}
	switch {
	case len(e.Certificates) > 0:
		return s, s.readCertificate(e)
	case len(e.Request) > 0:
		return s, s.readRequest(e.Request)
	}
	return s, nil
}

func (s *Summary) readCertificate(e *Entry) error {
	if l := e.leaf.of(e.Certificates[0]); l != nil {
		s.describeAs(&l.facts)
		return nil
	}
	c, err := cert.Parse(e.Certificates[0])
	if err != nil {
		return err
	}
	s.describe(c)
	s.Issuer = c.Issuer.String()
	return nil
}

// describe fills in what a certificate says, except for its issuer.
func (s *Summary) describe(c *cert.Certificate) {
	s.Subject, s.Serial = c.Subject.String(), c.SerialHex()
	s.NotBefore, s.NotAfter = c.NotBefore, c.NotAfter
	s.KeyType, s.CA = c.KeyType, c.IsCA
	s.DNSNames, s.IPAddresses, s.Emails, s.URIs = c.SAN.Strings()
	s.Warning = c.Warning()
}

// describeAs takes over what a certificate says.
func (s *Summary) describeAs(o *Summary) {
	s.Subject, s.Issuer, s.Serial = o.Subject, o.Issuer, o.Serial
	s.NotBefore, s.NotAfter = o.NotBefore, o.NotAfter
	s.KeyType, s.CA = o.KeyType, o.CA
	s.DNSNames, s.IPAddresses, s.Emails, s.URIs = o.DNSNames, o.IPAddresses, o.Emails, o.URIs
	s.Warning = o.Warning
}

func (s *Summary) readRequest(der []byte) error {
	r, err := cert.ParseRequest(der)
	if err != nil {
		return err
	}
	s.Subject, s.KeyType = r.Subject.String(), r.KeyType
	s.DNSNames, s.IPAddresses, s.Emails, s.URIs = r.SAN.Strings()
	return nil
}
