package boltstore

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"certkdb/kdb/atomicfile"
	"certkdb/kdb/store/boltread"
)

// TestRuns_last: what is read for the last time gives its space back while it is read, and only then.
func TestRuns_last(t *testing.T) {
	t.Parallel()
	r, err := newRuns(atomicfile.Disk{}, filepath.Join(t.TempDir(), "x"))
	if err != nil {
		t.Fatal(err)
	}
	defer r.discard()
	needsHoles(t, r.temp)
	const runs, keys, size = 3, 64, 16 << 10 // 1 MiB a run
	value := func(run, i int) []byte { return noise(size, run, i) }
	for run := range runs {
		changes := map[string][]byte{}
		for i := range keys {
			changes[fmt.Sprintf("%02d", i)] = value(run, i)
		}
		made, err := r.write(sorted(changes, "", ""))
		if err != nil {
			t.Fatal(err)
		}
		r.add(made)
	}
	read := func(run, n int) {
		t.Helper()
		c := r.cursor(run, "", readBuffer)
		for i := range n {
			if err := c.next(); err != nil || c.done || !bytes.Equal(c.value, value(run, i)) {
				t.Fatalf("run %d, change %d: %q, %t, %v", run, i, c.key, c.done, err)
			}
		}
		if err := c.next(); err != nil || c.done != (n == keys) {
			t.Fatalf("run %d, after %d changes: %t, %v", run, n, c.done, err)
		}
	}
	const mib = 1 << 20
	read(1, keys)
	if used := spaceOf(t, r.temp); used < runs*mib {
		t.Errorf("runs that will be read again take %d bytes", used)
	}
	r.last = true
	read(1, keys/2)
	if used := spaceOf(t, r.temp); used > runs*mib-mib/8 || used < (runs-1)*mib {
		t.Errorf("with one of %d runs half read, they take %d bytes", runs, used)
	}
	read(0, keys)
	read(2, keys)
	if used := spaceOf(t, r.temp); used > mib {
		t.Errorf("runs that are read to their ends take %d bytes", used)
	}
}

// TestOverlay_build: the changes give their space back to the new file, which has them all.
func TestOverlay_build(t *testing.T) {
	t.Parallel()
	o := newOverlay(t.Context(), boltread.Empty(t.Context()))
	o.disk, o.path, o.limit = atomicfile.Disk{}, filepath.Join(t.TempDir(), "x"), 1<<20
	defer o.discard()
	const records, size = 512, 16 << 10
	for i := range records {
		if err := o.Put(fmt.Sprintf("%03d", i), noise(size, i)); err != nil {
			t.Fatal(err)
		}
	}
	b, changed, err := o.build()
	if err != nil || !changed {
		t.Fatal(changed, err)
	}
	defer b.discard()
	if err := b.finish(); err != nil {
		t.Fatal(err)
	}
	needsHoles(t, o.runs.temp)
	if used, made := spaceOf(t, o.runs.temp), spaceOf(t, b.temp); used > 1<<20 || made < records*size {
		t.Errorf("the changes take %d bytes and the new file %d", used, made)
	}
}

// noise is what no file system compresses, always the same for the same numbers.
func noise(size int, of ...int) []byte {
	data := make([]byte, size)
	seed := sha256.Sum256(fmt.Append(nil, of))
	_, _ = rand.NewChaCha8(seed).Read(data) // never fails
	return data
}

// needsHoles skips a test where files can have none, such as on NFS before version 4.2.
func needsHoles(t *testing.T, temp *atomicfile.Temp) {
	t.Helper()
	err := unix.Fallocate(int(temp.File().Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 1<<30, 1)
	if err != nil {
		t.Skip("no holes in files here:", err)
	}
}

// spaceOf is how many bytes a file takes on the disk; the system need not have written them.
func spaceOf(t *testing.T, temp *atomicfile.Temp) int64 {
	t.Helper()
	if err := temp.File().Sync(); err != nil {
		t.Fatal(err)
	}
	info, err := temp.File().Stat()
	if err != nil {
		t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t).Blocks * 512
}
