package entries

import (
	"context"
	"fmt"

	"certkdb/commands/op"
	"certkdb/kdb"
)

// streams says that entries are read while they are stored, an entry after the other, so that memory does not grow with their number. Other
// formats than the native one are in memory anyway.
func (o Copy) streams(ctx context.Context, target string) (bool, error) {
	if len(o.Labels) > 0 || o.SkipDamaged || target != kdb.Native {
		return false, nil
	}
	info, err := o.From.Database().Info(ctx)
	return info.Format == kdb.Native, err
}

// stream reads what has to be known before anything is copied: which entries have keys, whether they open, and that there is something to
// copy. It reads all summaries, which verifies that they are complete.
func (o Copy) stream(ctx context.Context) (selection, error) {
	all := selection{records: map[string]string{}, close: func() {}}
	announced := map[string]bool{}
	err := o.From.View(ctx, func(tx kdb.Tx) error {
		all.keys, all.number = nil, 0
		clear(announced)
		var left leftOut
		readable := false
		known := func(s *kdb.Summary) bool {
			all.number++
			return readable && (s.Kind == kdb.KindTrusted || o.bare())
		}
		err := o.walk(tx, &left, known, func(entry *kdb.Entry) error {
			readable = true
			if entry.Key == nil {
				return nil
			}
			all.keys = append(all.keys, entry.Label)
			announced[entry.Label] = true
			notes, err := recorded(tx, []kdb.Entry{*entry})
			if note, ok := notes[entry.Label]; ok {
				all.records[entry.Label] = note
			}
			return err
		})
		if err == nil && !readable {
			err = o.nothing(left)
		}
		return err
	})
	all.each = func(left *leftOut, fn func(*kdb.Entry) error) error {
		var failed error // of the target; the source would call it its own
		err := o.From.View(ctx, func(tx kdb.Tx) error {
			return o.walk(tx, left, nil, func(entry *kdb.Entry) error {
				if entry.Key != nil && !announced[entry.Label] {
					return fmt.Errorf("label %q: %w: its private key was added while the copy was prepared", entry.Label, kdb.ErrChanged)
				}
				failed = fn(entry)
				return failed
			})
		})
		if failed != nil {
			return failed
		}
		return err
	}
	return all, err
}

// bare says that certificates are copied without keys and chains.
func (o Copy) bare() bool { return o.Certificates || o.Trusted }

// walk calls fn with each entry that is to be copied, but those that are known already, and clears the key afterwards. Among all, entries
// whose keys do not open are added to left.
func (o Copy) walk(tx kdb.Tx, left *leftOut, known func(*kdb.Summary) bool, fn func(*kdb.Entry) error) error {
	for s, err := range tx.Summaries("") {
		if err != nil {
			return err
		}
		if o.bare() && (s.ChainLength == 0 || o.Trusted && !s.Trusted) || known != nil && known(&s) {
			continue
		}
		entry, err := o.full(tx, &s)
		if err != nil && !o.bare() && o.leave(left, &s, err) {
			continue
		}
		if err == nil && s.CA && s.Kind == kdb.KindPersonal && len(entry.Key) > 0 && !o.CAKeys {
			err = caKey(s.Label)
		}
		if err == nil {
			err = fn(&entry)
		}
		clear(entry.Key)
		if err != nil {
			return err
		}
	}
	return nil
}

// full reads an entry as it is copied.
func (o Copy) full(tx kdb.Tx, s *kdb.Summary) (kdb.Entry, error) {
	if !o.bare() {
		return op.UsableEntry(tx, s.Label)
	}
	e, err := tx.Entry(s.Label)
	if err != nil {
		return e, err
	}
	return kdb.Entry{Label: e.Label, Kind: kdb.KindTrusted, Trusted: s.Trusted, Certificates: e.Certificates[:1]}, nil
}
