// Package x509 stands in for zcrypto's package of the same name, where cfssl's signer/local compiles against it.
package x509

import "crypto/x509"

// Certificate is what zlint checks.
type Certificate = x509.Certificate

// ParseCertificate reads a certificate.
func ParseCertificate(der []byte) (*Certificate, error) { return x509.ParseCertificate(der) }
