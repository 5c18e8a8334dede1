package sealed

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"certkdb/kdb"
	"certkdb/kdb/store"
)

// Recover copies what can still be read of a damaged database into a new one, which the same passwords open. The stash is copied along if
// it opens the damaged one. Every record is verified: see FORMAT.md, "Recovery". The target must be an empty store; nil only reports what
// is found.
func Recover(ctx context.Context, from, to store.Store, location string, o kdb.Options) (found kdb.Recovery, err error) {
	st, ok := from.(store.Salvager)
	if !ok {
		return found, &store.Error{Op: "recovering", Location: location, Err: fmt.Errorf("%w: %w", kdb.ErrUnsupported, errNoWreck)}
	}
	db := newDatabase(from, location, o)
	err = st.Salvage(ctx, func(w store.Wreck) error {
		r, err := newWreckage(ctx, db, w, nil)
		if err != nil {
			return err
		}
		defer r.keys.retire()
		c := newRecovery(r)
		if err := c.choose(); err != nil {
			return err
		}
		if to == nil {
			err = c.write(nil)
		} else {
			err = c.create(to)
		}
		found = c.result()
		return err
	})
	if _, named := errors.AsType[*store.Error](err); err != nil && !named {
		err = &store.Error{Op: "recovering", Location: location, Err: err}
	}
	return found, err
}

// recovery decides what of a damaged database goes into the new one.
type recovery struct {
	*wreckage
	kdb.Recovery
	summaries []item
	missing   map[string]string // what is lost of which label
	altered   map[string]string // what is not as it was of which label
	unnamed   int               // entries that are lost without a trace of their labels
	noted     map[string]*noted // what the log says of each label; empty if the digest vouches for the entries
	logs      []store.Place     // by sequence number less one; a zero place is a lost record
	logWhole  bool
	to        *tx
	dry       bool // nothing is written
	// copied are the labels of entries that are in the new database; if the digest vouches for them, only those of which something is missing.
	copied map[string]bool
}

// noted is what the log says of a label. A large database has millions of records, so nothing else is kept of them.
type noted struct {
	operation string // of the last record, and its time and fingerprint
	time      time.Time
	sha256    [32]byte
	trust     trustNote
}

// trustNote says whether an entry, or its trust, was taken away, and it was not trusted since.
type trustNote uint8

const (
	trustUnknown trustNote = iota
	trustGiven
	trustEnded
)

func newRecovery(r *wreckage) *recovery {
	return &recovery{wreckage: r, missing: map[string]string{}, altered: map[string]string{}}
}

func (c *recovery) choose() (err error) {
	if c.summaries, err = c.items(prefixSummary); err != nil {
		return err
	}
	c.Expected = -1
	if c.head != nil {
		c.Expected = int(c.head.entries)
		c.Verified = c.fit(c.summaries, counted{c.head.entries, c.head.digest})
	}
	return c.readLog()
}

// readLog follows the log from its end: each record says what the chain's value before it is. Only the places are kept.
func (c *recovery) readLog() error {
	last, value := c.endOfLog()
	c.logs, c.noted, c.logWhole = make([]store.Place, last), map[string]*noted{}, c.head != nil
	known := c.head != nil
	for seq := last; seq > 0; seq-- {
		if err := c.ctx.Err(); err != nil {
			return err
		}
		l, at, ok := c.logRecord(seq, value, known)
		if !ok {
			known, c.logWhole = false, false
			continue
		}
		c.logs[seq-1], value, known = at, l.previous, true
		if !c.Verified {
			c.noteRecord(&l.LogRecord)
		}
	}
	delete(c.found, prefixLog)
	return nil
}

