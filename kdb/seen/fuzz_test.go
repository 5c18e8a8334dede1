package seen

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzParse reads a line with the right checksum. What is accepted means the same when it is written and read again.
func FuzzParse(f *testing.F) {
	l := line{Key{[16]byte{1}, "/keys/a b\n.ckdb"}, State{Generation: 3, KeyID: [8]byte{2}, Log: 4, Chain: [32]byte{5}}}
	_, rest, _ := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(l.String(), version+" "), "\n"), " ")
	f.Add(rest)
	f.Add("")
	f.Add("00 1 00 1 00 \"\"")
	f.Fuzz(func(t *testing.T, rest string) {
		l, ok := parse(version + " " + checksum(rest) + " " + rest)
		if !ok {
			return
		}
		if again, ok := parse(strings.TrimSuffix(l.String(), "\n")); !ok || again != l {
			t.Errorf("%q became %+v, and then %+v, %v", rest, l, again, ok)
		}
	})
}

// FuzzRead reads a file of any content, and notes a state in it: that is there afterwards, and what could be read before still is.
func FuzzRead(f *testing.F) {
	own, other := Key{[16]byte{1}, "/a"}, Key{[16]byte{2}, "/b"}
	f.Add([]byte(line{own, State{Generation: 1}}.String() + line{other, State{Generation: 2}}.String()))
	f.Add([]byte(line{other, State{Generation: 2}}.String() + line{own, State{Generation: 1}}.String()[:20]))
	f.Add([]byte("\n\x00\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		folder := t.TempDir()
		if err := os.WriteFile(filepath.Join(folder, fileName), data, 0o600); err != nil {
			t.Fatal(err)
		}
		before, _ := Read(folder)
		key, state := Key{[16]byte{3}, "/c"}, State{Generation: 1 << 40}
		if err := Note(folder, key, state); err != nil {
			t.Fatal(err)
		}
		after, err := Read(folder)
		if last, found := after.Last(key); err != nil || !found || last.Generation < state.Generation {
			t.Errorf("the state was noted as %+v, %v, %v", last, found, err)
		}
		if last, known := before.Last(other); known && len(before) < maxLines {
			if now, _ := after.Last(other); now != last {
				t.Errorf("%+v became %+v", last, now)
			}
		}
	})
}
