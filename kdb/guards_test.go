package kdb_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"certkdb/kdb"
)

// TestCheckNewLabel refuses what nobody sees, or what turns the text around it (Unicode, categories Cf, Zl and Zp).
func TestCheckNewLabel(t *testing.T) {
	t.Parallel()
	for label, want := range map[string]bool{
		"web": true, "Größe ключ 日本 🔑": true, "a\u00a0b": true, "e\u0301": true,
		"a\u202eb": false, "a\u2066b": false, "a\u200bb": false, "\ufeffweb": false, "a\u00adb": false, "a\u2028b": false, "a\u2029b": false,
		"": false, "a\nb": false, "a\xff": false,
	} {
		err := kdb.CheckNewLabel(label)
		if (err == nil) != want || err != nil && !errors.Is(err, kdb.ErrLabel) {
			t.Errorf("%q: %v", label, err)
		}
		if err != nil && strings.ContainsAny(err.Error(), "\n\u202e\u2066\u200b\ufeff\u00ad\u2028\u2029") {
			t.Errorf("%q: the error prints the character: %q", label, err)
		}
	}
}

// TestCheckDeployments: only what has a private key can be deployed.
func TestCheckDeployments(t *testing.T) {
	t.Parallel()
	for kind, want := range map[kdb.Kind]bool{
		kdb.KindPersonal: true, kdb.KindRequest: true, kdb.KindTrusted: false, kdb.KindSecretKey: false, 0: false,
	} {
		err := (&kdb.Summary{Label: "web", Kind: kind}).CheckDeployments()
		if kind.KeepsDeployments() != want || (err == nil) != want || err != nil && !errors.Is(err, kdb.ErrUnsupported) {
			t.Errorf("%s: %v", kind, err)
		}
		if err != nil && !strings.Contains(err.Error(), `"web"`) {
			t.Errorf("%s: the error does not name the label: %v", kind, err)
		}
	}
}

