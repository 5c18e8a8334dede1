package path_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"testing"
	"time"

	"certkdb/pki/cert"
	"certkdb/pki/path"
)

// crlRule is one MUST about a revocation list: a leaf by a root whose list conforms to everything but this rule.
type crlRule struct {
	section string
	rule    string
	root    change
	leaf    change
	list    func(*x509.RevocationList)
	// damage are pairs of text to replace in the signed part of the list, which is signed again.
	damage  []string
	revoked bool // the leaf is in the list, for a key compromise
	// rules and strict are what the profiles rfc5280 and rfc5280-strict say is broken; "" is a valid chain.
	rules, strict string
	accepted      string // why no profile refuses it
}

const (
	crlThisUpdate = "\x17\x0d260531120000Z"
	crlNextUpdate = "\x17\x0d260607120000Z"
	crlVersion    = "\x02\x01\x01\x30\x0a"
	noCRL         = "no-crl"
)

// entry makes the change that lists another certificate, with an extension of the entry.
func entry(id string, critical bool, value string) func(*x509.RevocationList) {
	return func(l *x509.RevocationList) {
		l.RevokedCertificateEntries = append(l.RevokedCertificateEntries, x509.RevocationListEntry{
			SerialNumber: big.NewInt(77), RevocationTime: now.AddDate(0, 0, -2),
			ExtraExtensions: []pkix.Extension{{Id: goOID(id), Critical: critical, Value: []byte(value)}},
		})
	}
}

// entryAt lists another certificate, revoked at 260530120000Z.
func entryAt(l *x509.RevocationList) {
	l.RevokedCertificateEntries = append(l.RevokedCertificateEntries, x509.RevocationListEntry{
		SerialNumber: big.NewInt(77), RevocationTime: time.Date(2026, 5, 30, 12, 0, 0, 0, time.UTC),
	})
}

// derEntry is what entryAt lists; the list has no other entry.
const (
	derEntry = "\x30\x12\x02\x01\x4d\x17\x0d260530120000Z"
	// derIntegerReason has a reason that is an INTEGER.
	derIntegerReason = "\x30\x0c\x30\x0a\x06\x03\x55\x1d\x15\x04\x03\x02\x01\x01"

	derEntryList = "\x30\x14" + derEntry
)

func crlNumber(n *big.Int) func(*x509.RevocationList) {
	return func(l *x509.RevocationList) { l.Number = n }
}

