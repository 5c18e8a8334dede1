//go:build golden

package sealed_test

import (
	"os"
	"path/filepath"
	"testing"

	"certkdb/kdb"
	"certkdb/kdb/sealed"
)

// TestGolden_write makes the golden database when it was removed. It runs with -tags golden, and TestGolden_writeExamples after it.
func TestGolden_write(t *testing.T) {
	path := filepath.Join(t.TempDir(), "v1.ckdb")
	db := create(t, path)
	ca, server := newPair(t, "golden ca"), newPair(t, "golden server")
	personal := personal("server 'x'", server)
	personal.Certificates = append(personal.Certificates, ca.cert)
	personal.Default, personal.LocalKeyID = true, []byte{1, 2, 3}
	put(t, db, trusted("ca", ca), personal, newRequest(t, "pending"), kdb.Entry{
		Label: "ключ", Kind: kdb.KindSecretKey, KeyAlgorithm: "AES", Key: []byte("0123456789abcdef"),
	})
	must(t, db.Update(ctx, "export", func(tx kdb.Tx) error { return tx.Audit("export", personal.Label) }))
	_, err := db.ChangePassword(ctx, 0, []byte("golden password"), kdb.CostTest)
	must(t, err)
	must(t, db.CreateStash(ctx))
	must(t, os.MkdirAll("testdata", 0o755))
	backUp(t, db, golden, sealed.NewBackup{})
	must(t, os.WriteFile(golden+".stash", read(t, path+".stash"), 0o600))
}
