package databases

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"

	"certkdb/commands/op"
	"certkdb/kdb/sealed"
)

// Backup copies the file, and proves that the copy opens.
type Backup struct {
	Out         op.Output
	WithStash   bool   // a stash for the copy, next to it
	PasswordOut string // a file for a random password that opens the copy too
}

// BackupDone tells what was written, and what opens it.
type BackupDone struct {
	To        string   `json:"location"`
	Size      int64    `json:"size_bytes"`
	OpensWith []Opener `json:"opens_with"`
	// Unchanged says that the file held this copy already.
	Unchanged bool `json:"-"`
}

// Opener is something that opens a copy.
type Opener struct {
	Slot string `json:"slot"`
	Kind string `json:"kind"` // password, secret or stash
	// File has the stash, or the random password; "" is a password that somebody knows.
	File string `json:"file,omitempty"`
	// Move is where the stash must be; "" if it is there.
	Move string `json:"move_to,omitempty"`
}

// HasChanged says whether anything was written.
func (d BackupDone) HasChanged() bool { return !d.Unchanged }

// Plan checks whether the copy can be made; the size is that of the database.
func (o Backup) Plan(ctx context.Context, s *op.Session) (BackupDone, error) {
	db, err := nativeOf(ctx, s, op.FeatureBackup)
	if err != nil {
		return BackupDone{}, err
	}
	if err := o.check(s.Env); err != nil {
		return BackupDone{}, err
	}
	info, err := db.Info(ctx)
	if err == nil {
		err = db.Unlock(ctx)
	}
	return BackupDone{To: o.Out.Path, Size: info.Size, OpensWith: []Opener{}}, err
}

// check looks for files in the way before anything is made.
func (o Backup) check(env *op.Env) error {
	if info, err := os.Stat(o.Out.Path); o.Out.IsStdout() || err == nil && !info.Mode().IsRegular() {
		return &op.Invalid{Field: op.FieldFiles, Value: o.Out.Path, Reason: "a backup is a file"}
	}
	if err := o.Out.Check(env); err != nil {
		return err
	}
	if o.PasswordOut != "" {
		if err := (op.Output{Path: o.PasswordOut}).Check(env); err != nil {
			return op.Mark(op.SecretExists, err)
		}
		if o.PasswordOut == o.Out.Path || o.PasswordOut == o.stash() {
			return op.Exclusive(op.FieldPasswordOut, op.FieldFiles)
		}
	}
	if _, err := os.Stat(o.Out.Path); err != nil {
		return nil // a stash without a copy was left by a command that was killed
	}
	if _, err := os.Lstat(o.stash()); err == nil { // two files cannot be replaced at one moment, and one without the other opens nothing
		err := fmt.Errorf("writing %q: its stash %q: %w", o.Out.Path, o.stash(), fs.ErrExist)
		return op.Mark(op.CopyHasStash, err)
	}
	return nil
}

func (o Backup) stash() string { return sealed.StashOf(o.Out.Path) }

// Do copies.
func (o Backup) Do(ctx context.Context, s *op.Session) (done BackupDone, err error) {
	db, err := nativeOf(ctx, s, op.FeatureBackup)
	if err != nil {
		return done, err
	}
	password := op.NewPassword{Generate: o.PasswordOut != "", OutFile: o.PasswordOut}
	made := sealed.NewBackup{Stash: o.WithStash}
	old, _ := os.Stat(o.Out.Path)
	if password.Generate {
		if made.Password, err = password.Get(s.Env, o.Out.Path); err != nil {
			return done, err
		}
		defer clear(made.Password)
		defer func() {
			if err != nil && o.isOld(old) {
				password.Drop()
			}
		}()
	}
	b, err := db.Backup(ctx, o.Out.Path, made)
	if err != nil {
		return done, err
	}
	defer b.Close()
	if o.WithStash {
		if err := b.WriteStash(o.stash()); err != nil {
			return done, err
		}
		defer func() {
			if err != nil && o.isOld(old) {
				b.WithdrawStash(o.stash())
			}
		}()
	}
	if err := o.prove(ctx, b); err != nil {
		return done, err
	}
	done, err = o.write(s.Env, b)
	if err == nil {
		err = b.PlaceStash(o.stash())
	}
	return done, err
}

// isOld says that the file is as it was before: what opens the copy is of no use then.
func (o Backup) isOld(old fs.FileInfo) bool {
	now, err := os.Stat(o.Out.Path)
	if old == nil || err != nil {
		return old == nil && err != nil
	}
	return os.SameFile(old, now) && old.ModTime().Equal(now.ModTime())
}

// prove opens the copy with what was written for it, before it takes its place.
func (o Backup) prove(ctx context.Context, b *sealed.Backup) error {
	if o.WithStash {
		if err := b.ProveStash(ctx, o.stash()); err != nil {
			return fmt.Errorf("opening the copy with the stash %q: %w", o.stash(), err)
		}
	}
	if o.PasswordOut == "" {
		return nil
	}
	password, err := os.ReadFile(o.PasswordOut)
	defer clear(password)
	if err == nil {
		err = b.ProvePassword(ctx, bytes.TrimSuffix(password, []byte("\n")))
	}
	if err != nil {
		return fmt.Errorf("opening the copy with the password in %q: %w", o.PasswordOut, op.UnwrapPath(err))
	}
	return nil
}

func (o Backup) write(env *op.Env, b *sealed.Backup) (BackupDone, error) {
	done := BackupDone{To: o.Out.Path, Size: b.Size(), OpensWith: o.openers(b)}
	o.Out.Unchanged = func() { done.Unchanged = true }
	err := o.Out.Write(env, true, func(w io.Writer) error {
		_, err := b.WriteTo(w)
		return err
	})
	return done, err
}

// openers are what opens the copy.
func (o Backup) openers(b *sealed.Backup) []Opener {
	list := []Opener{}
	own, random := "", ""
	for _, s := range b.Slots() { // those that were made for the copy are the last ones of their kind
		switch s.Kind {
		case "stash":
			own = s.Name
		case "secret":
			random = s.Name
		}
	}
	for _, s := range b.Slots() {
		opener := Opener{Slot: s.Name, Kind: s.Kind}
		switch {
		case s.Kind == "unusable":
			continue
		case s.Kind == "secret" && o.PasswordOut != "" && s.Name == random:
			opener.File = o.PasswordOut
		case s.Kind == "stash" && o.WithStash && s.Name == own:
			opener.File = o.stash()
		case s.Kind == "stash" && (o.WithStash || !s.HasStash):
			continue
		case s.Kind == "stash":
			opener.File, opener.Move = b.DatabaseStash(), o.stash()
		}
		list = append(list, opener)
	}
	return list
}

// Portable says that the copy opens with what it brings along or with a password, and needs no other file.
func (d BackupDone) Portable() bool {
	for _, opener := range d.OpensWith {
		if opener.Move == "" {
			return true
		}
	}
	return false
}
