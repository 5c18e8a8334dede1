package commands_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"certkdb/kdb/atomicfile/atomicfiletest"
)

// TestDiscard_losesNothing: a command cannot fill the database that it made, and removes it. Other processes that have found it want to add
// entries, from the moment when the filling fails, or from just before the removal. What they say is stored is there.
func TestDiscard_losesNothing(t *testing.T) {
	t.Parallel()
	k := kinds()[0]
	dir := k.prepare(t)
	path := filepath.Join(dir, "new.ckdb")
	for _, from := range []string{"pwrite64", "unlinkat"} {
		os.Remove(path)
		var others []*process
		code, text := supervised(t, dir, "forgetful", func(_ int, c atomicfiletest.Call) (v atomicfiletest.Verdict) {
			if c.Files[0] != "new.ckdb" {
				return v
			}
			if c.Name == from && others == nil {
				for _, label := range []string{"a", "b", "c", "d"} {
					others = append(others, start(t, dir, "add", filepath.Join(dir, "other.pem"), "--label", label, "--lock-timeout", "5m",
						"--db", path, "--password", "file:"+filepath.Join(dir, "old.pw")))
				}
			}
			if c.Name == "pwrite64" {
				v.Err = syscall.EIO
			}
			return v
		}, append(strings.Fields("copy web root --certificates --to DIR/new.ckdb --to-password file:DIR/old.pw --password file:DIR/old.pw"),
			"--db", filepath.Join(dir, k.file))...)
		if code != 1 || others == nil {
			t.Errorf("from %s: exit code %d, %s, %d other processes", from, code, text, len(others))
		}
		stored := 0
		for _, p := range others {
			switch code, text := p.wait(); {
			case code == 0:
				stored++
			case code != 3 || from == "unlinkat" && stored > 0:
				t.Errorf("from %s: exit code %d, %s", from, code, text)
			}
		}
		_, list, _ := run(nil, dir, "list", "-o", "name", "--db", path, "--password", "file:DIR/old.pw")
		if got := strings.Count(list, "\n"); got != stored || (stored > 0) != isThere(path) {
			t.Errorf("from %s: %d entries were stored, there are %d: %s", from, stored, got, list)
		}
	}
}
