package databases

import (
	"context"

	"certkdb/commands/op"
	"certkdb/kdb"
	"certkdb/kdb/sealed"
)

// Passwd changes the password.
type Passwd struct {
	NewPassword op.NewPassword
	Cost        kdb.Cost // of a native database
}

// Plan opens the database with the old password, before a new one is asked for.
func (o Passwd) Plan(ctx context.Context, s *op.Session) (Done, error) {
	if _, err := passwordChanger(ctx, s); err != nil {
		return Done{}, err
	}
	if err := o.NewPassword.CheckKept(); err != nil {
		return Done{}, err
	}
	return Done{s.Location}, unlock(ctx, s)
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
	return Done{s.Location}, change(ctx, password, o.NewPassword.Cost(o.Cost))
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
