package keyfile_test

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"certkdb/kdb"
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

// TestUpdate_syncsAndThenReplacesTheMainFileFirst: see Codec.Companions.
func TestUpdate_syncsAndThenReplacesTheMainFileFirst(t *testing.T) {
	t.Parallel()
	path := newPair(t)
	db, disk := openToy(t, path, options()), &atomicfiletest.Disk{}
	db.SetDisk(disk)
	if err := addBoth(t, db); err != nil {
		t.Fatal(err)
	}
	calls := []string{
		"create store.toy~", "write store.toy~", "chmod store.toy~", "sync store.toy~",
		"create store.req~", "write store.req~", "chmod store.req~", "sync store.req~",
		"rename store.toy~ store.toy", "rename store.req~ store.req", "syncfolder " + filepath.Base(filepath.Dir(path)),
	}
	if got := disk.Calls(); !slices.Equal(got, calls) {
		t.Errorf("calls %q, want %q", got, calls)
	}
}

// TestUpdate_everyFault fails each call in turn: each file is old or new, the companion new only if the main file is, and no other file
// stays behind. The next update works.
func TestUpdate_everyFault(t *testing.T) {
	t.Parallel()
	for n := 1; ; n++ {
		path := newPair(t)
		db, disk := openToy(t, path, options()), &atomicfiletest.Disk{Fail: atomicfiletest.At(n, syscall.EIO)}
		db.SetDisk(disk)
		err := addBoth(t, db)
		if len(disk.Calls()) < n {
			if err != nil {
				t.Fatal(err)
			}
			return
		}
		if !errors.Is(err, syscall.EIO) {
			t.Errorf("call %d: %v", n, err)
		}
		states := []string{"old oldreq", "new old oldreq", "new newreq old oldreq"}
		if got := list(t, path); !slices.Contains(states, got) {
			t.Errorf("call %d: %q is there", n, got)
		}
		if files, _ := os.ReadDir(filepath.Dir(path)); len(files) != 2 {
			t.Errorf("call %d: files were left: %v", n, files)
		}
		if err := addBoth(t, openToy(t, path, options())); err != nil {
			t.Errorf("after a fault at call %d: %v", n, err)
		}
	}
}

func TestCreate_everyFault(t *testing.T) {
	t.Parallel()
	for n := 1; ; n++ {
		path := filepath.Join(t.TempDir(), "store.toy")
		disk := &atomicfiletest.Disk{Fail: atomicfiletest.At(n, syscall.ENOSPC)}
		err := keyfile.CreateOn(t.Context(), disk, toy(), path, options())
		if len(disk.Calls()) < n {
			if err != nil {
				t.Fatal(err)
			}
			return
		}
		files, _ := os.ReadDir(filepath.Dir(path))
		switch call := disk.Calls()[n-1]; {
		case strings.HasPrefix(call, "link"), strings.HasPrefix(call, "remove"): // there is another way; the name is gone later
			if err != nil || list(t, path) != "" {
				t.Errorf("call %d, %s: %v", n, call, err)
			}
		case !errors.Is(err, syscall.ENOSPC) || len(files) > 0:
			t.Errorf("call %d, %s: %v, and %v was left", n, call, err, files)
		}
	}
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
	for n := 1; ; n++ {
		path := newToy(t, "a")
		if err := openToy(t, path, options()).CreateStash(t.Context()); err != nil {
			t.Fatal(err)
		}
		db, disk := openToy(t, path, options()), &atomicfiletest.Disk{Fail: atomicfiletest.At(n, syscall.EIO)}
		db.SetDisk(disk)
		err := db.CreateStash(t.Context())
		if len(disk.Calls()) < n {
			if err != nil {
				t.Fatal(err)
			}
			return
		}
		if !errors.Is(err, syscall.EIO) {
			t.Errorf("call %d: %v", n, err)
		}
		if err := openToy(t, path, kdb.Options{}).View(t.Context(), func(kdb.Tx) error { return nil }); err != nil {
			t.Errorf("call %d: the stash opens nothing: %v", n, err)
		}
	}
}
