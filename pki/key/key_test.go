package key_test

import (
	"bytes"
	"crypto"
	"crypto/elliptic"
	"crypto/mldsa"
	"crypto/rand"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"certkdb/pki/key"
	"certkdb/scripts/conformancedata"
)

func TestFromGo_everyType(t *testing.T) {
	t.Parallel()
	for _, keyType := range quickTypes() {
		t.Run(keyType, func(t *testing.T) {
			t.Parallel()
			k := newKey(t, keyType)
			if got := key.DescribePublic(k.SPKI).Type; k.Type != keyType || got != keyType {
				t.Errorf("private key of type %s, public of %s", k.Type, got)
			}
			signer, err := k.Signer()
			if err != nil {
				t.Fatal(err)
			}
			spki, err := x509.MarshalPKIXPublicKey(signer.Public())
			if err != nil || !bytes.Equal(spki, k.SPKI) {
				t.Errorf("public key %x…, Go's is %x…, %v", k.SPKI[:20], spki[:20], err)
			}
			again, err := key.ReadPrivate(k.PKCS8)
			if err != nil || !bytes.Equal(again.PKCS8, k.PKCS8) {
				t.Error("reading it again changes it", err)
			}
			if public, err := key.ReadPublic(k.SPKI); err != nil || !bytes.Equal(public, k.SPKI) {
				t.Error(err)
			}
		})
	}
}

func TestPrivate_printsNoSecret(t *testing.T) {
	t.Parallel()
	k := newKey(t, "ed25519")
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if got := fmt.Sprintf(verb, k); got != "private key of type ed25519" {
			t.Errorf("%s prints %q", verb, got)
		}
	}
}

