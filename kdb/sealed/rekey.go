package sealed

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"certkdb/kdb"
	"certkdb/kdb/seen"
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
// sealed under the old key is left in it; copies that were made before are what they were. A stash then gets a new key.
func (db *Database) Rekey(ctx context.Context, r Rekey) error {
	old, err := db.acquire(ctx)
	if err != nil {
		return err
	}
	defer old.release()
	if e := db.rolledBack.Load(); e != nil { // the new state would hide it
		return e
	}
	m := old.meta
	rand.Read(m.keyID[:]) // never fails
	next, err := deriveKeys(m, newMaster())
	if err != nil {
		return err
	}
	next.slot, next.slotName = old.slot, old.slotName
	if err := db.settleStash(ctx, old, nil); err != nil {
		return db.name(err)
	}
	job := rekeying{db: db, ctx: ctx, old: old, next: next}
	if err := job.rewrap(r); err != nil {
		return &store.Error{Op: "rekeying", Location: db.location, Err: err}
	}
	st, ok := db.store.(store.Rewriter)
	if ok {
		err = st.Rewrite(ctx, job.run)
	}
	if !ok || errors.Is(err, kdb.ErrUnsupported) {
		if err = db.alone()(ctx, job.inPlace); err == nil {
			err = db.eraseRemoved(ctx)
		}
	}
	if err != nil {
		return db.name(err)
	}
	db.adopt(old, next)
	db.note(&next.meta, job.made)
	if !job.keepsStash() {
		return nil
	}
	// Until now the stash opens the new state as well, in case something goes wrong; a copy of it that was stolen must not.
	if err := db.replaceStash(ctx); err != nil {
		return fmt.Errorf("the database has a new master key, but the old stash still opens it; replacing %q: %w", db.stash, err)
	}
	return nil
}

// adopt puts the new keys in the place of the old ones, unless the database was closed meanwhile.
func (db *Database) adopt(old, next *keys) {
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.keys == old {
		db.keys = next
		old.retire()
	}
}

// LostStash says that the stash is missing that opens key slots, which cannot be carried over to a new master key without it. It wraps
// kdb.ErrPassword.
type LostStash struct {
	Slots []string // numbers with names
}

func (e *LostStash) Error() string { return "no stash opens key slot " + strings.Join(e.Slots, ", ") }

// Unwrap returns kdb.ErrPassword.
func (e *LostStash) Unwrap() error { return kdb.ErrPassword }

// rekeying is one change of the master key.
type rekeying struct {
	db        *Database
	ctx       context.Context
	old, next *keys
	raws      [][]byte         // the slots as they were stored
	slots     map[uint32]*slot // the new ones by their ids
	made      seen.State
}

// keepsStash reports whether there is a slot that the stash opens.
func (r *rekeying) keepsStash() bool {
	for _, s := range r.slots {
		if s.kind == slotStash {
			return true
		}
	}
	return false
}

// inPlace seals all records again in a transaction that changes them.
func (r *rekeying) inPlace(stx store.Tx) error {
	return replaceRecords(stx, []string{prefixSlot, copyKey(prefixSlot), prefixIndex}, func(made store.Tx) error {
		return r.run(chunked{stx}, made)
	})
}

// replaceRecords changes records in their place: fn puts them, and those with one of the prefixes that it does not put are deleted.
func replaceRecords(stx store.Tx, prefixes []string, fn func(made store.Tx) error) error {
	unwanted := unwanted{stx, make(map[string]bool)}
	for _, prefix := range prefixes {
		for record, err := range stx.Scan(prefix, "") {
			if err != nil {
				return err
			}
			unwanted.keys[record.Key] = true
		}
	}
	if err := fn(unwanted); err != nil {
		return err
	}
	for key := range unwanted.keys {
		if err := stx.Delete(key); err != nil {
			return err
		}
	}
	return nil
}

// unwanted is a transaction and the keys of records in it that nobody has put again.
type unwanted struct {
	store.Tx
	keys map[string]bool
}

// Put implements store.Tx.
func (u unwanted) Put(key string, value []byte) error {
	delete(u.keys, key)
	return u.Tx.Put(key, value)
}

