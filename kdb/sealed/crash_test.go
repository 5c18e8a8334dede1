package sealed_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"certkdb/kdb"
	"certkdb/kdb/sealed"
)

// The test binary runs itself as a writer: CERTKDB_TEST_WRITER is the database, CERTKDB_TEST_NAME begins its labels,
// CERTKDB_TEST_COUNT says how many pairs to add. The name "rewrite" compacts and rekeys instead.
func TestMain(m *testing.M) {
	if path := os.Getenv("CERTKDB_TEST_WRITER"); path != "" {
		if err := writer(path, os.Getenv("CERTKDB_TEST_NAME"), os.Getenv("CERTKDB_TEST_COUNT")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// writer adds pairs of entries, each pair in one update, and says so after each.
func writer(path, name, count string) error {
	n, err := strconv.Atoi(count)
	if err != nil {
		return err
	}
	cert, err := os.ReadFile(path + ".der")
	if err != nil {
		return err
	}
	db, err := native().Open(context.Background(), path, kdb.Options{Password: password("secret"), LockTimeout: time.Minute})
	if err != nil {
		return err
	}
	for i := range n {
		if name == "rewrite" {
			if err := rewrite(db.(*sealed.Database)); err != nil {
				return err
			}
			fmt.Println(i)
			continue
		}
		err := db.Update(context.Background(), "add", func(tx kdb.Tx) error {
			for _, half := range []string{"left", "right"} {
				label := fmt.Sprintf("%s %04d %s", name, i, half)
				if err := tx.Put(kdb.Entry{Label: label, Kind: kdb.KindTrusted, Certificates: [][]byte{cert}}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		fmt.Println(i)
	}
	return nil
}

func rewrite(db *sealed.Database) error {
	if err := db.Compact(context.Background()); err != nil {
		return err
	}
	return db.Rekey(context.Background(), sealed.Rekey{Passwords: [][]byte{[]byte("secret")}, Cost: kdb.CostTest})
}

func startWriter(t testing.TB, path, name string, count int) (*exec.Cmd, *bytes.Buffer, *bufio.Scanner) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "CERTKDB_TEST_WRITER="+path, "CERTKDB_TEST_NAME="+name, "CERTKDB_TEST_COUNT="+strconv.Itoa(count))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, &stderr, bufio.NewScanner(out)
}

// TestCrash_losesNothing kills a writing process again and again.
func TestCrash_losesNothing(t *testing.T) {
	t.Parallel()
	kills := 200
	if testing.Short() {
		kills = 20
	}
	db, path := newDatabase(t)
	must(t, os.WriteFile(path+".der", newPair(t, "x").cert, 0o600))
	random := rand.New(rand.NewPCG(7, 8))
	written := 0
	for round := range kills {
		name := fmt.Sprintf("r%03d", round)
		cmd, stderr, lines := startWriter(t, path, name, 1000)
		// The moment is by chance: before anything is written, or within one of the first writes.
		stop := random.IntN(6)
		timer := time.AfterFunc(time.Duration(random.IntN(25_000))*time.Microsecond, func() {
			if stop == 0 {
				cmd.Process.Kill()
			}
		})
		acknowledged := -1
		for lines.Scan() {
			acknowledged++
			if acknowledged == stop {
				time.Sleep(time.Duration(random.IntN(1500)) * time.Microsecond)
				cmd.Process.Kill()
			}
		}
		cmd.Wait()
		timer.Stop()
		if stderr.Len() > 0 {
			t.Fatalf("round %d: %s", round, stderr)
		}
		written += checkRound(t, db, name, acknowledged)
		if round%20 == 0 || round == kills-1 {
			wantSound(t, db)
		}
	}
	if written < kills {
		t.Errorf("only %d updates in %d rounds: the kills came too early to mean anything", written, kills)
	}
}

// TestCrash_whileTheFileIsReplaced kills a process that compacts and rekeys.
func TestCrash_whileTheFileIsReplaced(t *testing.T) {
	t.Parallel()
	db, path := newDatabase(t)
	p := newPair(t, "x")
	must(t, os.WriteFile(path+".der", p.cert, 0o600))
	for i := range 20 {
		put(t, db, personal(fmt.Sprint(i), p))
	}
	random := rand.New(rand.NewPCG(9, 10))
	for range 30 {
		cmd, stderr, lines := startWriter(t, path, "rewrite", 1000)
		stop := random.IntN(3)
		for n := 0; lines.Scan(); n++ {
			if n == stop {
				time.Sleep(time.Duration(random.IntN(3000)) * time.Microsecond)
				cmd.Process.Kill()
			}
		}
		cmd.Wait()
		if stderr.Len() > 0 {
			t.Fatal(stderr)
		}
		again := openWith(t, path, options("secret"))
		if got := len(labels(t, again)); got != 20 {
			t.Fatalf("%d labels are left", got)
		}
		wantSound(t, again)
	}
}

// checkRound verifies that every acknowledged pair is there, and no half of one.
func checkRound(t *testing.T, db *sealed.Database, name string, acknowledged int) int {
	t.Helper()
	halves := make(map[string]int)
	must(t, db.View(ctx, func(tx kdb.Tx) error {
		for s, err := range tx.Summaries(name) {
			if err != nil {
				return err
			}
			if strings.HasPrefix(s.Label, name) {
				halves[s.Label[:len(name)+5]]++
			}
		}
		return nil
	}))
	for pair, n := range halves {
		if n != 2 {
			t.Fatalf("%s has one half", pair)
		}
	}
	for i := range acknowledged + 1 {
		if halves[fmt.Sprintf("%s %04d", name, i)] != 2 {
			t.Fatalf("%s %04d was acknowledged and is lost", name, i)
		}
	}
	return len(halves)
}

// TestConcurrency_losesNothing: 16 processes add at once.
func TestConcurrency_losesNothing(t *testing.T) {
	t.Parallel()
	const processes, each = 16, 5
	db, path := newDatabase(t)
	must(t, os.WriteFile(path+".der", newPair(t, "x").cert, 0o600))
	var wait sync.WaitGroup
	for i := range processes {
		wait.Go(func() {
			cmd, stderr, lines := startWriter(t, path, fmt.Sprintf("p%02d", i), each)
			for lines.Scan() {
			}
			if err := cmd.Wait(); err != nil {
				t.Errorf("process %d: %v: %s", i, err, stderr)
			}
		})
	}
	wait.Wait()
	if got := len(labels(t, db)); got != 2*processes*each {
		t.Errorf("%d labels, want %d", got, 2*processes*each)
	}
	wantSound(t, db)
}

func TestConcurrency_lockTimeout(t *testing.T) {
	t.Parallel()
	db, path := newDatabase(t)
	put(t, db, trusted("a", newPair(t, "a")))
	hasty := options("secret")
	hasty.LockTimeout = 0
	other := openWith(t, path, hasty)
	must(t, other.Unlock(ctx))
	err := db.View(ctx, func(kdb.Tx) error { // a reader keeps writers out
		err := other.Update(ctx, "delete", func(tx kdb.Tx) error { return tx.Delete("a") })
		if !errors.Is(err, kdb.ErrLocked) {
			t.Errorf("Update = %v, want ErrLocked", err)
		}
		return other.View(ctx, func(tx kdb.Tx) error { _, err := tx.Summary("a"); return err })
	})
	must(t, err)
}

// TestConcurrency_whileItAsks: others write while a person is asked for the password, as nothing is locked then.
func TestConcurrency_whileItAsks(t *testing.T) {
	t.Parallel()
	_, path := newDatabase(t)
	hasty := options("secret")
	hasty.LockTimeout = 0
	other := openWith(t, path, hasty)
	must(t, other.Unlock(ctx))
	asking := options("secret")
	asking.Password = func(context.Context, string) ([]byte, error) {
		err := other.Update(ctx, "add", func(tx kdb.Tx) error { return tx.Put(trusted("a", newPair(t, "a"))) })
		return []byte("secret"), err
	}
	must(t, openWith(t, path, asking).View(ctx, func(tx kdb.Tx) error { _, err := tx.Summary("a"); return err }))
}

func TestFile_removedIsReported(t *testing.T) {
	t.Parallel()
	db, path := newDatabase(t)
	put(t, db, trusted("a", newPair(t, "a")))
	must(t, os.Remove(path))
	err := db.Update(ctx, "delete", func(tx kdb.Tx) error { return tx.Delete("a") })
	if !errors.Is(err, kdb.ErrNoDatabase) {
		t.Errorf("Update = %v, want ErrNoDatabase", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file came back: %v", err)
	}
	// Another database in its place is not mistaken for it.
	create(t, path)
	if err := readAll(db); !errors.Is(err, kdb.ErrChanged) {
		t.Errorf("another database in its place: %v, want ErrChanged", err)
	}
	// The file goes away while it is written.
	db, path = newDatabase(t)
	err = db.Update(ctx, "add", func(tx kdb.Tx) error {
		_ = os.Remove(path)
		return tx.Put(trusted("a", newPair(t, "a")))
	})
	if !errors.Is(err, kdb.ErrNoDatabase) {
		t.Errorf("removed in an update: %v, want ErrNoDatabase", err)
	}
}
