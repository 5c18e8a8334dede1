package keyfile_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"certkdb/kdb"
	"certkdb/kdb/keyfile"
)

var password = []byte("correct horse")

func answer(p []byte) func(context.Context, string) ([]byte, error) {
	return func(context.Context, string) ([]byte, error) { return bytes.Clone(p), nil }
}

func options() kdb.Options {
	return kdb.Options{Password: answer(password), LockTimeout: 20 * time.Second}
}

// secret is the cheapest entry there is.
func secret(label string) kdb.Entry {
	return kdb.Entry{Label: label, Kind: kdb.KindSecretKey, Key: []byte("0123456789abcdef"), KeyAlgorithm: "AES"}
}

func newToy(t testing.TB, labels ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "store.toy")
	db, err := keyfile.Create(t.Context(), toy(), path, kdb.CreateOptions{Options: options()})
	if err != nil {
		t.Fatal(err)
	}
	for _, label := range labels {
		add(t, db, label)
	}
	return path
}

func openToy(t testing.TB, path string, o kdb.Options) *keyfile.Database {
	t.Helper()
	db, err := keyfile.Open(toy(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func add(t testing.TB, db *keyfile.Database, label string) {
	t.Helper()
	if err := db.Update(t.Context(), "add", func(tx kdb.Tx) error { return tx.Put(secret(label)) }); err != nil {
		t.Fatalf("adding %q: %v", label, err)
	}
}

// list returns the labels, separated by blanks.
func list(t testing.TB, path string) string {
	t.Helper()
	var labels []string
	err := openToy(t, path, options()).View(t.Context(), func(tx kdb.Tx) error {
		for s, err := range tx.Summaries("") {
			if err != nil {
				return err
			}
			labels = append(labels, s.Label)
		}
		return nil
	})
	if err != nil {
		t.Errorf("listing: %v", err)
	}
	return strings.Join(labels, " ")
}

func TestOpen_errors(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	other := filepath.Join(folder, "other")
	if err := os.WriteFile(other, []byte("something else"), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]error{
		filepath.Join(folder, "missing"): kdb.ErrNoDatabase,
		other:                            kdb.ErrVersion,
	} {
		if _, err := keyfile.Driver(toy()).Open(t.Context(), path, options()); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", path, err, want)
		}
	}
	path := newToy(t)
	db := openToy(t, path, options())
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{
		"view":   db.View(t.Context(), func(kdb.Tx) error { return nil }),
		"update": db.Update(t.Context(), "x", func(kdb.Tx) error { return nil }),
	} {
		if !errors.Is(err, kdb.ErrNoDatabase) {
			t.Errorf("%s of a file that went: %v", what, err)
		}
	}
}

// A transfer that takes a binary file for text puts a carriage return before each of its line feeds.
func TestOpen_transferredAsText(t *testing.T) {
	t.Parallel()
	for content, want := range map[string]bool{
		"toy \x00\r\n\r\n\r\n": true,
		"toy \x00\r\n\r\n\n":   false, // one has none
		"toy \x00\r\n\r\n":     false, // that may come by chance
		"toy \r\n\r\n\r\n":     false, // text
	} {
		path := filepath.Join(t.TempDir(), "a.toy")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		db := openToy(t, path, options())
		err := db.View(t.Context(), func(kdb.Tx) error { return nil })
		if !errors.Is(err, kdb.ErrParse) || strings.Contains(err.Error(), "transferred as text") != want {
			t.Errorf("%q: %v, want a word about text: %v", content, err, want)
		}
	}
}

func TestCreate_neverOverAnything(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"store.toy", "store.req"} {
		folder := t.TempDir()
		if err := os.WriteFile(filepath.Join(folder, name), []byte("mine"), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := keyfile.Create(t.Context(), toy(), filepath.Join(folder, "store.toy"), kdb.CreateOptions{Options: options()})
		if !errors.Is(err, kdb.ErrDatabaseExists) {
			t.Errorf("over %s: %v", name, err)
		}
		if data, err := os.ReadFile(filepath.Join(folder, name)); err != nil || string(data) != "mine" {
			t.Errorf("%s was changed: %q, %v", name, data, err)
		}
	}
	path := filepath.Join(t.TempDir(), "store.toy")
	if _, err := keyfile.Create(t.Context(), toy(), path, kdb.CreateOptions{}); !errors.Is(err, kdb.ErrNoPassword) {
		t.Errorf("without password: %v", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file was made without a password: %v", err)
	}
}

func TestCreate_onlyOneOfManyWins(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "store.toy")
	var group sync.WaitGroup
	var mu sync.Mutex
	won := 0
	for range 8 {
		group.Go(func() {
			_, err := keyfile.Create(t.Context(), toy(), path, kdb.CreateOptions{Options: options()})
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				won++
			} else if !errors.Is(err, kdb.ErrDatabaseExists) {
				t.Errorf("got %v", err)
			}
		})
	}
	group.Wait()
	if won != 1 {
		t.Errorf("%d created it", won)
	}
	if files, _ := os.ReadDir(filepath.Dir(path)); len(files) != 1 {
		t.Errorf("files were left: %v", files)
	}
}

func TestUpdate_whileLocked(t *testing.T) {
	t.Parallel()
	path := newToy(t, "a")
	inside, leave := make(chan struct{}), make(chan struct{})
	done := make(chan error)
	go func() {
		done <- openToy(t, path, options()).Update(t.Context(), "x", func(tx kdb.Tx) error {
			err := tx.Put(secret("b"))
			if err == nil { // it is not the trial before the lock
				close(inside)
				<-leave
			}
			return err
		})
	}()
	<-inside
	impatient := options()
	impatient.LockTimeout = 0
	for _, timeout := range []time.Duration{0, 30 * time.Millisecond} {
		impatient.LockTimeout = timeout
		start := time.Now()
		err := openToy(t, path, impatient).Update(t.Context(), "x", func(tx kdb.Tx) error { return tx.Put(secret("c")) })
		if !errors.Is(err, kdb.ErrLocked) || time.Since(start) < timeout {
			t.Errorf("after %s: %v, want kdb.ErrLocked", time.Since(start), err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	err := openToy(t, path, options()).Update(ctx, "x", func(tx kdb.Tx) error { return tx.Put(secret("c")) })
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("with a context that ends: %v", err)
	}
	if err := openToy(t, path, impatient).Update(t.Context(), "x", func(kdb.Tx) error { return nil }); err != nil {
		t.Errorf("without a change there is nothing to wait for: %v", err)
	}
	if got := list(t, path); got != "a" {
		t.Errorf("a reader sees %q while somebody writes", got)
	}
	close(leave)
	if err := <-done; err != nil {
		t.Error(err)
	}
	add(t, openToy(t, path, impatient), "c")
	if got := list(t, path); got != "a b c" {
		t.Errorf("got %q", got)
	}
}

func TestUpdate_asksOutsideOfTheLock(t *testing.T) {
	t.Parallel()
	path := newToy(t, "a")
	slow := options()
	slow.Password = func(ctx context.Context, location string) ([]byte, error) {
		add(t, openToy(t, path, options()), "b") // would wait for ever if the lock were held
		return answer(password)(ctx, location)
	}
	add(t, openToy(t, path, slow), "c")
	if got := list(t, path); got != "a b c" {
		t.Errorf("got %q", got)
	}
}

func TestUpdate_writerWithoutLockIsNoticed(t *testing.T) {
	t.Parallel()
	path := newToy(t, "a")
	rude, err := os.ReadFile(newToy(t, "rude"))
	if err != nil {
		t.Fatal(err)
	}
	err = openToy(t, path, options()).Update(t.Context(), "x", func(tx kdb.Tx) error {
		if err := os.WriteFile(path, rude, 0o600); err != nil {
			return err
		}
		return tx.Put(secret("b"))
	})
	if !errors.Is(err, kdb.ErrChanged) {
		t.Errorf("got %v, want kdb.ErrChanged", err)
	}
	if got := list(t, path); got != "rude" {
		t.Errorf("got %q", got)
	}
}

func TestView_seesWhatOthersWrote(t *testing.T) {
	t.Parallel()
	path := newToy(t, "a")
	db := openToy(t, path, options())
	for _, label := range []string{"b", "c"} {
		if err := db.View(t.Context(), func(kdb.Tx) error { return nil }); err != nil {
			t.Fatal(err)
		}
		add(t, openToy(t, path, options()), label)
		if err := db.View(t.Context(), func(tx kdb.Tx) error { _, err := tx.Entry(label); return err }); err != nil {
			t.Errorf("what another database wrote is not seen: %v", err)
		}
	}
	// Views may be nested, and each is one state.
	err := db.View(t.Context(), func(outer kdb.Tx) error {
		add(t, openToy(t, path, options()), "d")
		if _, err := outer.Entry("d"); !errors.Is(err, kdb.ErrNotFound) {
			t.Errorf("the state of a view changed: %v", err)
		}
		return db.View(t.Context(), func(inner kdb.Tx) error { _, err := inner.Entry("d"); return err })
	})
	if err != nil {
		t.Error(err)
	}
}

func TestSummaries_inOrderAndAfter(t *testing.T) {
	t.Parallel()
	path := newToy(t, "b", "a b", "a", "c", "B")
	db := openToy(t, path, options())
	for after, want := range map[string]string{"": "B|a|a b|b|c", "a": "a b|b|c", "aa": "b|c", "c": "", "A": "B|a|a b|b|c"} {
		var got []string
		_ = db.View(t.Context(), func(tx kdb.Tx) error {
			for s, err := range tx.Summaries(after) {
				if err != nil {
					t.Error(err)
				}
				got = append(got, s.Label)
			}
			return nil
		})
		if strings.Join(got, "|") != want {
			t.Errorf("after %q: %q, want %q", after, got, want)
		}
	}
}

func TestTx_badCertificateIsListedWithAWarning(t *testing.T) {
	t.Parallel()
	path := newToy(t)
	odd := kdb.Entry{Label: "odd", Kind: kdb.KindTrusted, Certificates: [][]byte{{1, 2, 3}}}
	password, err := options().Password(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	files, err := (&toyContainer{[]kdb.Entry{odd}}).Encode(password)
	if err == nil {
		err = os.WriteFile(path, files.Main, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	db := openToy(t, path, options())
	err = db.View(t.Context(), func(tx kdb.Tx) error {
		s, err := tx.Summary("odd")
		if err == nil && s.Warning == "" {
			err = errors.New("no warning")
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	problems := 0
	if err := db.Check(t.Context(), func(kdb.Problem) { problems++ }); err != nil || problems != 1 {
		t.Errorf("check found %d problems, %v", problems, err)
	}
}

func TestCheck_damagedFileIsAFinding(t *testing.T) {
	t.Parallel()
	path := newToy(t)
	if err := os.WriteFile(path, []byte("toy"), 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := keyfile.Open(func() keyfile.Codec { c := toy(); c.Matches = nil; return c }(), path, options())
	if err != nil {
		t.Fatal(err)
	}
	problems := 0
	if err := db.Check(t.Context(), func(kdb.Problem) { problems++ }); err != nil || problems != 1 {
		t.Errorf("%d problems, %v", problems, err)
	}
}

func TestInfo_withoutPassword(t *testing.T) {
	t.Parallel()
	path := newToy(t, "a", "b")
	asked := kdb.Options{Password: func(context.Context, string) ([]byte, error) { t.Error("asked"); return nil, kdb.ErrNoPassword }}
	info, err := openToy(t, path, asked).Info(t.Context())
	if err != nil || info.Entries != -1 || info.Format != "toy" || info.Version != "1" || len(info.Facts) != 1 || info.Size == 0 ||
		info.Location != path {
		t.Errorf("got %+v, %v", info, err)
	}
}

func TestStash_isUsedUnlessWrongOrUnwanted(t *testing.T) {
	t.Parallel()
	path := newToy(t, "a")
	if err := openToy(t, path, options()).CreateStash(t.Context()); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(strings.TrimSuffix(path, ".toy") + ".sta")
	if err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("the stash file: %v, %v", info, err)
	}
	view := func(o kdb.Options) error {
		return openToy(t, path, o).View(t.Context(), func(kdb.Tx) error { return nil })
	}
	if err := view(kdb.Options{}); err != nil {
		t.Errorf("by stash: %v", err)
	}
	if err := view(kdb.Options{NoStash: true}); !errors.Is(err, kdb.ErrNoPassword) {
		t.Errorf("without stash: %v", err)
	}
	if err := os.WriteFile(strings.TrimSuffix(path, ".toy")+".sta", []byte("other"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := view(kdb.Options{}); !errors.Is(err, kdb.ErrPassword) || !strings.Contains(err.Error(), "stash") {
		t.Errorf("by a wrong stash: %v", err)
	}
	if err := view(options()); err != nil {
		t.Errorf("by a wrong stash and the right password: %v", err)
	}
}

func TestChangePassword_ofAnOpenDatabase(t *testing.T) {
	t.Parallel()
	path := newToy(t, "a")
	other := openToy(t, path, options())
	if err := other.View(t.Context(), func(kdb.Tx) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if err := openToy(t, path, options()).ChangePassword(t.Context(), []byte("new")); err != nil {
		t.Fatal(err)
	}
	if err := other.View(t.Context(), func(kdb.Tx) error { return nil }); !errors.Is(err, kdb.ErrPassword) {
		t.Errorf("the remembered password fits no longer: %v, want kdb.ErrPassword", err)
	}
	if err := openToy(t, path, options()).ChangePassword(t.Context(), nil); !errors.Is(err, kdb.ErrNoPassword) {
		t.Errorf("to no password: %v", err)
	}
}

func TestUpdate_companionsAndSymbolicLinks(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("symbolic links need rights there")
	}
	path := newToy(t, "a")
	link := filepath.Join(t.TempDir(), "link.toy")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	db := openToy(t, link, options())
	request := request(t, "req")
	if err := db.Update(t.Context(), "x", func(tx kdb.Tx) error { return tx.Put(request) }); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		t.Errorf("the link was replaced: %v, %v", info, err)
	}
	companion := strings.TrimSuffix(path, ".toy") + ".req"
	if _, err := os.Stat(companion); err != nil {
		t.Errorf("the companion is not next to the file that the link names: %v", err)
	}
	main, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Update(t.Context(), "x", func(tx kdb.Tx) error { return tx.Delete("req") }); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(companion); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the empty companion is still there: %v", err)
	}
	if again, err := os.Stat(path); err != nil || !os.SameFile(main, again) {
		t.Errorf("the main file was written although it did not change: %v", err)
	}
}

func TestUpdate_failuresLeaveTheFile(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" || os.Geteuid() == 0 {
		t.Log("modes do not stop everybody")
		return
	}
	path := newToy(t, "a")
	for mode, target := range map[fs.FileMode]string{0o400: path, 0o500: filepath.Dir(path)} {
		if err := os.Chmod(target, mode); err != nil {
			t.Fatal(err)
		}
		err := openToy(t, path, options()).Update(t.Context(), "x", func(tx kdb.Tx) error { return tx.Put(secret("b")) })
		if !errors.Is(err, fs.ErrPermission) {
			t.Errorf("%s with mode %o: %v", target, mode, err)
		}
		if err := os.Chmod(target, 0o700); err != nil {
			t.Fatal(err)
		}
		if got := list(t, path); got != "a" {
			t.Errorf("got %q", got)
		}
	}
}
