package sealed_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/sealed"
	"certkdb/kdb/store"
	"certkdb/kdb/store/boltstore"
)

// TestProgress_reachesEveryEntry: each entry is reported, and of all where their number is known.
func TestProgress_reachesEveryEntry(t *testing.T) {
	t.Parallel()
	const entries = 20
	db, path := newDatabase(t)
	must(t, db.Update(ctx, "add", func(tx kdb.Tx) error {
		for i := range entries {
			if err := tx.Put(kdb.Entry{Label: fmt.Sprint(i), Kind: kdb.KindSecretKey, Key: make([]byte, 16), KeyAlgorithm: "AES"}); err != nil {
				return err
			}
		}
		return nil
	}))
	calls, last, of := 0, 0, 0
	o := options("secret")
	o.Progress = func(done, total int) { calls, last, of = calls+1, done, total }
	watched := openWith(t, path, o)
	for _, c := range []struct {
		work  string
		do    func() error
		total int
	}{
		{"compact", func() error { return watched.Compact(ctx) }, 0},
		{"check", func() error { return watched.Check(ctx, func(kdb.Problem) {}) }, entries},
		{"rekey", func() error {
			return watched.Rekey(ctx, sealed.Rekey{Passwords: [][]byte{[]byte("secret")}, Cost: kdb.CostTest})
		}, entries},
		{"recover", func() error {
			to := boltstore.Backend().Open(filepath.Join(t.TempDir(), "new.ckdb"), store.Options{Create: true})
			_, err := sealed.Recover(ctx, boltstore.Backend().Open(path, store.Options{}), to, path, o)
			return err
		}, entries},
	} {
		calls = 0
		if err := c.do(); err != nil || calls < entries || last != entries || of != c.total {
			t.Errorf("%s: %d calls, the last of them %d of %d; %v", c.work, calls, last, of, err)
		}
	}
}
