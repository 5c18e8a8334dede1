package cms_test

import (
	"bytes"
	"strings"
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/keyfile"
	"certkdb/kdb/keyfile/keyfiletest"
)

// TestEncode_saltStays as long as the password does: FORMAT.md, 2.2.
func TestEncode_saltStays(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"entries-v6", "personal-v4", "personal-v3"} {
		before := example(t, name)
		c := open(t, before, secret)
		keyfiletest.Put(t, c, newIdentity(t, "a", nil).trusted("a"))
		after := encode(t, c, secret).Main
		if bytes.Equal(after[0x30:0x40], before.Main[0x30:0x40]) || !bytes.Equal(after[0x18:0x30], before.Main[0x18:0x30]) {
			t.Errorf("%s: the salt is %x, was %x", name, after[0x18:0x30], before.Main[0x18:0x30])
		}
	}
}

// TestSlots_doNotShrink when the record that needed them is deleted: FORMAT.md, 3.
func TestSlots_doNotShrink(t *testing.T) {
	t.Parallel()
	large := kdb.Entry{Label: "large", Kind: kdb.KindSecretKey, Key: bytes.Repeat([]byte("k"), 6000)}
	c := reopen(t, newStore(t, newIdentity(t, "a", nil).trusted("a"), large))
	if err := c.Delete("large"); err != nil {
		t.Fatal(err)
	}
	if got := len(encode(t, c, secret).Main); got != headerSize+2*slotSize {
		t.Errorf("%d bytes, want one slot of 10000", got)
	}
}

// TestFlags_asWritten: bit 0 of a personal entry and of a trusted signer, bit 1 of the default, and DER's empty BIT STRING: FORMAT.md, 4.
func TestFlags_asWritten(t *testing.T) {
	t.Parallel()
	a := newIdentity(t, "a", nil)
	distrusted, preset := a.trusted("signer"), a.personal("server")
	distrusted.Trusted, preset.Default = false, true
	for want, e := range map[string]kdb.Entry{
		"\x1a\x06signer\x03\x01\x00":     distrusted,
		"\x1a\x06signer\x03\x02\x07\x80": a.trusted("signer"),
		"\x1a\x06server\x03\x02\x07\x80": a.personal("server"),
		"\x1a\x06server\x03\x02\x06\xc0": preset,
	} {
		if main := encode(t, newStore(t, e), secret).Main; !bytes.Contains(main, []byte(want)) {
			t.Errorf("%s, trusted %v, default %v: want %x", e.Label, e.Trusted, e.Default, want)
		}
	}
}

// TestTrailer_ofRequestsAndSecretKeys: flags, and no hashes: FORMAT.md, 5.
func TestTrailer_ofRequestsAndSecretKeys(t *testing.T) {
	t.Parallel()
	key := kdb.Entry{Label: "key", Kind: kdb.KindSecretKey, Key: []byte("0123456789abcdef")}
	files := encode(t, newStore(t, newIdentity(t, "r", nil).request(t, "req"), key), secret)
	for label, slot := range map[string][]byte{"key": files.Main[headerSize:], "req": files.Companions[".rdb"][headerSize:]} {
		_, trailer, found := bytes.Cut(slot, []byte("\x00\x00\x00\x03"+label))
		if !found || len(bytes.Trim(trailer, "\x00")) > 0 {
			t.Errorf("%s: %x", label, trailer[:min(len(trailer), 40)])
		}
	}
}

// TestSecretKey_sizes: the format says nothing of the algorithm, and keys as long as those of AES are taken for such: FORMAT.md, 4.
func TestSecretKey_sizes(t *testing.T) {
	t.Parallel()
	for size, want := range map[int]string{8: "", 16: "AES", 20: "", 24: "AES", 32: "AES", 33: ""} {
		c := reopen(t, newStore(t, kdb.Entry{Label: "s", Kind: kdb.KindSecretKey, Key: bytes.Repeat([]byte("k"), size)}))
		if got := entry(t, c, "s").KeyAlgorithm; got != want {
			t.Errorf("a key of %d bytes: %q, want %q", size, got, want)
		}
	}
}

// TestKeys_asWritten: version 6 as the Java tools write it, versions 3 and 4 as GSKit does: FORMAT.md, 6.
func TestKeys_asWritten(t *testing.T) {
	t.Parallel()
	const pbe3DES = "\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x05\x01\x03\x30\x0d\x04\x08"
	for name, want := range map[string][2]string{ // before and after the salt
		"empty-v6": {
			"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0c\x30\x2b\x04\x14", // 20 bytes
			"\x02\x02\x10\x00\x02\x01\x20\x30\x0c\x06\x08\x2a\x86\x48\x86\xf7\x0d\x02\x0a\x05\x00" +
				"\x30\x1d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x01\x2a",
		},
		"empty-v4": {pbe3DES, "\x02\x01\x05"},
		"empty-v3": {pbe3DES, "\x02\x01\x05"},
	} {
		c := open(t, example(t, name), secret)
		keyfiletest.Put(t, c, newIdentity(t, "a", nil).personal("a"))
		_, rest, found := bytes.Cut(encode(t, c, secret).Main, []byte(want[0]))
		if salt := int(want[0][len(want[0])-1]); !found || !bytes.HasPrefix(rest[salt:], []byte(want[1])) {
			t.Errorf("%s: the key is sealed in another way: %x", name, rest[:min(len(rest), 80)])
		}
	}
}

// TestPasswordExpires_opensAfterIt: the time says when the password is to be changed, not how long it opens: FORMAT.md, 2.
func TestPasswordExpires_opensAfterIt(t *testing.T) {
	t.Parallel()
	data := bytes.Clone(example(t, "entries-v6").Main)
	copy(data[4:], "\x00\x00\x00\x01")
	sign(data)
	c := open(t, keyfile.Files{Main: data}, secret)
	keyfiletest.WantKey(t, c, "server", examples(t)["key"])
	keyfiletest.WantSound(t, c)
}

// TestVersion3_exchangedSlots: its integrity code does not notice that two slots changed places; that of version 6 does: FORMAT.md, 2.2.
func TestVersion3_exchangedSlots(t *testing.T) {
	t.Parallel()
	for name, header := range map[string]int{"empty-v3": 80, "empty-v6": headerSize} {
		c := open(t, example(t, name), secret)
		keyfiletest.Put(t, c, newIdentity(t, "a", nil).trusted("a"))
		keyfiletest.Put(t, c, newIdentity(t, "b", nil).trusted("b"))
		main := encode(t, c, secret).Main
		first, second := main[header:header+slotSize], main[header+slotSize:]
		exchanged := append(append(bytes.Clone(main[:header]), second...), first...)
		got, err := decode(keyfile.Files{Main: exchanged}, secret)
		if unnoticed := err == nil && labels(got) == "b|a"; unnoticed != strings.HasSuffix(name, "v3") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
