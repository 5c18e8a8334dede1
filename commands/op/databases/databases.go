package databases

import (
	"context"
	"errors"
	"fmt"
	"time"

	"certkdb/commands/op"
	"certkdb/kdb"
)

// Init makes a new, empty database.
type Init struct {
	op.DB
	NewPassword op.NewPassword
	Type        string // kind of database; "" goes by the location's extension
	Profile     string // how a foreign format is written
	Stash       bool   // keep a stash beside it
	Cost        kdb.Cost
}

// Created tells of a new database.
type Created struct {
	Location string `json:"location"`
	Format   string `json:"format"`
	ID       string `json:"id,omitempty"`
	Stash    string `json:"stash,omitempty"`
	// PasswordFile is where a generated password was written.
	PasswordFile string `json:"password_file,omitempty"`
}

// Run makes the database. The error wraps kdb.ErrDatabaseExists if there is a file at its location.
func (o Init) Run(ctx context.Context, env *op.Env) (Created, error) {
	if o.NewPassword.Generate && o.NewPassword.OutFile == "" && !o.Stash {
		return Created{}, op.WithHint(fmt.Errorf("%w: a generated password that is kept nowhere opens nothing", op.ErrUsage),
			"add --stash, or --password-out FILE")
	}
	db, created, err := o.Create(ctx, env)
	if err != nil {
		return created, err
	}
	defer db.Close()
	if o.Stash {
		created.Stash, err = createStash(ctx, db)
	}
	return created, err
}

// Create makes the database and leaves it open.
func (o Init) Create(ctx context.Context, env *op.Env) (kdb.Database, Created, error) {
	location, err := o.Path(env)
	if err != nil {
		return nil, Created{}, err
	}
	driver, err := o.driver(env, location)
	if err != nil {
		return nil, Created{}, err
	}
	if exists, err := kdb.Exists(ctx, env.Drivers, location); err != nil {
		return nil, Created{}, err
	} else if exists { // before a person is asked for a password; Create checks again
		return nil, Created{}, fmt.Errorf("creating %q: %w", location, kdb.ErrDatabaseExists)
	}
	if err := op.MakeFolder(o.DB, location); err != nil {
		return nil, Created{}, fmt.Errorf("creating %q: %w", location, err)
	}
	options := kdb.CreateOptions{Cost: o.Cost, Profile: o.Profile}
	if options.Options, err = o.Options(ctx, env); err != nil {
		return nil, Created{}, err
	}
	options.Password = op.ForKeys(func(context.Context, string) ([]byte, error) { return o.NewPassword.Get(env, location) })
	options.NewPassword = options.Password
	if wanted := o.NewPassword.Given() || o.NewPassword.Generate; wanted || !driver.Pieces { // else the first private key will ask
		password, err := o.NewPassword.Get(env, location)
		if err != nil {
			return nil, Created{}, err
		}
		defer clear(password)
		options.Password = op.Fixed(password)
	}
	db, err := driver.Create(ctx, location, options)
	if err != nil {
		return nil, Created{}, err
	}
	info, err := db.Info(ctx)
	return db, Created{Location: location, Format: info.Format, ID: info.ID, PasswordFile: o.NewPassword.OutFile}, err
}

func (o Init) driver(env *op.Env, location string) (*kdb.Driver, error) {
	driver, err := kdb.ForNew(env.Drivers, location, o.Type)
	if err != nil {
		return nil, fmt.Errorf("creating %q: %w", location, err)
	}
	if driver.Create == nil {
		return nil, op.WithHint(fmt.Errorf("creating %q: %w: %s is only read", location, kdb.ErrUnsupported, driver.Name),
			"use another --type, for example ckdb or pkcs12")
	}
	return driver, nil
}

// Info tells what a database is. It needs no password.
type Info struct{ op.DB }

// DatabaseInfo is what Info finds.
type DatabaseInfo struct {
	Location string     `json:"location"`
	Format   string     `json:"format"`
	Version  string     `json:"version"`
	ID       string     `json:"id,omitempty"`
	Created  *time.Time `json:"created,omitempty"`
	Entries  *int       `json:"entries"` // null if the format does not tell without its password
	Size     int64      `json:"size_bytes"`
	ReadOnly bool       `json:"read_only"`
	Slots    []Slot     `json:"slots,omitempty"`
	Facts    []Fact     `json:"facts,omitempty"`
	FIPS     bool       `json:"fips_140_3_module"`
}

