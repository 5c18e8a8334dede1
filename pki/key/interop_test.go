package key_test

import (
	"bytes"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"certkdb/pki/key"
)

// openssl runs it, skipping the test only where it is not installed.
func openssl(t testing.TB, stdin []byte, args ...string) []byte {
	t.Helper()
	path, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not installed")
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Stdin = bytes.NewReader(stdin)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("openssl %v: %v\n%s", args, err, errs.String())
	}
	return out.Bytes()
}

// OpenSSL is the oracle: it makes the key, and its public key must be ours to the byte.
func TestReadPrivate_publicKeyAsOpenSSL(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ want, algorithm, options string }{
		{"rsa1024", "RSA", "rsa_keygen_bits:1024"},
		{"rsa2048", "RSA", "rsa_keygen_bits:2048 rsa_keygen_primes:3"},
		{"rsapss2048", "RSA-PSS", "rsa_keygen_bits:2048 rsa_pss_keygen_md:sha256 rsa_pss_keygen_mgf1_md:sha256 rsa_pss_keygen_saltlen:32"},
		{"p224", "EC", "ec_paramgen_curve:P-224"},
		{"p256", "EC", "ec_paramgen_curve:P-256"},
		{"p384", "EC", "ec_paramgen_curve:P-384"},
		{"p521", "EC", "ec_paramgen_curve:P-521"},
		{"secp256k1", "EC", "ec_paramgen_curve:secp256k1"},
		{"brainpoolP384r1", "EC", "ec_paramgen_curve:brainpoolP384r1"},
		{"sect283r1", "EC", "ec_paramgen_curve:sect283r1"},
		{"ec-explicit", "EC", "ec_paramgen_curve:P-256 ec_param_enc:explicit"},
		{"ec-explicit", "EC", "ec_paramgen_curve:secp256k1 ec_param_enc:explicit"},
		{"ec-explicit", "EC", "ec_paramgen_curve:brainpoolP256r1 ec_param_enc:explicit"},
		{"ec-explicit", "EC", "ec_paramgen_curve:sect163k1 ec_param_enc:explicit"},
		{"sm2", "SM2", ""},
		{"ed25519", "ED25519", ""},
		{"ed448", "ED448", ""},
		{"x25519", "X25519", ""},
		{"x448", "X448", ""},
		{"dh2048", "DH", "group:ffdhe2048"},
		{"dh2048", "DHX", "dh_rfc5114:3"},
	} {
		t.Run(c.want+" "+c.options, func(t *testing.T) {
			t.Parallel()
			args := []string{"genpkey", "-algorithm", c.algorithm}
			for option := range strings.FieldsSeq(c.options) {
				args = append(args, "-pkeyopt", option)
			}
			der := openssl(t, openssl(t, nil, args...), "pkcs8", "-topk8", "-nocrypt", "-outform", "DER")
			k, err := key.ReadPrivate(der)
			if err != nil {
				t.Fatal(err)
			}
			want := openssl(t, der, "pkey", "-inform", "DER", "-pubout", "-outform", "DER")
			if k.Type != c.want || !bytes.Equal(k.PKCS8, der) || !bytes.Equal(k.SPKI, want) {
				t.Errorf("type %s, kept %v\n got %x\nwant %x", k.Type, bytes.Equal(k.PKCS8, der), k.SPKI, want)
			}
			if got := key.DescribePublic(want).Type; got != c.want {
				t.Errorf("public key of type %s", got)
			}
		})
	}
}

// A key on a curve that Go does not have is kept without a public key if none came with it.
func TestReadPrivate_otherCurvesWithoutPublicKey(t *testing.T) {
	t.Parallel()
	for options, want := range map[string]string{
		"-name secp256k1": "secp256k1", "-name brainpoolP256r1 -param_enc explicit": "ec-explicit", "-name sect163k1": "sect163k1",
	} {
		whole := openssl(t, nil, append([]string{"ecparam", "-genkey", "-noout", "-outform", "DER"}, strings.Fields(options)...)...)
		bare := openssl(t, whole, "ec", "-inform", "DER", "-no_public", "-outform", "DER")
		if k, err := key.ReadPrivate(bare); err != nil || k.Type != want || k.SPKI != nil {
			t.Errorf("%s: %s, %x, %v", options, k.Type, k.SPKI, err)
		}
	}
}

