package pbe

import (
	"fmt"
)

// Work is counted in rounds of SHA-1 or SHA-256, which take some 80 ns each: a round of the derivation of PKCS #12 is one, a
// round of PBKDF2 two.
const (
	// MaxWork bounds what one derivation may cost, and what those for one file may cost together: about a second.
	MaxWork = 16_000_000
	// UsualWork is the most that programs ask for unless they are told otherwise: the 600 000 iterations of PBKDF2 that [EncryptPKCS8] takes.
	UsualWork = 1_200_000
)

// Budget bounds what the derivations for one file may cost together, so that a file with many expensive keys, or several readings of
// a password, take no longer than one. A nil Budget bounds each derivation alone.
type Budget struct{ free, left int }

// NewBudget makes a budget of [MaxWork]. Of each derivation the first free rounds are not counted: with [UsualWork] a file may hold any
// number of keys as programs write them.
func NewBudget(free int) *Budget { return &Budget{free, MaxWork} }

// Spend takes the work of a derivation off the budget. The error wraps [ErrLimit].
func (b *Budget) Spend(work int) error {
	if work > MaxWork {
		return fmt.Errorf("%w: a key derivation as long as %d rounds of SHA-256, at most %d are done", ErrLimit, work, MaxWork)
	}
	if b == nil || work <= b.free {
		return nil
	}
	if work-b.free > b.left {
		return fmt.Errorf("%w: the key derivations of this file together take longer than %d rounds of SHA-256", ErrLimit, MaxWork)
	}
	b.left -= work - b.free
	return nil
}

// work is what deriving the keys of the scheme costs once.
func (s *scheme) work() int {
	size := s.cipher.keyLen
	if s.split {
		size += s.cipher.block
	}
	work := s.kdf.work(size)
	if !s.split && s.iv == nil && s.cipher.block > 0 {
		work += s.kdf.work(s.cipher.block)
	}
	return work
}

// work is that of all blocks of output (RFC 7292, appendix B.2).
func (k pkcs12KDF) work(size int) int { return k.rounds(size) }

// work is that of the one block that PBKDF1 can make.
func (k pbkdf1) work(int) int { return k.rounds(1) }

// work is that of all blocks of output. An HMAC hashes twice.
func (k pbkdf2KDF) work(size int) int { return 2 * k.rounds(size) }

// work is that of mixing 128·N·r·p bytes, 32 in a round, and of PBKDF2 before and after it, which counts where N is small.
func (k scryptKDF) work(int) int { return 4 * k.r * k.p * (k.n + 8) }

// rounds are the iterations of all blocks of output, by the cost of a round. [MaxIterations] and [maxMACKey] keep it small.
func (s salted) rounds(size int) int {
	u := s.digest.Size()
	return s.iterations * cost(s.digest) * ((size + u - 1) / u)
}
