// Package atomicfiletest is a disk for tests: it records the calls that change something, and makes chosen ones fail.
//
//	disk := &atomicfiletest.Disk{Fail: atomicfiletest.At(3, syscall.EIO)}
//	err := write(disk)
//	// disk.Calls(): "create a~", "write a~", "sync a~"
package atomicfiletest

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"certkdb/kdb/atomicfile"
)

// Disk does what it is told on the real disk. It may be used by several goroutines.
type Disk struct {
	// Fail returns the error of the n-th call, counted from 1, which is then not made; nil makes it. A nil function fails nothing.
	Fail func(n int, call string) error
	// Unnamed makes files without names where the system can. Else the calls are the same everywhere.
	Unnamed bool

	mu    sync.Mutex
	calls []string
}

var _ atomicfile.FS = (*Disk)(nil)

// At lets the n-th call fail, and it alone.
func At(n int, err error) func(int, string) error {
	return func(i int, _ string) error {
		if i == n {
			return err
		}
		return nil
	}
}

// From lets the n-th call fail and all after it, as if the process was killed there.
func From(n int, err error) func(int, string) error {
	return func(i int, _ string) error {
		if i >= n {
			return err
		}
		return nil
	}
}

// Every lets all calls fail that begin with one word, such as "chown".
func Every(word string, err error) func(int, string) error {
	return func(_ int, call string) error {
		if strings.HasPrefix(call, word+" ") {
			return err
		}
		return nil
	}
}

// Calls returns the calls so far: a word and the names of the files without their folders. A temporary name is the final one with "~".
func (d *Disk) Calls() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]string(nil), d.calls...)
}

// note records a call and says whether it fails.
func (d *Disk) note(word string, paths ...string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	call := word
	for _, path := range paths {
		call += " " + short(path)
	}
	d.calls = append(d.calls, call)
	if d.Fail == nil {
		return nil
	}
	return d.Fail(len(d.calls), call)
}

func short(path string) string {
	name := filepath.Base(path)
	if final, _, found := strings.Cut(strings.TrimPrefix(name, "."), ".certkdb-"); found {
		return final + "~"
	}
	return name
}

// Create implements atomicfile.FS.
func (d *Disk) Create(path string) (*os.File, bool, error) {
	if err := d.note("create", path); err != nil {
		return nil, false, err
	}
	if d.Unnamed {
		return atomicfile.Disk{}.Create(path)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	return f, true, err
}

// Claim implements atomicfile.FS.
func (d *Disk) Claim(path string) error {
	if err := d.note("create", path); err != nil {
		return err
	}
	return atomicfile.Disk{}.Claim(path)
}

// Write implements atomicfile.FS. A write that fails has written half of the data, as on a full disk.
func (d *Disk) Write(f *os.File, data []byte) (int, error) {
	if err := d.note("write", f.Name()); err != nil {
		n, _ := f.Write(data[:len(data)/2])
		return n, err
	}
	return f.Write(data)
}

// Chown implements atomicfile.FS.
func (d *Disk) Chown(f *os.File, uid, gid int) error {
	if err := d.note("chown", f.Name()); err != nil {
		return err
	}
	return f.Chown(uid, gid)
}

// Chmod implements atomicfile.FS.
func (d *Disk) Chmod(f *os.File, mode fs.FileMode) error {
	if err := d.note("chmod", f.Name()); err != nil {
		return err
	}
	return f.Chmod(mode)
}

// Truncate implements atomicfile.FS.
func (d *Disk) Truncate(f *os.File, size int64) error {
	if err := d.note("truncate", f.Name()); err != nil {
		return err
	}
	return f.Truncate(size)
}

// SetAttribute implements atomicfile.FS.
func (d *Disk) SetAttribute(f *os.File, name string, value []byte) error {
	if err := d.note("setattribute", f.Name()); err != nil {
		return err
	}
	return atomicfile.Disk{}.SetAttribute(f, name, value)
}

// Sync implements atomicfile.FS. It spares the real disk.
func (d *Disk) Sync(f *os.File) error { return d.note("sync", f.Name()) }

// LinkFile implements atomicfile.FS.
func (d *Disk) LinkFile(f *os.File, to string) error {
	if err := d.note("link", f.Name(), to); err != nil {
		return err
	}
	return atomicfile.Disk{}.LinkFile(f, to)
}

// Link implements atomicfile.FS.
func (d *Disk) Link(from, to string) error {
	if err := d.note("link", from, to); err != nil {
		return err
	}
	return os.Link(from, to)
}

// Rename implements atomicfile.FS.
func (d *Disk) Rename(from, to string) error {
	if err := d.note("rename", from, to); err != nil {
		return err
	}
	return atomicfile.Disk{}.Rename(from, to)
}

// Remove implements atomicfile.FS.
func (d *Disk) Remove(path string) error {
	if err := d.note("remove", path); err != nil {
		return err
	}
	return os.Remove(path)
}

// SyncFolder implements atomicfile.FS. It spares the real disk.
func (d *Disk) SyncFolder(path string) error { return d.note("syncfolder", path) }
