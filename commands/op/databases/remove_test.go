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
