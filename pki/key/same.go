package key

import (
	"bytes"
)

// SameKey reports whether two SubjectPublicKeyInfos hold the same public key, so that a private key finds its
// certificate even if the two were written by different programs: absent and NULL parameters, rsaEncryption and
// RSASSA-PSS, named and explicit curves, and compressed and uncompressed points do not make a difference.
func SameKey(a, b []byte) bool {
	if len(a) == 0 || len(b) == 0 {
		return false
	}
	if bytes.Equal(a, b) {
		return true
	}
	x, errX := parseSPKI(a)
	y, errY := parseSPKI(b)
	if errX != nil || errY != nil || family(x.oid) != family(y.oid) {
		return false
	}
	switch family(x.oid) {
	case oidRSA:
		return bytes.Equal(x.key, y.key)
	case oidEC:
		return x.sameCurve(&y) && x.sameECPoint(&y)
	case oidDSA:
		// The parameters of a DSA certificate may be its issuer's (RFC 3279, 2.3.2) and then are absent.
		return bytes.Equal(x.key, y.key) && (noParams(x.params) || noParams(y.params) || bytes.Equal(x.params, y.params))
	}
	return bytes.Equal(x.key, y.key) && (bytes.Equal(x.params, y.params) || noParams(x.params) && noParams(y.params))
}

// family maps the identifiers under which the same key may stand to one of them.
func family(oid string) string {
	switch oid {
	case oidRSA, oidRSAPSS, oidRSAOAEP, oidX500RSA:
		return oidRSA
	case oidEC, oidECDH, oidECMQV:
		return oidEC
	case oidDSA, oidDSAOld:
		return oidDSA
	}
	return oid
}

func noParams(params []byte) bool { return len(params) == 0 || bytes.Equal(params, derNull) }

func (s *spki) sameCurve(o *spki) bool {
	if bytes.Equal(s.params, o.params) {
		return true
	}
	p, q := parseECParams(s.params), parseECParams(o.params)
	if p.oid != "" || q.oid != "" {
		return p.oid == q.oid
	}
	if p.domain == nil || q.domain == nil {
		return false
	}
	return p.domain.equal(q.domain)
}

// equal ignores seed and cofactor, which do not change the curve.
func (d *domain) equal(o *domain) bool {
	return d.p.Cmp(o.p) == 0 && d.a.Cmp(o.a) == 0 && d.b.Cmp(o.b) == 0 && d.n.Cmp(o.n) == 0 && bytes.Equal(d.base, o.base)
}

// sameECPoint compares points, of which either may be compressed (SEC 1, 2.3.3): 02 or 03 says the parity of y.
func (s *spki) sameECPoint(o *spki) bool {
	a, b := s.key, o.key
	if len(a) > len(b) {
		a, b = b, a
	}
	if len(a) == len(b) {
		return bytes.Equal(a, b)
	}
	size := len(a) - 1
	return size > 0 && len(b) == 1+2*size && b[0] == 4 && (a[0] == 2 || a[0] == 3) &&
		bytes.Equal(a[1:], b[1:1+size]) && a[0]&1 == b[2*size]&1
}
