// Package pki issues: self-signed certificates, certificates signed by a CA, PKCS #10 requests, revocation lists; and
// it lints. It consists of functions from values to values: it knows no files, labels, databases or prompts.
//
//	issued, err := pki.SelfSigned(pki.Request{
//		Subject: subject, KeyType: "p256", Profile: pki.ServerProfile(), Days: 365,
//	})
//	// issued.Certificate is DER, issued.Key the private key that was made for it.
//
// # What cfssl does here
//
// cloudflare/cfssl makes the keys (csr.KeyRequest), turns a signing profile and a public key into what a certificate
// says (signer.FillTemplate: usages, validity, basic constraints, key identifier, URLs, policies; the rules for ML-DSA
// keys of RFC 9881), chooses the signature algorithm, reads profile files (config), and authenticates what goes to remote
// CAs (api, auth). The file cfssl.go is the only one that imports it.
//
// The signature itself is x509.CreateCertificate's, as in cfssl's signer/local, but called from here, because
// signer/local cannot carry what this program promises: its template goes through pkix.Name, which reorders the subject,
// merges RDNs and drops multi-valued ones; it guesses the type of each alternative name; it removes those of CAs; it
// refuses to self-sign anything but a CA, and selfsign has no choice of serial number, start or URLs. It would also cost
// 2.6 MB of program and 0.7 ms at every start (measured with GODEBUG=inittrace=1: csr 0.1 ms, config and signer with
// zlint and its public suffix list 3.5 ms, which linting needs anyway, signer/local 0.7 ms more for Certificate
// Transparency and protocol buffers).
package pki

import "errors"

// Why something is not issued.
var (
	// ErrArgument: a parameter is wrong: a name that cannot be one, an unknown usage, days below one.
	ErrArgument = errors.New("bad parameter")
	// ErrParse: a request, certificate or list is not what its format says.
	ErrParse = errors.New("cannot be parsed")
	// ErrRefused: the request is well-formed and is not granted: a bad signature, a weak key, constraints of the CA.
	ErrRefused = errors.New("request refused")
	// ErrRemote: a remote CA or OCSP responder cannot be reached or does not answer as one.
	ErrRemote = errors.New("no usable answer")
	// ErrFIPS: it is not allowed under FIPS 140-3, and that was asked for.
	ErrFIPS = errors.New("not approved under FIPS 140-3")
)
