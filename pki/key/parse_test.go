package key_test

import (
	"bytes"
	"crypto/dsa" //lint:ignore SA1019 certificates signed by DSA exist
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/mldsa"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"math/big"
	"strings"
	"testing"

	"certkdb/pki/key"
	"certkdb/pki/oid"

	"github.com/cloudflare/circl/sign/ed448"
	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// spki builds a SubjectPublicKeyInfo; params is the DER of the parameters.
func spki(id, params string, bits []byte) []byte {
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		oid.AddAlgorithm(b, id, func(b *cryptobyte.Builder) { b.AddBytes([]byte(params)) })
		b.AddASN1BitString(bits)
	})
	return b.BytesOrPanic()
}

// sequence builds a SEQUENCE of INTEGERs.
func sequence(numbers ...*big.Int) []byte {
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		for _, n := range numbers {
			b.AddASN1BigInt(n)
		}
	})
	return b.BytesOrPanic()
}

func integer(n int64) []byte {
	var b cryptobyte.Builder
	b.AddASN1Int64(n)
	return b.BytesOrPanic()
}

const (
	null    = "\x05\x00"
	curve25 = "\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07" // P-256
)

// power is 2^n, plus one where odd.
func power(n uint, odd bool) *big.Int {
	p := new(big.Int).Lsh(big.NewInt(1), n)
	if odd {
		p.SetBit(p, 0, 1)
	}
	return p
}

// What crypto/x509 reads too is the same key there.
func TestParsePublic_asGo(t *testing.T) {
	t.Parallel()
	for _, keyType := range quickTypes() {
		signer := newSigner(t, keyType)
		der, err := x509.MarshalPKIXPublicKey(signer.Public())
		if err != nil {
			t.Fatal(err)
		}
		k, err := key.ParsePublic(der)
		if err != nil {
			t.Errorf("%s: %v", keyType, err)
			continue
		}
		if equal, ok := signer.Public().(interface{ Equal(x any) bool }); ok && !equal.Equal(k.Key) {
			t.Errorf("%s: another key", keyType)
		}
		if k.Type != keyType || k.LacksParams() {
			t.Errorf("%s: described as %+v", keyType, k.Public)
		}
	}
}

func TestParsePublic_types(t *testing.T) {
	t.Parallel()
	params := elliptic.P256().Params()
	compressed := elliptic.MarshalCompressed(elliptic.P256(), params.Gx, params.Gy)
	group := string(sequence(big.NewInt(23), big.NewInt(11), big.NewInt(4)))
	modulus := sequence(power(2047, true), big.NewInt(65537))
	for _, test := range []struct {
		rule string
		der  []byte
		typ  string
		is   func(any) bool
	}{
		{"RSA without NULL (RFC 3279, 2.3.1 wants it)", spki(oid.RSA, "", modulus), "rsa2048", is[*rsa.PublicKey]},
		{"RSA by its X.500 identifier", spki(oid.X500RSA, null, modulus), "rsa2048", is[*rsa.PublicKey]},
		{"RSASSA-PSS without restrictions", spki(oid.RSAPSS, "", modulus), "rsapss2048", is[*rsa.PublicKey]},
		{"RSASSA-PSS with the default parameters", spki(oid.RSAPSS, "\x30\x00", modulus), "rsapss2048", is[*rsa.PublicKey]},
		{"compressed point (RFC 5480, 2.2)", spki(oid.EC, curve25, compressed), "p256", is[*ecdsa.PublicKey]},
		{"DSA", spki(oid.DSA, group, integer(8)), "dsa5", is[*dsa.PublicKey]},
		{"Ed25519", spki(oid.Ed25519, "", make([]byte, 32)), "ed25519", is[ed25519.PublicKey]},
		{"Ed448", spki(oid.Ed448, "", make([]byte, 57)), "ed448", is[ed448.PublicKey]},
		{"ML-DSA-44", spki(oid.MLDSA44, "", make([]byte, 1312)), "mldsa44", is[*mldsa.PublicKey]},
		{"DSA without parameters (RFC 3279, 2.3.2)", spki(oid.DSA, "", integer(8)), "dsa", func(k any) bool { return k == nil }},
	} {
		if k, err := key.ParsePublic(test.der); err != nil || k.Type != test.typ || !test.is(k.Key) {
			t.Errorf("%s: %+v, %v", test.rule, k, err)
		}
	}
}

