package memory_test

import (
	"errors"
	"iter"
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/memory"
)

var errBroken = errors.New("broken")

// broken is a transaction of a database that cannot be read, except for the labels that it yields before that.
type broken struct {
	kdb.Tx
	labels []string
	issued []kdb.Issued
}

func (broken) Summary(string) (kdb.Summary, error) { return kdb.Summary{}, errBroken }
func (broken) Entry(string) (kdb.Entry, error)     { return kdb.Entry{}, errBroken }
func (broken) Key(string) ([]byte, error)          { return nil, errBroken }
func (broken) Default() (string, error)            { return "", errBroken }

func (b broken) Summaries(string) iter.Seq2[kdb.Summary, error] {
	return func(yield func(kdb.Summary, error) bool) {
		for _, label := range b.labels {
			if !yield(kdb.Summary{Label: label}, nil) {
				return
			}
		}
		yield(kdb.Summary{}, errBroken)
	}
}

func (b broken) Labels(string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for _, label := range b.labels {
			if !yield(label, nil) {
				return
			}
		}
		yield("", errBroken)
	}
}

func (b broken) Find(kdb.Trait) iter.Seq2[kdb.Summary, error] { return b.Summaries("") }

func (broken) PutIssued(kdb.Issued) error                     { return errBroken }
func (broken) Issued([32]byte, string) (kdb.Issued, error)    { return kdb.Issued{}, errBroken }
func (broken) LastCRLNumber([32]byte) (uint64, error)         { return 0, errBroken }
func (broken) NextCRLNumber([32]byte, uint64) (uint64, error) { return 0, errBroken }
func (broken) DeleteDamaged(...string) error                  { return errBroken }
func (b broken) AllIssued([32]byte) iter.Seq2[kdb.Issued, error] {
	return func(yield func(kdb.Issued, error) bool) {
		for _, r := range b.issued {
			if !yield(r, nil) {
				return
			}
		}
		yield(kdb.Issued{}, errBroken)
	}
}

// defaulted is broken but for its default entry.
type defaulted struct{ broken }

func (defaulted) Default() (string, error) { return "", nil }

