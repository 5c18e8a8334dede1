package commands_test

import (
	"bytes"
	"context"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"certkdb/commands"
	"certkdb/commands/op/optest"
	"certkdb/kdb"
	"certkdb/kdb/keyfile"
	"certkdb/kdb/keyfile/cms"
	"certkdb/kdb/keyfile/jks"
	"certkdb/kdb/keyfile/pkcs12"
)

// strongPassword is one that GSKit's rules for new databases allow.
const strongPassword = "Secret-Pass-13"

// wrongKeys is a folder with files in which the private key of "web" belongs to another certificate, and with databases of each kind.
type wrongKeys struct {
	*testing.T
	folder string
}

// run runs a program; %/ in an argument is the folder. It returns the exit code and what was printed.
func (w wrongKeys) run(args ...string) (code int, printed string) {
	var out bytes.Buffer
	env := optest.Env()
	env.Stdout, env.Stderr, env.Drivers = &out, &out, testDrivers(nil)
	vars := map[string]string{
		"CERTKDB_PASSWORD_FILE": filepath.Join(w.folder, "pw"), "DSM_DIR": w.folder, "XDG_STATE_HOME": filepath.Join(w.folder, "state"),
	}
	env.Getenv = func(name string) string { return vars[name] }
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "%/", w.folder+string(filepath.Separator))
	}
	code = commands.Main(context.Background(), env, args)
	return code, out.String()
}

// must runs a program that must succeed.
func (w wrongKeys) must(args ...string) {
	w.Helper()
	if code, printed := w.run(args...); code != 0 {
		w.Fatalf("%q: exit %d\n%s", args, code, printed)
	}
}

// files is what the databases are.
func (w wrongKeys) files() map[string]string {
	found := map[string]string{}
	paths, _ := filepath.Glob(filepath.Join(w.folder, "*"))
	for _, path := range paths {
		data, _ := os.ReadFile(path)
		found[filepath.Base(path)] = string(data)
	}
	return found
}

func (w wrongKeys) write(name string, data []byte) {
	w.Helper()
	if err := os.WriteFile(filepath.Join(w.folder, name), data, 0o600); err != nil {
		w.Fatal(err)
	}
}

// newWrongKeys makes the folder. The codecs write what they are given: it is for the databases to check.
func newWrongKeys(t *testing.T) wrongKeys {
	t.Helper()
	w := wrongKeys{t, t.TempDir()}
	root := optest.NewCA(t, "Root")
	wrong := root.Issue(t, "web").Personal("web")
	wrong.Key = root.Issue(t, "other").Personal("other").Key
	w.write("pw", []byte(strongPassword))
	w.write("pair.pem", []byte(optest.PEM(wrong)))
	w.write("web.crt", []byte(optest.PEM(kdb.Entry{Kind: kdb.KindTrusted, Certificates: wrong.Certificates[:1]})))
	for name, codec := range map[string]keyfile.Codec{"bad.p12": pkcs12.Codec(), "bad.jks": jks.JKS(), "bad.kdb": cms.Codec()} {
		c, err := codec.New("")
		if err != nil {
			t.Fatal(err)
		}
		e := wrong
		e.Key = bytes.Clone(wrong.Key)
		if err := c.Put(e); err != nil {
			t.Fatal(err)
		}
		files, err := c.Encode([]byte(strongPassword))
		if err != nil {
			t.Fatal(err)
		}
		w.write(name, files.Main)
		for extension, data := range files.Companions {
			w.write("bad"+extension, data)
		}
	}
	for _, target := range []string{"to.ckdb", "to.p12", "to.jks", "to.pem", "to.kdb"} {
		w.must("certkdb", "init", "--db", "%/"+target, "--new-password", "file:%/pw")
	}
	for _, target := range []string{"to.ckdb", "to.p12", "to.kdb", "to.pem"} {
		w.must("certkdb", "request", "later", "--cn", "later", "--out", "%/later.csr", "--force", "--db", "%/"+target)
	}
	w.must("gsk8capicmd_64", "-keydb", "-create", "-db", "%/dsmcert.kdb", "-pw", strongPassword, "-stash")
	return w
}

// TestWrongKey_isRefusedEverywhere: a private key that does not belong to its certificate gets into no database, whatever it comes in,
// and nothing is written.
func TestWrongKey_isRefusedEverywhere(t *testing.T) {
	t.Parallel()
	w := newWrongKeys(t)
	before := w.files()
	inStores := []string{"bad.p12", "bad.kdb", "bad.jks"}
	all := []string{"to.ckdb", "to.p12", "to.jks", "to.kdb", "to.pem"}
	const importing, password = "gsk8capicmd_64 -cert -import -pw " + strongPassword, " -pw " + strongPassword
	for _, c := range []struct {
		exit  int
		lines string // with each file in place of SOURCE, and each database in place of TARGET
		files []string
		to    []string
	}{
		{7, "certkdb add %/SOURCE --in-password file:%/pw --db %/TARGET", inStores, all},
		{7, "certkdb add %/SOURCE --db %/TARGET", []string{"pair.pem"}, all},
		{7, "certkdb copy web --db %/SOURCE --to %/TARGET", inStores, append(all, "new.ckdb", "new.p12", "new.jks", "new.kdb", "new.pem")},
		{7, "certkdb copy --all --db %/SOURCE --to %/TARGET", inStores, []string{"to.ckdb", "new.ckdb", "new.pem"}},
		{7, "certkdb check --db %/SOURCE", inStores, []string{""}},
		{7, "certkdb export web --key --db %/SOURCE --out %/TARGET", inStores, []string{"new.p12", "new.jks"}},
		{7, "certkdb export web --combined --db %/SOURCE --out %/TARGET", inStores, []string{"new.pem"}},
		{3, "certkdb receive %/SOURCE --db %/TARGET", []string{"web.crt"}, all},
		{93, importing + " -db %/SOURCE -target %/TARGET -target_pw " + strongPassword, inStores[:2], []string{"to.kdb", "to.p12"}},
		{108, "gsk8capicmd_64 -cert -receive -file %/SOURCE -db %/TARGET" + password, []string{"web.crt"}, []string{"to.kdb", "to.p12"}},
		{7, "dsmcert -add -server S1 -file %/SOURCE", inStores, []string{""}},
		{7, "dsmcert -add -server S1 -file %/SOURCE", []string{"pair.pem"}, []string{""}},
	} {
		for _, file := range c.files {
			for _, to := range c.to {
				line := strings.NewReplacer("SOURCE", file, "TARGET", to).Replace(c.lines)
				code, printed := w.run(strings.Fields(line)...)
				if code != c.exit {
					t.Errorf("%s: exit %d, want %d\n%s", line, code, c.exit, printed)
				}
				if !maps.Equal(before, w.files()) {
					t.Fatalf("%s: the files changed\n%s", line, printed)
				}
			}
		}
	}
}
