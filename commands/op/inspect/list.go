package inspect

import (
	"context"
	"iter"
	"path"
	"slices"
	"strings"
	"time"

	"certkdb/commands/op"
	"certkdb/kdb"
)

// List shows entries, all or some.
type List struct {
	Pattern string // of the label, as in shells: *, ?, [a-z]; "" is every label
	Kind    string // "" is every kind; KindDistrusted is that of certificates without keys that are not trusted
	// Trusted shows only what is trusted, whatever its kind.
	Trusted bool
	// Bundle leaves out certificates that are not trusted and have no key, unless Kind or a Pattern without wildcards asks for them.
	Bundle   bool
	Expired  bool // only certificates that have expired
	Expiring time.Duration
	Filter
	// Sort is the field to sort by, as [SortFields] has them; a hyphen in front reverses the order. "" is the order of the labels' bytes, in
	// which entries are streamed. For any other, all of them are held in memory.
	Sort string
	// WithPEM adds the certificates; they are opened for that.
	WithPEM bool
	// LabelsOnly opens no entry unless a filter needs that; the results have nothing but their labels.
	LabelsOnly bool

	fold func(label string) string // nil if the database tells all labels apart
}

// KindDistrusted is shown as the kind of a certificate without key that is not trusted.
const KindDistrusted = "distrusted"

// listChunk is how many entries are read in one look at the database. Between looks nothing is locked, so a slow
// reader of the output never keeps a writer waiting, and memory does not grow with the database.
const listChunk = 2_000

// Run calls each with the entries in the order of their labels' bytes, in chunks, outside of any lock.
func (o List) Run(ctx context.Context, s *op.Session, each func([]op.Entry) error) error {
	o, err := o.inCase(ctx, s)
	if err != nil {
		return err
	}
	sorted, err := o.sorter()
	if err != nil {
		return err
	}
	keep, err := o.filter()
	if err == nil {
		err = o.prepare(ctx, s.Env)
	}
	if err != nil {
		return err
	}
	if sorted != nil {
		var all []op.Entry
		err := o.stream(ctx, s, keep, func(chunk []op.Entry) error {
			all = append(all, chunk...)
			return nil
		})
		if err != nil {
			return err
		}
		slices.SortStableFunc(all, sorted)
		return each(all)
	}
	return o.stream(ctx, s, keep, each)
}

// stream calls each with the entries as they are read: while it has some, the next ones are read.
func (o List) stream(ctx context.Context, s *op.Session, keep func(*kdb.Summary) bool, each func([]op.Entry) error) error {
	ctx, stop := context.WithCancel(ctx)
	parts := make(chan listPart)
	defer func() {
		stop()
		for range parts { // the session is the caller's again once nothing is read any more
		}
	}()
	go func() {
		defer close(parts)
		p := listPart{after: o.start(), more: true}
		for p.more && p.err == nil {
			p = o.part(ctx, s, p, keep)
			select {
			case parts <- p:
			case <-ctx.Done():
				return
			}
		}
	}()
	n := 0
	for p := range parts {
		if p.err != nil {
			return p.err
		}
		if err := each(p.found); err != nil {
			return err
		}
		n += len(p.found)
		s.Env.Advance(op.UnitEntries, n, 0)
	}
	return ctx.Err()
}

// listPart is some of the entries.
type listPart struct {
	found []op.Entry
	after string // the label to go on from
	more  bool
	err   error
}

// part reads the next part of the list: at most as many entries as there were in the last one.
func (o List) part(ctx context.Context, s *op.Session, last listPart, keep func(*kdb.Summary) bool) (p listPart) {
	p.err = s.View(ctx, func(tx kdb.Tx) (err error) {
		p.found = make([]op.Entry, 0, len(last.found))
		p.found, p.after, p.more, err = o.chunk(tx, p.found, last.after, keep, s.Env.Now())
		return err
	})
	return p
}

// start is a label before which no label matches the pattern, "" for the beginning.
func (o List) start() string {
	prefix := o.prefix()
	if prefix == "" {
		return ""
	}
	// No label has the byte 0xff, which is not part of any UTF-8.
	last := len(prefix) - 1
	return prefix[:last] + string([]byte{prefix[last] - 1, 0xff})
}

