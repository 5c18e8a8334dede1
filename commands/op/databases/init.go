package databases

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"

	"certkdb/commands/op"
	"certkdb/kdb"
	"certkdb/kdb/atomicfile"
)

// Init makes a new, empty database.
type Init struct {
	DB          op.DB // where; its password opens nothing here
	NewPassword op.NewPassword
	Type        string // kind of database; "" goes by the location's extension
	Profile     string // how a foreign format is written
	Stash       bool   // keep a stash for it
	OldStash    bool   // in an older form, see [CreateStash]
	Cost        kdb.Cost
	// Ensure does nothing if the location has such a database already, which the password or the stash opens. A stash that is missing
	// is made.
	Ensure bool
	// IsAlone says that the caller has locked the folder, see [Alone].
	IsAlone bool
}

// Created tells of a new database.
type Created struct {
	Location string `json:"location"`
	Format   string `json:"format"`
	ID       string `json:"id,omitempty"`
	Stash    string `json:"stash_file,omitempty"`
	// PasswordFile is where a generated password was written.
	PasswordFile string `json:"password_file,omitempty"`
	// Unchanged says that the database was there, see [Init.Ensure].
	Unchanged bool `json:"-"`

	exists bool
}

// HasChanged says whether anything was made.
func (c Created) HasChanged() bool { return !c.Unchanged }

// Exists says that the database was there before.
func (c Created) Exists() bool { return c.exists }

// Plan checks whether the database can be made and says what would be made. The error wraps kdb.ErrDatabaseExists if there is a file
// at its location.
func (o Init) Plan(ctx context.Context, env *op.Env) (Created, error) {
	created, driver, err := o.plan(ctx, env)
	if err == nil && created.exists {
		s, created, err := o.ensured(ctx, env, created, driver, true)
		if s != nil {
			s.Close()
		}
		return created, err
	}
	return created, err
}

func (o Init) plan(ctx context.Context, env *op.Env) (Created, *kdb.Driver, error) {
	check := o.NewPassword.CheckKept
	if o.Stash {
		check = o.NewPassword.Check
	}
	if err := check(); err != nil {
		return Created{}, nil, err
	}
	location, err := o.DB.Path(env)
	if err != nil {
		return Created{}, nil, err
	}
	if location == op.Stdin {
		return Created{}, nil, fmt.Errorf("%w: a database is made in a file, not on standard output", op.ErrUsage)
	}
	driver, err := o.driver(env, location)
	if err != nil {
		return Created{}, nil, err
	}
	env.Protect(location)
	if driver.Beside != nil {
		env.Protect(driver.Beside(location)...)
	}
	exists, err := kdb.Exists(ctx, env.Drivers, location)
	if err == nil && exists && op.Dangling(location) != "" {
		err = op.NotThere(location, fmt.Errorf("creating %q: %w", location, kdb.ErrNoDatabase))
	}
	created := Created{Location: location, Format: driver.Name, PasswordFile: o.NewPassword.OutFile, exists: exists}
	switch {
	case err != nil, exists && o.Ensure:
		return created, driver, err
	case o.NewPassword.OutFile != "": // before anything is made
		if err := (op.Output{Path: o.NewPassword.OutFile}).Check(env); err != nil {
			return Created{}, nil, op.Mark(op.SecretExists, err)
		}
	}
	if exists { // before a person is asked for a password; Create checks again
		err = fmt.Errorf("creating %q: %w", location, kdb.ErrDatabaseExists)
	}
	return created, driver, err
}

func (o Init) driver(env *op.Env, location string) (*kdb.Driver, error) {
	driver, err := kdb.ForNew(env.Drivers, location, o.Type)
	if err != nil && o.Type != "" {
		return nil, &op.Invalid{
			Field: op.FieldType, Value: o.Type, Reason: "there is no such kind of database", Wanted: "use " + op.Choice(kdb.Creatable(env.Drivers)),
		}
	}
	if err != nil {
		return nil, fmt.Errorf("creating %q: %w", location, err)
	}
	if o.Profile != "" && driver.Profiles != nil && !slices.Contains(driver.Profiles, o.Profile) {
		return nil, &op.Invalid{
			Field: op.FieldProfile, Value: o.Profile, Reason: driver.Name + " files have no such profile",
			Wanted: "use " + op.Choice(driver.Profiles),
		}
	}
	if driver.Create == nil {
		return nil, op.Mark(op.ReadOnlyKind, fmt.Errorf("creating %q: %w: %s is only read", location, kdb.ErrUnsupported, driver.Name))
	}
	return driver, nil
}

