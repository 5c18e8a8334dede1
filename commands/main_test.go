package commands_test

import (
	"testing"

	"certkdb/commands"
)

func TestOnlyPrints_versionAlone(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		argv []string
		want bool
	}{
		{[]string{"/usr/bin/certkdb", "version"}, true},
		{[]string{"certkdb", "list"}, false},
		{[]string{"certkdb"}, false},
		{[]string{"certkdb", "version", "--json"}, false},
		{[]string{"dsmcert", "version"}, false},
	} {
		if got := commands.OnlyPrints(test.argv); got != test.want {
			t.Errorf("%q: %v, want %v", test.argv, got, test.want)
		}
	}
}
