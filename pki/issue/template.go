package issue

import (
	"cmp"
	"crypto"
	"crypto/mldsa"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"certkdb/pki"
	"certkdb/pki/cert"
	"certkdb/pki/hosts"
	"certkdb/pki/name"
	"certkdb/pki/oid"
	"certkdb/pki/path"
)

// draft is a certificate before it has an issuer.
type draft struct {
	*x509.Certificate
	notes    []string
	ownKeyID bool // the key has an identifier that nobody else would give it
}

// draft makes the template of a request. issuer is nil for a self-signed certificate.
func (r *Request) draft(public crypto.PublicKey, issuer *CA) (draft, error) {
	d := draft{Certificate: &x509.Certificate{PublicKey: public}}
	p := r.profile()
	if r.MaxPathLen != nil {
		p.MaxPathLen = r.MaxPathLen
	}
	if err := r.check(p); err != nil {
		return d, err
	}
	for _, id := range distinct(r.Policies) { // each once: RFC 5280, 4.2.1.4
		p.Policies = append(slices.Clip(p.Policies), Policy{ID: id})
	}
	from, to, notes, err := r.validity(p, issuer.end())
	if err != nil {
		return d, err
	}
	d.notes = slices.Concat(p.notes, notes, tooLong(r.Subject), unseen(r.Subject))
	if err := fill(d.Certificate, p, from, to); err != nil {
		return d, err
	}
	d.keepKeyID(r)
	if p.noKeyUsage {
		d.KeyUsage = 0
	}
	if err := d.overrideUsages(r); err != nil {
		return d, err
	}
	d.overrideURLs(r)
	if d.SerialNumber, err = r.serial(); err != nil {
		return d, err
	}
	d.RawSubject = r.Subject.DER()
	return d, d.addExtensions(r)
}

// check finds what contradicts itself in a request.
func (r *Request) check(p Profile) error {
	switch {
	case p.impossible != "":
		return fmt.Errorf("%w: profile %s cannot be used: %s", pki.ErrArgument, p.Name, p.impossible)
	case p.remote != nil:
		return fmt.Errorf("%w: profile %s leaves signing to the remote CA %q", pki.ErrArgument, p.Name, p.remote.URL)
	case !p.IsCA && r.MaxPathLen != nil:
		return fmt.Errorf("%w: a path length is only for a CA (RFC 5280, 4.2.1.9)", pki.ErrArgument)
	case p.MaxPathLen != nil && (*p.MaxPathLen < 0 || *p.MaxPathLen > 255):
		return fmt.Errorf("%w: a path length of %d; 0 to 255 are possible", pki.ErrArgument, *p.MaxPathLen)
	case !p.IsCA && len(r.Permitted)+len(r.Excluded) > 0:
		return fmt.Errorf("%w: name constraints are only for a CA (RFC 5280, 4.2.1.10)", pki.ErrArgument)
	case p.IsCA && r.Subject.Empty():
		return fmt.Errorf("%w: a CA needs a subject (RFC 5280, 4.1.2.6)", pki.ErrArgument)
	case len(r.SANs) > maxSANs:
		return fmt.Errorf("%w: %d alternative names; at most %d are issued", pki.ErrRefused, len(r.SANs), maxSANs)
	}
	return checkSubject(r.Subject)
}

// checkSubject refuses control characters, NUL first of all, which make programs see another name than the CA saw.
func checkSubject(n name.Name) error {
	for _, rdn := range n.RDNs {
		if len(rdn) == 0 {
			return fmt.Errorf("%w: a part of the subject is empty (RFC 5280, 4.1.2.4)", pki.ErrRefused)
		}
		for _, a := range rdn {
			unreadable := a.Value == "" && len(a.Raw) > 2 && a.Tag == name.TagUTF8String
			if unreadable || !utf8.ValidString(a.Value) {
				return fmt.Errorf("%w: %s of the subject is not UTF-8", pki.ErrRefused, name.ShortName(a.Type))
			}
			for _, c := range a.Value {
				if c < 0x20 || c == 0x7f {
					return fmt.Errorf("%w: the subject has the control character %q in %s", pki.ErrRefused, c, name.ShortName(a.Type))
				}
			}
		}
	}
	return nil
}