// chunked is a transaction whose records may be changed while they are scanned.
type chunked struct{ store.Tx }

// chunkSize is how many records it reads ahead.
const chunkSize = 256

// Scan implements store.Tx.
func (c chunked) Scan(prefix, after string) iter.Seq2[store.Record, error] {
	return func(yield func(store.Record, error) bool) {
		for {
			chunk, err := c.read(prefix, after)
			for _, record := range chunk {
				if !yield(record, nil) {
					return
				}
			}
			if err != nil {
				yield(store.Record{}, err)
			}
			if err != nil || len(chunk) < chunkSize {
				return
			}
			after = chunk[len(chunk)-1].Key
		}
	}
}

func (c chunked) read(prefix, after string) (chunk []store.Record, err error) {
	for record, err := range c.Tx.Scan(prefix, after) {
		if err != nil {
			return chunk, err
		}
		chunk = append(chunk, store.Record{Key: record.Key, Value: bytes.Clone(record.Value)})
		if len(chunk) == chunkSize {
			break
		}
	}
	return chunk, nil
}

// rewrap makes the new slots: the secret that opens an old one opens its successor too.
func (r *rekeying) rewrap(how Rekey) error {
	var list []storedSlot
	err := r.db.view(r.ctx, lenient, func(t *tx) (err error) { list, err = t.listedSlots(); return err })
	if err != nil {
		return err
	}
	r.slots = make(map[uint32]*slot)
	secrets := make([]*derivations, len(how.Passwords))
	for i, password := range how.Passwords {
		secrets[i] = &derivations{secret: password}
		defer secrets[i].forget()
	}
	var lost, stashes []string
	salt := newSlot(slotPassword, how.Cost).salt // all passwords share a new one
	for _, s := range list {
		r.raws = append(r.raws, s.raw)
		secret, found := r.db.secretOf(r.old, &s, secrets)
		if !found {
			name := fmt.Sprintf("%d (%s)", s.id, cmp.Or(s.info().Name, s.info().Kind))
			if s.isStash() { // a slot that cannot be read is none
				stashes = append(stashes, name)
			} else {
				lost = append(lost, name)
			}
			continue
		}
		made := newSlot(s.slot.kind, how.Cost)
		made.created, made.name, made.by = s.slot.created, s.slot.name, s.slot.by
		if made.kind == slotPassword {
			made.salt = salt
		}
		if err := made.wrapBy(&r.next.meta, s.id, secret, r.next.master); err != nil {
			return err
		}
		r.slots[s.id] = made
	}
	if len(lost)+len(stashes) > 0 { // unless a stash was replaced after its slot was read
		if err := r.db.view(r.ctx, lenient, r.sameSlots); err != nil {
			return err
		}
	}
	if r.keepsStash() { // the new stash takes the place of all others, which a killed process may have left
		stashes = nil
	}
	switch {
	case len(lost) > 0 && !how.Drop:
		return fmt.Errorf("%w: nothing given opens key slot %s", kdb.ErrPassword, strings.Join(append(lost, stashes...), ", "))
	case len(stashes) > 0 && !how.Drop:
		return &LostStash{stashes}
	case len(r.slots) == 0:
		return fmt.Errorf("%w: no key slot would be left", ErrLastSlot)
	}
	return nil
}

// secretOf finds what opens a slot.
func (db *Database) secretOf(k *keys, s *storedSlot, secrets []*derivations) (*derivations, bool) {
	if s.slot == nil {
		return nil, false
	}
	if s.slot.kind == slotStash {
		return db.stashOf(k, s)
	}
	for _, d := range secrets {
		if master, err := s.slot.unwrapBy(&k.meta, s.id, d); err == nil {
			clear(master)
			return d, true
		}
	}
	return nil, false
}

// stashOf finds the stash that opens a slot.
func (db *Database) stashOf(k *keys, s *storedSlot) (*derivations, bool) {
	for st, err := range db.stashes(k.meta.id) {
		if err == nil && st.opensAny(&k.meta, []storedSlot{*s}) {
			return &derivations{secret: bytes.Clone(st.key[:])}, true
		}
	}
	return nil, false
}

