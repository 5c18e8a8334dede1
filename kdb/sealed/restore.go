package sealed

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"os"

	"certkdb/kdb"
	"certkdb/kdb/seen"
	"certkdb/kdb/store"
)

// Restore puts a backup in the place of a database: all or nothing. The backup is verified first, and a database that has more than an
// older state of it is only replaced if that is wanted: see FORMAT.md, "Restoring". A stash that is there stays.
func Restore(ctx context.Context, from, to store.Store, backup, location string, o kdb.RestoreOptions) (kdb.Restored, error) {
	asked := once{ask: o.Password}
	defer asked.forget()
	if o.Password != nil {
		o.Password = asked.password
	}
	r := restoration{ctx: ctx, o: o, src: newDatabase(from, backup, o.Options), dst: newDatabase(to, location, o.Options)}
	r.src.o.State, r.dst.o.Warn = "", nil // which state is the newest is decided here
	if !isStashAt(r.src.stash) {
		r.src.stash = r.dst.stash // most likely it opens an older state too
	}
	defer r.src.Close()
	defer r.dst.Close()
	err := r.run()
	if _, named := errors.AsType[*store.Error](err); err != nil && !named {
		if _, told := errors.AsType[*kdb.WouldLose](err); !told {
			err = &store.Error{Op: "restoring", Location: location, Err: err}
		}
	}
	return r.done, err
}

// restoration is one backup on its way.
type restoration struct {
	ctx      context.Context
	o        kdb.RestoreOptions
	src, dst *Database
	keys     *keys // of the backup
	done     kdb.Restored

	old      target
	oldState seen.State // of a database that could be read
	known    uint64     // the highest generation that is known of the database
}

// target is what is in the place of the database.
type target uint8

const (
	targetNone target = iota
	targetRead
	targetOther
	targetClosed
	targetDamaged
)

func (r *restoration) run() (err error) {
	if r.keys, err = r.src.acquire(r.ctx); err != nil {
		return err
	}
	defer r.keys.release()
	if err := r.verify(); err != nil {
		return err
	}
	if err := r.look(); err != nil {
		return err
	}
	if r.done.Lost != nil && !r.o.Force {
		return r.done.Lost
	}
	if !r.o.DryRun && !r.done.Unchanged {
		if err := r.write(); err != nil {
			return err
		}
	}
	return r.finish()
}

// verify refuses a backup that is damaged itself.
func (r *restoration) verify() error {
	n, first := 0, kdb.Problem{}
	err := r.src.Check(r.ctx, func(p kdb.Problem) {
		if n++; n == 1 {
			first = p
		}
	})
	if err == nil && n > 0 {
		err = &store.Error{Op: "checking", Location: r.src.location, Err: fmt.Errorf("%w: the backup is not sound: %s: %s", kdb.ErrCorrupt,
			first.Where, first.What)}
	}
	if err != nil {
		return err
	}
	return r.src.view(r.ctx, strict, func(t *tx) error {
		r.done.ID, r.done.Entries = hex.EncodeToString(t.keys.meta.id[:]), int(t.head.entries)
		r.known = t.head.generation
		return nil
	})
}

// look finds out what would be lost.
func (r *restoration) look() error {
	var m meta
	err := r.dst.store.View(r.ctx, func(stx store.Tx) (err error) { m, _, err = readMetaRecord(stx); return err })
	switch {
	case errors.Is(err, kdb.ErrNoDatabase):
		r.old, r.done.Made = targetNone, true
	case errors.Is(err, kdb.ErrCorrupt), errors.Is(err, kdb.ErrVersion):
		r.lose(targetDamaged, kdb.LossUnreadable)
	case err != nil:
		return err
	case m.id != r.keys.meta.id:
		r.lose(targetOther, kdb.LossOther)
	default:
		if err := r.compare(&m); err != nil {
			return err
		}
	}
	if last, found := r.dst.remembered().Last(r.dst.seenKey(&r.keys.meta)); found {
		r.known = max(r.known, last.Generation)
	}
	return nil
}

func (r *restoration) lose(old target, loss kdb.Loss) {
	r.old = old
	r.done.Lost = &kdb.WouldLose{Location: r.dst.location, Loss: loss}
}

