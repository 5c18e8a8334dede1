// Package keyfile is a [kdb.Database] in one file of a foreign format, such as PKCS #12, JKS or IBM's CMS. The formats are
// [Codec]s, which turn bytes into entries and back; this package reads, locks and replaces the files.
//
//	drivers := []kdb.Driver{keyfile.Driver(pkcs12.Codec()), keyfile.Driver(jks.JKS())}
//	db, err := keyfile.Driver(pkcs12.Codec()).Open(ctx, "server.p12", options)
//
// A change writes a new file next to the old one and renames it, so that readers, which take no lock, and a killed process
// leave the old file or the new one, whole. Companions and a stash file change in the same step (package atomicfile). Writers
// lock each other out; a writer that does not lock, such as keytool, is noticed if it comes between (kdb.ErrChanged), but it may overwrite
// what was changed while it ran.
package keyfile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync/atomic"

	"certkdb/kdb"
	"certkdb/kdb/atomicfile"
)

// Driver makes the driver of a codec's format for [kdb.Open].
func Driver(c Codec) kdb.Driver {
	d := kdb.Driver{Name: c.Name, Aliases: c.Aliases, Extensions: c.Extensions, Pieces: c.Pieces, Matches: c.Matches, Exists: kdb.FileExists}
	d.Open = func(_ context.Context, location string, o kdb.Options) (kdb.Database, error) {
		db, err := Open(c, location, o)
		if err != nil {
			return nil, err
		}
		return db, nil
	}
	d.Accepts, d.Fold, d.Unwrap, d.Profiles, d.Unprotected = c.accepts, c.Fold, c.Unwrap, c.Profiles, c.Unprotected
	d.OpenData = func(_ context.Context, location string, data []byte, o kdb.Options) (kdb.Database, error) {
		db := newDatabase(c, location, o)
		db.held = &Files{Main: data}
		return db, nil
	}
	d.Beside = func(location string) []string { return newDatabase(c, location, kdb.Options{}).paths().others() }
	if c.New != nil {
		d.Encode = func(ctx context.Context, location string, o kdb.CreateOptions, fn func(kdb.Tx) error) ([]byte, error) {
			return newDatabase(c, location, o.Options).encode(ctx, o, fn)
		}
		d.CreateWith = func(ctx context.Context, location string, o kdb.CreateOptions, fn func(kdb.Tx) error) (kdb.Database, error) {
			db := newDatabase(c, location, o.Options)
			if made, err := db.create(ctx, o, fn); err != nil || !made {
				return nil, err
			}
			return db, nil
		}
		d.Create = func(ctx context.Context, location string, o kdb.CreateOptions) (kdb.Database, error) {
			db, err := Create(ctx, c, location, o)
			if err != nil {
				return nil, err
			}
			return db, nil
		}
	}
	return d
}

// Database is a key file. Its methods may be used by several goroutines.
type Database struct {
	codec    Codec
	location string
	options  kdb.Options
	// updating lets one goroutine of this process update; the lock of the file is for other processes.
	updating chan struct{}
	secrets  secrets
	spare    spare
	disk     atomicfile.FS
	// held is what was read already, from a pipe or out of base64 text; it cannot be changed. It is nil for a file.
	held *Files

	unverified, unsealed atomic.Bool // what was read last
	shortened            atomic.Pointer[[]kdb.Shortened]
}

// Open opens the key file at location, without reading more than its beginning. The error wraps kdb.ErrNoDatabase or kdb.ErrVersion.
func Open(c Codec, location string, o kdb.Options) (*Database, error) {
	head, err := readHead(location)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &kdb.OpenError{Location: location, Err: kdb.ErrNoDatabase}
	}
	if err != nil {
		return nil, &kdb.OpenError{Location: location, Err: err}
	}
	if c.Matches != nil && !c.Matches(head) {
		return nil, &kdb.OpenError{Location: location, Err: fmt.Errorf("%w: it is not a %s file", kdb.ErrVersion, c.Name)}
	}
	return newDatabase(c, location, o), nil
}

