package issue_test

import (
	"encoding/asn1"
	"math/big"
	"testing"
)

// growModulus puts an RSA modulus of so many bytes into a PKCS #10 request; its signature no longer verifies.
func growModulus(t testing.TB, der []byte, size int) []byte {
	t.Helper()
	type algorithm struct {
		ID     asn1.ObjectIdentifier
		Params asn1.RawValue `asn1:"optional"`
	}
	var request struct {
		Info struct {
			Version int
			Subject asn1.RawValue
			SPKI    struct {
				Algorithm algorithm
				Key       asn1.BitString
			}
			Attributes asn1.RawValue
		}
		Algorithm algorithm
		Signature asn1.BitString
	}
	if _, err := asn1.Unmarshal(der, &request); err != nil {
		t.Fatal(err)
	}
	n := new(big.Int).Lsh(big.NewInt(1), uint(size*8-1))
	n.SetBit(n, 0, 1)
	bits, err := asn1.Marshal(struct{ N, E *big.Int }{n, big.NewInt(65537)})
	if err != nil {
		t.Fatal(err)
	}
	request.Info.SPKI.Key = asn1.BitString{Bytes: bits, BitLength: len(bits) * 8}
	out, err := asn1.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
