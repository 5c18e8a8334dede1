package cert_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/mldsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"certkdb/pki/cert"
)

// templates are certificates of many shapes for crypto/x509 to make.
func templates() map[string]*x509.Certificate {
	uri := func(s string) *url.URL { u, _ := url.Parse(s); return u }
	network := func(s string) *net.IPNet { _, n, _ := net.ParseCIDR(s); return n }
	return map[string]*x509.Certificate{
		"nothing but a subject": {Subject: pkix.Name{CommonName: "x"}},
		"no subject":            {DNSNames: []string{"a.example"}},
		"everything":            fullTemplate(),
		"a root": {
			Subject: pkix.Name{CommonName: "root"}, IsCA: true, BasicConstraintsValid: true,
			KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		},
		"path length 0":      {Subject: pkix.Name{CommonName: "ca"}, IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true},
		"no CA, and says so": {Subject: pkix.Name{CommonName: "leaf"}, BasicConstraintsValid: true},
		"every key usage":    {Subject: pkix.Name{CommonName: "u"}, KeyUsage: 1<<9 - 1},
		"extended key usages": {
			Subject: pkix.Name{CommonName: "e"}, ExtKeyUsage: []x509.ExtKeyUsage{
				x509.ExtKeyUsageAny, x509.ExtKeyUsageClientAuth,
				x509.ExtKeyUsageOCSPSigning,
			},
		},
		"name constraints": {
			Subject: pkix.Name{CommonName: "nc"}, IsCA: true, BasicConstraintsValid: true, PermittedDNSDomainsCritical: true,
			PermittedDNSDomains: []string{"example.com", ".example.net"}, ExcludedDNSDomains: []string{"bad.example.com"},
			PermittedIPRanges: []*net.IPNet{network("10.0.0.0/8"), network("2001:db8::/32")}, ExcludedIPRanges: []*net.IPNet{network("10.1.0.0/16")},
			PermittedEmailAddresses: []string{"a@example.com", "example.org"}, ExcludedEmailAddresses: []string{".example.net"},
			PermittedURIDomains: []string{"example.com"}, ExcludedURIDomains: []string{".bad.example.com"},
		},
		"policies": {
			Subject:  pkix.Name{CommonName: "p"},
			Policies: []x509.OID{mustOID("2.5.29.32.0"), mustOID("1.2.3"), mustOID("2.23.140.1.2.2")},
		},
		"access": {
			Subject: pkix.Name{CommonName: "a"}, OCSPServer: []string{"http://o.example"},
			IssuingCertificateURL: []string{"http://i.example/1", "http://i.example/2"},
		},
		"distribution points": {
			Subject: pkix.Name{CommonName: "d"}, CRLDistributionPoints: []string{"http://c.example/a", "ldap://c.example/b"},
		},
		"names of each kind": {
			DNSNames: []string{"a.example", "*.b.example", "xn--bcher-kva.example"}, EmailAddresses: []string{"a@b.example"},
			IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}, URIs: []*url.URL{uri("spiffe://a.example/x"), uri("urn:uuid:1")},
		},
		"a long life": {
			Subject: pkix.Name{CommonName: "t"}, NotBefore: time.Date(1950, 1, 1, 0, 0, 0, 0, time.UTC),
			NotAfter: time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
		},
		"the end of 2049": {
			Subject: pkix.Name{CommonName: "t"}, NotBefore: time.Date(2049, 12, 31, 23, 59, 59, 0, time.UTC),
			NotAfter: time.Date(2050, 1, 1, 0, 0, 0, 0, time.UTC),
		},
		"a long serial": {Subject: pkix.Name{CommonName: "s"}, SerialNumber: new(big.Int).Lsh(big.NewInt(1), 158)},
	}
}

// What crypto/x509 makes is read with its fields, is warned of in nothing, and described line by line.
func TestParse_templatesOfGo(t *testing.T) {
	t.Parallel()
	for rule, template := range templates() {
		der := makeCertificate(t, template)
		want, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatalf("%s: %v", rule, err)
		}
		c, err := cert.Parse(der)
		if err != nil {
			t.Errorf("%s: %v", rule, err)
			continue
		}
		compareWithGo(t, rule, c, want)
		if w := c.Warning(); w != "" || len(c.Malformed()) > 0 || !c.TimesInForm() {
			t.Errorf("%s: warning %q, malformed %v", rule, w, c.Malformed())
		}
		if lines := c.Describe(); len(lines) != len(want.Extensions) ||
			slices.ContainsFunc(lines, func(l cert.Line) bool { return strings.HasPrefix(l.Value, "#") }) {
			t.Errorf("%s: described as %v", rule, lines)
		}
		compareExtensions(t, rule, c, want)
	}
}

