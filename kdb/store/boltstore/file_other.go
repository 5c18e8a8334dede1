//go:build !unix

package boltstore

import (
	"io/fs"
	"os"
)

// canReplaceOpen says that a file can be renamed over while it is open.
const canReplaceOpen = false

// canMapAhead says that mapping more than the file has does not make the file longer.
const canMapAhead = false

// syncDir does nothing: folders cannot be synchronised here.
func syncDir(string) error { return nil }

// keepOwner does nothing: the new file inherits its owner and rights from the folder.
func keepOwner(*os.File, fs.FileInfo) error { return nil }
