package main

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"certkdb/kdb/keyfile"
	"certkdb/kdb/keyfile/pkcs12"
	"certkdb/kdb/keyfile/stash"
	"certkdb/scripts/conformancedata"
)

// TestGSKit_examples works on the examples of FORMAT.md as on databases by GSKit: versions 3, 4 and 6, and a stash.
func TestGSKit_examples(t *testing.T) {
	t.Parallel()
	all := formatExamples(t)
	for _, name := range []string{"personal-v3", "personal-v4", "entries-v6"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "server.kdb")
			writeFile(t, path, all[name])
			writeFile(t, companion(path, ".sth"), all["stash-v2"])
			gskitDatabase{t, path}.run()
		})
	}
}

// TestGSKit_samples does the same with files that GSKit and IBM's Java tools made: CMS databases and PKCS #12 files.
func TestGSKit_samples(t *testing.T) {
	t.Parallel()
	public := conformancedata.Folder(t)
	for _, folder := range []string{filepath.Join(public, "gskit"), filepath.Join(public, "..", "..", "gskit", "samples")} {
		for _, path := range databasesIn(t, folder) {
			t.Run(filepath.Base(path), func(t *testing.T) {
				t.Parallel()
				copied := filepath.Join(t.TempDir(), "server.kdb")
				for _, extension := range []string{".kdb", ".rdb", ".crl", ".sth"} {
					if data, err := os.ReadFile(companion(path, extension)); err == nil {
						writeFile(t, companion(copied, extension), data)
					}
				}
				gskitDatabase{t, copied}.run()
			})
		}
	}
}

// databasesIn finds the databases with a stash below a folder.
func databasesIn(t *testing.T, folder string) []string {
	t.Helper()
	if _, err := os.Stat(folder); err != nil {
		t.Skipf("no samples: %v", err)
	}
	var list []string
	err := filepath.WalkDir(folder, func(path string, _ fs.DirEntry, err error) error {
		if _, missing := os.Stat(companion(path, ".sth")); missing == nil && filepath.Ext(path) == ".kdb" {
			list = append(list, path)
		}
		return err
	})
	if err != nil || len(list) == 0 {
		t.Fatalf("%d databases in %s, %v", len(list), folder, err)
	}
	return list
}

// formatExamples reads the blocks of cms/FORMAT.md; 00*17 stands for seventeen zeros.
func formatExamples(t *testing.T) map[string][]byte {
	t.Helper()
	text, err := os.ReadFile("kdb/keyfile/cms/FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string][]byte{}
	for _, m := range regexp.MustCompile("(?s)```hex ([a-z0-9-]+)\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		for field := range strings.FieldsSeq(m[2]) {
			if count, ok := strings.CutPrefix(field, "00*"); ok {
				n, err := strconv.Atoi(count)
				if err != nil {
					t.Fatal(err)
				}
				field = strings.Repeat("00", n)
			}
			b, err := hex.DecodeString(field)
			if err != nil {
				t.Fatalf("example %s: %v", m[1], err)
			}
			found[m[1]] = append(found[m[1]], b...)
		}
	}
	return found
}

func companion(path, extension string) string {
	return strings.TrimSuffix(path, filepath.Ext(path)) + extension
}

