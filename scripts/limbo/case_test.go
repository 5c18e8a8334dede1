package limbo_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"certkdb/pki/path"
	"certkdb/scripts/limbo"
)

var now = time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)

// selfSigned makes a CA in PEM.
func selfSigned(t *testing.T, cn string) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: cn}, NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(1, 0, 0),
		IsCA: true, BasicConstraintsValid: true, DNSNames: []string{cn},
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func TestCase_options(t *testing.T) {
	t.Parallel()
	one, zero := 1, 0
	root := selfSigned(t, "root")
	tests := []struct {
		rule string
		c    limbo.Case
		show func(path.Options) any
		want any
	}{
		{"limbo means TLS servers", limbo.Case{ValidationKind: "SERVER"}, func(o path.Options) any { return o.Purpose }, path.ServerAuth},
		{"limbo means TLS clients", limbo.Case{ValidationKind: "CLIENT"}, func(o path.Options) any { return o.Purpose }, path.ClientAuth},
		{
			"others mean any usage",
			limbo.Case{ValidationKind: "SERVER", Source: "x"},
			func(o path.Options) any { return o.Purpose },
			path.AnyUsage,
		},
		{"usage by name", limbo.Case{ExtendedKeyUsage: []string{"codeSigning"}}, func(o path.Options) any { return o.Purpose }, path.CodeSigning},
		{"usage by identifier", limbo.Case{ExtendedKeyUsage: []string{"1.2.3"}}, func(o path.Options) any { return o.Purpose }, "1.2.3"},
		{"strict limbo", limbo.Case{Tier: "strict"}, func(o path.Options) any { return o.Profile }, path.WebPKI},
		{"strict but soft", limbo.Case{Tier: "strict", Soft: true}, func(o path.Options) any { return o.Profile }, path.RFC5280},
		{"strict elsewhere", limbo.Case{Tier: "strict", Source: "x"}, func(o path.Options) any { return o.Profile }, path.RFC5280},
		{
			"against the Baseline Requirements",
			limbo.Case{Tier: "strict", Features: []string{"rfc5280-incompatible-with-webpki"}},
			func(o path.Options) any { return o.Profile },
			path.StrictRFC5280,
		},
		{
			"malformed",
			limbo.Case{Source: "x", Features: []string{"malformed"}},
			func(o path.Options) any { return o.Profile },
			path.StrictRFC5280,
		},
		{"depth", limbo.Case{MaxChainDepth: &one}, func(o path.Options) any { return o.Limits.Depth }, 1},
		{"no intermediates", limbo.Case{MaxChainDepth: &zero}, func(o path.Options) any { return o.Limits.NoIntermediates }, true},
		{"partial chain", limbo.Case{Features: []string{"partial-chain"}}, func(o path.Options) any { return o.PartialChain }, true},
		{
			"level 3",
			limbo.Case{Features: []string{"auth-level-3"}},
			func(o path.Options) any { return o.Weak },
			path.Weak{MinRSA: 3072, MinHash: 256},
		},
		{
			"level 0",
			limbo.Case{Features: []string{"auth-level-0"}},
			func(o path.Options) any { return o.Weak },
			path.Weak{MinRSA: 1, MinHash: 1, AllowDSA: true},
		},
		{"DSA", limbo.Case{Source: "x", Features: []string{"dsa"}}, func(o path.Options) any { return o.Weak.AllowDSA }, true},
		{"host", limbo.Case{ExpectedPeerName: &limbo.PeerName{Kind: "DNS", Value: "a"}}, func(o path.Options) any { return o.Host }, "a"},
		{
			"addresses",
			limbo.Case{ExpectedPeerNames: []limbo.PeerName{{Kind: "RFC822", Value: "a@b"}}},
			func(o path.Options) any { return o.Emails },
			[]string{"a@b"},
		},
		{
			"bare anchor",
			limbo.Case{Trusted: []string{root}, Features: []string{"ta-expiry-ignored"}},
			func(o path.Options) any { return o.Roots[0].IgnoreTime && o.Roots[0].IgnoreExtensions },
			true,
		},
		{
			"anchor with constraints",
			limbo.Case{Trusted: []string{root}, Features: []string{"ta-trusted_anchor_with_constraints"}},
			func(o path.Options) any {
				return fmt.Sprint(o.Roots[0].IgnoreTime, o.Roots[0].IgnoreExtensions, o.Roots[0].Policies)
			}, "true false true",
		},
		{
			"policies of PKITS",
			limbo.Case{Policy: &limbo.PolicyInputs{Initial: []string{"NIST-test-policy-2", "anyPolicy"}, ExplicitPolicy: true}},
			func(o path.Options) any { return fmt.Sprint(o.Policies) }, "{[2.16.840.1.101.3.2.1.48.2 2.5.29.32.0] true false false}",
		},
		{
			"key usage",
			limbo.Case{KeyUsage: []string{"digitalSignature"}},
			func(o path.Options) any { return o.KeyUsage.String() },
			"digitalSignature",
		},
		{"its own time", limbo.Case{ValidationTime: &now}, func(o path.Options) any { return o.Time }, now},
		{"CRLs must be there", limbo.Case{CRLs: []string{"no PEM"}}, func(o path.Options) any { return o.RequireCRLs }, true},
	}
	for _, test := range tests {
		o, err := test.c.Options(time.Time{})
		if err != nil {
			t.Errorf("%s: %v", test.rule, err)
			continue
		}
		if got := test.show(o); fmt.Sprint(got) != fmt.Sprint(test.want) {
			t.Errorf("%s: %v, want %v", test.rule, got, test.want)
		}
	}
}

func TestLoad_andRun(t *testing.T) {
	t.Parallel()
	root := selfSigned(t, "localhost")
	text, err := json.Marshal(limbo.Suite{Version: 1, Cases: []limbo.Case{
		{ID: "good", Trusted: []string{root}, Peer: root, ValidationTime: &now, ExpectedResult: "SUCCESS"},
		{ID: "an unreadable anchor among others", Trusted: []string{"x", root}, Peer: root, ValidationTime: &now, ExpectedResult: "SUCCESS"},
		{
			ID: "one of two hosts", Trusted: []string{root}, Peer: root, ValidationTime: &now, ExpectedResult: "FAILURE",
			ExpectedPeerNames: []limbo.PeerName{{Kind: "DNS", Value: "localhost"}, {Kind: "DNS", Value: "elsewhere"}},
		},
		{
			ID: "one of two usages", Trusted: []string{root}, Peer: root, ValidationTime: &now, ExpectedResult: "FAILURE",
			ExtendedKeyUsage: []string{"serverAuth", "OCSPSigning"},
		},
		{ID: "untrusted", Peer: root, ValidationTime: &now, ExpectedResult: "FAILURE"},
		{ID: "no certificate", Peer: "x", ExpectedResult: "FAILURE"},
		{ID: "no anchor", Trusted: []string{"x"}, Peer: root, ExpectedResult: "FAILURE"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	suite, err := limbo.Load(strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	for i := range suite.Cases {
		c := &suite.Cases[i]
		result, err := c.Run(now)
		if (err == nil && result.Valid) != c.WantsSuccess() {
			t.Errorf("%s: %v %v", c.ID, result.Valid, err)
		}
	}
	if _, err := limbo.Load(strings.NewReader("[")); err == nil {
		t.Error("half a file is read")
	}
}