func TestReadPrivate_traditionalForms(t *testing.T) {
	t.Parallel()
	group := sequence(number(dsaP), number(dsaQ), number(dsaG))
	dsa := openssl(t, nil, "genpkey", "-paramfile", writeFile(t, pem.EncodeToMemory(&pem.Block{Type: "DSA PARAMETERS", Bytes: group})))
	for _, c := range []struct {
		want string
		pem  []byte
	}{
		{"rsa2048", openssl(t, nil, "genpkey", "-algorithm", "RSA")},
		{"p384", openssl(t, nil, "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384")},
		{"secp256k1", openssl(t, nil, "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp256k1")},
		{"dsa1024", dsa},
	} {
		t.Run(c.want, func(t *testing.T) {
			t.Parallel()
			der := openssl(t, c.pem, "pkey", "-traditional", "-outform", "DER")
			k, err := key.ReadPrivate(der)
			if err != nil {
				t.Fatal(err)
			}
			want := openssl(t, c.pem, "pkey", "-pubout", "-outform", "DER")
			if k.Type != c.want || !bytes.Equal(k.SPKI, want) {
				t.Errorf("type %s\n got %x\nwant %x", k.Type, k.SPKI, want)
			}
			// What was built around it is a PrivateKeyInfo that OpenSSL takes for the same key.
			if again := openssl(t, k.PKCS8, "pkey", "-inform", "DER", "-pubout", "-outform", "DER"); !bytes.Equal(again, want) {
				t.Error("OpenSSL reads another key from the PKCS #8")
			}
		})
	}
}

func TestSameKey_acrossEncodings(t *testing.T) {
	t.Parallel()
	rsa := openssl(t, nil, "genpkey", "-algorithm", "RSA", "-outform", "DER")
	k, err := key.ReadPrivate(rsa)
	if err != nil {
		t.Fatal(err)
	}
	pkcs1 := openssl(t, rsa, "rsa", "-inform", "DER", "-RSAPublicKey_out", "-outform", "DER")
	public, err := key.ReadPublic(pkcs1)
	if err != nil || !key.SameKey(public, k.SPKI) {
		t.Error("PKCS #1 and SubjectPublicKeyInfo differ", err)
	}
	null := bytes.Index(k.SPKI, []byte{5, 0})
	without := bytes.Clone(k.SPKI)
	without = append(without[:null], without[null+2:]...)
	without[3] -= 2
	without[5] -= 2
	if key.DescribePublic(without).Type != "rsa2048" || !key.SameKey(without, k.SPKI) {
		t.Error("absent parameters make another key")
	}
	if key.Hint(without) != key.Hint(k.SPKI) || key.Hint([]byte("odd")) != "odd" {
		t.Error("absent parameters make another hint")
	}
	ec := openssl(t, nil, "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-outform", "DER")
	pub := func(args ...string) []byte {
		return openssl(t, ec, append([]string{"ec", "-inform", "DER", "-pubout", "-outform", "DER"}, args...)...)
	}
	named := pub()
	for rule, other := range map[string][]byte{
		"compressed":              pub("-conv_form", "compressed"),
		"explicit":                pub("-param_enc", "explicit"),
		"explicit and compressed": pub("-param_enc", "explicit", "-conv_form", "compressed"),
	} {
		if !key.SameKey(named, other) || !key.SameKey(other, named) {
			t.Errorf("%s: taken for another key", rule)
		}
		if key.Hint(named) != key.Hint(other) {
			t.Errorf("%s: another hint: %q, %q", rule, key.Hint(named), key.Hint(other))
		}
	}
	if got := key.DescribePublic(pub("-param_enc", "explicit")); got.Type != "ec-explicit" || got.Curve != "p256" || got.Bits != 256 {
		t.Errorf("explicit parameters of P-256 described as %+v", got)
	}
	if key.Hint(named) == key.Hint(k.SPKI) || key.SameKey(named, k.SPKI) || key.SameKey(nil, nil) || key.SameKey(named, nil) {
		t.Error("different keys are the same")
	}
	// One bit of the curve's parameters makes another curve (CVE-2020-0601).
	forged := pub("-param_enc", "explicit")
	forged[bytes.Index(forged, []byte{0x6b, 0x17, 0xd1, 0xf2})] ^= 1
	if key.SameKey(named, forged) || key.DescribePublic(forged).Curve != "" {
		t.Error("a forged base point passes for P-256")
	}
}

// writeFile writes a temporary file.
func writeFile(t testing.TB, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
