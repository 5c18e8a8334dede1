package inspect

import (
	"fmt"
	"slices"
	"time"

	"certkdb/pki/cert"
	"certkdb/pki/issuers"
	"certkdb/pki/oid"
	"certkdb/pki/path"
)

// notesAbout says what in a valid chain ends before the certificate.
func notesAbout(chain []*cert.Certificate) (notes []string) {
	for i, above := range chain[min(1, len(chain)):] {
		if above.NotAfter.Before(chain[0].NotAfter) {
			notes = append(notes, fmt.Sprintf("certificate %d of the chain, %q, expires on %s, before the certificate itself", i+1,
				above.Subject.String(), above.NotAfter.UTC().Format(time.DateOnly)))
		}
	}
	return notes
}

// usageNotes says that a certificate is for a purpose because it is for any, which RFC 5280, 4.2.1.12 allows and programs do not.
func usageNotes(leaf *cert.Certificate, purpose string) []string {
	if purpose == "" || slices.Contains(leaf.ExtKeyUsage, purpose) || !slices.Contains(leaf.ExtKeyUsage, path.AnyUsage) {
		return nil
	}
	named, wanted := oid.Name(path.AnyUsage), oid.Name(purpose)
	return []string{fmt.Sprintf("its extended key usage is %s, without %s: OpenSSL and NSS refuse it", named, wanted)}
}

// misnamedNotes says which certificates of a valid chain name another issuer than the one that signed them.
func misnamedNotes(chain []*cert.Certificate) (notes []string) {
	for i, c := range chain[:max(0, len(chain)-1)] {
		if how := issuers.Misnames(c, chain[i+1]); how != "" {
			notes = append(notes, fmt.Sprintf(
				"certificate %d of the chain says of certificate %d: %s: OpenSSL refuses the chain; have certificate %d reissued", i, i+1, how, i))
		}
	}
	return notes
}

// stapleNotes says that a server stapled no OCSP response although its certificate asks for one (RFC 7633).
func stapleNotes(leaf *cert.Certificate, response []byte) []string {
	if len(response) > 0 || !leaf.MustStaple() {
		return nil
	}
	return []string{"the certificate has must-staple, but the server stapled no OCSP response: clients that heed it refuse the server"}
}
