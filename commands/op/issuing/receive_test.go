package issuing_test

import (
	"bytes"
	"crypto/x509"
	"errors"
	"slices"
	"strings"
	"testing"

	"certkdb/commands/op"
	"certkdb/commands/op/issuing"
	"certkdb/commands/op/optest"
	"certkdb/kdb"
)

// withOdd has a request "web" and an entry "odd" whose private key cannot be read, and returns the file with the certificate for web.
func withOdd(t *testing.T) (*op.Session, string) {
	t.Helper()
	root, request := optest.NewCA(t, "Root"), optest.Request(t, "web")
	odd := kdb.Entry{Label: "odd", Kind: kdb.KindPersonal, Key: []byte("odd")}
	s := optest.Kind(t, "pem", odd, request, root.Trusted("root"))
	return s, optest.File(t, "web.crt", op.PEMString("CERTIFICATE", root.Receive(t, request.Request)))
}

// TestReceive_passesOverUnreadableEntries: they do not keep another entry from its certificate.
func TestReceive_passesOverUnreadableEntries(t *testing.T) {
	t.Parallel()
	s, file := withOdd(t)
	received, err := op.One(ctx, s, issuing.Receive{Files: []string{file}})
	if err != nil || received.Label != "web" || !received.Changed || !received.Complete {
		t.Errorf("received %+v, %v", received, err)
	}
	optest.Expect(t, s, "odd=personal root=trusted+ web=personal")
}

// TestReceive_underALabel: no other entry gets the certificate.
func TestReceive_underALabel(t *testing.T) {
	t.Parallel()
	s, file := withOdd(t)
	_, err := op.One(ctx, s, issuing.Receive{Files: []string{file}, Label: "odd"})
	if problem, ok := errors.AsType[*op.Problem](err); !ok || problem.Code != op.NoMatchingKey || op.ClassOf(err) != op.ClassLabelNotFound {
		t.Errorf("the error is %v", err)
	}
	_, err = op.One(ctx, s, issuing.Receive{Files: []string{file}, Label: "none"})
	if e, ok := errors.AsType[*op.NotFound](err); !ok || e.Label != "none" {
		t.Errorf("the error is %v", err)
	}
}

// TestReceive_withItsIssuers: a renewed certificate is for its own entry, in a file in which the CAs above it, whose keys are here too,
// come along, in any order. A file with nothing but the CA's certificate is for the CA.
func TestReceive_withItsIssuers(t *testing.T) {
	t.Parallel()
	root, request := optest.NewCA(t, "Root"), optest.Request(t, "api")
	sub := root.CA(t, "Sub")
	pem := func(certificates ...[]byte) string { return strings.Join(op.PEMStrings(certificates), "") }
	for rule, c := range map[string]struct {
		file  string
		label string
	}{
		"the issuers after it":  {pem(sub.Receive(t, request.Request), sub.Certificate, root.Certificate), "api"},
		"the issuers before it": {pem(root.Certificate, sub.Certificate, sub.Receive(t, request.Request)), "api"},
		"a CA and its root":     {pem(sub.Certificate, root.Certificate), "sub"},
		"a root alone":          {pem(root.Certificate), "the root"},
	} {
		s := optest.New(t, root.Personal("the root"), sub.Personal("sub"), request)
		first := optest.File(t, "first.crt", pem(sub.Receive(t, request.Request)))
		if _, err := op.One(ctx, s, issuing.Receive{Files: []string{first}}); err != nil {
			t.Fatal(err)
		}
		received, err := op.One(ctx, s, issuing.Receive{Files: []string{optest.File(t, "renewed.crt", c.file)}})
		if err != nil || received.Label != c.label || received.Changed != (c.label == "api") {
			t.Errorf("%s: received %+v, %v", rule, received, err)
		}
	}
}

// TestReceive_expiredIssuer: a chain may be complete and of no use.
func TestReceive_expiredIssuer(t *testing.T) {
	t.Parallel()
	root, request := optest.NewCA(t, "Root"), optest.Request(t, "web")
	sub := root.CA(t, "Sub", func(c *x509.Certificate) { c.NotAfter = optest.Now.AddDate(0, 0, -1) })
	s := optest.New(t, root.Trusted("root"), sub.Trusted("sub"), request)
	file := optest.File(t, "web.crt", op.PEMString("CERTIFICATE", sub.Receive(t, request.Request)))
	received, err := op.One(ctx, s, issuing.Receive{Files: []string{file}})
	if err != nil || !received.Complete || !slices.Equal(received.Notes, []string{`the issuer "CN=Sub" expired on 2027-02-28`}) {
		t.Errorf("%+v, %v", received, err)
	}
}

// TestReceive_forged: a certificate that names a trusted CA and its key identifier, but that another key signed, does not get that CA into
// its chain. One whose algorithm is unknown does, but its chain does not count as complete.
func TestReceive_forged(t *testing.T) {
	t.Parallel()
	sameID := func(c *x509.Certificate) { c.SubjectKeyId = []byte("sub") }
	ca, impostor, request := optest.NewCA(t, "Root").CA(t, "Sub", sameID), optest.NewCA(t, "Sub", sameID), optest.Request(t, "web")
	odd := ca.Receive(t, request.Request)
	ecdsaWithSHA256 := []byte{0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2}
	odd = bytes.ReplaceAll(odd, ecdsaWithSHA256, append(ecdsaWithSHA256[:7:7], 0x7f))
	for rule, c := range map[string]struct {
		der   []byte
		chain int // how many certificates are stored
	}{"another key": {impostor.Receive(t, request.Request), 1}, "an unknown algorithm": {odd, 2}} {
		s := optest.New(t, ca.Trusted("sub"), request)
		file := optest.File(t, "web.crt", op.PEMString("CERTIFICATE", c.der))
		received, err := op.One(ctx, s, issuing.Receive{Files: []string{file}})
		if err != nil || received.Complete || received.Missing != "CN=Sub" {
			t.Errorf("%s: %+v, %v", rule, received, err)
		}
		if stored := optest.Entry(t, s, "web").Certificates; len(stored) != c.chain {
			t.Errorf("%s: %d certificates are stored, not %d", rule, len(stored), c.chain)
		}
	}
}
