// Package issue makes certificates and PKCS #10 requests: self-signed, signed by a CA, or signed by a remote CA.
//
//	issued, err := issue.SelfSigned(issue.Request{
//		Subject: subject, KeyType: "p256", Profile: issue.ServerProfile(), Days: 365,
//	})
//	// issued.Certificate is DER, issued.Key the private key that was made for it.
//
// # What cfssl does here
//
// cloudflare/cfssl makes the keys (csr.KeyRequest), turns a signing profile and a public key into the contents of a
// certificate (signer.FillTemplate: usages, validity, basic constraints, key identifier, URLs, policies; the rules for ML-DSA
// keys of RFC 9881), chooses the signature algorithm, reads profile files (config), and authenticates requests to remote
// CAs (api, auth). The file cfssl.go is the only one that imports it.
//
// The signature itself is x509.CreateCertificate's, as in cfssl's signer/local, but called from here, because
// signer/local cannot carry what this program promises: its template goes through pkix.Name, which reorders the subject,
// merges RDNs and drops multi-valued ones; it guesses the type of each alternative name; it removes those of CAs; it
// refuses to self-sign anything but a CA, and selfsign has no choice of serial number, start or URLs. It would also cost
// 2.6 MB of program and 0.7 ms at every start (measured with GODEBUG=inittrace=1).
package issue
