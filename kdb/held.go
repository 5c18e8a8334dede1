package kdb

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
)

// ErrNeedsFile says that a native database cannot be read from a pipe or out of base64 text.
var ErrNeedsFile = fmt.Errorf("%w: a native database is read from its own file, not from a pipe or base64 text", ErrUnsupported)

// maxHeld bounds what is read of a file that holds another one.
const maxHeld = 1 << 30

// maxWraps is how many times a file may be wrapped: Kubernetes encodes what is encoded already.
const maxWraps = 3

// RecogniseData finds the driver of a database that was read already, from a pipe for example, or of the one that it holds in base64. Its
// Open opens the data, which can only be read, and takes the location for a name. The errors are those of [Recognise], and [ErrNeedsFile].
func RecogniseData(drivers []Driver, name string, data []byte) (*Driver, error) {
	if inner := unwrap(drivers, data, true); inner != nil {
		data = inner
	}
	driver, err := match(drivers, data[:min(len(data), HeadSize)])
	if err == nil && driver.OpenData == nil {
		err = ErrNeedsFile
	}
	if err != nil {
		return nil, &OpenError{Location: name, Err: err}
	}
	return driver.holding(data), nil
}

// match finds the driver of a file by its beginning. The error wraps ErrVersion or ErrCorrupt.
func match(drivers []Driver, head []byte) (*Driver, error) {
	if foreign := FindForeign(head); foreign != nil {
		return nil, foreign
	}
	if encoded := findEncoded(head); encoded != nil {
		return nil, encoded
	}
	for i := range drivers {
		if drivers[i].Matches != nil && drivers[i].Matches(head) {
			return &drivers[i], nil
		}
	}
	switch {
	case len(head) == 0:
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, ErrEmpty)
	case len(bytes.TrimRight(head, "\x00")) == 0:
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, ErrZeros)
	}
	if loose := findLoose(head); loose != nil {
		return nil, loose
	}
	return nil, fmt.Errorf("%w: unknown kind of file", ErrVersion)
}

// holding is the driver of a database that was read already.
func (d *Driver) holding(data []byte) *Driver {
	held := *d
	held.Data, held.Create, held.CreateWith, held.Labels, held.Recover = data, nil, nil, nil, nil
	held.Open = func(ctx context.Context, location string, o Options) (Database, error) {
		return d.OpenData(ctx, location, data, o)
	}
	return &held
}

// unwrap returns the container that a text holds in base64, or its beginning if the text is the beginning of one; nil if it holds none.
// Certificates and keys in base64 are read by the driver of such files.
func unwrap(drivers []Driver, text []byte, whole bool) []byte {
	var loose []byte // what was found and is no key store, if nothing better is in it
	for range maxWraps {
		var inner []byte
		for i := range drivers {
			if drivers[i].Unwrap != nil && inner == nil {
				inner = drivers[i].Unwrap(text, whole)
			}
		}
		if inner == nil {
			break
		}
		driver, err := match(drivers, inner[:min(len(inner), HeadSize)])
		var foreign *ForeignFormat
		named := errors.As(err, &foreign)
		if err == nil && !driver.Pieces || named && !foreign.Loose {
			return inner
		}
		if named {
			loose = inner // base64 is text as well
		}
		text = inner
	}
	return loose
}

// unwrapFile is the driver of the database that a file holds in base64; nil if it holds none. head is the beginning of the file.
func unwrapFile(drivers []Driver, path string, head []byte) (*Driver, error) {
	if unwrap(drivers, head, len(head) < HeadSize) == nil {
		return nil, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, &OpenError{Location: path, Err: withoutPath(err)}
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxHeld))
	if err != nil {
		return nil, &OpenError{Location: path, Err: withoutPath(err)}
	}
	if unwrap(drivers, data, true) == nil {
		return nil, nil
	}
	return RecogniseData(drivers, path, data)
}
