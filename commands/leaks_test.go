package commands_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"certkdb/commands"
	"certkdb/commands/op"
	"certkdb/kdb"
)

// Each secret has a file, NAME.pw, and a variable, NAME.
var leakSecrets = map[string]string{
	"owner": "Owner-Secret-4711", "next": "Next-Secret-4713", "store": "Store-Secret-4714",
	"wrong": "Wrong-Secret-4715", "remote": "00112233445566778899aabbccddeeff",
}

// leakLines are commands with every option that takes a secret, for a database with the entries ca, web and wait, and store.p12. Without
// --db they get --db key.ckdb, without --password its password. They exit with 0 unless a number says something else.
func leakLines() []string {
	return []string{
		"init --db DIR/new.ckdb --new-password file:DIR/next.pw", "init --db DIR/new.p12 --password file:DIR/next.pw",
		"info",
		"passwd --new-password file:DIR/next.pw", "passwd --db DIR/store.p12 --password file:DIR/store.pw --new-password env:next",
		"slots list", "slots add --new-password file:DIR/next.pw", "slots remove second", "stash create", "stash remove",
		"rekey --drop-slots",
		"check", "compact", "backup DIR/copy.ckdb", "restore DIR/backup.ckdb --force", "recover --to DIR/recovered.ckdb", "log",
		"add DIR/store.p12 --in-password file:DIR/store.pw", "add DIR/closed.key DIR/web.crt --label again --in-password file:DIR/store.pw",
		"5 add DIR/web.crt --db DIR/damaged.p12 --password file:DIR/store.pw",
		"list", "show web", "show --file DIR/store.p12 --in-password file:DIR/store.pw",
		"find web DIR/store.p12 --in-password file:DIR/store.pw",
		"8 compare DIR/store.p12 --in-password file:DIR/store.pw", "rename web www", "trust web", "distrust ca", "default web", "delete web",
		"export web --key --out DIR/out.key --out-password file:DIR/next.pw", "export web --key --out DIR/out.p12 --out-password env:next",
		"copy web --key --to DIR/new.p12 --to-password file:DIR/next.pw", "check --in-key-password file:DIR/store.pw",
		"create api --ca ca --cn api.example.com --ca-password file:DIR/owner.pw --ca-db DIR/key.ckdb --db DIR/other.ckdb",
		"10 create api --cn api.example.com --ca-remote http://127.0.0.1:1 --ca-remote-key file:DIR/remote.pw",
		"request more --cn more.example.com --out DIR/more.csr", "sign DIR/wait.csr --ca ca --out DIR/wait.crt", "renew web",
		"receive DIR/web.crt", "revoke web --ca ca", "crl --ca ca --out DIR/ca.crl", "issued --ca ca", "8 validate web", "1 lint web",
		"10 connect 127.0.0.1:1", "session --options DIR/dsm.sys", "deploy web --p12 DIR/deployed.p12 --out-password file:DIR/next.pw",
		"deploy --list",
		"explain -- keytool -list -keystore DIR/store.p12 -storepass Store-Secret-4714 -new Next-Secret-4713",
		"explain -- openssl pkcs12 -in DIR/store.p12 -passin pass:Store-Secret-4714 -nodes",
		"gsk8capicmd_64 -keydb -create -db DIR/g.kdb -pw Next-Secret-4713 -stash",
		"gsk8capicmd_64 -keydb -changepw -db DIR/store.p12 -pw Store-Secret-4714 -new_pw Next-Secret-4713",
		"gsk8capicmd_64 -cert -import -db DIR/store.p12 -pw Store-Secret-4714 -target DIR/store.p12 -target_pw Store-Secret-4714",
		"gsk8capicmd_64 -cert -list -db DIR/store.p12 -pw Wrong-Secret-4715", "gsk8capicmd_64 -cert -list -pw Store-Secret-4714 -bad x",
	}
}

