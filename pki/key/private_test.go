package key_test

import (
	"bytes"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/mldsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"math/big"
	"slices"
	"strings"
	"testing"

	"certkdb/pki/key"
	"certkdb/pki/oid"

	"github.com/cloudflare/circl/kem/mlkem/mlkem512"
	"github.com/cloudflare/circl/kem/mlkem/mlkem768"
	"github.com/cloudflare/circl/sign/ed448"
	circl44 "github.com/cloudflare/circl/sign/mldsa/mldsa44"
	circl65 "github.com/cloudflare/circl/sign/mldsa/mldsa65"
	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// pkcs8 builds a PrivateKeyInfo around a key's own encoding. tail follows the key: attributes, public key.
func pkcs8(id, params string, content []byte, tail string) []byte {
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(0)
		oid.AddAlgorithm(b, id, func(b *cryptobyte.Builder) { b.AddBytes([]byte(params)) })
		b.AddASN1OctetString(content)
		b.AddBytes([]byte(tail))
	})
	return b.BytesOrPanic()
}

func octetString(content []byte) []byte {
	var b cryptobyte.Builder
	b.AddASN1OctetString(content)
	return b.BytesOrPanic()
}

// sec1 builds an ECPrivateKey.
func sec1(secret []byte, tail string) []byte {
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(1)
		b.AddASN1OctetString(secret)
		b.AddBytes([]byte(tail))
	})
	return b.BytesOrPanic()
}

// What crypto/x509 writes in each form is one key here, with Go's public key.
func TestReadPrivate_formsOfGo(t *testing.T) {
	t.Parallel()
	rsaKey, ecKey := newSigner(t, "rsa2048").(*rsa.PrivateKey), newSigner(t, "p256").(*ecdsa.PrivateKey)
	traditional, err := x509.MarshalECPrivateKey(ecKey)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		rule string
		der  []byte
		of   crypto.Signer
	}{
		{"PKCS #1", x509.MarshalPKCS1PrivateKey(rsaKey), rsaKey},
		{"SEC 1", traditional, ecKey},
		{"PKCS #8 of RSA", newKey(t, "rsa2048").PKCS8, rsaKey},
		{"PKCS #8 of ECDSA", newKey(t, "p256").PKCS8, ecKey},
	} {
		k, err := key.ReadPrivate(test.der)
		if err != nil {
			t.Errorf("%s: %v", test.rule, err)
			continue
		}
		want, err := x509.MarshalPKIXPublicKey(test.of.Public())
		if err != nil || !bytes.Equal(k.SPKI, want) {
			t.Errorf("%s: public key %x, %v", test.rule, k.SPKI, err)
		}
		signer, err := k.Signer()
		if err != nil {
			t.Errorf("%s: %v", test.rule, err)
			continue
		}
		if equal, ok := signer.(interface{ Equal(crypto.PrivateKey) bool }); !ok || !equal.Equal(test.of) {
			t.Errorf("%s: another private key", test.rule)
		}
	}
}

// The public key of keys that sign nothing, or that Go cannot compute with, is found too.
func TestReadPrivate_publicKeys(t *testing.T) {
	t.Parallel()
	x25519, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	pub448, k448, err := ed448.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	group := string(sequence(big.NewInt(23), big.NewInt(11), big.NewInt(4)))
	for _, test := range []struct {
		typ    string
		der    []byte
		public []byte // the bits of the public key, nil for none
	}{
		{"x25519", pkcs8(oid.X25519, "", octetString(x25519.Bytes()), ""), x25519.PublicKey().Bytes()},
		{"ed25519", pkcs8(oid.Ed25519, "", octetString(edKey.Seed()), ""), edKey.Public().(ed25519.PublicKey)},
		{"ed448", pkcs8(oid.Ed448, "", octetString(k448.Seed()), ""), pub448},
		{"dsa5", pkcs8(oid.DSA, group, integer(3), ""), integer(64 % 23)},
		{"dh5", pkcs8(oid.DH, string(sequence(big.NewInt(23), big.NewInt(5))), integer(3), ""), integer(125 % 23)},
		{"secp256k1", pkcs8(oid.EC, "\x06\x05\x2b\x81\x04\x00\x0a", sec1([]byte{1}, "\xa1\x05\x03\x03\x00\x02\x01"), ""), []byte{2, 1}},
		{"secp256k1", pkcs8(oid.EC, "\x06\x05\x2b\x81\x04\x00\x0a", sec1([]byte{1}, ""), ""), nil},
		{"gost2001", pkcs8("1.2.643.2.2.19", "", []byte{4, 0}, ""), nil},
		{"gost2001 with its public key", pkcs8("1.2.643.2.2.19", "", []byte{4, 0}, "\x81\x03\x00\x01\x02"), []byte{1, 2}},
		{"slhdsa-shake-256f", pkcs8("2.16.840.1.101.3.4.3.31", "", []byte{4, 0}, ""), nil},
		{"bign", pkcs8("1.2.112.0.2.0.34.101.45.2.1", "", []byte{4, 0}, ""), nil},
		{"hsslms", pkcs8("1.2.840.113549.1.9.16.3.17", "", []byte{4, 0}, ""), nil},
		{"xmssmt", pkcs8("1.3.6.1.5.5.7.6.35", "", []byte{4, 0}, ""), nil},
	} {
		k, err := key.ReadPrivate(test.der)
		if err != nil || k.Type != strings.Fields(test.typ)[0] || !bytes.Equal(k.PKCS8, test.der) {
			t.Errorf("%s: %s, %v", test.typ, k.Type, err)
			continue
		}
		if (k.SPKI == nil) != (test.public == nil) || !bytes.HasSuffix(k.SPKI, test.public) {
			t.Errorf("%s: public key %x, want %x at its end", test.typ, k.SPKI, test.public)
		}
	}
}