// crlRules are those of RFC 5280, 5 and 6.3.
var crlRules = []crlRule{
	{section: "5", rule: "a conforming list", accepted: "it breaks nothing"},
	{section: "5", rule: "the certificate is in it", revoked: true, rules: "revoked", strict: "revoked"},
	{
		section: "5.1.1.2", rule: "another algorithm inside than outside", damage: []string{derECDSA, derECDSA[:11] + "\x03"}, rules: noCRL,
		strict: noCRL,
	},
	{section: "5.1.2.1", rule: "version 1 with extensions", damage: []string{crlVersion, "\x30\x0a"}, rules: noCRL, strict: noCRL},
	{
		section: "5.1.2.1", rule: "version 1 written out, which must be absent", damage: []string{crlVersion, "\x02\x01\x00\x30\x0a"},
		rules: noCRL, strict: noCRL,
	},
	{section: "5.1.2.1", rule: "version 3", damage: []string{crlVersion, "\x02\x01\x02\x30\x0a"}, rules: noCRL, strict: noCRL},
	{section: "5.1.2.1", rule: "version 1", damage: []string{crlVersion, "\x30\x0a", crlExtensions()[0], ""}, strict: noCRL},
	{section: "5.1.2.3", rule: "no issuer", root: subject(pkix.Name{}), strict: noCRL + " profile profile profile profile"},
	{section: "5.1.2.4", rule: "of the future", list: future, rules: noCRL, strict: noCRL},
	{section: "5.1.2.4", rule: "UTCTime without seconds", damage: []string{crlThisUpdate, utc("2605311200Z")}, rules: noCRL, strict: noCRL},
	{
		section: "5.1.2.4", rule: "GeneralizedTime before 2050", damage: []string{crlThisUpdate, generalized("20260531120000Z")}, strict: noCRL,
	},
	{section: "5.1.2.5", rule: "no next update", damage: []string{crlNextUpdate, ""}, rules: noCRL, strict: noCRL},
	{
		section: "5.1.2.5", rule: "GeneralizedTime before 2050", damage: []string{crlNextUpdate, generalized("20260607120000Z")}, strict: noCRL,
	},
	{section: "5.1.2.5", rule: "the next update was due", list: old, rules: noCRL, strict: noCRL},
	{
		section: "5.1.2.5", rule: "GeneralizedTime with a fraction", damage: []string{crlNextUpdate, generalized("20260607120000.5Z")},
		rules: noCRL, strict: noCRL,
	},
	{
		section: "5.1.2.6", rule: "a list of no entries, which must be absent", damage: []string{crlNextUpdate, crlNextUpdate + "\x30\x00"},
		strict: noCRL,
	},
	{
		section: "5.1.2.6", rule: "an entry of a day that does not exist", list: entryAt,
		damage: []string{derEntryList, derEntryList[:11] + "13" + derEntryList[13:]}, rules: noCRL, strict: noCRL,
	},
	{
		section: "5.1.2.6", rule: "an entry in GeneralizedTime before 2050", list: entryAt,
		damage: []string{derEntryList, der(0x30, der(0x30, "\x02\x01\x4d", generalized("20260530120000Z")))}, strict: noCRL,
	},
	{
		section: "5.1.2.6", rule: "an entry with a fraction of a second", list: entryAt,
		damage: []string{derEntryList, der(0x30, der(0x30, "\x02\x01\x4d", generalized("20260530120000.5Z")))}, rules: noCRL, strict: noCRL,
	},
	{
		section: "5.1.2.6", rule: "an entry without a time", list: entryAt,
		damage: []string{derEntryList, der(0x30, der(0x30, "\x02\x01\x4d"))}, rules: "unreadable", strict: "unreadable",
	},
	{
		section: "5.1.2.6", rule: "an entry with trailing data", list: entryAt,
		damage: []string{derEntryList, "\x30\x16\x30\x14" + derEntry[2:] + "\x05\x00"}, rules: "unreadable", strict: "unreadable",
	},
	{section: "5.1.2.6", rule: "removed and revoked in one list", revoked: true, list: removedAgain, rules: "revoked", strict: "revoked"},
	{section: "5.2", rule: "a critical extension is unknown", list: crlExtension("1.2.3.4", true, "\x05\x00"), rules: noCRL, strict: noCRL},
	{
		section: "5.2", rule: "an unknown extension, not critical, and the certificate is in it",
		revoked: true, list: crlExtension("1.2.3.4", false, "\x05\x00"), rules: "revoked", strict: "revoked",
	},
	{
		section: "5.2", rule: "an extension occurs twice", damage: crlExtensions(derCRLKeyID, derCRLNumber, derCRLNumber),
		rules: "unreadable", strict: "unreadable",
	},
	{
		section: "5.2.1", rule: "an issuer and a serial number in place of the key identifier", strict: noCRL,
		damage: crlExtensions(der(0x30, "\x06\x03\x55\x1d\x23", der(0x04, der(0x30, der(0xa1, dirName("Root")), "\x82\x01\x05"))), derCRLNumber),
	},
	{
		section: "5.2.2", rule: "an issuer's alternative name without a name", list: crlExtension(cert.IDIssuerAltName, false, "\x30\x00"),
		strict: noCRL,
	},
	{section: "5.2.1", rule: "no authority key identifier", damage: crlExtensions(derCRLNumber), strict: noCRL},
	{
		section: "5.2.1", rule: "an authority key identifier that cannot be read",
		damage: crlExtensions("\x30\x09\x06\x03\x55\x1d\x23\x04\x02\x05\x00", derCRLNumber), rules: noCRL, strict: noCRL,
	},
	{section: "5.2.3", rule: "no number", damage: crlExtensions(derCRLKeyID), rules: noCRL, strict: noCRL},
	{
		section: "5.2.3", rule: "a critical number",
		damage: crlExtensions(derCRLKeyID, "\x30\x0d\x06\x03\x55\x1d\x14\x01\x01\xff\x04\x03\x02\x01\x05"), rules: noCRL, strict: noCRL,
	},
	{
		section: "5.2.3", rule: "a negative number", damage: crlExtensions(derCRLKeyID, "\x30\x0a\x06\x03\x55\x1d\x14\x04\x03\x02\x01\xfb"),
		rules: noCRL, strict: noCRL,
	},
	{
		section: "5.2.3", rule: "a number of 21 bytes",
		damage: crlExtensions(derCRLKeyID, der(0x30, "\x06\x03\x55\x1d\x14", der(0x04, der(0x02, "\x01"+strings20)))), strict: noCRL,
	},
	{
		section: "5.2.3", rule: "a number of 20 bytes", list: crlNumber(new(big.Int).Lsh(big.NewInt(1), 158)),
		accepted: "verifiers must handle them",
	},
	{
		section: "5.2.4", rule: "a delta alone", list: crlExtension(cert.IDDeltaCRLIndicator, true, "\x02\x01\x05"), rules: noCRL,
		strict: noCRL,
	},
	{
		section: "5.2.4", rule: "a delta to a negative number", list: crlExtension(cert.IDDeltaCRLIndicator, true, "\x02\x01\xff"),
		rules: noCRL, strict: noCRL,
	},
	{
		section: "5.2.4", rule: "a delta that is not critical", list: crlExtension(cert.IDDeltaCRLIndicator, false, "\x02\x01\x05"),
		rules: noCRL, strict: noCRL,
	},
	{section: "5.2.5", rule: "an empty scope", list: issuing(), rules: noCRL, strict: noCRL},
	{
		section: "5.2.5",
		rule:    "a scope that is not critical", list: crlExtension(cert.IDIssuingDistribution, false, der(0x30, "\x81\x01\xff")), strict: noCRL,
	},
	{section: "5.2.5", rule: "for users' certificates", list: issuing("\x81\x01\xff"), accepted: "it is one"},
	{section: "5.2.5", rule: "for CAs' certificates", list: issuing("\x82\x01\xff"), rules: noCRL, strict: noCRL},
	{
		section: "5.2.5", rule: "for users' and for CAs' certificates alone", list: issuing("\x81\x01\xff\x82\x01\xff"), rules: noCRL,
		strict: noCRL,
	},
	{section: "5.2.5", rule: "for attribute certificates", list: issuing("\x85\x01\xff"), rules: noCRL, strict: noCRL},
	{section: "5.2.5", rule: "for one reason", list: issuing("\x83" + keyCompromise), rules: noCRL, strict: noCRL},
	{
		section: "5.2.5", rule: "for one reason, and an entry of none", list: someReasons, rules: noCRL, strict: noCRL,
	},
	{section: "5.2.5", rule: "for no reason", list: issuing("\x83\x02\x00\x00"), rules: noCRL, strict: noCRL},
	{section: "5.2.5", rule: "for reasons in unused bits", list: issuing("\x83\x03\x07\x00\xff"), rules: noCRL, strict: noCRL},
	{section: "5.2.5", rule: "for the unused bit of the reasons alone", list: issuing("\x83\x02\x07\x80"), rules: noCRL, strict: noCRL},
	{
		section: "5.2.5", rule: "for the unused bit and one reason, and an entry of none", list: unspecifiedReason, rules: noCRL, strict: noCRL,
	},
	{section: "5.2.5", rule: "an unknown field", list: issuing("\x89\x01\xff"), rules: noCRL, strict: noCRL},
	{
		section: "5.2.5", rule: "a name with trailing data", list: issuing(der(0xa0, der(0xa0, uriName("http://a.example")), "\x05\x00")),
		rules: noCRL, strict: noCRL,
	},
	{
		section: "5.2.6",
		rule:    "a critical freshest CRL", list: crlExtension(cert.IDFreshestCRL, true, der(0x30, der(0x30, fullName("http://a.example")))),
		rules: noCRL, strict: noCRL,
	},
	{
		section: "5.2.6", rule: "a freshest CRL with reasons", strict: noCRL,
		list: crlExtension(cert.IDFreshestCRL, false, der(0x30, der(0x30, fullName("http://a.example"), "\x81"+keyCompromise))),
	},
	{
		section: "5.2.6", rule: "a freshest CRL with a CRL issuer", strict: noCRL,
		list: crlExtension(cert.IDFreshestCRL, false, der(0x30, der(0x30, fullName("http://a.example"), der(0xa2, dirName("a"))))),
	},
	{
		section: "5.2.6", rule: "a freshest CRL without a point", list: crlExtension(cert.IDFreshestCRL, false, "\x30\x00"), strict: noCRL,
	},
	{
		section: "5.2.7", rule: "information access without the issuer's certificate", strict: noCRL,
		list: crlExtension(cert.IDAuthorityInfoAccess, false, der(0x30, der(0x30, derOCSP, uriName("http://a.example")))),
	},
	{
		section: "5.2.6", rule: "LDAP without an attribute", strict: noCRL,
		list: crlExtension(cert.IDFreshestCRL, false, der(0x30, der(0x30, fullName("ldap:///cn=a")))),
	},
	{
		section: "5.2.7", rule: "LDAP without attributes", strict: noCRL,
		list: crlExtension(cert.IDAuthorityInfoAccess, false, der(0x30, der(0x30, derCAIssuers, uriName("ldap:///cn=a")))),
	},
	{
		section: "5.2.7", rule: "information access of the issuer's certificate", accepted: "it is what the extension is for",
		list: crlExtension(cert.IDAuthorityInfoAccess, false, der(0x30, der(0x30, derCAIssuers, uriName("http://a.example")))),
	},
	{
		section: "5.2.7",
		rule:    "critical information access",
		list:    crlExtension(cert.IDAuthorityInfoAccess, true, der(0x30, der(0x30, derOCSP, uriName("http://a.example")))),
		rules:   noCRL, strict: noCRL,
	},
	{
		section: "5.3", rule: "a critical extension of an entry is unknown", list: entry("1.2.3.4", true, "\x05\x00"), rules: noCRL,
		strict: noCRL,
	},
	{
		section: "5.3", rule: "an unknown extension of an entry, not critical", list: entry("1.2.3.4", false, "\x05\x00"),
		accepted: "it may be ignored",
	},
	{
		section: "5.3.1", rule: "a reason that is not ENUMERATED", list: entryAt,
		damage: []string{derEntryList, der(0x30, der(0x30, derEntry[2:], derIntegerReason))}, rules: noCRL, strict: noCRL,
	},
	{section: "5.3.1", rule: "the certificate is removed from a complete list", list: removed, accepted: "it is not revoked (6.3.3 (k))"},
	{
		section: "5.3.1", rule: "the certificate is revoked for a reason that does not exist", list: reasonSeven, rules: "revoked",
		strict: "revoked",
	},
	{
		section: "5.3.2", rule: "an invalidity date that is not a time", list: entry(cert.IDInvalidityDate, false, "\x05\x00"), rules: noCRL,
		strict: noCRL,
	},
	{
		section: "5.3.2", rule: "an invalidity date that is a UTCTime", list: entry(cert.IDInvalidityDate, false, utc("260530120000Z")),
		rules: noCRL, strict: noCRL,
	},
	{
		section: "5.3.2", rule: "an invalidity date with a fraction", list: entry(cert.IDInvalidityDate, false, generalized("20260530120000.5Z")),
		rules: noCRL, strict: noCRL,
	},
	{
		section: "5.3.2", rule: "a critical invalidity date", list: entry(cert.IDInvalidityDate, true, generalized("20260530120000Z")),
		strict: noCRL,
	},
	{
		section: "5.3.3", rule: "a certificate issuer in a direct list", list: entry(cert.IDCertificateIssuer, true, der(0x30, dirName("a"))),
		rules: noCRL, strict: noCRL,
	},
	{
		section: "5.3.3", rule: "a certificate issuer without a directory name", list: entryIssuer(true, dnsName("a")), rules: noCRL,
		strict: noCRL,
	},
	{section: "5.3.3", rule: "a certificate issuer that is not critical", list: entryIssuer(false, dirName("a")), strict: noCRL},
	{
		section: "5.3.3", rule: "an entry of another issuer with the same serial number", list: sameSerial,
		accepted: "serial numbers are unique within an issuer",
	},
	{
		section: "6.3.3 (b)(1)", rule: "the point names a CRL issuer, the list is not indirect", leaf: point(der(0xa2, dirName("Example"))),
		accepted: "the issuer's own list counts",
	},
	{
		section: "6.3.3 (b)(2)", rule: "the list is for another distribution point",
		leaf: point(fullName("http://a.example")), list: issuing(fullName("http://b.example")), rules: noCRL, strict: noCRL,
	},
	{
		section: "6.3.3 (f)", rule: "the issuer lacks cRLSign", root: func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCertSign },
		rules: noCRL, strict: noCRL,
	},
}

