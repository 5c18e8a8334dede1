package keyfile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"certkdb/kdb"
	"certkdb/kdb/atomicfile"
	"certkdb/kdb/internal/lockfile"
)

const (
	headSize = 4096
	// maxFile bounds what is read into memory: more than any program that shares these formats can hold.
	maxFile = 1 << 30
	// maxReads bounds how often reading starts again because a writer came between the files.
	maxReads = 20
)

func readHead(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, headSize))
}

// paths are the files of a database with symbolic links followed: the main file, and the companions in the codec's order.
type paths struct {
	main       string
	endings    []string
	companions []string
	stash      string // "" if the format has none
}

func (d *Database) paths() paths {
	p := paths{main: atomicfile.Follow(d.location), endings: d.codec.Companions}
	for _, ending := range p.endings {
		path := beside(d.location, ending)
		if _, err := os.Lstat(path); err != nil {
			path = beside(p.main, ending) // a link to a database elsewhere, whose companions are there
		}
		p.companions = append(p.companions, atomicfile.Follow(path))
	}
	if path := d.StashPath(); path != "" {
		p.stash = atomicfile.Follow(path)
	}
	return p
}

// all returns the paths in the order in which they are replaced: see [Codec.Companions].
func (p paths) all() []string { return append([]string{p.main}, p.companions...) }

// others are all files that change together with the main file.
func (p paths) others() []string {
	if p.stash == "" {
		return p.companions
	}
	return append(slices.Clip(p.companions), p.stash)
}

// current is where the contents of the files are: a change may be decided that not all of them have yet.
func (p paths) current() paths {
	where := atomicfile.Current(p.main, p.others()...)
	p.main, where = where[0], where[1:]
	p.companions = where[:len(p.companions)]
	if p.stash != "" {
		p.stash = where[len(p.companions)]
	}
	return p
}

// complete makes sure that no change is half made, if nobody has the file locked. Where it cannot be completed, such as in a folder
// without write permission, readers do without.
func (d *Database) complete(ctx context.Context) {
	p := d.paths()
	if atomicfile.Interrupted(p.main) == nil {
		return
	}
	if unlock, err := lockfile.Lock(ctx, p.main, 0); err == nil {
		defer unlock()
		_ = atomicfile.Recover(d.disk, p.main, p.others()...)
	}
}

// beside replaces the extension of a path.
func beside(path, extension string) string {
	return strings.TrimSuffix(path, filepath.Ext(path)) + extension
}

// stamp identifies a state of the files. The last one is the journal of an interrupted change.
type stamp []fs.FileInfo // nil where a file is missing

func (s stamp) equal(o stamp) bool {
	if len(s) != len(o) {
		return false
	}
	for i := range s {
		if (s[i] == nil) != (o[i] == nil) {
			return false
		}
		if s[i] != nil && (!os.SameFile(s[i], o[i]) || s[i].Size() != o[i].Size() || !s[i].ModTime().Equal(o[i].ModTime())) {
			return false
		}
	}
	return true
}

func (s stamp) size() int64 {
	var size int64
	for _, info := range s[:len(s)-1] {
		if info != nil {
			size += info.Size()
		}
	}
	return size
}

// stamp takes the state of the files; what is held does not change.
func (d *Database) stamp() (stamp, error) {
	if d.held != nil {
		return stamp{nil}, nil
	}
	return d.paths().stamp()
}

// stamp takes the state of the files.
func (p paths) stamp() (stamp, error) {
	var s stamp
	for i, path := range p.all() {
		info, err := os.Stat(path)
		if i > 0 && errors.Is(err, fs.ErrNotExist) {
			info, err = nil, nil
		}
		if err != nil {
			return nil, err
		}
		s = append(s, info)
	}
	return append(s, atomicfile.Interrupted(p.main)), nil
}

