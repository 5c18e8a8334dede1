package path_test

import (
	"crypto/x509"
	"math/big"
	"testing"

	"certkdb/pki/cert"
	"certkdb/pki/path"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// der builds a value of nested tags: der(0x30, der(0x80, "x")).
func der(tag byte, parts ...string) string {
	var b cryptobyte.Builder
	b.AddASN1(asn1.Tag(tag), func(b *cryptobyte.Builder) {
		for _, p := range parts {
			b.AddBytes([]byte(p))
		}
	})
	return string(b.BytesOrPanic())
}

// Distribution point names: [0] DistributionPointName, itself [0] fullName or [1] nameRelativeToCRLIssuer.
func fullName(url string) string { return der(0xa0, der(0xa0, der(0x86, url))) }

func relativeName(cn string) string {
	return der(0xa0, der(0xa1, der(0x30, "\x06\x03\x55\x04\x03", der(0x0c, cn))))
}

func point(parts ...string) change {
	return extra(cert.IDCRLDistributionPoints, false, der(0x30, der(0x30, parts...)))
}

func issuing(parts ...string) func(*x509.RevocationList) {
	return crlExtension(cert.IDIssuingDistribution, true, der(0x30, parts...))
}

const (
	indirect      = "\x84\x01\xff"
	keyCompromise = "\x02\x06\x40" // reasons keyCompromise
	theOthers     = "\x03\x07\x3f\x80"
)

// crlIssuer is the [2] cRLIssuer of a distribution point.
func crlIssuer(m *member) string { return der(0xa2, der(0xa4, string(m.RawSubject))) }

// TestValidate_distributionPoints covers CRLs that are partitioned by place or reason, and indirect ones (RFC 5280, 6.3.3).
func TestValidate_distributionPoints(t *testing.T) {
	t.Parallel()
	root := ca(t, nil, "Root")
	signer := ca(t, root, "CRL signer")
	const a, b = "http://a.example/crl", "http://b.example/crl"
	plain := leaf(t, root)
	atA := leaf(t, root, point(fullName(a)))
	relative := leaf(t, root, point(relativeName("part 1")))
	elsewhere := leaf(t, root, point(crlIssuer(signer)))
	split := leaf(t, root, extra(cert.IDCRLDistributionPoints, false, der(0x30,
		der(0x30, fullName(a), "\x81"+keyCompromise), der(0x30, fullName(b), "\x81"+theOthers))))
	rootCRL := crlOf(t, root, nil)
	// certificateIssuer names whose certificate an entry of an indirect CRL is about.
	entryFor := func(issuer *member) func(*x509.RevocationList) {
		return func(l *x509.RevocationList) {
			issuing(indirect)(l)
			name := der(0x30, der(0xa4, string(issuer.RawSubject)))
			for i := range l.RevokedCertificateEntries {
				e := &l.RevokedCertificateEntries[i]
				var list x509.RevocationList
				crlExtension(cert.IDCertificateIssuer, true, name)(&list)
				e.ExtraExtensions = list.ExtraExtensions
			}
		}
	}
	tests := []struct {
		rule string
		leaf *member
		crls []*cert.CRL
		want string
	}{
		{"the issuer's CRL serves any point", atA, []*cert.CRL{rootCRL}, "valid"},
		{"the point's CRL", atA, []*cert.CRL{crlOf(t, root, issuing(fullName(a)))}, "valid"},
		{"the point's CRL revokes", atA, []*cert.CRL{crlOf(t, root, issuing(fullName(a)), atA)}, "revoked"},
		{"another point's CRL", atA, []*cert.CRL{crlOf(t, root, issuing(fullName(b)))}, "no-crl"},
		{"a point's CRL for a certificate without", plain, []*cert.CRL{crlOf(t, root, issuing(fullName(a)))}, "no-crl"},
		{"a relative name on both sides", relative, []*cert.CRL{crlOf(t, root, issuing(relativeName("PART 1")))}, "valid"},
		{"another relative name", relative, []*cert.CRL{crlOf(t, root, issuing(relativeName("part 2")))}, "no-crl"},
		{
			"reasons in two parts", split,
			[]*cert.CRL{crlOf(t, root, issuing(fullName(a), "\x83"+keyCompromise)), crlOf(t, root, issuing(fullName(b), "\x83"+theOthers))},
			"valid",
		},
		{"one part missing", split, []*cert.CRL{crlOf(t, root, issuing(fullName(a), "\x83"+keyCompromise))}, "no-crl"},
		{"revoked in the second part", split, []*cert.CRL{
			crlOf(t, root, issuing(fullName(a), "\x83"+keyCompromise)), crlOf(t, root, issuing(fullName(b), "\x83"+theOthers), split),
		}, "revoked"},
		{"indirect", elsewhere, []*cert.CRL{rootCRL, crlOf(t, signer, issuing(indirect))}, "valid"},
		{"indirect, revoked", elsewhere, []*cert.CRL{crlOf(t, signer, entryFor(root), elsewhere), rootCRL}, "revoked"},
		{"indirect, but revoked for another issuer", elsewhere, []*cert.CRL{rootCRL, crlOf(t, signer, entryFor(signer), elsewhere)}, "valid"},
		{
			"indirect, but the issuer's own revokes", elsewhere,
			[]*cert.CRL{crlOf(t, root, nil, elsewhere), crlOf(t, signer, issuing(indirect))},
			"revoked",
		},
		{"all reasons covered, one again", plain, []*cert.CRL{rootCRL, crlOf(t, root, issuing("\x83"+keyCompromise), plain)}, "revoked"},
		{"CRL issuer without the indirect flag", elsewhere, []*cert.CRL{crlOf(t, signer, nil)}, "no-crl"},
		{"for attribute certificates", plain, []*cert.CRL{crlOf(t, root, issuing("\x85\x01\xff"))}, "no-crl"},
	}
	for _, test := range tests {
		o := options(root, signer)
		o.CRLs, o.RequireCRLs = test.crls, true
		result := path.Validate(test.leaf.Certificate, o)
		if got := rules(result); got != test.want {
			t.Errorf("%s: %s, want %s\n%s", test.rule, got, test.want, explain(result))
		}
	}
}

// TestValidate_badCRLs are CRLs that must not be used at all (RFC 5280, 5).
func TestValidate_badCRLs(t *testing.T) {
	t.Parallel()
	root := ca(t, nil, "Root")
	l := leaf(t, root)
	entryExtension := func(id, value string) func(*x509.RevocationList) {
		return func(r *x509.RevocationList) {
			var list x509.RevocationList
			crlExtension(id, true, value)(&list)
			r.RevokedCertificateEntries = []x509.RevocationListEntry{{
				SerialNumber: big.NewInt(1), RevocationTime: now,
				ExtraExtensions: list.ExtraExtensions,
			}}
		}
	}
	tests := []struct {
		rule   string
		change func(*x509.RevocationList)
	}{
		{"unknown critical extension of an entry", entryExtension("1.2.3.4", "\x05\x00")},
		{
			"certificate issuer in a CRL that is not indirect",
			entryExtension(cert.IDCertificateIssuer, der(0x30, der(0xa4, string(root.RawSubject)))),
		},
		{"malformed issuing distribution point", crlExtension(cert.IDIssuingDistribution, true, "\x05\x00")},
		{"malformed base number", crlExtension(cert.IDDeltaCRLIndicator, true, "\x05\x00")},
		{"only for users and only for CAs", issuing("\x81\x01\xff", "\x82\x01\xff")},
		{"for no reason", issuing("\x83\x01\x00")},
	}
	for _, test := range tests {
		o := options(root)
		o.CRLs, o.RequireCRLs = []*cert.CRL{crlOf(t, root, test.change)}, true
		if got := rules(path.Validate(l.Certificate, o)); got != "no-crl" {
			t.Errorf("%s: %s", test.rule, got)
		}
	}
}

// TestValidate_manyCRLs has a CRL issuer that must be validated itself sign a list for each of many places.
func TestValidate_manyCRLs(t *testing.T) {
	t.Parallel()
	root := ca(t, nil, "Root")
	signer := ca(t, root, "CRL signer")
	inter := ca(t, root, "Intermediate", point(crlIssuer(signer)))
	l := leaf(t, inter, point(crlIssuer(signer)))
	o := options(root, signer, inter)
	o.RequireCRLs, o.CRLs = true, []*cert.CRL{crlOf(t, root, nil)}
	for range 100 {
		o.CRLs = append(o.CRLs, crlOf(t, signer, issuing(indirect)))
	}
	if result := path.Validate(l.Certificate, o); !result.Valid {
		t.Error(explain(result))
	}
}
