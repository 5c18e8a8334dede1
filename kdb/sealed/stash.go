package sealed

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"certkdb/kdb"
)

// StashExtension is added to the location of a database to get that of its stash: key.ckdb.stash.
const StashExtension = ".stash"

// ErrStashMode says that others than the owner can read the stash, or that it is no file. It wraps fs.ErrPermission.
var ErrStashMode = fmt.Errorf("stash not safe: %w", fs.ErrPermission)

// ErrStashForm says that a file in the place of a stash is not one, or was cut off.
var ErrStashForm = fmt.Errorf("%w: it is no stash of a native database", kdb.ErrParse)

// stash is the content of a stash file: one line of text,
//
//	certkdb-stash-v1 <database id> <slot> <key>
//
// with id and key in hexadecimal and the slot in decimal digits.
type stash struct {
	id   [16]byte
	slot uint32
	key  [keySize]byte
}

const stashWord = "certkdb-stash-v1"

// maxStash is how much of a file is read as a stash.
const maxStash = 1024

func (s *stash) encode() []byte {
	return fmt.Appendf(nil, "%s %x %d %x\n", stashWord, s.id, s.slot, s.key)
}

func decodeStash(b []byte) (s stash, err error) {
	fields := strings.Split(strings.TrimSuffix(string(b), "\n"), " ")
	if len(fields) != 4 || fields[0] != stashWord {
		return s, ErrStashForm
	}
	if len(fields[1]) != 2*len(s.id) || len(fields[3]) != 2*len(s.key) {
		return s, ErrStashForm
	}
	slot, err := strconv.ParseUint(fields[2], 10, 32)
	if err != nil {
		return s, ErrStashForm
	}
	s.slot = uint32(slot)
	if _, err := hex.Decode(s.id[:], []byte(fields[1])); err != nil {
		return s, ErrStashForm
	}
	if _, err := hex.Decode(s.key[:], []byte(fields[3])); err != nil ||
		!bytes.Equal(s.encode(), append(bytes.TrimSuffix(b, []byte("\n")), '\n')) {
		return s, ErrStashForm
	}
	return s, nil
}

// readStash reads a stash file. The error wraps fs.ErrNotExist if there is none, and ErrStashMode if it is not safe.
func readStash(path string) (stash, error) {
	info, err := os.Stat(path) // before opening it, which would wait if it is a pipe
	if err == nil {
		err = checkStashMode(info)
	}
	if err != nil {
		return stash{}, fmt.Errorf("reading stash %q: %w", path, err)
	}
	f, err := os.Open(path)
	if err != nil {
		return stash{}, fmt.Errorf("reading stash: %w", err)
	}
	defer f.Close()
	if info, err = f.Stat(); err == nil {
		err = checkStashMode(info)
	}
	var data []byte
	if err == nil {
		data, err = io.ReadAll(io.LimitReader(f, maxStash))
	}
	var s stash
	if err == nil {
		s, err = decodeStash(data)
	}
	clear(data)
	if err != nil {
		return s, fmt.Errorf("reading stash %q: %w", path, err)
	}
	return s, nil
}

func checkStashMode(info fs.FileInfo) error {
	switch mode := info.Mode(); {
	case !mode.IsRegular():
		return fmt.Errorf("%w: it is no regular file; remove it and create the stash again", ErrStashMode)
	case modesMatter && mode.Perm()&0o077 != 0:
		return fmt.Errorf("%w: its mode is %04o, so others than its owner may use it; chmod 600 it, or create the stash again",
			ErrStashMode, mode.Perm())
	}
	return nil
}
