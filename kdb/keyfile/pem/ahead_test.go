package pem_test

import (
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"certkdb/kdb/keyfile/pem"
)

// collect is what a stream of items yields, as text.
func collect(text string, ahead bool) (list []string) {
	items := pem.Items(strings.NewReader(text))
	if ahead {
		items = pem.Ahead(items)
	}
	for item, err := range items {
		list = append(list, fmt.Sprintf("%v %x %d %d %v", item.Kind, item.DER, item.Number, item.Line, err))
	}
	return list
}

// TestAhead_sameItems: the items, their order and the errors between them do not change, over any number of chunks.
func TestAhead_sameItems(t *testing.T) {
	t.Parallel()
	good := "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"
	bad := "-----BEGIN CERTIFICATE-----\n?\n-----END CERTIFICATE-----\n"
	for _, text := range []string{"", good, bad, strings.Repeat(good, 700), strings.Repeat(good, 255) + bad + strings.Repeat(good, 300)} {
		if want, got := collect(text, false), collect(text, true); !reflect.DeepEqual(got, want) {
			t.Errorf("%d bytes: %d items, want %d", len(text), len(got), len(want))
		}
	}
}

// TestAhead_endsWithTheLoop: when the loop ends, nothing reads the input any more.
func TestAhead_endsWithTheLoop(t *testing.T) {
	t.Parallel()
	block := "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"
	in := &counted{r: strings.NewReader(strings.Repeat(block, 1<<16))}
	for range pem.Ahead(pem.Items(in)) {
		break
	}
	before := in.n
	for range 100 {
		runtime.Gosched()
	}
	if in.n != before || before == len(block)<<16 {
		t.Errorf("it read %d bytes, and then %d more", before, in.n-before)
	}
	failed := errors.New("failed")
	broken := iotest.ErrReader(failed)
	var last error
	for _, err := range pem.Ahead(pem.Items(broken)) {
		last = err
	}
	if !errors.Is(last, failed) {
		t.Errorf("the error is %v", last)
	}
}

// counted counts what is read. It is not safe for concurrent use.
type counted struct {
	r interface{ Read([]byte) (int, error) }
	n int
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += n
	return n, err
}