const strings20 = "aaaaaaaaaaaaaaaaaaaa"

// What crypto/x509 writes as the extensions of a list.
const (
	derCRLKeyID  = "\x30\x0c\x06\x03\x55\x1d\x23\x04\x05\x30\x03\x80\x01\x01"
	derCRLNumber = "\x30\x0a\x06\x03\x55\x1d\x14\x04\x03\x02\x01\x05"
)

// crlExtensions replaces the extensions of a list that has no others.
func crlExtensions(list ...string) []string {
	return []string{der(0xa0, der(0x30, derCRLKeyID, derCRLNumber)), der(0xa0, der(0x30, list...))}
}

// derCAIssuers is the access method of an issuer's certificate.
const derCAIssuers = "\x06\x08\x2b\x06\x01\x05\x05\x07\x30\x02"

// unspecifiedReason makes a list for key compromises and bit 0, which is not that of the reason 0, with an entry that gives no reason.
func unspecifiedReason(l *x509.RevocationList) {
	issuing("\x83\x02\x06\xc0")(l)
	entryAt(l)
}

// someReasons makes a list for key compromises with an entry that gives no reason.
func someReasons(l *x509.RevocationList) {
	issuing("\x83" + keyCompromise)(l)
	entryAt(l)
}

// leafSerial is the serial number of the leaf that the lists are asked about.
var leafSerial = big.NewInt(0x5e41a1)

