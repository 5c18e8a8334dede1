package sealed

// defaultKDFMemory is the memory in MiB that one key derivation may take. budgetPasses is how often the slots that one password is tried
// with may fill it in all: sixteen slots as this package makes them, about a second on a machine of some cores. budgetRounds is the
// same for PBKDF2.
const (
	defaultKDFMemory = 256
	budgetPasses     = 12
	budgetRounds     = 16 * 600_000
)

// budget is the work that is left for trying a password. A file that somebody else made must not keep the processor busy for minutes, or
// take all memory.
type budget struct {
	memory uint32 // KiB, for one derivation
	fill   uint64 // KiB filled, in all
	rounds uint64 // of PBKDF2, in all
}

func newBudget(mebibytes int) budget {
	if mebibytes <= 0 {
		mebibytes = defaultKDFMemory
	}
	memory := uint64(min(mebibytes, maxMemory>>10)) << 10
	return budget{
		memory: uint32(memory), fill: budgetPasses * memory, rounds: budgetRounds * memory / (defaultKDFMemory << 10),
	}
}

// take pays for a slot; false if it asks for more than there is.
func (b *budget) take(s *slot) bool {
	switch s.kdf {
	case kdfArgon2id:
		cost := uint64(s.memory) * uint64(s.passes)
		if s.memory > b.memory || cost > b.fill {
			return false
		}
		b.fill -= cost
	case kdfPBKDF2:
		if uint64(s.passes) > b.rounds {
			return false
		}
		b.rounds -= uint64(s.passes)
	}
	return true
}
