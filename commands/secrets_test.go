package commands_test

import (
	"slices"
	"testing"

	"certkdb/commands"
)

func TestSecrets_areWhatFollowsAPasswordOption(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ argv, want []string }{
		{[]string{"gsk8capicmd", "-keydb", "-create", "-db", "k.kdb", "-PW", "s1", "-stash"}, []string{"s1"}},
		{[]string{"runmqakm", "-cert", "-import", "-pw", "s1", "-target_pw", "s2", "-new_pw", "-3"}, []string{"s1", "s2", "-3"}},
		{[]string{"runmqakm", "-cert -list -db k.kdb -pw s1 -label pw"}, []string{"s1"}},
		{[]string{"certkdb", "list", "--password", "pass:s1", "--new-password=pass:s2"}, []string{"s1", "s2"}},
		{[]string{"runmqakm", "-cert -add -label x -pw", "s1"}, []string{"s1"}},
		{[]string{"certkdb", "explain", "--", "keytool", "-list", "-storepass", "s1", "-keypass", "s2"}, []string{"s1", "s2"}},
		{[]string{"certkdb", "explain", "keytool -storepasswd -storepass s1 -new s2 -v"}, []string{"s1", "s2"}},
		{[]string{"certkdb", "explain", "keytool -list -storepass 's 1' -v"}, []string{" 's 1' -v"}},
		{[]string{"certkdb", "explain", "--", "pk12util", "-o", "a.p12", "-W", "s1", "-K", "s2"}, []string{"s1", "s2"}},
		{[]string{"certkdb", "explain", "--", "openssl", "pkcs12", "-passin", "pass:s1"}, []string{"s1"}},
		{[]string{"certkdb", "explain", "openssl pkcs12 -in a.p12 -passin pass:s1 -nodes"}, []string{"s1 -nodes"}},
		{[]string{"certkdb", "list", "--password", "env:PW"}, nil},
		{[]string{"certkdb", "show", "-W", "-K", "-new", "x"}, nil},
		{[]string{"gsk8capicmd", "-random", "-create", "-pw"}, nil},
		{[]string{"gsk8capicmd", "-pw", "a -pw b"}, []string{"a -pw b"}},
	} {
		if got := slices.Collect(commands.Secrets(test.argv)); !slices.Equal(got, test.want) {
			t.Errorf("%q holds %q, want %q", test.argv, got, test.want)
		}
	}
}
