package path

import (
	"errors"
	"net/url"
	"slices"
	"strings"

	"certkdb/pki/cert"
	"certkdb/pki/oid"
)

// LDAPProblem says what is missing in an LDAP URI (RFC 4516, 2) that is to lead to a CRL or to certificates: the name of an entry, and
// attribute descriptions (RFC 5280, 4.2.1.13 and 4.2.2.1). single demands exactly one, as for a CRL. It has nothing to say of other names.
func LDAPProblem(location cert.GeneralName, single bool) error {
	scheme, rest, _ := strings.Cut(string(location.Value), ":")
	if location.Type != cert.URIName || !strings.EqualFold(scheme, "ldap") {
		return nil
	}
	path, query, _ := strings.Cut(rest, "?")
	_, entry, _ := strings.Cut(strings.TrimPrefix(path, "//"), "/")
	entry, err := url.PathUnescape(entry)
	if err != nil || strings.Index(entry, "=") < 1 {
		return errors.New("an LDAP URI does not have the name of an entry")
	}
	fields, _, _ := strings.Cut(query, "?")
	attributes := strings.Split(fields, ",")
	if slices.ContainsFunc(attributes, func(a string) bool { return !isAttribute(a) }) {
		return errors.New("an LDAP URI does not name an attribute")
	}
	if single && len(attributes) > 1 {
		return errors.New("an LDAP URI names more than one attribute for a CRL")
	}
	return nil
}

// isAttribute tells an attribute description (RFC 4512, 2.5): a name or an object identifier, and options.
func isAttribute(escaped string) bool {
	text, err := url.PathUnescape(escaped)
	return err == nil && !slices.ContainsFunc(strings.Split(text, ";"), func(part string) bool {
		return part == "" || strings.ContainsFunc(part, func(r rune) bool {
			return r != '-' && r != '.' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
		})
	})
}

// accessProblem looks at where the certificates of an issuer (4.2.2.1, 5.2.7) or those that a CA issued (4.2.2.2) are.
func accessProblem(list []cert.Access) error {
	for _, a := range list {
		if a.Method != oid.CAIssuers && a.Method != oid.CARepository {
			continue
		}
		if err := LDAPProblem(a.Location, false); err != nil {
			return err
		}
	}
	return nil
}
