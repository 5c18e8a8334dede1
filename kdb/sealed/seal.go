package sealed

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"hash"
	"sync"

	"certkdb/kdb"
)

const keySize = 32 // AES-256 and HMAC-SHA-256

// sealVersion is the first byte of every sealed record; sealOverhead is what sealing adds: version, nonce, tag.
const (
	sealVersion  = 1
	sealOverhead = 1 + 12 + 16
)

// maxSeals bounds the records sealed under one master key: NIST SP 800-38D, 8.3, allows 2^32 random nonces.
const maxSeals = 1 << 32

// keys is the master key of a database with what is derived from it.
type keys struct {
	meta     meta
	slot     uint32 // that was opened, and its name
	slotName string
	master   []byte
	record   cipher.AEAD // summaries, certificates, private keys, log
	head     cipher.AEAD
	digest   []byte // HMAC key
	audit    []byte // HMAC key
	index    []byte // HMAC key

	mu      sync.Mutex
	users   int
	retired chan struct{} // closed when the keys are cleared; nil while they may be acquired
}

// use counts a user of the keys, who releases them.
func (k *keys) use() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.users++
}

func (k *keys) release() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.users--; k.users == 0 && k.retired != nil {
		k.forget()
	}
}

// retire clears the keys as soon as nobody uses them any more; the channel is closed then. Nobody may begin to use them from now on.
func (k *keys) retire() <-chan struct{} {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.retired = make(chan struct{})
	if k.users == 0 {
		k.forget()
	}
	return k.retired
}

// newMaster returns a random master key.
func newMaster() []byte {
	master := make([]byte, keySize)
	rand.Read(master) // never fails
	return master
}

// deriveKeys makes the subkeys of a master key.
func deriveKeys(m meta, master []byte) (*keys, error) {
	k := &keys{meta: m, master: master}
	var err error
	derive := func(name string) (key []byte) {
		if err == nil {
			key, err = subkey(&m, master, name)
		}
		return key
	}
	aead := func(key []byte) (a cipher.AEAD) {
		if err == nil {
			a, err = newAEAD(key)
		}
		return a
	}
	k.record, k.head = aead(derive("record")), aead(derive("head"))
	k.digest, k.audit, k.index = derive("digest"), derive("audit"), derive("index")
	if err != nil {
		return nil, fmt.Errorf("deriving keys: %w", err)
	}
	return k, nil
}

// subkey is HKDF-SHA-256 (RFC 5869) of the master key with the database id as salt.
func subkey(m *meta, master []byte, name string) ([]byte, error) {
	return hkdf.Key(sha256.New, master, m.id[:], "certkdb v1 "+name, keySize)
}

func newAEAD(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// forget overwrites what can be overwritten.
func (k *keys) forget() {
	clear(k.master)
	clear(k.digest)
	clear(k.audit)
	clear(k.index)
	close(k.retired)
}

// boundLen is the length of the associated data without the key of the record.
const boundLen = len(magic) + 2 + 16

// bind is the associated data of a record: magic, format version, database id, key of the record.
func (m *meta) bind(key string) []byte {
	e := encoder{make([]byte, 0, boundLen+len(key))}
	e.raw([]byte(magic))
	e.u16(formatVersion)
	e.raw(m.id[:])
	e.raw([]byte(key))
	return e.b
}

// seal returns version | nonce | ciphertext | tag.
func seal(aead cipher.AEAD, plain, bound []byte) []byte {
	out := make([]byte, 1, sealOverhead+len(plain))
	out[0] = sealVersion
	return aead.Seal(out, nil, plain, bound)
}

// open is the inverse of seal.
func open(aead cipher.AEAD, sealed, bound []byte) ([]byte, error) {
	return openInto(nil, aead, sealed, bound)
}

// openInto is open into a buffer, which is made longer if need be.
func openInto(buffer []byte, aead cipher.AEAD, sealed, bound []byte) ([]byte, error) {
	if len(sealed) < sealOverhead {
		return nil, fmt.Errorf("%w: the record was cut off", kdb.ErrCorrupt)
	}
	if sealed[0] != sealVersion {
		return nil, fmt.Errorf("%w: the record begins with version %d, not %d", kdb.ErrCorrupt, sealed[0], sealVersion)
	}
	plain, err := aead.Open(buffer[:0], nil, sealed[1:], bound)
	if err != nil {
		return nil, fmt.Errorf("%w: the seal does not open: the record was changed, or moved from elsewhere", kdb.ErrCorrupt)
	}
	return plain, nil
}

// digester computes the digest of a set of records: the XOR of a keyed hash of each.
type digester struct {
	mac     hash.Hash
	scratch []byte
}

func (k *keys) digester() digester {
	return digester{hmac.New(sha256.New, k.digest), make([]byte, 0, 512)}
}

// toggle adds a record to the digest, or takes it out if it is in it.
func (d digester) toggle(digest *[32]byte, key string, value []byte) {
	e := encoder{d.scratch[:0]}
	e.u16(uint16(len(key)))
	e.b = append(e.b, key...)
	d.mac.Reset()
	d.mac.Write(e.b)
	d.mac.Write(value)
	mix(digest, [32]byte(d.mac.Sum(d.scratch[:0])))
}
