// Package pki holds the reasons for which its packages refuse: callers tell them apart with [errors.Is]. The packages are functions from
// values to values: they know no files, labels, databases or prompts.
//
//	issue    certificates and PKCS #10 requests, through cfssl
//	status   revocation: CRLs and OCSP
//	exchange requests to HTTP servers that are not trusted
//	lint     zlint's rules
//	path     the path validation of RFC 5280
//	issuers  who issued a certificate, and chains
//	hosts    the rule for host names
//	cert key name oid pbe    readers and writers of one format each
package pki

import "errors"

// Why something is not issued.
var (
	// ErrArgument: a parameter is wrong: an invalid name, an unknown usage, fewer days than one.
	ErrArgument = errors.New("bad parameter")
	// ErrParse: a request, certificate or list does not follow its format.
	ErrParse = errors.New("cannot be parsed")
	// ErrRefused: what is asked for is well-formed but not granted: a bad signature, a weak key, constraints of the CA.
	ErrRefused = errors.New("refused")
	// ErrRemote: a remote CA or OCSP responder cannot be reached, or its answer cannot be used.
	ErrRemote = errors.New("no usable answer")
	// ErrFIPS: FIPS 140-3 was asked for and does not approve it.
	ErrFIPS = errors.New("not approved under FIPS 140-3")
)
