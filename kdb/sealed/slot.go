package sealed

import (
	"crypto/fips140"
	"crypto/hkdf"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"

	"certkdb/kdb"
)

// The kinds of key slots.
const (
	slotPassword = 1 // of a person
	slotStash    = 2
	slotSecret   = 3 // a password of 256 random bits
)

// The key derivations of key slots.
const (
	kdfArgon2id = 1 // RFC 9106
	kdfPBKDF2   = 2 // RFC 8018, 5.2, with HMAC-SHA-256
	kdfHKDF     = 3 // RFC 5869 with SHA-256: for what is random already
)

// Bounds of the parameters in a slot. They are checked before any work, so that a slot that was tampered with
// neither exhausts the machine nor weakens the password.
const (
	minMemory, maxMemory = 64, 1 << 20 // KiB
	minPasses, maxPasses = 1, 32
	minLanes, maxLanes   = 1, 16
	maxWork              = 4 << 20 // KiB × passes: 4 GiB filled
	minRounds, maxRounds = 1000, 5_000_000
	maxSlots             = 16
)

// slot is a key slot: how to derive a key from a secret, and the master key sealed under it.
type slot struct {
	stretch
	created time.Time
	name    string
	by      string // user@host of who made it
	wrapped []byte // nonce | master key | tag
}

// stretch is how the key of a slot comes from its secret. Slots that have it in common have the same key for the same secret.
type stretch struct {
	kind, kdf, lanes uint8
	memory           uint32 // KiB
	passes           uint32 // rounds of PBKDF2
	salt             [16]byte
}

// alike says whether two stretches differ in their salts at most, and belong to passwords.
func (s *stretch) alike(o *stretch) bool {
	salted := *s
	salted.salt = o.salt
	return s.kind == slotPassword && salted == *o
}

const (
	slotClear   = 1 + 3 + 4 + 4 + 8 + 16 // version to salt; name and maker follow
	wrappedSize = 12 + keySize + 16
)

// maxSlotName and maxSlotBy bound what a slot says in clear.
const maxSlotName, maxSlotBy = 64, 255

// CheckSlotName refuses what cannot name a key slot: what is no label, is longer than 64 bytes, or could be a slot's number.
func CheckSlotName(name string) error {
	err := kdb.CheckLabel(name)
	if err == nil && (len(name) > maxSlotName || strings.Trim(name, "0123456789") == "") {
		err = fmt.Errorf("%w: %q: the name of a key slot has at most %d bytes, and not digits alone", kdb.ErrLabel, name, maxSlotName)
	}
	return err
}

// passwordKind is the kind of slot for a password of which a slot of the given cost is to be made.
func passwordKind(cost kdb.Cost) uint8 {
	if cost == kdb.CostRandom {
		return slotSecret
	}
	return slotPassword
}

// newSlot returns an empty slot of a kind with a new salt. It has no name yet.
func newSlot(kind uint8, cost kdb.Cost) *slot {
	s := &slot{stretch: stretch{kind: kind}}
	rand.Read(s.salt[:]) // never fails
	switch {
	case kind == slotStash || kind == slotSecret:
		s.kdf = kdfHKDF
	case fips140.Enabled() && cost == kdb.CostTest:
		s.kdf, s.passes = kdfPBKDF2, minRounds
	case fips140.Enabled(): // Argon2 is not approved; the rounds are OWASP's for this hash
		s.kdf, s.passes = kdfPBKDF2, 600_000
	case cost == kdb.CostTest:
		s.kdf, s.memory, s.passes, s.lanes = kdfArgon2id, minMemory, minPasses, minLanes
	default: // RFC 9106, 4: the second recommended option
		s.kdf, s.memory, s.passes, s.lanes = kdfArgon2id, 64<<10, 3, 4
	}
	return s
}

// newSlot returns an empty slot that is made now. It says who makes it, cut to the length that is allowed.
func (db *Database) newSlot(kind uint8, cost kdb.Cost) *slot {
	s := newSlot(kind, cost)
	s.created, s.by = db.now(), call(db.o.User)
	if host := call(db.o.Host); host != "" {
		s.by += "@" + host
	}
	s.by = strings.ToValidUTF8(s.by[:min(len(s.by), maxSlotBy)], "")
	return s
}

func (s *slot) clearPart() []byte {
	e := encoder{make([]byte, 0, slotClear+2+len(s.name)+len(s.by)+wrappedSize)}
	e.u8(formatVersion)
	e.u8(s.kind)
	e.u8(s.kdf)
	e.u8(s.lanes)
	e.u32(s.memory)
	e.u32(s.passes)
	e.u64(uint64(s.created.Unix()))
	e.raw(s.salt[:])
	e.string(s.name)
	e.string(s.by)
	return e.b
}

func (s *slot) encode() []byte { return append(s.clearPart(), s.wrapped...) }

