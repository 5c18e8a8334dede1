// Package startup makes the program start faster: importing it keeps the garbage collector from running while the
// packages of the program initialise themselves. It has to be initialised before the libraries that make much garbage
// then, and is, because Go initialises packages in the order of their import paths and this one needs nothing.
package startup

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// The percentages by which the heap may grow between two collections. Most commands end before their garbage is worth collecting;
// those that hold much must not hold five times as much.
const (
	small = 400
	large = 100 // Go's default
	// room is about how much garbage there may be while little is in use.
	room = 32 << 20
)

// The value is the percentage that was in force.
var _ = start()

func start() int {
	watch()
	return debug.SetGCPercent(small)
}

// watch sets the percentage anew after each collection.
func watch() {
	runtime.SetFinalizer(new([32]byte), func(*[32]byte) {
		live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		metrics.Read(live)
		debug.SetGCPercent(percentage(live[0].Value.Uint64()))
		watch()
	})
}

// percentage is the one for a number of bytes in use.
func percentage(live uint64) int {
	return int(min(max(100*room/max(live, 1), large), small))
}
