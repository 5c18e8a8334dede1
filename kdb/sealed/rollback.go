package sealed

import (
	"context"
	"path/filepath"

	"certkdb/kdb"
	"certkdb/kdb/atomicfile"
	"certkdb/kdb/seen"
	"certkdb/kdb/store"
)

// remembered returns the states of databases that this user knows. It comes before the database is read.
func (db *Database) remembered() seen.Known {
	if db.o.State == "" {
		return nil
	}
	known, err := seen.Read(db.o.State)
	if err != nil {
		db.warn(err)
	}
	return known
}

func (db *Database) warn(err error) {
	if db.o.Warn != nil {
		db.o.Warn(err)
	}
}

// seenKey is what this user knows the database by. The id alone would not do: a copy at another path may go its own way, and a backup that
// somebody looks at is older rightly. Nor would the path: another database may take the place of this one.
func (db *Database) seenKey(m *meta) seen.Key {
	path := db.location
	if file, ok := db.store.(store.File); ok {
		path = atomicfile.Follow(file.Path())
		if absolute, err := filepath.Abs(path); err == nil {
			path = absolute
		}
	}
	return seen.Key{ID: m.id, Path: path}
}

// judge compares the database with the newest state that is known.
func (t *tx) judge(known seen.Known) {
	t.db.rolledBack.Store(nil)
	last, found := known.Last(t.db.seenKey(&t.keys.meta))
	if !found || t.continues(&last) {
		return
	}
	e := &kdb.RolledBack{Location: t.db.location, Found: t.head.generation, Seen: last.Generation}
	t.db.rolledBack.Store(e)
	t.db.warn(e)
}

// continues says whether a state is the present one, or came before it. If others changed the database since, the log has the chain value
// of that state, unless the database was rekeyed: then the number of changes has to do.
func (t *tx) continues(last *seen.State) bool {
	switch {
	case t.head.generation < last.Generation:
		return false
	case t.keys.meta.keyID != last.KeyID:
		return true
	case t.head.logSeq <= last.Log:
		return t.head.logSeq == last.Log && t.head.logChain == last.Chain
	}
	key := logKey(last.Log + 1)
	value, err := t.stx.Get(key)
	if err != nil {
		return false // somebody removed the record, or it is damaged
	}
	l, err := t.openLog(store.Record{Key: key, Value: value})
	return err == nil && l.previous == last.Chain
}

// state is what this user is going to know of the database.
func (t *tx) state() seen.State {
	return seen.State{Generation: t.head.generation, KeyID: t.keys.meta.keyID, Log: t.head.logSeq, Chain: t.head.logChain}
}

// note notes a state that was stored. After a rollback the state that was lost stays the known one, so that a few changes do not hide it.
// That the state cannot be noted is no harm now.
func (db *Database) note(m *meta, s seen.State) {
	if db.o.State != "" && db.rolledBack.Load() == nil {
		_ = seen.Note(db.o.State, db.seenKey(m), s)
	}
}

// RolledBack unlocks the database and says whether an older state was put back; nil if not, or if that is not known.
func (db *Database) RolledBack(ctx context.Context) (*kdb.RolledBack, error) {
	if err := db.Unlock(ctx); err != nil {
		return nil, err
	}
	return db.rolledBack.Load(), nil
}

// AcceptState makes the present state the newest one that this user knows: an older one was put back on purpose.
func (db *Database) AcceptState(ctx context.Context) error {
	if db.o.State == "" {
		return nil
	}
	err := db.view(ctx, lenient, func(t *tx) error { return seen.Accept(db.o.State, db.seenKey(&t.keys.meta), t.state()) })
	if err == nil {
		db.rolledBack.Store(nil)
	}
	return err
}