func decodeSlot(b []byte) (*slot, error) {
	d := decoder{b: b}
	if version := d.u8(); d.err == nil && version != formatVersion {
		return nil, fmt.Errorf("%w: a slot of version %d", kdb.ErrVersion, version)
	}
	s := &slot{stretch: stretch{kind: d.u8(), kdf: d.u8(), lanes: d.u8(), memory: d.u32(), passes: d.u32()}}
	s.created = time.Unix(int64(d.u64()), 0).UTC()
	copy(s.salt[:], d.fixed(16))
	s.name, s.by = d.string(), d.string()
	s.wrapped = append([]byte(nil), d.fixed(wrappedSize)...)
	if err := d.end(); err != nil {
		return nil, err
	}
	if CheckSlotName(s.name) != nil || len(s.by) > maxSlotBy || !utf8.ValidString(s.by) {
		return nil, fmt.Errorf("%w: a slot whose name is no name", kdb.ErrCorrupt)
	}
	return s, s.checkBounds()
}

func (s *stretch) checkBounds() error {
	switch {
	case (s.kind == slotStash || s.kind == slotSecret) && s.kdf == kdfHKDF:
		return nil
	case s.kind != slotPassword || s.kdf != kdfArgon2id && s.kdf != kdfPBKDF2:
		return fmt.Errorf("%w: a slot of kind %d with key derivation %d", kdb.ErrVersion, s.kind, s.kdf)
	case s.kdf == kdfPBKDF2:
		return within("rounds of PBKDF2", s.passes, minRounds, maxRounds)
	}
	if err := within("KiB of Argon2id", s.memory, max(minMemory, 8*uint32(s.lanes)), maxMemory); err != nil {
		return err
	}
	if err := within("passes of Argon2id", s.passes, minPasses, maxPasses); err != nil {
		return err
	}
	if err := within("lanes of Argon2id", uint32(s.lanes), minLanes, maxLanes); err != nil {
		return err
	}
	return within("KiB of Argon2id in all passes", s.memory*s.passes, 0, maxWork)
}

func within(what string, value, low, high uint32) error {
	if value >= low && value <= high {
		return nil
	}
	return fmt.Errorf("%w: %d %s, %d to %d are allowed", kdb.ErrCorrupt, value, what, low, high)
}

// describe is SlotInfo.KDF.
func (s *stretch) describe() string {
	switch s.kdf {
	case kdfArgon2id:
		return fmt.Sprintf("argon2id (%s, %d passes, %d lanes)", kibibytes(s.memory), s.passes, s.lanes)
	case kdfPBKDF2:
		return fmt.Sprintf("pbkdf2-hmac-sha256 (%d rounds)", s.passes)
	}
	return "hkdf-sha256"
}

func kibibytes(n uint32) string {
	if n%1024 == 0 {
		return fmt.Sprintf("%d MiB", n/1024)
	}
	return fmt.Sprintf("%d KiB", n)
}

func (s *stretch) kindName() string {
	switch s.kind {
	case slotPassword:
		return "password"
	case slotStash:
		return "stash"
	case slotSecret:
		return "secret"
	}
	return fmt.Sprintf("kind %d", s.kind)
}

// derive makes the key that wraps the master key.
func (s *stretch) derive(secret []byte) ([]byte, error) {
	switch s.kdf {
	case kdfArgon2id:
		return argon2.IDKey(secret, s.salt[:], s.passes, s.memory, s.lanes, keySize), nil
	case kdfPBKDF2:
		return pbkdf2.Key(sha256.New, string(secret), s.salt[:], int(s.passes), keySize)
	}
	return hkdf.Key(sha256.New, secret, s.salt[:], "certkdb v1 "+s.kindName(), keySize)
}

// bound is the associated data of a slot's seal: whose slot it is, and all its parameters.
func (s *slot) bound(m *meta, id uint32) []byte {
	return append(m.bind(slotKey(id)), s.clearPart()...)
}

// wrap seals the master key under the secret. The key is derived once: see FORMAT.md, "Key slots".
func (s *slot) wrap(m *meta, id uint32, secret, master []byte) error {
	d := derivations{secret: secret}
	defer d.forget()
	return s.wrapBy(m, id, &d, master)
}

// wrapBy seals the master key under the key that is derived from the secret.
func (s *slot) wrapBy(m *meta, id uint32, d *derivations, master []byte) error {
	aead, err := d.aead(s)
	if err != nil {
		return err
	}
	s.wrapped = aead.Seal(nil, nil, master, s.bound(m, id))
	return nil
}

// unwrap opens the slot with a secret; kdb.ErrPassword if it does not.
func (s *slot) unwrap(m *meta, id uint32, secret []byte) ([]byte, error) {
	d := derivations{secret: secret}
	defer d.forget()
	return s.unwrapBy(m, id, &d)
}

// unwrapBy opens the slot with the key that is derived from the secret; kdb.ErrPassword if it does not.
func (s *slot) unwrapBy(m *meta, id uint32, d *derivations) ([]byte, error) {
	aead, err := d.aead(s)
	if err != nil {
		return nil, err
	}
	master, err := aead.Open(nil, nil, s.wrapped, s.bound(m, id))
	if err != nil {
		return nil, kdb.ErrPassword
	}
	return master, nil
}