// compareExtensions compares what is decoded on demand.
func compareExtensions(t *testing.T, rule string, c *cert.Certificate, want *x509.Certificate) {
	t.Helper()
	if e := c.Extension(cert.IDCertificatePolicies); e != nil {
		list, err := cert.ParsePolicies(e.Value)
		var ids []string
		for _, p := range list {
			ids = append(ids, p.ID)
		}
		if got := fmt.Sprint(ids); err != nil || got != fmt.Sprint(want.Policies) {
			t.Errorf("%s: policies %s, %v; Go has %v", rule, got, err, want.Policies)
		}
	}
	if e := c.Extension(cert.IDCRLDistributionPoints); e != nil {
		list, err := cert.ParseDistributionPoints(e.Value)
		var uris []string
		for _, p := range list {
			_, _, _, more := p.Name.Full.Strings()
			uris = append(uris, more...)
		}
		if err != nil || !slices.Equal(uris, want.CRLDistributionPoints) {
			t.Errorf("%s: distribution points %v, %v; Go has %v", rule, uris, err, want.CRLDistributionPoints)
		}
	}
	if e := c.Extension(cert.IDAuthorityInfoAccess); e != nil {
		list, err := cert.ParseAccess(e.Value)
		found := map[string][]string{}
		for _, a := range list {
			found[a.Method] = append(found[a.Method], string(a.Location.Value))
		}
		if err != nil || !slices.Equal(found["1.3.6.1.5.5.7.48.1"], want.OCSPServer) ||
			!slices.Equal(found["1.3.6.1.5.5.7.48.2"], want.IssuingCertificateURL) {
			t.Errorf("%s: access %v, %v", rule, found, err)
		}
	}
	if e := c.Extension(cert.IDNameConstraints); e != nil {
		compareConstraints(t, rule, e.Value, want)
	}
}

func compareConstraints(t *testing.T, rule string, value []byte, want *x509.Certificate) {
	t.Helper()
	nc, err := cert.ParseNameConstraints(value)
	if err != nil {
		t.Errorf("%s: %v", rule, err)
		return
	}
	text := func(list []cert.GeneralName) string {
		parts := make([]string, len(list))
		for i, n := range list {
			parts[i] = n.String()
		}
		slices.Sort(parts)
		return strings.Join(parts, " ")
	}
	goes := func(dns, emails, uris []string, ips []*net.IPNet) string {
		var parts []string
		for _, s := range dns {
			parts = append(parts, "dns:"+s)
		}
		for _, s := range emails {
			parts = append(parts, "email:"+s)
		}
		for _, s := range uris {
			parts = append(parts, "uri:"+s)
		}
		for _, n := range ips {
			parts = append(parts, "ip:"+n.String())
		}
		slices.Sort(parts)
		return strings.Join(parts, " ")
	}
	if got, want := text(nc.Permitted), goes(want.PermittedDNSDomains, want.PermittedEmailAddresses, want.PermittedURIDomains,
		want.PermittedIPRanges); got != want {
		t.Errorf("%s: permitted %s; Go has %s", rule, got, want)
	}
	if got, want := text(nc.Excluded), goes(want.ExcludedDNSDomains, want.ExcludedEmailAddresses, want.ExcludedURIDomains,
		want.ExcludedIPRanges); got != want {
		t.Errorf("%s: excluded %s; Go has %s", rule, got, want)
	}
}

