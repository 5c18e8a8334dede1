package issue

import (
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"

	"certkdb/pki"
)

// signature is an algorithm by the hash that it uses, for each kind of key; zero where there is none.
type signature struct {
	name       string
	rsa, ecdsa x509.SignatureAlgorithm
}

func signatures() []signature {
	return []signature{
		{"sha1", x509.SHA1WithRSA, x509.ECDSAWithSHA1},
		{"sha256", x509.SHA256WithRSA, x509.ECDSAWithSHA256},
		{"sha384", x509.SHA384WithRSA, x509.ECDSAWithSHA384},
		{"sha512", x509.SHA512WithRSA, x509.ECDSAWithSHA512},
		{"sha256-pss", x509.SHA256WithRSAPSS, 0},
		{"sha384-pss", x509.SHA384WithRSAPSS, 0},
		{"sha512-pss", x509.SHA512WithRSAPSS, 0},
	}
}

// SignatureNames are what [Request.Signature] can be: a hash, for RSA with PKCS #1 v1.5 and for elliptic curves, or with PSS.
func SignatureNames() []string {
	var names []string
	for _, s := range signatures() {
		names = append(names, s.name)
	}
	return names
}

// signatureAlgorithm is the one that was asked for, or the usual one of the key.
func (r *Request) signatureAlgorithm(k crypto.Signer) (x509.SignatureAlgorithm, error) {
	if r.Signature == "" {
		return signatureAlgorithm(k)
	}
	all := signatures()
	i := slices.IndexFunc(all, func(s signature) bool { return s.name == r.Signature })
	if i < 0 {
		return 0, fmt.Errorf("%w: no signature algorithm %q, there are %s", pki.ErrArgument, r.Signature, strings.Join(SignatureNames(), ", "))
	}
	var algorithm x509.SignatureAlgorithm
	switch k.Public().(type) {
	case *rsa.PublicKey:
		algorithm = all[i].rsa
	case *ecdsa.PublicKey:
		algorithm = all[i].ecdsa
	}
	if algorithm == 0 {
		return 0, fmt.Errorf("%w: a key of type %T does not sign with %s", pki.ErrArgument, k.Public(), r.Signature)
	}
	return algorithm, nil
}

// weakRSABits is what AllowWeak goes down to, and no lower: crypto/rsa makes no smaller keys.
const weakRSABits = 1024

// generate makes the key. cfssl makes no weak ones.
func (r *Request) generate() (crypto.Signer, error) {
	if r.AllowWeak && r.KeyType == fmt.Sprintf("rsa%d", weakRSABits) {
		return rsa.GenerateKey(rand.Reader, weakRSABits)
	}
	return generateKey(cmp.Or(r.KeyType, defaultKeyType))
}

// checkKey is that of the package, but for weak keys that are wanted.
func (r *Request) checkKey(public crypto.PublicKey) error {
	if k, ok := public.(*rsa.PublicKey); ok && r.AllowWeak && !r.FIPS && k.N.BitLen() >= weakRSABits && k.N.BitLen() < minRSABits {
		return nil
	}
	return checkKey(public, r.FIPS)
}
