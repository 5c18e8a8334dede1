package oid_test

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/asn1"
	"go/ast"
	"go/parser"
	"go/token"
	"math/big"
	mathrand "math/rand/v2"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"certkdb/pki/oid"

	"golang.org/x/crypto/cryptobyte"
)

// constants reads the exported constants of the package from its source: what they are called and their values.
func constants(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, file := range []string{"ids.go", "keys.go"} {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok {
				return true
			}
			for i, name := range spec.Names {
				value, err := strconv.Unquote(spec.Values[i].(*ast.BasicLit).Value)
				if err != nil {
					t.Fatal(err)
				}
				found[name.Name] = value
			}
			return true
		})
	}
	if len(found) < 150 {
		t.Fatalf("%d constants were found", len(found))
	}
	return found
}

// notNamed are arcs, below which the identifiers are.
var notNamed = map[string]bool{"AES": true}

func TestConstants_wellFormedUniqueAndNamed(t *testing.T) {
	t.Parallel()
	called := map[string]string{}
	for constant, dotted := range constants(t) {
		if other, again := called[dotted]; again {
			t.Errorf("%s and %s are both %s", constant, other, dotted)
		}
		called[dotted] = constant
		if !oid.IsDotted(dotted) {
			t.Errorf("%s = %q is not an identifier", constant, dotted)
		}
		if oid.Name(dotted) == dotted && !notNamed[constant] {
			t.Errorf("%s = %s has no name", constant, dotted)
		}
	}
}

// crypto/x509 has names of its own for extended key usages.
func TestName_extendedKeyUsagesAsGo(t *testing.T) {
	t.Parallel()
	for u := x509.ExtKeyUsageAny; u <= x509.ExtKeyUsageMicrosoftKernelCodeSigning; u++ {
		dotted := u.OID().String()
		name := oid.Name(dotted)
		if name == dotted {
			continue // Microsoft's and Netscape's oldest ones
		}
		if !strings.EqualFold(name, u.String()) {
			t.Errorf("%s is %q here and %q in crypto/x509", dotted, name, u)
		}
	}
}

// Keys that Go writes are named by the constants of their algorithms and curves.
func TestConstants_keysAsGo(t *testing.T) {
	t.Parallel()
	newKey := func(key any, err error) any {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	ed, _, err := ed25519.GenerateKey(rand.Reader)
	x25519 := newKey(ecdh.X25519().GenerateKey(rand.Reader)).(*ecdh.PrivateKey).PublicKey()
	for _, test := range []struct {
		public           any
		algorithm, curve string
	}{
		{newKey(ed, err), oid.Ed25519, ""},
		{x25519, oid.X25519, ""},
		{&newKey(ecdsa.GenerateKey(elliptic.P224(), rand.Reader)).(*ecdsa.PrivateKey).PublicKey, oid.EC, oid.P224},
		{&newKey(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)).(*ecdsa.PrivateKey).PublicKey, oid.EC, oid.P256},
		{&newKey(ecdsa.GenerateKey(elliptic.P384(), rand.Reader)).(*ecdsa.PrivateKey).PublicKey, oid.EC, oid.P384},
		{&newKey(ecdsa.GenerateKey(elliptic.P521(), rand.Reader)).(*ecdsa.PrivateKey).PublicKey, oid.EC, oid.P521},
	} {
		der, err := x509.MarshalPKIXPublicKey(test.public)
		if err != nil {
			t.Fatal(err)
		}
		var spki struct {
			Algorithm asn1.RawValue
			Key       asn1.BitString
		}
		if _, err := asn1.Unmarshal(der, &spki); err != nil {
			t.Fatal(err)
		}
		a, err := oid.ParseAlgorithm(spki.Algorithm.FullBytes)
		if err != nil || a.OID != test.algorithm {
			t.Errorf("%T: %+v, %v; want %s", test.public, a, err, test.algorithm)
			continue
		}
		if test.curve == "" {
			continue
		}
		if curve, err := oid.Decode(a.Params[2:]); err != nil || curve != test.curve {
			t.Errorf("%T: curve %s, %v; want %s", test.public, curve, err, test.curve)
		}
	}
}

// OpenSSL's names stand for the same identifiers, as far as it knows the names at all.
func TestName_asOpenSSL(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("openssl is not installed")
	}
	known := 0
	for _, dotted := range constants(t) {
		name := oid.Name(dotted)
		out, err := exec.CommandContext(t.Context(), "openssl", "asn1parse", "-genstr", "OID:"+name, "-noout", "-out", "/dev/stdout").Output()
		if err != nil || len(out) == 0 || name == dotted {
			continue
		}
		known++
		want, err := oid.Encode(dotted)
		if err != nil || !bytes.HasSuffix(out, want) || len(out) != 2+len(want) {
			t.Errorf("%s: %x here, %x in OpenSSL (%v)", name, want, out, err)
		}
	}
	if known < 80 {
		t.Errorf("OpenSSL knows %d of the names", known)
	}
}

