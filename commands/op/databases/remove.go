package databases

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"certkdb/commands/op"
)

// fileSet is a database in several files.
type fileSet interface {
	// Files are the paths of the files that there are, the main one first, the stash included.
	Files() []string
	// Password is the password that opened it, nil if none did.
	Password() []byte
}

// Remove deletes a foreign database with the files that belong to it: requests, lists, stash.
type Remove struct{}

// Plan opens the database: deleting it needs its password.
func (Remove) Plan(ctx context.Context, s *op.Session) (Done, error) {
	if _, err := op.As[fileSet](ctx, s, op.FeatureDeletion); err != nil {
		return Done{}, err
	}
	return Done{Location: s.Location}, unlock(ctx, s)
}

// Do deletes, the main file last, so that what is left of an interrupted deletion is still a database.
func (Remove) Do(ctx context.Context, s *op.Session) (Done, error) {
	db, err := op.As[fileSet](ctx, s, op.FeatureDeletion)
	if err != nil {
		return Done{}, err
	}
	files := db.Files()
	for i := len(files) - 1; i >= 0; i-- {
		if err := os.Remove(files[i]); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return Done{}, fmt.Errorf("deleting %q: %w", files[i], op.UnwrapPath(err))
		}
	}
	return Done{Location: s.Location}, nil
}

// PasswordOf returns the password of a foreign database, for another database that gets the same one. The caller clears it.
func PasswordOf(ctx context.Context, s *op.Session) ([]byte, error) {
	db, err := op.As[fileSet](ctx, s, op.FeaturePassword)
	if err == nil {
		err = unlock(ctx, s)
	}
	if err != nil {
		return nil, err
	}
	return db.Password(), nil
}
