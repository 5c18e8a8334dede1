package op

import "runtime/debug"

// CollectMore lets the heap grow only by half until garbage is collected, for work on a whole database that keeps much in memory for
// long. It returns what undoes that.
func CollectMore() (undo func()) {
	percent := debug.SetGCPercent(50)
	return func() { debug.SetGCPercent(percent) }
}
