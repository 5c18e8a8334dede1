package issuing_test

import (
	"errors"
	"testing"
	"time"

	"certkdb/commands/op"
	"certkdb/commands/op/entries"
	"certkdb/commands/op/issuing"
	"certkdb/kdb"
)

// TestCRL_lastNumber: numbers do not begin again at 0, which clients would take for an old list (RFC 5280, 5.2.3).
func TestCRL_lastNumber(t *testing.T) {
	t.Parallel()
	s, _, _, _ := broughtAlong(t)
	all := file(t, "crlnumber", "FFFFFFFFFFFFFFFF\n")
	if _, err := op.One(ctx, s, issuing.TakeOver{CA: "legacy", Files: []string{all}}); !errors.Is(err, kdb.ErrUnsupported) {
		t.Errorf("taken over: %v", err)
	}
	list := issuing.CRL{CA: "legacy", NextUpdate: time.Hour, Format: entries.FormatDER}
	one(t, s, issuing.TakeOver{CA: "legacy", Files: []string{file(t, "crlnumber", "FFFFFFFFFFFFFFFE\n")}})
	one(t, s, list)
	one(t, s, list)
	if made, err := op.One(ctx, s, list); !errors.Is(err, kdb.ErrUnsupported) {
		t.Errorf("after the last number: %+v, %v", made, err)
	}
}
