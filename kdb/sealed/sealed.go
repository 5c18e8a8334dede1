// Package sealed is the native database: entries in sealed records over a store that is not trusted. FORMAT.md says
// what is stored, how, and against whom that helps.
//
//	db, err := sealed.Driver(boltstore.Backend()).Open(ctx, "key.ckdb", kdb.Options{Password: ask, LockTimeout: 10 * time.Second})
//	if err != nil { … }
//	defer db.Close()
//	native := db.(*sealed.Database) // for slots, stash, rekey, log …
//
// Opening reads nothing secret: Info and listing the labels need no password, View and Update unlock the database when they first
// need it, by the stash next to it or by its password. [Database.Unlock] does that at once.
package sealed

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"certkdb/kdb"
	"certkdb/kdb/atomicfile"
	"certkdb/kdb/seen"
	"certkdb/kdb/store"
)

// Database is a native database. It implements kdb.Database; what only a native database can do are further methods.
type Database struct {
	store    store.Store
	location string
	id       [16]byte // as it was when the database was opened or created
	stash    string   // path of the stash, "" if there can be none
	disk     atomicfile.FS
	o        kdb.Options
	created  bool // here, not opened

	unlocking chan struct{} // has room for the one who opens a key slot

	mu      sync.Mutex
	keys    *keys // nil while it is locked
	closed  bool
	reading *reading // the summaries that were read last, up to where it ended

	rolledBack atomic.Pointer[kdb.RolledBack] // what was found when it was unlocked
}

var _ kdb.Database = (*Database)(nil)

// progress shows how many of all entries are done.
func (db *Database) progress(done, total uint64) {
	if db.o.Progress != nil {
		db.o.Progress(int(done), int(total))
	}
}

// Driver opens and creates native databases in the stores of a backend.
func Driver(b store.Backend) kdb.Driver {
	return kdb.Driver{
		Name:       kdb.Native,
		Aliases:    []string{"native"},
		Locates:    b.Locates,
		Extensions: []string{".ckdb"},
		StashOnly:  true,
		Matches:    b.Matches,
		Exists:     b.Exists,
		Remains:    b.Remains,
		Recover: func(ctx context.Context, location, to string, o kdb.Options) (kdb.Recovery, error) {
			from := b.Open(location, store.Options{LockTimeout: o.LockTimeout})
			if to == "" {
				return Recover(ctx, from, nil, location, o)
			}
			return Recover(ctx, from, b.Open(to, store.Options{LockTimeout: o.LockTimeout, Create: true}), location, o)
		},
		Restore: func(ctx context.Context, backup, location string, o kdb.RestoreOptions) (kdb.Restored, error) {
			how := store.Options{LockTimeout: o.LockTimeout}
			return Restore(ctx, b.Open(backup, how), b.Open(location, how), backup, location, o)
		},
		Beside: func(location string) []string { return []string{location + StashExtension} },
		Open: func(ctx context.Context, location string, o kdb.Options) (kdb.Database, error) {
			return asDatabase(Open(ctx, b.Open(location, store.Options{LockTimeout: o.LockTimeout}), location, o))
		},
		Create: func(ctx context.Context, location string, o kdb.CreateOptions) (kdb.Database, error) {
			if exists, err := b.Exists(ctx, location); err != nil {
				return nil, &store.Error{Op: "creating", Location: location, Err: err}
			} else if exists {
				return nil, &store.Error{Op: "creating", Location: location, Err: kdb.ErrDatabaseExists}
			}
			return asDatabase(Create(ctx, b.Open(location, store.Options{LockTimeout: o.LockTimeout, Create: true}), location, o))
		},
		Labels: func(ctx context.Context, location, prefix string) iter.Seq2[string, error] {
			return newDatabase(b.Open(location, store.Options{}), location, kdb.Options{}).Labels(ctx, prefix)
		},
	}
}

// asDatabase keeps a nil *Database from becoming a kdb.Database that is not nil.
func asDatabase(db *Database, err error) (kdb.Database, error) {
	if err != nil {
		return nil, err
	}
	return db, nil
}

// Open opens the database in a store. location names it in messages. A store in a file has its stash in the same folder.
func Open(ctx context.Context, st store.Store, location string, o kdb.Options) (*Database, error) {
	db := newDatabase(st, location, o)
	err := st.View(ctx, func(stx store.Tx) error {
		m, _, err := readMetaRecord(stx)
		db.id = m.id
		return err
	})
	if err != nil {
		return nil, db.name(err)
	}
	return db, nil
}

func newDatabase(st store.Store, location string, o kdb.Options) *Database {
	db := &Database{store: st, location: location, disk: atomicfile.Disk{}, o: o, unlocking: make(chan struct{}, 1)}
	if file, ok := st.(store.File); ok {
		db.stash = stashPath(file.Path())
	}
	return db
}