// compare opens the database and looks for changes that the backup lacks.
func (r *restoration) compare(m *meta) error {
	if m.keyID == r.keys.meta.keyID {
		r.dst.keys = r.keys
	}
	err := r.dst.view(r.ctx, lenient, func(dst *tx) error {
		r.old, r.oldState = targetRead, dst.state()
		return r.src.view(r.ctx, strict, func(src *tx) error { return r.compareLogs(src, dst) })
	})
	switch {
	case errors.Is(err, kdb.ErrPassword), errors.Is(err, kdb.ErrNoPassword):
		r.lose(targetClosed, kdb.LossClosed)
	case errors.Is(err, kdb.ErrCorrupt), errors.Is(err, kdb.ErrVersion):
		r.lose(targetDamaged, kdb.LossUnreadable)
	default:
		return err
	}
	return nil
}

// opRestore is what the log calls it.
const opRestore = "restore"

// compareLogs finds the changes in the database that the backup lacks. That it was restored before is none.
func (r *restoration) compareLogs(src, dst *tx) error {
	r.known = max(r.known, dst.head.generation)
	theirs, stop := iter.Pull2(src.records())
	defer stop()
	var lost kdb.WouldLose
	restored, common := false, true
	for l, err := range dst.records() {
		if err != nil {
			return err
		}
		if common {
			mine, err, more := theirs()
			if err != nil {
				return err
			}
			common = more && mine.LogRecord == l.LogRecord
		}
		switch {
		case common:
		case l.Operation == opRestore:
			restored = true
		default:
			lost.Last = kdb.Change{Time: l.Time, Operation: l.Operation, Label: l.Label}
			if lost.Changes++; lost.Changes == 1 {
				lost.First = lost.Last
			}
		}
	}
	_, err, more := theirs()
	if err != nil {
		return err
	}
	if lost.Changes > 0 {
		lost.Location, lost.Loss = r.dst.location, kdb.LossChanges
		r.done.Lost = &lost
	}
	r.done.Unchanged = lost.Changes == 0 && !more && (restored || dst.head.generation == src.head.generation) && dst.hasSlotsOf(src)
	return nil
}

// records are the records of the log.
func (t *tx) records() iter.Seq2[logEntry, error] {
	return func(yield func(logEntry, error) bool) {
		for record, err := range t.stx.Scan(prefixLog, "") {
			var l logEntry
			if err == nil {
				l, err = t.openLog(record)
			}
			if !yield(l, err) || err != nil {
				return
			}
		}
	}
}

// hasSlotsOf says whether everything that opens another state opens this one.
func (t *tx) hasSlotsOf(other *tx) bool {
	for _, slot := range other.head.slots {
		found := false
		for _, own := range t.head.slots {
			found = found || own == slot
		}
		if !found {
			return false
		}
	}
	return true
}

// write makes the change.
func (r *restoration) write() (err error) {
	if r.old == targetRead { // its stash stays, also an early one
		if err := r.dst.settleStash(r.ctx, r.dst.keys, nil); err != nil {
			return err
		}
	}
	early, err := r.copyStash()
	defer clear(early.content.key[:])
	if err == nil {
		err = r.replace()
	}
	switch {
	case err != nil:
		r.dst.withdrawStash(r.ctx, &early, err)
	case early.path != "":
		err = r.dst.settleStash(r.ctx, r.keys, &early.content)
	default:
		removeEarly(r.dst.disk, r.dst.stash, r.keys.meta.id)
	}
	return err
}

// replace puts the records in their place.
func (r *restoration) replace() (err error) {
	filler, canFill := r.dst.store.(store.Filler)
	rewriter, canRewrite := r.dst.store.(store.Rewriter)
	switch {
	case r.old == targetNone && canFill:
		return filler.Fill(r.ctx, false, r.fill)
	case r.old == targetDamaged && canFill:
		return filler.Fill(r.ctx, true, r.fill)
	case canRewrite:
		err = rewriter.Rewrite(r.ctx, func(old, made store.Tx) error {
			if err := r.isSame(old); err != nil {
				return err
			}
			return r.fill(made)
		})
	}
	if !canRewrite || errors.Is(err, kdb.ErrUnsupported) {
		err = r.dst.store.Update(r.ctx, func(stx store.Tx) error {
			if err := r.isSame(stx); err != nil {
				return err
			}
			return replaceRecords(stx, []string{""}, r.fill)
		})
		if err == nil {
			err = r.dst.eraseRemoved(r.ctx)
		}
	}
	return err
}

// isSame makes sure that the database is as it was when the loss was judged.
func (r *restoration) isSame(stx store.Tx) error {
	if r.old != targetRead {
		return nil
	}
	t, err := r.dst.begin(r.ctx, stx, r.dst.keys)
	if err == nil && t.state() != r.oldState {
		err = fmt.Errorf("%w: while the backup was compared with it", kdb.ErrChanged)
	}
	return err
}

