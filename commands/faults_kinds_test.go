package commands_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// kind is a kind of database with commands that change it. The first word of a command says what it is called.
type kind struct {
	file      string
	create    []string
	generated bool     // its passwords are random, so that they open it at once
	issues    bool     // what it issues is random, so that only the numbers are compared
	backedUp  bool     // it has a backup, and was changed since
	absent    bool     // it is not there yet
	remembers bool     // the newest states of the databases are noted
	plain     bool     // it can be listed without a password
	receives  bool     // it keeps certificate requests
	second    bool     // it has a second key slot
	deploys   bool     // its entries are deployed to files, which are of the time before they were renewed
	rights    bool     // it has an owner, a mode and an attribute to be kept
	linked    []string // its other names
	setup     []string // further commands before
	commands  []string
}

// kinds have two certificates and private keys. The commands run on a database that has the entries web, which is personal, root, and,
// where requests can be kept, ca and wait.
func kinds() []kind {
	common := []string{
		"add DIR/other.pem", "add DIR/bundle.pem", "delete web", "delete web root", "rename web www",
	}
	outputs := []string{"export web --out DIR/web.crt", "export web --key --out DIR/web.key", "export web --out DIR/old.crt --force"}
	passwd, receive := "passwd --new-password file:DIR/new.pw", "receive DIR/wait.crt"
	random := " --generate-password --password-out DIR/new.pw"
	generated, old := strings.Fields("--generate-password --password-out DIR/old.pw"), " --password file:DIR/old.pw"
	return []kind{
		{file: "key.ckdb", create: generated, generated: true, receives: true, commands: slices.Concat(common, outputs, []string{
			receive, "default web", "distrust root", "trust web", "compact", "rekey", "backup DIR/copy.ckdb", "passwd" + random,
			"slots add" + random, "stash create", "backup DIR/copy.ckdb --with-stash --password-out DIR/new.pw",
			"copy --all --key --to DIR/copy.p12 --to-password file:DIR/old.pw --profile legacy",
		})},
		{file: "stashed.ckdb", create: append(generated, "--stash"), generated: true, second: true, commands: []string{
			"stash create", "stash remove", "slots remove second", "rekey --drop-slots", "passwd" + random,
		}},
		{file: "issuing.ckdb", create: generated, generated: true, receives: true, issues: true, commands: []string{
			"create api --ca ca --cn api.example.com --key-type ed25519", "request more --cn more.example.com --out DIR/more.csr",
			"sign DIR/wait.csr --ca ca --out DIR/again.crt", "renew web", "revoke --file DIR/wait.crt --ca ca", "crl --ca ca --out DIR/ca.crl",
		}},
		{file: "restored.ckdb", create: append(generated, "--stash"), generated: true, backedUp: true, commands: []string{
			"restore DIR/backup.ckdb --force", "backup DIR/backup.ckdb --force", "recover --to DIR/recovered.ckdb",
		}},
		{file: "deployed.ckdb", create: generated, generated: true, receives: true, issues: true, deploys: true, commands: []string{
			"deploy --all", "deploy web --p12 DIR/web.p12 --out-password file:DIR/old.pw --no-remember", "renew web --before 4000d",
			"create --from DIR/servers.txt --ca ca --ensure", "add DIR/other.pem DIR/third.pem", "export web api --key --out-dir DIR/out",
			"sign DIR/requests --ca ca --out DIR/signed",
		}},
		{file: "new.ckdb", generated: true, absent: true, commands: []string{
			"init --generate-password --stash", "init --generate-password --stash --ensure", "init" + random,
		}},
		{file: "new.kdb", absent: true, commands: []string{
			"gsk8capicmd_64 -keydb -create -db DIR/new.kdb -pw the-new-one -expire 100 -stash",
			"gsk8capicmd_64 -keydb -create -db DIR/new.kdb -pw the-new-one -type p12 -stash",
		}},
		{file: "dsmcert.kdb", absent: true, commands: []string{"dsmcert -add -server SP01 -file DIR/other.pem"}},
		{file: "copied.ckdb", create: generated, generated: true, setup: []string{
			"init --db DIR/target.kdb" + old, "init --db DIR/target.p12 --profile legacy" + old, "init --db DIR/target.jks" + old,
			"init --db DIR/target.pem" + old, "add DIR/third.pem --label third --db DIR/target.pem" + old,
		}, commands: []string{
			"copy web --key --to DIR/target.kdb --to-password file:DIR/old.pw",
			"copy web root --key --to DIR/target.p12 --to-password file:DIR/old.pw",
			"copy web --key --to DIR/target.jks --to-password file:DIR/old.pw", "copy web --key --to DIR/target.pem --to-password file:DIR/old.pw",
			"export web --key --out DIR/old.crt --force",
		}},
		{file: "trusted.ckdb", create: generated, generated: true, setup: []string{
			"init --db DIR/cacerts.jks --password pass:changeit", "add DIR/third.pem --label third --db DIR/trusted.ckdb" + old,
			"export third --to java:DIR/cacerts.jks --db DIR/trusted.ckdb" + old, "export third --to system:DIR/anchors --db DIR/trusted.ckdb" + old,
		}, commands: []string{
			"export root --to java:DIR/cacerts.jks --to system:DIR/anchors", "export third --from system:DIR/anchors --from java:DIR/cacerts.jks",
		}},
		{file: "noted.ckdb", create: generated, generated: true, remembers: true, setup: []string{
			"init --db DIR/target.ckdb --generate-password --stash", "add DIR/third.pem --label third --db DIR/noted.ckdb" + old,
		}, commands: []string{"add DIR/other.pem", "copy root --to DIR/target.ckdb --to-password stash", "backup DIR/copy.ckdb"}},
		{file: "key.kdb", create: []string{"--stash"}, receives: true, commands: slices.Concat(common, []string{
			receive, "default web", "distrust root", passwd, "stash create", "stash remove",
			"gsk8capicmd_64 -keydb -changepw -db DIR/key.kdb -stashed -new_pw the-new-one -stash",
			"gsk8capicmd_64 -cert -receive -db DIR/key.kdb -stashed -file DIR/wait.crt",
			"gsk8capicmd_64 -cert -add -db DIR/key.kdb -stashed -file DIR/bundle.pem -label one,two",
			"gsk8capicmd_64 -keydb -convert -db DIR/key.kdb -stashed -new_format p12 -new_db DIR/copy.p12 -new_pw the-new-one -stash",
			"gsk8capicmd_64 -keydb -delete -db DIR/key.kdb -pw the-old-one",
		})},
		{file: "key.p12", create: []string{"--profile", "legacy", "--stash"}, receives: true, rights: true, commands: slices.Concat(common,
			[]string{receive, "default web", "distrust root", passwd, "stash remove"},
		)},
		{file: "linked.p12", create: []string{"--profile", "legacy"}, linked: []string{"other.p12"}, commands: []string{"delete web", passwd}},
		{file: "dsmcert.kdb", create: []string{"--type", "pkcs12", "--profile", "gskit", "--stash"}, setup: []string{
			"delete root --db DIR/dsmcert.kdb" + old, "dsmcert -add -server root -file DIR/root.pem",
		}, commands: []string{
			"dsmcert -add -server SP01 -file DIR/other.pem", "dsmcert -delete -server root",
		}},
		{file: "key.jks", rights: true, commands: append(slices.Clone(common), passwd, "stash create")},
		{file: "key.pem", plain: true, receives: true, rights: true, commands: append(slices.Clone(common), receive, passwd)},
	}
}

