package jks_test

import (
	"bytes"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/keyfile"
	"certkdb/kdb/keyfile/jks"
	"certkdb/kdb/keyfile/keyfiletest"
)

// signed puts Java's digest behind a body, with a password of ASCII.
func signed(body []byte, password string) []byte {
	h := sha1.New()
	for _, c := range []byte(password) {
		h.Write([]byte{0, c})
	}
	h.Write([]byte("Mighty Aphrodite"))
	h.Write(body)
	return h.Sum(body)
}

func u32(values ...uint32) []byte {
	var out []byte
	for _, v := range values {
		out = binary.BigEndian.AppendUint32(out, v)
	}
	return out
}

func text(s string) []byte { return append(binary.BigEndian.AppendUint16(nil, uint16(len(s))), s...) }

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func emptyJCEKS(t *testing.T) []byte {
	t.Helper()
	return signed(u32(0xCECECECE, 2, 0), secret)
}

// trustedEntry is an entry as a version 2 file has it.
func trustedEntry(alias, kind string, der []byte) []byte {
	return join(u32(2), text(alias), make([]byte, 8), text(kind), u32(uint32(len(der))), der)
}

func TestDecode_refusesDamage(t *testing.T) {
	t.Parallel()
	whole := encode(t, newStore(t, newIdentity(t, "a").personal("a"), newIdentity(t, "b").trusted("b")), secret)
	password := secret
	for _, p := range []keyfile.Passwords{passwords(&password), passwords(nil)} {
		for n := range len(whole) {
			if _, err := jks.JKS().Decode(keyfile.Files{Main: whole[:n]}, p); !errors.Is(err, kdb.ErrParse) {
				t.Fatalf("cut at %d: %v, want ErrParse", n, err)
			}
		}
	}
	for i := range whole {
		flipped := bytes.Clone(whole)
		flipped[i] ^= 0x41
		_, err := jks.JKS().Decode(keyfile.Files{Main: flipped}, passwords(&password))
		if !errors.Is(err, kdb.ErrParse) && !errors.Is(err, kdb.ErrPassword) && !errors.Is(err, kdb.ErrVersion) {
			t.Fatalf("byte %d changed: %v", i, err)
		}
	}
}