// Attributes and a public key after the private one (RFC 5958, 2) stay in the PKCS #8.
func TestReadPrivate_tail(t *testing.T) {
	t.Parallel()
	content := octetString(bytes.Repeat([]byte{7}, 32))
	for rule, tail := range map[string]string{
		"attributes": "\xa0\x02\x31\x00", "a public key": "\x81\x03\x00\x01\x02", "both": "\xa0\x00\x81\x03\x00\x01\x02",
	} {
		der := pkcs8(oid.Ed25519, "", content, tail)
		if k, err := key.ReadPrivate(der); err != nil || !bytes.Equal(k.PKCS8, der) || k.Type != "ed25519" {
			t.Errorf("%s: %v", rule, err)
		}
	}
	for rule, tail := range map[string]string{
		"attributes cut off": "\xa0\x7f", "a public key cut off": "\x81\x7f\x00", "an empty public key": "\x81\x00",
		"a public key of 7 bits": "\x81\x02\x01\x02",
		"in the wrong order":     "\x81\x03\x00\x01\x02\xa0\x00", "an unknown field": "\x82\x01\x00",
	} {
		if _, err := key.ReadPrivate(pkcs8(oid.Ed25519, "", content, tail)); !errors.Is(err, key.ErrParse) {
			t.Errorf("%s: %v", rule, err)
		}
	}
}

func TestReadPrivate_refusesEC(t *testing.T) {
	t.Parallel()
	order := elliptic.P256().Params().N.Bytes()
	for _, test := range []struct {
		rule string
		der  []byte
	}{
		{"the secret 0", pkcs8(oid.EC, curve25, sec1(make([]byte, 32), ""), "")},
		{"the secret as large as the order", pkcs8(oid.EC, curve25, sec1(order, ""), "")},
		{"a secret of 33 bytes", pkcs8(oid.EC, curve25, sec1(bytes.Repeat([]byte{1}, 33), ""), "")},
		{"no curve anywhere", pkcs8(oid.EC, "", sec1([]byte{1}, ""), "")},
		{"SEC 1 without a curve", sec1([]byte{1}, "")},
		{"a public key that is not a BIT STRING", pkcs8(oid.EC, curve25, sec1([]byte{1}, "\xa1\x02\x05\x00"), "")},
		{"trailing bytes after the public key", pkcs8(oid.EC, curve25, sec1([]byte{1}, "\x05\x00"), "")},
		{"a key that is an INTEGER", pkcs8(oid.EC, curve25, integer(1), "")},
	} {
		if k, err := key.ReadPrivate(test.der); !errors.Is(err, key.ErrParse) {
			t.Errorf("%s: %s, %v", test.rule, k.Type, err)
		}
	}
	// Secrets come without their leading zeros, and with too many; the curve may stand inside alone.
	for rule, der := range map[string][]byte{
		"without zeros":   pkcs8(oid.EC, curve25, sec1([]byte{1}, ""), ""),
		"with more zeros": pkcs8(oid.EC, curve25, sec1(append(make([]byte, 40), 1), ""), ""),
		"curve inside":    pkcs8(oid.EC, "", sec1([]byte{1}, "\xa0\x0a"+curve25), ""), "SEC 1": sec1([]byte{1}, "\xa0\x0a"+curve25),
	} {
		k, err := key.ReadPrivate(der)
		if err != nil || k.Type != "p256" || !bytes.HasSuffix(k.SPKI, elliptic.P256().Params().Gy.Bytes()) {
			t.Errorf("%s: %s, %x, %v", rule, k.Type, k.SPKI, err)
		}
	}
}

