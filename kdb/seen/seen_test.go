package seen_test

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"certkdb/kdb/internal/lockfile"
	"certkdb/kdb/seen"
)

// one is a database at a path that exists.
func one(t *testing.T) seen.Key { return seen.Key{ID: [16]byte{1, 2}, Path: t.TempDir()} }

func state(generation uint64) seen.State {
	return seen.State{Generation: generation, KeyID: [8]byte{3}, Log: generation + 1, Chain: [32]byte{4}}
}

func lastOf(folder string, key seen.Key) (seen.State, bool, error) {
	known, err := seen.Read(folder)
	last, found := known.Last(key)
	return last, found, err
}

// expect compares what is noted of a database; generation 0 is nothing.
func expect(t *testing.T, folder string, key seen.Key, generation uint64) {
	t.Helper()
	last, found, err := lastOf(folder, key)
	want := seen.State{}
	if generation > 0 {
		want = state(generation)
	}
	if err != nil || found != (generation > 0) || last != want {
		t.Errorf("last = %+v, %t, %v; want generation %d", last, found, err, generation)
	}
}

func TestNote_neverLowers(t *testing.T) {
	t.Parallel()
	folder, key := filepath.Join(t.TempDir(), "a", "b"), one(t)
	expect(t, folder, key, 0)
	for _, step := range []struct {
		change func(string, seen.Key, seen.State) error
		to     uint64
		want   uint64
	}{{seen.Note, 5, 5}, {seen.Note, 4, 5}, {seen.Note, 7, 7}, {seen.Accept, 3, 3}, {seen.Note, 4, 4}} {
		if err := step.change(folder, key, state(step.to)); err != nil {
			t.Fatal(err)
		}
		expect(t, folder, key, step.want)
	}
	info, err := os.Stat(filepath.Join(folder, "generations"))
	if err != nil || info.Mode().Perm() != 0o600 && filepath.Separator == '/' {
		t.Errorf("%v, %v", info, err)
	}
}

// TestNote_idAndPath: a copy of a database has its id, and what replaced a database has its path.
func TestNote_idAndPath(t *testing.T) {
	t.Parallel()
	folder, key := t.TempDir(), one(t)
	copied, replaced := key, key
	copied.Path += "/odd \"name\"\n"
	replaced.ID[0]++
	for i, k := range []seen.Key{key, copied, replaced} {
		if err := seen.Note(folder, k, state(uint64(i+1))); err != nil {
			t.Fatal(err)
		}
	}
	for i, k := range []seen.Key{key, copied, replaced} {
		expect(t, folder, k, uint64(i+1))
	}
}

// TestNote_atOnce: the highest generation is there in the end, whoever comes last, and nothing else is in the folder.
func TestNote_atOnce(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	keys := []seen.Key{one(t), one(t)}
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			if err := seen.Note(folder, keys[i%2], state(uint64(1+(i*7)%20))); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	expect(t, folder, keys[0], 19)
	expect(t, folder, keys[1], 20)
	if left, err := os.ReadDir(folder); err != nil || len(left) != 1 {
		t.Errorf("%v, %v", left, err)
	}
}

// written is a line of the file with a right checksum.
func written(fields string) string {
	return fmt.Sprintf("1 %08x %s\n", crc32.ChecksumIEEE([]byte(fields)), fields)
}

// TestNote_overwritesTheLastLine: the file stays the same one, also where numbers get longer. A line before the last one, or a shorter
// text, makes a new file.
func TestNote_overwritesTheLastLine(t *testing.T) {
	t.Parallel()
	folder, first, second := t.TempDir(), one(t), one(t)
	content := filepath.Join(folder, "generations")
	note := func(change func(string, seen.Key, seen.State) error, key seen.Key, to uint64) os.FileInfo {
		t.Helper()
		if err := change(folder, key, state(to)); err != nil {
			t.Fatal(err)
		}
		expect(t, folder, key, to)
		info, err := os.Stat(content)
		if err != nil {
			t.Fatal(err)
		}
		return info
	}
	note(seen.Note, first, 1)
	before := note(seen.Note, second, 1)
	for _, to := range []uint64{2, 9, 10, 1 << 40} {
		if !os.SameFile(before, note(seen.Note, second, to)) {
			t.Errorf("generation %d makes a new file", to)
		}
	}
	note(seen.Note, first, 2)
	expect(t, folder, second, 1<<40)
	note(seen.Accept, first, 1000)
	note(seen.Accept, first, 7)
	expect(t, folder, second, 1<<40)
}

