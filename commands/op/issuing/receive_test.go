package issuing_test

import (
	"errors"
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
