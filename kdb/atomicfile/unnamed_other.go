//go:build !linux

package atomicfile

import (
	"errors"
	"os"
)

func createUnnamed(string) (*os.File, error) { return nil, errors.ErrUnsupported }

func linkUnnamed(*os.File, string) error { return errors.ErrUnsupported }

func reopenUnnamed(*os.File) (*os.File, error) { return nil, errors.ErrUnsupported }

func release(*os.File, int64, int64) {}

// isMountPoint does not know: a rename will tell.
func isMountPoint(*os.File) bool { return false }

// isFixed does not know: a rename will tell.
func isFixed(*os.File) bool { return false }