// Create makes a new database in an empty store, with one slot for a password or for a stash, and returns it unlocked.
func Create(ctx context.Context, st store.Store, location string, o kdb.CreateOptions) (*Database, error) {
	db := newDatabase(st, location, o.Options)
	if err := db.create(ctx, o); err != nil {
		return nil, err
	}
	return db, nil
}

func (db *Database) create(ctx context.Context, o kdb.CreateOptions) error {
	k, err := deriveKeys(newMeta(db.now()), newMaster())
	if err != nil {
		return err
	}
	var made seen.State
	commit := func(s *slot, secret []byte) error {
		s.name = defaultSlotName(s.kind, nil)
		k.slot, k.slotName = 1, s.name
		if err := s.wrap(&k.meta, 1, secret, k.master); err != nil {
			return err
		}
		return db.name(db.store.Update(ctx, func(stx store.Tx) (err error) { made, err = db.initialise(ctx, stx, k, s); return err }))
	}
	if o.StashOnly {
		err = db.createByStash(ctx, k, commit)
	} else {
		err = db.createByPassword(ctx, o.Cost, commit)
		if err == nil {
			removeEarly(db.disk, db.stash, k.meta.id)
		}
	}
	if err != nil {
		return err
	}
	db.keys, db.created, db.id = k, true, k.meta.id
	db.note(&k.meta, made)
	return nil
}

// createByPassword makes the slot of a new database's password and has it stored.
func (db *Database) createByPassword(ctx context.Context, cost kdb.Cost, commit func(*slot, []byte) error) error {
	password, err := db.askPassword(ctx)
	if err != nil {
		return &store.Error{Op: "creating", Location: db.location, Err: err}
	}
	defer clear(password)
	return commit(db.newSlot(passwordKind(cost), cost), password)
}

// initialise writes the first records.
func (db *Database) initialise(ctx context.Context, stx store.Tx, k *keys, s *slot) (made seen.State, err error) {
	for _, key := range []string{keyMeta, copyKey(keyMeta)} {
		if _, err := stx.Get(key); !errors.Is(err, store.ErrNotFound) {
			return made, errors.Join(err, kdb.ErrDatabaseExists)
		}
	}
	t := &tx{
		ctx: ctx, db: db, stx: stx, keys: k, operation: "create", digester: k.digester(), spots: k.spotter(), bound: k.meta.bind(""),
	}
	if err := t.putMeta(&k.meta); err != nil {
		return made, err
	}
	if err := t.putSlot(1, s); err != nil {
		return made, err
	}
	if err := errors.Join(t.buildIndex(), t.log("create", "", [32]byte{})); err != nil {
		return made, err
	}
	err = t.commit()
	return t.state(), err
}

// View implements kdb.Database.
func (db *Database) View(ctx context.Context, fn func(kdb.Tx) error) error {
	return db.view(ctx, strict, func(t *tx) error { return fn(t) })
}

func (db *Database) view(ctx context.Context, how strictness, fn func(*tx) error) error {
	return db.name(db.unlocked(ctx, func(t *tx) error {
		if err := t.require(how); err != nil {
			return err
		}
		return fn(t)
	}))
}

// Update implements kdb.Database.
func (db *Database) Update(ctx context.Context, operation string, fn func(kdb.Tx) error) error {
	return db.update(ctx, operation, strict, func(t *tx) error { return fn(t) })
}

func (db *Database) update(ctx context.Context, operation string, how strictness, fn func(*tx) error) error {
	return db.updateBy(ctx, db.store.Update, operation, how, fn)
}

// updateAlone is update where no other process reads or changes the database meanwhile: what fn finds out about the stash, which is
// replaced in transactions, is still so when it is stored.
func (db *Database) updateAlone(ctx context.Context, operation string, fn func(*tx) error) error {
	return db.updateBy(ctx, db.alone(), operation, lenient, fn)
}

// alone is how the store is updated by one who is alone with it. A store that is no file has no stash.
func (db *Database) alone() func(context.Context, func(store.Tx) error) error {
	if st, ok := db.store.(store.Locker); ok {
		return st.UpdateLocked
	}
	return db.store.Update
}

func (db *Database) updateBy(
	ctx context.Context, update func(context.Context, func(store.Tx) error) error, operation string, how strictness, fn func(*tx) error,
) error {
	if operation == "" {
		return errors.New("an update needs the name of its operation")
	}
	k, err := db.acquire(ctx)
	if err != nil {
		return err
	}
	defer k.release()
	if err := db.settleStash(ctx, k, nil); err != nil {
		return db.name(err)
	}
	return db.updateWith(ctx, k, update, operation, how, fn)
}

