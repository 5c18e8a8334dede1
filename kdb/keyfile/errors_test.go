package keyfile_test

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/keyfile"
	"certkdb/pki/key"
	"certkdb/pki/pbe"
)

func TestKeyError(t *testing.T) {
	t.Parallel()
	for leaf, want := range map[error]error{
		pbe.ErrPassword:    kdb.ErrPassword,
		pbe.ErrUnsupported: kdb.ErrEncryption,
		pbe.ErrLimit:       kdb.ErrEncryption,
		pbe.ErrParse:       kdb.ErrParse,
		key.ErrUnsupported: kdb.ErrUnsupported,
		key.ErrEncrypted:   kdb.ErrParse,
		key.ErrParse:       kdb.ErrParse,
		io.EOF:             io.EOF,
	} {
		err := fmt.Errorf("opening it: %w", leaf)
		if got := keyfile.KeyError(err); !errors.Is(got, want) || !errors.Is(got, leaf) || got.Error() != err.Error() {
			t.Errorf("%v: %v, want %v as well", leaf, got, want)
		}
	}
	if keyfile.KeyError(nil) != nil {
		t.Error("no error became one")
	}
}
