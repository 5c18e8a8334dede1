package entries_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"certkdb/commands/op"
	"certkdb/commands/op/entries"
	"certkdb/commands/op/optest"
)

// TestAdd_brief: of many entries only what is odd is listed, and all are counted as without it.
func TestAdd_brief(t *testing.T) {
	t.Parallel()
	root := optest.NewCA(t, "Root")
	text := ""
	for i := range 25 {
		text += optest.PEM(root.Issue(t, fmt.Sprint(i)).Trusted(""))
		if i == 22 {
			text += "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"
		}
	}
	file := optest.File(t, "many.pem", text)
	for _, brief := range []bool{false, true} {
		s := optest.New(t)
		for _, want := range []string{"26 entries: 1 skipped, 25 added, 25 now trusted", "26 entries: 1 skipped, 25 unchanged"} {
			done, err := op.One(context.Background(), s, entries.Add{Files: []string{file}, SkipInvalid: true, Brief: brief, Trust: true})
			if err != nil || done.Counts() != want || done.Count() != 26 || (len(done.Actions) < 26) != brief {
				t.Errorf("brief %v: %q, %d actions, %v; want %q", brief, done.Counts(), len(done.Actions), err, want)
			}
			if notable := slices.Collect(done.Notable()); len(notable) != 1 || notable[0].Action != entries.ActionSkipped {
				t.Errorf("brief %v: notable are %v", brief, notable)
			}
		}
	}
}
