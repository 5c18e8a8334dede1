package issue

import (
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"slices"
	"strings"

	"certkdb/pki"
	"certkdb/pki/cert"
	"certkdb/pki/key"
	"certkdb/pki/oid"
	"certkdb/pki/path"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// Requested is a PKCS #10 request (RFC 2986) with its private key.
type Requested struct {
	// Request is DER.
	Request []byte
	Key     key.Private
	Notes   []string
}

// NewRequest makes a key, unless there is one, and a PKCS #10 request for a certificate. The request asks for the
// alternative names, and, if a profile or usages are given, for these usages and basic constraints too; what becomes of
// it is the CA's decision. Validity, serial number, policies and URLs are the CA's alone.
func NewRequest(r Request) (Requested, error) {
	out, err := r.pkcs10()
	if err != nil {
		return Requested{}, fmt.Errorf("making a certificate request: %w", err)
	}
	return out, nil
}

func (r *Request) pkcs10() (Requested, error) {
	if err := r.check(r.profile()); err != nil {
		return Requested{}, err
	}
	private, signer, err := r.makeKey()
	if err != nil {
		return Requested{}, err
	}
	d, err := r.draft(signer.Public(), nil)
	if err != nil {
		return Requested{}, err
	}
	algorithm, err := r.signatureAlgorithm(signer)
	if err != nil {
		return Requested{}, err
	}
	// Not by cfssl's csr.Generate, whose subject is a pkix.Name and which guesses the types of names.
	template := &x509.CertificateRequest{RawSubject: d.RawSubject, SignatureAlgorithm: algorithm, ExtraExtensions: d.requested(r)}
	der, err := x509.CreateCertificateRequest(r.random(), template, signer)
	if err != nil {
		return Requested{}, fmt.Errorf("%w: %w", pki.ErrRefused, err)
	}
	return Requested{Request: der, Key: private, Notes: d.notes}, nil
}

// requested are the extensions of a draft that a request asks for.
func (d *draft) requested(r *Request) []pkix.Extension {
	var asked []cert.Extension
	explicit := r.Profile.Name != "" || r.IsCA
	if explicit {
		asked = append(asked, basicConstraintsExtension(d.IsCA, d.pathLen()))
	}
	if explicit || len(r.KeyUsages) > 0 {
		asked = append(asked, keyUsageExtension(d.KeyUsage))
	}
	if ids := d.purposes(&Request{}); (explicit || len(r.ExtKeyUsages) > 0) && len(ids) > 0 {
		asked = append(asked, purposesExtension(ids))
	}
	if d.ownKeyID && d.IsCA { // what the CA issued names it by that
		asked = append(asked, keyIDExtension(d.SubjectKeyId))
	}
	out := make([]pkix.Extension, 0, len(asked)+len(d.ExtraExtensions))
	for _, e := range asked {
		id, err := parseOID(e.ID)
		given := func(x pkix.Extension) bool { return x.Id.Equal(id) }
		if err != nil || slices.ContainsFunc(d.ExtraExtensions, given) {
			continue
		}
		out = append(out, pkix.Extension{Id: id, Critical: e.Critical, Value: e.Value})
	}
	for _, e := range d.ExtraExtensions {
		if id := e.Id.String(); id != cert.IDCertificatePolicies && id != oid.OCSPNoCheck { // the CA's
			out = append(out, e)
		}
	}
	return out
}

// pathLen is the path length, -1 for no limit.
func (d *draft) pathLen() int {
	if d.MaxPathLen == 0 && !d.MaxPathLenZero {
		return -1
	}
	return d.MaxPathLen
}

// basicConstraintsExtension writes RFC 5280, 4.2.1.9.
func basicConstraintsExtension(ca bool, pathLen int) cert.Extension {
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		if ca {
			b.AddASN1Boolean(true)
		}
		if ca && pathLen >= 0 {
			b.AddASN1Int64(int64(pathLen))
		}
	})
	return cert.Extension{ID: cert.IDBasicConstraints, Critical: true, Value: b.BytesOrPanic()}
}

