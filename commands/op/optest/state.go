package optest

import (
	"fmt"
	"os"
	"testing"
)

// Main runs the tests of a package with a folder of their own for what the program remembers, so that nothing is noted in the home of the
// person who runs them. It returns the exit code.
func Main(m *testing.M) int {
	state, err := os.MkdirTemp("", "certkdb-state-")
	if err == nil {
		err = os.Setenv("XDG_STATE_HOME", state)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(state)
	return m.Run()
}
