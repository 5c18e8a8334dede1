//go:build !linux

package main

import (
	"os"
	"time"
)

// peak is 0, not measured: what systems count, and in which unit, differs.
func peak(*os.ProcessState) int64 { return 0 }

// started is when the program began.
var started = time.Now()

// ownCPU is the time by the clock in place of the processor time of this process.
func ownCPU() time.Duration { return time.Since(started) }
