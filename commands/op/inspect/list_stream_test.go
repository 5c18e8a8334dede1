package inspect_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"certkdb/commands/op"
	"certkdb/commands/op/inspect"
	"certkdb/commands/op/optest"
	"certkdb/kdb"
)

// TestList_long: a list that is read in several looks at the database is whole and in order, and ends with the first error or with the
// context. Nothing reads the database after that.
func TestList_long(t *testing.T) {
	t.Parallel()
	var all []kdb.Entry
	for i := range 4_100 {
		all = append(all, optest.Secret(fmt.Sprintf("key%05d", i)))
	}
	s := optest.New(t, all...)
	n := 0
	err := inspect.List{}.Run(ctx, s, func(chunk []op.Entry) error {
		for _, e := range chunk {
			if e.Label != all[n].Label {
				t.Fatalf("entry %d is %q", n, e.Label)
			}
			n++
		}
		return nil
	})
	if err != nil || n != len(all) {
		t.Errorf("%d entries, %v", n, err)
	}
	errStop := errors.New("stop")
	if err := (inspect.List{}).Run(ctx, s, func([]op.Entry) error { return errStop }); !errors.Is(err, errStop) {
		t.Errorf("after an error of the printer: %v", err)
	}
	stopped, stop := context.WithCancel(ctx)
	n = 0
	err = inspect.List{}.Run(stopped, s, func([]op.Entry) error {
		n++
		stop()
		return nil
	})
	if n != 1 && n != 2 || !errors.Is(err, context.Canceled) { // the second part may be there already
		t.Errorf("after its context had ended: %d parts, %v", n, err)
	}
}