// tooLong notes what is longer than RFC 5280 allows (appendix A.1: ub-common-name and others), which some programs refuse.
func tooLong(n name.Name) (notes []string) {
	bounds := map[string]int{
		oid.CommonName: 64, oid.OrganizationName: 64, oid.OrganizationalUnitName: 64, oid.LocalityName: 128, oid.StateOrProvinceName: 128,
		oid.SerialNumber: 64, oid.EmailAddress: 255,
	}
	for _, rdn := range n.RDNs {
		for _, a := range rdn {
			length, short := utf8.RuneCountInString(a.Value), name.ShortName(a.Type)
			if most := bounds[a.Type]; most > 0 && length > most {
				notes = append(notes, fmt.Sprintf("%s of the subject has %d characters, RFC 5280 allows %d", short, length, most))
			}
			if a.Type == name.Country && length != 2 {
				notes = append(notes, fmt.Sprintf("%s of the subject is %q, RFC 5280 wants a country of two letters", short, a.Value))
			}
		}
	}
	return notes
}

// unseen notes characters that nobody sees or tells from a space, such as a copied text has: programs that compare names take
// it for another one.
func unseen(n name.Name) (notes []string) {
	for _, rdn := range n.RDNs {
		for _, a := range rdn {
			short := name.ShortName(a.Type)
			for _, c := range a.Value {
				switch {
				case unicode.In(c, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp):
					notes = append(notes, fmt.Sprintf("%s of the subject has the character %U, which is invisible", short, c))
				case c != ' ' && unicode.Is(unicode.Zs, c):
					notes = append(notes, fmt.Sprintf("%s of the subject has the character %U, which looks like a space", short, c))
				}
			}
		}
	}
	return distinct(notes)
}

// overrideUsages replaces the profile's usages by those asked for and leaves out those that the key cannot have.
func (d *draft) overrideUsages(r *Request) error {
	if err := d.overrideKeyUsages(r); err != nil {
		return err
	}
	if len(r.ExtKeyUsages) == 0 {
		return nil
	}
	d.ExtKeyUsage = nil
	ids, err := parseExtKeyUsages(r.ExtKeyUsages)
	if err != nil {
		return err
	}
	for _, dotted := range distinct(ids) {
		id, err := parseOID(dotted)
		if err != nil {
			return err
		}
		d.UnknownExtKeyUsage = append(d.UnknownExtKeyUsage, id)
	}
	return nil
}

func (d *draft) overrideKeyUsages(r *Request) error {
	const encipherment = x509.KeyUsageKeyEncipherment | x509.KeyUsageDataEncipherment
	_, isRSA := d.PublicKey.(*rsa.PublicKey)
	if len(r.KeyUsages) == 0 {
		if !isRSA && d.KeyUsage != 0 {
			if d.KeyUsage &^= encipherment; d.KeyUsage == 0 { // without the extension the key could be used for everything
				return fmt.Errorf("%w: profile %s has only key usages of RSA keys", pki.ErrRefused, r.profile().Name)
			}
		}
		if !d.IsCA && d.KeyUsage&x509.KeyUsageCertSign != 0 {
			return fmt.Errorf("%w: profile %s has the usage cert sign, which is only for a CA (RFC 5280, 4.2.1.9)", pki.ErrArgument,
				r.profile().Name)
		}
		if r.IsCA && !r.Profile.IsCA { // a profile for others, as which the certificate could not do what a CA does
			d.KeyUsage |= x509.KeyUsageCertSign | x509.KeyUsageCRLSign
		}
		return nil
	}
	bits, err := parseKeyUsages(r.KeyUsages)
	if err != nil {
		return err
	}
	if _, ok := d.PublicKey.(*mldsa.PublicKey); ok &&
		bits&^(x509.KeyUsageDigitalSignature|x509.KeyUsageContentCommitment|x509.KeyUsageCertSign|x509.KeyUsageCRLSign) != 0 {
		return fmt.Errorf("%w: ML-DSA keys are for signatures only (RFC 9881, 5)", pki.ErrArgument)
	}
	switch {
	case bits&x509.KeyUsageCertSign != 0 && !d.IsCA:
		return fmt.Errorf("%w: keyCertSign is only for a CA (RFC 5280, 4.2.1.9)", pki.ErrArgument)
	case bits&x509.KeyUsageCertSign == 0 && d.IsCA:
		d.notes = append(d.notes, "a CA without the key usage keyCertSign cannot issue certificates (RFC 5280, 4.2.1.3)")
	}
	if bits&encipherment != 0 && !isRSA {
		d.notes = append(d.notes, "only an RSA key can do keyEncipherment and dataEncipherment (RFC 8813, 3; RFC 8410, 5)")
	}
	d.KeyUsage = bits
	return nil
}

