package pem

import (
	"iter"
	"runtime"

	"certkdb/kdb"
	"certkdb/pki/cert"
)

// certificate parses the DER of a certificate, unless that was done already.
func (i *Item) certificate() (*cert.Certificate, error) {
	e := kdb.Entry{Certificates: [][]byte{i.DER}}.WithLeaf(i.parsed)
	return e.Leaf()
}

// aheadChunk is how many items are parsed by one goroutine.
const aheadChunk = 256

// aheadItem is what Items yields.
type aheadItem struct {
	item Item
	err  error
}

// Ahead yields the same items, but reads them in a goroutine of its own and parses certificates on all processors, so that the loop does
// not wait. It reads no further when the loop ends, and ends with it.
func Ahead(items iter.Seq2[Item, error]) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		chunks, stop := make(chan chan []aheadItem, 2*runtime.GOMAXPROCS(0)), make(chan struct{})
		go readAhead(items, chunks, stop)
		defer func() {
			close(stop)
			for range chunks { // until the reader has ended, which may have a file open
			}
		}()
		for chunk := range chunks {
			for _, i := range <-chunk {
				if !yield(i.item, i.err) {
					return
				}
			}
		}
	}
}

// readAhead sends the items in chunks, each of which comes when its certificates are parsed.
func readAhead(items iter.Seq2[Item, error], chunks chan<- chan []aheadItem, stop <-chan struct{}) {
	defer close(chunks)
	var chunk []aheadItem
	send := func() bool {
		done, parsing := make(chan []aheadItem, 1), chunk
		chunk = make([]aheadItem, 0, aheadChunk)
		select {
		case chunks <- done:
		case <-stop:
			return false
		}
		go func() { done <- parseAll(parsing) }()
		return true
	}
	for item, err := range items {
		chunk = append(chunk, aheadItem{item, err})
		if len(chunk) == aheadChunk && !send() {
			return
		}
	}
	send()
}

// parseAll leaves the errors to those who parse again.
func parseAll(chunk []aheadItem) []aheadItem {
	var before *kdb.Leaf
	for n := range chunk {
		if i := &chunk[n].item; i.Kind == Certificate && chunk[n].err == nil && len(i.DER) > 0 {
			if i.parsed, _ = kdb.ReadLeaf(i.DER, before); i.parsed != nil {
				before = i.parsed
			}
		}
	}
	return chunk
}