// Run makes the database and leaves it open.
func (o Init) Run(ctx context.Context, env *op.Env) (*op.Session, Created, error) {
	created, driver, err := o.plan(ctx, env)
	if o.finds(created, err) {
		if o, err = o.known(env, driver, created.Location); err != nil {
			return nil, created, err
		}
		unlock, errLock := Alone(ctx, env, o.DB)
		if errLock != nil {
			return nil, created, errLock
		}
		defer unlock()
		created, driver, err = o.plan(ctx, env)
	}
	if err != nil {
		return nil, created, err
	}
	if created.exists {
		return o.ensured(ctx, env, created, driver, false)
	}
	db, err := o.create(ctx, env, driver, created.Location, nil)
	if o.Ensure && errors.Is(err, kdb.ErrDatabaseExists) { // where folders cannot be locked
		return o.ensured(ctx, env, created, driver, false)
	}
	if err != nil {
		return nil, created, err
	}
	s := op.Attach(env, created.Location, db)
	info, err := db.Info(ctx)
	created.Format, created.ID = info.Format, info.ID
	if err == nil && o.Stash {
		created.Stash, err = o.stash(ctx, s, driver)
	}
	if err != nil {
		o.discard(ctx, s)
		s.Close()
		return nil, created, err
	}
	return s, created, nil
}

// finds says that what another process makes at this moment has to be found whole: the database, its stash and the file of its password.
func (o Init) finds(planned Created, err error) bool {
	return o.Ensure && !o.IsAlone && !planned.exists && (err == nil || isSecretExists(err))
}

// known has the password at hand: others wait as soon as the folder is locked, and must not wait for a person or a pipe. driver is nil if
// there is no need for that.
func (o Init) known(env *op.Env, driver *kdb.Driver, location string) (Init, error) {
	if driver == nil || !o.asks(driver) || !o.NewPassword.Waits(env) {
		return o, nil
	}
	password, err := o.NewPassword.Get(env, location)
	o.NewPassword.Source = op.FromBytes(password)
	return o, err
}

// isSecretExists says that there is a file where the generated password is to be.
func isSecretExists(err error) bool {
	problem, ok := errors.AsType[*op.Problem](err)
	return ok && problem.Code == op.SecretExists
}

// Alone keeps other processes that call it from making a database in the same folder until it is unlocked: they find this one, whole, and
// do not put their own stash next to it in between. It waits for them up to the lock timeout.
func Alone(ctx context.Context, env *op.Env, db op.DB) (unlock func(), err error) {
	location, err := db.Path(env)
	if err == nil {
		err = op.MakeFolder(db, location)
	}
	if err != nil {
		return nil, fmt.Errorf("creating %q: %w", location, err)
	}
	return atomicfile.LockFolder(ctx, filepath.Dir(location), db.LockTimeout), nil
}

// ensured opens the database that is there and compares it with what would be made; it makes a stash that is missing. In a dry run it only
// says so. The error wraps kdb.ErrDatabaseExists if the database is of another kind.
func (o Init) ensured(ctx context.Context, env *op.Env, created Created, driver *kdb.Driver, dry bool) (*op.Session, Created, error) {
	found, err := env.Recognise(created.Location)
	if err == nil && found.Name != driver.Name {
		err = fmt.Errorf("creating %q: %w: its kind is %s, not %s", created.Location, kdb.ErrDatabaseExists, found.Name, driver.Name)
	}
	if err != nil {
		return nil, created, err
	}
	created.PasswordFile = ""
	if o.Stash {
		if s, err := o.openExisting(ctx, env, created.Location, op.FromStash()); err == nil {
			err := settle(ctx, s, dry)
			s.Close()
			if err != nil {
				return nil, created, err
			}
			created.Unchanged = true
		} else if o.NewPassword.Generate && o.NewPassword.OutFile == "" { // nothing else opens it
			return nil, created, err
		}
	}
	source := o.NewPassword.Source
	if o.NewPassword.Generate {
		source = op.FromStash()
		if o.NewPassword.OutFile != "" {
			source = op.FromFile(o.NewPassword.OutFile)
		}
	}
	s, err := o.openExisting(ctx, env, created.Location, source)
	if err != nil {
		return nil, created, err
	}
	info, err := s.Database().Info(ctx)
	created.Format, created.ID, created.Unchanged = info.Format, info.ID, created.Unchanged || !o.Stash
	if err == nil && !created.Unchanged && !dry {
		var done StashDone
		done, err = CreateStash{Old: o.OldStash}.Do(ctx, s)
		created.Stash = done.Path
	}
	if err != nil {
		s.Close()
		return nil, created, err
	}
	return s, created, nil
}

