package atomicfile

import "io/fs"

// KeepInfo is Keep for a file without attributes.
func (t *Temp) KeepInfo(old fs.FileInfo) error { return t.keep(old, nil) }
