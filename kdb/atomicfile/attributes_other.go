//go:build !(linux || darwin || freebsd || netbsd)

package atomicfile

import (
	"errors"
	"os"
)

func attributesOf(*os.File) (map[string][]byte, error) { return nil, nil }

func setAttribute(*os.File, string, []byte) error { return errors.ErrUnsupported }

func removeAttribute(*os.File, string) error { return errors.ErrUnsupported }
