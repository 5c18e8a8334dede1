package kdb

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Driver opens and creates one kind of database.
type Driver struct {
	// Name is what --type takes and Info.Format shows.
	Name string
	// Aliases are other spellings of Name ("p12").
	Aliases []string
	// Scheme is the URL scheme of databases that are no files ("etcd"); "" for files.
	Scheme string
	// Extensions are the endings that a new file of this kind has, with the dot, in lower case.
	Extensions []string
	// Pieces says that such a file is a series of pieces that each stand for themselves (PEM, DER, PKCS #7) and no container: it can be
	// read as a stream, piece by piece, and no password opens it; only private keys in it may have one.
	Pieces bool
	// Matches recognises an existing file by its first bytes (up to 4096) and nothing else.
	Matches func(head []byte) bool
	// Open opens an existing database. It does not ask for the password before the file has proved to be one.
	Open func(ctx context.Context, location string, o Options) (Database, error)
	// Create makes a new, empty database, wrapping ErrDatabaseExists if there is one already; nil if the kind can
	// only be read. The password is that of the options' Password; the database is returned open.
	Create func(ctx context.Context, location string, o CreateOptions) (Database, error)
}

// headSize is how much of a file its driver is recognised by.
const headSize = 4096

// Open opens the existing database at location, recognised by its content, never by its name. The error wraps
// ErrNoDatabase if there is none, ErrVersion if no driver knows it, or what the driver's Open returns.
func Open(ctx context.Context, drivers []Driver, location string, o Options) (Database, error) {
	driver, err := Recognise(drivers, location)
	if err != nil {
		return nil, err
	}
	return driver.Open(ctx, location, o)
}

// Recognise finds the driver of the existing database at location.
func Recognise(drivers []Driver, location string) (*Driver, error) {
	if scheme, _, ok := strings.Cut(location, "://"); ok {
		return byScheme(drivers, scheme)
	}
	head, err := readHead(location)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("opening %q: %w", location, ErrNoDatabase)
	}
	if err != nil {
		var twice *fs.PathError
		if errors.As(err, &twice) { // it names the file too
			err = twice.Err
		}
		return nil, fmt.Errorf("opening %q: %w", location, err)
	}
	for i := range drivers {
		if drivers[i].Matches != nil && drivers[i].Matches(head) {
			return &drivers[i], nil
		}
	}
	if len(bytes.TrimRight(head, "\x00")) == 0 {
		return nil, fmt.Errorf("opening %q: %w: there is nothing in the file", location, ErrCorrupt)
	}
	return nil, fmt.Errorf("opening %q: %w: it is none of the kinds that are known here", location, ErrVersion)
}

// ForNew finds the driver for a database to be created: by kind if it is not "", else by the location's extension, else the first.
func ForNew(drivers []Driver, location, kind string) (*Driver, error) {
	if scheme, _, ok := strings.Cut(location, "://"); ok {
		return byScheme(drivers, scheme)
	}
	extension := strings.ToLower(filepath.Ext(location))
	for i := range drivers {
		d := &drivers[i]
		if kind != "" && d.hasName(kind) || kind == "" && contains(d.Extensions, extension) {
			return d, nil
		}
	}
	if kind == "" {
		return &drivers[0], nil
	}
	return nil, fmt.Errorf("%w: a database of type %q", ErrUnsupported, kind)
}

func (d *Driver) hasName(kind string) bool {
	return strings.EqualFold(d.Name, kind) || contains(d.Aliases, strings.ToLower(kind))
}

func byScheme(drivers []Driver, scheme string) (*Driver, error) {
	for i := range drivers {
		if drivers[i].Scheme == scheme {
			return &drivers[i], nil
		}
	}
	return nil, fmt.Errorf("%w: locations that begin with %s://", ErrUnsupported, scheme)
}

func contains(list []string, s string) bool {
	for _, item := range list {
		if item == s {
			return true
		}
	}
	return false
}

func readHead(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, headSize))
}
