package op

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"certkdb/kdb"
)

// DefaultLockTimeout is how long a command waits for another writer.
const DefaultLockTimeout = 10 * time.Second

// DB says which database an operation works on and how it is opened.
type DB struct {
	Location    string // "" is the default database, "-" standard input
	Password    Password
	KeyPassword []Password // for private keys with passwords of their own
	LockTimeout time.Duration
}

// Path is the database's location: as given, else $CERTKDB_DB, else key.ckdb in $XDG_DATA_HOME/certkdb or
// ~/.local/share/certkdb, for root in /var/lib/certkdb.
func (d DB) Path(env *Env) (string, error) {
	if d.Location != "" {
		return d.Location, nil
	}
	if location := env.Getenv("CERTKDB_DB"); location != "" {
		return location, nil
	}
	const name = "key.ckdb"
	switch data := env.Getenv("XDG_DATA_HOME"); {
	case env.Root:
		return filepath.Join("/var/lib/certkdb", name), nil
	case filepath.IsAbs(data):
		return filepath.Join(data, "certkdb", name), nil
	case env.Home != "":
		return filepath.Join(env.Home, ".local", "share", "certkdb", name), nil
	}
	return "", Mark(NoDefaultDatabase, fmt.Errorf("%w: no database is named and there is no home folder", ErrUsage))
}

// NotThere is the error that no database is at a location. Where a symbolic link leads nowhere, it is about what the link names.
func NotThere(location string, err error) error {
	if target := Dangling(location); target != "" {
		return &Problem{Code: NoDatabase, Location: target, Err: fmt.Errorf("%w: it is a symbolic link to %q, which does not exist", err, target)}
	}
	return &Problem{Code: NoDatabase, Location: location, Err: err}
}

// Dangling is what a symbolic link leads to, over further links if need be, if nothing is there; "" if the path is no such link.
func Dangling(path string) string {
	if _, err := os.Readlink(path); err != nil {
		return ""
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	target, _ := follow(path)
	return target
}

// open opens the database at a location.
func (d DB) open(ctx context.Context, env *Env, location string) (kdb.Database, error) {
	options, err := d.Options(ctx, env)
	if err != nil {
		return nil, err
	}
	driver, err := env.Recognise(location)
	if errors.Is(err, kdb.ErrNoDatabase) {
		return nil, NotThere(location, err)
	}
	if errors.Is(err, kdb.ErrRemains) {
		return nil, &Problem{Code: Wrecked, Location: location, Err: err}
	}
	if err != nil {
		return nil, err
	}
	if driver.Pieces {
		options.Password, options.NewPassword = ForKeys(options.Password), ForKeys(options.NewPassword)
	}
	return driver.Open(ctx, Named(location), options)
}

// ForKeys adds what the password of a file is for that has private keys encrypted and nothing else.
func ForKeys(ask func(context.Context, string) ([]byte, error)) func(context.Context, string) ([]byte, error) {
	return func(ctx context.Context, location string) ([]byte, error) {
		password, err := ask(ctx, location)
		if errors.Is(err, kdb.ErrNoPassword) {
			err = Mark(NoKeyPassword, err)
		}
		return password, err
	}
}

// Options turns the parameters into the options of package kdb. Key passwords are read at once, because they are given only
// if they are needed.
func (d DB) Options(ctx context.Context, env *Env) (kdb.Options, error) {
	asked := d.Password
	asked.AllowEmpty = true // PKCS #12 files have empty passwords often enough
	o := kdb.Options{
		Password:    func(_ context.Context, location string) ([]byte, error) { return asked.Read(env, location) },
		NewPassword: func(_ context.Context, location string) ([]byte, error) { return d.Password.readNew(env, location) },
		NoStash:     d.Password.replacesStash(),
		Progress:    func(done, total int) { env.Advance(UnitEntries, done, total) },
		LockTimeout: d.LockTimeout, State: env.State, Warn: env.Warn, Now: env.Now, User: env.User, Host: env.Host,
	}
	if text := env.Getenv("CERTKDB_KDF_MEMORY"); text != "" {
		var err error
		if o.MaxKDFMemory, err = strconv.Atoi(text); err != nil || o.MaxKDFMemory <= 0 {
			return o, fmt.Errorf("%w: CERTKDB_KDF_MEMORY=%q is not a number of MiB", ErrUsage, text)
		}
	}
	for _, p := range d.KeyPassword {
		password, err := p.Read(env, "private keys")
		if err != nil {
			return o, err
		}
		o.KeyPasswords = append(o.KeyPasswords, password)
	}
	return o, ctx.Err()
}