// TestRead_whileItIsWritten: a reader sees a state as it was noted, never parts of two, and a line that is being written is not odd.
func TestRead_whileItIsWritten(t *testing.T) {
	t.Parallel()
	folder, keys := t.TempDir(), []seen.Key{one(t), one(t)}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 200 {
				if last, found, err := lastOf(folder, keys[0]); err != nil || found && last != state(last.Generation) {
					t.Errorf("%+v, %v", last, err)
				}
			}
		})
	}
	for generation := range uint64(300) {
		if err := seen.Note(folder, keys[generation%50/49], state(generation+1)); err != nil {
			t.Error(err)
		}
	}
	all.Wait()
}

// TestRead_waitsForTheWriter: what looks odd is read again when the writer is done.
func TestRead_waitsForTheWriter(t *testing.T) {
	t.Parallel()
	folder, key := t.TempDir(), one(t)
	if err := seen.Note(folder, key, state(1)); err != nil {
		t.Fatal(err)
	}
	content := filepath.Join(folder, "generations")
	whole, err := os.ReadFile(content)
	if err != nil {
		t.Fatal(err)
	}
	unlock, err := lockfile.Lock(t.Context(), content, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(content, whole[:len(whole)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	read := make(chan error)
	go func() {
		last, _, err := lastOf(folder, key)
		if err == nil && last != state(1) {
			err = fmt.Errorf("%+v", last)
		}
		read <- err
	}()
	time.Sleep(20 * time.Millisecond) // for the reader to find half a line; without it nothing fails
	f, err := os.OpenFile(content, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(whole, 0); err != nil || f.Close() != nil {
		t.Error(err)
	}
	unlock()
	if err := <-read; err != nil {
		t.Error(err)
	}
}

// TestNote_isBounded: databases that are gone make room first, then those that were changed the longest time ago.
func TestNote_isBounded(t *testing.T) {
	t.Parallel()
	folder, there := t.TempDir(), t.TempDir()
	var text strings.Builder
	for i := range 500 {
		path := there
		if i%2 == 1 {
			path = filepath.Join(there, "gone")
		}
		text.WriteString(written(fmt.Sprintf("%032x 1 0300000000000000 2 04%062x %q", i, 0, path)))
	}
	content := filepath.Join(folder, "generations")
	if err := os.WriteFile(content, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	lines := func() int {
		data, err := os.ReadFile(content)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Count(string(data), "\n")
	}
	if err := seen.Note(folder, one(t), state(1)); err != nil || lines() != 251 {
		t.Errorf("%d lines, %v; want those of databases that are there", lines(), err)
	}
	text.Reset()
	for i := range 500 {
		text.WriteString(written(fmt.Sprintf("%032x 1 0300000000000000 2 04%062x %q", i, 0, there)))
	}
	if err := os.WriteFile(content, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := seen.Note(folder, one(t), state(1)); err != nil || lines() != 500 {
		t.Errorf("%d lines, %v", lines(), err)
	}
	expect(t, folder, seen.Key{Path: there}, 0)
}

// TestLast_oddFiles: what cannot be read is an error, the rest counts, and the next change puts it right. A folder or a link in the place
// of the file stays.
func TestLast_oddFiles(t *testing.T) {
	t.Parallel()
	sound := written(strings.Repeat("0", 32) + " 1 0300000000000000 2 " + strings.Repeat("0", 64) + ` "/x"`)
	for _, odd := range []string{
		"x\n", "\n", "2 a b c d e f\n", strings.Repeat("x", 70_000) + "\n", "\x00\x00\x00",
		written("a b c d e"), written(`00 5 0300000000000000 2 04 "/x"`),
		written(strings.Repeat("0", 32) + " -1 0300000000000000 2 " + strings.Repeat("0", 64) + ` "/x"`),
		written(strings.Repeat("0", 32) + " 1 0300000000000000 2 " + strings.Repeat("0", 64) + " /x"),
		"2" + sound[1:], strings.Replace(sound, " 1 ", " 2 ", 1),
	} {
		folder, key := t.TempDir(), one(t)
		if err := seen.Note(folder, key, state(5)); err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(filepath.Join(folder, "generations"), os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteString(odd); err != nil || f.Close() != nil {
			t.Fatal(err)
		}
		if last, found, err := lastOf(folder, key); !errors.Is(err, seen.ErrUnreadable) || !found || last != state(5) {
			t.Errorf("%.20q: %+v, %t, %v", odd, last, found, err)
		}
		if err := seen.Note(folder, key, state(6)); err != nil {
			t.Errorf("%.20q: %v", odd, err)
		}
		expect(t, folder, key, 6)
	}
}

// TestRead_oddLines: a line of any length hides no other, and one that is not written as this program writes it is not overwritten in part.
func TestRead_oddLines(t *testing.T) {
	t.Parallel()
	other := seen.Key{ID: [16]byte{9}, Path: "/x"}
	fields := func(id, generation, path string) string {
		return id + " " + generation + " 0300000000000000 2 04" + strings.Repeat("0", 62) + " " + path
	}
	const id = "09000000000000000000000000000000"
	for what, line := range map[string]string{
		"too long":       strings.Repeat("x", 200_000) + "\n",
		"a long path":    written(fields("08000000000000000000000000000000", "1", `"/`+strings.Repeat("y", 200_000)+`"`)),
		"leading zeros":  written(fields(id, "0001", `"/x"`)),
		"capitals":       written(fields(strings.Replace(id, "09", "0A", 1), "1", `"/x"`)),
		"another quote":  written(fields(id, "1", "`/x`")),
		"a return":       strings.Replace(written(fields(id, "1", `"/x"`)), "\n", "\r\n", 1),
		"an escaped dot": written(fields(id, "1", `"/\x78"`)),
	} {
		folder, key := t.TempDir(), one(t)
		if err := seen.Note(folder, key, state(5)); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(folder, "generations")
		sound, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, append([]byte(line), sound...), 0o600); err != nil {
			t.Fatal(err)
		}
		last, found, err := lastOf(folder, key)
		if !found || last != state(5) || errors.Is(err, seen.ErrUnreadable) != (what != "a long path") {
			t.Errorf("%s: %+v, %t, %v", what, last, found, err)
		}
		for to := uint64(6); to < 8; to++ {
			if err := seen.Note(folder, key, state(to)); err != nil {
				t.Errorf("%s: %v", what, err)
			}
			expect(t, folder, key, to)
		}
		if err := seen.Note(folder, other, state(8)); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		expect(t, folder, other, 8)
	}
}

func TestNote_noRegularFile(t *testing.T) {
	t.Parallel()
	for what, put := range map[string]func(path string) error{
		"a folder": func(path string) error { return os.Mkdir(path, 0o700) },
		"a link":   func(path string) error { return os.Symlink(path+".target", path) },
		"too long": func(path string) error { return errors.Join(os.WriteFile(path, nil, 0o600), os.Truncate(path, 1<<30)) },
	} {
		folder, key := t.TempDir(), one(t)
		if err := put(filepath.Join(folder, "generations")); err != nil {
			t.Fatal(err)
		}
		if _, found, err := lastOf(folder, key); !errors.Is(err, seen.ErrUnreadable) || found {
			t.Errorf("%s: %t, %v", what, found, err)
		}
		if err := seen.Note(folder, key, state(1)); !errors.Is(err, seen.ErrUnreadable) {
			t.Errorf("%s: Note = %v", what, err)
		}
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := seen.Note(file, one(t), state(1)); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file as the folder: %v", err)
	}
}
