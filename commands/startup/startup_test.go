package startup

import (
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

func TestPercentage(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		rule string
		live uint64
		want int
	}{
		{"nothing in use", 0, 400},
		{"little in use", 3 << 20, 400},
		{"as much garbage as there is room for", 16 << 20, 200},
		{"much in use: as Go does it", 32 << 20, 100},
		{"very much in use", 1 << 40, 100},
	} {
		if got := percentage(c.live); got != c.want {
			t.Errorf("%s: %d, want %d", c.rule, got, c.want)
		}
	}
}

// Importing the package starts the watch, which looks again after every collection.
func TestWatch_followsTheHeap(t *testing.T) {
	whileHolding(128<<20, func() { waitFor(t, large) })
	waitFor(t, small)
}

func whileHolding(size int, do func()) {
	held := make([]byte, size)
	do()
	runtime.KeepAlive(held)
}

func waitFor(t *testing.T, want int) {
	t.Helper()
	for range 500 {
		runtime.GC()
		now := debug.SetGCPercent(want)
		if debug.SetGCPercent(now); now == want {
			return
		}
		time.Sleep(10 * time.Millisecond) // the watch runs beside this
	}
	t.Fatalf("the percentage does not become %d", want)
}