func newDatabase(c Codec, location string, o kdb.Options) *Database {
	d := &Database{codec: c, location: location, options: o, updating: make(chan struct{}, 1), disk: c.Disk}
	if d.disk == nil {
		d.disk = atomicfile.Disk{}
	}
	return d
}

// Create makes an empty key file with its companions. It never writes over an existing file: kdb.ErrDatabaseExists. The password
// may be missing where the profile needs none.
func Create(ctx context.Context, c Codec, location string, o kdb.CreateOptions) (*Database, error) {
	if c.New == nil {
		return nil, fmt.Errorf("creating %q: %w: %s files are only read", location, kdb.ErrUnsupported, c.Name)
	}
	db := newDatabase(c, location, o.Options)
	if _, err := db.create(ctx, o, nil); err != nil {
		return nil, err
	}
	return db, nil
}

// create makes the files, with what fn puts into them. If fn fails or changes nothing, no file is made.
func (d *Database) create(ctx context.Context, o kdb.CreateOptions, fn func(kdb.Tx) error) (made bool, err error) {
	paths := d.paths()
	if err := atomicfile.Recover(d.disk, paths.main, paths.others()...); err != nil {
		return false, fmt.Errorf("creating %q: %w", d.location, busy(err))
	}
	for _, path := range paths.all() {
		if _, err := os.Lstat(path); err == nil {
			return false, fmt.Errorf("creating %q: %w", path, kdb.ErrDatabaseExists)
		}
	}
	encode, err := d.stashEncoder(o)
	if err != nil {
		return false, fmt.Errorf("creating %q: %w", d.location, err)
	}
	container, changed, err := d.newContainer(ctx, o.Profile, fn)
	if err != nil || fn != nil && !changed {
		return false, err
	}
	files, password, err := d.encodeNew(ctx, container)
	changes := paths.changes(files, Files{})
	if err == nil && encode != nil {
		var stash change
		stash, err = d.newStash(password, encode)
		changes = append(changes, stash)
	}
	if err == nil {
		err = d.createFiles(changes)
	}
	if err != nil {
		return false, fmt.Errorf("creating %q: %w", d.location, err)
	}
	d.secrets.set(password)
	return true, nil
}

// newContainer makes a container with what fn puts into it, and says whether that is anything.
func (d *Database) newContainer(ctx context.Context, profile string, fn func(kdb.Tx) error) (c Container, changed bool, err error) {
	if c, err = d.codec.New(profile); err != nil {
		return nil, false, fmt.Errorf("creating %q: %w", d.location, err)
	}
	if fn != nil {
		tx := newTx(ctx, &d.codec, c, true)
		if err := fn(tx); err != nil {
			return nil, false, err
		}
		changed = tx.changed
	}
	return c, changed, nil
}

// encode makes the content of a new file with what fn puts into it. Files beside it are left out.
func (d *Database) encode(ctx context.Context, o kdb.CreateOptions, fn func(kdb.Tx) error) ([]byte, error) {
	container, _, err := d.newContainer(ctx, o.Profile, fn)
	if err != nil {
		return nil, err
	}
	files, password, err := d.encodeNew(ctx, container)
	clear(password)
	if err != nil {
		return nil, fmt.Errorf("creating %q: %w", d.location, err)
	}
	return files.Main, nil
}

// encodeNew encodes a new container. A file of pieces needs a password only if a private key is in it.
func (d *Database) encodeNew(ctx context.Context, container Container) (files Files, password []byte, err error) {
	var asked error
	if !d.codec.Pieces {
		password, asked = d.ask(ctx)
	}
	files, err = container.Encode(password)
	if d.codec.Pieces && errors.Is(err, kdb.ErrNoPassword) {
		if password, asked = d.askNew(ctx); asked == nil {
			files, err = container.Encode(password)
		}
	}
	if err != nil && asked != nil {
		err = asked
	}
	return files, password, err
}

