package sealed

import (
	"bytes"
	"errors"
	"testing"

	"certkdb/kdb"
)

// Every decoder is strict: what it accepts encodes to the same bytes again. So no two byte strings mean the same, and
// a decoder that skips something is noticed.

func wantRoundTrip(t *testing.T, in, out []byte, err error) {
	t.Helper()
	if err != nil {
		if !errors.Is(err, kdb.ErrCorrupt) && !errors.Is(err, kdb.ErrVersion) && !errors.Is(err, kdb.ErrParse) {
			t.Errorf("error %v wraps neither ErrCorrupt nor ErrVersion nor ErrParse", err)
		}
		return
	}
	if !bytes.Equal(in, out) {
		t.Errorf("%x became\n%x", in, out)
	}
}

func FuzzDecodeMeta(f *testing.F) {
	m := meta{id: [16]byte{1}, keyID: [8]byte{2}}
	f.Add(m.encode())
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := decodeMeta(b)
		wantRoundTrip(t, b, m.encode(), err)
	})
}

func FuzzDecodeSlot(f *testing.F) {
	for _, kind := range []uint8{slotPassword, slotStash, slotSecret} {
		s := newSlot(kind, kdb.CostProduction)
		s.name, s.by = "x", "alice@server"
		s.wrapped = make([]byte, wrappedSize)
		f.Add(s.encode())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := decodeSlot(b)
		if err != nil {
			wantRoundTrip(t, b, nil, err)
			return
		}
		wantRoundTrip(t, b, s.encode(), nil)
		if s.kdf == kdfArgon2id && (s.memory > maxMemory || s.memory*s.passes > maxWork || s.lanes > maxLanes) {
			t.Errorf("accepted %+v", s)
		}
	})
}

func FuzzDecodeHead(f *testing.F) {
	h := head{generation: 1, slots: []slotHash{{id: 1}, {id: 2}}, defaultLabel: "label"}
	f.Add(h.encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := decodeHead(b)
		wantRoundTrip(t, b, h.encode(), err)
	})
}

func FuzzDecodeSummary(f *testing.F) {
	s := summary{Summary: kdb.Summary{Kind: kdb.KindPersonal, Subject: "CN=a", DNSNames: []string{"a", ""}, ChainLength: 2}, hasKey: true}
	f.Add(s.encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := decodeSummary(b)
		wantRoundTrip(t, b, s.encode(), err)
	})
}

func FuzzDecodeCerts(f *testing.F) {
	f.Add(encodeCerts(&kdb.Entry{Certificates: [][]byte{{1, 2}, {3}}, KeyAlgorithm: "AES", LocalKeyID: []byte{1}}))
	f.Add(encodeCerts(&kdb.Entry{Request: []byte{1, 2}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		var e kdb.Entry
		err := decodeCerts(b, &e)
		wantRoundTrip(t, b, encodeCerts(&e), err)
	})
}

func FuzzDecodeKey(f *testing.F) {
	f.Add(encodeKey([]byte("key")))
	f.Fuzz(func(t *testing.T, b []byte) {
		key, err := decodeKey(b)
		wantRoundTrip(t, b, encodeKey(key), err)
	})
}

func FuzzDecodeLog(f *testing.F) {
	l := logEntry{LogRecord: LogRecord{Sequence: 1, Operation: "add", Label: "a", User: "u", Host: "h"}}
	f.Add(l.encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := decodeLog(b)
		wantRoundTrip(t, b, l.encode(), err)
	})
}

func FuzzDecodeStash(f *testing.F) {
	s := stash{id: [16]byte{1}, slot: 2, key: [keySize]byte{3}}
	f.Add(s.encode())
	f.Add(bytes.TrimSuffix(s.encode(), []byte("\n")))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := decodeStash(b)
		wantRoundTrip(t, append(bytes.TrimSuffix(b, []byte("\n")), '\n'), s.encode(), err)
	})
}

// TestSlot_boundsAreChecked names the parameters that are refused.
func TestSlot_boundsAreChecked(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*slot){
		"4 TiB of memory":      func(s *slot) { s.memory = 1<<32 - 1 },
		"little memory":        func(s *slot) { s.memory = 8 },
		"memory for the lanes": func(s *slot) { s.memory, s.lanes = 64, 9 },
		"many passes":          func(s *slot) { s.passes = 1 << 31 },
		"no pass":              func(s *slot) { s.passes = 0 },
		"much work in all":     func(s *slot) { s.memory, s.passes = 1<<20, 5 },
		"no lane":              func(s *slot) { s.lanes = 0 },
		"many lanes":           func(s *slot) { s.lanes = 255 },
		"many rounds":          func(s *slot) { s.kdf, s.passes = kdfPBKDF2, 1<<32-1 },
		"few rounds":           func(s *slot) { s.kdf, s.passes = kdfPBKDF2, 999 },
		"a derivation unknown": func(s *slot) { s.kdf = 9 },
		"a kind unknown":       func(s *slot) { s.kind = 9 },
		"a password by HKDF":   func(s *slot) { s.kdf = kdfHKDF },
	} {
		s := newSlot(slotPassword, kdb.CostProduction)
		s.name = "x"
		if s.kdf == kdfPBKDF2 {
			s.kdf, s.memory, s.passes, s.lanes = kdfArgon2id, 64<<10, 3, 4
		}
		s.wrapped = make([]byte, wrappedSize)
		if _, err := decodeSlot(s.encode()); err != nil {
			t.Fatal(err)
		}
		change(s)
		if _, err := decodeSlot(s.encode()); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
