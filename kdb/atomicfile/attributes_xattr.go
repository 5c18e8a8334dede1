//go:build linux || darwin || freebsd || netbsd

package atomicfile

import (
	"bytes"
	"errors"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// maxAttribute bounds a list of names and a value; Linux allows 64 KiB for either.
const maxAttribute = 1 << 20

// attributesOf reads the extended attributes that a new version of a file has to keep: access list, security label, and what users set.
func attributesOf(f *os.File) (map[string][]byte, error) {
	names, err := sized(func(buffer []byte) (int, error) { return unix.Flistxattr(int(f.Fd()), buffer) })
	if err != nil {
		return nil, err
	}
	var found map[string][]byte
	for name := range bytes.SplitSeq(names, []byte{0}) {
		if len(name) == 0 || ofContent(string(name)) {
			continue
		}
		value, err := sized(func(buffer []byte) (int, error) { return unix.Fgetxattr(int(f.Fd()), string(name), buffer) })
		if err != nil {
			return nil, err
		}
		if found == nil {
			found = map[string][]byte{}
		}
		found[string(name)] = value
	}
	return found, nil
}

// ofContent says that an attribute belongs to the old content, or that the system sets it by itself.
func ofContent(name string) bool {
	switch name {
	case "security.ima", "security.evm", "security.capability":
		return true
	}
	return strings.HasPrefix(name, "com.apple.")
}

// sized calls read with nothing to learn the size, and then with a buffer of that size. A file system without attributes has none.
func sized(read func([]byte) (int, error)) ([]byte, error) {
	for {
		n, err := read(nil)
		if errors.Is(err, unix.ENOTSUP) || errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) {
			return []byte{}, nil
		}
		if err != nil {
			return nil, err
		}
		if n > maxAttribute {
			return nil, unix.E2BIG
		}
		buffer := make([]byte, n)
		if n == 0 {
			return buffer, nil
		}
		if n, err = read(buffer); !errors.Is(err, unix.ERANGE) {
			return buffer[:max(0, n)], err
		}
	}
}

func setAttribute(f *os.File, name string, value []byte) error {
	return unix.Fsetxattr(int(f.Fd()), name, value, 0)
}

func removeAttribute(f *os.File, name string) error { return unix.Fremovexattr(int(f.Fd()), name) }
