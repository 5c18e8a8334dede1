package sealed

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"

	"certkdb/kdb"
	"certkdb/kdb/store"
)

// wreckage is a damaged database: all records that are to be found, with the keys that open them.
type wreckage struct {
	ctx   context.Context
	db    *Database
	w     store.Wreck
	found finds
	keys  *keys
	slot  storedSlot // that opened it
	head  *head      // nil if it is lost
	t     *tx        // to open records with
}

// maxMetas bounds the meta records that are tried. A database has one.
const maxMetas = 16

// newWreckage finds the records and opens a key slot, that of the known keys if there are any.
func newWreckage(ctx context.Context, db *Database, w store.Wreck, known *keys) (*wreckage, error) {
	r := &wreckage{ctx: ctx, db: db, w: w}
	seen := db.remembered()
	var err error
	if r.found, err = collect(w); err != nil {
		return nil, err
	}
	if err := r.open(known); err != nil {
		return nil, err
	}
	r.t = &tx{
		ctx: ctx, db: db, stx: remains{r: r}, keys: r.keys, digester: r.keys.digester(), spots: r.keys.spotter(), bound: r.keys.meta.bind(""),
	}
	if states := r.findHead(); r.head != nil {
		r.settle(states)
		if err := r.checkSlot(known != nil); err != nil {
			return nil, err
		}
		if r.t.head = *r.head; known == nil { // the user was told otherwise
			r.t.judge(seen)
		}
	}
	return r, nil
}

// checkSlot refuses a slot that the head does not list. If the keys were known before, another slot of the same id will do: the one that
// was found first may have been put there.
func (r *wreckage) checkSlot(known bool) error {
	listed := func(s storedSlot) bool {
		return slices.Contains(r.head.slots, slotHash{s.id, sha256.Sum256(s.raw)})
	}
	if known && !listed(r.slot) {
		for _, s := range r.slots() {
			if s.id == r.slot.id && listed(s) {
				r.slot = s
			}
		}
	}
	if !listed(r.slot) {
		return fmt.Errorf("%w: the key slot that it opens had been removed", kdb.ErrPassword)
	}
	return nil
}

// isRecordKey reports whether FORMAT.md has such a key.
func isRecordKey(key string) bool {
	key = strings.TrimPrefix(key, store.Apart)
	switch kindOf(key) {
	case prefixSlot, prefixLog, prefixSummary, prefixCerts, prefixKey, prefixIssued, prefixRevoked, prefixIssuer, prefixIndex:
		return true
	}
	return key == keyMeta || key == keyHead
}

// twice are the candidates for a record that is stored twice, the likeliest first.
func (r *wreckage) twice(key string) candidates {
	return likeliest(r.found.of(key), r.found.of(copyKey(key)))
}

func (r *wreckage) read(c *candidate) []byte {
	record, err := r.w.Read(c.at)
	if err != nil {
		return nil
	}
	return record.Value
}

// open derives the keys from known ones, or unlocks the wreckage.
func (r *wreckage) open(known *keys) (err error) {
	if known == nil {
		return r.unlock()
	}
	for _, s := range r.slots() {
		if s.id == known.slot {
			r.slot = s
			break
		}
	}
	if r.slot.slot == nil {
		return r.unlock()
	}
	r.keys, err = deriveKeys(known.meta, bytes.Clone(known.master))
	if err == nil {
		r.keys.slot, r.keys.slotName = known.slot, known.slotName
	}
	return err
}

// metas are the meta records, those in use first. Somebody may have written any number of them.
func (r *wreckage) metas() (list []meta) {
	all := r.twice(keyMeta)
	for i := range all {
		c := &all[i]
		if m, err := decodeMeta(r.read(c)); err == nil && !slices.Contains(list, m) && len(list) < maxMetas {
			list = append(list, m)
		}
	}
	return list
}

// unlock tries the key slots that are there with each meta record that is there.
func (r *wreckage) unlock() error {
	list, slots := r.metas(), r.slots()
	if len(list) == 0 || len(slots) == 0 {
		return fmt.Errorf("%w: no meta record or no key slot is left, so that nothing can open it", kdb.ErrCorrupt)
	}
	var m *meta
	var opened *storedSlot
	var master []byte
	var errStash error
	for i := 0; i < len(list) && opened == nil; i++ {
		var err error
		m = &list[i]
		opened, master, err = r.db.openByStash(m, slots)
		errStash = cmp.Or(errStash, err)
	}
	if opened == nil {
		var err error
		if m, opened, master, err = r.db.askForSlot(r.ctx, list, slots, errStash); err != nil {
			return err
		}
	}
	keys, err := deriveKeys(*m, master)
	if err == nil {
		r.keys, r.slot = keys, *opened
		r.keys.slot, r.keys.slotName = opened.id, opened.slot.name
	}
	return err
}

