package oid_test

import (
	"crypto"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"certkdb/pki/oid"

	"golang.org/x/crypto/cryptobyte"
)

func TestParseAlgorithm_roundTrip(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule, der, id, name string
		params              bool
	}{
		{"NULL", "300d06092a864886f70d0101010500", "1.2.840.113549.1.1.1", "rsaEncryption", false},
		{"absent", "300506032b6570", "1.3.101.112", "Ed25519", false},
		{"named curve", "301306072a8648ce3d020106082a8648ce3d030107", "1.2.840.10045.2.1", "ecPublicKey", true},
		{"unknown", "300406022a03", "1.2.3", "1.2.3", false},
	} {
		der, _ := hex.DecodeString(test.der)
		a, err := oid.ParseAlgorithm(der)
		if err != nil || a.OID != test.id || a.Name != test.name || a.HasParams() != test.params || string(a.Raw) != string(der) {
			t.Errorf("%s: %+v, %v", test.rule, a, err)
		}
		b := cryptobyte.NewBuilder(nil)
		oid.AddAlgorithm(b, a.OID, func(b *cryptobyte.Builder) { b.AddBytes(a.Params) })
		if again, err := b.Bytes(); err != nil || string(again) != string(der) {
			t.Errorf("%s: encoded again: %x, %v", test.rule, again, err)
		}
	}
}

func TestParseAlgorithm_refuses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ rule, der, says string }{
		{"empty", "", "no SEQUENCE"},
		{"not a SEQUENCE", "0500", "no SEQUENCE"},
		{"cut off", "300506032b65", "no SEQUENCE"},
		{"no identifier", "30020500", "no object identifier"},
		{"bad identifier", "3004060255 80", "ends within an arc"},
		{"two parameters", "300906032b657005000500", "not one value"},
		{"parameters cut off", "300706032b65700501", "not one value"},
		{"trailing bytes", "300506032b657000", "1 bytes follow it"},
	} {
		der, err := hex.DecodeString(strings.ReplaceAll(test.der, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		if a, err := oid.ParseAlgorithm(der); err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %+v, %v; want %q", test.rule, a, err, test.says)
		}
	}
}

func TestAddAlgorithm_withoutParameters(t *testing.T) {
	t.Parallel()
	b := cryptobyte.NewBuilder(nil)
	oid.AddAlgorithm(b, "1.3.101.112", nil)
	got := b.BytesOrPanic()
	want, err := asn1.Marshal(pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 3, 101, 112}})
	if err != nil || string(got) != string(want) {
		t.Errorf("%x, want %x, %v", got, want, err)
	}
	b = cryptobyte.NewBuilder(nil)
	oid.AddAlgorithm(b, "ed25519", nil)
	if _, err := b.Bytes(); err == nil {
		t.Error("a name passed for an identifier")
	}
}

// Each digest is found by all of its identifiers, has a name, and hashes.
func TestDigests_found(t *testing.T) {
	t.Parallel()
	for _, d := range oid.Digests {
		if oid.DigestByOID(d.OID) != d || oid.DigestByHMAC(d.HMAC) != d || oid.DigestOf(d.Hash) != d {
			t.Errorf("%s is not found", d)
		}
		if got := oid.Name(d.OID); got != d.String() {
			t.Errorf("%s is called %s", d, got)
		}
		if !d.Available() || 8*len(d.Sum([]byte("abc"))) != d.Bits() {
			t.Errorf("%s does not hash", d)
		}
	}
	if oid.DigestByOID("1.2.3") != nil || oid.DigestByHMAC("1.2.840.113549.2.5") != nil || oid.DigestOf(crypto.MD4) != nil {
		t.Error("a digest that is not in the table was found")
	}
}

// The published digests of "abc" (RFC 1321, FIPS 180-4 and FIPS 202 examples) tie each identifier to its function.
func TestDigests_abc(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]string{
		"1.2.840.113549.2.5":     "900150983cd24fb0d6963f7d28e17f72",
		"1.3.14.3.2.26":          "a9993e364706816aba3e25717850c26c9cd0d89d",
		"2.16.840.1.101.3.4.2.1": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
		"2.16.840.1.101.3.4.2.4": "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7",
		"2.16.840.1.101.3.4.2.5": "4634270f707b6a54daae7530460842e20e37ed265ceee9a43e8924aa",
		"2.16.840.1.101.3.4.2.6": "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23",
		"2.16.840.1.101.3.4.2.7": "e642824c3f8cf24ad09234ee7d3c766fc9a3a5168d0c94ad73b46fdf",
		"2.16.840.1.101.3.4.2.8": "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532",
	} {
		if got := hex.EncodeToString(oid.DigestByOID(id).Sum([]byte("abc"))); got != want {
			t.Errorf("%s: %s", id, got)
		}
	}
}

func FuzzParseAlgorithm(f *testing.F) {
	for _, seed := range []string{"300d06092a864886f70d0101010500", "300506032b6570", "3000", "300906032b657005000500"} {
		der, _ := hex.DecodeString(seed)
		f.Add(der)
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		a, err := oid.ParseAlgorithm(der)
		if err != nil {
			return
		}
		b := cryptobyte.NewBuilder(nil)
		oid.AddAlgorithm(b, a.OID, func(b *cryptobyte.Builder) { b.AddBytes(a.Params) })
		// The lengths may be written in more bytes than DER needs only where cryptobyte takes them, which is nowhere.
		if again := b.BytesOrPanic(); !slices.Equal(again, der) {
			t.Fatalf("%x becomes %x", der, again)
		}
	})
}
