//go:build golden

package sealed

import (
	"context"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"testing"

	"certkdb/kdb/store"
	"certkdb/kdb/store/boltstore"
)

// field is a part of an example that stands on a line of its own.
type field struct {
	size int
	what string
}

// TestGolden_writeExamples takes the examples of FORMAT.md out of the golden database. It runs with -tags golden, after TestGolden_write.
func TestGolden_writeExamples(t *testing.T) {
	text, err := os.ReadFile("FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	format := string(text)
	write := func(name string, value []byte, fields ...field) {
		before, rest, ok := strings.Cut(format, "```example "+name+"\n")
		if !ok {
			t.Fatalf("FORMAT.md has no example %q", name)
		}
		_, after, _ := strings.Cut(rest, "```")
		format = before + "```example " + name + "\n" + dump(value, fields) + "```" + after
	}
	st := boltstore.Open("testdata/v1.ckdb", boltstore.Options{})
	err = st.View(context.Background(), func(stx store.Tx) error { return writeExamples(stx, write) })
	if err != nil {
		t.Fatal(err)
	}
	at := strings.Index(format, stashWord+" ")
	for !strings.HasPrefix(format[at-4:], "```\n") {
		at += 1 + strings.Index(format[at+1:], stashWord+" ")
	}
	_, after, _ := strings.Cut(format[at:], "\n")
	format = format[:at] + stashLine(t) + after
	if err := os.WriteFile("FORMAT.md", []byte(format), 0o644); err != nil {
		t.Fatal(err)
	}
}

func writeExamples(stx store.Tx, write func(string, []byte, ...field)) error {
	m, raw, err := readMetaRecord(stx)
	if err != nil {
		return err
	}
	write("meta", raw, field{8, "magic"}, field{2, "version"}, field{16, "database id"}, field{8, "key id"}, field{8, "created"},
		field{8, "checksum"})
	slots, err := readSlots(stx)
	if err != nil {
		return err
	}
	s := slots[0].slot
	write("slot", slots[0].raw, slotFields(s)...)
	key, err := s.derive([]byte("golden password"))
	if err != nil {
		return err
	}
	write("slot key", key)
	master, err := s.unwrap(&m, slots[0].id, []byte("golden password"))
	if err != nil {
		return err
	}
	write("master key", master)
	k, err := deriveKeys(m, master)
	if err != nil {
		return err
	}
	for _, name := range exampleKeys {
		sub, err := subkey(&m, master, name)
		if err != nil {
			return err
		}
		write(name+" key", sub)
	}
	for name, key := range map[string]string{
		"head": keyHead, "summary": prefixSummary + "ca", "log": logKey(1), "index": blockKey(lastSpot),
	} {
		value, err := stx.Get(key)
		if err != nil {
			return err
		}
		write(name, value)
		aead := k.record
		if name == "head" {
			aead = k.head
		}
		plain, err := open(aead, value, m.bind(key))
		if err != nil {
			return err
		}
		write(name+" plain", plain)
		switch name {
		case "summary":
			var digest [32]byte
			k.digester().toggle(&digest, key, value)
			write("summary digest", digest[:])
		case "log":
			chain := k.chain(plain)
			write("log chain", chain[:])
		}
	}
	return nil
}

func slotFields(s *slot) []field {
	return []field{
		{4, "version, password, Argon2id, 1 lane"},
		{4, "64 KiB"},
		{4, "1 pass"},
		{8, "made"},
		{16, "salt"},
		{1 + len(s.name), "name"},
		{1 + len(s.by), "made by"},
		{12, "nonce"},
		{32, "master key, encrypted"},
		{16, "tag"},
	}
}

// dump writes fields with what they are, or lines of 32 bytes.
func dump(value []byte, fields []field) string {
	var b strings.Builder
	for _, f := range fields {
		fmt.Fprintf(&b, "%-32s # %s\n", hex.EncodeToString(value[:f.size]), f.what)
		value = value[f.size:]
	}
	for len(value) > 0 {
		n := min(32, len(value))
		fmt.Fprintf(&b, "%x\n", value[:n])
		value = value[n:]
	}
	return b.String()
}