func TestDecode_boundsWhatTheFileAsksFor(t *testing.T) {
	t.Parallel()
	key := join(u32(0xFEEDFEED, 2, 1, 1), text("k"), make([]byte, 8))
	for name, tt := range map[string]struct {
		body []byte
		want error
	}{
		"four thousand million entries": {u32(0xFEEDFEED, 2, 0xFFFFFFFF), kdb.ErrParse},
		"a key of 4 GiB":                {join(key, u32(0xFFFFFFFF)), kdb.ErrParse},
		"a chain without end":           {join(key, u32(0), u32(0xFFFFFFFF)), kdb.ErrParse},
		"unknown entry type":            {join(u32(0xFEEDFEED, 2, 1, 9), text("k")), kdb.ErrParse},
		"secret key in JKS":             {join(u32(0xFEEDFEED, 2, 1, 3), text("k")), kdb.ErrParse},
		"version 3":                     {u32(0xFEEDFEED, 3, 0), kdb.ErrVersion},
		"nothing":                       {nil, kdb.ErrParse},
	} {
		if _, err := jks.JKS().Decode(keyfile.Files{Main: tt.body}, passwords(nil)); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
}

func TestDecode_keepsWhatItCannotShow(t *testing.T) {
	t.Parallel()
	a := newIdentity(t, "a")
	data := signed(join(u32(0xFEEDFEED, 2, 5),
		trustedEntry("pgp", "PGP", []byte("no certificate")),
		trustedEntry("junk", "X.509", []byte("no certificate")),
		trustedEntry("twice", "X.509", a.cert),
		trustedEntry("twice", "X.509", a.cert),
		trustedEntry("bad\x01alias", "X.509", a.cert)), secret)
	c := open(t, data, secret)
	if got := labels(c); got != "twice,badalias" {
		t.Errorf("labels %s, want twice and one without the control character", got)
	}
	if !bytes.Equal(encode(t, c, secret), data) {
		t.Error("written again it is another file")
	}
	hidden := 0
	for _, f := range c.Facts() {
		if f.Name == kdb.FactKept && f.Weak {
			hidden++
		}
	}
	if hidden != 3 {
		t.Errorf("%d facts of hidden entries, want 3", hidden)
	}
	if err := c.Put(a.trusted("pgp")); !errors.Is(err, kdb.ErrExists) {
		t.Errorf("putting over a hidden entry: %v, want ErrExists", err)
	}
	if err := c.Delete("twice"); err != nil {
		t.Fatal(err)
	}
	if got := labels(open(t, encode(t, c, secret), secret)); got != "badalias" {
		t.Errorf("after deleting there is %s", got)
	}
}

func TestDecode_version1HasNoCertificateTypes(t *testing.T) {
	t.Parallel()
	a, b := newIdentity(t, "a"), newIdentity(t, "b")
	data := signed(join(u32(0xFEEDFEED, 1, 1, 2), text("a"), make([]byte, 8), u32(uint32(len(a.cert))), a.cert), secret)
	c := open(t, data, secret)
	keyfiletest.Put(t, c, b.personal("b"))
	c = open(t, encode(t, c, secret), secret)
	if got := labels(c); got != "a,b" || c.Version() != "1" {
		t.Errorf("labels %s in version %s", got, c.Version())
	}
	keyfiletest.WantKey(t, c, "b", b.key)
	keyfiletest.WantSound(t, c)
}

func TestAliases_modifiedUTF8(t *testing.T) {
	t.Parallel()
	a := newIdentity(t, "a")
	for _, alias := range []string{"schlüssel", "鍵", "🔑 key", "ça va"} {
		data := encode(t, newStore(t, a.trusted(alias)), secret)
		if got := labels(open(t, data, secret)); got != alias {
			t.Errorf("alias %q comes back as %q", alias, got)
		}
		if alias == "🔑 key" && !bytes.Contains(data, []byte("\xED\xA0\xBD\xED\xB4\x91 key")) {
			t.Error("a character beyond the BMP is not written as Java does")
		}
	}
	plain := signed(join(u32(0xFEEDFEED, 2, 1), trustedEntry("🔑", "X.509", a.cert)), secret)
	if got := labels(open(t, plain, secret)); got != "🔑" {
		t.Errorf("an alias in ordinary UTF-8 comes back as %q", got)
	}
}

func TestSunProtection_refusesOtherAlgorithms(t *testing.T) {
	t.Parallel()
	a := newIdentity(t, "a")
	sealed := []byte("\x30\x0c\x30\x06\x06\x04\x2a\x03\x04\x05\x04\x02ab")
	data := signed(join(u32(0xFEEDFEED, 2, 1, 1), text("k"), make([]byte, 8), u32(uint32(len(sealed))), sealed,
		u32(1), text("X.509"), u32(uint32(len(a.cert))), a.cert), secret)
	c := open(t, data, secret)
	if _, err := c.Key("k"); !errors.Is(err, kdb.ErrEncryption) || !strings.Contains(fmt.Sprint(err), "1.2.3.4.5") {
		t.Errorf("unknown protection: %v, want ErrEncryption with the OID", err)
	}
	if !bytes.Equal(encode(t, c, secret), data) {
		t.Error("a key under an unknown protection was changed")
	}
}

func FuzzDecode(f *testing.F) {
	a := kdb.Entry{Label: "a", Kind: kdb.KindTrusted, Trusted: true, Certificates: [][]byte{{0x30, 0}}}
	c, err := jks.JKS().New("")
	if err != nil {
		f.Fatal(err)
	}
	if err := c.Put(a); err != nil {
		f.Fatal(err)
	}
	files, err := c.Encode([]byte(secret))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(files.Main)
	f.Add(signed(u32(0xCECECECE, 2, 0), secret))
	f.Add(join(u32(0xFEEDFEED, 2, 1, 1), text("k"), make([]byte, 8), u32(2), []byte{0x30, 0}, u32(0), make([]byte, 20)))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, codec := range []keyfile.Codec{jks.JKS(), jks.JCEKS()} {
			c, err := codec.Decode(keyfile.Files{Main: data}, passwords(nil, []byte(secret)))
			if err != nil {
				continue
			}
			seen := map[string]bool{}
			for _, e := range c.Entries() {
				if err := kdb.CheckLabel(e.Label); err != nil || seen[e.Label] {
					t.Fatalf("label %q: %v", e.Label, err)
				}
				seen[e.Label] = true
			}
			c.Facts()
			c.Check(func(kdb.Problem) {})
		}
	})
}

// Java ignores what follows the digest, such as the line end that a transfer appended.
func TestDecode_trailingBytes(t *testing.T) {
	t.Parallel()
	password := secret
	whole := encode(t, newStore(t, newIdentity(t, "a").trusted("a")), secret)
	c, err := jks.JKS().Decode(keyfile.Files{Main: append(bytes.Clone(whole), "\r\n"...)}, passwords(&password))
	if err != nil {
		t.Fatal(err)
	}
	var notes []kdb.Problem
	c.Check(func(p kdb.Problem) { notes = append(notes, p) })
	if len(notes) != 1 || notes[0].Severity != kdb.Note || !strings.Contains(fmt.Sprint(c.Facts()), "2 bytes") {
		t.Errorf("%v, %v", notes, c.Facts())
	}
	if again := encode(t, c, secret); !bytes.Equal(again, whole) {
		t.Errorf("%d bytes were written again, want %d", len(again), len(whole))
	}
}
