package issuing

import (
	"context"
	"sync"
	"sync/atomic"
)

// eachOf calls do with 0 to n-1, by several goroutines in this order, until one fails. The error is that of the lowest number
// that failed: the same as if they had been called one after the other.
func eachOf(ctx context.Context, n, goroutines int, do func(int) error) error {
	failed := make([]error, n)
	var next atomic.Int64
	var stop atomic.Bool
	var wg sync.WaitGroup
	for range min(goroutines, n) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && !stop.Load(); i = int(next.Add(1)) - 1 {
				if failed[i] = ctx.Err(); failed[i] == nil {
					failed[i] = do(i)
				}
				if failed[i] != nil {
					stop.Store(true)
				}
			}
		})
	}
	wg.Wait()
	for _, err := range failed {
		if err != nil {
			return err
		}
	}
	return nil
}
