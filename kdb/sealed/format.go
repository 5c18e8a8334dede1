package sealed

import (
	"crypto/sha256"
	"fmt"
	"math"
	"strings"
	"time"

	"certkdb/kdb"
)

// formatVersion is the version of everything that FORMAT.md describes.
const formatVersion = 1

// magic begins the meta record and all associated data.
const magic = "certkdb\x00"

// The keys of the records.
const (
	keyMeta       = "meta"
	keyHead       = "head"
	keyCount      = "count"
	prefixSlot    = "slot/" // and 8 hexadecimal digits
	prefixLog     = "l/"    // and 16 hexadecimal digits
	prefixSummary = "s/"    // and the label
	prefixCerts   = "c/"    // and the label
	prefixKey     = "k/"    // and the label
	prefixIssued  = "i/"    // and 64 hexadecimal digits of the issuer, a slash, the serial number
	prefixRevoked = "r/"    // and the same
	prefixIssuer  = "n/"    // and 64 hexadecimal digits of the issuer
	prefixIndex   = "x/"    // and 40 hexadecimal digits of the last spot in the block
)

func slotKey(id uint32) string { return fmt.Sprintf(prefixSlot+"%08x", id) }

// logKey is fmt.Sprintf("l/%016x"), which is too slow for a hundred thousand records.
func logKey(sequence uint64) string {
	const digits = "0123456789abcdef"
	b := [len(prefixLog) + 16]byte{0: 'l', 1: '/'}
	for i := len(b) - 1; i >= len(prefixLog); i-- {
		b[i] = digits[sequence&15]
		sequence >>= 4
	}
	return string(b[:])
}

// meta is the record in clear that makes a store a database.
type meta struct {
	id      [16]byte
	keyID   [8]byte // changes with the master key
	created time.Time
}

// metaSize is the length of an encoded meta record: magic, version, id, key id, created, checksum.
const metaSize = len(magic) + 2 + 16 + 8 + 8 + 8

func (m *meta) encode() []byte {
	e := encoder{make([]byte, 0, metaSize)}
	e.raw([]byte(magic))
	e.u16(formatVersion)
	e.raw(m.id[:])
	e.raw(m.keyID[:])
	e.u64(uint64(m.created.Unix()))
	sum := sha256.Sum256(e.b)
	e.raw(sum[:8])
	return e.b
}

func decodeMeta(b []byte) (meta, error) {
	d := decoder{b: b}
	var m meta
	if string(d.fixed(uint64(len(magic)))) != magic {
		return m, fmt.Errorf("%w: the meta record has no magic number", kdb.ErrCorrupt)
	}
	// The checksum ends the record in every version, so that a damaged version number does not look like a new one.
	if want := sha256.Sum256(b[:len(b)-min(8, len(b))]); !strings.HasSuffix(string(b), string(want[:8])) {
		return m, fmt.Errorf("%w: the checksum of the meta record is wrong", kdb.ErrCorrupt)
	}
	if version := d.u16(); d.err == nil && version != formatVersion {
		return m, fmt.Errorf("%w: format %d, this program knows %d", kdb.ErrVersion, version, formatVersion)
	}
	copy(m.id[:], d.fixed(16))
	copy(m.keyID[:], d.fixed(8))
	m.created = time.Unix(int64(d.u64()), 0).UTC()
	d.fixed(8)
	if err := d.end(); err != nil {
		return m, fmt.Errorf("meta record: %w", err)
	}
	return m, nil
}

// head is the sealed record that vouches for all others.
type head struct {
	generation   uint64 // counts the transactions that changed something
	entries      uint64
	seals        uint64   // made with the current master key; see maxSeals
	digest       [32]byte // of all summaries, each of which vouches for the other records of its label
	issuers      [32]byte // digest of the issuers' records, each of which vouches for what was issued and revoked
	index        [32]byte // digest of the records of the index
	logSeq       uint64   // of the last log record
	logChain     [32]byte // chain value after it
	meta         [32]byte // SHA-256 of the meta record
	lastSlot     uint32   // the highest slot id ever used
	slots        []slotHash
	defaultLabel string // label of the default entry
}

// slotHash is the SHA-256 of a slot record.
type slotHash struct {
	id  uint32
	sum [32]byte
}

func (h *head) encode() []byte {
	e := encoder{make([]byte, 0, 256)}
	e.u8(formatVersion)
	e.u64(h.generation)
	e.u64(h.entries)
	e.u64(h.seals)
	e.raw(h.digest[:])
	e.raw(h.issuers[:])
	e.raw(h.index[:])
	e.u64(h.logSeq)
	e.raw(h.logChain[:])
	e.raw(h.meta[:])
	e.u32(h.lastSlot)
	e.uvarint(uint64(len(h.slots)))
	for _, s := range h.slots {
		e.u32(s.id)
		e.raw(s.sum[:])
	}
	e.string(h.defaultLabel)
	return e.b
}

func decodeHead(b []byte) (head, error) {
	d := decoder{b: b}
	if version := d.u8(); d.err == nil && version != formatVersion {
		return head{}, fmt.Errorf("%w %d", kdb.ErrVersion, version)
	}
	h := head{
		generation: d.u64(), entries: d.u64(), seals: d.u64(), digest: d.hash(), issuers: d.hash(), index: d.hash(),
		logSeq: d.u64(), logChain: d.hash(), meta: d.hash(), lastSlot: d.u32(),
	}
	for range d.length() {
		h.slots = append(h.slots, slotHash{d.u32(), d.hash()})
		if d.err != nil {
			break
		}
	}
	h.defaultLabel = d.string()
	return h, d.end()
}

// encodeCount and decodeCount are the record with the number of entries, for those who have no password: the head's number counts.
func encodeCount(n uint64) []byte {
	var e encoder
	e.u8(formatVersion)
	e.u64(n)
	return e.b
}

func decodeCount(b []byte) (uint64, error) {
	d := decoder{b: b}
	if version := d.u8(); d.err == nil && version != formatVersion {
		return 0, fmt.Errorf("%w %d", kdb.ErrVersion, version)
	}
	n := d.u64()
	if n > math.MaxInt32 {
		d.fail("a number out of range")
	}
	return n, d.end()
}
