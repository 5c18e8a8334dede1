package keyfile_test

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/atomicfile"
	"certkdb/kdb/atomicfile/atomicfiletest"
	"certkdb/kdb/keyfile"
)

// anyKey is an Ed25519 key (RFC 8410, section 7).
var anyKey = append([]byte{
	0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
}, make([]byte, 32)...)

func request(t testing.TB, label string) kdb.Entry {
	t.Helper()
	private, err := x509.ParsePKCS8PrivateKey(anyKey)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: label}}, private)
	if err != nil {
		t.Fatal(err)
	}
	return kdb.Entry{Label: label, Kind: kdb.KindRequest, Request: der, Key: bytes.Clone(anyKey)}
}

// addBoth changes the main file and its companion.
func addBoth(t *testing.T, db *keyfile.Database) error {
	t.Helper()
	return db.Update(t.Context(), "add", func(tx kdb.Tx) error {
		return errors.Join(tx.Put(secret("new")), tx.Put(request(t, "newreq")))
	})
}

// newPair makes a database with a companion.
func newPair(t *testing.T) string {
	t.Helper()
	path := newToy(t, "old")
	err := openToy(t, path, options()).Update(t.Context(), "add", func(tx kdb.Tx) error { return tx.Put(request(t, "oldreq")) })
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// TestUpdate_syncsAndThenReplacesTheMainFileFirst: both files and a journal are on the disk before the first one is replaced.
func TestUpdate_syncsAndThenReplacesTheMainFileFirst(t *testing.T) {
	t.Parallel()
	path := newPair(t)
	db, disk := openToy(t, path, options()), &atomicfiletest.Disk{}
	db.SetDisk(disk)
	if err := addBoth(t, db); err != nil {
		t.Fatal(err)
	}
	var calls []string
	for _, call := range disk.Calls() {
		if word, _, _ := strings.Cut(call, " "); word == "sync" || word == "rename" || word == "link" || word == "syncfolder" {
			calls = append(calls, call)
		}
	}
	folder := "syncfolder " + filepath.Base(filepath.Dir(path))
	want := []string{
		"sync store.toy~", "sync store.req~", "sync store.toy~", "link store.toy~ store.toy~", folder,
		"rename store.toy~ store.toy", "rename store.req~ store.req", folder,
	}
	if !slices.Equal(calls, want) {
		t.Errorf("calls %q, want %q", calls, want)
	}
}

// faults are the ways in which the n-th call goes wrong: an error, or the end of the process.
func faults(n int) map[string]*atomicfiletest.Disk {
	return map[string]*atomicfiletest.Disk{
		"an error":              {Fail: atomicfiletest.At(n, syscall.EIO)},
		"a full disk, no names": {Fail: atomicfiletest.At(n, syscall.ENOSPC), Unnamed: true},
		"a kill":                {Fail: atomicfiletest.From(n, syscall.EIO)},
		"a kill without names":  {Fail: atomicfiletest.From(n, syscall.EIO), Unnamed: true},
	}
}

// everyFault runs a change with each fault at each of its calls on a database of its own, and then check.
func everyFault(t *testing.T, setUp func() string, run func(*atomicfiletest.Disk, string) error, check func(what, path string, err error)) {
	t.Helper()
	for n := 1; ; n++ {
		over := true
		for name, disk := range faults(n) {
			path := setUp()
			err := run(disk, path)
			calls := disk.Calls()
			if len(calls) < n {
				if err != nil {
					t.Fatal(err)
				}
				continue
			}
			over = false
			check(fmt.Sprintf("%s at call %d, %s", name, n, calls[n-1]), path, err)
			if t.Failed() {
				t.FailNow()
			}
		}
		if over {
			return
		}
	}
}

// files says which files are in the folder of a database.
func files(t *testing.T, path string) string {
	t.Helper()
	list, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range list {
		names = append(names, f.Name())
	}
	return strings.Join(names, " ")
}

// TestUpdate_everyFault: both files are old or both are new, also for readers, and nothing else is left after the next update.
func TestUpdate_everyFault(t *testing.T) {
	t.Parallel()
	everyFault(t, func() string { return newPair(t) }, func(disk *atomicfiletest.Disk, path string) error {
		db := openToy(t, path, options())
		db.SetDisk(disk)
		return addBoth(t, db)
	}, func(what, path string, err error) {
		if got := list(t, path); got != "new newreq old oldreq" && (got != "old oldreq" || err == nil) {
			t.Errorf("%s: %q is there, the error is %v", what, got, err)
		}
		add(t, openToy(t, path, options()), "next")
		if got := files(t, path); got != "store.req store.toy" {
			t.Errorf("%s: the next update left %s", what, got)
		}
	})
}

// TestChangePassword_everyFault: the database, its companion and its stash have one password at every time, the old or the new one.
func TestChangePassword_everyFault(t *testing.T) {
	t.Parallel()
	setUp := func() string {
		path := newPair(t)
		if err := openToy(t, path, options()).CreateStash(t.Context()); err != nil {
			t.Fatal(err)
		}
		return path
	}
	opens := func(path string, o kdb.Options) bool {
		return openToy(t, path, o).View(t.Context(), func(kdb.Tx) error { return nil }) == nil
	}
	everyFault(t, setUp, func(disk *atomicfiletest.Disk, path string) error {
		db := openToy(t, path, options())
		db.SetDisk(disk)
		return db.ChangePassword(t.Context(), []byte("new"))
	}, func(what, path string, err error) {
		changed := kdb.Options{Password: answer([]byte("new")), NoStash: true}
		same := options()
		same.NoStash = true
		if !opens(path, kdb.Options{}) || opens(path, changed) == opens(path, same) || err == nil && !opens(path, changed) {
			t.Errorf("%s: by stash %v, new %v, old %v, the error is %v", what, opens(path, kdb.Options{}), opens(path, changed),
				opens(path, same), err)
		}
		add(t, openToy(t, path, kdb.Options{}), "next")
		if got := files(t, path); got != "store.req store.sta store.toy" {
			t.Errorf("%s: the next update left %s", what, got)
		}
	})
}

func TestCreate_everyFault(t *testing.T) {
	t.Parallel()
	everyFault(t, func() string { return filepath.Join(t.TempDir(), "store.toy") }, func(disk *atomicfiletest.Disk, path string) error {
		return keyfile.CreateOn(t.Context(), disk, toy(), path, options())
	}, func(what, path string, err error) {
		if _, missing := os.Lstat(path); missing != nil {
			if err == nil {
				t.Errorf("%s: there is no file, and no error", what)
			}
			if err := keyfile.CreateOn(t.Context(), atomicfile.Disk{}, toy(), path, options()); err != nil {
				t.Errorf("%s: again: %v", what, err)
			}
		}
		add(t, openToy(t, path, options()), "next")
		if got := files(t, path); got != "store.toy" {
			t.Errorf("%s: the next update left %s", what, got)
		}
	})
}

func TestCreate_syncsBeforeTheFileHasItsName(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "store.toy")
	disk := &atomicfiletest.Disk{}
	if err := keyfile.CreateOn(t.Context(), disk, toy(), path, options()); err != nil {
		t.Fatal(err)
	}
	calls := []string{
		"create store.toy~", "write store.toy~", "sync store.toy~", "link store.toy~ store.toy",
		"syncfolder " + filepath.Base(filepath.Dir(path)), "remove store.toy~",
	}
	if got := disk.Calls(); !slices.Equal(got, calls) {
		t.Errorf("calls %q, want %q", got, calls)
	}
}

