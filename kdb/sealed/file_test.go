package sealed_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/sealed"
	"certkdb/kdb/store"
	"certkdb/kdb/store/boltread"
	"certkdb/kdb/store/boltstore"
)

// FuzzFile changes some bytes of a whole native file. What is read then is what was stored, or an error of a kind that callers know; and
// what is recovered is what was stored.
func FuzzFile(f *testing.F) {
	db, path := newDatabase(f)
	pair := newPair(f, "x")
	stored := map[string]kdb.Entry{}
	for i := range 6 {
		e := trusted(fmt.Sprintf("label %d", i), pair)
		if i%2 == 0 {
			e = personal(e.Label, pair)
		}
		put(f, db, e)
		stored[e.Label] = e
	}
	must(f, db.Close())
	data := read(f, path)
	for page := range uint32(len(data) / 4096) {
		for _, at := range []uint32{0, 8, 10, 16, 24, 100, 2000} {
			f.Add(page*4096+at, []byte{0xff})
		}
		f.Add(page*4096, make([]byte, 4096))
	}
	f.Fuzz(func(t *testing.T, offset uint32, patch []byte) {
		changed := bytes.Clone(data)
		copy(changed[int(offset)%len(changed):], patch)
		if bytes.Equal(changed, data) {
			t.Skip("nothing changes")
		}
		dir := fastDir(t)
		path := filepath.Join(dir, "db")
		must(t, os.WriteFile(path, changed, 0o600))
		if boltread.Matches(changed[:4096]) {
			wantStored(t, path, stored, false)
		}
		to := filepath.Join(dir, "new")
		from, target := boltstore.Backend().Open(path, store.Options{}), boltstore.Backend().Open(to, store.Options{Create: true})
		if _, err := sealed.Recover(ctx, from, target, path, options("secret")); err == nil {
			wantStored(t, to, stored, true)
		} else if !known(err) {
			t.Errorf("recovering: %v", err)
		}
	})
}

// wantStored reads all that a database shows, and compares it. A certificate may have lost its trust if the database was recovered.
func wantStored(t *testing.T, path string, stored map[string]kdb.Entry, recovered bool) {
	t.Helper()
	st := boltstore.Backend().Open(path, store.Options{})
	db, err := sealed.Open(ctx, st, path, options("secret"))
	if err != nil {
		if !known(err) {
			t.Errorf("opening: %v", err)
		}
		return
	}
	defer db.Close()
	_ = db.Check(ctx, func(kdb.Problem) {})
	err = db.View(ctx, func(tx kdb.Tx) error {
		for s, err := range tx.Summaries("") {
			if err != nil {
				return err
			}
			want, there := stored[s.Label]
			trust := s.Trusted == want.Trusted || recovered && !s.Trusted
			if !there || s.Kind != want.Kind || !trust || s.SHA256 != want.Fingerprint() {
				t.Errorf("%q was never stored so: %+v", s.Label, s)
			}
			if e, err := tx.Entry(s.Label); err == nil && !bytes.Equal(e.Certificates[0], want.Certificates[0]) {
				t.Errorf("the certificate of %q is another", s.Label)
			}
			if key, err := tx.Key(s.Label); err == nil && !bytes.Equal(key, want.Key) {
				t.Errorf("the key of %q is another", s.Label)
			}
		}
		return nil
	})
	if err != nil && !known(err) {
		t.Errorf("reading: %v", err)
	}
}

// known says that an error is of a kind that callers expect of a damaged file.
func known(err error) bool {
	for _, kind := range []error{kdb.ErrCorrupt, kdb.ErrVersion, kdb.ErrPassword, kdb.ErrParse, kdb.ErrUnsupported, kdb.ErrNotFound} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

// TestFile_tellsLabelsAlone: of what is stored, a file shows its labels, and nothing else to those who cannot open it.
func TestFile_tellsLabelsAlone(t *testing.T) {
	t.Parallel()
	db, path := newDatabase(t)
	pair := newPair(t, "subject-of-it")
	mine := personal("label-of-it", pair)
	put(t, db, mine, trusted("another", newPair(t, "x")))
	must(t, db.Update(ctx, "work-on-it", func(tx kdb.Tx) error { return tx.Delete("another") }))
	must(t, db.Close())
	data := read(t, path)
	if !bytes.Contains(data, []byte("label-of-it")) {
		t.Error("the label is not there: the test looks at the wrong file")
	}
	fingerprint := mine.Fingerprint()
	for what, secret := range map[string][]byte{
		"the password": []byte("secret"), "the subject": []byte("subject-of-it"), "the host": []byte("subject-of-it.example"),
		"the certificate": pair.cert[20:60], "the private key": pair.key[len(pair.key)-60:][:20], "the fingerprint": fingerprint[:16],
		"the operation in the log": []byte("work-on-it"),
	} {
		if bytes.Contains(data, secret) {
			t.Errorf("%s is in the file", what)
		}
	}
}

// TestUnlock_asksOnce: several goroutines that find the database locked ask for its password once.
func TestUnlock_asksOnce(t *testing.T) {
	t.Parallel()
	db, path := newDatabase(t)
	must(t, db.Close())
	const readers = 8
	var started, asked atomic.Int32
	o := options("secret")
	o.Password = func(context.Context, string) ([]byte, error) {
		for started.Load() < readers {
			runtime.Gosched()
		}
		asked.Add(1)
		return []byte("secret"), nil
	}
	locked := openWith(t, path, o)
	var wait sync.WaitGroup
	for range readers {
		wait.Go(func() {
			started.Add(1)
			if err := locked.View(ctx, func(kdb.Tx) error { return nil }); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if n := asked.Load(); n != 1 {
		t.Errorf("the password was asked for %d times", n)
	}
}

// TestClose_endsAllUse: a closed database does not open itself again, whatever is asked of it.
func TestClose_endsAllUse(t *testing.T) {
	t.Parallel()
	db, path := newDatabase(t)
	must(t, db.Close())
	locked := openWith(t, path, kdb.Options{Password: never(t)})
	must(t, locked.Close())
	nothing := func(kdb.Tx) error { t.Error("it was opened"); return nil }
	for what, do := range map[string]func() error{
		"View":   func() error { return locked.View(ctx, nothing) },
		"Update": func() error { return locked.Update(ctx, "test", nothing) },
		"Unlock": func() error { return locked.Unlock(ctx) },
		"Check":  func() error { return locked.Check(ctx, func(kdb.Problem) {}) },
	} {
		if err := do(); err == nil || !strings.Contains(err.Error(), "it is closed") {
			t.Errorf("%s: %v", what, err)
		}
	}
}
