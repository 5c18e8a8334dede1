package main

import (
	"os/exec"
	"strings"
	"sync"
	"testing"
)

// Provisioning scripts that run at once and say --ensure all succeed; the certificate is made once.
func TestCreate_ensureAtOnce(t *testing.T) {
	t.Parallel()
	db := issuingCA(t)
	const at = 6
	said := make([]string, at)
	var group sync.WaitGroup
	for i := range at {
		group.Go(func() {
			out, err := exec.Command("certkdb", "create", "web", "--db", db, "--ca", "root", "--cn", "www.example.com", "--ensure").CombinedOutput()
			if err != nil {
				t.Errorf("%v: %s", err, out)
			}
			said[i] = string(out)
		})
	}
	group.Wait()
	all := strings.Join(said, "")
	if made, kept := strings.Count(all, "created "), strings.Count(all, "unchanged "); made != 1 || kept != at-1 {
		t.Errorf("%d were made and %d kept: %s", made, kept, all)
	}
	if issued := certkdb(t, "issued", "--db", db, "--ca", "root", "-o", "jsonl"); strings.Count(issued, "\n") != 1 {
		t.Errorf("it was issued more than once:\n%s", issued)
	}
}
