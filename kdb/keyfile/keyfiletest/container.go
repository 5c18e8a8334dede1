package keyfiletest

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/keyfile"
)

func (s *suite) empty(t *testing.T) {
	s.expect(t, s.with(t))
	c := s.with(t)
	if _, err := c.Key("nobody"); !errors.Is(err, kdb.ErrNotFound) {
		t.Errorf("the key of a label that is not there: %v", err)
	}
	if err := c.Delete("nobody"); err != nil && !errors.Is(err, kdb.ErrNotFound) {
		t.Errorf("deleting a label that is not there: %v", err)
	}
	if c.Version() == "" {
		t.Error("no version")
	}
	c.Check(sound(t, "an empty container"))
}

// sound reports problems, but not notes, which are about what is as it should be.
func sound(t testing.TB, what string) func(kdb.Problem) {
	return func(p kdb.Problem) {
		if p.Severity != kdb.Note {
			t.Errorf("problem in %s: %v", what, p)
		}
	}
}

func (s *suite) roundTrip(t *testing.T) {
	entries := s.entries()
	c := s.with(t, entries...)
	s.expectSet(t, c, entries)
	c.Check(sound(t, "a container"))
	for _, e := range c.Entries() {
		if e.Kind == kdb.KindTrusted && !e.Trusted {
			t.Errorf("%q is not trusted any more", e.Label)
		}
	}
	for i, e := range entries { // untouched entries stay as they are when others change
		changed := s.with(t, entries...)
		if err := changed.Delete(e.Label); err != nil {
			t.Errorf("deleting %q: %v", e.Label, err)
		}
		rest := append(append([]kdb.Entry{}, entries[:i]...), entries[i+1:]...)
		s.expectSet(t, changed, rest)
		s.expectSet(t, s.reopen(t, changed), rest)
	}
}

func (s *suite) labels(t *testing.T) {
	if s.AutoLabels {
		e := s.trustedEntry(t, "", 100)
		e.Label = "another label"
		if err := s.new(t).Put(e); !errors.Is(err, kdb.ErrUnsupported) {
			t.Errorf("putting a label that is not kept: %v, want kdb.ErrUnsupported", err)
		}
		return
	}
	labels := []string{
		"a",
		"with spaces in it",
		` leading and trailing `,
		`"quoted"`,
		"it's",
		"comma, slash / backslash \\ colon:",
		"$HOME *?[x]",
		"-dash",
		"(2)",
	}
	longest := kdb.MaxLabel
	if s.MaxLabel > 0 {
		longest = s.MaxLabel
	}
	labels = append(labels, strings.Repeat("l", longest))
	if !s.ASCII {
		labels = append(labels, "Füße", "ключ", "鍵", "🔑 key")
	}
	if !s.FoldsCase {
		labels = append(labels, "A", "WITH SPACES IN IT")
	}
	var want []kdb.Entry
	for _, label := range labels {
		want = append(want, s.trustedEntry(t, label, int64(len(want))+100))
	}
	s.expect(t, s.with(t, want...), want...)
}

// trustedEntry is an entry with a certificate of its own; where the format holds keys alone, it is a personal one.
func (s *suite) trustedEntry(t testing.TB, label string, serial int64) kdb.Entry {
	e := kdb.Entry{
		Label:        label,
		Kind:         kdb.KindTrusted,
		Trusted:      true,
		Certificates: [][]byte{s.material.trusted(t, fmt.Sprintf("host-%d", serial), serial)},
	}
	if s.AutoLabels {
		e.Label = kdb.AutoLabel(&e)
	}
	if !s.holds(kdb.KindTrusted) {
		return kdb.Entry{Label: label, Kind: kdb.KindPersonal, Certificates: [][]byte{s.material.leaf}, Key: s.material.leafKey}
	}
	return e
}

// forged has a certificate with the name and the key identifier of the issuer of an entry, and another key: it is in no chain.
func (s *suite) forged(t *testing.T) {
	if !s.holds(kdb.KindTrusted) || !s.holds(kdb.KindPersonal) {
		return
	}
	m := s.material
	forged := kdb.Entry{Label: "forged", Kind: kdb.KindTrusted, Trusted: true, Certificates: [][]byte{m.forged(t)}}
	server := kdb.Entry{Label: "server", Kind: kdb.KindPersonal, Certificates: [][]byte{m.leaf}, Key: m.leafKey}
	if s.AutoLabels {
		forged.Label, server.Label = kdb.AutoLabel(&forged), kdb.AutoLabel(&server)
	}
	s.expectSet(t, s.with(t, server, forged), []kdb.Entry{server, forged})
}