func is[T any](k any) bool {
	_, ok := k.(T)
	return ok
}

func TestParsePublic_refuses(t *testing.T) {
	t.Parallel()
	modulus := power(2047, true)
	three := big.NewInt(3)
	good := spki(oid.Ed25519, "", make([]byte, 32))
	unaligned := bytes.Clone(good)
	unaligned[len(unaligned)-33] = 1
	for _, test := range []struct {
		rule string
		der  []byte
		kind error
		says string
	}{
		{"nothing", nil, key.ErrParse, "not a SEQUENCE"},
		{"cut off", good[:20], key.ErrParse, "not a SEQUENCE"},
		{"trailing bytes", append(bytes.Clone(good), 0), key.ErrParse, "1 bytes follow"},
		{"no algorithm", []byte{0x30, 2, 5, 0}, key.ErrParse, "algorithm"},
		{"no BIT STRING", []byte{0x30, 9, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 5, 0}, key.ErrParse, "BIT STRING"},
		{"too long", spki(oid.Ed25519, "", make([]byte, 1<<20)), key.ErrParse, "at most"},
		{"not whole bytes", unaligned, key.ErrParse, "whole number of bytes"},
		{"RSA without a key", spki(oid.RSA, null, nil), key.ErrParse, "modulus"},
		{"RSA with trailing bytes after the key", spki(oid.RSA, null, append(sequence(modulus, three), 0)), key.ErrParse, "modulus"},
		{"RSA with three numbers", spki(oid.RSA, null, sequence(modulus, three, three)), key.ErrParse, "modulus"},
		{"RSA modulus of 20000 bits", spki(oid.RSA, null, sequence(power(20000, true), three)), key.ErrUnsupported, "16384"},
		{"RSA exponent of 64 bits", spki(oid.RSA, null, sequence(modulus, power(63, true))), key.ErrUnsupported, "exponent"},
		{"RSA modulus 0", spki(oid.RSA, null, sequence(new(big.Int), three)), key.ErrParse, "impossible"},
		{"RSA modulus even", spki(oid.RSA, null, sequence(power(2047, false), three)), key.ErrParse, "impossible"},
		{"RSA exponent 1", spki(oid.RSA, null, sequence(modulus, big.NewInt(1))), key.ErrParse, "impossible"},
		{"RSA exponent even", spki(oid.RSA, null, sequence(modulus, big.NewInt(4))), key.ErrParse, "impossible"},
		{"RSASSA-PSS with bad parameters", spki(oid.RSAPSS, "\x30\x02\xa4\x00", sequence(modulus, three)), key.ErrParse, "RSASSA-PSS"},
		{"RSAES-OAEP signs nothing", spki(oid.RSAOAEP, "", sequence(modulus, three)), key.ErrUnsupported, "RSAES-OAEP"},
		{"EC without a curve", spki(oid.EC, "", []byte{4}), key.ErrParse, "curve"},
		{"EC on an unknown curve", spki(oid.EC, "\x06\x02\x2a\x03", []byte{4}), key.ErrUnsupported, "1.2.3"},
		{"EC with explicit parameters (RFC 5480, 2.1.1)", spki(oid.EC, "\x30\x00", []byte{4}), key.ErrUnsupported, "explicit"},
		{"EC point off the curve", spki(oid.EC, curve25, append([]byte{4}, make([]byte, 64)...)), key.ErrParse, "point"},
		{"EC point too short", spki(oid.EC, curve25, []byte{4}), key.ErrParse, "point"},
		{"EC point empty", spki(oid.EC, curve25, nil), key.ErrParse, "point"},
		{
			"EC point whose x is not on the curve", spki(oid.EC, curve25, append([]byte{2}, []byte(strings.Repeat("\xff", 32))...)),
			key.ErrParse, "decompressed",
		},
		{"DSA without a group", spki(oid.DSA, "\x30\x03\x02\x01\x17", integer(8)), key.ErrParse, "parameters"},
		{"DSA key 0", spki(oid.DSA, string(sequence(big.NewInt(23), big.NewInt(11), big.NewInt(4))), integer(0)), key.ErrParse, "range"},
		{"DSA modulus of 20000 bits", spki(oid.DSA, string(sequence(power(20000, true), three, three)), integer(8)), key.ErrParse, "range"},
		{"Ed25519 too short", spki(oid.Ed25519, "", []byte{1}), key.ErrParse, "1 bytes"},
		{"Ed448 too short", spki(oid.Ed448, "", []byte{1}), key.ErrParse, "1 bytes"},
		{"ML-DSA too short", spki(oid.MLDSA65, "", []byte{1}), key.ErrParse, "ML-DSA"},
		{"X25519 signs nothing", spki(oid.X25519, "", make([]byte, 32)), key.ErrUnsupported, "X25519"},
		{"unknown algorithm", spki("1.2.3", "", []byte{1}), key.ErrUnsupported, "1.2.3"},
	} {
		if k, err := key.ParsePublic(test.der); !errors.Is(err, test.kind) || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %+v, %v; want %v with %q", test.rule, k, err, test.kind, test.says)
		}
	}
}

