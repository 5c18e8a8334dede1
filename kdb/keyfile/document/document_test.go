package document_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"certkdb/kdb"
	"certkdb/kdb/keyfile/document"
)

// labels are those of a document in its order.
func labels(d *document.Document[int]) string {
	var list []string
	for label, r := range d.All() {
		list = append(list, fmt.Sprintf("%s:%d", label, r))
	}
	return strings.Join(list, ",")
}

func expect(t *testing.T, d *document.Document[int], want string) {
	t.Helper()
	if got := labels(d); got != want {
		t.Errorf("the document is %q, want %q", got, want)
	}
}

func with(fold func(string) string, names ...string) *document.Document[int] {
	d := document.New[int](fold)
	for i, name := range names {
		d.Add(name, i+1)
	}
	return d
}

func TestAdd_numbersRepeatedLabels(t *testing.T) {
	t.Parallel()
	expect(t, with(nil, "a", "a", "b", "a"), "a:1,a (2):2,b:3,a (3):4")
	expect(t, with(nil, "a (2)", "a", "a"), "a (2):1,a:2,a (3):3")
	expect(t, with(strings.ToLower, "A", "a", "a"), "A:1,a:2,a (2):3")
}

func TestAdd_numbersStayWithinTheLimit(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", kdb.MaxLabel/2) + "x"
	d := with(nil, long, long, long)
	for label := range d.All() {
		if err := kdb.CheckLabel(label); err != nil {
			t.Errorf("%q: %v", label, err)
		}
	}
	if d.Len() != 3 {
		t.Errorf("%d records, want 3", d.Len())
	}
}

// TestShortened: a label is called cut as long as its record is there; another one may get the same label.
func TestShortened(t *testing.T) {
	t.Parallel()
	d := with(nil, "a")
	cut := d.AddNamed(strings.Repeat("x", kdb.MaxLabel+1), nil, 2)
	d.AddNamed(strings.Repeat("y", kdb.MaxLabel), nil, 3)
	for label, size := range d.Shortened() {
		if label != cut || size != kdb.MaxLabel+1 {
			t.Errorf("%q, %d bytes", label, size)
		}
	}
	if n := len(maps.Collect(d.Shortened())); n != 1 {
		t.Errorf("%d are cut", n)
	}
	if err := errors.Join(d.Remove(cut), d.Insert(cut, 4)); err != nil {
		t.Fatal(err)
	}
	for label := range d.Shortened() {
		t.Errorf("%q is still called cut", label)
	}
}

func TestFind_asTheFormatCompares(t *testing.T) {
	t.Parallel()
	exact, folding := with(nil, "Web", "shop"), with(strings.ToLower, "Web", "shop", "Mail", "mail")
	for _, c := range []struct {
		d     *document.Document[int]
		label string
		want  int
	}{
		{exact, "Web", 1},
		{exact, "web", 0},
		{folding, "Web", 1},
		{folding, "WEB", 1},
		{folding, "SHOP", 2},
		{folding, "Mail", 3},
		{folding, "mail", 4},
		{folding, "MAIL", 0}, // which of the two?
		{folding, "none", 0},
	} {
		got, err := c.d.Find(c.label)
		if got != c.want || (err == nil) != (c.want > 0) || err != nil && !errors.Is(err, kdb.ErrNotFound) {
			t.Errorf("%q: %d, %v, want %d", c.label, got, err, c.want)
		}
	}
	if label, err := folding.Label("sHoP"); label != "shop" || err != nil {
		t.Errorf("label %q, %v", label, err)
	}
	if _, err := folding.Label("none"); !errors.Is(err, kdb.ErrNotFound) {
		t.Errorf("label of none: %v", err)
	}
}

func TestInsert_refusesALabelThatIsTaken(t *testing.T) {
	t.Parallel()
	d := with(strings.ToLower, "Web")
	for _, label := range []string{"Web", "WEB"} {
		if err := d.Insert(label, 2); !errors.Is(err, kdb.ErrExists) {
			t.Errorf("%q: %v, want ErrExists", label, err)
		}
	}
	if err := d.Insert("shop", 2); err != nil {
		t.Error(err)
	}
	expect(t, d, "Web:1,shop:2")
}

func TestRename(t *testing.T) {
	t.Parallel()
	d := with(strings.ToLower, "Web", "shop")
	for _, c := range []struct {
		from, to string
		want     error
	}{
		{"none", "x", kdb.ErrNotFound},
		{"web", "SHOP", kdb.ErrExists},
		{"WEB", "web", nil}, // the case alone
		{"web", "www", nil},
		{"shop", "Web", nil}, // it is free now
	} {
		if err := d.Rename(c.from, c.to); !errors.Is(err, c.want) {
			t.Errorf("%q to %q: %v, want %v", c.from, c.to, err, c.want)
		}
	}
	expect(t, d, "www:1,Web:2")
}