func (s *suite) replace(t *testing.T) {
	if s.AutoLabels {
		return
	}
	entries := s.entries()
	for i, e := range entries {
		c := s.with(t, entries...)
		replacement := s.trustedEntry(t, e.Label, 200)
		put(t, c, replacement)
		want := append([]kdb.Entry{}, entries...)
		want[i] = replacement
		s.expectSet(t, c, want)
		s.expectSet(t, s.reopen(t, c), want)
	}
}

// expectSet compares without regard to the order, which replacing may change.
func (s *suite) expectSet(t testing.TB, c keyfile.Container, want []kdb.Entry) {
	t.Helper()
	got := c.Entries()
	if len(got) != len(want) {
		t.Errorf("%d entries, want %d: %s", len(got), len(want), names(got))
		return
	}
	for _, w := range want {
		found := false
		for _, g := range got {
			if g.Label == w.Label || s.FoldsCase && strings.EqualFold(g.Label, w.Label) {
				found = true
				if err := s.compare(c, g, w); err != nil {
					t.Error(err)
				}
			}
		}
		if !found {
			t.Errorf("%q is missing among %s", w.Label, names(got))
		}
	}
}

func (s *suite) keepKey(t *testing.T) {
	if !s.holds(kdb.KindPersonal) {
		return
	}
	entries := s.entries()
	c := s.with(t, entries...)
	var want []kdb.Entry
	for _, e := range entries {
		if e.Label == "server" {
			e.Certificates = e.Certificates[:1]
			keyless := e
			keyless.Key = nil
			if err := c.Update(keyless); err != nil {
				t.Fatalf("updating %q: %v", e.Label, err)
			}
		}
		want = append(want, e)
	}
	s.expectSet(t, c, want)
	s.expectSet(t, s.reopen(t, c), want)
}

func (s *suite) rename(t *testing.T) {
	if s.AutoLabels {
		return
	}
	entries := s.entries()
	for i, e := range entries {
		c := s.with(t, entries...)
		old := e.Label
		e.Label = "a new name"
		if err := c.Rename(old, e.Label); err != nil {
			t.Errorf("renaming %q: %v", old, err)
		}
		if err := c.Rename(old, "once more"); !errors.Is(err, kdb.ErrNotFound) {
			t.Errorf("renaming %q again: %v", old, err)
		}
		if _, err := c.Key(old); !errors.Is(err, kdb.ErrNotFound) {
			t.Errorf("the key of %q, which is renamed: %v", old, err)
		}
		want := append([]kdb.Entry{}, entries...)
		want[i].Label = e.Label
		s.expectSet(t, c, want)
		s.expectSet(t, s.reopen(t, c), want)
	}
}

func (s *suite) protection(t *testing.T) {
	entries := s.entries()
	before := s.with(t, entries...)
	after := s.reopen(t, before)
	for _, e := range entries {
		early, err1 := before.KeyProtection(e.Label)
		late, err2 := after.KeyProtection(e.Label)
		hasKey := len(e.Key) > 0
		if err1 != nil || err2 != nil || hasKey != (early != "") || hasKey != (late != "") {
			t.Errorf("%s %q: %q, %v; in the file %q, %v", e.Kind, e.Label, early, err1, late, err2)
		}
		if e.Kind == kdb.KindPersonal && !strings.HasPrefix(late, s.Encryption) {
			t.Errorf("%q: %q, want %q", e.Label, late, s.Encryption)
		}
	}
	if _, err := after.KeyProtection("missing"); !errors.Is(err, kdb.ErrNotFound) {
		t.Errorf("an entry that is missing: %v", err)
	}
}

func (s *suite) delete(t *testing.T) {
	entries := s.entries()
	c := s.with(t, entries...)
	for _, e := range entries {
		if err := c.Delete(e.Label); err != nil {
			t.Errorf("deleting %q: %v", e.Label, err)
		}
		if _, err := c.Key(e.Label); !errors.Is(err, kdb.ErrNotFound) {
			t.Errorf("the key of the deleted %q: %v", e.Label, err)
		}
	}
	s.expect(t, c)
	s.expect(t, s.reopen(t, c))
}

func (s *suite) twice(t *testing.T) {
	if s.AutoLabels {
		return
	}
	first := s.trustedEntry(t, "first", 300)
	second := first
	second.Label = "second"
	s.expect(t, s.with(t, first, second), first, second)
}

