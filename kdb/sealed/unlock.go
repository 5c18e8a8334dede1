package sealed

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"certkdb/kdb"
	"certkdb/kdb/seen"
	"certkdb/kdb/store"
)

// storedSlot is a slot record with its id; slot is nil if it cannot be used, err says why.
type storedSlot struct {
	id   uint32
	raw  []byte
	slot *slot
	err  error
}

func (s *storedSlot) info() kdb.SlotInfo {
	if s.slot == nil {
		return kdb.SlotInfo{ID: int(s.id), Kind: "unusable", KDF: s.err.Error()}
	}
	return kdb.SlotInfo{
		ID: int(s.id), Name: s.slot.name, Kind: s.slot.kindName(), KDF: s.slot.describe(), Created: s.slot.created, By: s.slot.by,
	}
}

// isStash reports whether it is a stash's.
func (s storedSlot) isStash() bool { return s.slot != nil && s.slot.kind == slotStash }

// rank orders the slots that a password may open: 0 is none of them, and the highest is the cheapest.
func (s *storedSlot) rank() int {
	switch {
	case s.slot == nil || s.slot.kind == slotStash:
		return 0
	case s.slot.kind == slotSecret:
		return 2
	}
	return 1
}

func newMeta(now time.Time) meta {
	m := meta{created: now.UTC().Truncate(time.Second)}
	rand.Read(m.id[:]) // never fails
	rand.Read(m.keyID[:])
	return m
}

// readMetaRecord also returns the record as it is stored.
func readMetaRecord(stx store.Tx) (meta, []byte, error) {
	m, raw, err := readTwice(stx, keyMeta, decodeMeta)
	if errors.Is(err, store.ErrNotFound) {
		err = fmt.Errorf("%w: it has no meta record", kdb.ErrCorrupt)
	}
	return m, raw, err
}

// readSlots reads the key slots in the order of their ids. Those that cannot be used are among them. Where a slot and its copy differ,
// both are in the list, the one that decodes first: only the head can tell which is right.
func readSlots(stx store.Tx) ([]storedSlot, error) {
	list, err := scanSlots(stx, prefixSlot)
	copies, errCopies := scanSlots(stx, copyKey(prefixSlot))
	switch {
	case err != nil && (errCopies != nil || !isDamage(err)):
		return nil, err
	case errCopies != nil && !isDamage(errCopies):
		return nil, errCopies
	case err != nil:
		return copies, nil
	case errCopies != nil:
		return list, nil
	}
	list = slices.SortedStableFunc(slices.Values(append(list, copies...)), func(a, b storedSlot) int {
		return cmp.Or(cmp.Compare(a.id, b.id), cmp.Compare(b.rank(), a.rank()))
	})
	return slices.CompactFunc(list, func(a, b storedSlot) bool { return a.id == b.id && bytes.Equal(a.raw, b.raw) }), nil
}

// scanSlots reads the slots on one of the two sides.
func scanSlots(stx store.Tx, prefix string) ([]storedSlot, error) {
	var list []storedSlot
	for record, err := range stx.Scan(prefix, "") {
		if err != nil {
			return nil, err
		}
		id, err := strconv.ParseUint(record.Key[len(prefix):], 16, 32)
		if err != nil || !strings.HasSuffix(record.Key, slotKey(uint32(id))) {
			return nil, fmt.Errorf("record %q: %w: it is no key slot", record.Key, kdb.ErrCorrupt)
		}
		if len(list) == maxSlots {
			return nil, fmt.Errorf("%w: more than %d key slots", kdb.ErrCorrupt, maxSlots)
		}
		s := storedSlot{id: uint32(id), raw: slices.Clone(record.Value)}
		if s.slot, s.err = decodeSlot(s.raw); s.err != nil {
			s.slot, s.err = nil, fmt.Errorf("%s: %w", place(slotKey(s.id)), s.err)
		}
		list = append(list, s)
	}
	return list, nil
}

// slotInfos describes the slots, each once.
func slotInfos(stx store.Tx) (infos []kdb.SlotInfo, err error) {
	list, err := readSlots(stx)
	for i := range list {
		if i == 0 || list[i].id != list[i-1].id {
			infos = append(infos, list[i].info())
		}
	}
	return infos, err
}