// TestOverlay_passesErrorsOn: what cannot be read below is not taken for missing, and nothing counts as changed.
func TestOverlay_passesErrorsOn(t *testing.T) {
	t.Parallel()
	overlay := memory.NewOverlay()
	tx := overlay.On(broken{})
	registry := tx.(kdb.Registry)
	second := func(_ any, err error) error { return err }
	for what, err := range map[string]error{
		"Put":           tx.Put(secret("a")),
		"Certify":       tx.Certify("a", [][]byte{{1}}),
		"Rename":        tx.Rename("a", "b"),
		"Rename to it":  tx.Rename("a", "a"),
		"Mark":          tx.Mark("a", kdb.Marks{}),
		"Delete":        tx.Delete("a"),
		"Summary":       second(tx.Summary("a")),
		"Entry":         second(tx.Entry("a")),
		"Key":           second(tx.Key("a")),
		"Default":       second(tx.Default()),
		"Issued":        second(registry.Issued([32]byte{}, "1")),
		"LastCRLNumber": second(registry.LastCRLNumber([32]byte{})),
		"NextCRLNumber": second(registry.NextCRLNumber([32]byte{}, 0)),
	} {
		if !errors.Is(err, errBroken) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if overlay.Changed() {
		t.Error("something counts as changed")
	}
}

// read collects what a listing yields up to n records, and its error.
func read[R any](list iter.Seq2[R, error], n int, name func(R) string) (got string, err error) {
	for r, failed := range list {
		if failed != nil {
			return got, failed
		}
		if got += name(r) + " "; len(got) == 2*n {
			break
		}
	}
	return got, nil
}

// TestOverlay_listingsEnd where they are left, and with the first error.
func TestOverlay_listingsEnd(t *testing.T) {
	t.Parallel()
	overlay := memory.NewOverlay()
	label := func(s kdb.Summary) string { return s.Label }
	if got, err := read(overlay.On(broken{}).Summaries(""), 9, label); got != "" || !errors.Is(err, errBroken) {
		t.Errorf("without the default entry: %q, %v", got, err)
	}
	below := defaulted{broken{labels: []string{"b", "d"}}}
	for _, label := range []string{"a", "c", "e"} {
		must(t, overlay.On(memoryTx(t)).Put(secret(label)))
	}
	for n, want := range []string{1: "a ", 2: "a b ", 3: "a b c ", 4: "a b c d "} {
		if got, err := read(overlay.On(below).Summaries(""), n, label); n > 0 && (got != want || err != nil) {
			t.Errorf("%d labels: %q, %v", n, got, err)
		}
	}
	if got, err := read(overlay.On(below).Summaries(""), 9, label); got != "a b c d " || !errors.Is(err, errBroken) {
		t.Errorf("all labels: %q, %v", got, err)
	}
	itself := func(label string) string { return label }
	for n, want := range []string{1: "a ", 2: "a b ", 3: "a b c ", 4: "a b c d "} {
		if got, err := read(overlay.On(below).Labels(""), n, itself); n > 0 && (got != want || err != nil) {
			t.Errorf("%d bare labels: %q, %v", n, got, err)
		}
	}
	if got, err := read(overlay.On(below).Labels(""), 9, itself); got != "a b c d " || !errors.Is(err, errBroken) {
		t.Errorf("all bare labels: %q, %v", got, err)
	}
	if got, err := read(overlay.On(memoryTx(t)).Labels(""), 2, itself); got != "a c " || err != nil {
		t.Errorf("two of those above: %q, %v", got, err)
	}
	if got, err := read(overlay.On(below).Find(kdb.Deployed), 9, label); got != "" || !errors.Is(err, errBroken) {
		t.Errorf("found: %q, %v", got, err)
	}
}

// TestDatabase_beginsEmpty: what a new database says of what it does not have.
func TestDatabase_beginsEmpty(t *testing.T) {
	t.Parallel()
	tx := memoryTx(t)
	registry := tx.(kdb.Registry)
	_, summary := tx.Summary("a")
	_, entry := tx.Entry("a")
	_, key := tx.Key("a")
	_, issued := registry.Issued([32]byte{}, "1")
	for what, err := range map[string]error{"summary": summary, "entry": entry, "key": key, "issued": issued} {
		if !errors.Is(err, kdb.ErrNotFound) {
			t.Errorf("%s: %v", what, err)
		}
	}
	label, err1 := tx.Default()
	number, err2 := registry.LastCRLNumber([32]byte{})
	if label != "" || number != 0 || err1 != nil || err2 != nil {
		t.Errorf("%q, %v; %d, %v", label, err1, number, err2)
	}
	for range tx.Labels("") {
		t.Error("it has a label")
	}
	for range tx.Find(kdb.Deployed) {
		t.Error("it finds something")
	}
	for range registry.AllIssued([32]byte{}) {
		t.Error("it issued something")
	}
}

// memoryTx is the transaction of an empty database.
func memoryTx(t *testing.T) (tx kdb.Tx) {
	t.Helper()
	must(t, memory.New("x", "ckdb").View(ctx, func(empty kdb.Tx) error { tx = empty; return nil }))
	return tx
}

func TestRegistry_listingsEnd(t *testing.T) {
	t.Parallel()
	overlay := memory.NewOverlay()
	registry := overlay.On(broken{issued: []kdb.Issued{{Serial: "b"}, {Serial: "d"}}}).(kdb.Registry)
	for _, serial := range []string{"a", "c", "d"} {
		must(t, registry.PutIssued(kdb.Issued{Serial: serial}))
	}
	must(t, registry.PutIssued(kdb.Issued{Issuer: [32]byte{1}, Serial: "other"}))
	serial := func(r kdb.Issued) string { return r.Serial }
	for n, want := range []string{1: "a ", 2: "a b ", 3: "a b c ", 4: "a b c d "} {
		if got, err := read(registry.AllIssued([32]byte{}), n, serial); n > 0 && (got != want || err != nil) {
			t.Errorf("%d records: %q, %v", n, got, err)
		}
	}
	if got, err := read(registry.AllIssued([32]byte{}), 9, serial); got != "a b c d " || !errors.Is(err, errBroken) {
		t.Errorf("all records: %q, %v", got, err)
	}
}

// TestDatabase_isARegistry from its first record on.
func TestDatabase_isARegistry(t *testing.T) {
	t.Parallel()
	db, issuer := memory.New("x", "ckdb"), [32]byte{7}
	must(t, db.Update(ctx, "issue", func(tx kdb.Tx) error {
		r := tx.(kdb.Registry)
		if _, err := r.Issued(issuer, "1"); !errors.Is(err, kdb.ErrNotFound) {
			t.Errorf("no record: %v", err)
		}
		for want := range uint64(3) {
			if last, err := r.LastCRLNumber(issuer); last != want || err != nil {
				t.Errorf("last list %d, %v, want %d", last, err, want)
			}
			if next, err := r.NextCRLNumber(issuer, 0); next != want+1 || err != nil {
				t.Errorf("next list %d, %v, want %d", next, err, want+1)
			}
		}
		return errors.Join(r.PutIssued(kdb.Issued{Issuer: issuer, Serial: "2"}), r.PutIssued(kdb.Issued{Issuer: issuer, Serial: "1"}))
	}))
	must(t, db.View(ctx, func(tx kdb.Tx) error {
		list := tx.(kdb.Registry).AllIssued(issuer)
		for n, want := range []string{1: "1 ", 2: "1 2 "} {
			if got, err := read(list, n, func(r kdb.Issued) string { return r.Serial }); n > 0 && (got != want || err != nil) {
				t.Errorf("%d records: %q, %v", n, got, err)
			}
		}
		return nil
	}))
	must(t, db.Close())
}

// TestDeleteDamaged: a label that cannot be read below is missing afterwards.
func TestDeleteDamaged(t *testing.T) {
	t.Parallel()
	overlay := memory.NewOverlay()
	must(t, overlay.On(broken{}).(kdb.DamageRemover).DeleteDamaged("a", "b"))
	if !overlay.Changed() {
		t.Error("nothing counts as changed")
	}
	tx := overlay.On(defaulted{})
	for _, label := range []string{"a", "b"} {
		if _, err := tx.Summary(label); !errors.Is(err, kdb.ErrNotFound) {
			t.Errorf("%s: %v, want ErrNotFound", label, err)
		}
	}
	if _, err := tx.Summary("c"); !errors.Is(err, errBroken) {
		t.Errorf("another one: %v", err)
	}
}