// read reads main file and companions in one state: nobody locks readers out, so it reads again when a writer came between.
func (d *Database) read(ctx context.Context) (Files, stamp, error) {
	if d.held != nil {
		s, err := d.stamp()
		return *d.held, s, err
	}
	d.complete(ctx)
	for range maxReads {
		p := d.paths()
		before, err := p.stamp()
		if errors.Is(err, fs.ErrNotExist) {
			return Files{}, nil, &kdb.OpenError{Location: d.location, Err: kdb.ErrNoDatabase}
		}
		var files Files
		if err == nil {
			files, err = p.current().read()
		}
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return Files{}, nil, fmt.Errorf("reading %q: %w", d.location, err)
		}
		if after, err := p.stamp(); err == nil && before.equal(after) {
			return files, before, nil
		}
	}
	return Files{}, nil, fmt.Errorf("reading %q: %w: it changed each of the %d times it was read", d.location, kdb.ErrChanged, maxReads)
}

func (p paths) read() (Files, error) {
	main, err := readAll(p.main)
	files := Files{Main: main}
	for i, path := range p.companions {
		if err != nil {
			break
		}
		if path == "" {
			continue
		}
		var data []byte
		data, err = readAll(path)
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
			continue
		}
		if files.Companions == nil {
			files.Companions = map[string][]byte{}
		}
		files.Companions[p.endings[i]] = data
	}
	return files, err
}

var errTooLarge = fmt.Errorf("%w: it is larger than 1 GiB", kdb.ErrParse)

func readAll(path string) ([]byte, error) {
	// Before it is opened, which would wait if it is a pipe.
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() && !info.IsDir() {
		return nil, kdb.ErrIrregular
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	switch {
	case info.IsDir():
		return nil, fmt.Errorf("%w: a folder", kdb.ErrUnsupported)
	case info.Size() > maxFile:
		return nil, errTooLarge
	}
	data := make([]byte, 0, info.Size()+1)
	for {
		n, err := f.Read(data[len(data):cap(data)])
		data = data[:len(data)+n]
		switch {
		case err == io.EOF:
			return data, nil
		case err != nil:
			return nil, err
		case len(data) > maxFile:
			return nil, errTooLarge
		case len(data) == cap(data):
			data = append(data, 0)[:len(data)]
		}
	}
}

// loaded is a decoded state of the files.
type loaded struct {
	files     Files
	stamp     stamp
	container Container
	// partial says that the format did without its password; with the password there may be more in it.
	partial bool
	later   *later
	// view is the transaction of views, kept because a long listing takes many of them; nil until the first.
	view *tx
}

// load returns the decoded files; what was decoded before is used again if the files are the same. mayAsk says that a person may be
// asked for the password, now and as long as the container is used.
func (d *Database) load(ctx context.Context, mayAsk bool) (*loaded, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if kept := d.spare.take(); kept != nil {
		if now, err := d.stamp(); err == nil && now.equal(kept.stamp) {
			kept.later.ask = d.asker(ctx, mayAsk)
			return kept, nil
		}
	}
	files, stamp, err := d.read(ctx)
	if err != nil {
		return nil, err
	}
	l := &loaded{files: files, stamp: stamp, later: &later{}}
	if l.container, l.partial, err = d.decode(files, d.candidates(ctx, mayAsk), l.later); err != nil {
		return nil, &kdb.OpenError{Location: d.location, Err: err}
	}
	d.unverified.Store(l.partial && !d.codec.Pieces)
	open, ok := l.container.(Unsealed)
	d.unsealed.Store(ok && open.Unsealed())
	shortened := shortenedBy(l.container)
	d.shortened.Store(&shortened)
	l.later.ask = d.asker(ctx, mayAsk)
	return l, nil
}

// spare keeps one decoded state for the next call; decoding can take long. Whoever takes it has it alone.
type spare struct {
	mu   sync.Mutex
	kept *loaded
}

func (s *spare) take() *loaded {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept := s.kept
	s.kept = nil
	return kept
}

func (s *spare) put(l *loaded) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !l.partial {
		s.kept = l
	}
}
