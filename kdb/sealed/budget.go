package sealed

import (
	"crypto/cipher"
	"errors"
)

// defaultKDFMemory is the memory in MiB that one key derivation may take. budgetWork bounds the work of all derivations that one password
// is tried with, in rounds of PBKDF2: four as this package asks for, about a second. A KiB that Argon2id fills counts as workPerKiB rounds.
const (
	defaultKDFMemory = 256
	budgetWork       = 4 * 600_000
	workPerKiB       = 3
)

// budget is the work that is left for trying a password. A file that somebody else made must not keep the processor busy for minutes, or
// take all memory.
type budget struct {
	memory uint32 // KiB, for one derivation
	work   uint64 // in all
}

func newBudget(mebibytes int) *budget {
	if mebibytes <= 0 {
		mebibytes = defaultKDFMemory
	}
	memory := uint64(min(mebibytes, maxMemory>>10)) << 10
	return &budget{memory: uint32(memory), work: budgetWork * memory / (defaultKDFMemory << 10)}
}

// take pays for a derivation; false if it asks for more than there is.
func (b *budget) take(s *stretch) bool {
	var work uint64
	switch s.kdf {
	case kdfArgon2id:
		work = workPerKiB * uint64(s.memory) * uint64(s.passes)
	case kdfPBKDF2:
		work = uint64(s.passes)
	}
	if s.kdf == kdfArgon2id && s.memory > b.memory || work > b.work {
		return false
	}
	b.work -= work
	return true
}

// derivations are the keys that were derived from one secret. Slots with the same parameters and salt share one: FORMAT.md, "Key slots".
type derivations struct {
	secret []byte
	left   *budget // nil is no bound
	made   map[stretch][]byte
}

// errTooMuchWork says that there is not enough left of the budget for a derivation.
var errTooMuchWork = errors.New("too much work")

// aead is the cipher that seals the slot.
func (d *derivations) aead(s *slot) (cipher.AEAD, error) {
	key, ok := d.made[s.stretch]
	if !ok {
		if d.left != nil && !d.left.take(&s.stretch) {
			return nil, errTooMuchWork
		}
		var err error
		if key, err = s.derive(d.secret); err != nil {
			return nil, err
		}
		if d.made == nil {
			d.made = make(map[stretch][]byte)
		}
		d.made[s.stretch] = key
	}
	return newAEAD(key)
}

// forget clears the keys.
func (d *derivations) forget() {
	for _, key := range d.made {
		clear(key)
	}
	clear(d.made)
}
