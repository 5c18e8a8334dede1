package kdb

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
