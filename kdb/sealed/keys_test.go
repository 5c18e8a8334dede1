package sealed

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"certkdb/kdb"
	"certkdb/kdb/atomicfile/atomicfiletest"
	"certkdb/kdb/store"
	"certkdb/kdb/store/boltstore"
	"certkdb/kdb/store/storetest"
)

var secretOptions = kdb.Options{
	Password: func(context.Context, string) ([]byte, error) { return []byte("secret"), nil }, LockTimeout: patient.LockTimeout,
}

func newInternal(t *testing.T, st store.Store) *Database {
	t.Helper()
	db, err := Create(t.Context(), st, "test", kdb.CreateOptions{Options: secretOptions, Cost: kdb.CostTest})
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// TestCommit_sealsAreBounded: with random nonces a key may seal 2^32 records (FORMAT.md).
func TestCommit_sealsAreBounded(t *testing.T) {
	t.Parallel()
	if maxSeals != 1<<32 {
		t.Errorf("a key may seal %d records", uint64(maxSeals))
	}
	db := newInternal(t, storetest.NewMemory())
	sealedSoFar := func(n uint64) func(*tx) error {
		return func(x *tx) error { x.head.seals, x.changed = n, true; return nil }
	}
	if err := db.update(t.Context(), "test", strict, sealedSoFar(maxSeals-1)); err != nil {
		t.Fatalf("the last seal: %v", err)
	}
	add := func(tx kdb.Tx) error { return tx.Audit("test", "") }
	if err := db.Update(t.Context(), "test", add); !errors.Is(err, kdb.ErrUnsupported) || !strings.Contains(err.Error(), "rekey") {
		t.Errorf("one more: %v, want ErrUnsupported and a hint", err)
	}
	if err := db.Rekey(t.Context(), Rekey{Passwords: [][]byte{[]byte("secret")}, Cost: kdb.CostTest}); err != nil {
		t.Fatal(err)
	}
	if err := db.Update(t.Context(), "test", add); err != nil {
		t.Errorf("under a new key: %v", err)
	}
}

// TestWrap_everyKind: the slot opens with its secret, under its number, and with nothing else.
func TestWrap_everyKind(t *testing.T) {
	t.Parallel()
	m := newMeta(time.Now())
	master := newMaster()
	for _, kind := range []uint8{slotPassword, slotStash, slotSecret} {
		s := newSlot(kind, kdb.CostTest)
		s.name = "x"
		if err := s.wrap(&m, 1, []byte("secret"), master); err != nil {
			t.Fatal(err)
		}
		decoded, err := decodeSlot(s.encode())
		if err != nil {
			t.Fatal(err)
		}
		if got, err := decoded.unwrap(&m, 1, []byte("secret")); err != nil || !bytes.Equal(got, master) {
			t.Errorf("%s: the slot opens to another key, %v", s.kindName(), err)
		}
		if _, err := s.unwrap(&m, 2, []byte("secret")); !errors.Is(err, kdb.ErrPassword) {
			t.Errorf("%s: under another number: %v, want ErrPassword", s.kindName(), err)
		}
		for _, other := range []uint8{slotPassword, slotStash, slotSecret} {
			if decoded.kind = other; other == kind {
				continue
			}
			if _, err := decoded.unwrap(&m, 1, []byte("secret")); !errors.Is(err, kdb.ErrPassword) {
				t.Errorf("%s as kind %d: %v, want ErrPassword", s.kindName(), other, err)
			}
		}
	}
}

// meanwhile is a store in which something happens before the next update.
type meanwhile struct {
	*storetest.Memory
	happens func()
}

func (m *meanwhile) Update(ctx context.Context, fn func(store.Tx) error) error {
	if happens := m.happens; happens != nil {
		m.happens = nil
		happens()
	}
	return m.Memory.Update(ctx, fn)
}

// TestRekey_slotsChangedMeanwhile: a slot that is added while the new ones are derived would be lost.
func TestRekey_slotsChangedMeanwhile(t *testing.T) {
	t.Parallel()
	st := &meanwhile{Memory: storetest.NewMemory()}
	db := newInternal(t, st)
	rekey := Rekey{Passwords: [][]byte{[]byte("secret")}, Cost: kdb.CostTest}
	changes := map[string]func(other *Database) error{
		"one more": func(o *Database) error {
			_, err := o.AddPasswordSlot(t.Context(), "", []byte("late"), kdb.CostTest)
			return err
		},
		"replaced": func(o *Database) error {
			_, err := o.ChangePassword(t.Context(), 1, []byte("secret"), kdb.CostTest)
			return err
		},
		"one fewer": func(o *Database) error { return o.RemoveSlot(t.Context(), 2, false) },
	}
	for _, what := range []string{"one more", "replaced", "one fewer"} {
		st.happens = func() {
			other, err := Open(t.Context(), st.Memory, "test", secretOptions)
			if err == nil {
				err = changes[what](other)
			}
			if err != nil {
				t.Errorf("%s: %v", what, err)
			}
		}
		if err := db.Rekey(t.Context(), Rekey{Passwords: [][]byte{[]byte("secret"), []byte("late")}, Cost: kdb.CostTest}); !errors.Is(
			err,
			kdb.ErrChanged,
		) {
			t.Errorf("%s: Rekey = %v, want ErrChanged", what, err)
		}
		if err := db.Check(t.Context(), func(p kdb.Problem) { t.Errorf("%s: %v", what, p) }); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := db.Rekey(t.Context(), rekey); err != nil {
		t.Errorf("when nothing changes: %v", err)
	}
}

// TestClose_waitsForTransactions: a transaction goes on with its keys, or the audit log would not continue.
func TestClose_waitsForTransactions(t *testing.T) {
	t.Parallel()
	st := storetest.NewMemory()
	db := newInternal(t, st)
	closed := make(chan error, 1)
	err := db.Update(t.Context(), "test", func(tx kdb.Tx) error {
		go func() { closed <- db.Close() }()
		select {
		case <-closed:
			t.Error("Close did not wait")
		case <-time.After(50 * time.Millisecond):
		}
		return tx.Audit("test", "during Close")
	})
	if err := errors.Join(err, <-closed); err != nil {
		t.Fatal(err)
	}
	again, err := Open(t.Context(), st, "test", secretOptions)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := again.Check(t.Context(), func(p kdb.Problem) { t.Errorf("afterwards: %v", p) }); err != nil {
			t.Fatal(err)
		}
		if err := again.Update(t.Context(), "test", func(tx kdb.Tx) error { return tx.Audit("test", "") }); err != nil {
			t.Fatal(err)
		}
	}
}

func TestClose_clearsTheKeys(t *testing.T) {
	t.Parallel()
	db := newInternal(t, storetest.NewMemory())
	k := db.keys
	for range 2 {
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(k.master, make([]byte, keySize)) {
		t.Error("the master key is still in memory")
	}
	fn := func(kdb.Tx) error { t.Error("a transaction of a closed database"); return nil }
	for what, err := range map[string]error{
		"View": db.View(t.Context(), fn), "Update": db.Update(t.Context(), "test", fn), "Unlock": db.Unlock(t.Context()),
	} {
		if !errors.Is(err, errClosed) || db.keys != nil {
			t.Errorf("%s after Close: %v", what, err)
		}
	}
}

// TestRekey_leavesTheOldKeysToTheirUsers: a transaction that still works with them does not find them cleared.
func TestRekey_leavesTheOldKeysToTheirUsers(t *testing.T) {
	t.Parallel()
	db := newInternal(t, storetest.NewMemory())
	old, err := db.acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Rekey(t.Context(), Rekey{Passwords: [][]byte{[]byte("secret")}, Cost: kdb.CostTest}); err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(old.audit, make([]byte, keySize)) {
		t.Error("the old keys were cleared while they were used")
	}
	old.release()
	if !bytes.Equal(old.audit, make([]byte, keySize)) || !bytes.Equal(old.master, make([]byte, keySize)) {
		t.Error("the old keys were not cleared in the end")
	}
}

func TestName_addsTheLocationOnce(t *testing.T) {
	t.Parallel()
	db := newDatabase(storetest.NewMemory(), "e", kdb.Options{}) // a name that is in every text
	for _, c := range []struct {
		err  error
		want string
	}{
		{kdb.ErrChanged, `database "e": ` + kdb.ErrChanged.Error()},
		{&store.Error{Op: "opening", Location: "e", Err: kdb.ErrNoDatabase}, `opening "e": ` + kdb.ErrNoDatabase.Error()},
		{kdb.ErrPassword, kdb.ErrPassword.Error()}, // not about the database
	} {
		if got := db.name(c.err); got.Error() != c.want || !errors.Is(got, c.err) {
			t.Errorf("%v became %v, want %s", c.err, got, c.want)
		}
	}
	if db.name(nil) != nil {
		t.Error("nil became an error")
	}
}

func TestPlace(t *testing.T) {
	t.Parallel()
	issuer := [32]byte{0x3f, 0xa2}
	for key, want := range map[string]string{
		prefixSummary + "web":          `summary of label "web"`,
		prefixCerts + "web":            `certificates of label "web"`,
		prefixKey + "web":              `private key of label "web"`,
		issuedPrefix(issuer) + "01":    "issued certificate 01 of issuer 3fa2" + strings.Repeat("0", 60),
		revokedPrefix(issuer) + "01":   "revocation 01 of issuer 3fa2" + strings.Repeat("0", 60),
		issuerKey(issuer):              "record of issuer 3fa2" + strings.Repeat("0", 60),
		prefixLog + "0000000000000011": "audit log, record 17",
		slotKey(3):                     "key slot 3",
		"something else":               `record "something else"`,
	} {
		if got := place(key); got != want {
			t.Errorf("place(%q) = %s, want %s", key, got, want)
		}
	}
}

// TestChunked_mayBeChangedWhileScanned is what rekeying in place relies on.
func TestChunked_mayBeChangedWhileScanned(t *testing.T) {
	t.Parallel()
	const n = 2*chunkSize + 10
	st := storetest.NewMemory()
	key := func(i int) string { return string([]byte{'k', byte(i >> 8), byte(i)}) }
	err := st.Update(t.Context(), func(stx store.Tx) error {
		for i := range n {
			if err := stx.Put(key(i), []byte("old")); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	err = st.Update(t.Context(), func(stx store.Tx) error {
		for record, err := range (chunked{stx}).Scan("k", "") {
			if err != nil || record.Key != key(seen) || string(record.Value) != "old" {
				t.Errorf("record %d is %q, %q, %v", seen, record.Key, record.Value, err)
			}
			seen++
			if err := stx.Put(record.Key, []byte("new")); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil || seen != n {
		t.Errorf("%d records, want %d, %v", seen, n, err)
	}
}

// onDisk makes a database in a file whose stash goes to another disk.
func onDisk(t *testing.T, disk *atomicfiletest.Disk) *Database {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.ckdb")
	db := newInternal(t, boltstore.Backend().Open(path, store.Options{Create: true, LockTimeout: patient.LockTimeout}))
	db.disk = disk
	return db
}

func TestCreateStash_syncsBeforeItHasItsName(t *testing.T) {
	t.Parallel()
	disk := &atomicfiletest.Disk{}
	db := onDisk(t, disk)
	folder := "syncfolder " + filepath.Base(filepath.Dir(db.stash))
	written := []string{"create x.ckdb.stash~", "write x.ckdb.stash~", "sync x.ckdb.stash~"}
	calls := slices.Concat(
		written, []string{"link x.ckdb.stash~ x.ckdb.stash", folder, "remove x.ckdb.stash~"}, // a new one
		written, []string{"rename x.ckdb.stash~ x.ckdb.stash", folder}, // one that is replaced
	)
	for range 2 {
		if err := db.CreateStash(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got := disk.Calls(); !slices.Equal(got, calls) {
		t.Errorf("calls %q, want %q", got, calls)
	}
	if info, err := os.Stat(db.stash); err != nil || modesMatter && info.Mode().Perm() != 0o600 {
		t.Errorf("the stash: %v, %v", info, err)
	}
}

func TestCreateStash_everyFault(t *testing.T) {
	t.Parallel()
	for n := 1; ; n++ {
		disk := &atomicfiletest.Disk{Fail: atomicfiletest.At(n, syscall.ENOSPC)}
		db := onDisk(t, disk)
		err := db.CreateStash(t.Context())
		if len(disk.Calls()) < n {
			if err != nil {
				t.Fatal(err)
			}
			return
		}
		call := disk.Calls()[n-1]
		removing := strings.HasPrefix(call, "remove ")
		harmless := removing || strings.HasPrefix(call, "link ") // file systems without links are known
		if !harmless && !errors.Is(err, syscall.ENOSPC) || harmless && err != nil {
			t.Errorf("call %d, %s: %v", n, call, err)
		}
		files, _ := os.ReadDir(filepath.Dir(db.stash))
		for _, f := range files {
			if strings.HasPrefix(f.Name(), ".") && !removing {
				t.Errorf("call %d: %s was left", n, f.Name())
			}
		}
	}
}

// TestCreateStash_throughALink replaces the file and not the link to it.
func TestCreateStash_throughALink(t *testing.T) {
	t.Parallel()
	db := onDisk(t, &atomicfiletest.Disk{})
	target := filepath.Join(t.TempDir(), "elsewhere")
	if err := os.WriteFile(target, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, db.stash); err != nil {
		t.Skip("no symbolic links here")
	}
	if err := db.CreateStash(t.Context()); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(db.stash); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link became %v, %v", info.Mode(), err)
	}
	if _, err := readStash(target); err != nil {
		t.Errorf("its target: %v", err)
	}
}

// TestStash_replacesNothingBehindALink: a link leads to a file that is no stash. Neither a stash nor a new database with one overwrites it.
func TestStash_replacesNothingBehindALink(t *testing.T) {
	t.Parallel()
	db := onDisk(t, &atomicfiletest.Disk{})
	target := filepath.Join(t.TempDir(), "precious")
	if err := os.WriteFile(target, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, db.stash); err != nil {
		t.Skip("no symbolic links here")
	}
	content := stash{id: db.id, slot: 1}
	early := earlyStash{db.disk, db.stash, content}
	for what, err := range map[string]error{
		"a stash": db.CreateStash(t.Context()), "an early one": early.write(), "its name": early.place(),
	} {
		if !errors.Is(err, fs.ErrExist) || !strings.Contains(err.Error(), "remove the link") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if got, err := os.ReadFile(target); err != nil || string(got) != "precious" {
		t.Errorf("it became %q, %v", got, err)
	}
	if files, err := os.ReadDir(filepath.Dir(target)); err != nil || len(files) != 1 {
		t.Errorf("next to it are %v, %v", files, err)
	}
}

// TestUpdate_beyondTheStoresLimits: what the store cannot take is refused as a whole, as something that this kind of database cannot hold.
func TestUpdate_beyondTheStoresLimits(t *testing.T) {
	t.Parallel()
	st := storetest.NewMemory()
	db := newInternal(t, st)
	st.Max = store.Limits{Ops: 3}
	few := func(tx kdb.Tx) error { return tx.Audit("test", "") }
	if err := db.Update(t.Context(), "test", few); err != nil {
		t.Errorf("within them: %v", err)
	}
	err := db.Update(t.Context(), "test", func(tx kdb.Tx) error { return errors.Join(few(tx), few(tx), few(tx), few(tx)) })
	if !errors.Is(err, kdb.ErrUnsupported) || !errors.Is(err, store.ErrLimit) {
		t.Errorf("beyond them: %v, want ErrUnsupported and ErrLimit", err)
	}
	if err := db.Check(t.Context(), func(p kdb.Problem) { t.Error(p) }); err != nil {
		t.Error(err)
	}
}

// TestVerify_number: all summaries are compared with the head's number, too, not with the digest alone.
func TestVerify_number(t *testing.T) {
	t.Parallel()
	db := newInternal(t, storetest.NewMemory())
	err := db.view(t.Context(), strict, func(x *tx) error { return x.verify(counted{x.head.entries + 1, x.head.digest}) })
	if !errors.Is(err, kdb.ErrCorrupt) {
		t.Errorf("one entry more than the head says: %v", err)
	}
}
