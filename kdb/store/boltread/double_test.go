package boltread

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

// doubled is a file after its last transaction was doubled.
func doubled(t *testing.T, data []byte) []byte {
	t.Helper()
	patches, err := open(t, data).Double(true)
	if err != nil {
		t.Fatal(err)
	}
	data = bytes.Clone(data)
	for _, p := range patches {
		if end := int(p.At) + len(p.Data); end > len(data) {
			data = append(data, make([]byte, end-len(data))...)
		}
		copy(data[p.At:], p.Data)
	}
	return data
}

// TestDouble_noMetaAndNoRootIsTheOnlyOne: without any one of the four pages the records of the last transaction are there.
func TestDouble_noMetaAndNoRootIsTheOnlyOne(t *testing.T) {
	t.Parallel()
	for name, plain := range samples(t) {
		data := doubled(t, plain)
		want, m := boltScan(t, data), open(t, data).Meta()
		if list := findings(data); len(list) > 0 || m.Lame {
			t.Errorf("%s: %+v, findings %q", name, m, list)
		}
		for _, id := range []uint64{0, 1, m.Root, m.Pages} {
			damaged := bytes.Clone(data)
			clear(pageAt(damaged, id))
			if got, err := scan(damaged); err != nil || !slices.Equal(got, want) {
				t.Errorf("%s without page %d: %d records, want %d, %v", name, id, len(got), len(want), err)
			}
			if id != m.Pages && len(findings(damaged)) == 0 { // an interrupted transaction may use the page of the copy
				t.Errorf("%s: Check does not miss page %d", name, id)
			}
			if id < 2 {
				if got := boltScan(t, damaged); !slices.Equal(got, want) {
					t.Errorf("%s without page %d: bbolt reads %d records, want %d", name, id, len(got), len(want))
				}
			}
			if id > 0 && !Matches(damaged[:min(len(damaged), 2*testPage)]) {
				t.Errorf("%s without page %d is not recognised", name, id)
			}
		}
	}
}

// TestDouble_isWrittenOverByTheNextTransaction: the state before the last one is not taken for the last one's copy.
func TestDouble_isWrittenOverByTheNextTransaction(t *testing.T) {
	t.Parallel()
	data := makeFile(t, put(300), remove(300)) // its other meta page names the state before
	clear(pageAt(data, open(t, data).Meta().Root))
	if got, err := scan(data); err == nil {
		t.Errorf("%d records of the state before were read", len(got))
	}
}

func TestMatches_theSecondMetaIsEnough(t *testing.T) {
	t.Parallel()
	data := makeFile(t, put(10))
	clear(pageAt(data, 0))
	if !Matches(data[:MatchSize]) {
		t.Error("the file is not recognised by its second page")
	}
	for at := range headerSize + metaSize {
		damaged := bytes.Clone(data)
		damaged[testPage+at] ^= 1
		if at >= headerSize && Matches(damaged[:MatchSize]) {
			t.Errorf("a file whose second page has a wrong byte at %d is recognised", at)
		}
	}
	if Matches([]byte(strings.Repeat("x", MatchSize))) {
		t.Error("text is recognised")
	}
}