// The forms of RFC 9881, section 6 and RFC 9935, section 6, and those of before, are one key each.
func TestReadPrivate_latticeFormsMade(t *testing.T) {
	t.Parallel()
	seed := bytes.Repeat([]byte{9}, 32)
	pub44, k44 := circl44.NewKeyFromSeed((*[32]byte)(seed))
	pub65, k65 := circl65.NewKeyFromSeed((*[32]byte)(seed))
	kemSeed := bytes.Repeat([]byte{5}, 64)
	ek512, dk512 := mlkem512.Scheme().DeriveKeyPair(kemSeed)
	ek768, dk768 := mlkem768.Scheme().DeriveKeyPair(kemSeed)
	packed := func(k interface{ MarshalBinary() ([]byte, error) }) []byte {
		b, err := k.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for _, set := range []struct {
		id, typ                string
		seed, expanded, public []byte
	}{
		{oid.MLDSA44, "mldsa44", seed, k44.Bytes(), pub44.Bytes()},
		{oid.MLDSA65, "mldsa65", seed, k65.Bytes(), pub65.Bytes()},
		{oid.MLKEM512, "mlkem512", kemSeed, packed(dk512), packed(ek512)},
		{oid.MLKEM768, "mlkem768", kemSeed, packed(dk768), packed(ek768)},
	} {
		tagged := append([]byte{0x80, byte(len(set.seed))}, set.seed...)
		var both cryptobyte.Builder
		both.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1OctetString(set.seed); b.AddASN1OctetString(set.expanded) })
		for rule, content := range map[string][]byte{
			"seed": tagged, "expanded": octetString(set.expanded), "both": both.BytesOrPanic(), "bare seed": set.seed, "bare expanded": set.expanded,
			"seed in an OCTET STRING":                     octetString(set.seed),
			"the expanded key followed by the public key": octetString(slices.Concat(set.expanded, set.public)),
		} {
			k, err := key.ReadPrivate(pkcs8(set.id, "", content, ""))
			if err != nil || k.Type != set.typ || !bytes.HasSuffix(k.SPKI, set.public) {
				t.Errorf("%s, %s: %s, %v", set.typ, rule, k.Type, err)
			}
		}
		wrong := bytes.Clone(set.expanded)
		wrong[len(wrong)-1] ^= 1
		var differ cryptobyte.Builder
		differ.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1OctetString(set.seed); b.AddASN1OctetString(wrong) })
		for rule, content := range map[string][]byte{
			"seed and expanded form differ": differ.BytesOrPanic(), "a seed of 31 bytes": {0x80, 31}, "another length": octetString(set.seed[1:]),
			"an INTEGER": integer(1), "text": []byte("key"), "nothing": nil,
			"a SEQUENCE of one": append([]byte{0x30, 34}, octetString(set.seed[:32])...),
		} {
			if k, err := key.ReadPrivate(pkcs8(set.id, "", content, "")); !errors.Is(err, key.ErrParse) {
				t.Errorf("%s, %s: %s, %v", set.typ, rule, k.Type, err)
			}
		}
	}
	hash := bytes.Clone(packed(dk512))
	hash[len(hash)-64] ^= 1
	if _, err := key.ReadPrivate(pkcs8(oid.MLKEM512, "", octetString(hash), "")); !errors.Is(err, key.ErrParse) ||
		!strings.Contains(err.Error(), "hash") {
		t.Errorf("ML-KEM with another hash of its public key: %v", err)
	}
	k, err := key.ReadPrivate(pkcs8(oid.MLDSA44, "", octetString(k44.Bytes()), ""))
	if err != nil {
		t.Fatal(err)
	}
	signer, err := k.Signer()
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := signer.Public().(*mldsa.PublicKey); !ok {
		t.Errorf("public key of type %T", signer.Public())
	}
	checkVerify(t, publicFrom(t, k.SPKI), oid.Algorithm{OID: oid.MLDSA44}, sign(t, signer, 0, crypto.Hash(0)))
}

