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
	start := exec.CommandContext(t.Context(), program, "-test.list=^$")
	start.Env = append(os.Environ(), "GODEBUG=inittrace=1")
	out, err := start.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	traced := regexp.MustCompile(`(?m)^init (certkdb/\S+) @.* (\d+) bytes, (\d+) allocs$`).FindAllStringSubmatch(string(out), -1)
	if len(traced) == 0 {
		t.Fatalf("no initialisers are traced: %s", out)
	}
	for _, init := range traced {
		bytes, err := strconv.Atoi(init[2])
		if err != nil || bytes > most {
			t.Errorf("initialising %s allocates %s bytes in %s pieces, at most %d bytes are allowed", init[1], init[2], init[3], most)
		}
	}
}
