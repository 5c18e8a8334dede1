package issue_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"certkdb/pki/issue"
	"certkdb/pki/issue/issuetest"
)

// RFC 5280, 4.2.1.1: only a self-signed certificate may lack the identifier of the key that signed it, whatever its name is.
func TestIssue_identifiesItsIssuerUnderTheSameName(t *testing.T) {
	t.Parallel()
	old, oldRoot := issuetest.NewCA(t, issue.Request{})
	next, nextRoot := issuetest.NewCA(t, issue.Request{KeyType: "p384"})
	leaf := issuetest.Issue(t, old, issue.Request{Subject: issuetest.Name(t, "CN=Root,O=Example,C=DE"), SANs: sans(t, "dns:www.example.com")})
	c, _ := issuetest.Parse(t, leaf.Certificate)
	if root, _ := issuetest.Parse(t, oldRoot.Certificate); !bytes.Equal(c.AKI, root.SKI) {
		t.Errorf("the identifier is %x", c.AKI)
	}
	if !slices.ContainsFunc(leaf.Notes, func(note string) bool { return strings.Contains(note, "name of its CA") }) {
		t.Errorf("the notes are %q", leaf.Notes)
	}
	below := issuetest.Issue(t, next, issue.Request{Subject: issuetest.Name(t, "CN=www.example.com")})
	newByOld := issuetest.Issue(t, old, issue.Request{IsCA: true, Subject: issuetest.Name(t, "CN=Root,O=Example,C=DE"), Key: &nextRoot.Key})
	oldByNew := issuetest.Issue(t, next, issue.Request{IsCA: true, Subject: issuetest.Name(t, "CN=Root,O=Example,C=DE"), Key: &oldRoot.Key})
	dir := t.TempDir()
	for rule, chain := range map[string][3][]byte{
		"a leaf with its CA's name":              {oldRoot.Certificate, nil, leaf.Certificate},
		"the new key certified with the old one": {oldRoot.Certificate, newByOld.Certificate, below.Certificate},
		"the old key certified with the new one": {nextRoot.Certificate, oldByNew.Certificate, leaf.Certificate},
	} {
		ca := issuetest.WritePEM(t, dir, "ca.pem", "CERTIFICATE", chain[0])
		above := issuetest.WritePEM(t, dir, "above.pem", "CERTIFICATE", chain[0])
		whole := [][]byte{chain[2]}
		if chain[1] != nil {
			above = issuetest.WritePEM(t, dir, "above.pem", "CERTIFICATE", chain[1])
			whole = append(whole, chain[1])
		}
		file := issuetest.WritePEM(t, dir, "leaf.pem", "CERTIFICATE", chain[2])
		if out, err := issuetest.Tool(t, dir, "openssl", "verify", "-CAfile", ca, "-untrusted", above, file); err != nil {
			t.Errorf("%s: openssl: %s", rule, out)
		}
		all := issuetest.WritePEM(t, dir, "chain.pem", "CERTIFICATE", whole...)
		if out, err := issuetest.Tool(t, dir, "certtool", "--verify", "--load-ca-certificate", ca, "--infile", all); err != nil {
			t.Errorf("%s: certtool: %s", rule, out)
		}
	}
}

func TestUnlike_comparesSets(t *testing.T) {
	t.Parallel()
	ca, _ := issuetest.NewCA(t, issue.Request{})
	base := issue.Request{
		Subject: issuetest.Name(t, "CN=www.example.com"), SANs: sans(t, "www.example.com", "b.example.com", "ip:192.0.2.1"),
		ExtKeyUsages: []string{"serverAuth", "clientAuth"}, Policies: []string{"1.2.3", "1.2.4"},
		KeyUsages: []string{"digitalSignature", "keyAgreement"},
	}
	made := issuetest.Issue(t, ca, base)
	again := base
	again.SANs = sans(t, "ip:192.0.2.1", "B.example.com", "WWW.example.com", "b.example.com")
	again.ExtKeyUsages, again.Policies = []string{"clientAuth", "serverAuth"}, []string{"1.2.4", "1.2.3"}
	again.KeyUsages = []string{"keyAgreement", "digitalSignature"}
	if got, err := again.Unlike(made.Certificate, ca); got != "" || err != nil {
		t.Errorf("the same sets: %q, %v", got, err)
	}
	if got, err := again.UnlikeNames(made.Certificate); got != "" || err != nil {
		t.Errorf("the same names: %q, %v", got, err)
	}
	requested, err := issue.NewRequest(base)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := again.UnlikeRequest(requested.Request); got != "" || err != nil {
		t.Errorf("the same sets in a request: %q, %v", got, err)
	}
	again.SANs = sans(t, "www.example.com", "c.example.com")
	const want = "its subjectAltName differs: it has dns:www.example.com, dns:b.example.com, ip:192.0.2.1; " +
		"asked for dns:www.example.com, dns:c.example.com"
	if got, err := again.Unlike(made.Certificate, ca); got != want || err != nil {
		t.Errorf("another name: %q, %v", got, err)
	}
}
