package op_test

import (
	"errors"
	"strings"
	"testing"

	"certkdb/commands/op"
	"certkdb/commands/op/optest"
	"certkdb/kdb"
)

func TestNearest(t *testing.T) {
	t.Parallel()
	words := strings.Fields("init list lint copy crl create compact revoke delete web")
	for written, want := range map[string]string{
		"lsit": "list", "lst": "list", "nope": "", "cert": "", "craete": "create", "LIST": "list", "x": "", "": "", "delte": "delete",
		"remoke": "revoke", "wbe": "web", "Web": "web", "destroy": "", "re": "revoke", "RE": "revoke", "c": "", "cr": "", "comp": "compact",
		"toke": "", "leb": "web",
	} {
		if got := op.Nearest(words, written); got != want {
			t.Errorf("%q is near %q, want %q", written, got, want)
		}
	}
}

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
