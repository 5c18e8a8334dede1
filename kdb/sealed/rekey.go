package sealed

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"

	"certkdb/kdb"
	"certkdb/kdb/store"
)

// Rekey says how to give a database a new master key.
type Rekey struct {
	// Passwords open the password slots that are to be kept.
	Passwords [][]byte
	// Drop removes the slots that cannot be kept because nothing opens them; without it they are an error.
	Drop bool
	// Cost is that of the slots' new key derivation.
	Cost kdb.Cost
}

// Rekey makes a new master key and seals every record under it, all or nothing. Where the store can be rewritten nothing
// sealed under the old key is left in it; copies that were made before are what they were.
func (db *Database) Rekey(ctx context.Context, r Rekey) error {
	old, err := db.unlocked(ctx)
	if err != nil {
		return err
	}
	m := old.meta
	rand.Read(m.keyID[:]) // never fails
	fresh, err := deriveKeys(m, newMaster())
	if err != nil {
		return err
	}
	raws, slots, err := db.rewrap(ctx, old, fresh, r)
	if err != nil {
		return fmt.Errorf("rekeying %q: %w", db.location, err)
	}
	job := func(stx store.Tx, put func(string, []byte) error) error {
		return db.rekey(ctx, stx, put, old, fresh, raws, slots)
	}
	if st, ok := db.store.(store.Rewriter); ok {
		err = st.Rewrite(ctx, job)
	}
	if _, ok := db.store.(store.Rewriter); !ok || errors.Is(err, kdb.ErrUnsupported) {
		err = db.store.Update(ctx, func(stx store.Tx) error { return inPlace(stx, job) })
	}
	if err != nil {
		return db.name(err)
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	db.keys = fresh
	old.forget()
	return nil
}

// inPlace runs a job that makes all records anew in a transaction that changes them.
func inPlace(stx store.Tx, job func(store.Tx, func(string, []byte) error) error) error {
	var removed []string
	for record, err := range stx.Scan(prefixSlot, "") {
		if err != nil {
			return err
		}
		removed = append(removed, record.Key)
	}
	made := make(map[string][]byte)
	if err := job(stx, func(key string, value []byte) error { made[key] = value; return nil }); err != nil {
		return err
	}
	for _, key := range removed {
		if err := stx.Delete(key); err != nil {
			return err
		}
	}
	for key, value := range made {
		if err := stx.Put(key, value); err != nil {
			return err
		}
	}
	return nil
}

// rewrap makes the new slots out of those there are: the secret that opens a slot opens the new one too. raws are the
// old slots as they were stored.
func (db *Database) rewrap(ctx context.Context, old, fresh *keys, r Rekey) (raws [][]byte, kept map[uint32]*slot, err error) {
	var list []storedSlot
	err = db.store.View(ctx, func(stx store.Tx) (err error) { list, err = readSlots(stx); return err })
	if err != nil {
		return nil, nil, err
	}
	kept = make(map[uint32]*slot)
	var lost []string
	for _, s := range list {
		raws = append(raws, s.raw)
		secret, found := db.secretOf(old, &s, r.Passwords)
		if !found {
			lost = append(lost, fmt.Sprintf("%d (%s)", s.id, s.info().Kind))
			continue
		}
		made := newSlot(s.slot.kind, r.Cost, s.slot.created)
		if err := made.wrap(&fresh.meta, s.id, secret, fresh.master); err != nil {
			return nil, nil, err
		}
		kept[s.id] = made
	}
	switch {
	case len(lost) > 0 && !r.Drop:
		return nil, nil, fmt.Errorf("%w: nothing given opens key slot %s",
			kdb.ErrPassword, strings.Join(lost, ", "))
	case len(kept) == 0:
		return nil, nil, fmt.Errorf("%w: no key slot would be left", ErrLastSlot)
	}
	return raws, kept, nil
}

// secretOf finds what opens a slot.
func (db *Database) secretOf(k *keys, s *storedSlot, passwords [][]byte) ([]byte, bool) {
	if s.slot == nil {
		return nil, false
	}
	secrets := passwords
	if s.slot.kind == slotStash {
		st, err := readStash(db.stash)
		if err != nil || st.slot != s.id || st.id != k.meta.id {
			return nil, false
		}
		secrets = [][]byte{st.key[:]}
	}
	for _, secret := range secrets {
		if master, err := s.slot.unwrap(&k.meta, s.id, secret); err == nil {
			clear(master)
			return secret, true
		}
	}
	return nil, false
}

// rekey copies the records, sealed anew.
func (db *Database) rekey(ctx context.Context, stx store.Tx, put func(string, []byte) error, old, fresh *keys, raws [][]byte, slots map[uint32]*slot) error {
	from, err := db.begin(ctx, stx, old, lenient)
	if err != nil {
		return err
	}
	current, err := readSlots(stx)
	if err != nil {
		return err
	}
	for i := range max(len(current), len(raws)) {
		if i >= len(current) || i >= len(raws) || string(current[i].raw) != string(raws[i]) {
			return fmt.Errorf("%w: its key slots", kdb.ErrChanged)
		}
	}
	to := &tx{
		ctx: ctx, db: db, stx: putter{stx, put}, keys: fresh, operation: "rekey",
		digester: fresh.digester(), bound: fresh.meta.bind(""),
	}
	to.head = head{
		generation: from.head.generation, entries: from.head.entries, lastSlot: from.head.lastSlot, standard: from.head.standard,
	}
	if err := errors.Join(to.putMeta(&fresh.meta), reseal(from, to)); err != nil {
		return err
	}
	for id, s := range slots {
		if err := to.putSlot(id, s); err != nil {
			return err
		}
	}
	if err := to.log("rekey", "", [32]byte{}); err != nil {
		return err
	}
	return to.commit()
}

// putter is a transaction whose writes go elsewhere.
type putter struct {
	store.Tx
	put func(string, []byte) error
}

// Put implements store.Tx.
func (p putter) Put(key string, value []byte) error { return p.put(key, value) }

// reseal copies log and entries. What does not verify stops it.
func reseal(from, to *tx) error {
	for record, err := range from.stx.Scan(prefixLog, "") {
		if err != nil {
			return err
		}
		l, err := from.openLog(record)
		if err != nil {
			return err
		}
		l.previous = to.head.logChain
		plain := l.encode()
		if err := to.put(record.Key, plain, nil); err != nil {
			return err
		}
		to.head.logSeq, to.head.logChain = l.Sequence, to.keys.chain(plain)
	}
	if to.head.logSeq != from.head.logSeq {
		return fmt.Errorf("audit log: %w: it ends at record %d instead of %d", kdb.ErrCorrupt, to.head.logSeq, from.head.logSeq)
	}
	var count uint64
	for record, err := range from.stx.Scan(prefixSummary, "") {
		if err != nil {
			return err
		}
		if err := resealEntry(from, to, record.Key[len(prefixSummary):], record.Value); err != nil {
			return err
		}
		count++
	}
	if count != from.head.entries {
		return from.countError(count)
	}
	return resealRegistry(from, to)
}

func resealEntry(from, to *tx, label string, raw []byte) error {
	s, err := from.decodeSummary(label, raw)
	if err != nil {
		return err
	}
	plain, err := from.part(prefixCerts+label, s.certs)
	if err != nil {
		return err
	}
	if err := to.put(prefixCerts+label, plain, &s.certs); err != nil {
		return err
	}
	if s.hasKey {
		if plain, err = from.part(prefixKey+label, s.key); err != nil {
			return err
		}
		err = to.put(prefixKey+label, plain, &s.key)
		clear(plain)
		if err != nil {
			return err
		}
	}
	return to.put(prefixSummary+label, s.encode(), nil)
}

// Compact gives back the space of what was deleted or replaced, and removes it from the file. Nothing else may be
// stored meanwhile; it is all or nothing.
func (db *Database) Compact(ctx context.Context) error {
	st, ok := db.store.(store.Rewriter)
	if !ok {
		return fmt.Errorf("compacting %q: %w", db.location, kdb.ErrUnsupported)
	}
	return db.name(st.Rewrite(ctx, nil))
}

// Backup writes a compact copy of one state of the database to a new file of mode 0600, never over an existing one. The
// same passwords open it. It needs no password.
func (db *Database) Backup(ctx context.Context, path string) error {
	st, ok := db.store.(store.Copier)
	if !ok {
		return fmt.Errorf("copying %q: %w", db.location, kdb.ErrUnsupported)
	}
	return db.name(st.Copy(ctx, path))
}
