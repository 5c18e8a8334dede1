package sealed_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"certkdb/kdb"
	"certkdb/kdb/kdbtest"
	"certkdb/kdb/sealed"
)

func TestDatabase(t *testing.T) {
	t.Parallel()
	kdbtest.Run(t, kdbtest.Subject{
		New: func(t *testing.T) kdb.Database { db, _ := newDatabase(t); return db },
		Reopen: func(t *testing.T, db kdb.Database) kdb.Database {
			info, err := db.Info(ctx)
			must(t, err)
			return openWith(t, info.Location, options("secret"))
		},
	})
}

// TestRename_sealsAgain: every record is bound to its label, and nothing of the old one is left.
func TestRename_sealsAgain(t *testing.T) {
	t.Parallel()
	db, _ := newDatabase(t)
	secret := kdb.Entry{Label: "aes", Kind: kdb.KindSecretKey, Key: []byte("0123456789abcdef"), KeyAlgorithm: "AES"}
	put(t, db, personal("x", newPair(t, "x")), secret, newRequest(t, "pending"))
	must(t, db.Update(ctx, "rename", func(tx kdb.Tx) error {
		return errors.Join(tx.Rename("x", "y"), tx.Rename("aes", "key"), tx.Rename("pending", "waiting"))
	}))
	wantSound(t, db)
	if got := labels(t, db); !slices.Equal(got, []string{"key", "waiting", "y"}) {
		t.Errorf("labels %q", got)
	}
	must(t, db.View(ctx, func(tx kdb.Tx) error {
		key, err := tx.Key("key")
		if !bytes.Equal(key, secret.Key) {
			t.Error("the secret key is another")
		}
		_, err2 := tx.Key("waiting")
		return errors.Join(err, err2)
	}))
	var log []string
	for r, err := range db.Log(ctx, 3) {
		must(t, err)
		log = append(log, r.Operation+" "+r.Label)
	}
	want := []string{"rename y", "rename x", "rename key", "rename aes", "rename waiting", "rename pending"}
	if !slices.Equal(log[len(log)-len(want):], want) {
		t.Errorf("log %q", log)
	}
}

// TestMark_isLogged: the log says who trusted a certificate, and a mark that is there is no change.
func TestMark_isLogged(t *testing.T) {
	t.Parallel()
	db, path := newDatabase(t)
	put(t, db, personal("x", newPair(t, "x")))
	marks := kdb.Marks{Trusted: new(true), Default: new(true)}
	must(t, db.Update(ctx, "trust", func(tx kdb.Tx) error { return tx.Mark("x", marks) }))
	last := ""
	for r, err := range db.Log(ctx, 0) {
		must(t, err)
		last = r.Operation + " " + r.Label
	}
	if last != "trust x" {
		t.Errorf("the last record of the log is %q", last)
	}
	before := read(t, path)
	must(t, db.Update(ctx, "trust", func(tx kdb.Tx) error { return tx.Mark("x", marks) }))
	if !bytes.Equal(before, read(t, path)) {
		t.Error("marking it again changed the file")
	}
	wantSound(t, db)
}