// noteRecord notes what a record says of an entry; later records come first. A record about a key slot has no fingerprint.
func (c *recovery) noteRecord(l *LogRecord) {
	if l.SHA256 == [32]byte{} && l.Operation != opDeleteDamaged {
		return
	}
	n := c.noted[l.Label]
	if n == nil {
		n = &noted{operation: l.Operation, time: l.Time, sha256: l.SHA256}
		c.noted[l.Label] = n
	}
	if n.trust != trustUnknown {
		return
	}
	switch l.Operation {
	case opTrust:
		n.trust = trustGiven
	case opDistrust, opDelete, opDeleteDamaged, opRename:
		n.trust = trustEnded
	}
}

// endOfLog is the number of the last record and the chain's value after it.
func (c *recovery) endOfLog() (last uint64, value [32]byte) {
	if c.head != nil {
		return c.head.logSeq, c.head.logChain
	}
	logs := c.found.with(prefixLog)
	for i := range logs {
		if l, err := c.t.openLog(store.Record{Key: logs[i].key, Value: c.read(&logs[i])}); err == nil {
			last = max(last, l.Sequence)
		}
	}
	return last, value
}

// logRecord finds a record by the chain's value after it, or, if that is not known, the one that is in use.
func (c *recovery) logRecord(seq uint64, value [32]byte, known bool) (l logEntry, at store.Place, ok bool) {
	all := c.found.of(logKey(seq))
	for i := range all {
		f := &all[i]
		l, err := c.t.openLog(store.Record{Key: f.key, Value: c.read(f)})
		if err != nil || known && c.t.chain(l.encode()) != value || !known && f.standing == store.Unused {
			continue
		}
		return l, f.at, true
	}
	return l, at, false
}

// create writes the new database, and proves that it is sound.
func (c *recovery) create(to store.Store) (err error) {
	filler, ok := to.(store.Filler)
	if !ok {
		return fmt.Errorf("%w: making a database of recovered records", kdb.ErrUnsupported)
	}
	target := newDatabase(to, "", c.db.o)
	target.disk = c.db.disk
	early, err := c.copyStash(target)
	if err != nil {
		return err
	}
	defer clear(early.content.key[:])
	if err := filler.Fill(c.ctx, false, c.write); err != nil {
		target.withdrawStash(c.ctx, &early, err)
		return err
	}
	target.keys = c.keys
	c.keys.use()
	defer c.keys.release()
	var problems []string
	if err := target.Check(c.ctx, func(p kdb.Problem) { problems = append(problems, p.Where+": "+p.What) }); err != nil {
		return err
	}
	if len(problems) > 0 {
		return fmt.Errorf("%w: the recovered database is not sound: %s", kdb.ErrCorrupt, strings.Join(problems, "; "))
	}
	if early.path == "" {
		removeEarly(target.disk, target.stash, c.keys.meta.id)
		return nil
	}
	return target.settleStash(c.ctx, c.keys, &early.content)
}

// copyStash writes the stash that opens the damaged database for the new one, early; without a path there is none to be made. Another one
// that is there already stays, and is an error.
func (c *recovery) copyStash(target *Database) (e earlyStash, err error) {
	if target.stash == "" {
		return e, nil
	}
	for st, err := range c.db.stashes(c.keys.meta.id) {
		if err == nil && st.opensAny(&c.keys.meta, []storedSlot{c.slot}) {
			e = earlyStash{c.db.disk, target.stash, *st}
			break
		}
	}
	if e.path == "" {
		return e, nil
	}
	if there, err := readStash(target.stash); err == nil && there == e.content {
		return earlyStash{}, nil
	}
	if exists(target.stash) {
		return earlyStash{}, fmt.Errorf("the stash %q: %w", target.stash, kdb.ErrDatabaseExists)
	}
	return e, e.write()
}