// prepare makes a folder with the database and the files that the commands use.
func (k kind) prepare(t *testing.T) string {
	t.Helper()
	dir := fastDir(t)
	for name, text := range map[string]string{"old.pw": "the-old-one\n", "new.pw": "the-new-one\n", "old.crt": "old\n"} {
		if k.generated && strings.HasSuffix(name, ".pw") {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if k.file == "dsmcert.kdb" && !k.absent {
		if err := os.WriteFile(filepath.Join(dir, "dsmcert.idx"), make([]byte, 2), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, wanted := range map[string]bool{stateName: k.remembers, "anchors": k.file == "trusted.ckdb"} {
		if !wanted {
			continue
		}
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	db := []string{"--db", "DIR/" + k.file, "--password", "file:DIR/old.pw"}
	making := db
	switch {
	case k.absent: // another database makes the files
		db = []string{"--db", "DIR/maker.pem", "--password", "pass:the-maker"}
		making = db
		defer os.Remove(filepath.Join(dir, "maker.pem"))
	case k.generated:
		making = db[:2]
	}
	mustRun(t, dir, append(append([]string{"init"}, k.create...), making...)...)
	with := func(args ...string) string { return mustRun(t, dir, append(args, db...)...) }
	with("create", "web", "--cn", "web.example.com", "--key-type", "ed25519")
	for _, name := range []string{"other", "third", "root"} {
		with("create", name, "--cn", name, "--key-type", "ed25519")
		with("export", name, "--out", "DIR/"+name+".pem")
		with("delete", name)
	}
	with("add", "DIR/root.pem", "--label", "root")
	one, err1 := os.ReadFile(filepath.Join(dir, "other.pem"))
	two, err2 := os.ReadFile(filepath.Join(dir, "third.pem"))
	if err := errors.Join(err1, err2, os.WriteFile(filepath.Join(dir, "bundle.pem"), append(one, two...), 0o600)); err != nil {
		t.Fatal(err)
	}
	if k.receives {
		with("create", "ca", "--cn", "CA", "--is-ca")
		with("request", "wait", "--cn", "wait.example.com", "--out", "DIR/wait.csr")
		with("sign", "DIR/wait.csr", "--ca", "ca", "--out", "DIR/wait.crt")
	}
	if k.backedUp {
		with("backup", "DIR/backup.ckdb")
		with("delete", "web")
	}
	if k.deploys {
		k.deploy(t, dir, with)
	}
	if k.second {
		with("slots", "add", "--name", "second", "--generate-password", "--password-out", "DIR/second.pw")
	}
	for _, command := range k.setup {
		mustRun(t, dir, strings.Fields(command)...)
	}
	return dir
}

// deploy deploys two entries, renews them, and makes input for commands that do several things.
func (k kind) deploy(t *testing.T, dir string, with func(args ...string) string) {
	t.Helper()
	with("create", "api", "--cn", "api.example.com", "--key-type", "ed25519")
	with("deploy", "web", "--key", "DIR/server.key", "--fullchain", "DIR/server.pem", "--reload", "true")
	with("deploy", "api", "--combined", "DIR/api.pem")
	with("renew", "web")
	with("renew", "api")
	err := os.Mkdir(filepath.Join(dir, "requests"), 0o700)
	for _, name := range []string{"one", "two"} {
		with("request", name, "--cn", name, "--key-type", "ed25519", "--out", "DIR/requests/"+name+".csr")
	}
	servers := "one.example.com 192.0.2.1\ntwo.example.com\n"
	if err := errors.Join(err, os.WriteFile(filepath.Join(dir, "servers.txt"), []byte(servers), 0o600)); err != nil {
		t.Fatal(err)
	}
}

// arguments are those of a command. Those of dialects are complete.
func (k kind) arguments(command string) []string {
	args := strings.Fields(command)
	switch {
	case args[0] == "dsmcert" || args[0] == "gsk8capicmd_64":
		return args
	case k.absent:
		return append(args, "--db", "DIR/"+k.file)
	}
	return append(args, "--db", "DIR/"+k.file, "--password", "file:DIR/old.pw")
}

// deployed are the units of deployed files: each is of one time.
func deployed(dir string) (units []string) {
	for _, unit := range [][]string{{"server.key", "server.pem"}, {"api.pem"}} {
		sum, there := sha256.New(), false
		for _, name := range unit {
			data, err := os.ReadFile(filepath.Join(dir, name))
			sum.Write(data)
			there = there || err == nil
		}
		if there {
			units = append(units, fmt.Sprintf("deployed: %x", sum.Sum(nil)))
		}
	}
	return units
}

// finished is what a command that was repeated leaves as if nothing had happened: deployed files, and dsmcert's index.
func finished(dir string) []string {
	index, _ := os.ReadFile(filepath.Join(dir, "dsmcert.idx"))
	return append(deployed(dir), fmt.Sprintf("index: %q", index))
}

// isUnfinished says that a journal tells the next command which deployed files to replace.
func isUnfinished(dir string) bool { return isThere(filepath.Join(dir, ".server.key.certkdb-journal")) }

func isThere(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// isSeveral says that a command does several things, of which an interrupted one has done some: another one does the rest.
func (k kind) isSeveral(command string) bool {
	return k.deploys || k.file == "trusted.ckdb" || strings.Contains(command, "-keydb -delete")
}

// mixes says that each line of a state is of the old or the new one: several operations, of which some were not done.
func mixes(got, old, wanted string) bool {
	lines, a, b := strings.Split(got, "\n"), strings.Split(old, "\n"), strings.Split(wanted, "\n")
	for _, line := range lines {
		if !slices.Contains(a, line) && !slices.Contains(b, line) {
			return false
		}
	}
	return true
}

// contents is a digest of the names and the contents of all files of a folder.
func contents(t *testing.T, dir string) string {
	t.Helper()
	sum := sha256.New()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err1 := d.Info()
		data, err2 := os.ReadFile(path)
		if err := errors.Join(err1, err2); err != nil {
			return err
		}
		fmt.Fprintf(sum, "%q %v %d\n", path[len(dir):], info.Mode(), len(data))
		sum.Write(data)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", sum.Sum(nil))
}
