package kdb_test

import (
	"errors"
	"fmt"
	"testing"

	"certkdb/kdb"
)

func TestUnopened_severity(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err  error
		want kdb.Severity
	}{
		"another password":        {kdb.ErrPassword, kdb.Closed},
		"no password":             {kdb.ErrNoPassword, kdb.Closed},
		"unknown encryption":      {kdb.ErrEncryption, kdb.Note},
		"not possible here":       {kdb.ErrUnsupported, kdb.Note},
		"cannot be parsed":        {kdb.ErrParse, kdb.Damage},
		"damaged":                 {kdb.ErrCorrupt, kdb.Damage},
		"within another error":    {&kdb.ClosedKey{Encryption: "PBES2", Err: kdb.ErrPassword}, kdb.Closed},
		"error of another origin": {errors.New("it failed"), kdb.Damage},
	} {
		err := fmt.Errorf("opening: %w", c.err)
		p := kdb.Unopened("key of x", err)
		if p.Severity != c.want || p.Where != "key of x" || p.What != err.Error() {
			t.Errorf("%s: %+v, want severity %d", name, p, c.want)
		}
	}
}

func TestClosedKey_isTheErrorInIt(t *testing.T) {
	t.Parallel()
	err := error(&kdb.ClosedKey{Encryption: "PBES2", Err: fmt.Errorf("key of x: %w", kdb.ErrPassword)})
	if err.Error() != "key of x: wrong password" || !errors.Is(err, kdb.ErrPassword) {
		t.Errorf("it says %q", err)
	}
}

func TestForeignFormat_isAnUnknownVersion(t *testing.T) {
	t.Parallel()
	err := error(&kdb.ForeignFormat{Name: "key store", Convert: "with a tool"})
	if !errors.Is(err, kdb.ErrVersion) || err.Error() != "the format is not supported: it is a key store" {
		t.Errorf("it says %q", err)
	}
}