// prefix is what every label that matches the pattern begins with.
func (o List) prefix() string {
	if o.fold != nil {
		return "" // labels in the file may have any case
	}
	if i := strings.IndexAny(o.Pattern, `*?[\`); i >= 0 {
		return o.Pattern[:i]
	}
	return o.Pattern
}

// labelled yields summaries with nothing but labels.
func labelled(tx kdb.Tx, after string) iter.Seq2[kdb.Summary, error] {
	return func(yield func(kdb.Summary, error) bool) {
		for label, err := range tx.Labels(after) {
			if !yield(kdb.Summary{Label: label}, err) {
				return
			}
		}
	}
}

// chunk appends up to listChunk entries after a label; last is the label to go on from.
func (o List) chunk(tx kdb.Tx, found []op.Entry, after string, keep func(*kdb.Summary) bool, now time.Time) (
	_ []op.Entry, last string, more bool, err error,
) {
	n, prefix, all := 0, o.prefix(), tx.Summaries(after)
	if o.labelsSuffice() && o.Kind == "" && !o.Trusted && !o.Expired && o.Expiring == 0 && !o.Chooses() {
		all = labelled(tx, after)
	}
	for s, err := range all {
		if err != nil {
			return nil, "", false, err
		}
		if s.Label > prefix && !strings.HasPrefix(s.Label, prefix) {
			break
		}
		fits := keep(&s)
		if fits && o.Chooses() {
			if fits, err = o.fits(tx, &s); err != nil {
				return nil, "", false, err
			}
		}
		if fits {
			ends, err := o.ends(tx, &s, now)
			if err != nil {
				return nil, "", false, err
			}
			if ends != nil || o.inTime(s.NotAfter, now) {
				entry, err := o.entry(tx, &s, now)
				if err != nil {
					return nil, "", false, err
				}
				entry.ChainEnds = ends
				found = append(found, entry)
			}
		}
		if n++; n == listChunk {
			return found, s.Label, true, nil
		}
	}
	return found, "", false, nil
}

// labelsSuffice says that nothing else is needed of an entry.
func (o List) labelsSuffice() bool { return o.LabelsOnly && o.Sort == "" }

func (o List) entry(tx kdb.Tx, s *kdb.Summary, now time.Time) (op.Entry, error) {
	if o.labelsSuffice() {
		return op.Entry{Label: s.Label}, nil
	}
	entry := op.NewEntry(s, now)
	if !o.WithPEM || s.ChainLength == 0 {
		return entry, nil
	}
	full, err := tx.Entry(s.Label)
	entry.PEM = op.PEMStrings(full.Certificates)
	return entry, err
}

func (o List) filter() (func(*kdb.Summary) bool, error) {
	if _, err := path.Match(o.Pattern, ""); err != nil {
		return nil, &op.Invalid{Field: op.FieldPattern, Value: o.Pattern, Reason: "a bracket is not closed"}
	}
	kind, err := o.kind()
	if err != nil {
		return nil, err
	}
	exact := o.Pattern != "" && !strings.ContainsAny(o.Pattern, `*?[\`)
	return func(s *kdb.Summary) bool {
		distrusted := s.Kind == kdb.KindTrusted && !s.Trusted
		switch {
		case o.Trusted && !s.Trusted, kind != 0 && s.Kind != kind:
			return false
		case o.Kind == KindDistrusted && !distrusted, o.Kind == kdb.KindTrusted.String() && distrusted:
			return false
		case o.Bundle && distrusted && !exact && o.Kind != KindDistrusted:
			return false
		}
		return o.matches(s.Label)
	}, nil
}

// Kinds are what List.Kind may be.
func Kinds() []string {
	return []string{
		kdb.KindTrusted.String(), KindDistrusted, kdb.KindPersonal.String(), kdb.KindRequest.String(), kdb.KindSecretKey.String(),
	}
}

// kind is that of the entries, 0 for every kind.
func (o List) kind() (kdb.Kind, error) {
	switch o.Kind {
	case "":
		return 0, nil
	case KindDistrusted:
		return kdb.KindTrusted, nil
	}
	kind, err := kdb.ParseKind(o.Kind)
	if err != nil {
		err = &op.Invalid{Field: op.FieldKind, Value: o.Kind, Reason: "unknown kind of entry", Wanted: "use " + op.Choice(Kinds())}
	}
	return kind, err
}

// inCase is the list with its pattern as the database compares labels: a JKS file takes Web for web.
func (o List) inCase(ctx context.Context, s *op.Session) (List, error) {
	if o.Pattern == "" {
		return o, nil
	}
	err := s.View(ctx, func(tx kdb.Tx) error {
		if f, ok := tx.(kdb.Folder); ok {
			o.fold = f.Fold
			o.Pattern = f.Fold(o.Pattern)
		}
		return nil
	})
	return o, err
}

// matches compares with the pattern. Slashes are ordinary in labels, so path.Match sees them as another byte.
func (o List) matches(label string) bool {
	if o.Pattern == "" {
		return true
	}
	if o.fold != nil {
		label = o.fold(label)
	}
	hide := strings.NewReplacer("/", "\x01")
	ok, _ := path.Match(hide.Replace(o.Pattern), hide.Replace(label))
	return ok || label == o.Pattern // which may have brackets of its own
}
