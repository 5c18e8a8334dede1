package kdb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// Driver opens and creates one kind of database.
type Driver struct {
	// Name is what --type takes and Info.Format shows.
	Name string
	// Aliases are other spellings of Name ("p12").
	Aliases []string
	// Locates says whether a location names such a database, wherever that is ("etcd://host/prefix"). It is nil for files.
	Locates func(location string) bool
	// Extensions are the endings that a new file of this kind has, with the dot, in lower case.
	Extensions []string
	// Pieces says that such a file is a series of independent pieces (PEM, DER, PKCS #7), not a container: it can be
	// read as a stream, piece by piece, and no password opens it; only private keys in it may have one.
	Pieces bool
	// Profiles name the ways in which a new database can be written, the default one first; nil if there is but one.
	Profiles []string
	// Unprotected says that a profile of new databases takes no password; nil if all do.
	Unprotected func(profile string) bool
	// StashOnly says that a stash can open such a database without there being a password.
	StashOnly bool
	// Matches recognises an existing file by its first bytes (up to 8192) and nothing else.
	Matches func(head []byte) bool
	// Remains recognises what is left of a damaged file that nothing matches; nil if the kind cannot be recovered.
	Remains func(file io.ReaderAt, size int64) bool
	// Recover copies what can be read of a damaged database into a new one at another location; "" only looks what there is. The options open
	// both. It is nil if the kind cannot be recovered.
	Recover func(ctx context.Context, location, to string, o Options) (Recovery, error)
	// Restore puts a backup in the place of the database at a location: see [RestoreOptions]. It is nil if the kind has no backups.
	Restore func(ctx context.Context, backup, location string, o RestoreOptions) (Restored, error)
	// Open opens an existing database. It does not ask for the password before the file has proved to be one.
	Open func(ctx context.Context, location string, o Options) (Database, error)
	// Create makes a new, empty database, wrapping ErrDatabaseExists if there is one already; nil if the kind can
	// only be read. The password is that of the options' Password; the database is returned open.
	Create func(ctx context.Context, location string, o CreateOptions) (Database, error)
	// CreateWith is Create with a first change: the database appears together with its content. If fn fails or changes nothing,
	// nothing is made; the database is nil. It is nil itself where an empty database is no trap for the programs that load it.
	CreateWith func(ctx context.Context, location string, o CreateOptions, fn func(Tx) error) (Database, error)
	// Encode makes the content of a new file with what fn puts into it, and no file; the location is its name. It is nil if the kind needs
	// its file, or several.
	Encode func(ctx context.Context, location string, o CreateOptions, fn func(Tx) error) ([]byte, error)
	// Accepts reports why such a database cannot hold an entry; nil if it can hold every complete entry.
	Accepts func(Entry) error
	// Fold is that of the transactions ([Folder]); nil if such a database tells all labels apart.
	Fold func(label string) string
	// Exists says whether there is anything at the location, a database or not, so that Create would fail. Files use [FileExists].
	Exists func(ctx context.Context, location string) (bool, error)
	// Beside returns the paths of the other files that a database at the location has or may get, such as a stash; nil if there are none.
	Beside func(location string) []string
	// OpenData opens a database that was read already, for reading alone; the location is its name. It is nil if the kind needs its file.
	OpenData func(ctx context.Context, location string, data []byte, o Options) (Database, error)
	// Data is what Open opens instead of a file, if [Recognise] or [RecogniseData] had to read all of it.
	Data []byte
	// Unwrap returns the file that a text holds in base64, nil if it holds something else; of the beginning of a text, that of the file.
	// It is nil for most kinds.
	Unwrap func(text []byte, whole bool) []byte
	// Labels yields the labels that begin with prefix, in the order of their bytes, without a password. It is nil if the kind
	// cannot tell its labels before it is opened.
	Labels func(ctx context.Context, location, prefix string) iter.Seq2[string, error]
}

// HeadSize is how many bytes of a file its driver is recognised by.
const HeadSize = 8192

