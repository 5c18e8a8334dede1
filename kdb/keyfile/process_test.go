package keyfile_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"certkdb/kdb"
	"certkdb/kdb/keyfile"
)

// child runs this test binary as another process that adds entries to a database until it is killed, or n of them.
func child(t testing.TB, path, name string, n int) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "KEYFILE_TEST_CHILD="+path, "KEYFILE_TEST_NAME="+name, fmt.Sprintf("KEYFILE_TEST_COUNT=%d", n))
	cmd.Stderr = os.Stderr
	return cmd
}

// TestMain is the child, or the tests.
func TestMain(m *testing.M) {
	path := os.Getenv("KEYFILE_TEST_CHILD")
	if path == "" {
		os.Exit(m.Run())
	}
	var count int
	_, _ = fmt.Sscan(os.Getenv("KEYFILE_TEST_COUNT"), &count)
	for i := range count {
		label := fmt.Sprintf("%s-%d", os.Getenv("KEYFILE_TEST_NAME"), i)
		db, err := keyfile.Open(toy(), path, options())
		if err == nil {
			err = db.Update(context.Background(), "x", func(tx kdb.Tx) error { return tx.Put(secret(label)) })
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println(label)
	}
}

// The tests with processes are not parallel to others: a child holds the locks of its parent until it runs its program.
func TestUpdate_processesLoseNothing(t *testing.T) {
	path := newToy(t)
	const processes, each = 5, 12
	var group sync.WaitGroup
	for p := range processes {
		group.Go(func() {
			if out, err := child(t, path, fmt.Sprintf("p%d", p), each).Output(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	group.Wait()
	if got := strings.Fields(list(t, path)); len(got) != processes*each {
		t.Errorf("%d entries, want %d", len(got), processes*each)
	}
}

func TestUpdate_killedProcessLosesNothingAcknowledged(t *testing.T) {
	path := newToy(t, "first")
	acknowledged := map[string]bool{"first": true}
	for round := range 25 {
		cmd := child(t, path, fmt.Sprintf("r%d", round), 1000)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		timer := time.AfterFunc(time.Duration(15+round*3)*time.Millisecond, func() { _ = cmd.Process.Kill() })
		for lines := bufio.NewScanner(out); lines.Scan(); {
			acknowledged[lines.Text()] = true
		}
		_ = cmd.Wait()
		timer.Stop()
		there := map[string]bool{}
		for _, label := range strings.Fields(list(t, path)) {
			there[label] = true
		}
		for label := range acknowledged {
			if !there[label] {
				t.Fatalf("round %d: %q was acknowledged and is lost", round, label)
			}
		}
	}
	add(t, openToy(t, path, options()), "last")
	if files, _ := os.ReadDir(filepath.Dir(path)); len(files) != 1 {
		t.Errorf("temporary files were left: %v", files)
	}
	t.Logf("%d entries were acknowledged", len(acknowledged))
}
