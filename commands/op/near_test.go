package op_test

import (
	"errors"
	"testing"

	"certkdb/commands/op"
	"certkdb/commands/op/optest"
	"certkdb/kdb"
)

func TestMustHave_namesANearLabel(t *testing.T) {
	t.Parallel()
	s := optest.New(t, optest.NewCA(t, "Root").Trusted("corp-root"))
	err := s.View(t.Context(), func(tx kdb.Tx) error {
		_, err := op.MustHave(tx, "Corp-Root")
		return err
	})
	if e, ok := errors.AsType[*op.NotFound](err); !ok || e.Near != "corp-root" {
		t.Errorf("%v", err)
	}
}