func (s *suite) many(t *testing.T) {
	var entries []kdb.Entry
	for i := range 150 {
		entries = append(entries, s.trustedEntry(t, fmt.Sprintf("entry %d", 150-i), int64(1000+i)))
	}
	c := s.with(t, entries...)
	s.expect(t, c, entries...)
	if err := c.Delete(entries[75].Label); err != nil {
		t.Error(err)
	}
	s.expect(t, s.reopen(t, c), append(append([]kdb.Entry{}, entries[:75]...), entries[76:]...)...)
}

func (s *suite) password(t *testing.T) {
	entries := s.entries()
	c := s.with(t, entries...)
	if sealer, ok := c.(keyfile.Sealer); ok {
		switch err := sealer.Reseal(); {
		case s.Public && errors.Is(err, kdb.ErrUnsupported):
			return
		case err != nil:
			t.Fatal(err)
		}
	}
	files := s.encode(t, c, []byte("battery staple"))
	again, err := s.decode(files, []byte("battery staple"))
	if err != nil {
		t.Fatalf("opening with the new password: %v", err)
	}
	s.expectSet(t, again, entries)
}

func (s *suite) wrongPassword(t *testing.T) {
	if s.Unprotected {
		return
	}
	files := s.encode(t, s.with(t, s.entries()...), s.Password)
	for _, wrong := range [][]byte{[]byte("wrong"), {}, append(bytes.Clone(s.Password), 'x')} {
		if _, err := s.decode(files, wrong); !errors.Is(err, kdb.ErrPassword) {
			t.Errorf("password %q: %v, want kdb.ErrPassword", wrong, err)
		}
	}
	noPassword := errors.New("nobody knows it")
	_, err := s.codec.Decode(files, keyfile.Passwords{Database: func() ([]byte, error) { return nil, noPassword }})
	if !errors.Is(err, noPassword) {
		t.Errorf("the error of the password is lost: %v", err)
	}
}

// damaged cuts the file and changes its bytes. What comes out is an error that callers know, or a container; never a panic.
func (s *suite) damaged(t *testing.T) {
	files := s.encode(t, s.with(t, s.entries()...), s.Password)
	step := max(len(files.Main)/60, 1)
	for i := 0; i < len(files.Main); i += step {
		s.tryDamaged(t, fmt.Sprintf("cut at byte %d", i), keyfile.Files{Main: files.Main[:i:i], Companions: files.Companions}, !s.Unprotected)
		flipped := bytes.Clone(files.Main)
		flipped[i] ^= 0x41
		s.tryDamaged(t, fmt.Sprintf("byte %d changed", i), keyfile.Files{Main: flipped, Companions: files.Companions}, false)
	}
}

func (s *suite) tryDamaged(t *testing.T, what string, files keyfile.Files, mustFail bool) {
	t.Helper()
	c, err := s.decode(files, s.Password)
	if err == nil {
		if mustFail {
			t.Errorf("%s: it opens nevertheless", what)
		}
		for _, e := range c.Entries() {
			_, _ = c.Key(e.Label)
		}
		c.Check(func(kdb.Problem) {})
		return
	}
	for _, known := range []error{kdb.ErrParse, kdb.ErrPassword, kdb.ErrCorrupt, kdb.ErrVersion, kdb.ErrUnsupported, kdb.ErrEncryption} {
		if errors.Is(err, known) {
			return
		}
	}
	t.Errorf("%s: an error of no kind that callers know: %v", what, err)
}

func (s *suite) defaults(t *testing.T) {
	if !s.Defaults {
		return
	}
	entries := s.entries()
	for _, label := range []string{"server", "lonely"} {
		for i := range entries {
			entries[i].Default = entries[i].Label == label
		}
		c := s.with(t, entries...)
		var got []string
		for _, e := range c.Entries() {
			if e.Default {
				got = append(got, e.Label)
			}
		}
		if len(got) != 1 || got[0] != label {
			t.Errorf("default entries %q, want %q", got, label)
		}
	}
}

func (s *suite) unsupported(t *testing.T) {
	full := &suite{Traits: s.Traits, codec: s.codec, material: s.material}
	full.Kinds = []kdb.Kind{kdb.KindTrusted, kdb.KindPersonal, kdb.KindRequest, kdb.KindSecretKey}
	c := s.new(t)
	for _, e := range full.entries() {
		if err := c.Put(e); !s.holds(e.Kind) && !errors.Is(err, kdb.ErrUnsupported) {
			t.Errorf("putting a %s: %v, want kdb.ErrUnsupported", e.Kind, err)
		}
	}
}
