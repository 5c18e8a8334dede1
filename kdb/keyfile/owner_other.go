//go:build !unix

package keyfile

import (
	"io/fs"
	"os"
)

// keepOwner gives a new file the mode of the one that it will replace; its owner and access list come from the folder.
func keepOwner(path string, old fs.FileInfo) error {
	return os.Chmod(path, old.Mode().Perm())
}
