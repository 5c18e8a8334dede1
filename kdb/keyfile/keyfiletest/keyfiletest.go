// Package keyfiletest is the suite that every codec of package keyfile passes, alone and as a database in a file.
//
//	func TestCodec(t *testing.T) {
//		keyfiletest.Run(t, pkcs12.Codec(), keyfiletest.Traits{Kinds: …})
//	}
package keyfiletest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/kdbtest"
	"certkdb/kdb/keyfile"
)

// Traits say what a format can and cannot do.
type Traits struct {
	// Kinds are the kinds of entries that it holds.
	Kinds []kdb.Kind
	// Profile is the profile to test, "" for the default.
	Profile string
	// Password is the password to test with; nil means "correct horse".
	Password []byte
	// Unprotected: a wrong password does not show.
	Unprotected bool
	// FoldsCase: labels that differ in case alone are the same label.
	FoldsCase bool
	// Defaults: it keeps which entry is the default one.
	Defaults bool
	// PersonalTrust: an entry with a private key can be trusted.
	PersonalTrust bool
	// Distrust: it keeps that a certificate is not trusted.
	Distrust bool
	// NoChains: the certificates of a chain become entries of their own. The suite tests without chains then.
	NoChains bool
	// AutoLabels: it keeps no labels, so that they are those of kdb.AutoLabel.
	AutoLabels bool
	// Public: it holds nothing that a password protects.
	Public bool
	// ASCII: labels are of printable ASCII characters only.
	ASCII bool
	// MaxLabel is the longest label in bytes, if it is less than kdb.MaxLabel.
	MaxLabel int
	// SecretKey is the algorithm of a secret key of 16 bytes that it holds; "" is "AES".
	SecretKey string
	// Encryption is what a private key of a written file is encrypted with, as KeyProtection begins to say it.
	Encryption string
}

func (tr Traits) holds(k kdb.Kind) bool { return slices.Contains(tr.Kinds, k) }

// Run runs the suite.
func Run(t *testing.T, codec keyfile.Codec, traits Traits) {
	t.Helper()
	if traits.Password == nil {
		traits.Password = []byte("correct horse")
	}
	s := &suite{codec: codec, Traits: traits, material: newMaterial(t)}
	for _, test := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"an empty container", s.empty},
		{"every kind of entry comes back", s.roundTrip},
		{"labels of all sorts", s.labels},
		{"an entry is replaced", s.replace},
		{"an entry keeps its key", s.keepKey},
		{"how keys are encrypted", s.protection},
		{"a forged issuer", s.forged},
		{"an entry is renamed", s.rename},
		{"an entry is deleted", s.delete},
		{"a certificate under two labels", s.twice},
		{"many entries keep their order", s.many},
		{"another password", s.password},
		{"a wrong password", s.wrongPassword},
		{"damaged files", s.damaged},
		{"the default entry", s.defaults},
		{"a kind that the format does not hold", s.unsupported},
		{"a database: created, changed, reopened", s.database},
		{"a database: nothing changed, nothing written", s.unchanged},
		{"a database: wrong password", s.databaseWrongPassword},
		{"a database: failed changes leave it alone", s.failedChange},
		{"a database: writers at once", s.writers},
		{"a database: its password changes", s.changePassword},
		{"a database: its stash", s.stash},
	} {
		t.Run(strings.ReplaceAll(test.name, " ", "_"), func(t *testing.T) {
			t.Parallel()
			test.run(t)
		})
	}
	if traits.holds(kdb.KindPersonal) && !traits.AutoLabels {
		t.Run("as_every_database", s.asDatabase)
	}
}