// slots are the key slots that can be used, those in use first; there are not more than a sound database has.
func (r *wreckage) slots() (list []storedSlot) {
	all := likeliest(r.found.with(prefixSlot), r.found.with(copyKey(prefixSlot)))
	for i := range all {
		c := &all[i]
		var s storedSlot
		key := strings.TrimPrefix(c.key, store.Apart)
		if _, err := fmt.Sscanf(key, prefixSlot+"%x", &s.id); err != nil || slotKey(s.id) != key {
			continue
		}
		s.raw = r.read(c)
		if s.slot, s.err = decodeSlot(s.raw); s.err != nil {
			continue
		}
		same := func(o storedSlot) bool { return o.id == s.id && bytes.Equal(o.raw, s.raw) }
		if !slices.ContainsFunc(list, same) && len(list) < maxSlots {
			list = append(list, s)
		}
	}
	return list
}

// findHead takes the head of the latest transaction that was completed, and returns the states that have it. A head that is not in use is
// that of an older state, whose entries may have been removed since.
func (r *wreckage) findHead() (states uint64) {
	raw := sha256.Sum256(r.keys.meta.encode())
	all := r.twice(keyHead)
	for i := range all {
		c := &all[i]
		if c.standing < store.Loose {
			break
		}
		plain, err := open(r.keys.head, r.read(c), r.keys.meta.bind(keyHead))
		if err != nil {
			continue
		}
		h, err := decodeHead(plain)
		switch {
		case err != nil || h.meta != raw:
		case r.head == nil, h.generation > r.head.generation:
			r.head, states = &h, c.states
		case h.generation == r.head.generation:
			states |= c.states
		}
	}
	return states
}

// settle makes records of other states than those what they are: not in use. A head that no state has tells nothing.
func (r *wreckage) settle(states uint64) {
	if states == 0 {
		return
	}
	for _, list := range r.found {
		for i := range list {
			if c := &list[i]; c.standing == store.InUse && c.states&states == 0 {
				c.standing = store.Unused
			}
		}
		list.rank()
	}
}

// item is a record with its versions that open, the likeliest first.
type item struct {
	key      string
	versions candidates
	chosen   int // -1 if none is known to be in use
}

// items are the records of a kind in the order of their keys. One that is in use, or seems to be, is chosen.
func (r *wreckage) items(prefix string) (list []item, err error) {
	for key, all := range r.found.with(prefix).byKey() {
		if err := r.ctx.Err(); err != nil {
			return nil, err
		}
		it := item{key: key, chosen: -1, versions: r.thatOpen(all)}
		if len(it.versions) == 0 {
			continue
		}
		if it.versions[0].standing >= store.Loose {
			it.chosen = 0
		}
		list = append(list, it)
	}
	return list, nil
}

// thatOpen are the candidates of a key that the record key opens.
func (r *wreckage) thatOpen(all candidates) candidates {
	opens := func(c *candidate) bool {
		plain, err := r.t.openInto(r.t.plain, c.key, r.read(c))
		if err == nil {
			r.t.plain = plain
		}
		return err == nil
	}
	for i := range all {
		if opens(&all[i]) {
			continue
		}
		list := slices.Clone(all[:i])
		for j := i + 1; j < len(all); j++ {
			if opens(&all[j]) {
				list = append(list, all[j])
			}
		}
		return list
	}
	return all
}

// plain opens the chosen version of an item; nil if there is none.
func (r *wreckage) plain(it *item) []byte {
	if it.chosen < 0 {
		return nil
	}
	plain, err := r.t.open(it.key, r.read(&it.versions[it.chosen]))
	if err != nil {
		return nil // unreachable: it was opened before
	}
	return plain
}

// remains reads the likeliest version of a record.
type remains struct {
	nothing
	r *wreckage
}

// Get implements store.Tx.
func (t remains) Get(key string) ([]byte, error) {
	if list := t.r.found.of(key); len(list) > 0 && list[0].standing > store.Unused {
		return t.r.read(&list[0]), nil
	}
	return nil, store.ErrNotFound
}

// nothing is an empty store.
type nothing struct{ store.Tx }

// Get implements store.Tx.
func (nothing) Get(string) ([]byte, error) { return nil, store.ErrNotFound }

// unwritten is a transaction that forgets what is put.
type unwritten struct{ nothing }

// Put implements store.Tx.
func (unwritten) Put(string, []byte) error { return nil }

// errNoWreck says that a store cannot be looked at when it is damaged.
var errNoWreck = errors.New("its records cannot be recovered")
