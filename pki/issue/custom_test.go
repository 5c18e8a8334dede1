package issue_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"certkdb/pki"
	"certkdb/pki/cert"
	"certkdb/pki/issue"
	"certkdb/pki/issue/issuetest"

	"golang.org/x/crypto/cryptobyte/asn1"
)

func TestParseExtension(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]cert.Extension{
		"1.2.3.4=DER:0500":                     {ID: "1.2.3.4", Value: []byte{5, 0}},
		"1.2.3.4=NULL,critical":                {ID: "1.2.3.4", Value: []byte{5, 0}, Critical: true},
		"1.2.3.4=critical,DER:04:01:aa":        {ID: "1.2.3.4", Value: []byte{4, 1, 0xaa}, Critical: true},
		"1.2.3.4=UTF8:für a,b":                 {ID: "1.2.3.4", Value: []byte("\x0c\x08für a,b")},
		" 1.3.6.1.4.1.311.20.2 =IA5:WebServer": {ID: "1.3.6.1.4.1.311.20.2", Value: []byte("\x16\x09WebServer")},
	} {
		got, err := issue.ParseExtension(text)
		if err != nil || got.ID != want.ID || got.Critical != want.Critical || !bytes.Equal(got.Value, want.Value) {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{
		"", "1.2.3", "x=NULL", "1.2.3.4=", "1.2.3.4=text", "1.2.3.4=DER:0", "1.2.3.4=DER:0400ff", "1.2.3.4=DER:", "1.2.3.4=IA5:für",
		"2.5.29.19=DER:3000", "2.5.29.17=DER:3000", "1.3.6.1.4.1.11129.2.4.3=NULL",
	} {
		if _, err := issue.ParseExtension(text); !errors.Is(err, pki.ErrArgument) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestParseSAN_otherNames(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"upn:alice@example.com":                   "other:userPrincipalName=alice@example.com",
		"other:1.3.6.1.4.1.311.20.2.3;UTF8:bob@x": "other:userPrincipalName=bob@x",
		"otherName:1.2.3.4;IA5:text":              "other:1.2.3.4=text",
		"other:1.2.3.4=plain":                     "other:1.2.3.4=plain",
		"other:1.2.3.4;DER:0500":                  "other:1.2.3.4=#0500",
	} {
		n, err := issue.ParseSAN(text)
		if err != nil || n.String() != want {
			t.Errorf("%s: %s, %v", text, n, err)
		}
	}
	for _, text := range []string{
		"upn:alice", "upn:@x", "upn:a@", "upn:a\n@x", "other:1.2.3", "other:x;UTF8:y", "other:1.2.3.4;y", "other:1.2.3.4;DER:1",
	} {
		if _, err := issue.ParseSAN(text); !errors.Is(err, pki.ErrArgument) {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, err := issue.ParseConstraint("upn:a@b"); !errors.Is(err, pki.ErrArgument) {
		t.Errorf("a name constraint: %v", err)
	}
}

// Peers read what was asked for, in certificates and in requests.
func TestIssue_furtherExtensions(t *testing.T) {
	t.Parallel()
	ca, _ := issuetest.NewCA(t, issue.Request{})
	e, err := issue.ParseExtension("1.2.3.4=UTF8:hello")
	if err != nil {
		t.Fatal(err)
	}
	r := issue.Request{
		Subject: issuetest.Name(t, "CN=www.example.com"), SANs: sans(t, "www.example.com", "upn:alice@example.com"),
		Extensions: []cert.Extension{issue.MustStaple(), e},
	}
	made := issuetest.Issue(t, ca, r)
	dir := t.TempDir()
	issuetest.WritePEM(t, dir, "c.pem", "CERTIFICATE", made.Certificate)
	out := issuetest.MustTool(t, dir, "openssl", "x509", "-in", "c.pem", "-noout", "-text")
	request, err := issue.NewRequest(r)
	if err != nil {
		t.Fatal(err)
	}
	issuetest.WritePEM(t, dir, "c.csr", "CERTIFICATE REQUEST", request.Request)
	asked := issuetest.MustTool(t, dir, "openssl", "req", "-in", "c.csr", "-noout", "-text", "-verify")
	for what, text := range map[string]string{"certificate": out, "request": asked} {
		text = strings.Join(strings.Fields(text), " ")
		for _, want := range []string{"TLS Feature: status_request", "1.2.3.4: ..hello", "UPN::alice@example.com"} {
			if !strings.Contains(text, want) {
				t.Errorf("the %s has no %q: %s", what, want, text)
			}
		}
	}
}

func TestSign_subjectsAsPeopleWriteThem(t *testing.T) {
	t.Parallel()
	ca, _ := issuetest.NewCA(t, issue.Request{})
	attribute := func(id, value string) []byte {
		return element(asn1.SET, element(asn1.SEQUENCE, []byte(id), element(asn1.UTF8String, []byte(value))))
	}
	empty := oddRequest{subject: element(asn1.SEQUENCE, attribute("\x06\x03\x55\x04\x08", ""), attribute("\x06\x03\x55\x04\x03", "c.example"))}
	stateless, err := ca.Sign(empty.der(t), issue.Request{}, false)
	if err != nil {
		t.Fatal(err)
	}
	notes := strings.Join(stateless.Notes, ";")
	if c, _ := issuetest.Parse(t, stateless.Certificate); c.Subject.String() != "CN=c.example" || !strings.Contains(notes, "left out: ST") {
		t.Errorf("an empty part of a subject became %q (%q)", c.Subject, stateless.Notes)
	}
	request := newRequest(t, issue.Request{Subject: issuetest.Name(t, "CN=a.example.com,CN=b.example.com,O=Example")}).Request
	issued, err := ca.Sign(request, issue.Request{}, false)
	if err != nil {
		t.Fatal(err)
	}
	c, _ := issuetest.Parse(t, issued.Certificate)
	var names []string
	for _, n := range c.SAN {
		names = append(names, n.String())
	}
	slices.Sort(names)
	if !slices.Equal(names, []string{"dns:a.example.com", "dns:b.example.com"}) {
		t.Errorf("two common names became %q (%q)", names, issued.Notes)
	}
}