// distinct leaves out repetitions.
func distinct(list []string) []string {
	var out []string
	for _, s := range list {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// overrideURLs replaces the profile's URLs; cfssl has one of most kinds.
func (d draft) overrideURLs(r *Request) {
	if len(r.CRLURLs) > 0 {
		d.CRLDistributionPoints = r.CRLURLs
	}
	if len(r.OCSPURLs) > 0 {
		d.OCSPServer = r.OCSPURLs
	}
	if len(r.IssuerURLs) > 0 {
		d.IssuingCertificateURL = r.IssuerURLs
	}
}

func checkURLs(lists ...[]string) error {
	for _, text := range slices.Concat(lists...) {
		u, err := url.Parse(text)
		if err != nil || u.Scheme == "" || u.Host == "" || !isASCII(text) {
			return fmt.Errorf("%w: %q is not a URL for finding an issuer, a CRL or a responder", pki.ErrArgument, text)
		}
	}
	return nil
}

// checkLDAP refuses LDAP URIs that do not lead to anything in a directory; see [path.LDAPProblem].
func checkLDAP(urls []string, single bool) error {
	for _, text := range urls {
		if err := path.LDAPProblem(cert.GeneralName{Type: cert.URIName, Value: []byte(text)}, single); err != nil {
			return fmt.Errorf("%w: %q: %w (RFC 5280, 4.2.1.13 and 4.2.2.1)", pki.ErrArgument, text, err)
		}
	}
	return nil
}

// addExtensions adds what x509's template cannot say or says differently.
func (d *draft) addExtensions(r *Request) error {
	// cfssl takes the names of a CA away; here they all stand in one extension of our own.
	d.DNSNames, d.EmailAddresses, d.IPAddresses, d.URIs = nil, nil, nil, nil
	err := checkURLs(d.CRLDistributionPoints, d.OCSPServer, d.IssuingCertificateURL)
	if err := cmp.Or(err, checkLDAP(d.CRLDistributionPoints, true), checkLDAP(d.IssuingCertificateURL, false)); err != nil {
		return err
	}
	var own []cert.Extension
	names, err := d.alternativeNames(r)
	if err != nil {
		return err
	}
	if err := r.profile().allowsNames(r.Subject, names); err != nil {
		return err
	}
	if len(names) > 0 {
		own = append(own, sanExtension(names, r.Subject.Empty()))
	}
	if len(r.Permitted)+len(r.Excluded) > 0 {
		own = append(own, constraintsExtension(r.Permitted, r.Excluded))
	}
	if e, ok := d.timestampingExtension(); ok {
		own = append(own, e)
	}
	for _, e := range slices.Concat(own, r.Extensions) {
		if err := d.addExtension(e); err != nil {
			return err
		}
	}
	return nil
}

// addExtension puts an extension in, in place of one with the same identifier.
func (d *draft) addExtension(e cert.Extension) error {
	id, err := parseOID(e.ID)
	if err != nil {
		return err
	}
	d.ExtraExtensions = slices.DeleteFunc(d.ExtraExtensions, func(old pkix.Extension) bool { return old.Id.Equal(id) })
	d.ExtraExtensions = append(d.ExtraExtensions, pkix.Extension{Id: id, Critical: e.Critical, Value: e.Value})
	return nil
}

// covers tells whether a name, or a wildcard that stands for it, is already there (RFC 9525, 6.3).
func covers(have, n cert.GeneralName) bool {
	if have.Type != n.Type {
		return false
	}
	return strings.EqualFold(string(have.Value), string(n.Value)) || n.Type == cert.DNSName && hosts.Match(string(have.Value), string(n.Value))
}

// alternativeNames are those asked for, without repetitions, or the one of the common name.
func (d *draft) alternativeNames(r *Request) ([]cert.GeneralName, error) {
	var names []cert.GeneralName
	seen := make(map[string]bool, len(r.SANs))
	for _, n := range r.SANs {
		if err := checkSAN(n); err != nil {
			return nil, err
		}
		if hasTypedPart(n) {
			d.notes = append(d.notes, n.String()+" is one name: what follows a comma belongs to it; give other names separately")
		}
		if addr, err := ipSAN(string(n.Value)); n.Type == cert.DNSName && err == nil {
			d.notes = append(d.notes, n.String()+" is an address: programs look for "+addr.String())
		}
		id := string(rune(n.Type)) + string(n.Value)
		if n.Type == cert.DNSName {
			id = strings.ToLower(id)
		}
		if !seen[id] {
			seen[id] = true
			names = append(names, n)
		}
	}
	for _, e := range r.Extensions {
		if e.ID == cert.IDSubjectAltName {
			return names, nil
		}
	}
	server := slices.Contains(d.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
	if slices.Contains(d.ExtKeyUsage, x509.ExtKeyUsageEmailProtection) && len(names) == 0 {
		names = d.mailboxes(r.Subject)
	}
	if !d.IsCA && (len(names) == 0 || server && r.AddCommonName) {
		names = d.addCommonNames(names, r.Subject, server)
	}
	if len(names) == 0 && r.Subject.Empty() {
		return nil, fmt.Errorf("%w: a certificate needs a subject or an alternative name (RFC 5280, 4.1.2.6)", pki.ErrArgument)
	}
	if len(names) == 0 && server && !d.IsCA {
		d.notes = append(d.notes, "clients look for a server's name only in the alternative names, and there are none (RFC 9525, 2)"+
			whyNone(r.Subject))
	}
	return names, nil
}

// whyNone says why the common name became no alternative name; "" if there is no common name.
func whyNone(subject name.Name) string {
	for _, text := range subject.Attributes(name.CommonName) {
		if _, err := hosts.PatternToASCII(strings.TrimSpace(text)); err != nil {
			return ": the common name " + err.Error()
		}
	}
	return ""
}

// addCommonNames puts the common names that are those of hosts in front of the alternative names; a subject may have several.
func (d *draft) addCommonNames(names []cert.GeneralName, subject name.Name, server bool) []cert.GeneralName {
	var added []cert.GeneralName
	for _, text := range subject.Attributes(name.CommonName) {
		n, ok := fromCommonName(text, server)
		if ok && !slices.ContainsFunc(slices.Concat(added, names), func(have cert.GeneralName) bool { return covers(have, n) }) {
			added = append(added, n)
			d.notes = append(d.notes, "alternative name "+n.String()+" taken from the common name")
		}
	}
	return slices.Concat(added, names)
}

// mailboxes are the addresses of the subject: programs for mail look for them in the alternative names (RFC 8550, 3).
func (d *draft) mailboxes(subject name.Name) (names []cert.GeneralName) {
	for _, text := range append(subject.Attributes(name.EmailAddress), subject.CommonName()) {
		if n, err := emailSAN(text); err == nil && len(names) == 0 {
			names = append(names, n)
			d.notes = append(d.notes, "alternative name "+n.String()+" taken from the subject")
		}
	}
	return names
}

// purposes are the dotted identifiers of the extended key usages that the certificate will have.
func (d *draft) purposes(r *Request) []string {
	for _, e := range r.Extensions {
		if e.ID == cert.IDExtendedKeyUsage {
			return readPurposes(e.Value)
		}
	}
	var ids []string
	for _, u := range d.ExtKeyUsage {
		if id := u.OID(); id.String() != "" {
			ids = append(ids, id.String())
		}
	}
	for _, id := range d.UnknownExtKeyUsage {
		ids = append(ids, id.String())
	}
	return ids
}
