package path_test

import (
	"cmp"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/asn1"
	"testing"

	"certkdb/pki/oid"
	"certkdb/pki/path"
)

// A certificate is only for a purpose that its key usage allows, too (RFC 5280, 4.2.1.12).
func TestValidate_usageForPurpose(t *testing.T) {
	t.Parallel()
	root := ca(t, nil, "Root")
	const certSign, agreement, content = x509.KeyUsageCertSign, x509.KeyUsageKeyAgreement, x509.KeyUsageContentCommitment
	const sign, encipher = x509.KeyUsageDigitalSignature, x509.KeyUsageKeyEncipherment
	rsaPrivate, err := rsaKey()
	if err != nil {
		t.Fatal(err)
	}
	_, edPrivate, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string]crypto.Signer{"p256": newKey(t), "rsa2048": rsaPrivate, "ed25519": edPrivate}
	for _, test := range []struct {
		purpose string
		usage   x509.KeyUsage
		key     string
		want    string
	}{
		{path.ServerAuth, 0, "p256", "valid"},
		{path.ServerAuth, sign, "p256", "valid"},
		{path.ServerAuth, agreement, "p256", "valid"},
		{path.ServerAuth, encipher, "p256", "purpose"},
		{path.ServerAuth, encipher, "rsa2048", "valid"},
		{path.ServerAuth, encipher, "ed25519", "purpose"},
		{path.ServerAuth, agreement, "ed25519", "purpose"},
		{path.ServerAuth, certSign | x509.KeyUsageCRLSign, "p256", "purpose"},
		{path.ServerAuth, content, "rsa2048", "purpose"},
		{path.ClientAuth, sign, "rsa2048", "valid"},
		{path.ClientAuth, encipher, "rsa2048", "purpose"},
		{path.ClientAuth, agreement, "p256", "valid"},
		{path.ClientAuth, certSign, "p256", "purpose"},
		{path.CodeSigning, sign, "p256", "valid"},
		{path.CodeSigning, content, "p256", "purpose"},
		{path.EmailProtection, encipher, "rsa2048", "valid"},
		{path.EmailProtection, certSign, "rsa2048", "purpose"},
		{path.TimeStamping, content, "p256", "valid"},
		{path.OCSPSigning, encipher, "rsa2048", "purpose"},
		{path.AnyUsage, certSign, "p256", "valid"},
		{"", certSign, "p256", "valid"},
		{"1.3.6.1.5.5.7.3.17", certSign, "p256", "valid"},
	} {
		tmpl := template("example.com")
		tmpl.DNSNames, tmpl.KeyUsage = []string{"example.com"}, test.usage
		tmpl.UnknownExtKeyUsage = []asn1.ObjectIdentifier{goOID(cmp.Or(test.purpose, path.ServerAuth))}
		o := options(root)
		o.Purpose, o.UsageForPurpose = test.purpose, true
		if got := rules(path.Validate(forge(t, root, keys[test.key], tmpl).Certificate, o)); got != test.want {
			t.Errorf("%s, key usage %d of %s: %s, want %s", oid.Name(test.purpose), test.usage, test.key, got, test.want)
		}
	}
}
