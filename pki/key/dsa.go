package key

import (
	"fmt"
	"math/big"

	"certkdb/pki/oid"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// publicDSA computes y = g^x mod p for DSA and Diffie-Hellman keys. Keys beyond maxDSABits are kept without it.
func (info *privateInfo) publicDSA() (string, []byte, error) {
	y, err := info.exponentiate()
	if err != nil {
		return "", nil, err
	}
	if y == nil {
		y = info.pub
	}
	return info.described(y)
}

// exponentiate returns y = g^x mod p as an INTEGER, nil if that is out of range.
func (info *privateInfo) exponentiate() ([]byte, error) {
	in := cryptobyte.String(info.key)
	x := new(big.Int)
	if !in.ReadASN1Integer(x) || !in.Empty() || x.Sign() <= 0 {
		return nil, fmt.Errorf("%w: a %s key that is not a positive INTEGER", ErrParse, info.groupName())
	}
	p, g, err := info.group()
	if err != nil || p.BitLen() > maxDSABits || x.Cmp(p) >= 0 {
		return nil, err
	}
	var b cryptobyte.Builder
	b.AddASN1BigInt(new(big.Int).Exp(g, x, p))
	return b.Bytes()
}

func (info *privateInfo) groupName() string {
	if info.id == oid.DH || info.id == oid.X942DH {
		return "DH"
	}
	return "DSA"
}

// group reads p and g: DSA has p, q, g (RFC 3279, 2.3.2), PKCS #3 p, g, and X9.42 p, g, q (RFC 3279, 2.3.3).
func (info *privateInfo) group() (p, g *big.Int, err error) {
	in := cryptobyte.String(info.params)
	var body cryptobyte.String
	p, g = new(big.Int), new(big.Int)
	ok := in.ReadASN1(&body, cbasn1.SEQUENCE) && in.Empty() && body.ReadASN1Integer(p)
	if info.groupName() == "DSA" {
		ok = ok && body.SkipASN1(cbasn1.INTEGER)
	}
	if !ok || !body.ReadASN1Integer(g) || p.Cmp(big.NewInt(2)) <= 0 || g.Sign() <= 0 {
		return nil, nil, fmt.Errorf("%w: a %s key without its group's parameters", ErrParse, info.groupName())
	}
	return p, g, nil
}