// Unlock opens a key slot now: by the stash if there is one, else by the password. View and Update do that by
// themselves when they first need it.
func (db *Database) Unlock(ctx context.Context) error {
	k, err := db.acquire(ctx)
	if err == nil {
		k.release()
	}
	return err
}

// errClosed is returned by every use of a database after its Close.
var errClosed = errors.New("it is closed")

// acquire returns the keys, and gets them first if the database is locked. The caller releases them.
func (db *Database) acquire(ctx context.Context) (*keys, error) {
	k, err := db.use()
	if k == nil && err == nil {
		err = db.unlock(ctx, func(t *tx) error {
			k = t.keys
			k.use()
			return nil
		})
	}
	return k, db.name(err)
}

// use returns the keys, which the caller releases, or nil if the database is locked.
func (db *Database) use() (*keys, error) {
	db.mu.Lock()
	defer db.mu.Unlock()
	switch {
	case db.closed:
		return nil, &store.Error{Op: "using", Location: db.location, Err: errClosed}
	case db.keys != nil:
		db.keys.use()
	}
	return db.keys, nil
}

// unlocked calls fn with what the store has now. If the database is locked, that is the state in which its key slot was opened.
func (db *Database) unlocked(ctx context.Context, fn func(*tx) error) error {
	k, err := db.use()
	if err != nil {
		return err
	}
	if k == nil {
		return db.unlock(ctx, fn)
	}
	defer k.release()
	return db.store.View(ctx, func(stx store.Tx) error {
		t, err := db.begin(ctx, stx, k)
		if err != nil {
			return err
		}
		return fn(t)
	})
}

