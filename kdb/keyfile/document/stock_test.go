package document_test

import (
	"cmp"
	"slices"
	"testing"

	"certkdb/kdb/keyfile/document"
)

func TestStock(t *testing.T) {
	t.Parallel()
	root, sub := []byte("root"), []byte("sub")
	s := document.NewStock[int]()
	for place, der := range [][]byte{root, sub, sub, sub} {
		s.Add(der, place)
	}
	spare := func(der []byte, owned ...int) []int {
		return s.Spare(der, func(u int) bool { return slices.Contains(owned, u) }, func(a, b int) int { return cmp.Compare(b, a) })
	}
	expect := func(what string, got []int, want ...int) {
		t.Helper()
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	expect("nothing needs it", spare(sub), 3, 2, 1)
	s.Need([][]byte{sub, root})
	s.Need([][]byte{sub})
	expect("two chains", spare(sub), 3)
	expect("two chains, and one place is an entry's", spare(sub, 2))
	expect("no more than there are", spare(root))
	if !s.Last(root, 0) || s.Last(sub, 1) || s.Last([]byte("unknown"), 1) {
		t.Error("which is the last one?")
	}
	s.Remove(sub, 2)
	expect("removed", s.Places(sub), 1, 3)
	expect("a place less", spare(sub))
	s.Release([][]byte{sub})
	expect("one chain", spare(sub), 3)
	s.Release([][]byte{sub, root})
	if s.Last(root, 0) {
		t.Error("nothing needs the root any more")
	}
}