// run copies the records, sealed under the new key.
func (r *rekeying) run(stx, made store.Tx) error {
	from, err := r.db.begin(r.ctx, stx, r.old)
	if err != nil {
		return err
	}
	if err := cmp.Or(r.sameSlots(from), r.sameStash()); err != nil {
		return err
	}
	to := &tx{
		ctx: r.ctx, db: r.db, stx: putter{stx, made}, keys: r.next, operation: "rekey",
		digester: r.next.digester(), spots: r.next.spotter(), bound: r.next.meta.bind(""),
	}
	defer to.aside.wait()
	to.head = head{
		generation: from.head.generation, entries: from.head.entries, lastSlot: from.head.lastSlot, defaultLabel: from.head.defaultLabel,
	}
	if err := errors.Join(to.putMeta(&r.next.meta), reseal(from, to), to.buildIndex()); err != nil {
		return err
	}
	for id, s := range r.slots {
		if err := to.putSlot(id, s); err != nil {
			return err
		}
	}
	err = to.log("rekey", "", [32]byte{})
	if err == nil {
		err = to.commit()
	}
	r.made = to.state()
	return err
}

// sameStash makes sure that a stash that is to be kept was not replaced after its slot was wrapped.
func (r *rekeying) sameStash() error {
	for id, s := range r.slots {
		if s.kind == slotStash && !r.db.stashOpens(&r.next.meta, &storedSlot{id: id, slot: s}) {
			return fmt.Errorf("%w: its stash", kdb.ErrChanged)
		}
	}
	return nil
}

// sameSlots makes sure that the slots are still those that were wrapped: one that was added meanwhile would be lost.
func (r *rekeying) sameSlots(from *tx) error {
	current, err := from.listedSlots()
	if err != nil {
		return err
	}
	same := func(s storedSlot, raw []byte) bool { return bytes.Equal(s.raw, raw) }
	if !slices.EqualFunc(current, r.raws, same) {
		return fmt.Errorf("%w: its key slots", kdb.ErrChanged)
	}
	return nil
}

// putter is a transaction whose writes go elsewhere, and which reads there what it has set aside.
type putter struct {
	store.Tx
	made store.Tx
}

// Get implements store.Tx.
func (p putter) Get(key string) ([]byte, error) {
	if strings.HasPrefix(key, prefixAside) {
		return p.made.Get(key)
	}
	return p.Tx.Get(key)
}

// Put implements store.Tx.
func (p putter) Put(key string, value []byte) error { return p.made.Put(key, value) }

// Delete implements store.Tx.
func (p putter) Delete(key string) error { return p.made.Delete(key) }

// reseal copies log and entries. What does not verify stops it.
func reseal(from, to *tx) error {
	c := chain{t: from}
	for record, err := range from.stx.Scan(prefixLog, "") {
		if err != nil {
			return err
		}
		l, err := from.openLog(record)
		if err == nil {
			err = c.add(&l)
		}
		if err != nil {
			return err
		}
		l.previous = to.head.logChain
		plain := l.encode()
		if err := to.put(record.Key, plain, nil); err != nil {
			return err
		}
		to.head.logSeq, to.head.logChain = l.Sequence, to.chain(plain)
	}
	if err := c.end(); err != nil {
		return err
	}
	var seen counted
	for record, err := range from.stx.Scan(prefixSummary, "") {
		if err != nil {
			return err
		}
		seen.add(from.digester, record.Key, record.Value)
		from.db.progress(seen.count, from.head.entries)
		if err := resealEntry(from, to, record.Key[len(prefixSummary):], record.Value); err != nil {
			return err
		}
	}
	if err := from.verify(seen); err != nil { // the new head would vouch for what is wrong
		return err
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
	e := kdb.Entry{Label: label}
	if err := decodeCerts(plain, &e); err != nil {
		return fmt.Errorf("%s: %w", place(prefixCerts+label), err)
	}
	if err := to.index(&e, false); err != nil {
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
		return &store.Error{Op: "compacting", Location: db.location, Err: kdb.ErrUnsupported}
	}
	entries := uint64(0)
	return db.name(st.Compact(ctx, func(key string) {
		if strings.HasPrefix(key, prefixSummary) {
			entries++
			db.progress(entries, 0) // the head, which has the total, may be locked
		}
	}))
}