// TestCreate_neverOverAFileThatCameMeanwhile: the check in the beginning is not what keeps it.
func TestCreate_neverOverAFileThatCameMeanwhile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "store.toy")
	disk := &atomicfiletest.Disk{Fail: func(_ int, call string) error {
		if strings.HasPrefix(call, "sync ") {
			return os.WriteFile(path, []byte("mine"), 0o600)
		}
		return nil
	}}
	err := keyfile.CreateOn(t.Context(), disk, toy(), path, options())
	if !errors.Is(err, kdb.ErrDatabaseExists) {
		t.Errorf("Create = %v, want ErrDatabaseExists", err)
	}
	if data, err := os.ReadFile(path); err != nil || string(data) != "mine" {
		t.Errorf("the file became %q, %v", data, err)
	}
}

func TestCreateStash_everyFault(t *testing.T) {
	t.Parallel()
	setUp := func() string {
		path := newToy(t, "a")
		if err := openToy(t, path, options()).CreateStash(t.Context()); err != nil {
			t.Fatal(err)
		}
		return path
	}
	everyFault(t, setUp, func(disk *atomicfiletest.Disk, path string) error {
		db := openToy(t, path, options())
		db.SetDisk(disk)
		return db.CreateStash(t.Context())
	}, func(what, path string, _ error) {
		if err := openToy(t, path, kdb.Options{}).View(t.Context(), func(kdb.Tx) error { return nil }); err != nil {
			t.Errorf("%s: the stash opens nothing: %v", what, err)
		}
		add(t, openToy(t, path, options()), "next")
		if got := files(t, path); got != "store.sta store.toy" {
			t.Errorf("%s: the next update left %s", what, got)
		}
	})
}
