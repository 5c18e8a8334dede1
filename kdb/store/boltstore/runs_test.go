package boltstore

import (
	"fmt"
	"hash/maphash"
	"path/filepath"
	"testing"

	"certkdb/kdb/atomicfile"
)

// TestRuns_get: a key is found with its last value, and next to no run is read in vain, however many there are.
func TestRuns_get(t *testing.T) {
	t.Parallel()
	r, err := newRuns(atomicfile.Disk{}, filepath.Join(t.TempDir(), "x"))
	if err != nil {
		t.Fatal(err)
	}
	defer r.discard()
	const runs, keys = 50, 200
	key := func(run, i int) string { return fmt.Sprintf("%03d in %d", i, run) }
	for run := range runs {
		changes := map[string][]byte{"all": fmt.Append(nil, run)}
		for i := range keys {
			changes[key(run, i)] = fmt.Append(nil, run, i)
		}
		changes[key(run, 0)] = nil
		made, err := r.write(sorted(changes, "", ""))
		if err != nil {
			t.Fatal(err)
		}
		r.add(made)
	}
	vain := 0
	for run := range runs {
		for i := range keys {
			value, changed, err := r.get(key(run, i))
			if want := string(fmt.Append(nil, run, i)); err != nil || !changed || i > 0 && string(value) != want || i == 0 && value != nil {
				t.Fatalf("%s: %q, %t, %v", key(run, i), value, changed, err)
			}
			for other := run + 1; other < runs; other++ {
				if r.list[other].seen.has(maphash.String(r.seed, key(run, i))) {
					vain++
				}
			}
		}
	}
	if vain > runs*keys {
		t.Errorf("%d runs are read in vain for %d keys", vain, runs*keys)
	}
	if value, _, err := r.get("all"); err != nil || string(value) != fmt.Sprint(runs-1) {
		t.Errorf("the last value of a key in all runs is %q, %v", value, err)
	}
	if _, changed, err := r.get("other"); changed || err != nil {
		t.Errorf("a key that nobody changed: %v", err)
	}
}