// Close forgets the password.
func (d *Database) Close() error {
	d.secrets.forget()
	d.spare.take()
	return nil
}

// View implements [kdb.Database].
func (d *Database) View(ctx context.Context, fn func(kdb.Tx) error) error {
	loaded, err := d.load(ctx, true)
	if err != nil {
		return err
	}
	if loaded.view == nil {
		loaded.view = newTx(ctx, &d.codec, loaded.container, false)
	}
	loaded.view.ctx = ctx
	if err := fn(loaded.view); err != nil {
		return err
	}
	d.spare.put(loaded)
	return nil
}

// Info implements [kdb.Database]. Without a password it tells what the codec can see; Entries is -1 if that is not their number.
func (d *Database) Info(ctx context.Context) (kdb.Info, error) {
	info := kdb.Info{Location: d.location, Format: d.codec.Name, Entries: -1, ReadOnly: d.codec.New == nil || d.held != nil}
	files, stamp, err := d.read(ctx)
	if err != nil {
		return info, err
	}
	info.Size = stamp.size()
	if d.held != nil {
		info.Size = int64(len(d.held.Main))
	}
	if loaded, err := d.load(ctx, false); err == nil {
		container := loaded.container
		info.Version, info.Facts, info.Entries = container.Version(), container.Facts(), len(container.Entries())
		d.spare.put(loaded)
		return info, nil
	} else if !errors.Is(err, kdb.ErrNoPassword) && !errors.Is(err, kdb.ErrPassword) {
		return info, err
	}
	if d.codec.Describe != nil {
		info.Version, info.Facts = d.codec.Describe(files)
	}
	return info, nil
}

// Unverified says that the file was read without its password, with which it would have been verified: nothing shows whether it was
// changed.
func (d *Database) Unverified() bool { return d.unverified.Load() }

// Unsealed says that the file has nothing by which its password could verify it, although it has secrets, which others of its kind seal.
func (d *Database) Unsealed() bool { return d.unsealed.Load() }

// Shortened lists the labels of what was read last that are only the beginning of a longer name in the file.
func (d *Database) Shortened() []kdb.Shortened {
	if list := d.shortened.Load(); list != nil {
		return *list
	}
	return nil
}

// shortenedBy lists the labels that a container had to cut.
func shortenedBy(c Container) (list []kdb.Shortened) {
	if s, ok := c.(Shortener); ok {
		for label, n := range s.Shortened() {
			list = append(list, kdb.Shortened{Label: label, Bytes: n})
		}
	}
	return list
}

// Check implements [kdb.Database]. A file that cannot be decoded is a finding; a wrong password is an error.
func (d *Database) Check(ctx context.Context, report func(kdb.Problem)) error {
	loaded, err := d.load(ctx, true)
	if errors.Is(err, kdb.ErrCorrupt) || errors.Is(err, kdb.ErrParse) && !errors.Is(err, kdb.ErrCompanion) {
		report(kdb.Problem{Where: d.location, What: err.Error()})
		return nil
	}
	if err != nil {
		return err
	}
	if s, ok := loaded.container.(Sealer); ok {
		if err := s.Unlock(); err != nil {
			return &kdb.OpenError{Location: d.location, Err: err}
		}
	}
	for _, e := range loaded.container.Entries() {
		if _, err := kdb.Summarize(&e); err != nil {
			report(kdb.Problem{Where: fmt.Sprintf("certificate of label %q", e.Label), What: err.Error()})
		}
	}
	for _, s := range shortenedBy(loaded.container) {
		report(kdb.Problem{Where: fmt.Sprintf("label %q", s.Label), What: s.String(), Severity: kdb.Note})
	}
	loaded.container.Check(report)
	d.spare.put(loaded)
	return ctx.Err()
}
