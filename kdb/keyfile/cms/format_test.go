package cms_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/keyfile"
	"certkdb/kdb/keyfile/cms"
)

// examples reads the blocks of FORMAT.md. They were made by another program than this one, from the text alone.
func examples(t *testing.T) map[string][]byte {
	t.Helper()
	text, err := os.ReadFile("FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string][]byte{}
	for _, m := range regexp.MustCompile("(?s)```hex ([a-z0-9-]+)\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		for _, field := range strings.Fields(m[2]) {
			if count, ok := strings.CutPrefix(field, "00*"); ok {
				n, err := strconv.Atoi(count)
				if err != nil {
					t.Fatal(err)
				}
				found[m[1]] = append(found[m[1]], make([]byte, n)...)
				continue
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

// example returns one as the main file, or with an empty key database where it is a request database.
func example(t *testing.T, name string) keyfile.Files {
	t.Helper()
	all := examples(t)
	data := all[name]
	if data == nil {
		t.Fatalf("FORMAT.md has no example %s", name)
	}
	if strings.HasPrefix(name, "requests") {
		return keyfile.Files{Main: all["empty-v6"], Companions: map[string][]byte{".rdb": data}}
	}
	return keyfile.Files{Main: data}
}

func TestFormat_examples(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, version, labels string
		keyed                 string // a label whose key is the one of FORMAT.md
	}{
		{"empty-v6", "6", "", ""},
		{"empty-v4", "4", "", ""},
		{"empty-v3", "3", "", ""},
		{"entries-v6", "6", "ca|server", "server"},
		{"personal-v4", "4", "server", "server"},
		{"personal-v3", "3", "server", "server"},
		{"requests-v6", "6", "pending", "pending"},
	} {
		files := example(t, tt.name)
		c := open(t, files, secret)
		if c.Version() != tt.version || labels(c) != tt.labels {
			t.Errorf("%s: version %s with %s", tt.name, c.Version(), labels(c))
		}
		noFindings(t, c)
		if tt.keyed != "" {
			mustKey(t, c, tt.keyed, examples(t)["key"])
		}
		if _, err := decode(files, "wrong"); !errors.Is(err, kdb.ErrPassword) {
			t.Errorf("%s with a wrong password: %v, want ErrPassword", tt.name, err)
		}
		again := encode(t, c, secret)
		if !bytes.Equal(again.Main, files.Main) || !bytes.Equal(again.Companions[".rdb"], files.Companions[".rdb"]) {
			t.Errorf("%s: written again it is another file", tt.name)
		}
	}
}

func TestFormat_flags(t *testing.T) {
	t.Parallel()
	c := open(t, example(t, "entries-v6"), secret)
	if ca := entry(t, c, "ca"); !ca.Trusted || ca.Default || ca.Kind != kdb.KindTrusted {
		t.Errorf("the signer is %+v", ca)
	}
	if server := entry(t, c, "server"); server.Trusted || !server.Default || server.Kind != kdb.KindPersonal {
		t.Errorf("the personal entry is %+v", server)
	}
}

func TestFormat_stashes(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"stash-v1", "stash-v2"} {
		password, err := cms.DecodeStash(examples(t)[name])
		if err != nil || string(password) != secret {
			t.Errorf("%s: %q, %v", name, password, err)
		}
	}
}

func TestVersion4_staysVersion4(t *testing.T) {
	t.Parallel()
	before := example(t, "personal-v4")
	c := open(t, before, secret)
	a := newIdentity(t, "a", nil)
	put(t, c, a.personal("a"))
	put(t, c, newIdentity(t, "r", nil).request(t, "r"))
	after := encode(t, c, secret)
	if len(after.Main) != 88+2*slotSize || after.Main[2] != 4 || after.Companions[".rdb"][2] != 4 {
		t.Fatalf("%d bytes of version %d", len(after.Main), after.Main[2])
	}
	if !bytes.Equal(after.Main[88:88+slotSize], before.Main[88:]) {
		t.Error("the untouched slot changed")
	}
	c = open(t, after, secret)
	noFindings(t, c)
	mustKey(t, c, "a", a.key)
	mustKey(t, c, "server", examples(t)["key"])
	// Under another password the old key is sealed anew.
	c = open(t, encode(t, c, "another"), "another")
	mustKey(t, c, "server", examples(t)["key"])
	noFindings(t, c)
}

func TestVersion3_isOnlyRead(t *testing.T) {
	t.Parallel()
	c := open(t, example(t, "personal-v3"), secret)
	_, encodeErr := c.Encode([]byte("another"))
	for name, err := range map[string]error{
		"put": c.Put(newIdentity(t, "a", nil).trusted("a")), "delete": c.Delete("server"), "new password": encodeErr,
	} {
		if !errors.Is(err, kdb.ErrUnsupported) || !strings.Contains(err.Error(), "copy its entries") {
			t.Errorf("%s: %v, want ErrUnsupported with the cure", name, err)
		}
	}
	unverified := false
	for _, f := range c.Facts() {
		unverified = unverified || f.Name == "integrity" && f.Weak
	}
	if !unverified {
		t.Error("the facts do not say that nothing is verified")
	}
}

func TestVersion3_emptyCompanionOfAVersion6Database(t *testing.T) {
	t.Parallel()
	rdb := bytes.Clone(example(t, "empty-v3").Main)
	rdb[3] = 1
	copy(rdb[8:], "X509KYP\x00")
	// The codes of the changed header do not fit any more; nothing is lost in it.
	c := open(t, keyfile.Files{Main: example(t, "entries-v6").Main, Companions: map[string][]byte{".rdb": rdb}}, secret)
	put(t, c, newIdentity(t, "r", nil).request(t, "r"))
	files := encode(t, c, secret)
	if v := files.Companions[".rdb"][2]; v != 6 {
		t.Errorf("the request database is of version %d, want 6", v)
	}
	if got := labels(open(t, files, secret)); got != "ca|server|r" {
		t.Errorf("labels %s", got)
	}
}
