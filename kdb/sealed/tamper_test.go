package sealed_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"certkdb/kdb"
	"certkdb/kdb/sealed"
	"certkdb/kdb/store"
	"certkdb/kdb/store/boltstore"
	"certkdb/kdb/store/storetest"
)

// inMemory makes a database of three entries over a store whose records the test can change.
func inMemory(t testing.TB, pairs ...pair) (*sealed.Database, *storetest.Memory) {
	t.Helper()
	st := storetest.NewMemory()
	db, err := sealed.Create(ctx, st, "memory://", kdb.CreateOptions{Options: options("secret"), Cost: kdb.CostTest})
	if err != nil {
		t.Fatal(err)
	}
	put(t, db, trusted("ca", pairs[0]), personal("server", pairs[1]), kdb.Entry{
		Label: "aes", Kind: kdb.KindSecretKey, KeyAlgorithm: "AES", Key: []byte("0123456789abcdef"),
	})
	return db, st
}

func reopen(t testing.TB, st store.Store) *sealed.Database {
	t.Helper()
	db, err := sealed.Open(ctx, st, "memory://", options("secret"))
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// readAll reads everything that can be read and returns the first error.
func readAll(db kdb.Database) error {
	return db.View(ctx, func(tx kdb.Tx) error {
		for s, err := range tx.Summaries("") {
			if err != nil {
				return err
			}
			e, err := tx.Entry(s.Label)
			if err != nil {
				return err
			}
			for _, trait := range kdb.Traits(&e) {
				if err := findAll(tx, trait); err != nil {
					return err
				}
			}
			if _, err := tx.Key(s.Label); err != nil && !errors.Is(err, kdb.ErrNotFound) {
				return err
			}
		}
		return nil
	})
}

func findAll(tx kdb.Tx, trait kdb.Trait) error {
	for _, err := range tx.Find(trait) {
		if err != nil {
			return err
		}
	}
	return nil
}

// found reports whether the check notices something.
func found(db kdb.Database) bool {
	n := 0
	err := db.Check(ctx, func(kdb.Problem) { n++ })
	return n > 0 || err != nil
}

// mirror makes the copies of meta, head and slots what the records are. Only who changes both can hope to get through.
func mirror(records map[string][]byte) {
	for key := range records {
		if strings.HasPrefix(key, store.Apart) {
			delete(records, key)
		}
	}
	for key, value := range maps.Clone(records) {
		if key == "meta" || key == "head" || strings.HasPrefix(key, "slot/") {
			records[store.Apart+key] = value
		}
	}
}

// TestTamper_everyByte changes every byte of every record and its copy, one at a time.
func TestTamper_everyByte(t *testing.T) {
	t.Parallel()
	db, st := inMemory(t, newPair(t, "a"), newPair(t, "b"))
	original := st.Records()
	for key, value := range original {
		if strings.HasPrefix(key, store.Apart) {
			continue
		}
		step := 1
		if testing.Short() {
			step = 7
		}
		for i := 0; i < len(value); i += step {
			records := maps.Clone(original)
			records[key] = bytes.Clone(value)
			records[key][i] ^= 0x41
			mirror(records)
			st.Replace(records)
			if !found(db) {
				t.Fatalf("record %q, byte %d: Check found nothing", key, i)
			}
			err := readAll(db)
			label, ofEntry := strings.CutPrefix(key[1:], "/")
			switch {
			case strings.HasPrefix(key, "l/"): // only Log reads it
				err = logError(db)
			case key == "count": // Info shows it, only Check compares it
				continue
			case key == "meta" && errors.Is(err, kdb.ErrVersion):
				continue
			case ofEntry && key[0] != 'x' && err != nil && !strings.Contains(err.Error(), fmt.Sprintf("%q", label)):
				t.Fatalf("record %q, byte %d: the error does not name the label: %v", key, i, err)
			}
			if !errors.Is(err, kdb.ErrCorrupt) {
				t.Fatalf("record %q, byte %d: reading = %v, want ErrCorrupt", key, i, err)
			}
		}
	}
	st.Replace(original)
	wantSound(t, db)
}

func logError(db *sealed.Database) error {
	for _, err := range db.Log(ctx, 0) {
		if err != nil {
			return err
		}
	}
	return nil
}

// lastBlock is the key of the last record of the index, here the only one.
var lastBlock = "x/" + strings.Repeat("f", 40)

// TestTamper_histories exchanges whole records, which all have been valid once or are valid elsewhere.
func TestTamper_histories(t *testing.T) {
	t.Parallel()
	a, b, c := newPair(t, "a"), newPair(t, "b"), newPair(t, "c")
	db, st := inMemory(t, a, b)
	_, other := inMemory(t, a, b)
	older := st.Records()
	put(t, db, personal("server", c))
	original := st.Records()
	foreign := other.Records()
	for _, test := range []struct {
		name   string
		change func(map[string][]byte)
		// readable: only Check can notice it
		readable bool
	}{
		{"a summary under another label", func(r map[string][]byte) { r["s/ca"] = r["s/server"] }, false},
		{"certificates under another label", func(r map[string][]byte) { r["c/ca"] = r["c/server"] }, false},
		{"certificates in the place of a key", func(r map[string][]byte) { r["k/server"] = r["c/server"] }, false},
		{"an entry under a new label", func(r map[string][]byte) { r["s/new"], r["c/new"] = r["s/ca"], r["c/ca"] }, false},
		{"a summary of another database", func(r map[string][]byte) { r["s/ca"] = foreign["s/ca"] }, false},
		{"a head of another database", func(r map[string][]byte) { r["head"] = foreign["head"] }, false},
		{"an entry removed", func(r map[string][]byte) { delete(r, "s/ca"); delete(r, "c/ca") }, false},
		{"a summary removed", func(r map[string][]byte) { delete(r, "s/ca") }, false},
		{"certificates removed", func(r map[string][]byte) { delete(r, "c/ca") }, false},
		{"a key removed", func(r map[string][]byte) { delete(r, "k/server") }, false},
		{"an older summary", func(r map[string][]byte) { r["s/server"] = older["s/server"] }, false},
		{"older certificates", func(r map[string][]byte) { r["c/server"] = older["c/server"] }, false},
		{"an older key", func(r map[string][]byte) { r["k/server"] = older["k/server"] }, false},
		{"an older entry, whole", func(r map[string][]byte) {
			for _, key := range []string{"s/server", "c/server", "k/server"} {
				r[key] = older[key]
			}
		}, false},
		{"an older head", func(r map[string][]byte) { r["head"] = older["head"] }, false},
		{"the head removed", func(r map[string][]byte) { delete(r, "head") }, false},
		{"the meta record removed", func(r map[string][]byte) { delete(r, "meta") }, false},
		{"a log record removed", func(r map[string][]byte) { delete(r, "l/0000000000000002") }, true},
		{"the last log record removed", func(r map[string][]byte) { delete(r, "l/0000000000000005") }, true},
		{"a log record twice", func(r map[string][]byte) { r["l/0000000000000006"] = r["l/0000000000000005"] }, true},
		{"the slot of another database", func(r map[string][]byte) { r["slot/00000001"] = foreign["slot/00000001"] }, false},
		{"a slot copied", func(r map[string][]byte) { r["slot/00000002"] = r["slot/00000001"] }, false},
		{"a part without a summary", func(r map[string][]byte) { r["k/ca"] = r["k/server"] }, true},
		{"a record of no kind", func(r map[string][]byte) { r["x"] = nil }, true},
		{"a record like that of an entry", func(r map[string][]byte) { r["s"] = nil }, true},
		{"the number of entries removed", func(r map[string][]byte) { delete(r, "count") }, true},
		{"another number of entries", func(r map[string][]byte) { r["count"] = []byte{1, 0, 0, 0, 0, 0, 0, 0, 9} }, true},
		{"the index removed", func(r map[string][]byte) { delete(r, lastBlock) }, false},
		{"an older index", func(r map[string][]byte) { r[lastBlock] = older[lastBlock] }, true},
		{"the index of another database", func(r map[string][]byte) { r[lastBlock] = foreign[lastBlock] }, false},
		{"a second record of the index", func(r map[string][]byte) { r[lastBlock[:len(lastBlock)-1]+"e"] = r[lastBlock] }, true},
	} {
		records := maps.Clone(original)
		test.change(records)
		mirror(records)
		st.Replace(records)
		if !found(db) {
			t.Errorf("%s: Check found nothing", test.name)
		}
		if err := readAll(db); !test.readable && !errors.Is(err, kdb.ErrCorrupt) {
			t.Errorf("%s: reading = %v, want ErrCorrupt", test.name, err)
		}
		if err := logError(db); strings.Contains(test.name, "log record") && !errors.Is(err, kdb.ErrCorrupt) {
			t.Errorf("%s: Log = %v, want ErrCorrupt", test.name, err)
		}
	}
}

// TestTamper_readInParts: who reads all summaries in several transactions notices it too, also if the database changes between them.
func TestTamper_readInParts(t *testing.T) {
	t.Parallel()
	db, st := inMemory(t, newPair(t, "a"), newPair(t, "b"))
	older := st.Records()
	put(t, db, personal("server", newPair(t, "c")))
	original := st.Records()
	inParts := func(between func()) error {
		for after, more := "", true; more; {
			more = false
			err := db.View(ctx, func(tx kdb.Tx) error {
				for s, err := range tx.Summaries(after) {
					if err != nil {
						return err
					}
					after, more = s.Label, true
					return nil
				}
				return nil
			})
			if err != nil {
				return err
			}
			between()
		}
		return nil
	}
	changing := func() { put(t, db, trusted("new", newPair(t, "new"))) }
	for name, change := range map[string]func(map[string][]byte){
		"an older entry": func(r map[string][]byte) {
			for _, key := range []string{"s/server", "c/server", "k/server"} {
				r[key] = older[key]
			}
		},
		"the first removed": func(r map[string][]byte) { delete(r, "s/aes") },
	} {
		for _, between := range []func(){func() {}, changing} {
			records := maps.Clone(original)
			change(records)
			st.Replace(records)
			if err := inParts(between); !errors.Is(err, kdb.ErrCorrupt) {
				t.Errorf("%s: %v, want ErrCorrupt", name, err)
			}
		}
	}
	st.Replace(original)
	must(t, inParts(func() {}))
	must(t, inParts(changing))
}

// TestTamper_log: each record that is missing, put back or from elsewhere is noticed by who reads the log, also from the middle on.
func TestTamper_log(t *testing.T) {
	t.Parallel()
	db, st := inMemory(t, newPair(t, "a"), newPair(t, "b"))
	before := st.Records()
	put(t, db, trusted("c", newPair(t, "c")), trusted("d", newPair(t, "d")))
	original := st.Records()
	key := func(n int) string { return fmt.Sprintf("l/%016x", n) }
	for name, change := range map[string]func(map[string][]byte){
		"the last two removed": func(r map[string][]byte) { delete(r, key(5)); delete(r, key(6)) },
		"the last removed":     func(r map[string][]byte) { delete(r, key(6)) },
		"one removed":          func(r map[string][]byte) { delete(r, key(5)) },
		"an older head":        func(r map[string][]byte) { r["head"] = before["head"] },
	} {
		records := maps.Clone(original)
		change(records)
		mirror(records)
		st.Replace(records)
		for after := range uint64(5) {
			var err error
			for _, err = range db.Log(ctx, after) {
				if err != nil {
					break
				}
			}
			if !errors.Is(err, kdb.ErrCorrupt) {
				t.Errorf("%s, after %d: Log = %v, want ErrCorrupt", name, after, err)
			}
		}
	}
	st.Replace(original)
	must(t, logError(db))
	for range db.Log(ctx, 100) {
		t.Error("there is a record after the last one")
	}
}

// TestRekey_refusesWhatTheDigestDoesNotCover: the new head must not vouch for records that were put back or removed.
func TestRekey_refusesWhatTheDigestDoesNotCover(t *testing.T) {
	t.Parallel()
	db, st := inMemory(t, newPair(t, "a"), newPair(t, "b"))
	record := func(r kdb.Issued) {
		must(t, db.Update(ctx, "revoke", func(tx kdb.Tx) error { return tx.(kdb.Registry).PutIssued(r) }))
	}
	issued := kdb.Issued{Serial: "1", Certificate: newPair(t, "c").cert, At: time.Unix(1700000000, 0)}
	record(issued)
	older := st.Records()
	issued.RevokedAt = time.Unix(1700000001, 0)
	record(issued)
	put(t, db, personal("server", newPair(t, "d")))
	original := st.Records()
	rekey := sealed.Rekey{Passwords: [][]byte{[]byte("secret")}, Cost: kdb.CostTest}
	for key := range original {
		if key[:2] != "i/" && key[:2] != "r/" && key[:2] != "n/" && key[:2] != "l/" && key[:2] != "s/" {
			continue
		}
		for _, put := range []bool{false, true} {
			if put && (older[key] == nil || bytes.Equal(older[key], original[key])) {
				continue
			}
			records := maps.Clone(original)
			if delete(records, key); put {
				for _, part := range []string{key, "c" + key[1:], "k" + key[1:]} {
					if older[part] != nil {
						records[part] = older[part]
					}
				}
			}
			st.Replace(records)
			if err := db.Rekey(ctx, rekey); !errors.Is(err, kdb.ErrCorrupt) {
				t.Errorf("%s, put back %v: Rekey = %v, want ErrCorrupt", key, put, err)
			}
		}
	}
	st.Replace(original)
	must(t, db.Rekey(ctx, rekey))
	must(t, readAll(db))
}

// TestCheck_reportsEachFinding: it goes on after a finding, and says where and what.
func TestCheck_reportsEachFinding(t *testing.T) {
	t.Parallel()
	db, st := inMemory(t, newPair(t, "a"), newPair(t, "b"))
	records := st.Records()
	records["s/aes"][40] ^= 1
	records["c/ca"][40] ^= 1
	records["k/server"][40] ^= 1
	records["l/0000000000000003"][40] ^= 1
	st.Replace(records)
	var where []string
	for _, p := range findings(t, db) {
		where = append(where, p.Where)
		if p.What == "" {
			t.Errorf("%s: nothing is said", p.Where)
		}
	}
	want := []string{`summary of label "aes"`, `certificates of label "ca"`, `private key of label "server"`, "audit log, record 3"}
	if !slices.Equal(where, want) {
		t.Errorf("findings at %q, want %q", where, want)
	}
}

func TestCheck_findsKeyOfAnotherCertificate(t *testing.T) {
	t.Parallel()
	a, b := newPair(t, "a"), newPair(t, "b")
	db, _ := inMemory(t, a, b)
	wantSound(t, db)
	mixed := kdb.Entry{Label: "mixed", Kind: kdb.KindPersonal, Certificates: [][]byte{a.cert}, Key: b.key}
	if err := db.Update(ctx, "add", func(tx kdb.Tx) error { return tx.Put(mixed) }); !errors.Is(err, kdb.ErrParse) {
		t.Errorf("putting it: %v, want kdb.ErrParse", err)
	}
	put(t, db, personal("mixed", b))
	must(t, db.Update(ctx, "add", func(tx kdb.Tx) error { return tx.Certify("mixed", [][]byte{a.cert}) }))
	list := findings(t, db)
	if len(list) != 1 || list[0].Where != `label "mixed"` || !strings.Contains(list[0].What, "private key") {
		t.Errorf("findings %v", list)
	}
}

func TestUnlock_wrongPasswordAndDamagedSlotLookTheSame(t *testing.T) {
	t.Parallel()
	_, st := inMemory(t, newPair(t, "a"), newPair(t, "b"))
	wrong, err := sealed.Open(ctx, st, "memory://", options("wrong"))
	if err != nil {
		t.Fatal(err)
	}
	want := wrong.Unlock(ctx)
	if !errors.Is(want, kdb.ErrPassword) {
		t.Fatalf("Unlock = %v, want ErrPassword", want)
	}
	original := st.Records()
	for i := range original["slot/00000001"] {
		records := st.Records()
		records["slot/00000001"][i] ^= 0x80 // of a parameter: gigabytes of memory, or hours, if it were not refused
		mirror(records)
		st.Replace(records)
		err := reopen(t, st).Unlock(ctx)
		if !errors.Is(err, kdb.ErrPassword) || err.Error() != want.Error() {
			t.Errorf("byte %d: %v, want %v", i, err, want)
		}
		st.Replace(original)
	}
}

// TestFile_flippedBytes damages the file itself. Either Check notices it, or nothing that is stored has changed.
func TestFile_flippedBytes(t *testing.T) {
	t.Parallel()
	path := filepath.Join(fastDir(t), "key.ckdb")
	db := create(t, path)
	for i := range 30 {
		put(t, db, personal(fmt.Sprintf("label %d", i%20), newPair(t, "x")))
	}
	raw := boltstore.Open(path, boltstore.Options{Options: store.Options{LockTimeout: time.Second}})
	want, err := rawRecords(raw)
	if err != nil {
		t.Fatal(err)
	}
	data := read(t, path)
	random := rand.New(rand.NewPCG(5, 6))
	for range 400 {
		at := random.IntN(len(data))
		damaged := bytes.Clone(data)
		damaged[at] ^= byte(1 + random.IntN(255))
		if err := os.WriteFile(path, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		if found(db) {
			continue
		}
		if got, err := rawRecords(raw); err != nil || !maps.Equal(got, want) {
			t.Errorf("byte %d: the content changed (%v) and Check found nothing", at, err)
		}
		if err := readAll(db); err != nil {
			t.Errorf("byte %d: reading = %v and Check found nothing", at, err)
		}
	}
	for range 30 {
		size := random.IntN(len(data) / 2)
		if err := os.WriteFile(path, data[:size], 0o600); err != nil {
			t.Fatal(err)
		}
		if err := readAll(db); !errors.Is(err, kdb.ErrCorrupt) || !found(db) {
			t.Errorf("cut to %d bytes: %v", size, err)
		}
	}
}

func rawRecords(s store.Store) (map[string]string, error) {
	records := make(map[string]string)
	err := s.View(ctx, func(tx store.Tx) error {
		for record, err := range tx.Scan("", "") {
			if err != nil {
				return err
			}
			records[record.Key] = string(record.Value)
		}
		return nil
	})
	return records, err
}

// fastDir is a folder in memory where there is one: a disk makes each of thousands of writes wait.
func fastDir(t testing.TB) string {
	t.Helper()
	const memory = "/dev/shm"
	if info, err := os.Stat(memory); err != nil || !info.IsDir() {
		return t.TempDir()
	}
	dir, err := os.MkdirTemp(memory, "sealed-*")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}
