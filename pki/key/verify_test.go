package key_test

import (
	"crypto"
	"crypto/dsa" //lint:ignore SA1019 certificates signed by DSA exist
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/mldsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/asn1"
	"errors"
	"math/big"
	"slices"
	"strings"
	"sync"
	"testing"

	"certkdb/pki/key"
	"certkdb/pki/oid"

	"github.com/cloudflare/circl/sign/ed448"
)

// signers has one key of each type that is made here; RSA keys take their time.
var signers sync.Map

// newSigner makes a key of one of quickTypes, once.
func newSigner(t testing.TB, keyType string) crypto.Signer {
	t.Helper()
	once, _ := signers.LoadOrStore(keyType, sync.OnceValues(func() (crypto.Signer, error) { return generate(keyType) }))
	k, err := once.(func() (crypto.Signer, error))()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// quickTypes are those of [key.Types] without the RSA keys that take seconds to make.
func quickTypes() []string {
	return slices.DeleteFunc(key.Types(), func(s string) bool { return s == "rsa3072" || s == "rsa4096" })
}

func generate(keyType string) (crypto.Signer, error) {
	switch keyType {
	case "rsa2048":
		return rsa.GenerateKey(rand.Reader, 2048)
	case "p256":
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "p384":
		return ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case "p521":
		return ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	case "ed25519":
		_, k, err := ed25519.GenerateKey(rand.Reader)
		return k, err
	case "mldsa44":
		return mldsa.GenerateKey(mldsa.MLDSA44())
	case "mldsa65":
		return mldsa.GenerateKey(mldsa.MLDSA65())
	}
	return mldsa.GenerateKey(mldsa.MLDSA87())
}

// newKey is newSigner as a private key of this package.
func newKey(t testing.TB, keyType string) key.Private {
	t.Helper()
	k, err := key.FromGo(newSigner(t, keyType))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func publicOf(t testing.TB, k crypto.Signer) *key.PublicKey {
	t.Helper()
	private, err := key.FromGo(k)
	if err != nil {
		t.Fatal(err)
	}
	public, err := key.ParsePublic(private.SPKI)
	if err != nil {
		t.Fatal(err)
	}
	return public
}

var message = []byte("what is signed")

// sign signs the message, hashing it first unless h is 0.
func sign(t testing.TB, k crypto.Signer, h crypto.Hash, o crypto.SignerOpts) []byte {
	t.Helper()
	digest := message
	if h != 0 {
		digest = oid.DigestOf(h).Sum(message)
	}
	signature, err := k.Sign(rand.Reader, digest, o)
	if err != nil {
		t.Fatal(err)
	}
	return signature
}

// checkVerify verifies a good signature, and refuses it once damaged or over another message.
func checkVerify(t *testing.T, public *key.PublicKey, a oid.Algorithm, signature []byte) {
	t.Helper()
	name := oid.Name(a.OID) + " with " + public.Type
	if err := key.Verify(public, a, message, signature); err != nil {
		t.Errorf("%s: %v", name, err)
	}
	if err := key.Verify(public, a, message[1:], signature); !errors.Is(err, key.ErrSignature) {
		t.Errorf("%s: another message: %v", name, err)
	}
	for _, i := range []int{0, len(signature) / 2, len(signature) - 1} {
		damaged := append([]byte{}, signature...)
		damaged[i] ^= 0x40
		if err := key.Verify(public, a, message, damaged); !errors.Is(err, key.ErrSignature) {
			t.Errorf("%s: byte %d of the signature changed: %v", name, i, err)
		}
	}
	for _, cut := range [][]byte{nil, signature[:len(signature)-1], append(append([]byte{}, signature...), 0)} {
		if err := key.Verify(public, a, message, cut); !errors.Is(err, key.ErrSignature) {
			t.Errorf("%s: a signature of %d bytes: %v", name, len(cut), err)
		}
	}
}

func TestVerify_eachAlgorithm(t *testing.T) {
	t.Parallel()
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		id     string
		signer crypto.Signer
		hash   crypto.Hash
	}{
		{"1.2.840.113549.1.1.4", newSigner(t, "rsa2048"), crypto.MD5},
		{"1.2.840.113549.1.1.5", newSigner(t, "rsa2048"), crypto.SHA1},
		{"1.3.14.3.2.29", newSigner(t, "rsa2048"), crypto.SHA1},
		{"1.2.840.113549.1.1.14", newSigner(t, "rsa2048"), crypto.SHA224},
		{"1.2.840.113549.1.1.11", newSigner(t, "rsa2048"), crypto.SHA256},
		{"1.2.840.113549.1.1.11", small, crypto.SHA256},
		{"1.2.840.113549.1.1.12", newSigner(t, "rsa2048"), crypto.SHA384},
		{"1.2.840.113549.1.1.13", newSigner(t, "rsa2048"), crypto.SHA512},
		{"1.2.840.113549.1.1.15", newSigner(t, "rsa2048"), crypto.SHA512_224},
		{"1.2.840.113549.1.1.16", newSigner(t, "rsa2048"), crypto.SHA512_256},
		{"2.16.840.1.101.3.4.3.13", newSigner(t, "rsa2048"), crypto.SHA3_224},
		{"2.16.840.1.101.3.4.3.14", newSigner(t, "rsa2048"), crypto.SHA3_256},
		{"2.16.840.1.101.3.4.3.15", newSigner(t, "rsa2048"), crypto.SHA3_384},
		{"2.16.840.1.101.3.4.3.16", newSigner(t, "rsa2048"), crypto.SHA3_512},
		{"1.2.840.10045.4.1", newSigner(t, "p256"), crypto.SHA1},
		{"1.2.840.10045.4.3.1", p224, crypto.SHA224},
		{"1.2.840.10045.4.3.2", newSigner(t, "p256"), crypto.SHA256},
		{"1.2.840.10045.4.3.3", newSigner(t, "p384"), crypto.SHA384},
		{"1.2.840.10045.4.3.4", newSigner(t, "p521"), crypto.SHA512},
		{"2.16.840.1.101.3.4.3.9", newSigner(t, "p256"), crypto.SHA3_224},
		{"2.16.840.1.101.3.4.3.10", newSigner(t, "p256"), crypto.SHA3_256},
		{"2.16.840.1.101.3.4.3.11", newSigner(t, "p256"), crypto.SHA3_384},
		{"2.16.840.1.101.3.4.3.12", newSigner(t, "p256"), crypto.SHA3_512},
		{oid.Ed25519, newSigner(t, "ed25519"), 0},
		{oid.MLDSA44, newSigner(t, "mldsa44"), 0},
		{oid.MLDSA65, newSigner(t, "mldsa65"), 0},
		{oid.MLDSA87, newSigner(t, "mldsa87"), 0},
	} {
		a := oid.Algorithm{OID: test.id}
		checkVerify(t, publicOf(t, test.signer), a, sign(t, test.signer, test.hash, test.hash))
		switch d := key.SignatureDigest(a); {
		case d == nil && test.hash != 0, d != nil && d.Hash != test.hash:
			t.Errorf("%s: digest %v", oid.Name(test.id), d)
		}
	}
}

// crypto/rsa refuses RSA keys below 1024 bits, so this signature was made with: openssl dgst -sha256 -sign (512 bits).
func TestVerify_smallRSA(t *testing.T) {
	t.Parallel()
	der := openssl(t, nil, "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:512", "-outform", "DER")
	k, err := key.ReadPrivate(der)
	if err != nil {
		t.Fatal(err)
	}
	public, err := key.ParsePublic(k.SPKI)
	if err != nil {
		t.Fatal(err)
	}
	signature := openssl(t, message, "dgst", "-sha256", "-keyform", "DER", "-sign", writeFile(t, der))
	checkVerify(t, public, oid.Algorithm{OID: "1.2.840.113549.1.1.11"}, signature)
	// A digest that does not fit with its padding cannot have been signed.
	if err := key.Verify(public, oid.Algorithm{OID: "1.2.840.113549.1.1.13"}, message, signature); !errors.Is(err, key.ErrSignature) {
		t.Error(err)
	}
}

// A DSA group of 1024 and 160 bits, made by OpenSSL: making one takes long.
const (
	dsaP = "bc66eb8b2a3c799c9ccce1024b4a266a6da06887cb1e29bbbf5d2f826166c1f55c48e29ec5ce6cf7e02b28267826e006ecc3a64c86b6f4b4e77c0182b1533336" +
		"f8a02a222f72e67b4f6170464a8e4f3bfea2cfb08cbfcc4375b2ae5fe26c3bb6dc63aa9e9a011072597f4f9e42cd6b34979a81e5f3c05685c170c28482faadff"
	dsaQ = "d7c9227dd6f730fbd9e9d3df8fd21d86f4769ab9"
	dsaG = "c3ea8eab6b80a9947da7618cf6e4c46ac9679eb9ff85b159284b55c55d77d5b9f27b89e01079d9ae9b82ee68a5ad12d199412cc8919e2c807cc238f16666c01a" +
		"b48e31f7f91be704dd6980a164489eb34bda8020035e239a5637ceb0b7621c8f77edb258724e9b05370506fe55b147b3e090bcda26965fd5df22b8a27d3b07"
)

func number(hex string) *big.Int {
	n, _ := new(big.Int).SetString(hex, 16)
	return n
}

func TestVerify_DSA(t *testing.T) {
	t.Parallel()
	k := dsa.PrivateKey{PublicKey: dsa.PublicKey{Parameters: dsa.Parameters{P: number(dsaP), Q: number(dsaQ), G: number(dsaG)}}}
	if err := dsa.GenerateKey(&k, rand.Reader); err != nil {
		t.Fatal(err)
	}
	y, err := asn1.Marshal(k.Y)
	if err != nil {
		t.Fatal(err)
	}
	public, err := key.ParsePublic(spki(oid.DSA, string(sequence(k.P, k.Q, k.G)), y))
	if err != nil {
		t.Fatal(err)
	}
	for id, h := range map[string]crypto.Hash{
		"1.2.840.10040.4.3": crypto.SHA1, "2.16.840.1.101.3.4.3.1": crypto.SHA224, "2.16.840.1.101.3.4.3.2": crypto.SHA256,
		"2.16.840.1.101.3.4.3.3": crypto.SHA384, "2.16.840.1.101.3.4.3.4": crypto.SHA512,
	} {
		r, s, err := dsa.Sign(rand.Reader, &k, oid.DigestOf(h).Sum(message)[:20])
		if err != nil {
			t.Fatal(err)
		}
		checkVerify(t, public, oid.Algorithm{OID: id}, sequence(r, s))
	}
}

func TestVerify_Ed448(t *testing.T) {
	t.Parallel()
	pub, k, err := ed448.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, err := key.ParsePublic(spki(oid.Ed448, "", pub))
	if err != nil {
		t.Fatal(err)
	}
	checkVerify(t, public, oid.Algorithm{OID: oid.Ed448}, ed448.Sign(k, message, ""))
}

// pssParams are RSASSA-PSS-params with one digest for message and mask, unless they differ.
func pssParams(digest, mask crypto.Hash, salt byte) []byte {
	algorithm := func(h crypto.Hash) string {
		id, err := oid.Encode(oid.DigestOf(h).OID)
		if err != nil {
			panic(err) // unreachable: the table's identifiers are
		}
		return tlv(0x30, tlv(6, string(id))+null)
	}
	mgf1, _ := oid.Encode(oid.MGF1)
	return []byte(tlv(0x30, tlv(0xa0, algorithm(digest))+tlv(0xa1, tlv(0x30, tlv(6, string(mgf1))+algorithm(mask)))+tlv(0xa2,
		"\x02\x01"+string(rune(salt)))))
}

func tlv(tag byte, content string) string { return string([]byte{tag, byte(len(content))}) + content }

func TestVerify_PSS(t *testing.T) {
	t.Parallel()
	k := newSigner(t, "rsa2048")
	plain := publicOf(t, k)
	modulus := sequence(k.Public().(*rsa.PublicKey).N, big.NewInt(65537))
	restricted, err := key.ParsePublic(spki(oid.RSAPSS, string(pssParams(crypto.SHA256, crypto.SHA256, 20)), modulus))
	if err != nil {
		t.Fatal(err)
	}
	signature := sign(t, k, crypto.SHA256, &rsa.PSSOptions{SaltLength: 32, Hash: crypto.SHA256})
	a := oid.Algorithm{OID: oid.RSAPSS, Params: pssParams(crypto.SHA256, crypto.SHA256, 32)}
	checkVerify(t, plain, a, signature)
	checkVerify(t, restricted, a, signature)
	if d := key.SignatureDigest(a); d == nil || d.Hash != crypto.SHA256 {
		t.Errorf("digest %v", d)
	}
	for _, test := range []struct {
		rule   string
		public *key.PublicKey
		params []byte
		kind   error
	}{
		{"parameters of another salt", plain, pssParams(crypto.SHA256, crypto.SHA256, 20), key.ErrSignature},
		{"parameters of another digest", plain, pssParams(crypto.SHA384, crypto.SHA384, 32), key.ErrSignature},
		{"different digests", plain, pssParams(crypto.SHA256, crypto.SHA1, 32), key.ErrUnsupported},
		{"no salt, for which crypto/rsa takes any", plain, pssParams(crypto.SHA256, crypto.SHA256, 0), key.ErrUnsupported},
		{"the key wants another digest (RFC 4055, 3.3)", restricted, pssParams(crypto.SHA384, crypto.SHA384, 32), key.ErrSignature},
		{"the key wants a longer salt", restricted, pssParams(crypto.SHA256, crypto.SHA256, 19), key.ErrSignature},
		{"no parameters", plain, nil, key.ErrParse},
		{"an ECDSA key", publicOf(t, newSigner(t, "p256")), a.Params, key.ErrSignature},
	} {
		if err := key.Verify(test.public, oid.Algorithm{OID: oid.RSAPSS, Params: test.params}, message, signature); !errors.Is(err, test.kind) {
			t.Errorf("%s: %v", test.rule, err)
		}
	}
	if d := key.SignatureDigest(oid.Algorithm{OID: oid.RSAPSS}); d != nil {
		t.Errorf("a digest of parameters that cannot be read: %v", d)
	}
	// A key for RSASSA-PSS must not make PKCS #1 v1.5 signatures (RFC 4055, 1.2).
	v15 := sign(t, k, crypto.SHA256, crypto.SHA256)
	if err := key.Verify(restricted, oid.Algorithm{OID: "1.2.840.113549.1.1.11"}, message, v15); !errors.Is(err, key.ErrSignature) {
		t.Error(err)
	}
}

func TestVerify_keyOfAnotherKind(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ id, keyType string }{
		{"1.2.840.113549.1.1.11", "p256"},
		{"1.2.840.10045.4.3.2", "rsa2048"},
		{"1.2.840.10040.4.3", "ed25519"},
		{oid.Ed25519, "p256"},
		{oid.MLDSA44, "mldsa65"},
	} {
		err := key.Verify(publicOf(t, newSigner(t, test.keyType)), oid.Algorithm{OID: test.id}, message, []byte("signature"))
		if !errors.Is(err, key.ErrSignature) || !strings.Contains(err.Error(), "key") {
			t.Errorf("%s by a %s key: %v", oid.Name(test.id), test.keyType, err)
		}
	}
	err := key.Verify(publicOf(t, newSigner(t, "p256")), oid.Algorithm{OID: "1.2.840.113549.1.1.2"}, message, nil)
	if !errors.Is(err, key.ErrUnsupported) || !strings.Contains(err.Error(), "md2WithRSAEncryption") {
		t.Error(err)
	}
	if d := key.SignatureDigest(oid.Algorithm{OID: "1.2.840.113549.1.1.2"}); d != nil {
		t.Errorf("MD2 has digest %v", d)
	}
}

