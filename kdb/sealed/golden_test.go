package sealed_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/sealed"
)

// golden is a database that version 1 of the format made. Every later version opens it.
const golden = "testdata/v1.ckdb"

// copyGolden copies the golden database with its stash to where it can be changed.
func copyGolden(t *testing.T) string {
	t.Helper()
	path := filepath.Join(fastDir(t), "v1.ckdb")
	must(t, os.WriteFile(path, read(t, golden), 0o600))
	must(t, os.WriteFile(path+".stash", read(t, golden+".stash"), 0o600))
	return path
}

func littleEndian() bool { return binary.NativeEndian.Uint16([]byte{1, 0}) == 1 }

func TestGolden_opensForEver(t *testing.T) {
	t.Parallel()
	path := copyGolden(t)
	if !littleEndian() {
		if _, err := native().Open(ctx, path, options("")); !errors.Is(err, kdb.ErrVersion) {
			t.Errorf("a database of the other byte order: %v, want ErrVersion", err)
		}
		t.Skip("the golden database is little-endian")
	}
	for name, o := range map[string]kdb.Options{
		"password": {Password: password("golden password"), NoStash: true},
		"stash":    {Password: never(t)},
	} {
		db := openWith(t, path, o)
		wantSound(t, db)
		must(t, db.View(ctx, func(tx kdb.Tx) error { return wantGolden(t, tx) }))
		var log []string
		for r, err := range db.Log(ctx, 0) {
			must(t, err)
			log = append(log, r.Operation+":"+r.Label)
		}
		want := []string{"create:", "add:ca", "add:server 'x'", "add:pending", "add:ключ", "export:server 'x'", "passwd:", "stash-create:"}
		if !slices.Equal(log, want) {
			t.Errorf("%s: log %q", name, log)
		}
	}
	db := openWith(t, path, kdb.Options{Password: never(t)})
	put(t, db, trusted("new", newPair(t, "new")))
	must(t, db.Rekey(ctx, sealed.Rekey{Passwords: [][]byte{[]byte("golden password")}, Cost: kdb.CostTest}))
	wantSound(t, db)
}

func wantGolden(t *testing.T, tx kdb.Tx) error {
	var got []string
	for s, err := range tx.Summaries("") {
		if err != nil {
			return err
		}
		got = append(got, fmt.Sprintf("%s|%s|%s|%d|%v|%s", s.Label, s.Kind, s.Subject, s.ChainLength, s.Default, s.KeyType))
	}
	want := []string{
		"ca|trusted|CN=golden ca|1|false|p256", "pending|request|CN=pending|0|false|p256",
		"server 'x'|personal|CN=golden server|2|true|p256", "ключ|secret-key||0|false|AES",
	}
	if !slices.Equal(got, want) {
		t.Errorf("summaries %q", got)
	}
	e, err := tx.Entry("server 'x'")
	if err != nil || !bytes.Equal(e.LocalKeyID, []byte{1, 2, 3}) {
		t.Errorf("entry %v, %v", e.LocalKeyID, err)
	}
	key, err := tx.Key("ключ")
	if string(key) != "0123456789abcdef" {
		t.Errorf("secret key %q", key)
	}
	return err
}
