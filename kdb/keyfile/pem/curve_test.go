package pem_test

import (
	"bytes"
	"crypto/elliptic"
	"errors"
	"math/big"
	"strings"
	"testing"

	"certkdb/kdb"
)

func bigInt(n *big.Int) []byte {
	b := n.Bytes()
	if len(b) == 0 || b[0] >= 0x80 {
		b = append([]byte{0}, b...)
	}
	return der(2, b)
}

// parameters builds ECParameters (SEC 1, C.2).
func parameters(field []byte, a, b *big.Int, base []byte, order *big.Int) []byte {
	return der(0x30, integer(1), field, der(0x30, der(4, a.Bytes()), der(4, b.Bytes())), der(4, base), bigInt(order), integer(1))
}

func TestItems_explicitCurves(t *testing.T) {
	t.Parallel()
	c := elliptic.P256().Params()
	prime := func(p *big.Int) []byte { return der(0x30, der(6, []byte("\x2a\x86\x48\xce\x3d\x01\x01")), bigInt(p)) }
	a := new(big.Int).Sub(c.P, big.NewInt(3))
	base := bytes.Join([][]byte{{4}, c.Gx.FillBytes(make([]byte, 32)), c.Gy.FillBytes(make([]byte, 32))}, nil)
	off := append(bytes.Clone(base[:64]), base[64]^1)

	// y² + xy = x³ + 1 over GF(2³) by x³ + x + 1, with the point (0, 1); x³ + x² + x + 1 = (x + 1)³ is no field's polynomial.
	binary := func(m, k int64) []byte {
		basis := der(6, []byte("\x2a\x86\x48\xce\x3d\x01\x02\x03\x02"))
		return der(0x30, der(6, []byte("\x2a\x86\x48\xce\x3d\x01\x02")), der(0x30, bigInt(big.NewInt(m)), basis, bigInt(big.NewInt(k))))
	}
	one := big.NewInt(1)
	for name, p := range map[string]struct {
		der  []byte
		want string // "" if it is fine
	}{
		"P-256":                  {parameters(prime(c.P), a, c.B, base, c.N), ""},
		"named":                  {der(6, []byte{0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7}), ""},
		"compressed":             {parameters(prime(c.P), a, c.B, append([]byte{3}, base[1:33]...), c.N), ""},
		"off the curve":          {parameters(prime(c.P), a, c.B, off, c.N), "does not lie on"},
		"wrong order":            {parameters(prime(c.P), a, c.B, base, new(big.Int).Add(c.N, one)), "order"},
		"no prime":               {parameters(prime(new(big.Int).Sub(c.P, one)), a, c.B, base, c.N), "prime"},
		"short point":            {parameters(prime(c.P), a, c.B, base[:40], c.N), "base point of 40 bytes"},
		"huge field":             {parameters(prime(new(big.Int).Lsh(one, 700)), a, c.B, base, c.N), "out of range"},
		"negative prime":         {parameters(der(0x30, der(6, []byte("\x2a\x86\x48\xce\x3d\x01\x01")), der(2, []byte{0xff})), a, c.B, base, c.N), "no ECParameters"},
		"unknown field":          {parameters(der(0x30, der(6, []byte{0x2a, 3})), a, c.B, base, c.N), "field of the type 1.2.3"},
		"binary":                 {parameters(binary(3, 1), new(big.Int), one, []byte{4, 0, 1}, one), ""},
		"binary, off the curve":  {parameters(binary(3, 1), new(big.Int), one, []byte{4, 1, 3}, one), "does not lie on"},
		"binary, reducible":      {parameters(binary(4, 2), new(big.Int), one, []byte{4, 0, 1}, one), "factored"},
		"binary, huge":           {parameters(binary(10000, 2), new(big.Int), one, []byte{4, 0, 1}, one), "field of 10000 bits"},
		"binary, middle too big": {parameters(binary(3, 7), new(big.Int), one, []byte{4, 0, 1}, one), "no ECParameters"},
		"nothing":                {der(0x30), "no ECParameters"},
	} {
		_, errs := read([]byte(armoured("EC PARAMETERS", p.der)))
		switch {
		case p.want == "" && len(errs) > 0:
			t.Errorf("%s: %v", name, errs)
		case p.want != "" && (len(errs) != 1 || !errors.Is(errs[0], kdb.ErrParse) || !strings.Contains(errs[0].Error(), p.want)):
			t.Errorf("%s: %v, want an error with %q", name, errs, p.want)
		}
	}
}
