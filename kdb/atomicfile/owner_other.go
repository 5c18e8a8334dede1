//go:build !unix

package atomicfile

import "io/fs"

// otherOwner reports no other owner: here a file gets owner and access list from its folder.
func (*Temp) otherOwner(fs.FileInfo) (uid, gid int, differs bool) { return 0, 0, false }
