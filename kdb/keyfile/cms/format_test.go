package cms_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/keyfile"
	"certkdb/kdb/keyfile/cms"
	"certkdb/kdb/keyfile/keyfiletest"
	"certkdb/kdb/keyfile/stash"
	"certkdb/pki/pbe"
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
		keyfiletest.WantSound(t, c)
		if tt.keyed != "" {
			keyfiletest.WantKey(t, c, tt.keyed, examples(t)["key"])
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

func TestFormat_sealedKey(t *testing.T) {
	t.Parallel()
	all := examples(t)
	plain, err := pbe.NewBudget(0).DecryptPKCS8(all["sealed-gskit"], []byte(secret))
	if err != nil || !bytes.Equal(plain, all["key"]) {
		t.Errorf("another key, or %v", err)
	}
}

func TestFormat_stashes(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"stash-v1", "stash-v2"} {
		password, err := stash.Decode(examples(t)[name])
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
	keyfiletest.Put(t, c, a.personal("a"))
	keyfiletest.Put(t, c, newIdentity(t, "r", nil).request(t, "r"))
	after := encode(t, c, secret)
	if len(after.Main) != 88+2*slotSize || after.Main[2] != 4 || after.Companions[".rdb"][2] != 4 {
		t.Fatalf("%d bytes of version %d", len(after.Main), after.Main[2])
	}
	if !bytes.Equal(after.Main[88:88+slotSize], before.Main[88:]) {
		t.Error("the untouched slot changed")
	}
	c = open(t, after, secret)
	keyfiletest.WantSound(t, c)
	keyfiletest.WantKey(t, c, "a", a.key)
	keyfiletest.WantKey(t, c, "server", examples(t)["key"])
	// Under another password the old key is sealed again.
	c = open(t, encode(t, c, "another"), "another")
	keyfiletest.WantKey(t, c, "server", examples(t)["key"])
	keyfiletest.WantSound(t, c)
}

// TestVersions_written holds what native GSKit writes in each version: the code that vouches for the slots, and the sealing of keys.
func TestVersions_written(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ example, codes, sealing string }{
		{"personal-v3", "MD5", "pbeWithSHA1AndTripleDES-CBC, PKCS #12 with SHA-1, 5 iterations"},
		{"personal-v4", "HMAC-SHA-1", "pbeWithSHA1AndTripleDES-CBC, PKCS #12 with SHA-1, 5 iterations"},
		{"entries-v6", "HMAC-SHA-384", "PBES2: AES-256-CBC, PBKDF2 with HMAC-SHA-384, 4096 iterations"},
	} {
		before := example(t, tt.example).Main
		c := open(t, example(t, tt.example), secret)
		a, r := newIdentity(t, "a", nil), newIdentity(t, "r", nil)
		keyfiletest.Put(t, c, a.personal("a"))
		keyfiletest.Put(t, c, r.request(t, "r"))
		keyfiletest.Put(t, c, kdb.Entry{Label: "s", Kind: kdb.KindSecretKey, Key: []byte("0123456789abcdef"), KeyAlgorithm: "AES"})
		if err := c.Delete("server"); err != nil {
			t.Fatal(err)
		}
		files := encode(t, c, secret)
		if files.Main[2] != before[2] || files.Companions[".rdb"][2] != before[2] {
			t.Errorf("%s: the version changed", tt.example)
		}
		c = open(t, files, secret)
		keyfiletest.WantSound(t, c)
		keyfiletest.WantKey(t, c, "a", a.key)
		keyfiletest.WantKey(t, c, "r", r.key)
		keyfiletest.WantKey(t, c, "s", []byte("0123456789abcdef"))
		facts := fmt.Sprint(c.Facts())
		if !strings.Contains(facts, tt.codes+" with the bare password") || !strings.Contains(facts, tt.sealing) {
			t.Errorf("%s: the facts are %s", tt.example, facts)
		}
		for i := range files.Main {
			if i%101 != 0 {
				continue
			}
			bad := bytes.Clone(files.Main)
			bad[i] ^= 4
			if _, err := decode(keyfile.Files{Main: bad}, secret); err == nil {
				t.Errorf("%s: byte %d changed and not noticed", tt.example, i)
			}
		}
		c = open(t, encode(t, c, "another"), "another")
		keyfiletest.WantKey(t, c, "a", a.key)
		keyfiletest.WantSound(t, c)
	}
}

