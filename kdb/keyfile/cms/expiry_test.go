package cms_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"certkdb/kdb"
	"certkdb/kdb/keyfile"
	"certkdb/kdb/keyfile/cms"
)

// The date on which a password expires outlives changes, and is covered by the password.
func TestPasswordExpires_isKept(t *testing.T) {
	t.Parallel()
	for _, profile := range []string{"3", "4", "6"} {
		path := filepath.Join(t.TempDir(), "a.kdb")
		password := func(context.Context, string) ([]byte, error) { return []byte("Correct-Horse-9"), nil }
		o := kdb.CreateOptions{Options: kdb.Options{Password: password}, Profile: profile}
		db, err := keyfile.Create(t.Context(), cms.Codec(), path, o)
		if err != nil {
			t.Fatal(err)
		}
		if at, err := db.PasswordExpires(t.Context()); err != nil || !at.IsZero() {
			t.Errorf("version %s, new: %v, %v", profile, at, err)
		}
		want := time.Date(2031, 2, 3, 4, 5, 6, 0, time.UTC)
		if err := db.SetPasswordExpires(t.Context(), want); err != nil {
			t.Fatal(err)
		}
		if err := db.ChangePassword(t.Context(), []byte("another")); err != nil {
			t.Fatal(err)
		}
		if at, err := db.PasswordExpires(t.Context()); err != nil || !at.Equal(want) {
			t.Errorf("version %s: %v, %v", profile, at, err)
		}
		if err := db.Check(t.Context(), func(p kdb.Problem) { t.Errorf("version %s: %+v", profile, p) }); err != nil {
			t.Error(err)
		}
		if err := db.SetPasswordExpires(t.Context(), time.Time{}); err != nil {
			t.Fatal(err)
		}
		if at, err := db.PasswordExpires(t.Context()); err != nil || !at.IsZero() {
			t.Errorf("version %s, never: %v, %v", profile, at, err)
		}
		db.Close()
	}
}