// arbitrary makes an identifier whose arcs have up to the given number of bits.
func arbitrary(r *mathrand.Rand, bits uint) string {
	arc := func() string {
		n := new(big.Int).Lsh(big.NewInt(1), 1+uint(r.IntN(int(bits))))
		return n.Sub(n, big.NewInt(1+int64(r.IntN(2)))).String()
	}
	arcs := []string{"0", strconv.Itoa(r.IntN(40))}
	if root := r.IntN(3); root < 2 {
		arcs[0] = strconv.Itoa(root)
	} else {
		arcs = []string{"2", arc()}
	}
	for range r.IntN(8) {
		arcs = append(arcs, arc())
	}
	return strings.Join(arcs, ".")
}

// crypto/x509 encodes identifiers of any size, encoding/asn1 and cryptobyte those with small arcs. All agree.
func TestEncode_asGo(t *testing.T) {
	t.Parallel()
	r := mathrand.New(mathrand.NewPCG(1, 2))
	for i := range 3000 {
		small := i%2 == 0
		bits := uint(130)
		if small {
			bits = 30
		}
		dotted := arbitrary(r, bits)
		got, err := oid.Encode(dotted)
		if err != nil {
			t.Fatalf("%s: %v", dotted, err)
		}
		if goes, err := x509.ParseOID(dotted); err != nil {
			t.Errorf("%s: crypto/x509: %v", dotted, err)
		} else if want, err := goes.MarshalBinary(); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %x, want %x, %v", dotted, got, want, err)
		}
		if back, err := oid.Decode(got); err != nil || back != dotted {
			t.Errorf("%s comes back as %s, %v", dotted, back, err)
		}
		if !small {
			continue
		}
		var want asn1.ObjectIdentifier
		input := cryptobyte.String(append([]byte{6, byte(len(got))}, got...))
		if !input.ReadASN1ObjectIdentifier(&want) || want.String() != dotted {
			t.Errorf("%s: cryptobyte reads %s", dotted, want)
		}
	}
}

// What crypto/x509 refuses to read is refused here, and the other way round.
func TestDecode_refusesAsGo(t *testing.T) {
	t.Parallel()
	r := mathrand.New(mathrand.NewPCG(3, 4))
	refused := 0
	for range 20000 {
		content := make([]byte, r.IntN(7))
		for i := range content {
			content[i] = [...]byte{0x00, 0x01, 0x2a, 0x55, 0x7f, 0x80, 0x81, 0xff}[r.IntN(8)]
		}
		var goes x509.OID
		want := goes.UnmarshalBinary(content)
		got, err := oid.Decode(content)
		if (err == nil) != (want == nil) || err == nil && got != goes.String() {
			t.Fatalf("%x: %q, %v; crypto/x509: %q, %v", content, got, err, goes, want)
		}
		if err != nil {
			refused++
		}
	}
	if refused < 1000 {
		t.Errorf("only %d were refused", refused)
	}
}

// Most identifiers in a certificate are in the table, and it is read millions of times.
func TestDecode_tableCostsNothing(t *testing.T) {
	for name, dotted := range constants(t) {
		content, err := oid.Encode(dotted)
		if err != nil {
			t.Fatal(err)
		}
		if n := testing.AllocsPerRun(5, func() { _, err = oid.Decode(content) }); (n != 0 || err != nil) && !notNamed[name] {
			t.Errorf("%s: %v allocations, %v", name, n, err)
		}
	}
}

// One giant arc takes quadratic time, so the length is bounded on both ways.
func TestBounds(t *testing.T) {
	t.Parallel()
	longest := bytes.Repeat([]byte{0xff}, 511)
	dotted, err := oid.Decode(append(longest, 0x7f))
	if err != nil {
		t.Fatal(err)
	}
	if back, err := oid.Encode("2." + strings.Repeat("9", 1022)); err != nil || len(back) > 512 {
		t.Errorf("%d bytes, %v", len(back), err)
	}
	if _, err := oid.Encode(dotted + strings.Repeat("0", 1024)); err == nil {
		t.Error("an identifier of any length is encoded")
	}
	if _, err := oid.Decode(append(append(longest, 0xff), 0x7f)); err == nil {
		t.Error("513 bytes are read")
	}
}

func TestIsDotted(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"1.2": true, "2.999": true, "0.39": true, "2.5.4.3": true, "12": false, "": false, "1": false, "1.": false, "a.b": false,
		"0.40": false, "3.1": false, "1.2.": false, "1..2": false, " 1.2": false, "1.2 ": false, "+1.2": false, "1.02": false,
	} {
		if got := oid.IsDotted(text); got != want {
			t.Errorf("IsDotted(%q) = %v", text, got)
		}
	}
}
