package key

import (
	"bytes"
	"crypto/sha3"
)

// This file recomputes t0, the part of an expanded ML-DSA private key that no other check covers: a key with a wrong
// one signs, and leaks about itself by doing so. References are to FIPS 204.

const (
	mldsaQ = 8380417 // 2^23 - 2^13 + 1
	mldsaD = 13      // bits dropped from t
)

// poly is a polynomial of 256 coefficients, reduced modulo q.
type poly [256]uint32

// t0Matches reports whether the t0 in an expanded private key is that of its rho, s1 and s2: algorithm 6, steps 5 to 6.
// shortVectorsInRange must hold.
func (l lattice) t0Matches(expanded []byte) bool {
	k, el := l.dimensions()
	bits, eta := l.etaPacking()
	rho, rest := expanded[:32], expanded[128:]
	short := make([]poly, el+k)
	for i := range short {
		short[i] = unpackShort(rest[:32*bits], bits, eta)
		rest = rest[32*bits:]
	}
	zetas := mldsaZetas()
	for i := range el {
		short[i].ntt(zetas)
	}
	for row := range k {
		var t poly
		for column := range el {
			a := sampleNTT(rho, byte(column), byte(row))
			t.addProduct(&a, &short[column])
		}
		t.inverseNTT(zetas)
		packed := t.packT0(&short[el+row])
		if !bytes.Equal(packed, rest[row*len(packed):(row+1)*len(packed)]) {
			return false
		}
	}
	return true
}

// dimensions are those of the matrix A, section 4.
func (l lattice) dimensions() (k, el int) {
	switch l.name {
	case "mldsa44":
		return 4, 4
	case "mldsa65":
		return 6, 5
	}
	return 8, 7
}

// etaPacking is the width in which coefficients between -eta and eta are packed.
func (l lattice) etaPacking() (bits int, eta uint32) {
	if l.name == "mldsa65" {
		return 4, 4
	}
	return 3, 2
}

// unpackShort is BitUnpack(b, eta, eta), algorithm 19.
func unpackShort(packed []byte, bits int, eta uint32) poly {
	var p poly
	for i := range p {
		p[i] = subQ(eta, packedCoefficient(packed, i, bits))
	}
	return p
}

// packedCoefficient reads number i of numbers of so many bits, at most 8.
func packedCoefficient(packed []byte, i, bits int) uint32 {
	at := i * bits
	window := uint32(packed[at/8])
	if at/8+1 < len(packed) {
		window |= uint32(packed[at/8+1]) << 8
	}
	return window >> (at % 8) & (1<<bits - 1)
}

// mldsaZetas are the powers of 1753 in the order that the NTT uses, appendix B.
func mldsaZetas() *poly {
	var z poly
	power := uint32(1)
	for i := range 256 {
		reversed := 0
		for bit := range 8 {
			reversed |= i >> bit & 1 << (7 - bit)
		}
		z[reversed] = power
		power = mulQ(power, 1753)
	}
	return &z
}

// ntt is algorithm 41.
func (p *poly) ntt(zetas *poly) {
	m := 0
	for length := 128; length > 0; length /= 2 {
		for start := 0; start < 256; start += 2 * length {
			m++
			for j := start; j < start+length; j++ {
				t := mulQ(zetas[m], p[j+length])
				p[j+length] = subQ(p[j], t)
				p[j] = addQ(p[j], t)
			}
		}
	}
}

// inverseNTT is algorithm 42.
func (p *poly) inverseNTT(zetas *poly) {
	m := 256
	for length := 1; length < 256; length *= 2 {
		for start := 0; start < 256; start += 2 * length {
			m--
			for j := start; j < start+length; j++ {
				t := p[j]
				p[j] = addQ(t, p[j+length])
				p[j+length] = mulQ(mldsaQ-zetas[m], subQ(t, p[j+length]))
			}
		}
	}
	for j := range p {
		p[j] = mulQ(p[j], 8347681) // 256^-1
	}
}

func (p *poly) addProduct(a, b *poly) {
	for i := range p {
		p[i] = addQ(p[i], mulQ(a[i], b[i]))
	}
}

// sampleNTT is RejNTTPoly, algorithm 30, for one element of A (algorithm 32).
func sampleNTT(rho []byte, column, row byte) poly {
	var p poly
	h := sha3.NewSHAKE128()
	h.Write(rho)
	h.Write([]byte{column, row})
	var buffer [168]byte
	for i := 0; i < 256; {
		h.Read(buffer[:])
		for b := buffer[:]; len(b) >= 3 && i < 256; b = b[3:] {
			z := uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2]&0x7f)<<16
			if z < mldsaQ {
				p[i] = z
				i++
			}
		}
	}
	return p
}

// packT0 adds s2, takes t0 by Power2Round (algorithm 35) and packs it in 13 bits a coefficient (algorithm 17).
func (p *poly) packT0(s2 *poly) []byte {
	out := make([]byte, 0, 32*mldsaD)
	var window, filled uint32
	for i := range p {
		t := addQ(p[i], s2[i])
		low := t & (1<<mldsaD - 1)
		// t0 is low, or low - 2^13 above 2^12; 2^12 - t0 is packed.
		packed := uint32(1<<(mldsaD-1)) - low
		if low > 1<<(mldsaD-1) {
			packed += 1 << mldsaD
		}
		window |= packed << filled
		for filled += mldsaD; filled >= 8; filled -= 8 {
			out = append(out, byte(window))
			window >>= 8
		}
	}
	return out
}

func addQ(a, b uint32) uint32 { return (a + b) % mldsaQ }
func subQ(a, b uint32) uint32 { return (a + mldsaQ - b) % mldsaQ }
func mulQ(a, b uint32) uint32 { return uint32(uint64(a) * uint64(b) % mldsaQ) }
