package input

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"strings"
	"testing"

	"certkdb/commands/op/optest"
	"certkdb/kdb"
)

// keeping is a database that keeps the keys that it gives out.
type keeping struct {
	kdb.Database
	given *[][]byte
}

func (k keeping) View(ctx context.Context, fn func(kdb.Tx) error) error {
	return k.Database.View(ctx, func(tx kdb.Tx) error { return fn(keepingTx{tx, k.given}) })
}

type keepingTx struct {
	kdb.Tx
	given *[][]byte
}

func (k keepingTx) Key(label string) ([]byte, error) {
	key, err := k.Tx.Key(label)
	*k.given = append(*k.given, key)
	return key, err
}

// TestInput_forgets: keys and passwords are cleared when the input is closed, and when it cannot be opened because of a later file.
func TestInput_forgets(t *testing.T) {
	t.Parallel()
	web := optest.NewCA(t, "Root").Issue(t, "web").Personal("web")
	for _, names := range [][]string{{"keeping://x"}, {"keeping://x", "/none/x"}} {
		var given [][]byte
		env := optest.Env()
		env.Drivers = append([]kdb.Driver{{
			Name: "keeping", Locates: func(location string) bool { return strings.HasPrefix(location, "keeping://") },
			Open: func(context.Context, string, kdb.Options) (kdb.Database, error) {
				return keeping{optest.New(t, web).Database(), &given}, nil
			},
		}}, env.Drivers...)
		in, err := Files{Names: names}.Open(t.Context(), env)
		if failed := len(names) > 1; failed != errors.Is(err, fs.ErrNotExist) || len(given) != 1 {
			t.Fatalf("%q: %d keys, %v", names, len(given), err)
		}
		if err == nil {
			if !bytes.Equal(given[0], web.Key) {
				t.Error("the key was cleared too early")
			}
			in.secrets["a key"] = []byte("password")
			password := in.secrets["a key"]
			in.Close()
			if len(bytes.Trim(password, "\x00")) > 0 {
				t.Errorf("the password is still there: %q", password)
			}
		}
		if len(bytes.Trim(given[0], "\x00")) > 0 {
			t.Errorf("%q: the key is still there", names)
		}
	}
}
