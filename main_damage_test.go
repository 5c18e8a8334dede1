package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"
)

// damage is a database to do harm to: sound is the file as it was.
type damage struct {
	t     *testing.T
	path  string
	sound []byte
}

// newDamage makes a small database without free pages: a stash, the password "secret" in the file pw, two personal
// certificates, two trusted ones, and those of the files.
func newDamage(t *testing.T, files ...string) *damage {
	t.Helper()
	folder := t.TempDir()
	path := filepath.Join(folder, "key.ckdb")
	password := filepath.Join(folder, "pw")
	if err := os.WriteFile(password, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	certkdb(t, "init", "--db", path, "--password", "file:"+password, "--stash")
	for _, label := range []string{"web", "api"} {
		certkdb(t, "create", label, "--db", path, "--cn", label+".example.com")
	}
	for _, label := range []string{"corp root", "other root"} {
		file := filepath.Join(folder, label)
		if err := os.WriteFile(file, selfSigned(t, label), 0o600); err != nil {
			t.Fatal(err)
		}
		certkdb(t, "add", "--db", path, file, "--label", label)
	}
	if len(files) > 0 {
		certkdb(t, append([]string{"add", "--db", path}, files...)...)
	}
	certkdb(t, "compact", "--db", path)
	d := &damage{t: t, path: path}
	d.sound = d.read()
	return d
}

// state is where the program remembers which states of the database this user has seen.
func (d *damage) state() string { return filepath.Join(filepath.Dir(d.path), "state") }

// password is the source of the database's password.
func (d *damage) password() string { return "file:" + filepath.Join(filepath.Dir(d.path), "pw") }

func (d *damage) read() []byte {
	d.t.Helper()
	data, err := os.ReadFile(d.path)
	if err != nil {
		d.t.Fatal(err)
	}
	return data
}

func (d *damage) write(data []byte) {
	d.t.Helper()
	if err := os.WriteFile(d.path, data, 0o600); err != nil {
		d.t.Fatal(err)
	}
	if err := os.RemoveAll(d.state()); err != nil { // this user has never seen a newer one
		d.t.Fatal(err)
	}
}

// records changes the records as somebody with a bbolt library can.
func (d *damage) records(change func(b *bbolt.Bucket) error) {
	d.t.Helper()
	d.bucket("ckdb", change)
}

// slot changes both copies of a key slot.
func (d *damage) slot(key string, change func(b *bbolt.Bucket, key string) error) {
	d.t.Helper()
	d.bucket("ckdb", func(b *bbolt.Bucket) error { return change(b, key) })
	d.bucket("copies", func(b *bbolt.Bucket) error { return change(b, "~"+key) })
}

func (d *damage) bucket(name string, change func(b *bbolt.Bucket) error) {
	d.t.Helper()
	db, err := bbolt.Open(d.path, 0o600, &bbolt.Options{Timeout: 10 * time.Second})
	if err != nil {
		d.t.Fatal(err)
	}
	if err := errors.Join(db.Update(func(tx *bbolt.Tx) error { return change(tx.Bucket([]byte(name))) }), db.Close()); err != nil {
		d.t.Fatal(err)
	}
}

// dump returns all records.
func (d *damage) dump() map[string][]byte {
	d.t.Helper()
	all := map[string][]byte{}
	d.records(func(b *bbolt.Bucket) error {
		return b.ForEach(func(k, v []byte) error {
			all[string(k)] = bytes.Clone(v)
			return nil
		})
	})
	return all
}

// result is what a run of the program came to.
type result struct {
	code           int
	stdout, stderr string
}

// run runs the program on the database. It has to end by itself, soon, and without a trace.
func (d *damage) run(args ...string) result {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.t.Context(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "certkdb", append(args, "--db", d.path)...)
	cmd.Env = append(os.Environ(), "XDG_STATE_HOME="+d.state())
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	r := result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
	for _, trace := range []string{"panic:", "goroutine ", "runtime error", "fatal error", "SIG"} {
		if strings.Contains(r.stderr, trace) {
			d.t.Errorf("%q left a trace: %s", args, r.stderr)
		}
	}
	if r.code < 0 {
		d.t.Errorf("%q did not end: %v %s", args, err, r.stderr)
	}
	return r
}

// wantFound wants check to exit with 12 and to say where: in one of its lines every word of where is found.
func (d *damage) wantFound(what string, where ...string) {
	d.t.Helper()
	r := d.run("check")
	if r.code != 12 {
		d.t.Errorf("%s: check exits with %d: %s%s", what, r.code, r.stdout, r.stderr)
		return
	}
	for line := range strings.Lines(r.stdout + r.stderr) {
		if containsAll(line, where) {
			return
		}
	}
	d.t.Errorf("%s: check does not say %q: %s%s", what, where, r.stdout, r.stderr)
}

func containsAll(line string, words []string) bool {
	for _, word := range words {
		if !strings.Contains(line, word) {
			return false
		}
	}
	return true
}

// wantRefused wants a command to exit with 12 and to name the label.
func (d *damage) wantRefused(what, label string, args ...string) {
	d.t.Helper()
	if r := d.run(args...); r.code != 12 || !strings.Contains(r.stderr, fmt.Sprintf("%q", label)) {
		d.t.Errorf("%s: %q exits with %d: %s", what, args, r.code, r.stderr)
	}
}

// Whichever byte of the file is changed, check finds it, or the byte meant nothing: then everything is there as before.
func TestDamage_anyByteIsFound(t *testing.T) {
	t.Parallel()
	for lane := range 2 {
		t.Run(fmt.Sprint(lane), func(t *testing.T) {
			t.Parallel()
			d := newDamage(t, filepath.Join("testdata", "ca-certificates.pem")) // fills most of its pages
			before := d.run("list", "-o", "pem").stdout
			found, meaningless := 0, 0
			const step = 5003 // prime, so that all parts of records are met
			for offset := lane * step / 2; offset < len(d.sound); offset += step {
				data := bytes.Clone(d.sound)
				data[offset] ^= 1 << (offset % 8)
				d.write(data)
				what := fmt.Sprintf("byte %d of %d", offset, len(data))
				r := d.run("check")
				if r.code == 5 { // the stash opens it no more; the password still does
					r = d.run("check", "--password", d.password())
				}
				switch {
				case r.code == 12 && strings.TrimSpace(r.stdout+r.stderr) != "":
					found++
				case r.code == 0 && d.run("list", "-o", "pem").stdout == before:
					meaningless++
				default:
					t.Errorf("%s: check exits with %d, the list is another: %s%s", what, r.code, r.stdout, r.stderr)
				}
			}
			t.Logf("%d changed bytes were found, %d meant nothing", found, meaningless)
			if found < meaningless {
				t.Errorf("only %d of %d were found: the database is too empty for this test", found, found+meaningless)
			}
		})
	}
}

// Wherever the file is cut, what is left is called damaged and not taken for an empty or smaller database. If only the last page is lost,
// which is the spare copy of the root page, nothing is: the next change writes it again.
func TestDamage_cutFile(t *testing.T) {
	t.Parallel()
	d := newDamage(t)
	for _, length := range []int{len(d.sound) - 4096, len(d.sound) - 1} {
		d.write(d.sound[:length])
		d.wantFound("without the spare page", filepath.Base(d.path))
		for _, args := range [][]string{{"list"}, {"info"}, {"delete", "web"}, {"check"}} {
			if r := d.run(args...); r.code != 0 {
				t.Errorf("%q exits with %d: %s", args, r.code, r.stderr)
			}
		}
	}
	for _, length := range []int{
		0, 1, 7, 8, 100, 4095, 4096, 4097, 8191, 8192, 8193, len(d.sound) / 2, len(d.sound) - 4097,
	} {
		d.write(d.sound[:length])
		what := fmt.Sprintf("cut to %d of %d bytes", length, len(d.sound))
		d.wantFound(what, filepath.Base(d.path))
		for _, args := range [][]string{{"list"}, {"info"}, {"delete", "web"}} {
			if r := d.run(args...); r.code != 12 || !strings.Contains(r.stderr, d.path) {
				t.Errorf("%s: %q exits with %d: %s", what, args, r.code, r.stderr)
			}
		}
		if after := d.read(); !bytes.Equal(after, d.sound[:length]) {
			t.Errorf("%s: the file was written, it has %d bytes now", what, len(after))
		}
	}
}

// A changed record is named by check; reading it is refused, reading the others is not.
func TestDamage_changedRecord(t *testing.T) {
	t.Parallel()
	d := newDamage(t)
	for key, value := range d.dump() {
		d.write(d.sound)
		value[len(value)/2] ^= 0x10
		d.records(func(b *bbolt.Bucket) error { return b.Put([]byte(key), value) })
		prefix, label, _ := strings.Cut(key, "/")
		what := "changed " + key
		switch prefix {
		case "s", "c":
			d.wantFound(what, fmt.Sprintf("label %q", label))
			d.wantRefused(what, label, "show", label)
			d.wantRefused(what, label, "export", label)
		case "k":
			d.wantFound(what, fmt.Sprintf("private key of label %q", label))
			d.wantRefused(what, label, "export", label, "--key")
		case "l":
			d.wantFound(what, "audit log", "record")
		case "slot":
			d.wantFound(what, "slot")
			d.slot(key, func(b *bbolt.Bucket, key string) error { return b.Put([]byte(key), value) })
			d.checkSlot(what + " and its copy")
			continue
		default:
			d.wantFound(what)
			continue
		}
		if r := d.run("show", "corp root"); r.code != 0 && label != "corp root" {
			t.Errorf("%s: showing another entry: %d %s", what, r.code, r.stderr)
		}
	}
}

// An entry whose summary is damaged or gone can be given up by its label. Everything else stays, check is content, and the log tells; but
// nothing is given up as long as more is wrong than was named.
func TestDamage_deleteDamaged(t *testing.T) {
	t.Parallel()
	d := newDamage(t)
	change := func(what string, keep bool) {
		d.records(func(b *bbolt.Bucket) error {
			if !keep {
				return b.Delete([]byte(what))
			}
			value := bytes.Clone(b.Get([]byte(what)))
			value[len(value)/2] ^= 0x10
			return b.Put([]byte(what), value)
		})
	}
	want := func(code int, args ...string) result {
		t.Helper()
		r := d.run(args...)
		if r.code != code {
			t.Errorf("%q exits with %d: %s%s", args, r.code, r.stdout, r.stderr)
		}
		return r
	}
	for what, keep := range map[string]bool{"a changed summary": true, "a removed summary": false} {
		d.write(d.sound)
		want(0, "default", "web")
		change("s/web", keep)
		if r := want(map[bool]int{true: 12, false: 3}[keep], "delete", "web"); keep &&
			!strings.Contains(r.stderr, "certkdb delete LABEL --damaged") {
			t.Errorf("%s: no hint: %s", what, r.stderr)
		}
		change("s/api", false) // somebody else removed another one as well
		if r := want(12, "delete", "web", "--damaged"); !strings.Contains(r.stderr, "more were removed") {
			t.Errorf("%s: %s", what, r.stderr)
		}
		want(2, "delete", "web", "--damaged", "--if-exists")
		want(3, "delete", "web", "api", "nosuch", "--damaged")
		want(0, "delete", "web", "api", "--damaged")
		want(0, "check")
		if r := want(0, "list", "-o", "name"); r.stdout != "corp root\nother root\n" {
			t.Errorf("%s: there are %q", what, r.stdout)
		}
		if r := want(0, "log"); strings.Count(r.stdout, "delete-damaged") != 2 {
			t.Errorf("%s: the log is %s", what, r.stdout)
		}
		want(0, "create", "web", "--cn", "web.example.com")
		want(0, "delete", "other root", "--damaged") // sound: as without the option
		want(0, "check")
	}
}

// checkSlot wants a changed slot to be found by whatever opens the database still. The other way opens it no more: a stash
// is then as good as none, and a password is wrong, in the words for any wrong password.
func (d *damage) checkSlot(what string) {
	d.t.Helper()
	byStash, byPassword := d.run("check"), d.run("check", "--password", d.password())
	switch {
	case byStash.code == 5 && byPassword.code == 12:
	case byStash.code == 12 && byPassword.code == 5 && strings.Contains(byPassword.stderr, "wrong password or no key slot for it"):
	default:
		d.t.Errorf(
			"%s: check exits with %d: %s; with the password with %d: %s",
			what,
			byStash.code,
			byStash.stderr,
			byPassword.code,
			byPassword.stderr,
		)
	}
}

// Records that change places do not open: each is sealed for its label, its kind and its database.
func TestDamage_movedRecords(t *testing.T) {
	t.Parallel()
	d, other := newDamage(t), newDamage(t)
	have, foreign := d.dump(), other.dump()
	move := func(what string, changes map[string][]byte) {
		t.Helper()
		d.write(d.sound)
		d.records(func(b *bbolt.Bucket) error {
			for key, value := range changes {
				if err := b.Put([]byte(key), value); err != nil {
					return err
				}
			}
			return nil
		})
		d.wantFound(what)
	}
	for _, kind := range []string{"s/", "c/", "k/"} {
		move("exchanged "+kind, map[string][]byte{kind + "web": have[kind+"api"], kind + "api": have[kind+"web"]})
		d.wantFound("exchanged "+kind, `"web"`)
		d.wantFound("exchanged "+kind, `"api"`)
		if kind == "k/" {
			d.wantRefused("exchanged "+kind, "web", "export", "web", "--key")
		} else {
			d.wantRefused("exchanged "+kind, "web", "show", "web")
		}
		move("from another database: "+kind, map[string][]byte{kind + "web": foreign[kind+"web"]})
		move("under a new label: "+kind, map[string][]byte{kind + "copy": have[kind+"web"]})
	}
	move("a whole entry under a new label", map[string][]byte{"s/copy": have["s/web"], "c/copy": have["c/web"], "k/copy": have["k/web"]})
	move("certificates as summary", map[string][]byte{"s/web": have["c/web"]})
	move("a record that belongs nowhere", map[string][]byte{"x/web": have["c/web"]})
	move("head of another database", map[string][]byte{"head": foreign["head"]})
	if len(have["k/web"]) == 0 || bytes.Equal(have["s/web"], foreign["s/web"]) {
		t.Errorf("the records are other than this test thinks: %d", len(have))
	}
}

// A record that is missing is found, whichever it is.
func TestDamage_deletedRecord(t *testing.T) {
	t.Parallel()
	d := newDamage(t)
	for key := range d.dump() {
		d.write(d.sound)
		d.records(func(b *bbolt.Bucket) error { return b.Delete([]byte(key)) })
		d.wantFound("deleted " + key)
		if strings.HasPrefix(key, "slot/") {
			d.slot(key, func(b *bbolt.Bucket, key string) error { return b.Delete([]byte(key)) })
			d.checkSlot("deleted " + key + " and its copy")
		}
	}
}

// An entry as it was before it was replaced, put back whole or in part, is found; so is one that was deleted.
func TestDamage_oldRecordPutBack(t *testing.T) {
	t.Parallel()
	d := newDamage(t)
	old := d.dump()
	certkdb(t, "create", "web", "--db", d.path, "--cn", "web.example.com", "--replace")
	certkdb(t, "delete", "api", "--db", d.path)
	d.sound = d.read()
	for _, keys := range [][]string{
		{"s/web", "c/web", "k/web"}, {"s/web"}, {"c/web"}, {"k/web"}, {"s/api", "c/api", "k/api"}, {"s/api"}, {"c/api"}, {"k/api"}, {"head"},
	} {
		d.write(d.sound)
		d.records(func(b *bbolt.Bucket) error {
			for _, key := range keys {
				if err := b.Put([]byte(key), old[key]); err != nil {
					return err
				}
			}
			return nil
		})
		d.wantFound(fmt.Sprintf("put back %q", keys))
	}
}

// A slot that asks for more work than anybody means it to is refused before the work is begun.
func TestDamage_slotCostAboveTheBound(t *testing.T) {
	t.Parallel()
	d := newDamage(t)
	if err := os.Remove(d.path + ".stash"); err != nil {
		t.Fatal(err)
	}
	for field, offset := range map[string]int{"memory": 4, "passes": 8} { // after version, kind, function and lanes
		d.write(d.sound)
		d.slot("slot/00000001", func(b *bbolt.Bucket, key string) error {
			value := bytes.Clone(b.Get([]byte(key)))
			binary.BigEndian.PutUint32(value[offset:], 0xfffffff0)
			return b.Put([]byte(key), value)
		})
		start := time.Now()
		r := d.run("list", "--password", d.password())
		if r.code != 5 && r.code != 12 {
			t.Errorf("%s: exit code %d: %s", field, r.code, r.stderr)
		}
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("%s: refused after %v only", field, took)
		}
	}
}
