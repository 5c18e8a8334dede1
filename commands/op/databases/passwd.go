package databases

import (
	"cmp"
	"context"
	"errors"

	"certkdb/commands/op"
	"certkdb/kdb"
	"certkdb/kdb/keyfile"
	"certkdb/kdb/sealed"
)

// Passwd changes the password.
type Passwd struct {
	NewPassword op.NewPassword
	Cost        kdb.Cost // of a native database
}

// Plan opens the database with the old password, before a new one is asked for. If the new password is the present one, the result says
// so, whether or not the old one still opens the database.
func (o Passwd) Plan(ctx context.Context, s *op.Session) (Done, error) {
	if _, err := passwordChanger(ctx, s); err != nil {
		return Done{}, err
	}
	if err := o.NewPassword.CheckKept(); err != nil {
		return Done{}, err
	}
	done, err := Done{Location: s.Location}, unlock(ctx, s)
	if err != nil && !errors.Is(err, kdb.ErrPassword) || !o.NewPassword.Source.Lasts() {
		return done, err
	}
	has, errNew := o.has(ctx, s, err)
	if has {
		return Done{Location: s.Location, Unchanged: true}, nil
	}
	return done, cmp.Or(err, errNew)
}

// has says whether the new password is the present one; old is the error of opening the database with the old one.
func (o Passwd) has(ctx context.Context, s *op.Session, old error) (bool, error) {
	db, native := s.Database().(*sealed.Database)
	if native && old == nil {
		password, err := o.NewPassword.Read(s.Env, s.Location)
		if err != nil {
			return false, err
		}
		defer clear(password)
		return db.HasPassword(ctx, password, o.NewPassword.Cost(o.Cost))
	}
	asked := false
	other, err := o.reopen(ctx, s, &asked)
	if err != nil {
		return false, nil
	}
	defer other.Close()
	if err := unlock(ctx, op.Attach(s.Env, s.Location, other)); err != nil {
		return false, nil
	}
	if native {
		return true, nil
	}
	// A file that encrypts nothing opens with any password, and asks for none.
	return other.View(ctx, readsKeys) == nil && asked && other.View(ctx, protectsKeys) == nil, nil
}

// reopen opens the database with the new password, and notes whether that is asked for.
func (o Passwd) reopen(ctx context.Context, s *op.Session, asked *bool) (kdb.Database, error) {
	driver, err := s.Env.Recognise(s.Location)
	if err != nil {
		return nil, err
	}
	d := op.DB{Password: op.Password{Source: o.NewPassword.Source, Field: o.NewPassword.Field}, LockTimeout: s.Source.LockTimeout}
	options, err := d.Options(ctx, s.Env)
	if err != nil {
		return nil, err
	}
	read := options.Password
	options.Password = func(ctx context.Context, location string) ([]byte, error) {
		*asked = true
		return read(ctx, location)
	}
	return driver.Open(ctx, op.Named(s.Location), options)
}

// errInClear says that a private key is not encrypted, so that a password does not protect it yet.
var errInClear = errors.New("a private key is not encrypted")

// protectsKeys looks for private keys that are not encrypted.
func protectsKeys(tx kdb.Tx) error {
	protector, ok := tx.(kdb.KeyProtector)
	for s, err := range tx.Summaries("") {
		if err != nil || !ok {
			return err
		}
		switch how, err := protector.KeyProtection(s.Label); {
		case err != nil:
			return err
		case how == keyfile.NotEncrypted:
			return errInClear
		}
	}
	return nil
}

// readsKeys reads every private key, each of which may have a password of its own.
func readsKeys(tx kdb.Tx) error {
	for s, err := range tx.Summaries("") {
		if err != nil {
			return err
		}
		if s.Kind == kdb.KindTrusted {
			continue
		}
		key, err := tx.Key(s.Label)
		if err != nil {
			return err
		}
		clear(key)
	}
	return nil
}

// Do asks for the new password and sets it.
func (o Passwd) Do(ctx context.Context, s *op.Session) (Done, error) {
	change, err := passwordChanger(ctx, s)
	if err != nil {
		return Done{}, err
	}
	password, err := o.NewPassword.Get(s.Env, s.Location)
	if err != nil {
		return Done{}, err
	}
	defer clear(password)
	done := Done{Location: s.Location}
	err = change(ctx, password, o.NewPassword.Cost(o.Cost))
	if errors.Is(err, kdb.ErrExists) || errors.Is(err, kdb.ErrChanged) || errors.Is(err, kdb.ErrPassword) {
		done.Unchanged = o.isSet(ctx, s, password)
	}
	if done.Unchanged {
		return done, nil
	}
	return done, err
}

// isSet says that another process has set the new password just now.
func (o Passwd) isSet(ctx context.Context, s *op.Session, password []byte) bool {
	if db, native := s.Database().(*sealed.Database); native {
		has, err := db.HasPassword(ctx, password, o.NewPassword.Cost(o.Cost))
		return has && err == nil
	}
	if !o.NewPassword.Source.Lasts() {
		return false
	}
	has, err := o.has(ctx, s, kdb.ErrPassword)
	return has && err == nil
}

// passwordChanger returns what changes the password of a database.
func passwordChanger(ctx context.Context, s *op.Session) (func(context.Context, []byte, kdb.Cost) error, error) {
	if db, ok := s.Database().(*sealed.Database); ok {
		return func(ctx context.Context, password []byte, cost kdb.Cost) error {
			_, err := db.ChangePassword(ctx, 0, password, cost)
			return err
		}, nil
	}
	db, err := op.As[interface {
		ChangePassword(ctx context.Context, newPassword []byte) error
	}](ctx, s, op.FeaturePassword)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, password []byte, _ kdb.Cost) error { return db.ChangePassword(ctx, password) }, nil
}

// unlock opens a database with its password now, if it can be opened before it is used.
func unlock(ctx context.Context, s *op.Session) error {
	if db, ok := s.Database().(interface{ Unlock(context.Context) error }); ok {
		return db.Unlock(ctx)
	}
	return nil
}
