package databases

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"certkdb/commands/op"
	"certkdb/kdb"
	"certkdb/kdb/sealed"
)

// openNative opens a database for what only the native kind can do.
func openNative(ctx context.Context, env *op.Env, d op.DB, what string) (*sealed.Database, error) {
	db, err := d.Open(ctx, env)
	if err != nil {
		return nil, err
	}
	return native(ctx, db, what)
}

func native(ctx context.Context, db kdb.Database, what string) (*sealed.Database, error) {
	if n, ok := db.(*sealed.Database); ok {
		return n, nil
	}
	defer db.Close()
	info, err := db.Info(ctx)
	if err != nil {
		return nil, err
	}
	return nil, op.WithHint(fmt.Errorf("%q is a %s file: %w: %s", info.Location, info.Format, kdb.ErrUnsupported, what),
		"copy it into a native database with: certkdb copy --all --to NEW.ckdb")
}

// Passwd changes the password.
type Passwd struct {
	op.DB
	NewPassword op.NewPassword
}

// Done names the database that was worked on.
type Done struct {
	Location string `json:"location"`
}

// passwordChanger is a foreign database whose password can be changed.
type passwordChanger interface {
	ChangePassword(ctx context.Context, newPassword []byte) error
}

func changePassword(ctx context.Context, db kdb.Database, password []byte) error {
	switch db := db.(type) {
	case *sealed.Database:
		_, err := db.ChangePassword(ctx, 0, password, kdb.CostProduction)
		return err
	case passwordChanger:
		return db.ChangePassword(ctx, password)
	}
	return fmt.Errorf("changing the password: %w", kdb.ErrUnsupported)
}

// unlocker is a database that can be opened with its old password before the new one is asked for.
type unlocker interface {
	Unlock(ctx context.Context) error
}

// Run changes it. The old password is asked for first, so that nobody types a new one in vain.
func (o Passwd) Run(ctx context.Context, env *op.Env) (Done, error) {
	location, err := o.Path(env)
	if err != nil {
		return Done{}, err
	}
	db, err := o.Open(ctx, env)
	if err != nil {
		return Done{}, err
	}
	defer db.Close()
	if u, ok := db.(unlocker); ok {
		if err := u.Unlock(ctx); err != nil {
			return Done{}, err
		}
	}
	password, err := o.NewPassword.Get(env, location)
	if err != nil {
		return Done{}, err
	}
	defer clear(password)
	return Done{Location: location}, changePassword(ctx, db, password)
}

// ListSlots lists key slots.
type ListSlots struct{ op.DB }

// Slots is a list of key slots.
type Slots struct {
	Slots []Slot `json:"slots"`
}

// Run lists. It needs no password.
func (o ListSlots) Run(ctx context.Context, env *op.Env) (Slots, error) {
	db, err := openNative(ctx, env, o.DB, "key slots")
	if err != nil {
		return Slots{}, err
	}
	defer db.Close()
	info, err := db.Info(ctx)
	return Slots{slots(info.Slots)}, err
}

// AddSlot adds a password.
type AddSlot struct {
	op.DB
	NewPassword op.NewPassword
}

// SlotDone names a slot.
type SlotDone struct {
	ID int `json:"id"`
}

// Run adds it.
func (o AddSlot) Run(ctx context.Context, env *op.Env) (SlotDone, error) {
	db, err := openNative(ctx, env, o.DB, "key slots")
	if err != nil {
		return SlotDone{}, err
	}
	defer db.Close()
	if err := db.Unlock(ctx); err != nil {
		return SlotDone{}, err
	}
	password, err := o.NewPassword.Get(env, "the new slot")
	if err != nil {
		return SlotDone{}, err
	}
	defer clear(password)
	id, err := db.AddPasswordSlot(ctx, password, kdb.CostProduction)
	return SlotDone{id}, err
}

// RemoveSlot removes a slot.
type RemoveSlot struct {
	op.DB
	ID int
}

// Run removes it.
func (o RemoveSlot) Run(ctx context.Context, env *op.Env) (SlotDone, error) {
	db, err := openNative(ctx, env, o.DB, "key slots")
	if err != nil {
		return SlotDone{}, err
	}
	defer db.Close()
	err = db.RemoveSlot(ctx, o.ID)
	if errors.Is(err, kdb.ErrNotFound) {
		err = op.WithHint(op.Classify(fmt.Errorf("there is no key slot %d", o.ID), kdb.ErrNotFound), "see them with: certkdb slots list")
	}
	return SlotDone{o.ID}, err
}

// stasher is a database that can have a stash.
type stasher interface {
	CreateStash(ctx context.Context) error
	RemoveStash(ctx context.Context) error
	StashPath() string
}

func createStash(ctx context.Context, db kdb.Database) (string, error) {
	s, err := asStasher(ctx, db)
	if err != nil {
		return "", err
	}
	return s.StashPath(), s.CreateStash(ctx)
}

func asStasher(ctx context.Context, db kdb.Database) (stasher, error) {
	if s, ok := db.(stasher); ok {
		return s, nil
	}
	info, err := db.Info(ctx)
	if err != nil {
		return nil, err
	}
	return nil, op.WithHint(fmt.Errorf("%q is a %s file: %w: a stash", info.Location, info.Format, kdb.ErrUnsupported),
		"give its password with --password file:PATH, or copy it into a native database with: certkdb copy --all --to NEW.ckdb")
}

