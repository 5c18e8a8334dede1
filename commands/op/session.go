package op

import (
	"context"
	"errors"
	"fmt"

	"certkdb/kdb"
	"certkdb/kdb/memory"
)

// Session is an open database with everything else that operations need: the clock, the user, where passwords come from. It is for one
// goroutine; several sessions may share a database.
type Session struct {
	Env *Env
	// Location is that of the database, as it was given or found.
	Location string
	// DryRun plans changes, tries them out in memory, and makes none.
	DryRun bool
	// Source says how the database was opened, for operations that open others in the same way.
	Source DB
	// Guard asks before something is lost; nil asks nobody. A dry run does not ask.
	Guard *Guard

	db      kdb.Database
	others  []*Session
	pending *memory.Overlay // what earlier plans of a Run are going to change
}

// Kind names the kind of the database by the beginning of its file, as [kdb.Driver] has it. Nothing is decrypted for that.
func (s *Session) Kind() (string, error) {
	driver, err := s.Env.Recognise(s.Location)
	if err != nil {
		return "", err
	}
	return driver.Name, nil
}

// Open opens the database that d names.
func Open(ctx context.Context, env *Env, d DB) (*Session, error) {
	location, err := d.Path(env)
	if err != nil {
		return nil, err
	}
	db, err := d.open(ctx, env, location)
	if err != nil {
		return nil, InterruptedAt(err, ProgressNone)
	}
	if location != Stdin {
		env.Protect(location)
	}
	switch files := db.(type) {
	case interface{ Files() []string }:
		env.Protect(files.Files()...)
	case interface{ StashFiles() []string }:
		env.Protect(files.StashFiles()...)
	}
	return &Session{Env: env, Location: location, Source: d, db: db}, nil
}

// Nothing is a session without a database, for operations that need none this time.
func Nothing(env *Env) *Session {
	return Attach(env, "", memory.New("", ""))
}

// Attach makes a session of a database that is open already. Close closes it.
func Attach(env *Env, location string, db kdb.Database) *Session {
	return &Session{Env: env, Location: location, db: db}
}

// Other opens another database in the same way, for an operation that needs two. The caller closes it.
func (s *Session) Other(ctx context.Context, d DB) (*Session, error) {
	if d.LockTimeout == 0 {
		d.LockTimeout = s.Source.LockTimeout
	}
	other, err := Open(ctx, s.Env, d)
	if err == nil {
		other.DryRun, other.Guard = s.DryRun, s.Guard
		s.others = append(s.others, other)
	}
	return other, err
}

// Opened are the session and those that operations opened by Other, closed or not: what was read of them may be worth a warning.
func (s *Session) Opened() []*Session { return append([]*Session{s}, s.others...) }

// Database is the open database, for operations on the whole of it.
func (s *Session) Database() kdb.Database { return s.db }

// View calls fn with the state of the database, the changes of earlier plans included.
func (s *Session) View(ctx context.Context, fn func(kdb.Tx) error) error {
	return s.db.View(ctx, func(tx kdb.Tx) error {
		if s.pending != nil {
			tx = s.pending.Clone().On(tx)
		}
		return fn(tx)
	})
}

// ReadKeys calls fn, which takes private keys out, and notes that in the audit log; operation is its name there. In a dry run
// nothing is noted: the keys go nowhere.
func (s *Session) ReadKeys(ctx context.Context, operation string, fn func(kdb.Tx) error) error {
	if s.DryRun || s.pending != nil {
		return s.View(ctx, func(tx kdb.Tx) error { return fn(Silent{Tx: tx}) })
	}
	return ReadKeys(ctx, s, operation, fn)
}

// roller is a database that notices when an older state of it is put back.
type roller interface {
	RolledBack(ctx context.Context) (*kdb.RolledBack, error)
	AcceptState(ctx context.Context) error
}

// RolledBack unlocks the database and says whether an older state of it was put back; nil if not, or if the kind of database cannot tell.
func (s *Session) RolledBack(ctx context.Context) (*kdb.RolledBack, error) {
	if db, ok := s.db.(roller); ok {
		return db.RolledBack(ctx)
	}
	return nil, nil
}

// AcceptState makes the present state the newest one that the user knows, when an older one was put back on purpose.
func (s *Session) AcceptState(ctx context.Context) error {
	if db, ok := s.db.(roller); ok {
		return db.AcceptState(ctx)
	}
	return nil
}

// Unverified is a warning if what was read last was read without the password that verifies it, or has secrets and nothing that would
// verify it; nil if not.
func (s *Session) Unverified() error {
	if db, ok := s.db.(interface{ Unsealed() bool }); ok && db.Unsealed() {
		return fmt.Errorf("reading %q: it has no MAC, so nothing shows whether the file was changed", s.Location)
	}
	if db, ok := s.db.(interface{ Unverified() bool }); !ok || !db.Unverified() {
		return nil
	}
	return WithoutPassword(s.Location)
}

// Verify reads the database as far as it has to be read to know that it was not changed. It fails if that takes a password and none is
// given, where reading alone would do without.
func (s *Session) Verify(ctx context.Context) error {
	if err := s.View(ctx, func(kdb.Tx) error { return nil }); err != nil {
		return err
	}
	if err := s.Unverified(); errors.Is(err, kdb.ErrNoPassword) {
		return err
	}
	return nil
}

// WithoutPassword is the warning about a file that was read without the password that verifies it.
func WithoutPassword(location string) error {
	err := fmt.Errorf("reading %q: %w, so nothing shows whether the file was changed", location, kdb.ErrNoPassword)
	return &Problem{Code: Unverified, Location: location, Err: err}
}

// Shortened are warnings about labels of what was read last that are only the beginning of a longer name in the file.
func (s *Session) Shortened() (warnings []error) {
	if db, ok := s.db.(interface{ Shortened() []kdb.Shortened }); ok {
		for _, cut := range db.Shortened() {
			warnings = append(warnings, fmt.Errorf("reading %q: label %q: %v", s.Location, cut.Label, cut))
		}
	}
	return warnings
}

// Close closes the database.
func (s *Session) Close() error { return s.db.Close() }

// unsupported is the error about a database of a kind that cannot do something.
func (s *Session) unsupported(ctx context.Context, what Feature) error {
	info, err := s.db.Info(ctx)
	if err != nil {
		return err
	}
	return &Unsupported{Location: info.Location, Format: info.Format, Feature: what}
}

// As returns the database as a T, which has a feature that not every kind of database has.
func As[T any](ctx context.Context, s *Session, feature Feature) (T, error) {
	if db, ok := s.db.(T); ok {
		return db, nil
	}
	var none T
	return none, s.unsupported(ctx, feature)
}