// unlock opens a key slot and calls fn. One goroutine does that at a time; others wait for it and find the keys.
func (db *Database) unlock(ctx context.Context, fn func(*tx) error) error {
	select {
	case db.unlocking <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	done := sync.OnceFunc(func() { <-db.unlocking })
	defer done()
	k, err := db.use()
	if err != nil {
		return err
	}
	if k != nil {
		k.release()
		done()
		return db.unlocked(ctx, fn)
	}
	known := db.remembered()
	return db.openSlot(ctx, func(stx store.Tx, m *meta, opened *storedSlot, master []byte) error {
		k, err := deriveKeys(*m, master)
		if err != nil {
			return err
		}
		k.slot, k.slotName = opened.id, opened.slot.name
		t, err := db.enter(ctx, stx, k, known)
		if err != nil {
			return err
		}
		defer t.keys.release()
		done()
		return fn(t)
	})
}

// openSlot gets the master key out of a slot, the stash's first, and calls enter with it. A stash opens it in the snapshot that enter gets;
// a person is asked for the password while nothing is open. If another process replaced the stash after the slots were read, they are read
// again: the stash does not open those of before.
func (db *Database) openSlot(ctx context.Context, enter func(store.Tx, *meta, *storedSlot, []byte) error) error {
	var m meta
	var slots, before []storedSlot
	var opened *storedSlot
	var errStash error
	look := func() error {
		return db.store.View(ctx, func(stx store.Tx) (err error) {
			if m, _, err = readMetaRecord(stx); err != nil {
				return err
			}
			if slots, err = readSlots(stx); err != nil {
				return err
			}
			var master []byte
			if opened, master, errStash = db.openByStash(&m, slots); opened == nil {
				return nil
			}
			return enter(stx, &m, opened, master)
		})
	}
	err := look()
	for range stashAttempts {
		if err != nil || opened != nil || !db.mayUseStash(slots) || sameSlots(before, slots) {
			break
		}
		before = slots
		err = look()
	}
	if err != nil || opened != nil {
		return err
	}
	_, opened, master, err := db.askForSlot(ctx, []meta{m}, slots, errStash)
	if err != nil {
		return &store.Error{Op: "unlocking", Location: db.location, Err: err}
	}
	return db.store.View(ctx, func(stx store.Tx) error { return enter(stx, &m, opened, master) })
}

// sameSlots reports whether two readings of the key slots found the same.
func sameSlots(a, b []storedSlot) bool {
	return slices.EqualFunc(a, b, func(a, b storedSlot) bool { return bytes.Equal(a.raw, b.raw) })
}

// enter begins a transaction with the keys that come from a slot, and makes them the database's. The head says whether they are the right
// ones.
func (db *Database) enter(ctx context.Context, stx store.Tx, k *keys, known seen.Known) (*tx, error) {
	t, err := db.begin(ctx, stx, k)
	if err != nil {
		return nil, err
	}
	t.judge(known)
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.closed {
		k.retire()
		return nil, &store.Error{Op: "using", Location: db.location, Err: errClosed}
	}
	db.keys = k
	k.use()
	return t, nil
}

// askForSlot gets the master key out of a slot by the password when the stash opened none; errStash may say why. The slot may belong to any
// of several databases, one of which is returned too. The work is bounded for all together.
func (db *Database) askForSlot(
	ctx context.Context, metas []meta, slots []storedSlot, errStash error,
) (m *meta, opened *storedSlot, master []byte, err error) {
	if errStash != nil && !isHidden(errStash) {
		return nil, nil, nil, errStash
	}
	password, err := db.askPassword(ctx)
	if err != nil {
		return nil, nil, nil, cmp.Or(errStash, db.strayStash(metas, err))
	}
	defer clear(password)
	d := derivations{secret: password, left: newBudget(db.o.MaxKDFMemory)}
	defer d.forget()
	return db.openAny(ctx, metas, slots, &d)
}

// strayStash adds to the error about a missing password that the stash which is there is that of another database.
func (db *Database) strayStash(metas []meta, err error) error {
	if !errors.Is(err, kdb.ErrNoPassword) || db.o.NoStash || db.stash == "" {
		return err
	}
	st, errStash := readStash(db.stash)
	clear(st.key[:])
	if errStash != nil || slices.ContainsFunc(metas, func(m meta) bool { return m.id == st.id }) {
		return err
	}
	return fmt.Errorf("%w; the stash %q belongs to another database", err, db.stash)
}

// openAny tries the slots with each identity.
func (db *Database) openAny(
	ctx context.Context, metas []meta, slots []storedSlot, d *derivations,
) (m *meta, opened *storedSlot, master []byte, err error) {
	var first error
	for i := range metas {
		if opened, master, err = db.openByPassword(ctx, &metas[i], slots, d); err == nil {
			return &metas[i], opened, master, nil
		}
		first = cmp.Or(first, err)
	}
	return nil, nil, nil, first
}

// isHidden reports whether a stash belongs to somebody else and keeps nobody from using a password.
func isHidden(err error) bool {
	return errors.Is(err, fs.ErrPermission) && !errors.Is(err, ErrStashMode)
}

// mayUseStash reports whether one of the slots is a stash's, and the stash is to be used.
func (db *Database) mayUseStash(slots []storedSlot) bool {
	return !db.o.NoStash && db.stash != "" && slices.ContainsFunc(slots, storedSlot.isStash)
}

// openByStash returns nil if the stash is not to be used, is not there, or opens no slot (any more).
func (db *Database) openByStash(m *meta, slots []storedSlot) (*storedSlot, []byte, error) {
	if !db.mayUseStash(slots) {
		return nil, nil, nil
	}
	var first error
	for st, err := range db.stashes(m.id) {
		if err != nil {
			first = cmp.Or(first, err)
			continue
		}
		if s, master := st.open(m, slots); s != nil {
			return s, master, nil
		}
	}
	return nil, nil, first
}

// openByPassword tries the slots of passwords, those first that cost nothing. A wrong password, a damaged slot and one whose parameters are
// refused give the same error; Info tells what is wrong with a slot. Slots that ask for more than is left of the budget are passed over.
func (db *Database) openByPassword(ctx context.Context, m *meta, slots []storedSlot, d *derivations) (*storedSlot, []byte, error) {
	cheapFirst := slices.SortedStableFunc(slices.Values(slots), func(a, b storedSlot) int { return cmp.Compare(b.rank(), a.rank()) })
	tooMuch := ""
	for _, s := range cheapFirst {
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		if s.rank() == 0 {
			continue
		}
		master, err := s.slot.unwrapBy(m, s.id, d)
		switch {
		case err == nil:
			return &s, master, nil
		case errors.Is(err, errTooMuchWork):
			tooMuch = fmt.Sprintf(": key slot %d asks for too much work: %s, with at most %s for one, and a bound for all together",
				s.id, s.slot.describe(), kibibytes(d.left.memory))
		case !errors.Is(err, kdb.ErrPassword):
			return nil, nil, err
		}
	}
	return nil, nil, fmt.Errorf("%w or no key slot for it%s", kdb.ErrPassword, tooMuch)
}

func (db *Database) askPassword(ctx context.Context) ([]byte, error) {
	if db.o.Password == nil {
		return nil, kdb.ErrNoPassword
	}
	password, err := db.o.Password(ctx, db.location)
	if err == nil && len(password) == 0 {
		return nil, fmt.Errorf("%w: the password is empty", kdb.ErrNoPassword)
	}
	return password, err
}

// putMeta and putSlot store records in clear that the head vouches for.
func (t *tx) putMeta(m *meta) error {
	raw := m.encode()
	t.head.meta = sha256.Sum256(raw)
	t.changed = true
	return putTwice(t.stx, keyMeta, raw)
}

func (t *tx) putSlot(id uint32, s *slot) error {
	raw := s.encode()
	entry := slotHash{id, sha256.Sum256(raw)}
	at := slices.IndexFunc(t.head.slots, func(h slotHash) bool { return h.id == id })
	switch {
	case at >= 0:
		t.head.slots[at] = entry
	case len(t.head.slots) >= maxSlots:
		return fmt.Errorf("adding a key slot: %w: there are %d already", kdb.ErrUnsupported, maxSlots)
	default:
		t.head.slots = append(t.head.slots, entry)
	}
	t.head.lastSlot = max(t.head.lastSlot, id)
	t.changed = true
	return putTwice(t.stx, slotKey(id), raw)
}

func (t *tx) deleteSlot(id uint32) error {
	t.head.slots = slices.DeleteFunc(t.head.slots, func(h slotHash) bool { return h.id == id })
	t.changed, t.erase = true, true
	return deleteTwice(t.stx, slotKey(id))
}

// slots reads the key slots, each once: of two copies that differ, the one that the head lists.
func (t *tx) slots() ([]storedSlot, error) {
	list, err := readSlots(t.stx)
	var chosen []storedSlot
	for i := range list {
		switch last := len(chosen) - 1; {
		case last < 0 || chosen[last].id != list[i].id:
			chosen = append(chosen, list[i])
		case t.lists(&list[i]):
			chosen[last] = list[i]
		}
	}
	return chosen, err
}

// listedSlots are the slots that the head lists as they are. Somebody else may have put others there.
func (t *tx) listedSlots() ([]storedSlot, error) {
	list, err := t.slots()
	return slices.DeleteFunc(list, func(s storedSlot) bool { return !t.lists(&s) }), err
}

// lists reports whether the head lists the slot as it is.
func (t *tx) lists(s *storedSlot) bool {
	return slices.Contains(t.head.slots, slotHash{s.id, sha256.Sum256(s.raw)})
}

// checkSlots compares the slots with the head's list of them and calls report for each difference until that returns an error. One sound
// copy of a slot is enough.
func (t *tx) checkSlots(report func(kdb.Problem) error) error {
	slots, err := t.slots()
	if err != nil {
		return err
	}
	var problems []kdb.Problem
	listed := make(map[uint32]bool)
	for _, h := range t.head.slots {
		listed[h.id] = true
	}
	for i := range slots {
		id := slots[i].id
		switch {
		case !listed[id]:
			problems = append(problems, kdb.Problem{
				Where: place(slotKey(id)), What: "the head record does not list it: a slot that had been removed was put back",
			})
		case !t.lists(&slots[i]):
			problems = append(problems, kdb.Problem{Where: place(slotKey(id)), What: "it was changed"})
		}
		delete(listed, id)
	}
	for _, h := range t.head.slots {
		if listed[h.id] {
			problems = append(problems, kdb.Problem{Where: place(slotKey(h.id)), What: "it is missing"})
		}
	}
	for _, p := range problems {
		if err := report(p); err != nil {
			return err
		}
	}
	return nil
}
