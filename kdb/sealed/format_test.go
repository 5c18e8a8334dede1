package sealed

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/argon2"

	"certkdb/kdb/store"
	"certkdb/kdb/store/boltstore"
)

// examples reads the blocks of FORMAT.md that begin with ```example NAME. Blanks and what follows a # do not count.
func examples(t *testing.T) map[string][]byte {
	t.Helper()
	text, err := os.ReadFile("FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string][]byte)
	for _, block := range strings.Split(string(text), "```example ")[1:] {
		name, rest, _ := strings.Cut(block, "\n")
		body, _, ok := strings.Cut(rest, "```")
		if !ok {
			t.Fatalf("example %q does not end", name)
		}
		if found[name], err = hex.DecodeString(hexDigits(body)); err != nil {
			t.Fatalf("example %q: %v", name, err)
		}
	}
	return found
}

func hexDigits(body string) string {
	var digits strings.Builder
	for line := range strings.Lines(body) {
		line, _, _ = strings.Cut(line, "#")
		digits.WriteString(strings.Join(strings.Fields(line), ""))
	}
	return digits.String()
}

// gcm is AES-256-GCM as FORMAT.md describes it, without the code under test: nonce in front, tag at the end.
func gcm(t *testing.T, key, sealed, bound []byte) []byte {
	t.Helper()
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := aead.Open(nil, sealed[:12], sealed[12:], bound)
	if err != nil {
		t.Fatal(err)
	}
	return plain
}

// associated is the associated data of a record as FORMAT.md describes it.
func associated(id []byte, key string) []byte {
	return append(append([]byte("certkdb\x00\x00\x01"), id...), key...)
}

// exampleRecords are the records of the golden database that FORMAT.md shows, exampleKeys the subkeys.
var (
	exampleRecords = map[string]string{
		"meta": "meta", "slot": "slot/00000002", "head": "head", "summary": "s/ca", "log": "l/0000000000000001",
		"index": "x/" + strings.Repeat("ff", 20),
	}
	exampleKeys = []string{"record", "head", "digest", "audit", "index"}
)

// goldenSlotKey derives the key of the example's slot from its password.
func goldenSlotKey(slot []byte) []byte {
	time, memory := binary.BigEndian.Uint32(slot[8:]), binary.BigEndian.Uint32(slot[4:])
	return argon2.IDKey([]byte("golden password"), slot[20:36], time, memory, slot[3], 32)
}

// TestFormat_examples follows FORMAT.md from the password to a summary, with the standard library's primitives alone.
func TestFormat_examples(t *testing.T) {
	t.Parallel()
	e := examples(t)
	meta, slot := e["meta"], e["slot"]
	if len(meta) != 50 || len(slot) != 118 {
		t.Fatalf("meta has %d bytes, slot %d", len(meta), len(slot))
	}
	id := meta[10:26]
	kek := goldenSlotKey(slot)
	same(t, "slot key", kek, e["slot key"])
	const clear = 36 + 1 + len("password") + 1 + len("alice@server")
	master := gcm(t, kek, slot[clear:], append(associated(id, "slot/00000002"), slot[:clear]...))
	same(t, "master key", master, e["master key"])
	subkeys := make(map[string][]byte)
	for _, name := range exampleKeys {
		key, err := hkdf.Key(sha256.New, master, id, "certkdb v1 "+name, 32)
		if err != nil {
			t.Fatal(err)
		}
		subkeys[name] = key
		same(t, name+" key", key, e[name+" key"])
	}
	for name, sealed := range map[string]struct{ key, record string }{
		"head": {"head", "head"}, "summary": {"record", "s/ca"}, "log": {"record", "l/0000000000000001"},
		"index": {"record", exampleRecords["index"]},
	} {
		record := e[name]
		if record[0] != 1 {
			t.Errorf("%s: version %d", name, record[0])
		}
		same(t, name+" plain", gcm(t, subkeys[sealed.key], record[1:], associated(id, sealed.record)), e[name+" plain"])
	}
	mac := hmac.New(sha256.New, subkeys["digest"])
	mac.Write([]byte("\x00\x04s/ca"))
	mac.Write(e["summary"])
	same(t, "digest of the summary", mac.Sum(nil), e["summary digest"])
	mac = hmac.New(sha256.New, subkeys["audit"])
	mac.Write(e["log plain"])
	same(t, "chain value", mac.Sum(nil), e["log chain"])
}

// TestFormat_revocation decodes the examples that the golden database does not have.
func TestFormat_revocation(t *testing.T) {
	t.Parallel()
	e := examples(t)
	want := revocation{at: time.Date(2026, 10, 31, 12, 0, 0, 0, time.UTC), reason: 1}
	same(t, "revocation plain short", want.encode(), e["revocation plain short"])
	want.invalidSince = time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)
	same(t, "revocation plain", want.encode(), e["revocation plain"])
	if r, err := decodeRevocation(e["revocation plain"]); err != nil || !r.same(&want) {
		t.Errorf("%+v, %v", r, err)
	}
}

func same(t *testing.T, what string, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Errorf("%s:\n%x, FORMAT.md has\n%x", what, got, want)
	}
}

// TestFormat_examplesAreOfTheGoldenDatabase compares the examples with the file, and has the code under test decode them.
func TestFormat_examplesAreOfTheGoldenDatabase(t *testing.T) {
	t.Parallel()
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		return // the file is little-endian
	}
	e := examples(t)
	st := boltstore.Open("testdata/v1.ckdb", boltstore.Options{})
	err := st.View(context.Background(), func(tx store.Tx) error {
		for name, key := range exampleRecords {
			value, err := tx.Get(key)
			if err != nil {
				return err
			}
			same(t, name, e[name], value)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	h, err := decodeHead(e["head plain"])
	if err != nil || h.entries != 4 || h.logSeq != 8 || h.defaultLabel != "server 'x'" || h.lastSlot != 3 || len(h.slots) != 2 {
		t.Errorf("head %+v, %v", h, err)
	}
	s, err := decodeSummary(e["summary plain"])
	if err != nil || s.Subject != "CN=golden ca" || s.KeyType != "p256" || !s.Trusted || s.hasKey {
		t.Errorf("summary %+v, %v", s, err)
	}
	l, err := decodeLog(e["log plain"])
	if err != nil || l.Sequence != 1 || l.Operation != "create" || l.User != "alice" || l.Host != "server" || l.SlotName != "password" {
		t.Errorf("log %+v, %v", l, err)
	}
	if text, err := os.ReadFile("FORMAT.md"); err != nil || !strings.Contains(string(text), stashLine(t)) {
		t.Errorf("the stash is not in FORMAT.md, %v", err)
	}
}

func stashLine(t *testing.T) string {
	t.Helper()
	line, err := os.ReadFile("testdata/v1.ckdb.stash")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := decodeStash(line); err != nil {
		t.Error(err)
	}
	return string(line)
}
