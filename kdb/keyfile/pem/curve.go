package pem

import (
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// Field types (SEC 1, C.1).
var (
	oidPrimeField  = asn1.ObjectIdentifier{1, 2, 840, 10045, 1, 1}
	oidBinaryField = asn1.ObjectIdentifier{1, 2, 840, 10045, 1, 2}
	oidTrinomial   = asn1.ObjectIdentifier{1, 2, 840, 10045, 1, 2, 3, 2}
	oidPentanomial = asn1.ObjectIdentifier{1, 2, 840, 10045, 1, 2, 3, 3}
)

// maxField bounds the arithmetic; the largest standard field has 571 bits.
const maxField = 661

// curve is an elliptic curve with explicit parameters: y² = x³ + ax + b over a prime field, y² + xy = x³ + ax² + b over a binary one,
// whose elements are polynomials with a bit for each coefficient.
type curve struct {
	binary  bool
	modulus *big.Int // the prime, or the reduction polynomial
	a, b    *big.Int
	base    []byte
	order   *big.Int
}

var errCurve = errors.New("EC parameters that are no ECParameters")

// checkCurve checks explicit EC parameters (SEC 1, 3.1.1.2.1 and 3.1.2.2.1), as OpenSSL does: the field is one, the base point lies on the curve,
// and over a prime field the order is its order. Named curves are fine.
func checkCurve(der []byte) error {
	if len(der) > 0 && der[0] == tagOID {
		return nil
	}
	c, err := parseCurve(der)
	if err != nil {
		return err
	}
	if c.binary {
		return c.checkBinary()
	}
	return c.checkPrime()
}

// parseCurve reads ECParameters (SEC 1, C.2).
func parseCurve(der []byte) (*curve, error) {
	in := cryptobyte.String(der)
	var body, field, coefficients, a, b, base cryptobyte.String
	var version int64
	c := &curve{order: new(big.Int)}
	if !in.ReadASN1(&body, cbasn1.SEQUENCE) || !body.ReadASN1Integer(&version) || !body.ReadASN1(&field, cbasn1.SEQUENCE) ||
		!body.ReadASN1(&coefficients, cbasn1.SEQUENCE) || !body.ReadASN1(&base, cbasn1.OCTET_STRING) || !body.ReadASN1Integer(c.order) ||
		!coefficients.ReadASN1(&a, cbasn1.OCTET_STRING) || !coefficients.ReadASN1(&b, cbasn1.OCTET_STRING) {
		return nil, errCurve
	}
	c.a, c.b, c.base = new(big.Int).SetBytes(a), new(big.Int).SetBytes(b), base
	if err := c.parseField(field); err != nil {
		return nil, err
	}
	if bits := c.modulus.BitLen(); bits < 2 || bits > maxField+1 || c.a.BitLen() > bits || c.b.BitLen() > bits || c.order.BitLen() > bits+1 || c.order.Sign() <= 0 {
		return nil, errors.New("EC parameters with numbers out of range")
	}
	return c, nil
}

func (c *curve) parseField(field cryptobyte.String) error {
	var kind asn1.ObjectIdentifier
	if !field.ReadASN1ObjectIdentifier(&kind) {
		return errCurve
	}
	switch {
	case kind.Equal(oidPrimeField):
		c.modulus = new(big.Int)
		if !field.ReadASN1Integer(c.modulus) || c.modulus.Sign() <= 0 {
			return errCurve
		}
		return nil
	case kind.Equal(oidBinaryField):
		c.binary = true
		return c.parsePolynomial(field)
	}
	return fmt.Errorf("EC parameters over a field of the type %s", kind)
}

// parsePolynomial reads Characteristic-two (SEC 1, C.1): SEQUENCE { m, basis OID, INTEGER or SEQUENCE of three }.
func (c *curve) parsePolynomial(field cryptobyte.String) error {
	var body cryptobyte.String
	var basis asn1.ObjectIdentifier
	var m int
	if !field.ReadASN1(&body, cbasn1.SEQUENCE) || !body.ReadASN1Integer(&m) || !body.ReadASN1ObjectIdentifier(&basis) {
		return errCurve
	}
	middle := make([]int, 1)
	switch {
	case basis.Equal(oidPentanomial):
		middle = make([]int, 3)
		if !body.ReadASN1(&body, cbasn1.SEQUENCE) {
			return errCurve
		}
	case !basis.Equal(oidTrinomial):
		return fmt.Errorf("EC parameters with a basis of the type %s", basis)
	}
	if m < 2 || m > maxField {
		return fmt.Errorf("EC parameters over a field of %d bits", m)
	}
	c.modulus = new(big.Int).SetBit(big.NewInt(1), m, 1)
	for i := range middle {
		if !body.ReadASN1Integer(&middle[i]) || middle[i] <= 0 || middle[i] >= m {
			return errCurve
		}
		c.modulus.SetBit(c.modulus, middle[i], 1)
	}
	return nil
}

// point takes an uncompressed or hybrid base point apart; ok is false for a compressed one, of which only x is known.
func (c *curve) point() (x, y *big.Int, ok bool, err error) {
	size := (c.modulus.BitLen() + 7) / 8
	if c.binary {
		size = (c.modulus.BitLen() + 6) / 8
	}
	switch {
	case len(c.base) == 1+size && (c.base[0] == 2 || c.base[0] == 3):
		return nil, nil, false, nil
	case len(c.base) != 1+2*size || c.base[0] != 4 && c.base[0] != 6 && c.base[0] != 7:
		return nil, nil, false, fmt.Errorf("a base point of %d bytes in EC parameters", len(c.base))
	}
	return new(big.Int).SetBytes(c.base[1 : 1+size]), new(big.Int).SetBytes(c.base[1+size:]), true, nil
}

var (
	errNotOnCurve = errors.New("the base point of the EC parameters does not lie on their curve")
	errOrder      = errors.New("the order in the EC parameters is not that of their base point")
)

func (c *curve) checkPrime() error {
	p := c.modulus
	if !p.ProbablyPrime(20) {
		return errors.New("EC parameters whose prime is none")
	}
	x, y, ok, err := c.point()
	if err != nil || !ok {
		return err
	}
	right := new(big.Int).Exp(x, big.NewInt(3), p)
	right.Add(right, new(big.Int).Mul(c.a, x)).Add(right, c.b).Mod(right, p)
	if left := new(big.Int).Exp(y, big.NewInt(2), p); left.Cmp(right) != 0 {
		return errNotOnCurve
	}
	if !c.isOrder(x, y) {
		return errOrder
	}
	return nil
}

// isOrder multiplies the base point by the order; the result must be the point at infinity. Doubling and adding in affine coordinates is slow and
// enough for one multiplication.
func (c *curve) isOrder(x, y *big.Int) bool {
	var sumX, sumY *big.Int // nil is the point at infinity
	for i := c.order.BitLen() - 1; i >= 0; i-- {
		sumX, sumY = c.add(sumX, sumY, sumX, sumY)
		if c.order.Bit(i) == 1 {
			sumX, sumY = c.add(sumX, sumY, x, y)
		}
	}
	return sumX == nil
}

func (c *curve) add(x1, y1, x2, y2 *big.Int) (x, y *big.Int) {
	p := c.modulus
	switch {
	case x1 == nil:
		return x2, y2
	case x2 == nil:
		return x1, y1
	}
	over, under := new(big.Int).Sub(y2, y1), new(big.Int).Sub(x2, x1)
	if x1.Cmp(x2) == 0 {
		if y1.Cmp(y2) != 0 {
			return nil, nil
		}
		over.Mul(x1, x1).Mul(over, big.NewInt(3)).Add(over, c.a)
		under.Lsh(y1, 1)
	}
	if under.ModInverse(under.Mod(under, p), p) == nil {
		return nil, nil
	}
	slope := over.Mul(over, under).Mod(over, p)
	x = new(big.Int).Mul(slope, slope)
	x.Sub(x, x1).Sub(x, x2).Mod(x, p)
	y = new(big.Int).Sub(x1, x)
	y.Mul(y, slope).Sub(y, y1).Mod(y, p)
	return x, y
}

func (c *curve) checkBinary() error {
	if !c.irreducible() {
		return errors.New("EC parameters whose polynomial can be factored")
	}
	x, y, ok, err := c.point()
	if err != nil || !ok {
		return err
	}
	xx := c.multiply(x, x)
	left := c.multiply(y, y)
	left.Xor(left, c.multiply(x, y))
	right := c.multiply(xx, x)
	right.Xor(right, c.multiply(c.a, xx)).Xor(right, c.b)
	if left.Cmp(right) != 0 {
		return errNotOnCurve
	}
	return nil
}

// irreducible is Rabin's test: a polynomial f of degree m is irreducible if it divides x^(2^m) - x and has no factor in common with x^(2^(m/q)) - x for
// any prime q that divides m.
func (c *curve) irreducible() bool {
	m := c.modulus.BitLen() - 1
	x := big.NewInt(2)
	power := new(big.Int).Set(x)
	for i := 1; i <= m; i++ {
		power = c.multiply(power, power)
		if q := m / i; i < m && m%i == 0 && big.NewInt(int64(q)).ProbablyPrime(0) {
			if gcd(c.modulus, new(big.Int).Xor(power, x)).BitLen() != 1 {
				return false
			}
		}
	}
	return power.Cmp(x) == 0
}

// multiply multiplies polynomials over GF(2) and reduces them.
func (c *curve) multiply(a, b *big.Int) *big.Int {
	product, shifted := new(big.Int), new(big.Int)
	for i := range a.BitLen() {
		if a.Bit(i) == 1 {
			product.Xor(product, shifted.Lsh(b, uint(i)))
		}
	}
	return remainder(product, c.modulus)
}

// remainder divides polynomials over GF(2); a is overwritten.
func remainder(a, by *big.Int) *big.Int {
	shifted := new(big.Int)
	for a.BitLen() >= by.BitLen() {
		a.Xor(a, shifted.Lsh(by, uint(a.BitLen()-by.BitLen())))
	}
	return a
}

func gcd(a, b *big.Int) *big.Int {
	a, b = new(big.Int).Set(a), new(big.Int).Set(b)
	for b.Sign() > 0 {
		a, b = b, remainder(a, b)
	}
	return a
}
