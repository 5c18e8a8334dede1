package sealed_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"certkdb/kdb"
)

// TestUpdate_seesWhatWasJustPut: new certificates are sealed together, later than they are put. Nobody notices, whatever comes next.
func TestUpdate_seesWhatWasJustPut(t *testing.T) {
	t.Parallel()
	p, other := newPair(t, "batch"), newPair(t, "other")
	for name, c := range map[string]struct {
		do   func(kdb.Tx) error
		want []string // labels at the end
	}{
		"nothing":     {func(kdb.Tx) error { return nil }, []string{"a", "b", "c"}},
		"a summary":   {func(tx kdb.Tx) error { s, err := tx.Summary("b"); return wantSubject(&s, err, "CN=batch") }, []string{"a", "b", "c"}},
		"an entry":    {func(tx kdb.Tx) error { e, err := tx.Entry("b"); return errors.Join(err, e.Check()) }, []string{"a", "b", "c"}},
		"a deletion":  {func(tx kdb.Tx) error { return tx.Delete("b") }, []string{"a", "c"}},
		"a new label": {func(tx kdb.Tx) error { return tx.Rename("b", "d") }, []string{"a", "c", "d"}},
		"a mark":      {func(tx kdb.Tx) error { return tx.Mark("b", kdb.Marks{Trusted: new(false)}) }, []string{"a", "b", "c"}},
		"an audit":    {func(tx kdb.Tx) error { return tx.Audit("look", "b") }, []string{"a", "b", "c"}},
		"other content": {func(tx kdb.Tx) error {
			err := tx.Put(trusted("b", other))
			s, errSummary := tx.Summary("b")
			return errors.Join(err, wantSubject(&s, errSummary, "CN=other"))
		}, []string{"a", "b", "c"}},
		"a key": {func(tx kdb.Tx) error { return tx.Put(personal("d", other)) }, []string{"a", "b", "c", "d"}},
		"a search": {func(tx kdb.Tx) error {
			e := trusted("b", p)
			n := 0
			for _, err := range tx.Find(kdb.Traits(&e)[0]) {
				if n++; err != nil {
					return err
				}
			}
			if n != 3 {
				return fmt.Errorf("%d are found", n)
			}
			return nil
		}, []string{"a", "b", "c"}},
	} {
		db, _ := newDatabase(t)
		err := db.Update(ctx, "add", func(tx kdb.Tx) error {
			for _, label := range []string{"c", "a", "b"} {
				if err := tx.Put(trusted(label, p)); err != nil {
					return err
				}
			}
			return c.do(tx)
		})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := labels(t, db); !slices.Equal(got, c.want) {
			t.Errorf("%s: labels %q, want %q", name, got, c.want)
		}
		if err := db.Check(ctx, func(p kdb.Problem) { t.Errorf("%s: %s: %s", name, p.Where, p.What) }); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func wantSubject(s *kdb.Summary, err error, want string) error {
	if err == nil && s.Subject != want {
		err = fmt.Errorf("the subject is %q", s.Subject)
	}
	return err
}

// TestUpdate_manyNewEntries: more than are sealed at once. The log has them in their order.
func TestUpdate_manyNewEntries(t *testing.T) {
	t.Parallel()
	db, _ := newDatabase(t)
	p := newPair(t, "many")
	const n = 1300
	err := db.Update(ctx, "add", func(tx kdb.Tx) error {
		for i := range n {
			if err := tx.Put(trusted(fmt.Sprint(i), p)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	i := 0
	for l, err := range db.Log(ctx, 1) {
		if err != nil || l.Label != fmt.Sprint(i) {
			t.Fatalf("record %d is about %q, %v", i, l.Label, err)
		}
		i++
	}
	if got := countSummaries(t, db); got != n || i != n {
		t.Errorf("%d entries, %d records", got, i)
	}
	if err := db.Check(ctx, func(p kdb.Problem) { t.Errorf("%s: %s", p.Where, p.What) }); err != nil {
		t.Error(err)
	}
}

// TestUpdate_absentLabelIsThereOnceItIsPut: that a label was not there is remembered until something is put.
func TestUpdate_absentLabelIsThereOnceItIsPut(t *testing.T) {
	t.Parallel()
	db, _ := newDatabase(t)
	p := newPair(t, "absent")
	err := db.Update(ctx, "add", func(tx kdb.Tx) error {
		for _, e := range []kdb.Entry{personal("with key", p), trusted("without", p)} {
			for range 2 {
				if _, err := tx.Summary(e.Label); !errors.Is(err, kdb.ErrNotFound) {
					return fmt.Errorf("%s: %v", e.Label, err)
				}
			}
			err := tx.Put(e)
			s, errSummary := tx.Summary(e.Label)
			if err := errors.Join(err, errSummary); err != nil || s.Kind != e.Kind {
				return fmt.Errorf("%s: %v, %v", e.Label, s.Kind, err)
			}
			_, errOther := tx.Summary("other")
			if err := tx.Rename(e.Label, "other"); err != nil || !errors.Is(errOther, kdb.ErrNotFound) {
				return errors.Join(err, errOther)
			}
			if _, err := tx.Summary("other"); err != nil {
				return err
			}
			if err := tx.Delete("other"); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
