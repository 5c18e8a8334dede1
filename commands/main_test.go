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
		{[]string{"/usr/bin/gsk8capicmd_64", "-version"}, true},
		{[]string{"certkdb", "runmqakm", "-Random", "-create", "-length", "9"}, true},
		{[]string{"gsk8capicmd", "-cert", "-list"}, false},
		{[]string{"gsk8capicmd"}, false},
		{nil, false},
	} {
		if got := commands.OnlyPrints(test.argv); got != test.want {
			t.Errorf("%q: %v, want %v", test.argv, got, test.want)
		}
	}
}
