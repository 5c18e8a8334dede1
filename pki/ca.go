package pki

import "time"

// CA is a certification authority: a certificate and its private key.
type CA struct {
	notAfter time.Time
}

// end returns when the CA's certificate ends; for none, zero.
func (ca *CA) end() time.Time {
	if ca == nil {
		return time.Time{}
	}
	return ca.notAfter
}