// settler is a database whose stash has another name until the command that makes both is done.
type settler interface {
	SettleStash(ctx context.Context) error
}

// settle ends what a command that was killed began.
func settle(ctx context.Context, s *op.Session, dry bool) error {
	if db, ok := s.Database().(settler); ok && !dry {
		return db.SettleStash(ctx)
	}
	return nil
}

// openExisting opens a database that is there with a password, also one that could be read without it.
func (o Init) openExisting(ctx context.Context, env *op.Env, location string, source op.Source) (*op.Session, error) {
	db := o.DB
	db.Location, db.Password.Source = location, source
	s, err := op.Open(ctx, env, db)
	if err != nil {
		return nil, err
	}
	if err := unlock(ctx, s); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// stash makes the stash, unless the database was made with it, as those of foreign formats are: a kill in between would lose a generated
// password.
func (o Init) stash(ctx context.Context, s *op.Session, driver *kdb.Driver) (path string, err error) {
	if driver.StashOnly && !o.stashOnly(driver) {
		done, err := CreateStash{Old: o.OldStash}.Do(ctx, s)
		return done.Path, err
	}
	db, err := op.As[stasher](ctx, s, op.FeatureStash)
	if err != nil {
		return "", err
	}
	return db.StashPath(), nil
}

// stashOnly says that the generated password would be lost, so that only the stash can open the database.
func (o Init) stashOnly(driver *kdb.Driver) bool {
	return driver.StashOnly && o.Stash && o.NewPassword.Generate && o.NewPassword.OutFile == ""
}

// create makes the database: with what fn puts into it, or empty if that is nil.
func (o Init) create(ctx context.Context, env *op.Env, driver *kdb.Driver, location string, fn func(kdb.Tx) error) (kdb.Database, error) {
	if err := op.MakeFolder(o.DB, location); err != nil {
		return nil, fmt.Errorf("creating %q: %w", location, err)
	}
	options := kdb.CreateOptions{Cost: o.NewPassword.Cost(o.Cost), Profile: o.Profile, StashOnly: o.stashOnly(driver)}
	if !driver.StashOnly {
		options.Stash, options.OldStash = o.Stash && !o.OldStash, o.Stash && o.OldStash
	}
	var err error
	if options.Options, err = o.DB.Options(ctx, env); err != nil {
		return nil, err
	}
	ask := o.password(env, location)
	options.Password = op.ForKeys(ask)
	options.NewPassword = options.Password
	if unprotected(driver, o.Profile) {
		options.Password = nil
	}
	if o.asks(driver) { // else the first private key will ask
		password, err := ask(ctx, location)
		clear(password)
		if err != nil {
			return nil, err
		}
		options.Password = ask
	}
	var db kdb.Database
	if fn != nil {
		db, err = driver.CreateWith(ctx, location, options, fn)
	} else {
		db, err = driver.Create(ctx, location, options)
	}
	if db == nil {
		o.dropPassword(env, location, err)
	}
	return db, op.NameFolder(location, err)
}

// asks says that the database has a password from the beginning.
func (o Init) asks(driver *kdb.Driver) bool {
	return !o.stashOnly(driver) && (o.NewPassword.Wanted() || !driver.Pieces && !unprotected(driver, o.Profile))
}

func unprotected(driver *kdb.Driver, profile string) bool {
	return driver.Unprotected != nil && driver.Unprotected(profile)
}

// password gets the password when it is first wanted, and keeps it: a pipe can be read once, and nobody is asked twice.
func (o Init) password(env *op.Env, location string) func(context.Context, string) ([]byte, error) {
	get := sync.OnceValues(func() ([]byte, error) { return o.NewPassword.Get(env, location) })
	return func(context.Context, string) ([]byte, error) {
		password, err := get()
		return bytes.Clone(password), err // which is cleared
	}
}

// dropPassword removes the file of a generated password if no database got that password.
func (o Init) dropPassword(env *op.Env, location string, err error) {
	exists, errExists := kdb.Exists(context.Background(), env.Drivers, location)
	if errors.Is(err, kdb.ErrDatabaseExists) || errExists == nil && !exists {
		o.NewPassword.Drop()
	}
}
