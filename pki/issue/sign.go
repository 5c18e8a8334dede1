package issue

import (
	"fmt"
	"slices"
	"strings"

	"certkdb/pki"
	"certkdb/pki/cert"
	"certkdb/pki/name"
	"certkdb/pki/oid"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// Sign issues a certificate for a PKCS #10 request. What r says is so: its subject, names, usages, validity; what it
// leaves empty comes from the profile, and subject and names from the request, where the profile takes them. preserve
// takes the extensions that the request asks for as well, except for those that only a CA can decide; otherwise they
// count only where the profile copies or allows them. Notes say what was asked for and not given.
func (ca *CA) Sign(request []byte, r Request, preserve bool) (Issued, error) {
	issued, err := ca.signRequest(request, &r, preserve)
	if err != nil {
		return Issued{}, fmt.Errorf("signing a certificate request by %q: %w", ca.cert.Subject.String(), err)
	}
	return issued, nil
}

func (ca *CA) signRequest(der []byte, r *Request, preserve bool) (Issued, error) {
	asked, public, err := readRequest(der)
	if err != nil {
		return Issued{}, err
	}
	r.publicKey = public
	if err := r.checkKey(public); err != nil {
		return Issued{}, err
	}
	notes, err := r.take(asked, preserve)
	if err != nil {
		return Issued{}, err
	}
	if r.Subject.Empty() && len(r.SANs) == 0 {
		return Issued{}, fmt.Errorf("%w: a certificate needs a subject or an alternative name, and neither is given (RFC 5280, 4.1.2.6)",
			pki.ErrRefused)
	}
	issued, err := ca.issue(r)
	issued.Notes = append(notes, issued.Notes...)
	return issued, err
}

// take puts into r what it leaves open and the profile allows to come from the request.
func (r *Request) take(asked *cert.Request, preserve bool) ([]string, error) {
	p := r.profile()
	var notes []string
	if r.Subject.Empty() {
		if p.Take == nil || p.Take.Subject {
			var empty []string
			if r.Subject, empty = withoutEmpty(asked.Subject); len(empty) > 0 {
				notes = append(notes, "empty parts of the subject are left out: "+strings.Join(empty, ", "))
			}
		} else {
			notes = append(notes, "the subject that it asks for is not taken by profile "+p.Name)
		}
	}
	if len(r.SANs) == 0 {
		for _, n := range asked.SAN {
			if p.takes(n.Type) {
				r.SANs = append(r.SANs, n)
			} else {
				notes = append(notes, "the name "+n.String()+" is not taken by profile "+p.Name)
			}
		}
	}
	if asked.IsCA && !p.IsCA && preserve {
		return nil, fmt.Errorf("%w: it asks for a CA's certificate, and profile %s makes none", pki.ErrRefused, p.Name)
	}
	if preserve && asked.IsCA && asked.MaxPathLen >= 0 && r.MaxPathLen == nil {
		r.MaxPathLen = &asked.MaxPathLen // so that it is checked against the CA's own
	}
	return append(notes, r.takeExtensions(asked, p, preserve)...), nil
}

// withoutEmpty leaves out attributes without a value, which the types of RFC 5280, appendix A do not have, and names them.
func withoutEmpty(subject name.Name) (rest name.Name, empty []string) {
	for _, rdn := range subject.RDNs {
		kept := slices.DeleteFunc(slices.Clone(rdn), func(a name.Attribute) bool { return len(a.Raw) == 2 })
		for _, a := range rdn {
			if len(a.Raw) == 2 { // tag and length
				empty = append(empty, name.ShortName(a.Type))
			}
		}
		if len(kept) > 0 || len(rdn) == 0 {
			rest.RDNs = append(rest.RDNs, kept)
		}
	}
	if len(empty) == 0 {
		return subject, nil
	}
	return rest, empty
}

// takes tells whether names of a kind may come from a request. Kinds that cfssl's list does not have need no list at all.
func (p Profile) takes(kind cert.NameType) bool {
	if p.Take == nil {
		return true
	}
	switch kind {
	case cert.DNSName:
		return p.Take.DNSNames
	case cert.IPAddress:
		return p.Take.IPAddresses
	case cert.RFC822Name:
		return p.Take.EmailAddresses
	case cert.URIName:
		return p.Take.URIs
	}
	return false
}

// takeExtensions takes the extensions that may come from the request. Those that r has already stay.
func (r *Request) takeExtensions(asked *cert.Request, p Profile, preserve bool) (notes []string) {
	var refused, allowed []string
	for _, e := range asked.Extensions {
		given := slices.ContainsFunc(r.Extensions, func(x cert.Extension) bool { return x.ID == e.ID })
		switch {
		case e.ID == cert.IDSubjectAltName || given || r.overrides(e.ID):
		case e.ID == cert.IDBasicConstraints && asked.IsCA == p.IsCA: // made from the parameters
		case e.ID == cert.IDSubjectKeyID && preserve && p.IsCA && r.takeKeyID(e.Value):
		case p.copies(e.ID, preserve, asked):
			r.Extensions = append(r.Extensions, e)
			if !preserve && !p.CopyExtensions {
				allowed = append(allowed, oid.Name(e.ID))
			}
		default:
			refused = append(refused, oid.Name(e.ID))
		}
	}
	if len(refused) > 0 {
		notes = append(notes, "asked for and left to the profile: "+strings.Join(refused, ", "))
	}
	if len(allowed) > 0 {
		notes = append(notes, "taken from the request, because profile "+p.Name+" lists them in allowed_extensions: "+strings.Join(allowed, ", "))
	}
	return notes
}

// maxKeyID is more than any digest of a key has.
const maxKeyID = 64

// takeKeyID takes the identifier that a CA asks for: what its key signed before names it by that.
func (r *Request) takeKeyID(value cryptobyte.String) bool {
	var id cryptobyte.String
	if !value.ReadASN1(&id, asn1.OCTET_STRING) || !value.Empty() || len(id) == 0 || len(id) > maxKeyID {
		return false
	}
	r.keyID = id
	return true
}

// overrides tells whether r decides itself what an extension says.
func (r *Request) overrides(id string) bool {
	return id == cert.IDKeyUsage && len(r.KeyUsages) > 0 || id == cert.IDExtendedKeyUsage && len(r.ExtKeyUsages) > 0 ||
		id == cert.IDNameConstraints && len(r.Permitted)+len(r.Excluded) > 0 ||
		id == cert.IDCertificatePolicies && len(r.Policies) > 0
}

// copies tells whether an extension may come from a request. Key identifiers are computed, but see takeKeyID; where to find revocation and
// issuer is the issuer's to say; what limits a CA below is preserved only for a CA.
func (p Profile) copies(id string, preserve bool, asked *cert.Request) bool {
	switch id {
	case cert.IDBasicConstraints, cert.IDSubjectKeyID, cert.IDAuthorityKeyID, cert.IDAuthorityInfoAccess, cert.IDCRLDistributionPoints,
		cert.IDFreshestCRL,
		cert.IDIssuerAltName, cert.IDSCTList, cert.IDCTPoison:
		return false
	case cert.IDKeyUsage:
		return preserve && (p.IsCA || asked.KeyUsage&cert.KeyCertSign == 0)
	case cert.IDExtendedKeyUsage, cert.IDCertificatePolicies:
		return preserve
	case cert.IDNameConstraints, cert.IDPolicyMappings, cert.IDPolicyConstraints, cert.IDInhibitAnyPolicy:
		return preserve && p.IsCA
	}
	return preserve || p.CopyExtensions || slices.Contains(p.AllowedExtensions, id)
}

// allowsNames compares every name with the profile's expression: common names and email addresses of the subject, and alternative names of
// each kind, in the text that [cert.GeneralName.String] has after the kind; of a user principal name only the value. Cfssl looks at common
// name, DNS, email and URI alone, so that an IP address, which nobody had allowed, got past the list.
func (p Profile) allowsNames(subject name.Name, sans []cert.GeneralName) error {
	if p.Names == nil {
		return nil
	}
	names := append(subject.Attributes(name.CommonName), subject.Attributes(name.EmailAddress)...)
	for _, n := range sans {
		names = append(names, compared(n))
	}
	for _, n := range names {
		if !p.Names.MatchString(n) {
			return fmt.Errorf("%w: name_whitelist of profile %s does not allow the name %q", pki.ErrRefused, p.Name, n)
		}
	}
	return nil
}

// compared is the text of a name that a profile's expression must match.
func compared(n cert.GeneralName) string {
	switch n.Type {
	case cert.DNSName, cert.RFC822Name, cert.URIName:
		return string(n.Value) // as cfssl compares it
	}
	_, text, _ := strings.Cut(n.String(), ":")
	if n.Type == cert.OtherName {
		if _, value, found := strings.Cut(text, "="); found {
			return value
		}
	}
	return text
}