// Keys of each kind that crypto/x509 certifies are named.
func TestParse_keyTypes(t *testing.T) {
	t.Parallel()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	edKey, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	pq, err := mldsa.GenerateKey(mldsa.MLDSA65())
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string]any{"rsa1024": rsaKey.Public(), "ed25519": edKey, "mldsa65": pq.Public(), "p256": signer.Public()}
	for name, curve := range map[string]elliptic.Curve{"p224": elliptic.P224(), "p384": elliptic.P384(), "p521": elliptic.P521()} {
		k, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		keys[name] = k.Public()
	}
	template := &x509.Certificate{Subject: pkix.Name{CommonName: "k"}, SerialNumber: big.NewInt(1), NotBefore: when, NotAfter: when}
	for want, public := range keys {
		der, err := x509.CreateCertificate(rand.Reader, template, template, public, signer)
		if err != nil {
			t.Fatalf("%s: %v", want, err)
		}
		c, err := cert.Parse(der)
		if err != nil || c.KeyType != want || c.Key().Type != want || c.Warning() != "" {
			t.Errorf("%s: %s, %q, %v", want, c.KeyType, c.Warning(), err)
		}
	}
}

// What crypto/x509 makes of requests is read with its fields.
func TestParseRequest_templatesOfGo(t *testing.T) {
	t.Parallel()
	signer, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for rule, template := range map[string]*x509.CertificateRequest{
		"nothing":   {},
		"a subject": {Subject: pkix.Name{CommonName: "x", Organization: []string{"o"}}},
		"names":     {DNSNames: []string{"a.example"}, EmailAddresses: []string{"a@b"}, IPAddresses: []net.IP{net.IPv4(10, 0, 0, 1)}},
	} {
		der, err := x509.CreateCertificateRequest(rand.Reader, template, signer)
		if err != nil {
			t.Fatal(err)
		}
		want, err := x509.ParseCertificateRequest(der)
		if err != nil {
			t.Fatal(err)
		}
		r, err := cert.ParseRequest(der)
		if err != nil {
			t.Errorf("%s: %v", rule, err)
			continue
		}
		dns, ips, emails, _ := r.SAN.Strings()
		if !bytes.Equal(r.RawTBS, want.RawTBSCertificateRequest) || !bytes.Equal(r.RawSubject, want.RawSubject) ||
			!bytes.Equal(r.RawSPKI, want.RawSubjectPublicKeyInfo) ||
			!bytes.Equal(r.Signature, want.Signature) || r.KeyType != "p256" || r.Version != 1 || r.SignatureAlgorithm.Name != "ecdsa-with-SHA256" {
			t.Errorf("%s: %+v", rule, r)
		}
		if !slices.Equal(dns, want.DNSNames) || !slices.Equal(emails, want.EmailAddresses) || len(ips) != len(want.IPAddresses) ||
			len(r.Extensions) != len(want.Extensions) {
			t.Errorf("%s: names %v", rule, r.SAN)
		}
	}
}

// What crypto/x509 makes of CRLs is read with its fields, each reason of RFC 5280 among them.
func TestParseCRL_templatesOfGo(t *testing.T) {
	t.Parallel()
	signer, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	issuer := &x509.Certificate{Subject: pkix.Name{CommonName: "ca"}, SubjectKeyId: []byte{1, 2}, KeyUsage: x509.KeyUsageCRLSign}
	var entries []x509.RevocationListEntry
	for _, reason := range cert.RevocationReasons() {
		entries = append(entries, x509.RevocationListEntry{
			SerialNumber: big.NewInt(int64(reason) + 100), RevocationTime: when,
			ReasonCode: int(reason),
		})
	}
	der, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
		Number: big.NewInt(77), ThisUpdate: when, NextUpdate: when.AddDate(0, 0, 7), RevokedCertificateEntries: entries,
	}, issuer, signer)
	if err != nil {
		t.Fatal(err)
	}
	want, err := x509.ParseRevocationList(der)
	if err != nil {
		t.Fatal(err)
	}
	c, err := cert.ParseCRL(der)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(c.RawTBS, want.RawTBSRevocationList) || !bytes.Equal(c.RawIssuer, want.RawIssuer) ||
		!bytes.Equal(c.Signature, want.Signature) ||
		!bytes.Equal(c.AKI, want.AuthorityKeyId) || c.Number.Cmp(want.Number) != 0 || c.BaseNumber != nil || c.Version != 2 ||
		!c.TimesInForm() ||
		!c.ThisUpdate.Equal(want.ThisUpdate) || !c.NextUpdate.Equal(want.NextUpdate) || len(c.Revoked) != len(entries) {
		t.Errorf("%+v", c)
	}
	for i, r := range c.Revoked {
		entry := want.RevokedCertificateEntries[i]
		if r.Serial.Cmp(entry.SerialNumber) != 0 || !r.Date.Equal(entry.RevocationTime) || int(r.Reason) != entry.ReasonCode || r.Malformed ||
			!r.Reason.Known() {
			t.Errorf("%+v, Go has %+v", r, entry)
		}
	}
}

