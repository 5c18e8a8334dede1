package sealed_test

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"certkdb/kdb"
)

// BenchmarkDatabase measures the layer alone at CERTKDB_BENCH_ENTRIES entries (1000 without it): adding them in one
// update, listing them, and adding one more.
func BenchmarkDatabase(b *testing.B) {
	n := 1000
	if text := os.Getenv("CERTKDB_BENCH_ENTRIES"); text != "" {
		if _, err := fmt.Sscan(text, &n); err != nil {
			b.Fatal(err)
		}
	}
	p := newPair(b, "bench")
	for range b.N {
		db := create(b, filepath.Join(b.TempDir(), "key.ckdb"))
		start := time.Now()
		err := db.Update(ctx, "add", func(tx kdb.Tx) error {
			for i := range n {
				hash := uint64(i) * 0x9E3779B97F4A7C15
				e := trusted(fmt.Sprintf("label %016x", binary.BigEndian.AppendUint64(nil, hash)), p)
				if err := tx.Put(e); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(n)/time.Since(start).Seconds(), "adds/s")
		start = time.Now()
		if got := countSummaries(b, db); got != n {
			b.Fatalf("%d entries", got)
		}
		b.ReportMetric(time.Since(start).Seconds()*1000, "list-ms")
		start = time.Now()
		put(b, db, trusted("one more", p))
		b.ReportMetric(time.Since(start).Seconds()*1000, "one-more-ms")
		var memory runtime.MemStats
		runtime.ReadMemStats(&memory)
		b.ReportMetric(float64(memory.Sys)/(1<<20), "sys-MiB")
	}
}

func countSummaries(t testing.TB, db kdb.Database) (n int) {
	t.Helper()
	err := db.View(ctx, func(tx kdb.Tx) error {
		for _, err := range tx.Summaries("") {
			if err != nil {
				return err
			}
			n++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}
