package pbe_test

import (
	"bytes"
	"fmt"
	"testing"

	"certkdb/pki/pbe"
)

// The vectors of RFC 3713, appendix A.
func TestFindTraditional_camelliaVectors(t *testing.T) {
	t.Parallel()
	plain := unhex(t, "0123456789abcdeffedcba9876543210")
	for _, test := range []struct{ key, want string }{
		{"0123456789abcdeffedcba9876543210", "67673138549669730857065648eabe43"},
		{"0123456789abcdeffedcba98765432100011223344556677", "b4993401b3e996f84ee5cee7d79b09b9"},
		{"0123456789abcdeffedcba987654321000112233445566778899aabbccddeeff", "9acc237dff16d76c20ef7c919e3a7509"},
	} {
		c, ok := pbe.FindTraditional(fmt.Sprintf("CAMELLIA-%d-CBC", 4*len(test.key)))
		if !ok || c.KeySize != len(test.key)/2 || c.BlockSize != len(plain) {
			t.Fatalf("%+v, %t", c, ok)
		}
		block, err := c.New(unhex(t, test.key))
		if err != nil {
			t.Fatal(err)
		}
		got := bytes.Clone(plain)
		block.Encrypt(got, got)
		if !bytes.Equal(got, unhex(t, test.want)) {
			t.Errorf("%d bits: %x, want %s", 4*len(test.key), got, test.want)
		}
		if block.Decrypt(got, got); !bytes.Equal(got, plain) {
			t.Errorf("%d bits: it comes back as %x", 4*len(test.key), got)
		}
	}
	for _, name := range []string{"ROT13", "AES-128", "AES-128-CTR", "-CBC", ""} {
		if _, ok := pbe.FindTraditional(name); ok {
			t.Errorf("%q is known", name)
		}
	}
}