// TestWouldLose_Error says what would be lost, and never that it is nothing.
func TestWouldLose_Error(t *testing.T) {
	t.Parallel()
	first := kdb.Change{Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("", 3600)), Operation: "add", Label: "a\nb"}
	last := kdb.Change{Time: time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC), Operation: "rekey"}
	for want, e := range map[string]*kdb.WouldLose{
		"it is another database than the one that was backed up":                                                      {Loss: kdb.LossOther},
		"it is damaged: nobody can tell what it has that the backup lacks":                                            {Loss: kdb.LossUnreadable},
		"it was rekeyed since, and nothing that is given opens it: nobody can tell what it has that the backup lacks": {Loss: kdb.LossClosed},
		`it has a change, add "a\nb" on 2026-01-02 02:04 that the backup lacks`: {
			Loss: kdb.LossChanges, Changes: 1, First: first, Last: first,
		},
		`it has 3 changes, from add "a\nb" on 2026-01-02 02:04 to rekey on 2026-02-03 04:05, that the backup lacks`: {
			Loss: kdb.LossChanges, Changes: 3, First: first, Last: last,
		},
	} {
		e.Location = "x.ckdb"
		if got := e.Error(); got != `restoring "x.ckdb": `+want || !errors.Is(e, kdb.ErrDatabaseExists) {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// TestErrors_wrap: what callers ask with errors.Is, and what people read.
func TestErrors_wrap(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  error
		is   []error
		text string
	}{
		{&kdb.Limit{Reason: "no requests", Way: kdb.WayCopy}, []error{kdb.ErrUnsupported}, "not possible in this kind of database: no requests"},
		{
			&kdb.RolledBack{Location: "x", Found: 3, Seen: 5},
			[]error{kdb.ErrRolledBack, kdb.ErrCorrupt},
			`database "x": an older state was put back: it has 3 changes, and this user has seen 5`,
		},
		{
			&kdb.RolledBack{Location: "x", Found: 5, Seen: 5},
			[]error{kdb.ErrRolledBack, kdb.ErrCorrupt},
			`database "x": an older state was put back and changed since: it does not contain change 5, the last one that this user has seen`,
		},
		{&kdb.OpenError{Location: "a\nb", Err: kdb.ErrPassword}, []error{kdb.ErrPassword}, `opening "a\nb": wrong password`},
		{kdb.ErrRemains, []error{kdb.ErrCorrupt}, kdb.ErrRemains.Error()},
		{kdb.ErrNeedsFile, []error{kdb.ErrUnsupported}, kdb.ErrNeedsFile.Error()},
	} {
		for _, is := range c.is {
			if !errors.Is(c.err, is) {
				t.Errorf("%v does not wrap %v", c.err, is)
			}
		}
		if c.err.Error() != c.text {
			t.Errorf("%v, want %s", c.err, c.text)
		}
	}
}

// TestRecovery_Complete: what was left out on purpose is not missing.
func TestRecovery_Complete(t *testing.T) {
	t.Parallel()
	one := []kdb.Problem{{Where: "label"}}
	for _, c := range []struct {
		r    kdb.Recovery
		want bool
	}{{kdb.Recovery{}, true}, {kdb.Recovery{LeftOut: one}, true}, {kdb.Recovery{Missing: one}, false}, {kdb.Recovery{Altered: one}, false}} {
		if got := c.r.Complete(); got != c.want {
			t.Errorf("%+v: %v", c.r, got)
		}
	}
}

// TestRecogniseData finds the driver of bytes from a pipe, also of a container in base64 that was wrapped up to three times.
func TestRecogniseData(t *testing.T) {
	t.Parallel()
	list := drivers()
	list[1].OpenData = func(_ context.Context, location string, data []byte, _ kdb.Options) (kdb.Database, error) {
		return nil, fmt.Errorf("%s holds %s", location, data)
	}
	list[1].Create = func(context.Context, string, kdb.CreateOptions) (kdb.Database, error) { return nil, nil }
	list[1].Unwrap = func(text []byte, _ bool) []byte {
		if inner, ok := strings.CutPrefix(string(text), "wrapped:"); ok {
			return []byte(inner)
		}
		return nil
	}
	list = append(list, kdb.Driver{Name: "pem", Pieces: true, Matches: func(head []byte) bool { return string(head) == "PIECE" }})
	for data, want := range map[string]string{
		"PK12": "- holds PK12", "wrapped:PK12": "- holds PK12",
		"wrapped:wrapped:PK12": "- holds PK12", "wrapped:wrapped:wrapped:PK12": "- holds PK12",
	} {
		d, err := kdb.RecogniseData(list, "-", []byte(data))
		if err != nil {
			t.Errorf("%q: %v", data, err)
			continue
		}
		if _, err := d.Open(context.Background(), "-", kdb.Options{}); err.Error() != want || d.Create != nil {
			t.Errorf("%q: %v, want %s; it can be created: %v", data, err, want, d.Create != nil)
		}
	}
	for data, want := range map[string]error{
		"NATIVE": kdb.ErrNeedsFile, "wrapped:NATIVE": kdb.ErrNeedsFile, "": kdb.ErrCorrupt,
		"\x00\x00": kdb.ErrCorrupt, "\x01\x02": kdb.ErrVersion,
		"wrapped:wrapped:wrapped:wrapped:PK12": kdb.ErrVersion, "wrapped:PIECE": kdb.ErrVersion, "wrapped:\x01": kdb.ErrVersion,
		"SQLite format 3\x00": kdb.ErrVersion, "wrapped:SQLite format 3\x00": kdb.ErrVersion,
		"wrapped:\x1f\x8b": kdb.ErrVersion, "wrapped:wrapped:BZh": kdb.ErrVersion,
	} {
		d, err := kdb.RecogniseData(list, "-", []byte(data))
		var opening *kdb.OpenError
		if strings.HasSuffix(data, "BZh") && !strings.Contains(err.Error(), "bzip2") {
			t.Errorf("%q: the error does not name what is in it: %v", data, err)
		}
		if d != nil || !errors.Is(err, want) || !errors.As(err, &opening) || opening.Location != "-" {
			t.Errorf("%q: %v, want %v", data, err, want)
		}
	}
}
