//go:build unix

package main

import (
	"fmt"
	"syscall"
)

// limitMemory makes the system refuse more memory than this; the program then ends with Go's "out of memory".
func limitMemory(bytes uint64) error {
	limit := syscall.Rlimit{Cur: bytes, Max: bytes}
	if err := syscall.Setrlimit(syscall.RLIMIT_DATA, &limit); err != nil {
		return fmt.Errorf("limiting the memory: %w", err)
	}
	return nil
}