// Exists says whether there is anything at the location that a new database would have to replace.
func Exists(ctx context.Context, drivers []Driver, location string) (bool, error) {
	driver, err := ForNew(drivers, location, "")
	if err != nil {
		return false, err
	}
	exists, err := driver.Exists(ctx, location)
	if err != nil {
		return false, &OpenError{Location: location, Err: withoutPath(err)}
	}
	return exists, nil
}

// FileExists is [Driver.Exists] of the databases that are files. A symbolic link exists even if its target does not.
func FileExists(_ context.Context, location string) (bool, error) {
	_, err := os.Lstat(location)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return false, nil
	}
	return err == nil, err
}

// Same says whether two locations name the same database, also through links.
func Same(one, other string) bool {
	if one == other {
		return true
	}
	first, err1 := os.Stat(one)
	second, err2 := os.Stat(other)
	return err1 == nil && err2 == nil && os.SameFile(first, second)
}

// withoutPath removes the path from an error of package os, for messages that name it already.
func withoutPath(err error) error {
	if named, ok := errors.AsType[*fs.PathError](err); ok {
		return named.Err
	}
	return err
}

// Recognise finds the driver of the existing database at location, or of the one that the file there holds in base64, which can only be
// read. What is no regular file is not opened: [ErrIrregular].
func Recognise(drivers []Driver, location string) (*Driver, error) {
	if driver := locating(drivers, location); driver != nil {
		return driver, nil
	}
	head, err := readHead(location)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &OpenError{Location: location, Err: ErrNoDatabase}
	}
	if err != nil {
		return nil, &OpenError{Location: location, Err: withoutPath(err)}
	}
	if driver, err := unwrapFile(drivers, location, head); driver != nil || err != nil {
		return driver, err
	}
	driver, err := match(drivers, head)
	var foreign *ForeignFormat
	if err != nil && (!errors.As(err, &foreign) || foreign.Loose) && remains(drivers, location) {
		err = ErrRemains
	}
	if err != nil {
		return nil, &OpenError{Location: location, Err: err}
	}
	return driver, nil
}

// remains says whether a file is what is left of a database.
func remains(drivers []Driver, path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return false
	}
	for i := range drivers {
		if drivers[i].Remains != nil && drivers[i].Remains(f, info.Size()) {
			return true
		}
	}
	return false
}

// Creatable are the names of the kinds of databases that can be created.
func Creatable(drivers []Driver) []string {
	var names []string
	for i := range drivers {
		if drivers[i].Create != nil || drivers[i].CreateWith != nil {
			names = append(names, drivers[i].Name)
		}
	}
	return names
}

// ForNew finds the driver for a database to be created: the one whose location it is, else by kind if that is not "", else by the
// location's extension, else the first.
func ForNew(drivers []Driver, location, kind string) (*Driver, error) {
	if driver := locating(drivers, location); driver != nil {
		return driver, nil
	}
	extension := strings.ToLower(filepath.Ext(location))
	for i := range drivers {
		d := &drivers[i]
		if kind != "" && d.hasName(kind) || kind == "" && slices.Contains(d.Extensions, extension) {
			return d, nil
		}
	}
	if kind == "" {
		return &drivers[0], nil
	}
	return nil, fmt.Errorf("%w: there is no kind of database %q", ErrUnsupported, kind)
}

func (d *Driver) hasName(kind string) bool {
	return strings.EqualFold(d.Name, kind) || slices.Contains(d.Aliases, strings.ToLower(kind))
}

// locating is the driver of a location that is not that of a file, nil if there is none.
func locating(drivers []Driver, location string) *Driver {
	for i := range drivers {
		if drivers[i].Locates != nil && drivers[i].Locates(location) {
			return &drivers[i]
		}
	}
	return nil
}

// Irregular says whether a file is a device, a pipe or a socket: opening or reading it may wait forever, and what was read cannot be
// read again.
func Irregular(info fs.FileInfo) bool {
	return info.Mode()&(fs.ModeNamedPipe|fs.ModeDevice|fs.ModeSocket) != 0
}

func readHead(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err == nil && Irregular(info) {
		err = ErrIrregular
	}
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		if foreign := foreignFolder(path); foreign != nil {
			return nil, foreign
		}
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	head := make([]byte, HeadSize)
	n, err := io.ReadFull(f, head)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	return head[:n], err
}
