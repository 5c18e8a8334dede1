//go:build unix

package seen

import (
	"errors"
	"io/fs"
	"syscall"
	"testing"
)

// owned is a file of mode 0600 that belongs to a user.
type owned struct {
	fs.FileInfo
	uid uint32
}

func (owned) Mode() fs.FileMode { return 0o600 }
func (o owned) Sys() any        { return &syscall.Stat_t{Uid: o.uid} }

// TestPrivateTo: a user believes what belongs to the user or to root, and root what belongs to root.
func TestPrivateTo(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		user, owner int
		private     bool
	}{{1000, 1000, true}, {1000, 0, true}, {1000, 1001, false}, {0, 0, true}, {0, 1000, false}} {
		err := privateTo(test.user, "x", owned{uid: uint32(test.owner)})
		if (err == nil) != test.private || err != nil && !errors.Is(err, ErrNotPrivate) {
			t.Errorf("user %d, file of %d: %v", test.user, test.owner, err)
		}
	}
}
