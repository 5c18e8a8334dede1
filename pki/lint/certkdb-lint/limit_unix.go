//go:build unix

package main

import (
	"fmt"
	"syscall"
)

// limitMemory makes the system refuse more memory than this; the program then ends with Go's "out of memory".
func limitMemory(bytes uint64) error {
	var limit syscall.Rlimit
	setLimit(&limit.Cur, bytes)
	setLimit(&limit.Max, bytes)
	if err := syscall.Setrlimit(syscall.RLIMIT_DATA, &limit); err != nil {
		return fmt.Errorf("limiting the memory: %w", err)
	}
	return nil
}

// setLimit sets a field of Rlimit, which is signed on FreeBSD and unsigned elsewhere.
func setLimit[T int64 | uint64](field *T, bytes uint64) { *field = T(bytes) }
