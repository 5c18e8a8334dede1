package inspect

import (
	"bytes"
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

// chainNotes says why some programs refuse a valid chain.
func chainNotes(chain []*cert.Certificate, purpose string) []string {
	if len(chain) == 0 {
		return nil
	}
	return slices.Concat(misnamedNotes(chain), encodingNotes(chain), usageNotes(chain[0], purpose), usageNotesAbove(chain, purpose))
}

// usageNotes says that a certificate is for a purpose because it is for any, which RFC 5280, 4.2.1.12 allows and programs do not.
func usageNotes(leaf *cert.Certificate, purpose string) []string {
	if purpose == "" || slices.Contains(leaf.ExtKeyUsage, purpose) || !slices.Contains(leaf.ExtKeyUsage, path.AnyUsage) {
		return nil
	}
	named, wanted := oid.Name(path.AnyUsage), oid.Name(purpose)
	return []string{fmt.Sprintf("its extended key usage is %s, without %s: OpenSSL and NSS refuse it", named, wanted)}
}

// usageNotesAbove says the same of the CAs of a valid chain, whose usages limit those of what they issue.
func usageNotesAbove(chain []*cert.Certificate, purpose string) (notes []string) {
	for i, c := range chain[:max(0, len(chain)-1)] { // the usages of an anchor do not count
		if i > 0 && purpose != "" && slices.Contains(c.ExtKeyUsage, path.AnyUsage) && !slices.Contains(c.ExtKeyUsage, purpose) {
			notes = append(notes, fmt.Sprintf("the extended key usage of certificate %d of the chain is %s, without %s: OpenSSL and GnuTLS "+
				"refuse the chain", i, oid.Name(path.AnyUsage), oid.Name(purpose)))
		}
	}
	return notes
}

// encodingNotes says which certificates of a valid chain write the name of their issuer otherwise than it does: for RFC 5280, 7.1 the
// names are equal, but many programs compare bytes. A CA without a name is none for Java (RFC 5280, 4.1.2.4).
func encodingNotes(chain []*cert.Certificate) (notes []string) {
	for i, c := range chain[:max(0, len(chain)-1)] {
		switch {
		case c.Issuer.Empty():
			notes = append(notes, fmt.Sprintf("certificate %d of the chain names no issuer (RFC 5280, 4.1.2.4): Java refuses it", i))
		case !bytes.Equal(c.RawIssuer, chain[i+1].RawSubject):
			notes = append(notes, fmt.Sprintf("certificate %d of the chain writes the name of its issuer otherwise than certificate %d does, in "+
				"upper and lower case, spaces or encoding: programs that compare bytes, such as those in Go, refuse the chain", i, i+1))
		}
	}
	return notes
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
