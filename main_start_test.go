package main

import (
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"testing"
)

// Every run of the program pays for the initialisers of all its packages: tables are made when they are first used.
func TestStart_packagesDoNoWork(t *testing.T) {
	t.Parallel()
	const most = 1 << 10 // bytes: the closures of a package's sync.OnceValue
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	least := map[string]int{} // of some starts: what the runtime does meanwhile is counted, too
	traced := regexp.MustCompile(`(?m)^init (certkdb/\S+) @.* (\d+) bytes, \d+ allocs$`)
	for range 5 {
		start := exec.CommandContext(t.Context(), program, "-test.list=^$")
		start.Env = append(os.Environ(), "GODEBUG=inittrace=1")
		out, err := start.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		for _, init := range traced.FindAllStringSubmatch(string(out), -1) {
			bytes, err := strconv.Atoi(init[2])
			if err != nil {
				t.Fatal(err)
			}
			if before, ok := least[init[1]]; !ok || bytes < before {
				least[init[1]] = bytes
			}
		}
	}
	if len(least) == 0 {
		t.Fatal("no initialisers are traced")
	}
	for name, bytes := range least {
		if bytes > most {
			t.Errorf("initialising %s allocates %d bytes, at most %d are allowed", name, bytes, most)
		}
	}
}
