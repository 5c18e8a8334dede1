package issuing_test

import (
	"errors"
	"strings"
	"testing"

	"certkdb/commands/op"
	"certkdb/commands/op/issuing"
	"certkdb/kdb"
)

// TestRenew_compromisedKey: a key that is known to be in other hands gets no certificate again.
func TestRenew_compromisedKey(t *testing.T) {
	t.Parallel()
	s := withCA(t)
	one(t, s, issuing.Create{Label: "sub", Spec: caSpec("Sub"), CA: issuing.Authority{Label: "root"}})
	one(t, s, issuing.Revoke{CA: "root", Label: "web", Reason: "keyCompromise"})
	one(t, s, issuing.Revoke{CA: "root", Label: "sub", Reason: "cACompromise"})
	for _, o := range []issuing.Renew{{Label: "web", ReuseKey: true}, {Label: "sub"}} {
		_, err := op.One(ctx, s, o)
		if p, ok := errors.AsType[*op.Problem](err); !ok || p.Code != op.CompromisedKey || !errors.Is(err, op.ErrFindings) {
			t.Errorf("%s: %v", o.Label, err)
		}
	}
	one(t, s, issuing.Renew{Label: "web"})
	one(t, s, issuing.Renew{Label: "web", ReuseKey: true})
	one(t, s, issuing.Renew{Label: "sub", NewKey: true})
}

// TestRenew_keyOfAnotherCA: a CA that did not issue the old certificate knows of no revocation, and certifies its key.
func TestRenew_keyOfAnotherCA(t *testing.T) {
	t.Parallel()
	s := withCA(t)
	one(t, s, issuing.Create{Label: "other", Spec: caSpec("Other")})
	if r := one(t, s, issuing.Renew{Label: "web", ReuseKey: true, CA: issuing.Authority{Label: "other"}}); r.Issuer != "other" {
		t.Errorf("renewed: %+v", r)
	}
}

// TestRenew_revokesTheRevoked: a hold becomes final, and another reason stays.
func TestRenew_revokesTheRevoked(t *testing.T) {
	t.Parallel()
	for was, want := range map[string]string{"certificateHold": "superseded", "keyCompromise": "keyCompromise", "": "unspecified"} {
		s := withCA(t)
		old := issued(t, s)[0].Serial
		one(t, s, issuing.Revoke{CA: "root", Label: "web", Reason: was})
		r := one(t, s, issuing.Renew{Label: "web", Revoke: true})
		if changed := want == "superseded"; (r.Revoked == old) != changed || strings.Contains(strings.Join(r.Notes, " "), "already") == changed {
			t.Errorf("%q: %+v", was, r)
		}
		for _, i := range issued(t, s) {
			if i.Serial == old && i.Reason != want {
				t.Errorf("%q: %s", was, i.Reason)
			}
		}
	}
}

// TestReceive_earlier: a certificate that was received before takes the place of a newer one, and that is said.
func TestReceive_earlier(t *testing.T) {
	t.Parallel()
	s := withCA(t)
	var old kdb.Entry
	if err := s.View(ctx, func(tx kdb.Tx) (err error) { old, err = tx.Entry("web"); return err }); err != nil {
		t.Fatal(err)
	}
	path := file(t, "old.crt", op.PEMString("CERTIFICATE", old.Certificates[0]))
	one(t, s, issuing.Renew{Label: "web", ReuseKey: true, Days: 500})
	if r := one(t, s, issuing.Receive{Files: []string{path}}); !strings.Contains(strings.Join(r.Notes, " "), "it may be an earlier one") {
		t.Errorf("received: %+v", r)
	}
}