// copyStash writes the stash of the backup for a database that has none, early, if that opens it. Without a path there is none to be made.
func (r *restoration) copyStash() (e earlyStash, err error) {
	if exists(r.dst.stash) || r.src.stash == r.dst.stash || r.dst.stash == "" {
		return e, nil
	}
	for s, err := range r.src.stashes(r.keys.meta.id) {
		if err == nil && s.slot == r.keys.slot {
			r.done.StashMade = true
			e = earlyStash{r.dst.disk, r.dst.stash, *s}
			return e, e.write()
		}
	}
	return e, nil
}

// stashOpened says whether it was the stash that opened the backup.
func (r *restoration) stashOpened() bool {
	for s, err := range r.src.stashes(r.keys.meta.id) {
		if err == nil && s.slot == r.keys.slot {
			return true
		}
	}
	return false
}

// fill puts the records of the backup, with a generation above all that are known and a record of the change.
func (r *restoration) fill(made store.Tx) error {
	return r.src.store.View(r.ctx, func(stx store.Tx) error {
		from, err := r.src.begin(r.ctx, stx, r.keys)
		if err != nil {
			return err
		}
		if err := copyRecords(stx, made); err != nil {
			return err
		}
		to := &tx{
			ctx: r.ctx, db: r.dst, stx: putter{stx, made}, keys: r.keys, operation: opRestore,
			digester: r.keys.digester(), spots: r.keys.spotter(), bound: r.keys.meta.bind(""),
		}
		to.head, to.counted = from.head, from.head.entries
		to.head.generation = max(from.head.generation, r.known)
		if err := errors.Join(r.raiseNumbers(to), to.log(opRestore, "", [32]byte{})); err != nil {
			return err
		}
		return to.commit()
	})
}

// raiseNumbers gives each CA a number for its next revocation list that is above all that it can have issued since the backup was made
// (RFC 5280, 5.2.3): the time in seconds. If the backup has everything that the database had, nothing was issued since.
func (r *restoration) raiseNumbers(to *tx) error {
	if r.old == targetRead && r.done.Lost == nil {
		return nil
	}
	for record, err := range to.stx.Scan(prefixIssuer, "") {
		if err != nil {
			return err
		}
		id, err := hex.DecodeString(record.Key[len(prefixIssuer):])
		if err != nil || len(id) != 32 {
			continue // unreachable: the backup is sound
		}
		of, err := to.issuer([32]byte(id))
		if err != nil {
			return err
		}
		of.number, of.changed = max(of.number, uint64(r.dst.now().Unix())), true
	}
	return nil
}

// finish makes the restored state the newest that this user knows, and tells what the stash opens.
func (r *restoration) finish() error {
	if r.o.DryRun {
		return r.judgeStash(r.src)
	}
	if old := r.dst.keys; old != r.keys {
		if old != nil {
			old.retire()
		}
		r.dst.keys = r.keys
	}
	if err := r.dst.AcceptState(r.ctx); err != nil {
		r.dst.o.State = ""
		r.src.warn(fmt.Errorf("the database is restored, but that cannot be noted: %w", err))
	}
	return r.judgeStash(r.dst)
}

// judgeStash says whether the stash of the database opens what db has.
func (r *restoration) judgeStash(db *Database) error {
	path := r.dst.stash
	if path == "" || !exists(path) {
		return nil
	}
	return db.view(r.ctx, strict, func(t *tx) error {
		slots, err := t.listedSlots()
		r.done.DeadStash = path
		if r.src.stash != path && r.stashOpened() {
			r.done.BackupStash = r.src.stashFile(t.keys.meta.id)
		}
		for i := range slots {
			if r.dst.stashOpens(&t.keys.meta, &slots[i]) {
				r.done.Stash, r.done.DeadStash = path, ""
			}
		}
		return err
	})
}

// exists says whether there is anything at a path.
func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// once asks for a password once, and knows it until it forgets it.
type once struct {
	ask   func(context.Context, string) ([]byte, error)
	known []byte
}

func (o *once) password(ctx context.Context, location string) ([]byte, error) {
	if o.known == nil {
		password, err := o.ask(ctx, location)
		if err != nil {
			return nil, err
		}
		o.known = password
	}
	return bytes.Clone(o.known), nil
}

// forget clears the password.
func (o *once) forget() { clear(o.known) }
