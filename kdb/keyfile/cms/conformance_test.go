package cms_test

import (
	"bytes"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/keyfile"
	"certkdb/kdb/keyfile/cms"
	"certkdb/kdb/keyfile/keyfiletest"
	"certkdb/kdb/keyfile/stash"
	"certkdb/scripts/conformancedata"
)

// rows calls do with path, password and bytes of the manifest's files that match; the password is "" if it is not told.
func rows(t *testing.T, match func(*conformancedata.Row) bool, do func(path, password string, data []byte)) {
	t.Helper()
	for _, f := range conformancedata.FilesWhere(t, match) {
		do(f.Path, f.PasswordOr(""), f.Data)
	}
}

func isDatabase(r *conformancedata.Row) bool { return r.Kind == "cms-kdb" }

func TestConformance_open(t *testing.T) {
	t.Parallel()
	want := map[string]string{
		"mixed.kdb":   "rsa-keypair|ec-keypair|trusted-root-ca|trusted-intermediate-ca",
		"chained.kdb": "root-ca|intermediate-ca|server-cert",
	}
	rows(t, isDatabase, func(path, password string, data []byte) {
		c := open(t, keyfile.Files{Main: data}, password)
		keyfiletest.WantSound(t, c)
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
		stash := conformancedata.Read(t, strings.TrimSuffix(path, ".kdb")+".sth")
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
		keyfiletest.Put(t, c, a.personal("a"))
		keyfiletest.Put(t, c, r.request(t, "r"))
		files := encode(t, c, password)
		if old := data[headerSize:]; !bytes.Equal(files.Main[headerSize:headerSize+len(old)], old) {
			t.Errorf("%s: adding changed a slot", path)
		}
		c = open(t, files, password)
		keyfiletest.WantSound(t, c)
		keyfiletest.WantKey(t, c, "a", a.key)
		keyfiletest.WantKey(t, c, "r", r.key)
		first := c.Entries()[0].Label
		if err := c.Delete(first); err != nil {
			t.Fatal(err)
		}
		files = encode(t, c, password)
		if old := data[headerSize+slotSize:]; !bytes.Equal(files.Main[headerSize:headerSize+len(old)], old) {
			t.Errorf("%s: deleting changed another slot", path)
		}
		c = open(t, encode(t, open(t, files, password), "another password"), "another password")
		keyfiletest.WantSound(t, c)
		keyfiletest.WantKey(t, c, "a", a.key)
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
	rows(t, func(r *conformancedata.Row) bool { return r.Kind == "cms-stash" }, func(path, password string, data []byte) {
		got, err := stash.Decode(data)
		if err != nil || len(got) == 0 || password != "" && string(got) != password {
			t.Errorf("%s: a password of %d bytes, %v", path, len(got), err)
		}
	})
}

func TestConformance_stashesOfPKCS12(t *testing.T) {
	t.Parallel()
	gskit := func(r *conformancedata.Row) bool { return strings.HasPrefix(r.Path, "gskit/") && r.Kind == "pkcs12" }
	rows(t, gskit, func(path, password string, data []byte) {
		if cms.Codec().Matches(data) {
			t.Errorf("%s is PKCS #12 and taken for CMS", path)
		}
		got, err := stash.Decode(conformancedata.Read(t, strings.TrimSuffix(path, ".kdb")+".sth"))
		if err != nil || password != "" && string(got) != password {
			t.Errorf("%s: its stash has another password (%v)", path, err)
		}
	})
}