// write puts everything into the new database; nil only finds out what would be put.
func (c *recovery) write(made store.Tx) error {
	c.dry = made == nil
	if c.dry {
		made = unwritten{}
	}
	c.to = &tx{
		ctx: c.ctx, db: c.db, stx: putter{nothing{}, made}, keys: c.keys, operation: "recover", digester: c.keys.digester(),
		spots: c.keys.spotter(), bound: c.keys.meta.bind(""), issuers: map[[32]byte]*issuer{}, counted: anyNumber,
	}
	defer c.to.aside.wait()
	c.copied = map[string]bool{}
	if c.head != nil {
		c.to.head.generation, c.to.head.lastSlot, c.to.head.seals = c.head.generation, c.head.lastSlot, c.head.seals
	}
	for _, step := range []func() error{
		func() error { return c.to.putMeta(&c.keys.meta) },
		c.writeSlots, c.writeLog, c.writeEntries, c.writeRegistry, c.to.buildIndex,
		func() error { return c.to.log("recover", "", [32]byte{}) },
		c.to.commit,
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// writeSlots keeps the slots that the head lists; without it, the one that opened the database.
func (c *recovery) writeSlots() error {
	keep := func(s storedSlot) error {
		c.to.head.slots = append(c.to.head.slots, slotHash{s.id, sha256.Sum256(s.raw)})
		c.to.head.lastSlot = max(c.to.head.lastSlot, s.id)
		return putTwice(c.to.stx, slotKey(s.id), s.raw)
	}
	if c.head == nil {
		c.Altered = append(c.Altered, kdb.Problem{Where: "key slots", What: fmt.Sprintf(
			"the head record is lost, so that only the slot that opened the database is kept: %d, %q", c.slot.id, c.slot.slot.name)})
		return keep(c.slot)
	}
	for _, h := range c.head.slots {
		there := false
		all := c.twice(slotKey(h.id))
		for i := range all {
			if raw := c.read(&all[i]); sha256.Sum256(raw) == h.sum {
				there = true
				if err := keep(storedSlot{id: h.id, raw: raw}); err != nil {
					return err
				}
				break
			}
		}
		if !there {
			c.lose(place(slotKey(h.id)), "its password or stash does not open the new database")
		}
	}
	return nil
}

func (c *recovery) lose(where, what string) {
	c.Missing = append(c.Missing, kdb.Problem{Where: where, What: what})
}

// writeLog chains the records again. A lost one is replaced by a record that says so.
func (c *recovery) writeLog() error {
	var lost []uint64
	for i, at := range c.logs {
		l := logEntry{LogRecord: LogRecord{Sequence: uint64(i + 1), Time: c.db.now(), Operation: "lost"}}
		if at == (store.Place{}) {
			lost = append(lost, l.Sequence)
		} else if record, err := c.w.Read(at); err != nil {
			return err
		} else if l, err = c.t.openLog(record); err != nil {
			return err
		}
		l.previous = c.to.head.logChain
		plain := l.encode()
		if err := c.to.put(logKey(l.Sequence), plain, nil); err != nil {
			return err
		}
		c.to.head.logSeq, c.to.head.logChain = l.Sequence, c.to.chain(plain)
	}
	for len(lost) > 0 {
		n := 1
		for n < len(lost) && lost[n] == lost[0]+uint64(n) {
			n++
		}
		where := fmt.Sprintf("audit log, record %d", lost[0])
		if n > 1 {
			where = fmt.Sprintf("audit log, records %d to %d", lost[0], lost[n-1])
		}
		c.lose(where, "lost")
		lost = lost[n:]
	}
	return nil
}

// result is what there is to say, in the order of the labels.
func (c *recovery) result() kdb.Recovery {
	c.unnamed = c.Expected - c.Entries
	for _, label := range slices.Sorted(maps.Keys(c.missing)) {
		what := c.missing[label]
		if c.copied[label] {
			what += "; its certificates are kept"
		}
		c.lose(fmt.Sprintf("label %q", label), what)
		if !c.copied[label] {
			c.unnamed--
		}
	}
	if c.head == nil {
		c.lose("head record", "lost: nothing tells how many entries there should be, which is the default, and whether this is the newest state")
	} else if c.unnamed > 0 && !c.Verified {
		c.lose("entries", fmt.Sprintf("%d more, whose labels are lost", c.unnamed))
	}
	return c.Recovery
}
