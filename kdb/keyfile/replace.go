package keyfile

import (
	"errors"
	"fmt"
	"io/fs"

	"certkdb/kdb"
	"certkdb/kdb/atomicfile"
)

// change is a file to be written; nil data removes it.
type change struct {
	path string
	data []byte
}

// stage writes all changes next to their files. The caller discards the set in the end.
func (d *Database) stage(changes []change) (*atomicfile.Set, error) {
	set := atomicfile.NewSet(d.disk, d.paths().main)
	for _, c := range changes {
		if c.data == nil {
			set.Remove(c.path)
		} else if err := set.Put(c.path, c.data); err != nil {
			set.Discard()
			return nil, err
		}
	}
	return set, nil
}

// replaceFiles prepares all changes, asks verify whether they are still wanted, and then makes them in one step. Owner, mode and access
// rights stay. If a process is killed meanwhile, the next one completes the step or goes back.
func (d *Database) replaceFiles(changes []change, verify func() error) error {
	p := d.paths()
	atomicfile.RemoveStale(d.disk, append([]string{p.main}, p.others()...)...)
	set, err := d.stage(changes)
	if err != nil {
		return err
	}
	defer set.Discard()
	if err := verify(); err != nil {
		return err
	}
	return set.Replace()
}

// createFiles makes files that must not exist yet, the last one first, so that the main file exists only when all do.
func (d *Database) createFiles(changes []change) error {
	set, err := d.stage(changes)
	if err != nil {
		return err
	}
	defer set.Discard()
	err = set.Create()
	if errors.Is(err, fs.ErrExist) || errors.Is(err, atomicfile.ErrBusy) {
		return fmt.Errorf("%w: %q", kdb.ErrDatabaseExists, d.location)
	}
	return err
}
