package cms

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"hash"
	"sync"

	"certkdb/kdb"
)

// The header (FORMAT.md, section 2).
const (
	magic     = "7H" // 37 48
	fixedSize = 0x30 // what precedes the verifier
	// expiryOffset is where the time stands at which the password expires.
	expiryOffset = 4
	tagOffset    = 8
	saltOffset   = 0x18

	defaultSlot = 5000
	minSlot     = 16      // a slot has four numbers at least
	maxSlot     = 1 << 24 // no key is larger
)

// role says which of the three files one is.
type role int

const (
	roleKeys role = iota
	roleRequests
	roleCRL
)

var roles = [...]struct {
	tag, name, ext string
	kind           byte // the fourth byte of the file
}{
	roleKeys:     {"X509KEY\x00", "key database", ".kdb", 2},
	roleRequests: {"X509KYP\x00", "request database", extRequests, 1},
	roleCRL:      {"X509CRL\x00", "CRL database", extCRL, 1},
}

func (r role) String() string { return roles[r].name }

// roleOf finds the role by the tag of a header.
func roleOf(head []byte) (role, bool) {
	for i := range roles {
		if string(head[tagOffset:tagOffset+8]) == roles[i].tag {
			return role(i), true
		}
	}
	return 0, false
}

// version is one of the three layouts. They differ in the two codes of the header, and in how keys are sealed.
type version struct {
	number byte
	name   string // of the code
	size   int    // of each code
	// code computes a code over the parts.
	code func(password []byte, parts ...[]byte) []byte
	// seal encrypts a key under the password of the database.
	seal func(plain, password []byte) ([]byte, error)
}

var versions = sync.OnceValue(func() map[byte]*version {
	return map[byte]*version{
		3: {3, "MD5", md5.Size, appendedMD5, sealGSKit},
		4: {4, "HMAC-SHA-1", sha1.Size, keyed(sha1.New), sealGSKit},
		6: {6, "HMAC-SHA-384", sha512.Size384, keyed(sha512.New384), sealPBES2},
	}
})

// verifier is the code over the fixed part of the header (FORMAT.md, section 2.1).
func (v *version) verifier(password, fixed []byte) []byte { return v.code(password, fixed) }

// integrity is the code over the header up to itself and the slots (FORMAT.md, section 2.2).
func (v *version) integrity(password, head, slots []byte, slotSize int) []byte {
	if v.number != 3 {
		return v.code(password, head, slots)
	}
	sum := v.code(password, head)
	for ; len(slots) > 0; slots = slots[slotSize:] {
		subtle.XORBytes(sum, sum, v.code(password, slots[:slotSize]))
	}
	return sum
}

// headerSize is 80, 88 or 144.
func (v *version) headerSize() int { return fixedSize + 2*v.size }

func keyed(h func() hash.Hash) func([]byte, ...[]byte) []byte {
	return func(password []byte, parts ...[]byte) []byte {
		m := hmac.New(h, password)
		for _, p := range parts {
			m.Write(p)
		}
		return m.Sum(nil)
	}
}

// appendedMD5 is the code of version 3: the password follows what is hashed.
func appendedMD5(password []byte, parts ...[]byte) []byte {
	h := md5.New()
	for _, p := range parts {
		h.Write(p)
	}
	h.Write(password)
	return h.Sum(nil)
}

// file is one of the three files of a database.
type file struct {
	role     role
	version  *version
	raw      []byte // as it was read or last written; nil if it is to be written
	header   [fixedSize]byte
	slotSize int
	slots    []*slot
	found    *index // nil until it is needed
}

func newFile(r role, v *version) *file {
	f := &file{role: r, version: v, slotSize: defaultSlot}
	copy(f.header[:], magic)
	f.header[2], f.header[3] = v.number, roles[r].kind
	copy(f.header[tagOffset:], roles[r].tag)
	f.newSalt()
	return f
}

// newSalt fills the salt as GSKit has it: 23 bytes that are not zero, and a zero.
func (f *file) newSalt() {
	salt := f.header[saltOffset:]
	rand.Read(salt) // never fails (crypto/rand)
	for i := range salt {
		if salt[i] == 0 {
			salt[i] = 1
		}
	}
	salt[len(salt)-1] = 0
}

// parseFile takes a file apart. Nothing is verified yet.
func parseFile(data []byte, want role) (*file, error) {
	f, count, err := parseHeader(data, want)
	if err == nil {
		err = f.parseSlots(data[f.version.headerSize():], count)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the %s (%s): %w", want, roles[want].ext, err)
	}
	return f, nil
}

