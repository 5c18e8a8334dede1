// Package startup makes the program start faster: importing it keeps the garbage collector from running while the
// packages of the program initialise themselves. It has to be initialised before the libraries that make much garbage
// then, and is, because Go initialises packages in the order of their import paths and this one needs nothing.
package startup

import "runtime/debug"

// Most commands end before the garbage that they make is worth collecting. The value is the percentage that was in force.
var _ = debug.SetGCPercent(400)
