package deploy

import (
	"bytes"
	"context"
	"slices"

	"certkdb/commands/op"
	"certkdb/kdb"
)

// makeStore makes the content of a key store with the entry. It is never in a file of its own: a kill would leave it behind.
func (j *job) makeStore(ctx context.Context, env *op.Env, form Form) ([]byte, error) {
	name := "store." + string(form)
	driver, err := kdb.ForNew(env.Drivers, name, "")
	if err != nil {
		return nil, err
	}
	options := kdb.Options{Password: op.Fixed(j.password), NewPassword: op.Fixed(j.password), Now: env.Now, User: env.User, Host: env.Host}
	entry := kdb.Entry{
		Label: j.label, Kind: kdb.KindPersonal, Certificates: slices.Clone(j.entry.Certificates), Key: bytes.Clone(j.entry.Key),
	}
	defer clear(entry.Key)
	return driver.Encode(ctx, name, kdb.CreateOptions{Options: options}, func(tx kdb.Tx) error { return tx.Put(entry) })
}
