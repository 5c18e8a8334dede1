package issuing

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
)

func TestEachOf_doesEverythingOnce(t *testing.T) {
	t.Parallel()
	var done [100]atomic.Int32
	if err := eachOf(t.Context(), len(done), 4, func(i int) error { done[i].Add(1); return nil }); err != nil {
		t.Fatal(err)
	}
	for i := range done {
		if n := done[i].Load(); n != 1 {
			t.Errorf("%d was done %d times", i, n)
		}
	}
}

// 3 waits until 5 has failed, so that the later failure comes first.
func TestEachOf_reportsTheFirstOfSeveralFailures(t *testing.T) {
	t.Parallel()
	failed := make(chan struct{})
	err := eachOf(t.Context(), 6, 6, func(i int) error {
		switch i {
		case 3:
			<-failed
		case 5:
			defer close(failed)
		default:
			return nil
		}
		return fmt.Errorf("request %d", i)
	})
	if err == nil || err.Error() != "request 3" {
		t.Errorf("%v, want the error of request 3", err)
	}
}

func TestEachOf_stopsAtAFailure(t *testing.T) {
	t.Parallel()
	broken, calls := errors.New("broken"), 0
	err := eachOf(t.Context(), 10, 1, func(i int) error {
		calls++
		if i == 2 {
			return broken
		}
		return nil
	})
	if !errors.Is(err, broken) || calls != 3 {
		t.Errorf("%v after %d calls, want it after 3", err, calls)
	}
}