// StashDone tells what was done to which stash.
type StashDone struct {
	Action string `json:"action"` // "created" or "removed"
	Path   string `json:"path"`
}

// CreateStash makes a stash.
type CreateStash struct{ op.DB }

// Run makes it.
func (o CreateStash) Run(ctx context.Context, env *op.Env) (StashDone, error) {
	db, err := o.Open(ctx, env)
	if err != nil {
		return StashDone{}, err
	}
	defer db.Close()
	path, err := createStash(ctx, db)
	return StashDone{"created", path}, err
}

// RemoveStash removes a stash and what it opened.
type RemoveStash struct{ op.DB }

// Run removes it.
func (o RemoveStash) Run(ctx context.Context, env *op.Env) (StashDone, error) {
	db, err := o.Open(ctx, env)
	if err != nil {
		return StashDone{}, err
	}
	defer db.Close()
	s, err := asStasher(ctx, db)
	if err != nil {
		return StashDone{}, err
	}
	return StashDone{"removed", s.StashPath()}, s.RemoveStash(ctx)
}

// Rekey encrypts everything anew.
type Rekey struct {
	op.DB
	DropSlots bool
}

// Run does it.
func (o Rekey) Run(ctx context.Context, env *op.Env) (Done, error) {
	location, err := o.Path(env)
	if err != nil {
		return Done{}, err
	}
	var seen [][]byte // the password that opened it is kept for the new slot
	o.Password.Seen = func(password []byte) { seen = append(seen, bytes.Clone(password)) }
	db, err := openNative(ctx, env, o.DB, "a new master key")
	if err != nil {
		return Done{}, err
	}
	defer db.Close()
	if err := db.Unlock(ctx); err != nil {
		return Done{}, err
	}
	err = db.Rekey(ctx, sealed.Rekey{Passwords: seen, Drop: o.DropSlots})
	for _, password := range seen {
		clear(password)
	}
	if errors.Is(err, kdb.ErrPassword) {
		err = op.WithHint(err, "give the password with --password SRC, or remove what cannot be kept with --drop-slots")
	}
	return Done{location}, err
}

// Compact rewrites the file.
type Compact struct{ op.DB }

// Compacted tells the sizes.
type Compacted struct {
	Before int64 `json:"bytes_before"`
	After  int64 `json:"bytes_after"`
}

// Run compacts.
func (o Compact) Run(ctx context.Context, env *op.Env) (Compacted, error) {
	db, err := openNative(ctx, env, o.DB, "compaction")
	if err != nil {
		return Compacted{}, err
	}
	defer db.Close()
	before, err := db.Info(ctx)
	if err != nil {
		return Compacted{}, err
	}
	if err := db.Compact(ctx); err != nil {
		return Compacted{}, err
	}
	after, err := db.Info(ctx)
	return Compacted{before.Size, after.Size}, err
}

// Backup copies the file.
type Backup struct {
	op.DB
	To string
}

// BackupDone tells what was written.
type BackupDone struct {
	To   string `json:"to"`
	Size int64  `json:"size_bytes"`
}

// Run copies.
func (o Backup) Run(ctx context.Context, env *op.Env) (BackupDone, error) {
	db, err := openNative(ctx, env, o.DB, "a backup")
	if err != nil {
		return BackupDone{}, err
	}
	defer db.Close()
	if err := db.Backup(ctx, o.To); err != nil {
		return BackupDone{}, err
	}
	info, err := os.Stat(o.To)
	if err != nil {
		return BackupDone{}, err
	}
	return BackupDone{o.To, info.Size()}, nil
}

// Log reads the audit log.
type Log struct {
	op.DB
	After uint64 // only records behind this number
}

// LogRecord is a line of the audit log.
type LogRecord struct {
	Number    uint64    `json:"number"`
	Time      time.Time `json:"time"`
	Operation string    `json:"operation"`
	Label     string    `json:"label,omitempty"`
	SHA256    string    `json:"sha256,omitempty"`
	User      string    `json:"user,omitempty"`
	Host      string    `json:"host,omitempty"`
}

// logChunk is how many records are read in one look at the database.
const logChunk = 2_000

// LogRecords is a whole log.
type LogRecords struct {
	Records []LogRecord `json:"records"`
}

// Run calls each with the records in their order, in chunks, outside of any lock.
func (o Log) Run(ctx context.Context, env *op.Env, each func([]LogRecord) error) error {
	db, err := openNative(ctx, env, o.DB, "an audit log")
	if err != nil {
		return err
	}
	defer db.Close()
	for after := o.After; ; {
		var chunk []LogRecord
		for r, err := range db.Log(ctx, after) {
			if err != nil {
				return err
			}
			chunk = append(chunk, newLogRecord(r))
			if after = r.Sequence; len(chunk) == logChunk {
				break
			}
		}
		if len(chunk) == 0 {
			return nil
		}
		if err := each(chunk); err != nil {
			return err
		}
	}
}

func newLogRecord(r sealed.LogRecord) LogRecord {
	record := LogRecord{Number: r.Sequence, Time: r.Time.UTC(), Operation: r.Operation, Label: r.Label, User: r.User, Host: r.Host}
	if r.SHA256 != [32]byte{} {
		record.SHA256 = op.HexDigest(r.SHA256)
	}
	return record
}