// listed makes the change that lists the leaf for a reason.
func listed(reason int, extensions ...pkix.Extension) func(*x509.RevocationList) {
	return func(l *x509.RevocationList) {
		l.RevokedCertificateEntries = append(l.RevokedCertificateEntries, x509.RevocationListEntry{
			SerialNumber: leafSerial, RevocationTime: now.AddDate(0, 0, -2), ReasonCode: reason, ExtraExtensions: extensions,
		})
	}
}

var (
	removed      = listed(int(cert.RemoveFromCRL))
	removedAgain = listed(int(cert.RemoveFromCRL))
	reasonSeven  = listed(7)
)

// entryIssuer makes an indirect list with an entry that names its issuer.
func entryIssuer(critical bool, name string) func(*x509.RevocationList) {
	return func(l *x509.RevocationList) {
		issuing(indirect)(l)
		entry(cert.IDCertificateIssuer, critical, der(0x30, name))(l)
	}
}

// sameSerial makes an indirect list in which another CA's certificate has the leaf's serial number.
func sameSerial(l *x509.RevocationList) {
	issuing(indirect)(l)
	listed(1, pkix.Extension{Id: goOID(cert.IDCertificateIssuer), Critical: true, Value: []byte(der(0x30, dirName("a")))})(l)
}