func parseHeader(data []byte, want role) (f *file, count int, err error) {
	if len(data) < fixedSize || string(data[:2]) != magic {
		return nil, 0, fmt.Errorf("%w: it has no CMS header", kdb.ErrParse)
	}
	r, ok := roleOf(data)
	if ok && r != want && want == roleKeys {
		return nil, 0, fmt.Errorf("%w, as its %s (%s); name the .kdb file, the others are found next to it", kdb.ErrCompanion, r, roles[r].ext)
	}
	if !ok || r != want {
		return nil, 0, fmt.Errorf("%w: its tag is %q, not %q", kdb.ErrParse, data[tagOffset:tagOffset+8], roles[want].tag)
	}
	v := versions()[data[2]]
	if v == nil {
		return nil, 0, fmt.Errorf("%w: CMS version %d; versions 3, 4 and 6 are known", kdb.ErrVersion, data[2])
	}
	if len(data) < v.headerSize() {
		return nil, 0, fmt.Errorf("%w: it has %d bytes, the header of version %d has %d", kdb.ErrParse, len(data), v.number, v.headerSize())
	}
	f = &file{role: r, version: v, raw: data}
	copy(f.header[:], data)
	size, n := binary.BigEndian.Uint32(data[0x10:]), binary.BigEndian.Uint32(data[0x14:])
	records := uint64(len(data) - v.headerSize())
	if size > maxSlot || n > 0 && size < minSlot || uint64(n)*uint64(size) != records {
		return nil, 0, fmt.Errorf("%w: the header says %d slots of %d bytes, there are %d bytes of slots", kdb.ErrParse, n, size, records)
	}
	f.slotSize = int(size)
	return f, int(n), nil
}

func (f *file) parseSlots(records []byte, count int) error {
	f.slots = make([]*slot, 0, count)
	for i := range count {
		raw := records[i*f.slotSize : (i+1)*f.slotSize : (i+1)*f.slotSize]
		if f.role == roleCRL {
			f.slots = append(f.slots, &slot{raw: raw}) // nothing is known of it
			continue
		}
		s, err := parseSlot(raw)
		if err != nil {
			return fmt.Errorf("slot %d of %d at offset %d: %w", i+1, count, f.version.headerSize()+i*f.slotSize, err)
		}
		f.slots = append(f.slots, s)
	}
	return nil
}

// verifies reports whether the password is that of the file.
func (f *file) verifies(password []byte) bool {
	return hmac.Equal(f.version.verifier(password, f.header[:]), f.raw[fixedSize:fixedSize+f.version.size])
}

// verify checks the integrity code with the right password.
func (f *file) verify(password []byte) error {
	at, end := fixedSize+f.version.size, f.version.headerSize()
	if !hmac.Equal(f.version.integrity(password, f.raw[:at], f.raw[end:], f.slotSize), f.raw[at:end]) {
		return fmt.Errorf(
			"verifying the %s (%s) by %s: %w: it was changed without the password",
			f.role,
			roles[f.role].ext,
			f.version.name,
			kdb.ErrCorrupt,
		)
	}
	return nil
}

// encode writes the file under a password. The slots must be sealed.
func (f *file) encode(password []byte) error {
	bodies, err := f.bodies()
	if err != nil {
		return err
	}
	binary.BigEndian.PutUint32(f.header[0x10:], uint32(f.slotSize))
	binary.BigEndian.PutUint32(f.header[0x14:], uint32(len(f.slots)))
	out := make([]byte, 0, f.version.headerSize()+len(f.slots)*f.slotSize)
	out = append(out, f.header[:]...)
	out = append(out, f.version.verifier(password, f.header[:])...)
	records := make([]byte, len(f.slots)*f.slotSize)
	for i, body := range bodies {
		copy(records[i*f.slotSize:(i+1)*f.slotSize], body)
	}
	out = append(out, f.version.integrity(password, out, records, f.slotSize)...)
	f.raw = append(out, records...)
	return nil
}

// bodies builds all slots and makes them larger if one needs it, as ML-DSA keys do. Untouched slots keep their bytes
// and are padded with zeros.
func (f *file) bodies() ([][]byte, error) {
	bodies := make([][]byte, len(f.slots))
	for i, s := range f.slots {
		var err error
		if bodies[i], err = s.body(); err != nil {
			return nil, fmt.Errorf("writing label %q: %w", s.label, err)
		}
		if n := len(bodies[i]); n > f.slotSize {
			f.slotSize = (n + defaultSlot - 1) / defaultSlot * defaultSlot
		}
	}
	if f.slotSize > maxSlot {
		return nil, fmt.Errorf("writing the %s: %w: a record of over %d bytes", f.role, kdb.ErrUnsupported, maxSlot)
	}
	return bodies, nil
}

func (f *file) remove(deleted *slot) {
	var kept []*slot
	for _, s := range f.slots {
		if s != deleted {
			kept = append(kept, s)
		}
	}
	f.slots = kept
	f.changed()
}

// removeHidden removes the requests that a received certificate of the label hid.
func (f *file) removeHidden(label string) {
	for _, s := range f.slots {
		if s.choice == choiceRequest && s.hidden != "" && s.label == label {
			f.remove(s)
		}
	}
}