func TestReplaceAndRemove_keepTheOrder(t *testing.T) {
	t.Parallel()
	d := with(nil, "a", "b", "c", "d")
	if err := errors.Join(d.Replace("b", 20), d.Remove("a"), d.Remove("c")); err != nil {
		t.Error(err)
	}
	expect(t, d, "b:20,d:4")
	for what, err := range map[string]error{"replace": d.Replace("a", 1), "remove": d.Remove("a")} {
		if !errors.Is(err, kdb.ErrNotFound) {
			t.Errorf("%s of a removed label: %v", what, err)
		}
	}
	if err := errors.Join(d.Insert("a", 5), d.Remove("b"), d.Remove("d"), d.Remove("a")); err != nil {
		t.Error(err)
	}
	if expect(t, d, ""); d.Len() != 0 {
		t.Errorf("%d records are left", d.Len())
	}
}

func TestAll_mayBeChangedMeanwhile(t *testing.T) {
	t.Parallel()
	d := with(nil, "a", "b", "c", "d")
	var seen []string
	for label := range d.All() {
		seen = append(seen, label)
		if err := errors.Join(d.Remove(label), d.Insert(label+"'", 9)); err != nil {
			t.Error(err)
		}
	}
	if !slices.Equal(seen, []string{"a", "b", "c", "d"}) {
		t.Errorf("seen %q", seen)
	}
	expect(t, d, "a':9,b':9,c':9,d':9")
	for range d.All() {
		break
	}
}

func TestLabel(t *testing.T) {
	t.Parallel()
	certificate := &kdb.Entry{Certificates: [][]byte{{1}}}
	for _, c := range []struct {
		name string
		e    *kdb.Entry
		want string
	}{
		{"web", certificate, "web"},
		{" a label, with blanks ", certificate, " a label, with blanks "},
		{"a\x00b\n", certificate, "ab"},
		{"bad \xff UTF-8", certificate, "bad  UTF-8"},
		{"", certificate, kdb.AutoLabel(certificate)},
		{"\x00\x01", certificate, kdb.AutoLabel(certificate)},
		{"", &kdb.Entry{}, "unnamed"},
		{strings.Repeat("é", 200), certificate, strings.Repeat("é", 127)},
	} {
		if got := document.Label(c.name, document.Automatic(c.e)); got != c.want {
			t.Errorf("%q: %q, want %q", c.name, got, c.want)
		}
	}
}

func FuzzLabel(f *testing.F) {
	for _, name := range []string{"", "web", "a\x00", "\xff", "\u0085", strings.Repeat("x", 300), strings.Repeat("ключ", 90)} {
		f.Add(name, 10)
	}
	f.Fuzz(func(t *testing.T, name string, n int) {
		if err := kdb.CheckLabel(document.Label(name, document.Automatic(&kdb.Entry{}))); err != nil {
			t.Errorf("%q: %v", name, err)
		}
		if n = max(0, n%300); utf8.ValidString(name) {
			if cut := document.Cut(name, n); len(cut) > n && len(name) > n || !utf8.ValidString(cut) || !strings.HasPrefix(name, cut) {
				t.Errorf("%q cut to %d bytes is %q", name, n, cut)
			}
		}
	})
}

// FuzzDocument holds a document against a map.
func FuzzDocument(f *testing.F) {
	f.Add([]byte("aAbBrabdAaIbRba"))
	f.Fuzz(func(t *testing.T, steps []byte) {
		d, model := document.New[int](strings.ToLower), map[string]int{}
		for i := 0; i+2 < len(steps); i += 3 {
			from, to := string('a'+rune(steps[i+1]%5)), string('a'+rune(steps[i+2]%5))
			_, there := model[from]
			_, taken := model[to]
			switch steps[i] % 4 {
			case 0:
				if err := d.Insert(strings.ToUpper(from), i); (err == nil) == there {
					t.Fatalf("insert %q: %v", from, err)
				} else if err == nil {
					model[from] = i
				}
			case 1:
				if err := d.Remove(from); (err == nil) != there {
					t.Fatalf("remove %q: %v", from, err)
				}
				delete(model, from)
			case 2:
				if err := d.Rename(from, to); (err == nil) != (there && (!taken || from == to)) {
					t.Fatalf("rename %q to %q: %v", from, to, err)
				} else if err == nil {
					r := model[from]
					delete(model, from)
					model[to] = r
				}
			case 3:
				if err := d.Replace(from, i); (err == nil) != there {
					t.Fatalf("replace %q: %v", from, err)
				} else if err == nil {
					model[from] = i
				}
			}
		}
		got := map[string]int{}
		for label, r := range d.All() {
			got[strings.ToLower(label)] = r
		}
		if !maps.Equal(got, model) || d.Len() != len(model) {
			t.Errorf("%v, want %v", got, model)
		}
	})
}