func TestInherit_onlyFromDSA(t *testing.T) {
	t.Parallel()
	parse := func(der []byte) *key.PublicKey {
		k, err := key.ParsePublic(der)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	group := string(sequence(big.NewInt(23), big.NewInt(11), big.NewInt(4)))
	bare, whole := parse(spki(oid.DSA, null, integer(8))), parse(spki(oid.DSA, group, integer(3)))
	if !bare.LacksParams() || whole.LacksParams() {
		t.Error("NULL counts as parameters, or parameters as none")
	}
	k, err := bare.Inherit(whole)
	if err != nil || k.LacksParams() {
		t.Fatal(k, err)
	}
	if pub := k.Key.(*dsa.PublicKey); pub.Y.Int64() != 8 || pub.P.Int64() != 23 || k.Type != "dsa5" {
		t.Errorf("%s %+v", k.Type, pub)
	}
	for rule, issuer := range map[string]*key.PublicKey{
		"no issuer": nil, "an issuer without parameters": bare,
		"an RSA key": parse(spki(oid.RSA, null, sequence(power(1023, true), big.NewInt(3)))),
	} {
		if k, err := bare.Inherit(issuer); !errors.Is(err, key.ErrParse) {
			t.Errorf("%s: %+v, %v", rule, k, err)
		}
	}
	if k, err := parse(spki(oid.DSA, "", integer(-1))).Inherit(whole); !errors.Is(err, key.ErrParse) {
		t.Errorf("a negative key: %+v, %v", k, err)
	}
}

// Damage anywhere is an error or another key, never a panic.
func TestParsePublic_damage(t *testing.T) {
	t.Parallel()
	for _, keyType := range []string{"rsa2048", "p256", "ed25519"} {
		der, err := x509.MarshalPKIXPublicKey(newSigner(t, keyType).Public())
		if err != nil {
			t.Fatal(err)
		}
		for i := range der {
			for _, flip := range []byte{1, 0x20, 0x80, 0xff} {
				damaged := bytes.Clone(der)
				damaged[i] ^= flip
				key.DescribePublic(damaged)
				if k, err := key.ParsePublic(damaged); err == nil && key.SameKey(der, damaged) && !sameButParams(keyType, i) {
					t.Errorf("%s: byte %d changed to %#x, and it is the same key %+v", keyType, i, damaged[i], k.Public)
				}
			}
		}
	}
}

// sameButParams tells the bytes of the algorithm, which SameKey takes in several spellings.
func sameButParams(keyType string, i int) bool { return keyType == "rsa2048" && i < 24 }

func FuzzParsePublic(f *testing.F) {
	f.Add(spki(oid.Ed25519, "", make([]byte, 32)))
	f.Add(spki(oid.RSAPSS, "\x30\x00", sequence(power(1023, true), big.NewInt(3))))
	f.Add(spki(oid.DSA, string(sequence(big.NewInt(23), big.NewInt(11), big.NewInt(4))), integer(8)))
	f.Fuzz(func(t *testing.T, der []byte) {
		k, err := key.ParsePublic(der)
		if err != nil {
			if !errors.Is(err, key.ErrParse) && !errors.Is(err, key.ErrUnsupported) {
				t.Fatal(err)
			}
			return
		}
		if k.Key == nil != k.LacksParams() || key.DescribePublic(der).Type != k.Type {
			t.Fatalf("%+v", k)
		}
		_ = key.Verify(k, oid.Algorithm{OID: k.OID}, der, der)
	})
}
