package key_test

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	stdasn1 "encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"testing"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"certkdb/pki/key"
	"certkdb/pki/oid"
)

// TestTraditional_asGo: the forms are those that Go writes, with the curve in the key.
func TestTraditional_asGo(t *testing.T) {
	t.Parallel()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ec, err := x509.MarshalECPrivateKey(ecKey)
	if err != nil {
		t.Fatal(err)
	}
	curve, err := stdasn1.Marshal(stdasn1.ObjectIdentifier{1, 3, 132, 0, 34})
	if err != nil {
		t.Fatal(err)
	}
	withCurve := wrap(t, stdasn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}, curve, ec)
	for _, c := range []struct {
		rule, pemType string
		key           any
		pkcs8, want   []byte
	}{
		{"PKCS #1", "RSA PRIVATE KEY", rsaKey, nil, x509.MarshalPKCS1PrivateKey(rsaKey)},
		{"SEC 1, the curve in the algorithm", "EC PRIVATE KEY", ecKey, nil, ec},
		{"SEC 1, the curve in the key as well", "EC PRIVATE KEY", nil, withCurve, ec},
	} {
		if c.key != nil {
			if c.pkcs8, err = x509.MarshalPKCS8PrivateKey(c.key); err != nil {
				t.Fatal(err)
			}
		}
		pemType, der, err := key.Traditional(c.pkcs8)
		if err != nil || pemType != c.pemType || !bytes.Equal(der, c.want) {
			t.Errorf("%s: %q %x, %v; want %x", c.rule, pemType, der, err, c.want)
		}
	}
}

// TestTraditional_dsa: PKCS #8 has no public value, which is g^x mod p.
func TestTraditional_dsa(t *testing.T) {
	t.Parallel()
	group := sequence(big.NewInt(23), big.NewInt(11), big.NewInt(4))
	pemType, der, err := key.Traditional(wrap(t, stdasn1.ObjectIdentifier{1, 2, 840, 10040, 4, 1}, group, integer(3)))
	want := sequence(big.NewInt(0), big.NewInt(23), big.NewInt(11), big.NewInt(4), big.NewInt(18), big.NewInt(3))
	if err != nil || pemType != "DSA PRIVATE KEY" || !bytes.Equal(der, want) {
		t.Errorf("%q %x, %v; want %x", pemType, der, err, want)
	}
}

func TestTraditional_refuses(t *testing.T) {
	t.Parallel()
	dsa, ec := stdasn1.ObjectIdentifier{1, 2, 840, 10040, 4, 1}, stdasn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}
	for rule, c := range map[string]struct {
		der  []byte
		want error
	}{
		"no PKCS #8":                  {[]byte{0x30, 0}, key.ErrParse},
		"no ECPrivateKey":             {wrap(t, ec, []byte(curve25), []byte{4, 0}), key.ErrParse},
		"an ECPrivateKey without key": {wrap(t, ec, []byte(curve25), []byte{0x30, 3, 2, 1, 1}), key.ErrParse},
		"DSA without parameters":      {wrap(t, dsa, []byte(null), integer(3)), key.ErrParse},
		"a DSA group too large":       {wrap(t, dsa, sequence(power(80_000, true), big.NewInt(3), big.NewInt(2)), integer(3)), key.ErrParse},
		"Ed25519":                     {newKey(t, "ed25519").PKCS8, key.ErrUnsupported},
	} {
		if _, der, err := key.Traditional(c.der); !errors.Is(err, c.want) || der != nil {
			t.Errorf("%s: %x, %v; want %v", rule, der, err, c.want)
		}
	}
}

