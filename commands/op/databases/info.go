package databases

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"certkdb/commands/op"
	"certkdb/kdb"
)

// Info tells what a database is. It needs no password.
type Info struct{}

// DatabaseInfo is what Info finds.
type DatabaseInfo struct {
	Location string     `json:"location"`
	Format   string     `json:"format"`
	Version  string     `json:"version"`
	ID       string     `json:"id,omitempty"`
	Created  *time.Time `json:"created_at,omitempty"`
	Entries  *int       `json:"entries"` // null if the format hides it without the password
	Size     int64      `json:"size_bytes"`
	ReadOnly bool       `json:"read_only"`
	Slots    []Slot     `json:"slots"`
	Facts    []Fact     `json:"facts"`
	FIPS     bool       `json:"fips_140_3_module"`
	// Damaged is what is kept in the file and cannot be shown, because it is damaged. It stands among the facts too.
	Damaged []string `json:"-"`

	kept []string // what is there and is no entry
}

// Fact is something to know about a database.
type Fact struct {
	Name  string `json:"name"`  // lower-case words with underscores
	Title string `json:"title"` // the same for people
	Value string `json:"value"`
	Weak  bool   `json:"weak,omitempty"`
}

// Run looks.
func (Info) Run(ctx context.Context, s *op.Session) (DatabaseInfo, error) {
	info, err := s.Database().Info(ctx)
	if err != nil {
		return DatabaseInfo{}, err
	}
	found := DatabaseInfo{
		Location: info.Location, Format: info.Format, Version: info.Version, ID: info.ID, Created: op.TimePointer(info.Created),
		Size: info.Size, ReadOnly: info.ReadOnly, Slots: newSlots(info.Slots), FIPS: op.FIPSEnabled(),
	}
	if info.Entries >= 0 {
		found.Entries = &info.Entries
	}
	for _, fact := range info.Facts {
		if fact.Name == kdb.FactKept && fact.Weak {
			found.Damaged, fact.Weak = append(found.Damaged, fact.Value), false
		} else if fact.Name == kdb.FactKept {
			found.kept = append(found.kept, fact.Value)
		}
		found.Facts = append(found.Facts, newFact(fact))
	}
	return found, nil
}

// CheckNotEmpty refuses what only looks like an empty database: a file in which everything is damaged, and one of certificates and keys
// that has none of them and something else, such as a public key, so that it was named by mistake.
func (i DatabaseInfo) CheckNotEmpty() error {
	pieces := i.Format == "pem" || i.Format == "pkcs7"
	switch {
	case i.Entries == nil || *i.Entries > 0:
		return nil
	case len(i.Damaged) > 0:
		return fmt.Errorf("reading %q: %w: nothing in it can be read", i.Location, kdb.ErrCorrupt)
	case pieces && len(i.kept) > 0:
		err := fmt.Errorf("%w: %q has no certificate or private key, only %s", op.ErrUsage, i.Location, strings.Join(i.kept, ", "))
		return &op.Problem{Code: op.NoEntries, Location: i.Location, Err: err}
	}
	return nil
}

func newFact(f kdb.Fact) Fact {
	word := func(r rune) bool { return r >= 'a' && r <= 'z' || r >= '0' && r <= '9' }
	words := strings.FieldsFunc(strings.ToLower(f.Name), func(r rune) bool { return !word(r) })
	return Fact{Name: strings.Join(words, "_"), Title: f.Name, Value: f.Value, Weak: f.Weak}
}

// Check verifies everything in a database.
type Check struct {
	// AcceptRollback takes an older state that was put back for the newest one from now on, unless there is damage.
	AcceptRollback bool
}

// Checked is what Check found.
type Checked struct {
	Location string    `json:"location"`
	OK       bool      `json:"ok"`
	Problems []Problem `json:"problems"`
	// RolledBack says that an older state was put back, Accepted that it counts as the newest one from now on.
	RolledBack *Rollback `json:"rolled_back,omitempty"`
	Accepted   bool      `json:"accepted,omitempty"`
	// Notes are unusual but harmless.
	Notes []Problem `json:"notes,omitempty"`

	format  string // "" if it is not known
	damaged int    // of the problems
	misfits int    // keys that do not belong to their certificates
}

