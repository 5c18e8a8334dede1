package deploy

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"

	"certkdb/commands/op"
	"certkdb/kdb"
)

// makeStore makes a key store with the entry and returns its bytes. Drivers make files, so it is a file of a private folder for a moment.
func (j *job) makeStore(ctx context.Context, env *op.Env, form Form) ([]byte, error) {
	folder, err := os.MkdirTemp("", "certkdb-deploy-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	path := filepath.Join(folder, "store."+string(form))
	driver, err := kdb.ForNew(env.Drivers, path, "")
	if err != nil {
		return nil, err
	}
	options := kdb.Options{Password: op.Fixed(j.password), NewPassword: op.Fixed(j.password), Now: env.Now, User: env.User, Host: env.Host}
	db, err := driver.Create(ctx, path, kdb.CreateOptions{Options: options})
	if err != nil {
		return nil, err
	}
	defer db.Close()
	entry := kdb.Entry{
		Label: j.label, Kind: kdb.KindPersonal, Certificates: slices.Clone(j.entry.Certificates), Key: bytes.Clone(j.entry.Key),
	}
	defer clear(entry.Key)
	if err := db.Update(ctx, "deploy", func(tx kdb.Tx) error { return tx.Put(entry) }); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}