// Slot is a key slot of a native database.
type Slot struct {
	ID      int       `json:"id"`
	Kind    string    `json:"kind"`
	KDF     string    `json:"kdf"`
	Created time.Time `json:"created"`
}

// Fact is something to know of a database.
type Fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	Weak  bool   `json:"weak,omitempty"`
}

// Run looks.
func (o Info) Run(ctx context.Context, env *op.Env) (DatabaseInfo, error) {
	db, err := o.Open(ctx, env)
	if err != nil {
		return DatabaseInfo{}, err
	}
	defer db.Close()
	info, err := db.Info(ctx)
	if err != nil {
		return DatabaseInfo{}, err
	}
	found := DatabaseInfo{
		Location: info.Location, Format: info.Format, Version: info.Version, ID: info.ID, Created: op.TimePointer(info.Created),
		Size: info.Size, ReadOnly: info.ReadOnly, Slots: slots(info.Slots), FIPS: op.FIPSEnabled(),
	}
	if info.Entries >= 0 {
		found.Entries = &info.Entries
	}
	for _, fact := range info.Facts {
		found.Facts = append(found.Facts, Fact(fact))
	}
	return found, nil
}

func slots(list []kdb.SlotInfo) []Slot {
	var out []Slot
	for _, s := range list {
		out = append(out, Slot{ID: s.ID, Kind: s.Kind, KDF: s.KDF, Created: s.Created.UTC()})
	}
	return out
}

// Check verifies everything in a database.
type Check struct{ op.DB }

// Checked is what Check found.
type Checked struct {
	Location string    `json:"location"`
	OK       bool      `json:"ok"`
	Problems []Problem `json:"problems"`
	// Notes are unusual, and no harm.
	Notes []Problem `json:"notes,omitempty"`
}

// Problem is one finding.
type Problem struct {
	Where string `json:"where"`
	What  string `json:"what"`
	// Closed says that another password may open what could not be checked.
	Closed bool `json:"closed,omitempty"`
}

// add sorts a finding in. It returns whether that is damage.
func (c *Checked) add(p kdb.Problem) bool {
	found := Problem{Where: p.Where, What: p.What, Closed: p.Severity == kdb.Closed}
	if p.Severity == kdb.Note {
		c.Notes = append(c.Notes, found)
		return false
	}
	c.Problems = append(c.Problems, found)
	return !found.Closed
}

// Run checks. With findings the error wraps kdb.ErrCorrupt, or kdb.ErrPassword if all that is wrong is keys that another password may open. The
// result tells them.
func (o Check) Run(ctx context.Context, env *op.Env) (Checked, error) {
	location, err := o.Path(env)
	if err != nil {
		return Checked{}, err
	}
	found := Checked{Location: location, Problems: []Problem{}}
	db, err := o.Open(ctx, env)
	if err != nil {
		return found, unsound(err)
	}
	defer db.Close()
	damage := 0
	err = db.Check(ctx, func(p kdb.Problem) {
		if found.add(p) {
			damage++
		}
	})
	if err != nil {
		return found, unsound(err)
	}
	return found, found.judge(damage)
}

// judge is the error for what was found.
func (c *Checked) judge(damage int) error {
	switch closed := len(c.Problems) - damage; {
	case damage > 0:
		return op.WithHint(fmt.Errorf("checking %q: %w: %d %s", c.Location, kdb.ErrCorrupt, damage, op.Plural(damage, "problem")),
			"what still opens can be saved with: certkdb copy --all --to NEW.ckdb; or take a backup")
	case closed > 0:
		return op.WithHint(fmt.Errorf("checking %q: %w: %d %s could not be checked", c.Location, kdb.ErrPassword, closed, op.Plural(closed, "part")),
			"give the passwords of single keys with --in-key-password")
	}
	c.OK = true
	return nil
}

// unsound adds what to do when not even a check is possible.
func unsound(err error) error {
	if errors.Is(err, kdb.ErrCorrupt) {
		return op.WithHint(err, "restore a backup: the damage is so great that nothing can be checked")
	}
	return err
}
