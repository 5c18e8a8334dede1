package inspect

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"certkdb/commands/op"
	"certkdb/kdb"
)

// Compare says in what two databases, or two entries, differ. Private keys are compared by their public keys.
type Compare struct {
	// Labels are one entry of each, "" for all entries.
	Labels [2]string
}

// Compared are the differences.
type Compared struct {
	Same bool `json:"same"`
	A    Side `json:"a"`
	B    Side `json:"b"`
	// Differences are those between entries, in the order of their labels.
	Differences []Difference `json:"differences"`
	Equal       int          `json:"equal_entries"`
}

// Side is one of the two that are compared.
type Side struct {
	Location string `json:"location"`
	Label    string `json:"label,omitempty"`
}

// Difference is an entry that only one side has, or a field in which both differ.
type Difference struct {
	Label string `json:"label"`
	// Kind is "only_a", "only_b", "renamed" (the same content under another label) or "changed".
	Kind string `json:"kind"`
	// Field is what differs: kind, certificate, public_key, private_key, chain, trusted, default or label; "" for a whole entry.
	Field string `json:"field,omitempty"`
	A     string `json:"a,omitempty"`
	B     string `json:"b,omitempty"`
}

// Incomplete is the error of a comparison that found differences.
func (c Compared) Incomplete() error {
	if c.Same {
		return nil
	}
	return op.ErrDifferent
}

// compared is what of an entry counts in a comparison.
type compared struct {
	label, kind, leaf, subject, key, chain string
	hasKey, trusted, isDefault             bool
}

// Run compares. The sessions may be of the same database.
func (o Compare) Run(ctx context.Context, a, b *op.Session) (Compared, error) {
	done := Compared{A: Side{a.Location, o.Labels[0]}, B: Side{b.Location, o.Labels[1]}, Differences: []Difference{}}
	var sides [2][]compared
	for i, s := range []*op.Session{a, b} {
		var err error
		if sides[i], err = readCompared(ctx, s, o.Labels[i]); err != nil {
			return done, err
		}
	}
	if o.Labels[0] != "" {
		sides[1] = counterpart(sides[0][0], sides[1], o.Labels[1] == "")
	}
	done.compare(sides[0], sides[1])
	done.Same = len(done.Differences) == 0
	return done, nil
}

// counterpart is the entry that one is compared with: the one with its content, else with its label, else the only one. That it has another
// label is no difference. The others are a whole file if no label chose among them.
func counterpart(one compared, others []compared, whole bool) []compared {
	for _, fits := range []func(compared) bool{
		func(e compared) bool { return e.content() == one.content() },
		func(e compared) bool { return e.leaf == one.leaf },
		func(e compared) bool { return e.label == one.label },
		func(compared) bool { return len(others) == 1 },
	} {
		i := slices.IndexFunc(others, fits)
		if i < 0 {
			continue
		}
		others[i].label = one.label
		if whole {
			others[i].ignoreAbsent(one)
		}
		return others[i : i+1]
	}
	return others
}

// ignoreAbsent is for an entry of a file that was made of one: it has no marks, and maybe no key and no chain, which is no difference.
func (e *compared) ignoreAbsent(one compared) {
	e.trusted, e.isDefault = one.trusted, one.isDefault
	if !e.hasKey {
		e.kind, e.hasKey = one.kind, one.hasKey
	}
	if e.chain == "" {
		e.chain = one.chain
	}
}

func readCompared(ctx context.Context, s *op.Session, label string) (all []compared, err error) {
	err = s.View(ctx, func(tx kdb.Tx) error {
		all = nil
		if label != "" {
			summary, err := op.MustHave(tx, label)
			if err == nil {
				err = addCompared(tx, &summary, &all)
			}
			return err
		}
		for summary, err := range tx.Summaries("") {
			if err == nil {
				err = addCompared(tx, &summary, &all)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	return all, err
}

func addCompared(tx kdb.Tx, s *kdb.Summary, all *[]compared) error {
	entry, err := tx.Entry(s.Label)
	if err != nil {
		return err
	}
	d, err := digestsOf(tx, s)
	if err != nil {
		return err
	}
	c := compared{
		label: s.Label, kind: s.Kind.String(), leaf: d.sha256, subject: s.Subject, key: d.key, trusted: s.Trusted, isDefault: s.Default,
		hasKey: s.Kind == kdb.KindPersonal || s.Kind == kdb.KindRequest,
	}
	if len(entry.Certificates) > 1 {
		c.chain = op.Digest(bytes.Join(entry.Certificates[1:], nil))
	}
	*all = append(*all, c)
	return nil
}

// compare pairs entries by their labels, then those that are left by their certificates.
func (c *Compared) compare(a, b []compared) {
	byLabel, byContent := map[string]int{}, map[string][]int{}
	for i, e := range b {
		byLabel[e.label] = i
		byContent[e.content()] = append(byContent[e.content()], i)
	}
	taken := make([]bool, len(b))
	var onlyA []compared
	for _, one := range a {
		i, ok := byLabel[one.label]
		if !ok {
			onlyA = append(onlyA, one)
			continue
		}
		taken[i] = true
		if !c.differ(one, b[i]) {
			c.Equal++
		}
	}
	for _, one := range onlyA {
		same := byContent[one.content()]
		i := slices.IndexFunc(same, func(i int) bool { return !taken[i] })
		if i < 0 {
			c.Differences = append(c.Differences, Difference{Label: one.label, Kind: "only_a", A: one.subject})
			continue
		}
		other := b[same[i]]
		taken[same[i]] = true
		c.Differences = append(c.Differences, Difference{Label: one.label, Kind: "renamed", Field: "label", A: one.label, B: other.label})
		c.differ(one, other)
	}
	for i, one := range b {
		if !taken[i] {
			c.Differences = append(c.Differences, Difference{Label: one.label, Kind: "only_b", B: one.subject})
		}
	}
	slices.SortStableFunc(c.Differences, func(x, y Difference) int { return strings.Compare(x.Label, y.Label) })
}

// content is what two entries with different labels have in common if they are the same.
func (e compared) content() string { return fmt.Sprint(e.leaf, e.key, e.hasKey) }

// differ adds the fields in which two entries differ, and says whether there are any.
func (c *Compared) differ(a, b compared) bool {
	yesNo := map[bool]string{true: "yes", false: "no"}
	before := len(c.Differences)
	for _, f := range []struct{ field, a, b string }{
		{"kind", a.kind, b.kind},
		{"certificate", a.leaf, b.leaf},
		{"public_key", a.key, b.key},
		{"chain", a.chain, b.chain},
		{"private_key", yesNo[a.hasKey], yesNo[b.hasKey]},
		{"trusted", yesNo[a.trusted], yesNo[b.trusted]},
		{"default", yesNo[a.isDefault], yesNo[b.isDefault]},
	} {
		if f.a != f.b {
			c.Differences = append(c.Differences, Difference{Label: a.label, Kind: "changed", Field: f.field, A: f.a, B: f.b})
		}
	}
	return len(c.Differences) > before
}