// verdict validates the leaf with the list; "unreadable" is a list that is not even parsed.
func (r *crlRule) verdict(t *testing.T, profile path.Profile) (string, path.Result) {
	t.Helper()
	root := ca(t, nil, "Root", conforming, same(r.root))
	l := leaf(t, root, same(r.leaf), serial(leafSerial))
	var revoked []*member
	if r.revoked {
		revoked = append(revoked, l)
	}
	list := crlOf(t, root, r.list, revoked...)
	if r.damage != nil {
		var err error
		if list, err = cert.ParseCRL(resign(t, list.Raw, root, 0, r.damage...)); err != nil {
			return "unreadable", path.Result{}
		}
	}
	o := options(root)
	o.Profile, o.CRLs, o.RequireCRLs = profile, []*cert.CRL{list}, true
	result := path.Validate(l.Certificate, o)
	if result.Valid {
		return "", result
	}
	return rules(result), result
}

func TestRules_RFC5280_revocation(t *testing.T) {
	t.Parallel()
	for _, r := range crlRules {
		t.Run("RFC 5280, "+r.section+": "+r.rule, func(t *testing.T) {
			t.Parallel()
			if (r.rules == "" && r.strict == "") != (r.accepted != "") {
				t.Error("the table must say why a list is accepted, or how it is refused")
			}
			for profile, want := range map[path.Profile]string{path.RFC5280: r.rules, path.StrictRFC5280: r.strict} {
				if got, result := r.verdict(t, profile); got != want {
					t.Errorf("%s: %q, want %q\n%s", profile, got, want, explain(result))
				}
			}
		})
	}
}
