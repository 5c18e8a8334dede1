package databases

import (
	"context"
	"time"

	"certkdb/commands/op"
)

// expirer is a database whose password can expire.
type expirer interface {
	PasswordExpires(ctx context.Context) (time.Time, error)
	SetPasswordExpires(ctx context.Context, at time.Time) error
}

// PasswordExpiry tells when the password expires; the zero time is never. The error wraps kdb.ErrUnsupported if the kind of database has no
// place for that.
type PasswordExpiry struct{}

// Run looks.
func (PasswordExpiry) Run(ctx context.Context, s *op.Session) (time.Time, error) {
	db, err := op.As[expirer](ctx, s, op.FeaturePassword)
	if err != nil {
		return time.Time{}, err
	}
	return db.PasswordExpires(ctx)
}

// ExpirePassword says when the password expires; the zero time is never.
type ExpirePassword struct{ At time.Time }

// Plan looks whether the kind of database has a place for it.
func (ExpirePassword) Plan(ctx context.Context, s *op.Session) (Done, error) {
	_, err := PasswordExpiry{}.Run(ctx, s)
	return Done{Location: s.Location}, err
}

// Do writes it.
func (o ExpirePassword) Do(ctx context.Context, s *op.Session) (Done, error) {
	db, err := op.As[expirer](ctx, s, op.FeaturePassword)
	if err != nil {
		return Done{}, err
	}
	return Done{Location: s.Location}, db.SetPasswordExpires(ctx, o.At)
}
