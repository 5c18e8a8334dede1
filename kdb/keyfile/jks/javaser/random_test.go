package javaser_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	"certkdb/kdb/keyfile/jks/javaser"
)

// writer writes objects as java.io.ObjectOutputStream does (Java Object Serialization Specification, section 6.4.2): what has been written
// once, a class or a string, is referred to by its number.
type writer struct {
	out     []byte
	numbers map[string]int // of classes and strings
	next    int
	random  *rand.Rand
	fields  int
}

func (w *writer) marker(b byte) { w.out = append(w.out, b) }

func (w *writer) text(s string) {
	w.out = append(binary.BigEndian.AppendUint16(w.out, uint16(len(s))), s...)
}

// known writes a reference to what has been written; otherwise it gets the next number when the caller has written its beginning.
func (w *writer) known(what string) bool {
	n, ok := w.numbers[what]
	if ok {
		w.marker(0x71)
		w.out = binary.BigEndian.AppendUint32(w.out, 0x7e0000+uint32(n))
	}
	return ok
}

func (w *writer) number(what string) {
	w.numbers[what] = w.next
	w.next++
}

func (w *writer) string(s string) {
	if !w.known("string " + s) {
		w.marker(0x74)
		w.text(s)
		w.number("string " + s)
	}
}

// field is a field of a class, with what a reader is to find in it.
type field struct {
	name, class string // the class of an object or array, "" for a primitive type
	code        byte
	write       func() any
}

// class writes the descriptors of classes, each below the next one.
func (w *writer) class(names []string, fields map[string][]field) {
	if len(names) == 0 {
		w.marker(0x70)
		return
	}
	if w.known("class " + names[0]) {
		return
	}
	w.marker(0x72)
	w.text(names[0])
	w.out = binary.BigEndian.AppendUint64(w.out, w.random.Uint64())
	w.number("class " + names[0])
	w.marker(0x02)
	w.out = binary.BigEndian.AppendUint16(w.out, uint16(len(fields[names[0]])))
	for _, f := range fields[names[0]] {
		w.marker(f.code)
		w.text(f.name)
		if f.class != "" {
			w.string(f.class)
		}
	}
	w.marker(0x78)
	w.class(names[1:], fields)
}

// object writes an object with up to three classes of up to four fields, and returns what a reader is to find.
func (w *writer) object(depth int) *javaser.Object {
	want := &javaser.Object{Fields: map[string]any{}}
	fields := map[string][]field{}
	for range 1 + w.random.IntN(3) {
		w.fields++
		name := fmt.Sprintf("C%d", w.fields)
		want.Classes = append(want.Classes, name)
		for range w.random.IntN(4) {
			fields[name] = append(fields[name], w.field(depth))
		}
	}
	w.marker(0x73)
	w.class(want.Classes, fields)
	w.next++ // the object's own number
	for i := len(want.Classes) - 1; i >= 0; i-- {
		for _, f := range fields[want.Classes[i]] {
			if value := f.write(); f.class != "" {
				want.Fields[f.name] = value
			}
		}
	}
	return want
}

func (w *writer) field(depth int) field {
	w.fields++
	f := field{name: fmt.Sprintf("f%d", w.fields), class: "Ljava/lang/Object;", code: 'L'}
	switch kind := w.random.IntN(5); {
	case kind == 0:
		f.code, f.class = 'J', ""
		f.write = func() any { w.out = binary.BigEndian.AppendUint64(w.out, w.random.Uint64()); return nil }
	case kind == 1:
		f.write = func() any { w.marker(0x70); return nil }
	case kind == 2:
		s := fmt.Sprintf("text %d", w.random.IntN(3)) // often one that has been written
		f.write = func() any { w.string(s); return s }
	case kind == 3 || depth == 3:
		f.code, f.class = '[', "[B"
		f.write = func() any {
			w.marker(0x75)
			w.class([]string{"[B"}, nil)
			w.next++
			data := []byte(f.name)
			w.out = append(binary.BigEndian.AppendUint32(w.out, uint32(len(data))), data...)
			return data
		}
	default:
		f.write = func() any { return w.object(depth + 1) }
	}
	return f
}

// TestParse_randomObjects: what a writer writes by the specification, the reader finds, all of it.
func TestParse_randomObjects(t *testing.T) {
	t.Parallel()
	for seed := range uint64(500) {
		w := &writer{out: []byte("\xac\xed\x00\x05"), numbers: map[string]int{}, random: rand.New(rand.NewPCG(seed, 0))}
		want := w.object(0)
		got, err := javaser.Parse(w.out)
		if w.next > 512 {
			continue // over the bound
		}
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("seed %d, %x:\n%+v, %v, want\n%+v", seed, w.out, got, err, want)
		}
	}
}
