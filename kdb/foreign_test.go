package kdb_test

import (
	"context"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"certkdb/kdb"
)

func TestOpen_namesForeignFormats(t *testing.T) {
	t.Parallel()
	const pbes2 = "06092a864886f70d01050d"
	for _, c := range []struct{ head, name string }{
		{"0000000200000014", "key store of Bouncy Castle (BKS)"},
		{"0000000100000014", "UBER or BKS"},
		{"308209a030820940308199" + pbes2, "BCFKS"},
		{"03d9a29a65fb4bb5", "KeePass"},
		{hex.EncodeToString([]byte("SQLite format 3\x00")), "NSS"},
		{"00061561", "NSS"},
		{"308209a0308199" + pbes2, ""},          // an encrypted private key
		{"318209a030820940308199" + pbes2, ""},  // a SET
		{"308209a030820940308199" + "0603", ""}, // another algorithm
		{"30", ""},
		{"3084", ""},
	} {
		content, err := hex.DecodeString(c.head)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "store")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err = openAny(context.Background(), drivers(), path, kdb.Options{})
		var foreign *kdb.ForeignFormat
		if found := errors.As(err, &foreign); found != (c.name != "") || !errors.Is(err, kdb.ErrVersion) ||
			!strings.Contains(err.Error(), c.name) {
			t.Errorf("%s: %v, want %q", c.head, err, c.name)
		}
	}
}
