package sealed

import (
	"cmp"
	"hash/maphash"
	"iter"
	"slices"
	"sort"
	"strings"

	"certkdb/kdb/store"
)

// candidate is a record that may be the one of its key. A large database has millions of them, so nothing is kept that can be read again.
type candidate struct {
	key      string
	at       store.Place
	sum      uint64 // tells values apart
	states   uint64
	standing store.Standing
}

// candidates are in the order of their keys; those of one key differ in their values, and the likeliest is the first.
type candidates []candidate

// finds are the candidates of a wreck by their kinds: the beginnings of their keys up to a slash.
type finds map[string]candidates

func kindOf(key string) string { return key[:strings.IndexByte(key, '/')+1] }

// of returns the candidates of a key.
func (f finds) of(key string) candidates { return f[kindOf(key)].of(key) }

// with returns the candidates whose keys begin with a kind, and more.
func (f finds) with(prefix string) candidates { return f[kindOf(prefix)].with(prefix) }

// collect notes where each record of a wreck is, every value once.
func collect(w store.Wreck) (finds, error) {
	seed, found := maphash.MakeSeed(), finds{}
	for f, err := range w.Scan() {
		if err != nil {
			return nil, err
		}
		if isRecordKey(f.Key) {
			kind := kindOf(f.Key)
			found[kind] = append(found[kind], candidate{f.Key, f.At, maphash.Bytes(seed, f.Value), f.States, f.Standing})
		}
	}
	for kind, list := range found {
		found[kind] = slices.Clone(list.arranged()) // without room for more
	}
	return found, nil
}

// arranged puts candidates in their order and joins those with one value.
func (l candidates) arranged() candidates {
	slices.SortFunc(l, func(a, b candidate) int {
		if order := strings.Compare(a.key, b.key); order != 0 {
			return order
		}
		return cmp.Or(cmp.Compare(a.sum, b.sum), a.compare(&b))
	})
	kept := l[:0]
	for _, c := range l {
		if last := len(kept) - 1; last >= 0 && kept[last].key == c.key && kept[last].sum == c.sum {
			kept[last].states |= c.states
			continue
		}
		kept = append(kept, c)
	}
	kept.rank()
	return kept
}

// compare puts the likelier one first.
func (c *candidate) compare(o *candidate) int {
	return cmp.Or(cmp.Compare(o.standing, c.standing), cmp.Compare(c.at.Page, o.at.Page), cmp.Compare(c.at.Index, o.at.Index))
}

// rank brings those of each key in the order of their standings.
func (l candidates) rank() {
	for _, same := range l.byKey() {
		if len(same) > 1 {
			slices.SortFunc(same, func(a, b candidate) int { return a.compare(&b) })
		}
	}
}

// byKey yields each key with its candidates.
func (l candidates) byKey() iter.Seq2[string, candidates] {
	return func(yield func(string, candidates) bool) {
		for from := 0; from < len(l); {
			to := from + 1
			for to < len(l) && l[to].key == l[from].key {
				to++
			}
			if !yield(l[from].key, l[from:to:to]) {
				return
			}
			from = to
		}
	}
}

// of returns the candidates of a key.
func (l candidates) of(key string) candidates {
	from := sort.Search(len(l), func(i int) bool { return l[i].key >= key })
	to := from
	for to < len(l) && l[to].key == key {
		to++
	}
	return l[from:to:to]
}

// with returns the candidates whose keys begin with a prefix.
func (l candidates) with(prefix string) candidates {
	from := sort.Search(len(l), func(i int) bool { return l[i].key >= prefix })
	n := sort.Search(len(l)-from, func(i int) bool { return !strings.HasPrefix(l[from+i].key, prefix) })
	return l[from : from+n : from+n]
}

// likeliest joins candidates, the likeliest first.
func likeliest(lists ...candidates) candidates {
	all := slices.Concat(lists...)
	slices.SortStableFunc(all, func(a, b candidate) int { return cmp.Compare(b.standing, a.standing) })
	return all
}
