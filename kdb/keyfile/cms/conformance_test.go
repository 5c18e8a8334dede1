package cms_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/keyfile"
	"certkdb/kdb/keyfile/cms"
)

// conformanceDir finds the third-party test data, which is not part of the repository.
func conformanceDir(t *testing.T) string {
	t.Helper()
	if dir := os.Getenv("CERTKDB_CONFORMANCE"); dir != "" {
		return dir
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		found := filepath.Join(dir, "shared", "conformance", "public")
		if _, err := os.Stat(filepath.Join(found, "MANIFEST.tsv")); err == nil {
			return found
		}
	}
	t.Skip("the conformance data is not here")
	return ""
}

// rows yields path, password and bytes of the manifest's files of a kind; the password is "" if it is not told.
func rows(t *testing.T, match func(path, kind string) bool, do func(path, password string, data []byte)) {
	t.Helper()
	dir := conformanceDir(t)
	manifest, err := os.ReadFile(filepath.Join(dir, "MANIFEST.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for _, line := range strings.Split(string(manifest), "\n") {
		f := strings.Split(line, "\t")
		if len(f) < 5 || !match(f[0], f[1]) {
			continue
		}
		count++
		data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(f[0])))
		if err != nil {
			t.Fatal(err)
		}
		var password string
		if f[2] != "-" {
			if err := json.Unmarshal([]byte(f[2]), &password); err != nil {
				t.Fatal(err)
			}
		}
		do(f[0], password, data)
	}
	if count == 0 {
		t.Fatal("the manifest has no such file")
	}
}

func isDatabase(_, kind string) bool { return kind == "cms-kdb" }

func TestConformance_open(t *testing.T) {
	t.Parallel()
	want := map[string]string{
		"mixed.kdb":   "rsa-keypair|ec-keypair|trusted-root-ca|trusted-intermediate-ca",
		"chained.kdb": "root-ca|intermediate-ca|server-cert",
	}
	rows(t, isDatabase, func(path, password string, data []byte) {
		c := open(t, keyfile.Files{Main: data}, password)
		noFindings(t, c)
		if w := want[filepath.Base(path)]; w != "" && labels(c) != w {
			t.Errorf("%s: labels %s, want %s", path, labels(c), w)
		}
		for _, e := range c.Entries() {
			if _, err := c.Key(e.Label); e.Kind == kdb.KindPersonal && err != nil {
				t.Errorf("%s: %v", path, err)
			}
			if e.Label == "server-cert" && len(e.Certificates) != 3 {
				t.Errorf("%s: the chain has %d certificates, want 3", path, len(e.Certificates))
			}
		}
		stash, err := os.ReadFile(filepath.Join(conformanceDir(t), strings.TrimSuffix(path, ".kdb")+".sth"))
		if err != nil {
			t.Fatal(err)
		}
		stashed, err := cms.Codec().Stash.Decode(stash)
		if err != nil || string(stashed) != password {
			t.Errorf("%s: the stash says %q, %v", path, stashed, err)
		}
	})
}

func TestConformance_changed(t *testing.T) {
	t.Parallel()
	rows(t, isDatabase, func(path, password string, data []byte) {
		a, r := newIdentity(t, "a", nil), newIdentity(t, "r", nil)
		c := open(t, keyfile.Files{Main: data}, password)
		if files := encode(t, c, password); !bytes.Equal(files.Main, data) || len(files.Companions) != 0 {
			t.Errorf("%s: without a change it is another file", path)
		}
		put(t, c, a.personal("a"))
		put(t, c, r.request(t, "r"))
		files := encode(t, c, password)
		if old := data[headerSize:]; !bytes.Equal(files.Main[headerSize:headerSize+len(old)], old) {
			t.Errorf("%s: adding changed a slot", path)
		}
		c = open(t, files, password)
		noFindings(t, c)
		mustKey(t, c, "a", a.key)
		mustKey(t, c, "r", r.key)
		first := c.Entries()[0].Label
		if err := c.Delete(first); err != nil {
			t.Fatal(err)
		}
		files = encode(t, c, password)
		if old := data[headerSize+slotSize:]; !bytes.Equal(files.Main[headerSize:headerSize+len(old)], old) {
			t.Errorf("%s: deleting changed another slot", path)
		}
		c = open(t, encode(t, open(t, files, password), "another password"), "another password")
		noFindings(t, c)
		mustKey(t, c, "a", a.key)
	})
}

func TestConformance_damaged(t *testing.T) {
	t.Parallel()
	rows(t, isDatabase, func(path, password string, data []byte) {
		if _, err := decode(keyfile.Files{Main: data}, password+"x"); !errors.Is(err, kdb.ErrPassword) {
			t.Errorf("%s: wrong password: %v, want ErrPassword", path, err)
		}
		for i := 0; i < len(data); i += 97 {
			bad := bytes.Clone(data)
			bad[i] ^= 0x20
			if _, err := decode(keyfile.Files{Main: bad}, password); err == nil {
				t.Errorf("%s: byte %d changed and not noticed", path, i)
			}
		}
	})
}

func TestConformance_stashes(t *testing.T) {
	t.Parallel()
	rows(t, func(_, kind string) bool { return kind == "cms-stash" }, func(path, password string, data []byte) {
		got, err := cms.DecodeStash(data)
		if err != nil || len(got) == 0 || password != "" && string(got) != password {
			t.Errorf("%s: a password of %d bytes, %v", path, len(got), err)
		}
	})
}

func TestConformance_stashesOfPKCS12(t *testing.T) {
	t.Parallel()
	gskit := func(path, kind string) bool { return strings.HasPrefix(path, "gskit/") && kind == "pkcs12" }
	rows(t, gskit, func(path, password string, data []byte) {
		if cms.Codec().Matches(data) {
			t.Errorf("%s is PKCS #12 and taken for CMS", path)
		}
		stash, err := os.ReadFile(filepath.Join(conformanceDir(t), strings.TrimSuffix(path, ".kdb")+".sth"))
		if err != nil {
			t.Fatal(err)
		}
		got, err := cms.DecodeStash(stash)
		if err != nil || password != "" && string(got) != password {
			t.Errorf("%s: its stash has another password (%v)", path, err)
		}
	})
}
