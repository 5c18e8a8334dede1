package sealed

// defaultKDFMemory is the memory in MiB that one key derivation may take. budgetWork bounds the work of all slots that one password is
// tried with, in rounds of PBKDF2: sixteen slots as this package makes them, of either kind. A KiB that Argon2id fills counts as workPerKiB
// rounds.
const (
	defaultKDFMemory = 256
	budgetWork       = 16 * 600_000
	workPerKiB       = 3
)

// budget is the work that is left for trying a password. A file that somebody else made must not keep the processor busy for minutes, or
// take all memory.
type budget struct {
	memory uint32 // KiB, for one derivation
	work   uint64 // in all
}

func newBudget(mebibytes int) budget {
	if mebibytes <= 0 {
		mebibytes = defaultKDFMemory
	}
	memory := uint64(min(mebibytes, maxMemory>>10)) << 10
	return budget{memory: uint32(memory), work: budgetWork * memory / (defaultKDFMemory << 10)}
}

// take pays for a slot; false if it asks for more than there is.
func (b *budget) take(s *slot) bool {
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