func TestReason_names(t *testing.T) {
	t.Parallel()
	for reason, want := range map[cert.Reason][2]string{
		cert.Unspecified: {"unspecified", "no reason given"}, cert.KeyCompromise: {"keyCompromise", "key compromise"},
		cert.RemoveFromCRL: {"removeFromCRL", "removed from CRL"}, 7: {"reason 7", "reason 7"}, 11: {"reason 11", "reason 11"},
		-1: {"reason -1", "reason -1"},
	} {
		if got := [2]string{reason.String(), reason.Words()}; got != want {
			t.Errorf("%d: %q", int(reason), got)
		}
	}
	if all := cert.RevocationReasons(); slices.Contains(all, cert.RemoveFromCRL) || slices.Contains(all, 7) || len(all) != 9 {
		t.Errorf("reasons to revoke for: %v", all)
	}
}

// Every form of a time, in its place in a certificate (RFC 5280, 4.1.2.5; X.690, 11.7 and 11.8; BER's forms as OpenSSL reads them).
func TestParse_timeForms(t *testing.T) {
	t.Parallel()
	const utc, generalized = 0x17, 0x18
	for _, test := range []struct {
		tag    byte
		text   string
		want   string // RFC 3339; "" for a time that cannot be read
		strict bool
	}{
		{utc, "260102030405Z", "2026-01-02T03:04:05Z", true},
		{utc, "000101000000Z", "2000-01-01T00:00:00Z", true},
		{utc, "991231235959Z", "1999-12-31T23:59:59Z", true},
		{utc, "2601020304Z", "2026-01-02T03:04:00Z", false},
		{utc, "260102030405+0000", "2026-01-02T03:04:05Z", false},
		{utc, "260102030405-2359", "2026-01-03T03:03:05Z", false},
		{utc, "260102030405.5Z", "", false},
		{utc, "260102030460Z", "", false},
		{utc, "260102036005Z", "", false},
		{utc, "260100030405Z", "", false},
		{utc, "261302030405Z", "", false},
		{utc, "260102030405+2400", "", false},
		{utc, "260102030405+0060", "", false},
		{utc, "260102030405+01", "", false},
		{utc, "260102030405z", "", false},
		{utc, "2601020304050Z", "", false},
		{utc, "26010203040 Z", "", false},
		{utc, "-60102030405Z", "", false},
		{generalized, "20500102030405Z", "2050-01-02T03:04:05Z", true},
		{generalized, "00010101000000Z", "0001-01-01T00:00:00Z", true},
		{generalized, "20500102030405.123Z", "2050-01-02T03:04:05Z", false},
		{generalized, "20500102030405,5Z", "2050-01-02T03:04:05Z", false},
		{generalized, "20500102030405.5+0100", "2050-01-02T02:04:05Z", false},
		{generalized, "205001020304Z", "2050-01-02T03:04:00Z", false},
		{generalized, "20500102030405", "", false},
		{generalized, "20500102030405.", "", false},
		{generalized, "205", "", false},
		{generalized, "20510229000000Z", "", false},
	} {
		p := ordinary()
		p.validity = tlv(0x30, tlv(test.tag, test.text), tlv(test.tag, test.text))
		c, err := cert.Parse(p.der())
		if err != nil {
			t.Errorf("%s: %v", test.text, err)
			continue
		}
		got := ""
		if c.TimesReadable() {
			got = c.NotBefore.Format(time.RFC3339)
		}
		if got != test.want || c.TimesInUTC() != test.strict || !c.NotBefore.Equal(c.NotAfter) {
			t.Errorf("%s: %s, strict %v; want %s", test.text, got, c.TimesInUTC(), test.want)
		}
		if odd := strings.Contains(c.Warning(), "validity time"); odd == test.strict {
			t.Errorf("%s: warning %q", test.text, c.Warning())
		}
	}
}