// asDatabase runs the suite of all databases.
func (s *suite) asDatabase(t *testing.T) {
	t.Parallel()
	kdbtest.Run(t, kdbtest.Subject{
		New: func(t *testing.T) kdb.Database { return s.create(t, s.path(t)) },
		Reopen: func(t *testing.T, db kdb.Database) kdb.Database {
			info, err := db.Info(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return s.open(t, info.Location, s.Password)
		},
		NoDefault: !s.Defaults, NoPersonalTrust: !s.PersonalTrust, NoDistrust: !s.Distrust, FoldsCase: s.FoldsCase,
		NoRequests: !s.holds(kdb.KindRequest), NoTrusted: !s.holds(kdb.KindTrusted),
	})
}

// suite is a codec under test.
type suite struct {
	Traits
	codec    keyfile.Codec
	material *material
}

// entries returns one entry of each kind that the format holds.
func (s *suite) entries() []kdb.Entry {
	m := s.material
	var list []kdb.Entry
	for _, e := range []kdb.Entry{
		{Label: "root", Kind: kdb.KindTrusted, Trusted: true, Certificates: [][]byte{m.root}},
		{Label: "server", Kind: kdb.KindPersonal, Certificates: [][]byte{m.leaf, m.sub, m.root}, Key: m.leafKey},
		{Label: "lonely", Kind: kdb.KindPersonal, Certificates: [][]byte{m.other}, Key: m.otherKey},
		{Label: "pending", Kind: kdb.KindRequest, Request: m.request, Key: m.requestKey},
		{Label: "secret", Kind: kdb.KindSecretKey, Key: []byte("0123456789abcdef"), KeyAlgorithm: s.secretAlgorithm()},
	} {
		if s.NoChains && len(e.Certificates) > 1 {
			e.Certificates = e.Certificates[:1]
		}
		if s.AutoLabels {
			e.Label = kdb.AutoLabel(&e)
		}
		if s.holds(e.Kind) {
			list = append(list, e)
		}
	}
	return list
}

func (s *suite) secretAlgorithm() string {
	if s.SecretKey == "" {
		return "AES"
	}
	return s.SecretKey
}

func (s *suite) new(t testing.TB) keyfile.Container {
	t.Helper()
	c, err := s.codec.New(s.Profile)
	if err != nil {
		t.Fatalf("making an empty container: %v", err)
	}
	return c
}

// with returns a container that was encoded and decoded with the entries in it.
func (s *suite) with(t testing.TB, entries ...kdb.Entry) keyfile.Container {
	t.Helper()
	c := s.new(t)
	for _, e := range entries {
		put(t, c, e)
	}
	return s.reopen(t, c)
}

func put(t testing.TB, c keyfile.Container, e kdb.Entry) {
	t.Helper()
	if err := c.Put(e); err != nil {
		t.Fatalf("putting %q: %v", e.Label, err)
	}
}

func (s *suite) encode(t testing.TB, c keyfile.Container, password []byte) keyfile.Files {
	t.Helper()
	files, err := c.Encode(password)
	if err != nil {
		t.Fatalf("encoding: %v", err)
	}
	return files
}

func (s *suite) decode(files keyfile.Files, password []byte) (keyfile.Container, error) {
	return s.codec.Decode(files, keyfile.Passwords{Database: func() ([]byte, error) { return bytes.Clone(password), nil }})
}

func (s *suite) reopen(t testing.TB, c keyfile.Container) keyfile.Container {
	t.Helper()
	files := s.encode(t, c, s.Password)
	if !s.codec.Matches(files.Main[:min(len(files.Main), 4096)]) {
		t.Errorf("the codec does not recognise what it wrote")
	}
	again, err := s.decode(files, s.Password)
	if err != nil {
		t.Fatalf("decoding what was encoded: %v", err)
	}
	return again
}

// expect compares a container with what should be in it, keys included, in this order.
func (s *suite) expect(t testing.TB, c keyfile.Container, want ...kdb.Entry) {
	t.Helper()
	got := c.Entries()
	if len(got) != len(want) {
		t.Errorf("%d entries, want %d: %s", len(got), len(want), names(got))
		return
	}
	for i := range want {
		if err := s.compare(c, got[i], want[i]); err != nil {
			t.Errorf("entry %d: %v", i+1, err)
		}
	}
}

func (s *suite) compare(c keyfile.Container, got, want kdb.Entry) error {
	sameLabel := got.Label == want.Label || s.FoldsCase && strings.EqualFold(got.Label, want.Label)
	switch {
	case !sameLabel:
		return fmt.Errorf("label %q, want %q", got.Label, want.Label)
	case got.Kind != want.Kind:
		return fmt.Errorf("%q is of kind %s, want %s", got.Label, got.Kind, want.Kind)
	case !slices.EqualFunc(got.Certificates, want.Certificates, bytes.Equal):
		return fmt.Errorf("%q has %d certificates, want the %d that were put", got.Label, len(got.Certificates), len(want.Certificates))
	case !bytes.Equal(got.Request, want.Request):
		return fmt.Errorf("%q has another request", got.Label)
	case got.Trusted != want.Trusted:
		return fmt.Errorf("%q is trusted: %v, want %v", got.Label, got.Trusted, want.Trusted)
	case len(got.Key) > 0:
		return fmt.Errorf("%q has its key, which only Key may give", got.Label)
	}
	key, err := c.Key(got.Label)
	if len(want.Key) == 0 {
		if !errors.Is(err, kdb.ErrNotFound) {
			return fmt.Errorf("the key of %q, which has none: %v, want kdb.ErrNotFound", got.Label, err)
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("the key of %q: %w", got.Label, err)
	}
	if !bytes.Equal(key, want.Key) {
		return fmt.Errorf("the key of %q is another one: %d bytes, want %d", got.Label, len(key), len(want.Key))
	}
	return nil
}

func names(entries []kdb.Entry) string {
	var list []string
	for _, e := range entries {
		list = append(list, fmt.Sprintf("%s %q", e.Kind, e.Label))
	}
	return strings.Join(list, ", ")
}