// The published pair of seed and expanded key is one key (RFC 9881, section 6 and appendix C).
func TestReadPrivate_latticeForms(t *testing.T) {
	t.Parallel()
	read := func(file string) []byte { return plainDER(conformancedata.Read(t, "pq/"+file)) }
	seed, err := key.ReadPrivate(read("lamps-wg-dilithium-certificates/ML-DSA-44-seed.priv"))
	if err != nil {
		t.Fatal(err)
	}
	expanded, err := key.ReadPrivate(read("lamps-wg-dilithium-certificates/ML-DSA-44-expanded.priv"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(seed.SPKI, expanded.SPKI) {
		t.Error("seed and expanded form of one key have different public keys")
	}
	signer, err := expanded.Signer()
	if err != nil {
		t.Fatal(err)
	}
	public, ok := signer.Public().(*mldsa.PublicKey)
	if !ok {
		t.Fatalf("public key of type %T", signer.Public())
	}
	signature, err := signer.Sign(rand.Reader, []byte("text"), crypto.Hash(0))
	if err != nil {
		t.Fatal(err)
	}
	if err := mldsa.Verify(public, []byte("text"), signature, nil); err != nil {
		t.Error("a signature by the expanded form:", err)
	}
	// K alone is covered by no check, and a small error in t0 by none that signing and verifying can make.
	for part, bounds := range map[string][2]int{"rho": {0, 1}, "tr": {70, 71}, "s1": {130, 131}, "s2": {600, 601}, "t0": {896, 2560}} {
		der := bytes.Clone(expanded.PKCS8)
		for i := bounds[0]; i < bounds[1]; i++ {
			der[len(der)-2560+i] ^= 1
		}
		if _, err := key.ReadPrivate(der); !errors.Is(err, key.ErrParse) {
			t.Errorf("%s of the expanded key changed: %v", part, err)
		}
	}
	der := bytes.Clone(expanded.PKCS8)
	der[len(der)-2560+128] |= 7 // the first coefficient of s1 is packed in 3 bits, of which 0 to 4 are used
	if _, err := key.ReadPrivate(der); !errors.Is(err, key.ErrParse) || !strings.Contains(err.Error(), "out of range") {
		t.Errorf("a coefficient of s1 out of range: %v", err)
	}
}

// wrap builds a PrivateKeyInfo.
func wrap(t testing.TB, algorithm asn1.ObjectIdentifier, params, content []byte) []byte {
	t.Helper()
	info := struct {
		Version   int
		Algorithm struct {
			ID     asn1.ObjectIdentifier
			Params asn1.RawValue `asn1:"optional"`
		}
		Key []byte
	}{Key: content}
	info.Algorithm.ID = algorithm
	if params != nil {
		info.Algorithm.Params = asn1.RawValue{FullBytes: params}
	}
	der, err := asn1.Marshal(info)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func TestReadPrivate_refusals(t *testing.T) {
	t.Parallel()
	k := newKey(t, "p256")
	huge, err := asn1.Marshal(struct{ P, Q, G *big.Int }{new(big.Int).Lsh(big.NewInt(1), 80_000), big.NewInt(3), big.NewInt(2)})
	if err != nil {
		t.Fatal(err)
	}
	dsa := asn1.ObjectIdentifier{1, 2, 840, 10040, 4, 1}
	for _, c := range []struct {
		rule string
		der  []byte
		kind error
	}{
		{"nothing", nil, key.ErrParse},
		{"text", []byte("-----BEGIN"), key.ErrParse},
		{"cut off", k.PKCS8[:len(k.PKCS8)-1], key.ErrParse},
		{"trailing bytes", append(bytes.Clone(k.PKCS8), 0), key.ErrParse},
		{"a public key", k.SPKI, key.ErrParse},
		{"empty sequence", []byte{0x30, 0}, key.ErrParse},
		{"length beyond the end", []byte{0x30, 0x84, 0xff, 0xff, 0xff, 0xff, 2, 1, 0}, key.ErrParse},
		{"too long", make([]byte, 2<<20), key.ErrParse},
		{"encrypted", []byte{0x30, 0x0a, 0x30, 5, 6, 3, 42, 3, 4, 4, 1, 0}, key.ErrEncrypted},
		{"unknown algorithm", wrap(t, asn1.ObjectIdentifier{1, 2, 3, 4}, nil, []byte{4, 0}), key.ErrUnsupported},
		{"RSA without an RSAPrivateKey", wrap(t, asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}, []byte{5, 0}, []byte{4, 0}), key.ErrParse},
		{"EC without a curve", wrap(t, asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}, nil, []byte{0x30, 6, 2, 1, 1, 4, 1, 1}), key.ErrParse},
		{"Ed25519 too short", wrap(t, asn1.ObjectIdentifier{1, 3, 101, 112}, nil, []byte{4, 2, 1, 1}), key.ErrParse},
		{"ML-DSA of no length", wrap(t, asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 3, 17}, nil, []byte{4, 2, 1, 1}), key.ErrParse},
		{"DSA without parameters", wrap(t, dsa, []byte{5, 0}, []byte{2, 1, 1}), key.ErrParse},
		{"DSA with a negative key", wrap(t, dsa, []byte{0x30, 9, 2, 1, 23, 2, 1, 11, 2, 1, 4}, []byte{2, 1, 0xff}), key.ErrParse},
		{"DSA with p = 0", wrap(t, dsa, []byte{0x30, 9, 2, 1, 0, 2, 1, 11, 2, 1, 4}, []byte{2, 1, 3}), key.ErrParse},
		{"a DSA group too large is not computed with", wrap(t, dsa, huge, []byte{2, 1, 3}), nil},
	} {
		t.Run(c.rule, func(t *testing.T) {
			t.Parallel()
			got, err := key.ReadPrivate(c.der)
			if !errors.Is(err, c.kind) {
				t.Errorf("got %v, want %v", err, c.kind)
			}
			if c.kind == nil && got.SPKI != nil {
				t.Error("a public key was computed")
			}
		})
	}
}

