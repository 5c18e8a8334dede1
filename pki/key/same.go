package key

import (
	"bytes"

	"certkdb/pki/oid"
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
	if errX != nil || errY != nil || family(x.Algorithm.OID) != family(y.Algorithm.OID) {
		return false
	}
	p, q := x.Algorithm.Params, y.Algorithm.Params
	switch family(x.Algorithm.OID) {
	case oid.RSA:
		return bytes.Equal(x.Bits, y.Bits)
	case oid.EC:
		return x.sameCurve(&y) && x.sameECPoint(&y)
	case oid.DSA:
		// The parameters of a DSA certificate may be its issuer's (RFC 3279, 2.3.2) and then are absent.
		return bytes.Equal(x.Bits, y.Bits) && (noParams(p) || noParams(q) || bytes.Equal(p, q))
	}
	return bytes.Equal(x.Bits, y.Bits) && (bytes.Equal(p, q) || noParams(p) && noParams(q))
}

// Hint returns what all forms of a public key share, so that a map finds the candidates for [SameKey] among many keys: two keys for which
// that holds have the same hint, and hardly any others do. What cannot be parsed is its own hint.
func Hint(spki []byte) string {
	s, err := parseSPKI(spki)
	if err != nil {
		return string(spki)
	}
	id, bits := family(s.Algorithm.OID), s.Bits
	if id == oid.EC && len(bits) > 1 {
		if x := bits[1:]; bits[0] == 4 { // y follows x, which a compressed point has alone
			bits = x[:len(x)/2]
		} else if bits[0] == 2 || bits[0] == 3 {
			bits = x
		}
	}
	return id + ":" + string(bits)
}

// family maps the identifiers under which the same key may stand to one of them.
func family(id string) string {
	switch id {
	case oid.RSA, oid.RSAPSS, oid.RSAOAEP, oid.X500RSA:
		return oid.RSA
	case oid.EC, oid.ECDH, oid.ECMQV:
		return oid.EC
	case oid.DSA, oid.OIWDSA:
		return oid.DSA
	}
	return id
}

func noParams(params []byte) bool { return len(params) == 0 || bytes.Equal(params, derNull) }

func (s *SPKI) sameCurve(o *SPKI) bool {
	if bytes.Equal(s.Algorithm.Params, o.Algorithm.Params) {
		return true
	}
	p, q := parseECParams(s.Algorithm.Params), parseECParams(o.Algorithm.Params)
	if p.id != "" || q.id != "" {
		return p.id == q.id
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
func (s *SPKI) sameECPoint(o *SPKI) bool {
	a, b := s.Bits, o.Bits
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
