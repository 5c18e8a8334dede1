package key

import "math/big"

// affine is a point of a curve over a prime field; a nil x is the point at infinity.
type affine struct{ x, y *big.Int }

// publicPoint computes the uncompressed public point of a secret where Go has no such curve, so that a key which came without it finds
// its certificate. It takes no constant time, is used for nothing but that, and returns nil for what is no key of the curve.
func (d *domain) publicPoint(secret []byte) []byte {
	k := new(big.Int).SetBytes(secret)
	size := (d.p.BitLen() + 7) / 8
	// Only an odd prime makes a field. The largest named curve has 521 bits; more would only take long.
	if k.Sign() == 0 || d.p.BitLen() > 521 || k.Cmp(d.n) >= 0 || len(d.base) != 1+2*size || d.base[0] == 2 || d.base[0] == 3 || !d.p.ProbablyPrime(1) || d.p.Bit(0) == 0 {
		return nil
	}
	base := affine{new(big.Int).SetBytes(d.base[1 : 1+size]), new(big.Int).SetBytes(d.base[1+size:])}
	if base.x.Cmp(d.p) >= 0 || base.y.Cmp(d.p) >= 0 {
		return nil
	}
	var sum affine
	for i := k.BitLen() - 1; i >= 0; i-- {
		sum = d.add(sum, sum)
		if k.Bit(i) == 1 {
			sum = d.add(sum, base)
		}
	}
	if sum.x == nil {
		return nil
	}
	out := make([]byte, 1+2*size)
	out[0] = 4
	sum.x.FillBytes(out[1 : 1+size])
	sum.y.FillBytes(out[1+size:])
	return out
}

// add adds two points (SEC 1, section 2.2.1).
func (d *domain) add(p, q affine) affine {
	switch {
	case p.x == nil:
		return q
	case q.x == nil:
		return p
	}
	slope := new(big.Int).Sub(q.y, p.y)
	below := new(big.Int).Sub(q.x, p.x)
	if below.Sign() == 0 {
		if slope.Sign() != 0 || p.y.Sign() == 0 {
			return affine{}
		}
		slope.Mul(p.x, p.x).Mul(slope, big.NewInt(3)).Add(slope, d.a)
		below.Lsh(p.y, 1)
	}
	below.Mod(below, d.p)
	if below.ModInverse(below, d.p) == nil {
		return affine{} // unreachable in a field
	}
	slope.Mul(slope, below).Mod(slope, d.p)
	x := new(big.Int).Mul(slope, slope)
	x.Sub(x, p.x).Sub(x, q.x).Mod(x, d.p)
	y := new(big.Int).Sub(p.x, x)
	y.Mul(y, slope).Sub(y, p.y).Mod(y, d.p)
	return affine{x, y}
}

// numbers returns the numbers of a curve, if they are at hand.
func (p *ecParams) numbers() *domain {
	if p.domain != nil || p.oid != oidSecp256k1 {
		return p.domain
	}
	c := secp256k1()
	base := append([]byte{4}, append(c.Gx.FillBytes(make([]byte, 32)), c.Gy.FillBytes(make([]byte, 32))...)...)
	return &domain{p: c.P, a: new(big.Int), b: c.B, n: c.N, base: base}
}