func TestSigner_saysWhatGoCannot(t *testing.T) {
	t.Parallel()
	x448 := wrap(t, asn1.ObjectIdentifier{1, 3, 101, 111}, nil, append([]byte{4, 56}, make([]byte, 56)...))
	k, err := key.ReadPrivate(x448)
	if err != nil {
		t.Fatal(err)
	}
	if k.Type != "x448" || len(k.SPKI) == 0 {
		t.Errorf("type %s, public key %x", k.Type, k.SPKI)
	}
	if _, err := k.Signer(); !errors.Is(err, key.ErrUnsupported) {
		t.Errorf("a signer of x448: %v", err)
	}
	rsa, err := asn1.Marshal(struct{ V, N, E, D, P, Q, DP, DQ, QI *big.Int }{
		big.NewInt(0), new(big.Int).Lsh(big.NewInt(1), 16385), big.NewInt(65537), big.NewInt(3), big.NewInt(3), big.NewInt(3), big.NewInt(3),
		big.NewInt(3), big.NewInt(3),
	})
	if err != nil {
		t.Fatal(err)
	}
	k, err = key.ReadPrivate(rsa)
	if err != nil || k.Type != "rsa16386" {
		t.Fatal(k.Type, err)
	}
	if _, err := k.Signer(); !errors.Is(err, key.ErrUnsupported) || !strings.Contains(err.Error(), "16384") {
		t.Errorf("RSA of 16386 bits: %v", err)
	}
}

func TestDescribePublic_neverFails(t *testing.T) {
	t.Parallel()
	algorithm := func(content ...byte) []byte {
		inner := append([]byte{0x30, byte(len(content))}, content...)
		return append([]byte{0x30, byte(len(inner) + 4)}, append(inner, 3, 2, 0, 0)...)
	}
	for _, c := range []struct {
		rule string
		spki []byte
		want string
	}{
		{"nothing", nil, "unknown"},
		{"text", []byte("hello"), "unknown"},
		{"unknown algorithm", algorithm(6, 3, 42, 3, 4), "unknown (1.2.3.4)"},
		{"long arcs", algorithm(6, 10, 0x69, 0x83, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f), "unknown (2.25.288230376151711743)"},
		{"identifier cut off", algorithm(6, 2, 42, 0x83), "unknown"},
		{"RSA without a key", algorithm(6, 9, 42, 0x86, 0x48, 0x86, 0xf7, 13, 1, 1, 1), "rsa"},
		{"EC without a curve", algorithm(6, 7, 42, 0x86, 0x48, 0xce, 0x3d, 2, 1), "ec"},
		{"EC on an unknown curve", algorithm(6, 7, 42, 0x86, 0x48, 0xce, 0x3d, 2, 1, 6, 3, 42, 3, 4), "ec-1.2.3.4"},
		{"SLH-DSA", algorithm(6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3, 20), "slhdsa-sha2-128s"},
		{"GOST", algorithm(6, 8, 42, 0x85, 3, 7, 1, 1, 1, 1), "gost2012-256"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			t.Parallel()
			if got := key.DescribePublic(c.spki).Type; got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// explicit builds ECParameters over a prime field (RFC 3279, 2.3.5).
func explicit(c *elliptic.CurveParams, a *big.Int, base []byte, n *big.Int) []byte {
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(1)
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(asn1.ObjectIdentifier{1, 2, 840, 10045, 1, 1})
			b.AddASN1BigInt(c.P)
		})
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1OctetString(a.Bytes()); b.AddASN1OctetString(c.B.Bytes()) })
		b.AddASN1OctetString(base)
		b.AddASN1BigInt(n)
	})
	return b.BytesOrPanic()
}

func TestCheckECParameters(t *testing.T) {
	t.Parallel()
	c := elliptic.P256().Params()
	a := new(big.Int).Sub(c.P, big.NewInt(3))
	base := append(append([]byte{4}, c.Gx.FillBytes(make([]byte, 32))...), c.Gy.FillBytes(make([]byte, 32))...)
	off := append(bytes.Clone(base[:64]), base[64]^1)
	other := *c
	other.P = new(big.Int).Add(c.P, big.NewInt(2))
	for _, test := range []struct {
		rule string
		der  []byte
		kind error
	}{
		{"P-256", explicit(c, a, base, c.N), nil},
		{"P-256 with a compressed base point", explicit(c, a, append([]byte{3}, base[1:33]...), c.N), nil},
		{"a named curve", []byte(curve25), nil},
		{"another prime is not judged", explicit(&other, a, base, c.N), nil},
		{"what is not understood is not judged", []byte{0x30, 0}, nil},
		{"base point of P-256 changed (CVE-2020-0601)", explicit(c, a, off, c.N), key.ErrParse},
		{"order of P-256 changed", explicit(c, a, base, new(big.Int).Add(c.N, big.NewInt(1))), key.ErrParse},
		{"coefficient of P-256 changed", explicit(c, big.NewInt(3), base, c.N), key.ErrParse},
	} {
		if err := key.CheckECParameters(test.der); !errors.Is(err, test.kind) {
			t.Errorf("%s: %v", test.rule, err)
		}
	}
}

