package databases_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"certkdb/commands/op"
	"certkdb/commands/op/databases"
	"certkdb/commands/op/optest"
	"certkdb/kdb"
)

func TestRemove_takesWhatBelongsToIt(t *testing.T) {
	t.Parallel()
	path := optest.Store(t, "a.p12", optest.NewCA(t, "Root").Trusted("root"))
	folder := filepath.Dir(path)
	if err := os.WriteFile(filepath.Join(folder, "a.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	wrong, err := op.Open(ctx, optest.Env(), op.DB{Location: path, Password: op.Password{Source: op.FromBytes([]byte("wrong"))}})
	if err != nil {
		t.Fatal(err)
	}
	defer wrong.Close()
	if _, err := op.Perform(ctx, wrong, databases.Remove{}); !errors.Is(err, kdb.ErrPassword) {
		t.Errorf("with a wrong password: %v", err)
	}
	s, err := op.Open(ctx, optest.Env(), op.DB{Location: path, Password: optest.Secrets()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := op.Perform(ctx, s, databases.CreateStash{}); err != nil {
		t.Fatal(err)
	}
	password, err := databases.PasswordOf(ctx, s)
	if err != nil || len(password) == 0 || !opens(t, s, path, string(password)) {
		t.Errorf("the password is %q, %v", password, err)
	}
	if _, err := op.Perform(ctx, s, databases.Remove{}); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(folder)
	if err != nil || len(left) != 1 || left[0].Name() != "a.txt" {
		t.Errorf("left are %v, %v", left, err)
	}
	native, _ := inFile(t)
	if _, err := op.Perform(ctx, native, databases.Remove{}); !errors.Is(err, kdb.ErrUnsupported) {
		t.Errorf("a native database: %v", err)
	}
}

// TestStash_ofGSKit: in both forms, and revealed; a native database's holds no password.
func TestStash_ofGSKit(t *testing.T) {
	t.Parallel()
	path := optest.Store(t, "a.p12", optest.NewCA(t, "Root").Trusted("root"))
	s, err := op.Open(ctx, optest.Env(), op.DB{Location: path, Password: optest.Secrets()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for old, size := range map[bool]int64{true: 129, false: 193} {
		made, err := op.Perform(ctx, s, databases.CreateStash{Old: old})
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(made.Path)
		if err != nil || info.Size() != size {
			t.Errorf("old %t: %v, %v", old, info, err)
		}
		if got, err := (databases.RevealStash{File: made.Path}).Run(); err != nil || got.Password != optest.Password {
			t.Errorf("old %t: %q, %v", old, got.Password, err)
		}
	}
	native, nativePath := inFile(t)
	made, err := try(t, native, nativePath, databases.CreateStash{})
	if err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]error{made.Path: kdb.ErrParse, path: kdb.ErrParse, path + ".none": fs.ErrNotExist} {
		if got, err := (databases.RevealStash{File: file}).Run(); !errors.Is(err, want) || got.Password != "" {
			t.Errorf("%s: %+v, %v", file, got, err)
		}
	}
	if _, err := op.Perform(ctx, native, databases.CreateStash{Old: true}); !errors.Is(err, kdb.ErrUnsupported) {
		t.Errorf("the old form for a native database: %v", err)
	}
}

// TestExpirePassword_hasNoPlaceInMostKinds: package cms tests the one that has.
func TestExpirePassword_hasNoPlaceInMostKinds(t *testing.T) {
	t.Parallel()
	path := optest.Store(t, "a.p12", optest.NewCA(t, "Root").Trusted("root"))
	s, err := op.Open(ctx, optest.Env(), op.DB{Location: path, Password: optest.Secrets()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := op.Perform(ctx, s, databases.ExpirePassword{At: optest.Now}); !errors.Is(err, kdb.ErrUnsupported) {
		t.Errorf("in PKCS #12: %v", err)
	}
	native, _ := inFile(t)
	if _, err := (databases.PasswordExpiry{}).Run(ctx, native); !errors.Is(err, kdb.ErrUnsupported) {
		t.Errorf("in a native database: %v", err)
	}
}