func writeFile(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// gskitDatabase is a database with a stash, which opens it without a password being given.
type gskitDatabase struct {
	*testing.T
	path string
}

// run lists, exports, checks, changes and migrates.
func (d gskitDatabase) run() {
	d.Helper()
	labels := d.labels(d.path)
	d.call("check")
	for label := range strings.Lines(d.call("list", "--kind", "personal", "-o", "name")) {
		d.call("export", strings.TrimSuffix(label, "\n"), "--combined", "--out", filepath.Join(d.TempDir(), "key.pem"))
	}
	d.migrate(labels)
	d.change(labels)
}

// call runs a command on the database.
func (d gskitDatabase) call(command string, args ...string) string {
	d.Helper()
	return certkdb(d.T, append([]string{command, "--db", d.path}, args...)...)
}

func (d gskitDatabase) labels(path string, args ...string) []string {
	d.Helper()
	return strings.Split(certkdb(d.T, append([]string{"list", "--db", path, "-o", "name"}, args...)...), "\n")
}

// migrate copies everything into a native database and into PKCS #12, with one command each.
func (d gskitDatabase) migrate(labels []string) {
	d.Helper()
	folder := d.TempDir()
	password := filepath.Join(folder, "pw")
	writeFile(d.T, password, []byte("Correct-Horse-9"))
	for _, name := range []string{"new.ckdb", "new.p12"} {
		to := filepath.Join(folder, name)
		d.call("copy", "--all", "--key", "--to", to, "--to-password", "file:"+password)
		if got := d.labels(to, "--password", "file:"+password); !slices.Equal(got, labels) {
			d.Errorf("%s has %q, want %q", name, got, labels)
		}
		certkdb(d.T, "check", "--db", to, "--password", "file:"+password)
	}
	p12 := filepath.Join(folder, "new.p12")
	d.peer("openssl", "pkcs12", "-in", p12, "-passin", "file:"+password, "-nodes")
	d.peer("keytool", "-list", "-keystore", p12, "-storepass:file", password)
}

// peer has another program read a file, if it is here.
func (d gskitDatabase) peer(name string, args ...string) {
	d.Helper()
	if _, err := exec.LookPath(name); err != nil {
		return
	}
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		d.Errorf("%s %q: %v\n%s", name, args, err, out)
	}
}

// change adds, renames and deletes, and wants everything else to stay byte for byte.
func (d gskitDatabase) change(labels []string) {
	d.Helper()
	before := d.units()
	certificate := filepath.Join(d.TempDir(), "added.der")
	writeFile(d.T, certificate, selfSigned(d.T, "added"))
	d.call("add", certificate, "--label", "added")
	d.kept(before, 0, "adding")
	d.call("rename", "added", "renamed")
	d.kept(before, 0, "renaming")
	d.call("delete", "renamed")
	if after := d.units(); !slices.EqualFunc(after, before, bytes.Equal) {
		d.Error("what was added and deleted left something behind")
	}
	if first := labels[0]; first != "" {
		d.call("rename", first, "first renamed")
		d.kept(before, 1, "renaming an entry")
		d.call("delete", "first renamed")
		d.kept(before, 1, "deleting an entry")
	}
	d.call("check")
}

// kept wants all units but some to be there still, in their order.
func (d gskitDatabase) kept(before [][]byte, but int, doing string) {
	d.Helper()
	after, same := d.units(), 0
	for _, unit := range before {
		if i := slices.IndexFunc(after, func(u []byte) bool { return bytes.Equal(u, unit) }); i >= 0 {
			after, same = after[i+1:], same+1
		}
	}
	if same != len(before)-but {
		d.Errorf("%s kept %d of %d slots or bags as they were, want all but %d", doing, same, len(before), but)
	}
}

// units are the slots of a CMS database or the bags of a PKCS #12 file.
func (d gskitDatabase) units() [][]byte {
	d.Helper()
	data, err := os.ReadFile(d.path)
	if err != nil {
		d.Fatal(err)
	}
	if !bytes.HasPrefix(data, []byte("7H")) {
		return d.bags(data)
	}
	size := int(binary.BigEndian.Uint32(data[0x10:]))
	header := map[byte]int{3: 80, 4: 88, 6: 144}[data[2]]
	return slices.Collect(slices.Chunk(data[header:], size))
}

func (d gskitDatabase) bags(data []byte) [][]byte {
	d.Helper()
	container, err := pkcs12.Decode(data, keyfile.Passwords{Database: func() ([]byte, error) {
		stashed, err := os.ReadFile(companion(d.path, ".sth"))
		if err != nil {
			return nil, err
		}
		return stash.Decode(stashed)
	}})
	if err != nil {
		d.Fatal(err)
	}
	var list [][]byte
	for _, bag := range container.Bags() {
		list = append(list, bag.DER)
	}
	return list
}