// TestCheckECParameters_binaryField: only the polynomials of standards are known to be irreducible.
func TestCheckECParameters_binaryField(t *testing.T) {
	t.Parallel()
	field := func(id asn1.ObjectIdentifier, degree int, exponents ...int) []byte {
		basis := asn1.ObjectIdentifier{1, 2, 840, 10045, 1, 2, 3, 2}
		var terms any = exponents[0]
		if len(exponents) > 1 {
			terms = exponents
		}
		der, err := asn1.Marshal(struct {
			Version int
			Field   any
		}{1, struct {
			ID         asn1.ObjectIdentifier
			Parameters any
		}{id, struct {
			Degree int
			Basis  asn1.ObjectIdentifier
			Terms  any
		}{degree, basis, terms}}})
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	binary := asn1.ObjectIdentifier{1, 2, 840, 10045, 1, 2}
	for _, test := range []struct {
		rule string
		der  []byte
		kind error
	}{
		{"sect113r1", field(binary, 113, 9), nil},
		{"c2pnb208w1", field(binary, 208, 1, 2, 83), nil},
		{"both polynomials of 239 bits", field(binary, 239, 158), nil},
		{"a size that no standard has", field(binary, 11, 2), nil},
		{"another type of field", field(binary[:5], 208, 1, 2, 61), nil},
		{"c2pnb208w1 with x^61, which can be factored", field(binary, 208, 1, 2, 61), key.ErrParse},
		{"part of the polynomial", field(binary, 208, 1, 2), key.ErrParse},
		{"a trinomial in place of a pentanomial", field(binary, 163, 7), key.ErrParse},
		{"a longer exponent", field(binary, 113, 97), key.ErrParse},
	} {
		if err := key.CheckECParameters(test.der); !errors.Is(err, test.kind) {
			t.Errorf("%s: %v", test.rule, err)
		}
	}
}

func TestTypes_areACopy(t *testing.T) {
	t.Parallel()
	key.Types()[0] = "changed"
	if slices.Contains(key.Types(), "changed") {
		t.Error("a caller can change the list")
	}
}

func FuzzReadPrivate(f *testing.F) {
	for _, keyType := range []string{"p256", "ed25519", "mldsa44"} {
		f.Add(newKey(f, keyType).PKCS8)
	}
	f.Add([]byte{0x30, 6, 2, 1, 1, 4, 1, 1})
	f.Add([]byte{0x30, 18, 2, 1, 0, 2, 1, 23, 2, 1, 11, 2, 1, 4, 2, 1, 8, 2, 1, 3})
	f.Fuzz(func(t *testing.T, der []byte) {
		k, err := key.ReadPrivate(der)
		if err != nil {
			return
		}
		again, err := key.ReadPrivate(k.PKCS8)
		if err != nil || again.Type != k.Type || !bytes.Equal(again.SPKI, k.SPKI) {
			t.Fatalf("read again: %s, %v", again.Type, err)
		}
		k.Signer()
		if k.SPKI != nil && !key.SameKey(k.SPKI, k.SPKI) {
			t.Fatal("a key is not the same as itself")
		}
	})
}

func FuzzDescribePublic(f *testing.F) {
	k := newKey(f, "p256")
	f.Add(k.SPKI, k.SPKI)
	f.Fuzz(func(t *testing.T, a, b []byte) {
		if key.DescribePublic(a).Type == "" {
			t.Fatal("no type")
		}
		if key.SameKey(a, b) != key.SameKey(b, a) {
			t.Fatal("SameKey depends on the order")
		}
	})
}