// Rollback has the number of changes to the database as it is, and as this user knows it.
type Rollback struct {
	Found uint64 `json:"found"`
	Seen  uint64 `json:"seen"`
}

// Problem is one finding.
type Problem struct {
	Where string `json:"where"`
	What  string `json:"what"`
	// Closed says that another password may open what could not be checked.
	Closed bool `json:"closed,omitempty"`
}

// add sorts a finding in.
func (c *Checked) add(p kdb.Problem) {
	found := Problem{Where: p.Where, What: p.What, Closed: p.Severity == kdb.Closed}
	switch p.Severity {
	case kdb.Note:
		c.Notes = append(c.Notes, found)
		return
	case kdb.Damage:
		c.damaged++
	case kdb.Mismatch:
		c.misfits++
	}
	c.Problems = append(c.Problems, found)
}

// judge is the error for what was found, the worst of it.
func (c *Checked) judge() error {
	switch closed := len(c.Problems) - c.damaged - c.misfits; {
	case c.damaged > 0:
		err := fmt.Errorf("checking %q: %w: %d %s", c.Location, kdb.ErrCorrupt, c.damaged, op.Plural(c.damaged, "problem"))
		return &op.Problem{Code: op.Damaged, Location: c.Location, Found: c.format, Err: err}
	case c.misfits > 0:
		err := fmt.Errorf("checking %q: %d %s of another certificate", c.Location, c.misfits, op.Plural(c.misfits, "private key"))
		return op.Mark(op.WrongKeys, op.Classify(err, kdb.ErrParse))
	case closed > 0:
		return op.Mark(op.ClosedKeys,
			fmt.Errorf("checking %q: %w: %d %s could not be checked", c.Location, kdb.ErrPassword, closed, op.Plural(closed, "part")))
	}
	c.OK = true
	return nil
}

// Run checks. With findings the error wraps kdb.ErrCorrupt, or kdb.ErrParse if all that is wrong is keys that do not belong to their
// certificates, or kdb.ErrPassword if it is keys that another password may open; kdb.ErrRolledBack if nothing is damaged, but an older
// state was put back, and that is not accepted. The result lists them.
func (o Check) Run(ctx context.Context, s *op.Session) (Checked, error) {
	found := Checked{Location: s.Location, Problems: []Problem{}}
	if info, err := s.Database().Info(ctx); err == nil {
		found.format = info.Format
	}
	if err := s.Database().Check(ctx, found.add); err != nil {
		return found, Unsound(err)
	}
	if err := found.judge(); err != nil {
		// Not the password of a single key may be missing, but that of the file.
		if found.damaged+found.misfits == 0 && errors.Is(s.Unverified(), kdb.ErrNoPassword) {
			err = fmt.Errorf("checking %q: %w, so that not everything could be checked", s.Location, kdb.ErrNoPassword)
			err = &op.Problem{Code: op.Unverified, Location: s.Location, Err: err}
		}
		return found, err
	}
	return found, o.newest(ctx, s, &found)
}

// newest looks whether an older state was put back, and accepts it if that is wanted.
func (o Check) newest(ctx context.Context, s *op.Session, found *Checked) error {
	e, err := s.RolledBack(ctx)
	if err != nil || e == nil {
		return err
	}
	found.RolledBack = &Rollback{Found: e.Found, Seen: e.Seen}
	if !o.AcceptRollback {
		found.OK = false
		return e
	}
	found.Accepted = true
	return s.AcceptState(ctx)
}

// Unsound marks the error of a database that is too damaged to be checked.
func Unsound(err error) error {
	if _, marked := errors.AsType[*op.Problem](err); !marked && errors.Is(err, kdb.ErrCorrupt) {
		return op.Mark(op.Unreadable, err)
	}
	return err
}
