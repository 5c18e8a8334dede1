package kdb

import "context"

// Recovery is what was found in a damaged database. It is complete if nothing is missing and nothing was altered.
type Recovery struct {
	// Entries is the number that was copied, Expected the number that there should be; -1 if that is lost.
	Entries, Expected int
	// Verified says that the entries are exactly those of the last state. Otherwise each of them is genuine, but nothing proves that none was
	// removed or replaced before.
	Verified bool
	// Missing is what is lost: "label "web"", "audit log, records 3 to 9".
	Missing []Problem
	// Altered is what was copied, but not as it was.
	Altered []Problem
	// LeftOut is what was found and not copied, because it had been removed or replaced.
	LeftOut []Problem
}

// Complete reports whether everything was copied as it was.
func (r *Recovery) Complete() bool { return len(r.Missing)+len(r.Altered) == 0 }

// Salvager is a Database of which much can be read when parts of it are damaged.
type Salvager interface {
	// Salvage reads what can be read into memory. The error wraps ErrPassword, ErrCorrupt if nothing can be, or ErrUnsupported.
	Salvage(ctx context.Context) (Salvaged, error)
}

// Salvaged is what can be read of a damaged database.
type Salvaged struct {
	// Database has it, and can only be read. The caller closes it.
	Database
	// Damaged are the entries that are lost, or not as they were, in the order of their labels. What Database has of them is not whole.
	Damaged []DamagedEntry
	// Verified and Unnamed are how sure that is: whether the entries, the damaged ones included, are exactly those of the last state, and how
	// many more are lost without a trace of their labels.
	Verified bool
	Unnamed  int
}

// DamagedEntry is an entry of which something is lost.
type DamagedEntry struct{ Label, What string }
