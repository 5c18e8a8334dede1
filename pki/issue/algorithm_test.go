package issue_test

import (
	"errors"
	"testing"
	"time"

	"certkdb/pki"
	"certkdb/pki/cert"
	"certkdb/pki/issue"
	"certkdb/pki/issue/issuetest"
)

func TestSignature_isWhatWasAskedFor(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ keyType, signature, want string }{
		{"rsa2048", "sha1", "sha1WithRSAEncryption"},
		{"rsa2048", "sha384", "sha384WithRSAEncryption"},
		{"rsa2048", "sha256-pss", "RSASSA-PSS"},
		{"p256", "sha512", "ecdsa-with-SHA512"},
		{"p384", "", "ecdsa-with-SHA384"},
	} {
		r := issue.Request{Subject: issuetest.Name(t, "CN=x"), Key: testKey(t, c.keyType), Signature: c.signature}
		issued, err := issue.SelfSigned(r)
		if err != nil {
			t.Errorf("%s %s: %v", c.keyType, c.signature, err)
			continue
		}
		read, err := cert.Parse(issued.Certificate)
		if err != nil || read.SignatureAlgorithm.Name != c.want {
			t.Errorf("%s %s: %s, %v", c.keyType, c.signature, read.SignatureAlgorithm.Name, err)
		}
	}
	for _, c := range []struct{ keyType, signature string }{{"p256", "sha256-pss"}, {"ed25519", "sha256"}, {"rsa2048", "md5"}} {
		r := issue.Request{Subject: issuetest.Name(t, "CN=x"), Key: testKey(t, c.keyType), Signature: c.signature}
		if _, err := issue.SelfSigned(r); !errors.Is(err, pki.ErrArgument) {
			t.Errorf("%s %s: %v", c.keyType, c.signature, err)
		}
	}
}

func TestSelfSigned_weakKeysOnlyIfWanted(t *testing.T) {
	t.Parallel()
	r := issue.Request{Subject: issuetest.Name(t, "CN=x"), KeyType: "rsa1024"}
	if _, err := issue.SelfSigned(r); err == nil {
		t.Error("a key of 1024 bits was made that nobody asked for")
	}
	r.AllowWeak = true
	issued, err := issue.SelfSigned(r)
	if err != nil {
		t.Fatal(err)
	}
	if read, err := cert.Parse(issued.Certificate); err != nil || read.KeyType != "rsa1024" {
		t.Errorf("%s, %v", read.KeyType, err)
	}
}

func TestSelfSigned_plainSaysNothingOfItsUse(t *testing.T) {
	t.Parallel()
	issued, err := issue.SelfSigned(issue.Request{Subject: issuetest.Name(t, "CN=x"), Key: testKey(t, "p256"), Profile: issue.PlainProfile()})
	if err != nil {
		t.Fatal(err)
	}
	if read, err := cert.Parse(issued.Certificate); err != nil || read.KeyUsage != 0 || len(read.ExtKeyUsage) > 0 {
		t.Errorf("usages %v and %v, %v", read.KeyUsage, read.ExtKeyUsage, err)
	}
}

func TestIssue_untilTheEndOfTheCA(t *testing.T) {
	t.Parallel()
	ca, _ := issuetest.NewCA(t, issue.Request{})
	r := issue.Request{Subject: issuetest.Name(t, "CN=x"), Key: testKey(t, "p256"), NotAfter: ca.Certificate().NotAfter.Add(48 * time.Hour)}
	if _, err := ca.Issue(r); !errors.Is(err, pki.ErrRefused) {
		t.Errorf("longer than the CA: %v", err)
	}
	r.UntilCA = true
	issued, err := ca.Issue(r)
	if err != nil {
		t.Fatal(err)
	}
	if read, err := cert.Parse(issued.Certificate); err != nil || !read.NotAfter.Equal(ca.Certificate().NotAfter) {
		t.Errorf("until %s, %v", read.NotAfter, err)
	}
}