// Zero for r or s, or a number as long as the order, is not an ECDSA signature (SEC 1, 4.1.4).
func TestVerify_ECDSABounds(t *testing.T) {
	t.Parallel()
	public := publicOf(t, newSigner(t, "p256"))
	n := elliptic.P256().Params().N
	hashed := sha256.Sum256(message)
	for _, rs := range [][2]*big.Int{
		{new(big.Int), big.NewInt(1)},
		{big.NewInt(1), new(big.Int)},
		{n, n},
		{new(big.Int).SetBytes(hashed[:]), n},
	} {
		if err := key.Verify(public, oid.Algorithm{OID: "1.2.840.10045.4.3.2"}, message, sequence(rs[0], rs[1])); !errors.Is(err,
			key.ErrSignature) {
			t.Errorf("%v: %v", rs, err)
		}
	}
}

func TestCanonicalParams(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		id     string
		params []byte
		want   bool
	}{
		{"1.2.840.113549.1.1.11", []byte(null), true},
		{"1.2.840.113549.1.1.11", nil, false},
		{"1.2.840.10045.4.3.2", nil, true},
		{"1.2.840.10045.4.3.2", []byte(null), false},
		{oid.RSAPSS, []byte("\x30\x00"), true},
		{oid.Ed25519, []byte(null), false},
		{oid.MLDSA65, nil, true},
		{"1.2.3.4", []byte(null), true},
	} {
		if got := key.CanonicalParams(oid.Algorithm{OID: test.id, Params: test.params}); got != test.want {
			t.Errorf("%s with %x: %v", test.id, test.params, got)
		}
	}
}
