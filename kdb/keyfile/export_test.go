package keyfile

import (
	"context"

	"certkdb/kdb"
	"certkdb/kdb/atomicfile"
)

// SetDisk makes a database write to another disk.
func (d *Database) SetDisk(disk atomicfile.FS) { d.disk = disk }

// CreateOn is Create on another disk.
func CreateOn(ctx context.Context, disk atomicfile.FS, c Codec, location string, o kdb.Options) error {
	db := newDatabase(c, location, o)
	db.disk = disk
	_, err := db.create(ctx, kdb.CreateOptions{}, nil)
	return err
}
