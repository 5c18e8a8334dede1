//go:build unix

package op

import (
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// exposed is a warning if other users can read or change a password file, nil if they cannot. It is for the user who can mend that: the
// owner or the administrator, and not on a file system that is read only, where somebody else chose the mode.
func exposed(path string, info fs.FileInfo) error {
	mode := info.Mode()
	if !mode.IsRegular() || mode.Perm()&0o066 == 0 {
		return nil
	}
	user := os.Geteuid()
	if owner, _ := ownerOf(info); user != 0 && user != owner {
		return nil
	}
	if unix.Access(path, unix.W_OK) != nil {
		return nil
	}
	return &Problem{
		Code: ExposedPassword, Location: path,
		Err: Classify(fmt.Errorf("the mode %04o of the password file %q gives other users access to it", mode.Perm(), path), fs.ErrPermission),
	}
}