// TestDefault_ofKdbTool gives a mark that every personal entry has to one of them.
func TestDefault_ofKdbTool(t *testing.T) {
	t.Parallel()
	a, b := newIdentity(t, "a", nil), newIdentity(t, "b", nil)
	data := encode(t, newStore(t, a.personal("a"), b.personal("b")), secret).Main
	for range 2 {
		data = bytes.Replace(data, []byte("\x03\x02\x07\x80\x00"), []byte("\x03\x02\x06\xc0\x00"), 1)
	}
	sign(data)
	c := open(t, keyfile.Files{Main: data}, secret)
	if entry(t, c, "a").Default || entry(t, c, "b").Default {
		t.Error("two entries are the default")
	}
	e := entry(t, c, "b")
	e.Default = true
	keyfiletest.Put(t, c, e)
	c = reopen(t, c)
	if entry(t, c, "a").Default || !entry(t, c, "b").Default {
		t.Error("the entry that was chosen is not the only default")
	}
	keyfiletest.WantKey(t, c, "a", a.key)
	keyfiletest.WantKey(t, c, "b", b.key)
	keyfiletest.WantSound(t, c)
}

// TestLabels_ofGSKitAndKdbTool reads labels with and without a NUL, and writes them without, as GSKit does.
func TestLabels_ofGSKitAndKdbTool(t *testing.T) {
	t.Parallel()
	data := bytes.Clone(example(t, "entries-v6").Main)
	first := data[headerSize : headerSize+slotSize]
	at := bytes.Index(first, []byte("\x00\x00\x00\x02ca"))
	copy(first[at+4+3:], bytes.Clone(first[at+4+2:slotSize-1])) // the trailer moves up, and leaves its first zero as the NUL
	first[at+3] = 3
	sign(data)
	c := open(t, keyfile.Files{Main: data}, secret)
	keyfiletest.WantSound(t, c)
	keyfiletest.Put(t, c, newIdentity(t, "a", nil).trusted("new"))
	main := encode(t, c, secret).Main
	if got := labels(open(t, keyfile.Files{Main: main}, secret)); got != "ca|server|new" {
		t.Errorf("labels %s", got)
	}
	if !bytes.Equal(main[headerSize:headerSize+2*slotSize], data[headerSize:]) {
		t.Error("a slot that was not touched changed")
	}
	third := main[headerSize+2*slotSize:]
	if !bytes.Contains(third, []byte("\x00\x00\x00\x03new\x00\x00\x00\x00\x00\x00\x00\x14")) {
		t.Error("the label of the new slot is not written as GSKit does")
	}
}

func TestVersion3_emptyCompanionOfAVersion6Database(t *testing.T) {
	t.Parallel()
	rdb := bytes.Clone(example(t, "empty-v3").Main)
	rdb[3] = 1
	copy(rdb[8:], "X509KYP\x00")
	// The codes of the changed header do not fit any more; nothing is lost in it.
	c := open(t, keyfile.Files{Main: example(t, "entries-v6").Main, Companions: map[string][]byte{".rdb": rdb}}, secret)
	keyfiletest.Put(t, c, newIdentity(t, "r", nil).request(t, "r"))
	files := encode(t, c, secret)
	if v := files.Companions[".rdb"][2]; v != 6 {
		t.Errorf("the request database is of version %d, want 6", v)
	}
	if got := labels(open(t, files, secret)); got != "ca|server|r" {
		t.Errorf("labels %s", got)
	}
}

// A request or CRL database is sound, but not what can be opened; a file that is none of the three cannot be parsed.
func TestDecode_companionInPlaceOfTheDatabase(t *testing.T) {
	t.Parallel()
	for tag, companion := range map[string]bool{"X509KYP\x00": true, "X509CRL\x00": true, "X509XXX\x00": false} {
		data := bytes.Clone(example(t, "empty-v3").Main)
		copy(data[8:], tag)
		_, err := cms.Codec().Decode(keyfile.Files{Main: data}, keyfile.Passwords{})
		if !errors.Is(err, kdb.ErrParse) || errors.Is(err, kdb.ErrCompanion) != companion {
			t.Errorf("%q: %v", tag, err)
		}
	}
}