// updateWith is updateBy with the keys, and with the stash as it is.
func (db *Database) updateWith(
	ctx context.Context, k *keys, update func(context.Context, func(store.Tx) error) error, operation string, how strictness,
	fn func(*tx) error,
) error {
	var done tx
	err := update(ctx, func(stx store.Tx) error {
		t, err := db.begin(ctx, stx, k)
		if err == nil {
			err = t.require(how)
		}
		if err != nil {
			return err
		}
		t.operation, t.stx = operation, &afterBatch{Tx: stx, t: t}
		defer t.aside.wait()
		defer t.batch.wait()
		if err := fn(t); err != nil {
			return err
		}
		err = t.commit()
		done = *t
		return err
	})
	if err == nil && done.changed {
		db.note(&k.meta, done.state())
	}
	if err == nil && done.erase {
		err = db.eraseRemoved(ctx)
	}
	return db.name(err)
}

// eraseRemoved overwrites what the last update removed: an old password or stash must not find its slot again.
func (db *Database) eraseRemoved(ctx context.Context) error {
	st, ok := db.store.(store.Eraser)
	if !ok {
		return nil
	}
	if err := st.Erase(ctx); err != nil {
		return fmt.Errorf("it is done, but what was removed is still in the file, sealed: %w", err)
	}
	return nil
}

// name adds the location to an error about the database that does not have it yet.
func (db *Database) name(err error) error {
	if errors.Is(err, store.ErrLimit) {
		return fmt.Errorf("%w: %w", kdb.ErrUnsupported, err)
	}
	if _, named := errors.AsType[*store.Error](err); err == nil || named {
		return err
	}
	for _, own := range []error{kdb.ErrCorrupt, kdb.ErrVersion, kdb.ErrChanged, kdb.ErrDatabaseExists, kdb.ErrNoDatabase} {
		if errors.Is(err, own) {
			return &store.Error{Op: "database", Location: db.location, Err: err}
		}
	}
	return err
}

// Info implements kdb.Database.
func (db *Database) Info(ctx context.Context) (kdb.Info, error) {
	info := kdb.Info{Location: db.location, Format: kdb.Native, Version: fmt.Sprint(formatVersion)}
	var m meta
	err := db.store.View(ctx, func(stx store.Tx) (err error) {
		if m, _, err = readMetaRecord(stx); err != nil {
			return err
		}
		info.ID, info.Created = hex.EncodeToString(m.id[:]), m.created
		if info.Slots, err = slotInfos(stx); err != nil {
			return err
		}
		info.Entries, err = countEntries(stx)
		return err
	})
	if err != nil {
		return kdb.Info{}, db.name(err)
	}
	info.Size, err = db.store.Size()
	info.Facts = db.facts(&m, info.Slots)
	return info, db.name(err)
}

// countEntries takes the number of entries from its record, and counts them if that is not there.
func countEntries(stx store.Tx) (n int, err error) {
	if value, err := stx.Get(keyCount); err == nil {
		if count, err := decodeCount(value); err == nil {
			return int(count), nil
		}
	}
	for _, err := range stx.Scan(prefixSummary, "") {
		if err != nil {
			return 0, err
		}
		n++
	}
	return n, nil
}

func (db *Database) facts(m *meta, slots []kdb.SlotInfo) []kdb.Fact {
	facts := []kdb.Fact{{Name: "records", Value: "AES-256-GCM, each sealed by itself"}}
	for _, s := range slots {
		if s.Kind != "stash" {
			continue
		}
		fact := kdb.Fact{Name: "stash", Value: db.stashFile(m.id)}
		if _, err := readStash(fact.Value); errors.Is(err, fs.ErrNotExist) {
			fact.Value += " is missing, though there is a key slot for it"
		} else if err != nil {
			fact.Value, fact.Weak = err.Error(), errors.Is(err, ErrStashMode)
		}
		facts = append(facts, fact)
	}
	return facts
}

// Labels yields the labels that begin with prefix in the order of their bytes. It needs no password.
func (db *Database) Labels(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		stopped := false
		err := db.store.View(ctx, func(stx store.Tx) error {
			for record, err := range stx.Scan(prefixSummary+prefix, "") {
				if err != nil {
					return err
				}
				if stopped = !yield(record.Key[len(prefixSummary):], nil); stopped {
					return nil
				}
			}
			return nil
		})
		if err != nil && !stopped {
			yield("", db.name(err))
		}
	}
}

// Close implements kdb.Database. It waits for the transactions that are running, so it must not be called in one; it does not wait for
// somebody who is being asked for the password.
func (db *Database) Close() error {
	db.mu.Lock()
	k := db.keys
	db.keys, db.closed = nil, true
	db.mu.Unlock()
	if k != nil {
		<-k.retire()
	}
	return db.store.Close()
}

func (db *Database) now() time.Time {
	if db.o.Now != nil {
		return db.o.Now()
	}
	return time.Now()
}