func TestCanonicalSPKI(t *testing.T) {
	t.Parallel()
	bits := []byte{1, 2, 3}
	for rule, c := range map[string]struct {
		der  []byte
		want bool
	}{
		"nothing":                       {nil, false},
		"RSA with NULL":                 {spki(oid.RSA, null, bits), true},
		"RSA without":                   {spki(oid.RSA, "", bits), false},
		"RSA with something else":       {spki(oid.RSA, curve25, bits), false},
		"Ed25519 without":               {spki(oid.Ed25519, "", bits), true},
		"Ed25519 with NULL":             {spki(oid.Ed25519, null, bits), false},
		"X448 with NULL":                {spki(oid.X448, null, bits), false},
		"ML-DSA without":                {spki(oid.MLDSA65, "", bits), true},
		"ML-DSA with NULL":              {spki(oid.MLDSA65, null, bits), false},
		"EC, which is not judged":       {spki(oid.EC, null, bits), true},
		"RSASSA-PSS, not judged either": {spki(oid.RSAPSS, "", bits), true},
	} {
		if got := key.CanonicalSPKI(c.der); got != c.want {
			t.Errorf("%s: %v", rule, got)
		}
	}
}

// TestDescribePublic_names compares the names of algorithms that nothing here computes with their object identifiers.
func TestDescribePublic_names(t *testing.T) {
	t.Parallel()
	names := map[string]string{
		"1.2.643.2.2.19": "gost2001", "1.2.643.7.1.1.1.1": "gost2012-256", "1.2.643.7.1.1.1.2": "gost2012-512",
		"1.2.112.0.2.0.34.101.45.2.1": "bign", "1.2.840.113549.1.9.16.3.17": "hsslms",
		"1.3.6.1.5.5.7.6.34": "xmss", "1.3.6.1.5.5.7.6.35": "xmssmt",
		"2.16.840.1.101.3.4.3.32": "unknown (2.16.840.1.101.3.4.3.32)", "2.16.840.1.101.3.4.2.20": "unknown (2.16.840.1.101.3.4.2.20)",
		"2.16.840.1.101.3.4.3.200": "unknown (2.16.840.1.101.3.4.3.200)",
	}
	arc := 20 // RFC 9909, 3
	for _, hash := range []string{"sha2", "shake"} {
		for _, size := range []int{128, 192, 256} {
			for _, variant := range []string{"s", "f"} {
				names[fmt.Sprintf("2.16.840.1.101.3.4.3.%d", arc)] = fmt.Sprintf("slhdsa-%s-%d%s", hash, size, variant)
				arc++
			}
		}
	}
	for id, want := range names {
		if got := key.DescribePublic(spki(id, "", []byte{1})).Type; got != want {
			t.Errorf("%s is %q, want %q", id, got, want)
		}
	}
}

// withCofactor adds a cofactor to explicit parameters, which does not change the curve.
func withCofactor(t *testing.T, params []byte) []byte {
	t.Helper()
	in := cryptobyte.String(params)
	var body cryptobyte.String
	if !in.ReadASN1(&body, asn1.SEQUENCE) {
		t.Fatal("no sequence")
	}
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(body)
		b.AddASN1Int64(1)
	})
	return b.BytesOrPanic()
}

// TestSameKey_explicitCurves: curves without a name are compared by their numbers.
func TestSameKey_explicitCurves(t *testing.T) {
	t.Parallel()
	c := elliptic.P256().Params()
	a, point := new(big.Int).Sub(c.P, big.NewInt(3)), bytes.Repeat([]byte{4}, 65)
	multiple := func(n byte) []byte { // of the base point of P-256
		k, err := ecdh.P256().NewPrivateKey(append(make([]byte, 31), n))
		if err != nil {
			t.Fatal(err)
		}
		return k.PublicKey().Bytes()
	}
	double, fourfold := multiple(2), multiple(4)
	own := explicit(c, a, double, c.N)
	same := withCofactor(t, own)
	for rule, with := range map[string]struct {
		params []byte
		want   bool
	}{
		"a cofactor":            {same, true},
		"another base point":    {withCofactor(t, explicit(c, a, fourfold, c.N)), false},
		"another order":         {withCofactor(t, explicit(c, a, double, new(big.Int).Add(c.N, big.NewInt(2)))), false},
		"another coefficient":   {withCofactor(t, explicit(c, new(big.Int).Sub(a, big.NewInt(1)), double, c.N)), false},
		"a named curve":         {[]byte(curve25), false},
		"what cannot be parsed": {[]byte(null), false},
	} {
		if got := key.SameKey(spki(oid.EC, string(own), point), spki(oid.EC, string(with.params), point)); got != with.want {
			t.Errorf("%s: %v", rule, got)
		}
	}
}