func TestPut_refuses(t *testing.T) {
	t.Parallel()
	db, path := newDatabase(t)
	before := read(t, path)
	p := newPair(t, "a")
	for name, e := range map[string]kdb.Entry{
		"no label":        trusted("", p),
		"a control label": trusted("a\nb", p),
		"no kind":         {Label: "x", Certificates: [][]byte{p.cert}},
		"no certificate":  {Label: "x", Kind: kdb.KindTrusted},
		"no DER":          {Label: "x", Kind: kdb.KindTrusted, Certificates: [][]byte{[]byte("certificate")}},
	} {
		if err := db.Update(ctx, "add", func(tx kdb.Tx) error { return tx.Put(e) }); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	for what, write := range map[string]func(kdb.Tx) error{
		"put":     func(tx kdb.Tx) error { return tx.Put(trusted("x", p)) },
		"certify": func(tx kdb.Tx) error { return tx.Certify("x", [][]byte{p.cert}) },
		"rename":  func(tx kdb.Tx) error { return tx.Rename("x", "y") },
		"mark":    func(tx kdb.Tx) error { return tx.Mark("x", kdb.Marks{}) },
		"delete":  func(tx kdb.Tx) error { return tx.Delete("x") },
		"audit":   func(tx kdb.Tx) error { return tx.Audit("x", "") },
	} {
		if err := db.View(ctx, write); err == nil || errors.Is(err, kdb.ErrNotFound) {
			t.Errorf("%s in a view: %v", what, err)
		}
	}
	if !bytes.Equal(before, read(t, path)) {
		t.Error("the file was changed")
	}
}

func TestPut_keepsTheTimeOfTheFirst(t *testing.T) {
	t.Parallel()
	db, path := newDatabase(t)
	p, q := newPair(t, "a"), newPair(t, "b")
	put(t, db, trusted("x", p))
	later := options("secret")
	later.Now = func() time.Time { return time.Now().Add(time.Hour) }
	db = openWith(t, path, later)
	added := func(label string) (at time.Time) {
		must(t, db.View(ctx, func(tx kdb.Tx) error {
			s, err := tx.Summary(label)
			at = s.Added
			return err
		}))
		return at
	}
	first := added("x")
	put(t, db, trusted("x", q))
	if got := added("x"); !got.Equal(first) || got.After(time.Now()) {
		t.Errorf("added %v became %v", first, got)
	}
	must(t, db.Update(ctx, "rename", func(tx kdb.Tx) error {
		return tx.Rename("x", "y")
	}))
	if got := added("y"); !got.Equal(first) {
		t.Errorf("after a rename added is %v instead of %v", got, first)
	}
	wantSound(t, db)
}

func TestDefault_isOne(t *testing.T) {
	t.Parallel()
	db, _ := newDatabase(t)
	defaultLabel := func() (label string) {
		must(t, db.View(ctx, func(tx kdb.Tx) (err error) {
			label, err = tx.Default()
			for s, err := range tx.Summaries("") {
				if err != nil || s.Default != (s.Label == label) {
					t.Errorf("summary of %q: default %v, %v", s.Label, s.Default, err)
				}
			}
			return err
		}))
		return label
	}
	a, b := personal("a", newPair(t, "a")), personal("b", newPair(t, "b"))
	a.Default = true
	put(t, db, a, b)
	if got := defaultLabel(); got != "a" {
		t.Errorf("default %q, want a", got)
	}
	b.Default = true
	put(t, db, b)
	if got := defaultLabel(); got != "b" {
		t.Errorf("default %q, want b", got)
	}
	must(t, db.Update(ctx, "default", func(tx kdb.Tx) error { return tx.Mark("b", kdb.Marks{Default: new(false)}) }))
	if got := defaultLabel(); got != "" {
		t.Errorf("default %q, want none", got)
	}
	b.Default = true
	put(t, db, b)
	must(t, db.Update(ctx, "delete", func(tx kdb.Tx) error { return tx.Delete("b") }))
	if got := defaultLabel(); got != "" {
		t.Errorf("default %q after its deletion", got)
	}
	wantSound(t, db)
}

func TestSummaries_startAfterALabel(t *testing.T) {
	t.Parallel()
	db, path := newDatabase(t)
	p := newPair(t, "a")
	want := []string{"a", "a b", "a'b", "b,c", "d/e", "ä", "日本"}
	for _, label := range want {
		put(t, db, trusted(label, p))
	}
	for i, label := range want {
		var got []string
		must(t, db.View(ctx, func(tx kdb.Tx) error {
			for s, err := range tx.Summaries(label) {
				if err != nil {
					return err
				}
				got = append(got, s.Label)
			}
			return nil
		}))
		if !slices.Equal(got, want[i+1:]) {
			t.Errorf("after %q: %q", label, got)
		}
	}
	var got []string
	for label, err := range native().Labels(ctx, path, "") {
		must(t, err)
		got = append(got, label)
	}
	if !slices.Equal(got, want) {
		t.Errorf("Labels = %q", got)
	}
	for _, err := range native().Labels(ctx, path+".none", "") {
		if !errors.Is(err, kdb.ErrNoDatabase) {
			t.Errorf("Labels of no file: %v", err)
		}
	}
}

func TestSummaries_mayBeChangedInTheLoop(t *testing.T) {
	t.Parallel()
	db, _ := newDatabase(t)
	p := newPair(t, "a")
	for i := range 10 {
		put(t, db, trusted(fmt.Sprint(i), p))
	}
	must(t, db.Update(ctx, "delete", func(tx kdb.Tx) error {
		for s, err := range tx.Summaries("") {
			if err != nil {
				return err
			}
			if s.Label[0]%2 == 0 {
				if err := tx.Delete(s.Label); err != nil {
					return err
				}
			}
		}
		return nil
	}))
	if got := labels(t, db); !slices.Equal(got, []string{"1", "3", "5", "7", "9"}) {
		t.Errorf("labels %q", got)
	}
	wantSound(t, db)
}

func TestInfo_needsNoPassword(t *testing.T) {
	t.Parallel()
	start := time.Now().Truncate(time.Second)
	db, path := newDatabase(t)
	put(t, db, trusted("a", newPair(t, "a")), trusted("b", newPair(t, "b")))
	info, err := openWith(t, path, kdb.Options{Password: never(t)}).Info(ctx)
	if err != nil || info.Format != "ckdb" || info.Version != "1" || len(info.ID) != 32 || info.Entries != 2 || info.Size == 0 ||
		info.Created.Before(start) || info.Created.After(time.Now()) || len(info.Slots) != 1 || info.Location != path {
		t.Errorf("info %+v, %v", info, err)
	}
}

func TestCreate_neverOverAFile(t *testing.T) {
	t.Parallel()
	_, path := newDatabase(t)
	before := read(t, path)
	o := kdb.CreateOptions{Options: kdb.Options{Password: never(t)}, Cost: kdb.CostTest}
	if _, err := native().Create(ctx, path, o); !errors.Is(err, kdb.ErrDatabaseExists) {
		t.Errorf("Create = %v, want ErrDatabaseExists", err)
	}
	if !bytes.Equal(before, read(t, path)) {
		t.Error("the file was changed")
	}
	o.Password = nil
	if _, err := native().Create(ctx, path+".new", o); !errors.Is(err, kdb.ErrNoPassword) {
		t.Errorf("Create without password = %v", err)
	}
	o.Password = password("")
	if _, err := native().Create(ctx, path+".new", o); !errors.Is(err, kdb.ErrNoPassword) {
		t.Errorf("Create with an empty password = %v", err)
	}
	if _, err := os.Stat(path + ".new"); err == nil {
		t.Error("a failed Create left a file")
	}
}

func TestCreate_atOnceMakesOne(t *testing.T) {
	t.Parallel()
	path := fastDir(t) + "/key.ckdb"
	results := make(chan error)
	for range 8 {
		go func() {
			db, err := native().Create(ctx, path, kdb.CreateOptions{Options: options("secret"), Cost: kdb.CostTest})
			if err == nil {
				err = db.Update(ctx, "x", func(tx kdb.Tx) error { return tx.Audit("winner", "") })
			} else if errors.Is(err, kdb.ErrDatabaseExists) {
				err = kdb.ErrDatabaseExists
			}
			results <- err
		}()
	}
	made := 0
	for range 8 {
		switch err := <-results; {
		case err == nil:
			made++
		case !errors.Is(err, kdb.ErrDatabaseExists):
			t.Errorf("Create = %v", err)
		}
	}
	if made != 1 {
		t.Errorf("%d databases were made", made)
	}
	wantSound(t, openWith(t, path, options("secret")))
}

func TestOpen_findsWhatIsNoDatabase(t *testing.T) {
	t.Parallel()
	drivers := []kdb.Driver{native()}
	dir := fastDir(t)
	if _, err := kdb.Recognise(drivers, dir+"/none.ckdb"); !errors.Is(err, kdb.ErrNoDatabase) {
		t.Errorf("no file: %v", err)
	}
	must(t, os.WriteFile(dir+"/text.ckdb", []byte("no database at all, but long enough"), 0o600))
	if _, err := kdb.Recognise(drivers, dir+"/text.ckdb"); !errors.Is(err, kdb.ErrVersion) {
		t.Errorf("text: %v", err)
	}
	_, path := newDatabase(t)
	db, err := drivers[0].Open(ctx, path, options("secret"))
	if err != nil {
		t.Fatal(err)
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if err := db.View(cancelled, func(kdb.Tx) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	must(t, db.Close())
}

func TestCompactAndBackup_keepEverything(t *testing.T) {
	t.Parallel()
	db, path := newDatabase(t)
	p := newPair(t, "a")
	e := personal("secret label", p)
	put(t, db, e, trusted("b", p))
	for i := range 200 {
		put(t, db, trusted(fmt.Sprint(i), p))
	}
	must(t, db.Update(ctx, "delete", func(tx kdb.Tx) error {
		for i := range 200 {
			if err := tx.Delete(fmt.Sprint(i)); err != nil {
				return err
			}
		}
		return nil
	}))
	must(t, os.Chmod(path, 0o640))
	before := read(t, path)
	backUp(t, db, path+".backup", sealed.NewBackup{})
	must(t, db.Compact(ctx))
	after := read(t, path)
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o640 || len(after) >= len(before)*3/4 {
		t.Errorf("%d bytes became %d, mode %v, %v", len(before), len(after), info.Mode(), err)
	}
	put(t, db, trusted("c", p)) // still the same file for processes that have it open
	for _, location := range []string{path, path + ".backup"} {
		again := openWith(t, location, options("secret"))
		must(t, readAll(again))
		wantSound(t, again)
	}
}

func TestDriver_labelsAndExistence(t *testing.T) {
	t.Parallel()
	db, path := newDatabase(t)
	p := newPair(t, "a")
	put(t, db, trusted("web", p), trusted("web 2", p), trusted("mail", p))
	for prefix, want := range map[string][]string{"": {"mail", "web", "web 2"}, "web": {"web", "web 2"}, "web ": {"web 2"}, "x": nil} {
		var got []string
		for label, err := range native().Labels(ctx, path, prefix) {
			must(t, err)
			got = append(got, label)
		}
		if !slices.Equal(got, want) {
			t.Errorf("labels that begin with %q: %q, want %q", prefix, got, want)
		}
	}
	for location, want := range map[string]bool{path: true, path + ".none": false} {
		if got, err := native().Exists(ctx, location); err != nil || got != want {
			t.Errorf("Exists(%s) = %v, %v", location, got, err)
		}
	}
}
