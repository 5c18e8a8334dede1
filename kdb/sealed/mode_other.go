//go:build !unix

package sealed

// modesMatter says that the permission bits of a file say who may read it.
const modesMatter = false