func publicFrom(t testing.TB, der []byte) *key.PublicKey {
	t.Helper()
	k, err := key.ParsePublic(der)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// Damage at any byte of a private key is an error or another key of the same size, never a panic.
func TestReadPrivate_damage(t *testing.T) {
	t.Parallel()
	group := string(sequence(big.NewInt(23), big.NewInt(11), big.NewInt(4)))
	for _, whole := range [][]byte{
		newKey(t, "p256").PKCS8, newKey(t, "ed25519").PKCS8, pkcs8(oid.DSA, group, integer(3), "\xa0\x02\x31\x00"),
		sec1([]byte{1}, "\xa0\x0a"+curve25), sequence(big.NewInt(0), big.NewInt(23), big.NewInt(11), big.NewInt(4), big.NewInt(18),
			big.NewInt(3)),
	} {
		for i := range whole {
			if _, err := key.ReadPrivate(whole[:i]); err == nil {
				t.Errorf("%x cut to %d bytes: read", whole, i)
			}
			for _, value := range []byte{0, 1, 0x30, 0x7f, 0x80, 0xff, whole[i] ^ 0x20} {
				damaged := bytes.Clone(whole)
				damaged[i] = value
				k, err := key.ReadPrivate(damaged)
				if err != nil {
					if !errors.Is(err, key.ErrParse) && !errors.Is(err, key.ErrUnsupported) && !errors.Is(err, key.ErrEncrypted) {
						t.Errorf("byte %d of %x: %v", i, whole, err)
					}
					continue
				}
				_, _ = k.Signer()
			}
		}
	}
}

func TestReadPublic_forms(t *testing.T) {
	t.Parallel()
	modulus := sequence(power(2047, true), big.NewInt(65537))
	whole := spki(oid.RSA, null, modulus)
	for rule, der := range map[string][]byte{"SubjectPublicKeyInfo": whole, "PKCS #1": modulus} {
		if got, err := key.ReadPublic(der); err != nil || !bytes.Equal(got, whole) {
			t.Errorf("%s: %x, %v", rule, got, err)
		}
	}
	for rule, der := range map[string][]byte{
		"nothing": nil, "an INTEGER": integer(1), "three numbers": sequence(big.NewInt(3), big.NewInt(3), big.NewInt(3)),
		"a negative modulus": sequence(big.NewInt(-3), big.NewInt(3)), "exponent 0": sequence(big.NewInt(3), new(big.Int)),
		"trailing bytes": append(bytes.Clone(modulus), 0), "a private key": newKey(t, "p256").PKCS8,
	} {
		if got, err := key.ReadPublic(der); !errors.Is(err, key.ErrParse) {
			t.Errorf("%s: %x, %v", rule, got, err)
		}
	}
}

func TestSameKey_table(t *testing.T) {
	t.Parallel()
	modulus, other := sequence(power(1023, true), big.NewInt(3)), sequence(power(1024, true), big.NewInt(3))
	group, group2 := string(sequence(big.NewInt(23), big.NewInt(11), big.NewInt(4))),
		string(sequence(big.NewInt(47), big.NewInt(23), big.NewInt(4)))
	x := bytes.Repeat([]byte{7}, 32)
	even, odd := append([]byte{2}, x...), append([]byte{3}, x...)
	point := slices.Concat([]byte{4}, x, x[:31], []byte{8}) // y is even
	for _, test := range []struct {
		rule string
		a, b []byte
		same bool
	}{
		{"RSA with and without NULL", spki(oid.RSA, null, modulus), spki(oid.RSA, "", modulus), true},
		{"rsaEncryption and RSASSA-PSS", spki(oid.RSA, null, modulus), spki(oid.RSAPSS, "\x30\x00", modulus), true},
		{"another modulus", spki(oid.RSA, null, modulus), spki(oid.RSA, null, other), false},
		{"DSA whose parameters are inherited", spki(oid.DSA, group, integer(8)), spki(oid.DSA, "", integer(8)), true},
		{"DSA and its old identifier", spki(oid.DSA, group, integer(8)), spki(oid.OIWDSA, group, integer(8)), true},
		{"DSA in another group", spki(oid.DSA, group, integer(8)), spki(oid.DSA, group2, integer(8)), false},
		{"compressed and uncompressed", spki(oid.EC, curve25, even), spki(oid.EC, curve25, point), true},
		{"the other y", spki(oid.EC, curve25, odd), spki(oid.EC, curve25, point), false},
		{"ECDH and EC", spki(oid.ECDH, curve25, point), spki(oid.EC, curve25, point), true},
		{"another curve", spki(oid.EC, "\x06\x05\x2b\x81\x04\x00\x0a", point), spki(oid.EC, curve25, point), false},
		{"Ed25519 with NULL", spki(oid.Ed25519, null, x), spki(oid.Ed25519, "", x), true},
		{"Ed25519 and X25519", spki(oid.Ed25519, "", x), spki(oid.X25519, "", x), false},
		{"unknown algorithm, the same bytes", spki("1.2.3", "", x), spki("1.2.3", "", x), true},
		{"unknown algorithm, other parameters", spki("1.2.3", "\x02\x01\x01", x), spki("1.2.3", "\x02\x01\x02", x), false},
		{"what cannot be read", []byte{1}, []byte{2}, false},
	} {
		if key.SameKey(test.a, test.b) != test.same || key.SameKey(test.b, test.a) != test.same {
			t.Errorf("%s: not %v", test.rule, test.same)
		}
	}
}
