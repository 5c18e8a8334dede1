package databases_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"certkdb/commands/op"
	"certkdb/commands/op/databases"
	"certkdb/commands/op/optest"
	"certkdb/kdb"
)

// TestBackupAndRestore: what was backed up comes back, over a newer state only by force.
func TestBackupAndRestore(t *testing.T) {
	t.Parallel()
	s, path := inFile(t)
	dir := t.TempDir()
	backup, secret := filepath.Join(dir, "copy.ckdb"), filepath.Join(dir, "copy.pw")
	o := databases.Backup{Out: op.Output{Path: backup}, WithStash: true, PasswordOut: secret}
	made, err := try(t, s, path, o)
	if err != nil || len(made.OpensWith) != 3 || !made.Portable() || !made.HasChanged() {
		t.Fatalf("%+v, %v", made, err)
	}
	optest.Put(t, s, optest.NewCA(t, "Root").Trusted("root"))
	run := func(force, dry bool) (databases.Restored, error) {
		to := op.DB{Location: path, Password: op.Password{Source: op.FromFile(secret)}}
		return databases.Restore{From: backup, To: to, Force: force}.Run(ctx, optest.Env(), dry)
	}
	if _, err := run(false, false); !errors.Is(err, kdb.ErrDatabaseExists) {
		t.Errorf("over a newer state: %v", err)
	}
	for _, dry := range []bool{true, false} {
		done, err := run(true, dry)
		if err != nil || !done.HasChanged() || done.Lost == nil || done.Lost.What != databases.LostChanges || done.Lost.Last.Label != "root" {
			t.Errorf("by force: %+v, %v", done, err)
		}
	}
	optest.Expect(t, s, "aes=secret-key")
	if done, err := run(false, false); err != nil || done.HasChanged() {
		t.Errorf("once more: %+v, %v", done, err)
	}
}

// TestBackup_refused leaves no file behind.
func TestBackup_refused(t *testing.T) {
	t.Parallel()
	s, _ := inFile(t)
	dir := t.TempDir()
	to, taken := filepath.Join(dir, "copy.ckdb"), optest.File(t, "taken", "mine")
	for what, c := range map[string]struct {
		o    databases.Backup
		want op.Code // 0 is wrong usage
	}{
		"standard output":            {databases.Backup{Out: op.Output{Path: "-"}}, 0},
		"a device":                   {databases.Backup{Out: op.Output{Path: os.DevNull, Force: true}}, 0},
		"a file that exists":         {databases.Backup{Out: op.Output{Path: taken}}, op.FileExists},
		"a password that exists":     {databases.Backup{Out: op.Output{Path: to}, PasswordOut: taken}, op.SecretExists},
		"the password over the copy": {databases.Backup{Out: op.Output{Path: to}, PasswordOut: to}, 0},
		"the password as the stash":  {databases.Backup{Out: op.Output{Path: to}, PasswordOut: to + ".stash"}, 0},
	} {
		_, err := op.Perform(ctx, s, c.o)
		if problem(err) != c.want || c.want == 0 && !errors.Is(err, op.ErrUsage) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) > 0 {
		t.Errorf("%v, %v", files, err)
	}
}

func TestRestore_refused(t *testing.T) {
	t.Parallel()
	sound, foreign, text := optest.Store(t, "a.ckdb"), optest.Store(t, "a.jks"), optest.File(t, "text", "no database")
	for what, c := range map[string]struct {
		from, to string
		want     error
	}{
		"onto itself":         {sound, sound, op.ErrUsage},
		"nothing":             {sound + "x", sound, kdb.ErrNoDatabase},
		"another format":      {foreign, sound, kdb.ErrUnsupported},
		"over another format": {sound, foreign, kdb.ErrUnsupported},
		"no database":         {text, sound, kdb.ErrVersion},
		"over a text":         {sound, text, kdb.ErrVersion},
	} {
		o := databases.Restore{From: c.from, To: op.DB{Location: c.to, Password: optest.Secrets()}, Force: true}
		if _, err := o.Run(ctx, optest.Env(), false); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