// runLeaks runs a command in a folder and returns its exit code and all that it printed.
func runLeaks(dir string, args []string) (code int, printed string) {
	var out strings.Builder
	env := commands.ProcessEnv(context.Background(), "test", func() {})
	env.Stdin, env.Stdout, env.Stderr, env.State = strings.NewReader(""), &out, &out, ""
	env.Terminal = func() (op.Terminal, error) { return nil, op.ErrNoTerminal }
	env.Getenv = func(name string) string { return leakSecrets[name] }
	env.Lint = func(context.Context, []byte) ([]byte, error) { return nil, errors.New("no program") } // it need not be installed
	env.Drivers = testDrivers(nil)
	create := env.Drivers[0].Create
	env.Drivers[0].Create = func(ctx context.Context, location string, o kdb.CreateOptions) (kdb.Database, error) {
		o.Cost = kdb.CostTest
		return create(ctx, location, o)
	}
	argv := []string{"certkdb"}
	for _, arg := range args {
		argv = append(argv, strings.ReplaceAll(arg, "DIR", dir))
	}
	code = commands.Main(context.Background(), env, argv)
	return code, out.String()
}

// leakFolder makes what the commands work on, and returns the private key of web as it must not appear.
func leakFolder(t *testing.T) (dir string, key []string) {
	t.Helper()
	dir = fastDir(t)
	for name, secret := range leakSecrets {
		if err := os.WriteFile(filepath.Join(dir, name+".pw"), []byte(secret+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, line := range []string{
		"init --db DIR/key.ckdb --password file:DIR/owner.pw --stash", "create ca --cn CA --is-ca", "create web --cn web.example.com --ca ca",
		"init --db DIR/other.ckdb --password file:DIR/owner.pw", "init --db DIR/store.p12 --password file:DIR/store.pw --profile legacy",
		"copy web --key --to DIR/store.p12 --to-password file:DIR/store.pw",
		"export web --key --out DIR/closed.key --out-password file:DIR/store.pw",
		"request wait --cn wait.example.com --out DIR/wait.csr", "export web --out DIR/web.crt", "backup DIR/backup.ckdb",
		"slots add --name second --generate-password --password-out DIR/second.pw",
	} {
		if code, printed := runLeaks(dir, leakArguments(line)); code != 0 {
			t.Fatalf("%s: exit code %d\n%s", line, code, printed)
		}
	}
	data := contentsOf(t, filepath.Join(dir, "store.p12"))
	data[len(data)/2] ^= 1
	if err := os.WriteFile(filepath.Join(dir, "damaged.p12"), data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "dsm.sys"), []byte("SERVERNAME S\n  TCPSERVERADDRESS s.example.com\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, pem := runLeaks(dir, leakArguments("export web --key"))
	for line := range strings.Lines(pem) {
		if len(line) > 40 && !strings.HasPrefix(line, "-") {
			key = append(key, strings.TrimSpace(line))
		}
	}
	return dir, key
}

// leakArguments completes a command.
func leakArguments(line string) []string {
	args := strings.Fields(line)
	if args[0] == "gsk8capicmd_64" || args[0] == "explain" {
		return args
	}
	if !slices.Contains(args, "--db") {
		args = append(args, "--db", "DIR/key.ckdb")
	}
	if !slices.Contains(args, "--password") && args[0] != "init" {
		args = append(args, "--password", "file:DIR/owner.pw")
	}
	return args
}

// leakForms are the ways in which a secret may be written.
func leakForms(secret string) (forms []string) {
	var wide []byte
	for _, unit := range utf16.Encode([]rune(secret)) {
		wide = append(wide, byte(unit>>8), byte(unit))
	}
	for _, data := range []string{secret, string(wide)} {
		forms = append(forms, data, hex.EncodeToString([]byte(data)), base64.StdEncoding.EncodeToString([]byte(data))[:len(data)/3*4])
	}
	return forms
}

// TestSecrets_leaveNoTrace: what a command prints, with the right password and a wrong one, the log, and the files that it writes show
// neither a password nor a private key.
func TestSecrets_leaveNoTrace(t *testing.T) {
	t.Parallel()
	template, key := leakFolder(t)
	if len(key) == 0 {
		t.Fatal("there is no private key to look for")
	}
	for _, line := range leakLines() {
		want := 0
		if first, rest, _ := strings.Cut(line, " "); first[0] <= '9' {
			want, line = int(first[0]-'0'), rest
			if len(first) == 2 {
				want = want*10 + int(first[1]-'0')
			}
		}
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			dialect := strings.HasPrefix(line, "gsk")
			for what, change := range map[string]func(args []string) []string{
				"as it is": func(args []string) []string { return args },
				"wrong":    func(args []string) []string { return leakPassword(args, "file:DIR/wrong.pw") },
				"clear":    func(args []string) []string { return append(leakPassword(args, "pass:Owner-Secret-4711"), "--json") },
			} {
				if dialect && what != "as it is" {
					continue
				}
				dir := copyOf(t, template)
				code, printed := runLeaks(dir, change(leakArguments(line)))
				if what == "as it is" && !dialect && code != want {
					t.Errorf("exit code %d, not %d: %s", code, want, printed)
				}
				_, log := runLeaks(dir, leakArguments("log --json"))
				files := changedFiles(t, dir, template)
				files["the output"] = []byte(printed + log)
				for _, found := range leaks(files, key) {
					t.Errorf("%s: %s", what, found)
				}
			}
		})
	}
}

// leakPassword replaces the database's password.
func leakPassword(args []string, source string) []string {
	if i := slices.Index(args, "--password"); i >= 0 {
		args[i+1] = source
	}
	return args
}

// changedFiles are the files of a folder that another one does not have like this, but for those with passwords.
func changedFiles(t *testing.T, dir, template string) map[string][]byte {
	t.Helper()
	files := make(map[string][]byte)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || filepath.Ext(path) == ".pw" {
			return err
		}
		data := contentsOf(t, path)
		if old, err := os.ReadFile(filepath.Join(template, d.Name())); err != nil || !bytes.Equal(old, data) {
			files[d.Name()] = data
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// leaks names what has a secret.
func leaks(files map[string][]byte, key []string) (found []string) {
	for file, data := range files {
		for name, secret := range leakSecrets {
			for _, form := range leakForms(secret) {
				if bytes.Contains(data, []byte(form)) {
					found = append(found, file+" has the password "+name)
				}
			}
		}
		for _, line := range key {
			if bytes.Contains(data, []byte(line)) {
				found = append(found, file+" has the private key")
			}
		}
	}
	return found
}

// TestSecrets_everyOptionIsTried: each command that takes a secret is among the lines, and so is each option.
func TestSecrets_everyOptionIsTried(t *testing.T) {
	t.Parallel()
	tried := strings.Join(leakLines(), "\n") + "\n --password "
	_, help := runLeaks(t.TempDir(), []string{"help"})
	takes := regexp.MustCompile(`(?m)^  (--[a-z-]*(?:password|remote-key)) SRC`)
	count := 0
	for _, m := range regexp.MustCompile(`(?m)^  ([a-z]+) `).FindAllStringSubmatch(help, -1) {
		_, text := runLeaks(t.TempDir(), []string{"help", m[1]})
		options := takes.FindAllStringSubmatch(text, -1)
		if len(options) == 0 {
			continue
		}
		count++
		if !regexp.MustCompile(`(?m)^(\d+ )?` + m[1] + ` ?`).MatchString(tried) {
			t.Errorf("%s is not tried", m[1])
		}
		for _, option := range options {
			if !strings.Contains(tried, " "+option[1]+" ") {
				t.Errorf("%s of %s is not tried", option[1], m[1])
			}
		}
	}
	if count < 30 {
		t.Errorf("only %d commands take a secret", count)
	}
}
