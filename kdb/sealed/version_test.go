package sealed_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/store"
	"certkdb/kdb/store/boltstore"
)

// TestVersion_unknownIsRefused: a database of a later version is neither read nor changed, whatever is asked of it.
func TestVersion_unknownIsRefused(t *testing.T) {
	t.Parallel()
	db, path := newDatabase(t)
	put(t, db, trusted("a", newPair(t, "a")))
	must(t, db.Close())
	st := boltstore.Open(path, boltstore.Options{})
	must(t, st.Update(ctx, func(tx store.Tx) error {
		raw, err := tx.Get("meta")
		if err != nil {
			return err
		}
		later := bytes.Clone(raw)
		later[9]++ // the checksum, which every version has at the end, tells it from damage
		sum := sha256.Sum256(later[:len(later)-8])
		copy(later[len(later)-8:], sum[:])
		return errors.Join(tx.Put("meta", later), tx.Put("~meta", later))
	}))
	must(t, st.Close())
	before := read(t, path)
	again, err := native().Open(ctx, path, options("secret"))
	if err == nil {
		defer again.Close()
		err = again.Update(ctx, "add", func(tx kdb.Tx) error { return tx.Put(trusted("b", newPair(t, "b"))) })
	}
	if !errors.Is(err, kdb.ErrVersion) {
		t.Errorf("%v, want ErrVersion", err)
	}
	if !bytes.Equal(read(t, path), before) {
		t.Error("the file was changed")
	}
}
