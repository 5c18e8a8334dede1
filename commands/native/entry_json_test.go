package native

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"certkdb/commands/native/terminal"
	"certkdb/commands/op"
	"certkdb/kdb"
)

// TestAppendEntry_asTheStandardLibrary: an entry is written as json.Marshal and escapeJSON do it, whatever is in each of its fields.
func TestAppendEntry_asTheStandardLibrary(t *testing.T) {
	t.Parallel()
	compare := func(e *op.Entry) {
		t.Helper()
		plain, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		got, err := appendEntry([]byte("before:"), e)
		if want := append([]byte("before:"), terminal.EscapeJSON(plain)...); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%v\n got %s\nwant %s", err, got, want)
		}
	}
	compare(&op.Entry{})
	for i := range reflect.TypeFor[op.Entry]().NumField() { // each by itself, so that a new one cannot be forgotten
		var e op.Entry
		filler{rand.New(rand.NewPCG(uint64(i), 1))}.fill(reflect.ValueOf(&e).Elem().Field(i))
		compare(&e)
	}
	for seed := range uint64(300) {
		var e op.Entry
		filler{rand.New(rand.NewPCG(seed, 2))}.fill(reflect.ValueOf(&e).Elem())
		compare(&e)
	}
	abroad := time.Date(2026, 1, 2, 3, 4, 5, 6, time.FixedZone("", 3600))
	compare(&op.Entry{NotAfter: &abroad, SANs: &op.SANs{DNS: []string{}, IP: []string{}, Email: []string{}, URI: []string{}}, PEM: []string{}})
}

// TestAppendEntry_time: a time that JSON cannot have is an error, as with json.Marshal.
func TestAppendEntry_time(t *testing.T) {
	t.Parallel()
	late := time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC)
	if _, err := appendEntry(nil, &op.Entry{NotAfter: &late}); err == nil {
		t.Error("a year of five digits was written")
	}
}

// filler sets values to what is hard to write.
type filler struct{ *rand.Rand }

func (f filler) fill(v reflect.Value) {
	texts := []string{
		"", "web", `"\/`, "<a & b>", "\x00\x1f\x7f", "\u2028\u2029", "\u202e\u00ad\u0085", "\xff\xfe", "ü", "\U000e0001", "\r\n\t", "a=b,c",
	}
	switch v.Interface().(type) {
	case kdb.Kind:
		v.Set(reflect.ValueOf(kdb.Kind(f.IntN(6))))
		return
	case time.Time:
		v.Set(reflect.ValueOf(time.Unix(f.Int64N(4_000_000_000), f.Int64N(2)*f.Int64N(1_000_000_000)).UTC()))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(texts[f.IntN(len(texts))] + texts[f.IntN(len(texts))])
	case reflect.Bool:
		v.SetBool(f.IntN(4) > 0)
	case reflect.Int, reflect.Int64:
		v.SetInt(f.Int64() - f.Int64())
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		f.fill(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), f.IntN(3), 3))
		for i := range v.Len() {
			f.fill(v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			f.fill(v.Field(i))
		}
	default:
		panic("a field of type " + v.Type().String())
	}
}