// keyIDExtension writes RFC 5280, 4.2.1.2.
func keyIDExtension(id []byte) cert.Extension {
	var b cryptobyte.Builder
	b.AddASN1OctetString(id)
	return cert.Extension{ID: cert.IDSubjectKeyID, Value: b.BytesOrPanic()}
}

// keyUsageExtension writes RFC 5280, 4.2.1.3: a named bit list, so that zeros at the end are left out (X.690, 11.2.2).
func keyUsageExtension(usage x509.KeyUsage) cert.Extension {
	var bits [2]byte
	last := 0
	for i := range 9 {
		if usage&(1<<i) != 0 {
			bits[i/8] |= 0x80 >> (i % 8)
			last = i
		}
	}
	var b cryptobyte.Builder
	b.AddASN1(asn1.BIT_STRING, func(b *cryptobyte.Builder) {
		b.AddUint8(uint8(7 - last%8))
		b.AddBytes(bits[:last/8+1])
	})
	return cert.Extension{ID: cert.IDKeyUsage, Critical: true, Value: b.BytesOrPanic()}
}

// purposesExtension writes RFC 5280, 4.2.1.12.
func purposesExtension(ids []string) cert.Extension {
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		for _, dotted := range ids {
			if id, err := parseOID(dotted); err == nil {
				b.AddASN1ObjectIdentifier(id)
			}
		}
	})
	return cert.Extension{ID: cert.IDExtendedKeyUsage, Value: b.BytesOrPanic()}
}

// ReadRequest reads a PKCS #10 request and verifies its signature, which proves that its maker has the private key.
// The error wraps [pki.ErrParse], or [pki.ErrRefused] for a bad signature and for keys that are not certified.
func ReadRequest(der []byte) (*cert.Request, error) {
	request, _, err := readRequest(der)
	if err != nil {
		return nil, fmt.Errorf("reading a certificate request: %w", err)
	}
	return request, nil
}

// maxRequest is the most bytes of a request that are looked at. ML-DSA-87 with 1 000 names has 80 KiB.
const maxRequest = 1 << 20

func readRequest(der []byte) (*cert.Request, crypto.PublicKey, error) {
	if len(der) > maxRequest {
		return nil, nil, fmt.Errorf("%w: it has %d bytes, at most %d are read", pki.ErrParse, len(der), maxRequest)
	}
	request, err := cert.ParseRequest(der)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", pki.ErrParse, err)
	}
	// The size comes first: verifying with a huge modulus would take its time.
	public := key.DescribePublic(request.RawSPKI)
	if strings.HasPrefix(public.Type, "rsa") && (public.Bits > maxRSABits || public.Bits < minRSABits) {
		return nil, nil, fmt.Errorf("%w: an RSA key of %d bits; %d to %d are certified", pki.ErrRefused, public.Bits, minRSABits, maxRSABits)
	}
	if len(request.SAN) > maxSANs {
		return nil, nil, fmt.Errorf("%w: %d alternative names; at most %d are issued", pki.ErrRefused, len(request.SAN), maxSANs)
	}
	if bad := request.Malformed(); len(bad) > 0 {
		what := "extension"
		if bad[0].ID == oid.ExtensionRequest {
			what = "attribute" // that has the extensions (RFC 2985, 5.4.2)
		}
		return nil, nil, fmt.Errorf("%w: its %s %s: %w", pki.ErrParse, what, cert.TypeName(bad[0].ID), bad[0].Err)
	}
	certified, err := key.ParsePublic(request.RawSPKI)
	if err != nil || certified.OID == oid.RSAPSS || !certifiable(certified.Key) { // the certificate would lose the restriction to RSASSA-PSS
		return nil, nil, fmt.Errorf("%w: a key of type %s is not certified here; there are RSA, P-256, P-384, P-521, Ed25519 and ML-DSA",
			pki.ErrRefused, public.Type)
	}
	if err := checkKey(certified.Key, false); err != nil {
		return nil, nil, err
	}
	// Not by x509, which refuses requests without attributes, and RSASSA-PSS with salts of other lengths.
	if err := path.VerifyRequest(request); err != nil {
		return nil, nil, fmt.Errorf("%w: %w", pki.ErrRefused, err)
	}
	return request, certified.Key, nil
}
