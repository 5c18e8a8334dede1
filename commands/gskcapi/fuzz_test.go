package gskcapi_test

import (
	"bytes"
	"context"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"certkdb/commands/gskcapi"
	"certkdb/commands/op"
	"certkdb/kdb"
	"certkdb/kdb/keyfile"
	"certkdb/kdb/keyfile/cms"
	"certkdb/kdb/keyfile/pkcs12"
)

const fuzzedPassword = "Geheim-4711"

// FuzzMain runs command lines, an argument a line. None panics, none that is wrong leaves a file, none shows a password or an option of
// certkdb's own command line.
func FuzzMain(f *testing.F) {
	for _, line := range []string{
		"-keydb -create -db k.kdb -pw PASSWORD -stash", "-cert -list all -db k.kdb -stashed",
		"-fips -keydb -create -db k.p12 -genpw -stash -strong",
		"-cert -create -db k.kdb -pw PASSWORD -label a -dn CN=a,O=b -size 2048 -sigalg sha512", "-keydb -pw PASSWORD PASSWORD -create -db k.kdb",
		"-certreq -create -db k.kdb -pw PASSWORD -label r -dn CN=r -file r.csr", "-random -create -length 20 -strong", "-cert -add -?",
		"-version",
		"-keydb -convert -db k.kdb -pw PASSWORD -new_db n.p12 -new_format p12 -new_pw PASSWORD", "–cert –list",
		"-secretkey -create -db k.kdb -label s", "-keydb -create -db k.kdb -pw PASSWORD -stashed -expire 30",
		"-keydb -expiry -db k.kdb -pw PASSWORD",
		"-cert -list -db k.kdb -label a", "-cert -import -db k.p12 -pw PASSWORD -target k.kdb -stashed -label 1",
		"-cert -sign -sernum 1 -san dnsname a", "-cert -extract -db k.kdb -label a -file b -pw PASSWORD",
	} {
		f.Add(strings.ReplaceAll(line, " ", "\n"))
	}
	f.Add("YB --") // what is said of it quotes it
	drivers := []kdb.Driver{keyfile.Driver(cms.Codec()), keyfile.Driver(pkcs12.Codec())}
	f.Fuzz(func(t *testing.T, text string) {
		args := strings.Split(text, "\n")
		if len(args) > 20 || strings.ContainsAny(text, "/\\~\x00") || strings.Contains(text, "..") || strings.Contains(text, "3072") ||
			strings.Contains(text, "4096") {
			t.Skip("outside of the folder, or slow")
		}
		for i := range args {
			args[i] = strings.ReplaceAll(args[i], "PASSWORD", fuzzedPassword)
		}
		t.Chdir(t.TempDir())
		var out, errs bytes.Buffer
		env := &op.Env{
			Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs, Getenv: func(string) string { return "" }, Now: time.Now, Drivers: drivers,
			Terminal: func() (op.Terminal, error) { return nil, op.ErrNoTerminal },
			User:     func() string { return "" }, Host: func() string { return "" },
		}
		status := gskcapi.Main(context.Background(), env, args)
		files, err := os.ReadDir(".")
		if err != nil || status != 0 && len(files) > 0 {
			t.Errorf("status %d, and there is a file: %v, %v", status, files, err)
		}
		if (status == 0) == strings.HasPrefix(out.String(), "CTGSK") || errs.Len() > 0 {
			t.Errorf("status %d, output %q, errors %q", status, out.String(), errs.String())
		}
		if strings.Contains(out.String(), " --") && !strings.Contains(text, " --") {
			t.Errorf("an option of certkdb in %q", out.String())
		}
		if strings.Contains(out.String(), fuzzedPassword) && !misplaced(args) {
			t.Errorf("the password stands in %q", out.String())
		}
	})
}

// misplaced says that the password is given where no password belongs: not alone behind an option for one, or the words of one.
func misplaced(args []string) bool {
	for i, arg := range args {
		switch {
		case !strings.Contains(arg, fuzzedPassword):
		case i == 0 || arg != fuzzedPassword, args[i-1] != fuzzedPassword && !slices.Contains(passwordOptions, strings.ToLower(args[i-1])):
			return true
		}
	}
	return false
}

var passwordOptions = []string{"-pw", "-target_pw", "-new_pw", "-secondarydbpw"}
