package sealed

import (
	"bytes"
	"errors"
	"fmt"

	"certkdb/kdb"
	"certkdb/kdb/store"
)

// Meta, head and key slots are stored twice, on different pages: without them nothing else can be read. The copy of a record has the same
// value under the key with store.Apart in front.

func copyKey(key string) string { return store.Apart + key }

// putTwice stores a record and its copy.
func putTwice(stx store.Tx, key string, value []byte) error {
	if err := stx.Put(key, value); err != nil {
		return err
	}
	return stx.Put(copyKey(key), bytes.Clone(value))
}

func deleteTwice(stx store.Tx, key string) error {
	return errors.Join(stx.Delete(key), stx.Delete(copyKey(key)))
}

// readTwice reads a record and its copy, and decodes the one that is not damaged. Two sound records that differ, or one without the
// other, are no damage: somebody changed them. The error is that of the first record if neither can be used.
func readTwice[T any](stx store.Tx, key string, decode func([]byte) (T, error)) (value T, raw []byte, err error) {
	first, errFirst := stx.Get(key)
	second, errSecond := stx.Get(copyKey(key))
	missing := errors.Is(errFirst, store.ErrNotFound)
	if missing != errors.Is(errSecond, store.ErrNotFound) && (errFirst == nil || errSecond == nil) {
		return value, nil, fmt.Errorf("%w: it is there once instead of twice: it was removed or put back", kdb.ErrCorrupt)
	}
	if errFirst == nil {
		value, errFirst = decode(first)
	}
	if errSecond != nil || bytes.Equal(first, second) {
		return value, first, errFirst
	}
	other, errSecond := decode(second)
	switch {
	case errFirst == nil && errSecond == nil:
		return value, nil, fmt.Errorf("%w: its two copies differ: an older one was put back", kdb.ErrCorrupt)
	case errSecond == nil && isDamage(errFirst):
		return other, second, nil
	}
	return value, first, errFirst
}

// isDamage tells a record that cannot be read or decoded from other errors, after which its copy would be no better.
func isDamage(err error) bool { return errors.Is(err, kdb.ErrCorrupt) }

// copies compares the records that are stored twice.
func (c *checker) copies() error {
	keys := []string{keyMeta, keyHead}
	for _, h := range c.t.head.slots {
		keys = append(keys, slotKey(h.id))
	}
	for _, key := range keys {
		first, errFirst := c.t.stx.Get(key)
		second, errSecond := c.t.stx.Get(copyKey(key))
		for _, one := range []struct {
			where string
			err   error
		}{{place(key), errFirst}, {"copy of " + place(key), errSecond}} {
			if errors.Is(one.err, store.ErrNotFound) {
				c.finding(one.where, "it is missing")
			} else if one.err != nil {
				if err := c.fault(one.where, one.err); err != nil {
					return err
				}
			}
		}
		if errFirst == nil && errSecond == nil && !bytes.Equal(first, second) {
			c.finding(place(key), "its two copies differ: one of them is damaged")
		}
	}
	return nil
}
