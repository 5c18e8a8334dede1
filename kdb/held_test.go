package kdb_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"certkdb/kdb"
)

// wrapped are drivers of key stores, of pieces, and of what is read from its own file alone. The first one reads base64.
func wrapped() []kdb.Driver {
	begins := func(magic string) func([]byte) bool {
		return func(head []byte) bool { return bytes.HasPrefix(head, []byte(magic)) }
	}
	unwrap := func(text []byte, whole bool) []byte {
		text = bytes.TrimSpace(text)
		if !whole {
			text = text[:len(text)/4*4]
		}
		inner, err := base64.StdEncoding.DecodeString(string(text))
		if err != nil || len(inner) == 0 {
			return nil
		}
		return inner
	}
	opened := func(what string) func(context.Context, string, []byte, kdb.Options) (kdb.Database, error) {
		return func(_ context.Context, location string, data []byte, _ kdb.Options) (kdb.Database, error) {
			return nil, errors.New(what + " at " + location + ": " + string(data[:min(len(data), 8)]))
		}
	}
	create := func(context.Context, string, kdb.CreateOptions) (kdb.Database, error) { return nil, nil }
	return []kdb.Driver{
		{Name: "store", Matches: begins("STORE"), OpenData: opened("store"), Unwrap: unwrap, Create: create},
		{Name: "pieces", Matches: begins("PIECE"), OpenData: opened("pieces"), Pieces: true},
		{Name: "native", Matches: begins("NATIVE"), CreateWith: func(
			context.Context, string, kdb.CreateOptions, func(kdb.Tx) error,
		) (kdb.Database, error) {
			return nil, nil
		}},
	}
}

// inBase64 wraps a content n times.
func inBase64(content string, n int) string {
	for range n {
		content = base64.StdEncoding.EncodeToString([]byte(content)) + "\n"
	}
	return content
}

// TestRecognise_inBase64: a key store is found within text, up to three times wrapped, also if it is longer than what is looked at first.
// Pieces are left to the driver that reads them within text.
func TestRecognise_inBase64(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	long := "STORE" + strings.Repeat("x", 20_000)
	for i, c := range []struct {
		rule, content, opens string
		err                  error
	}{
		{"once", inBase64("STORE one", 1), "store at FILE: STORE on", nil},
		{"three times", inBase64("STORE one", 3), "store at FILE: STORE on", nil},
		{"four times", inBase64("STORE one", 4), "", kdb.ErrVersion},
		{"a long one", inBase64(long, 2), "store at FILE: STORExxx", nil},
		{"text after a long one", inBase64(long, 1) + "no base64!", "", kdb.ErrVersion},
		{"a long one, cut off", inBase64(long, 1)[:26_674], "", kdb.ErrVersion},
		{"a native database", inBase64("NATIVE database", 1), "", kdb.ErrNeedsFile},
		{"pieces", inBase64("PIECE of it", 1), "", kdb.ErrVersion},
		{"a message", inBase64("some message", 1), "", kdb.ErrVersion},
	} {
		path := filepath.Join(folder, string(rune('a'+i)))
		if err := os.WriteFile(path, []byte(c.content), 0o600); err != nil {
			t.Fatal(err)
		}
		fromFile, err1 := kdb.Recognise(wrapped(), path)
		fromData, err2 := kdb.RecogniseData(wrapped(), path, []byte(c.content))
		for how, got := range map[string]struct {
			driver *kdb.Driver
			err    error
		}{"file": {fromFile, err1}, "data": {fromData, err2}} {
			if !errors.Is(got.err, c.err) || c.err == nil && got.err != nil {
				t.Errorf("%s, %s: %v, want %v", c.rule, how, got.err, c.err)
				continue
			}
			if got.err != nil {
				continue
			}
			_, err := got.driver.Open(t.Context(), path, kdb.Options{})
			if want := strings.Replace(c.opens, "FILE", path, 1); err == nil || err.Error() != want || got.driver.Create != nil {
				t.Errorf("%s, %s: %v, want %q", c.rule, how, err, want)
			}
		}
	}
}

func TestCreatable_names(t *testing.T) {
	t.Parallel()
	if got := kdb.Creatable(wrapped()); !slices.Equal(got, []string{"store", "native"}) {
		t.Errorf("%q", got)
	}
}
