package entries

import (
	"context"
	"fmt"

	"certkdb/commands/op"
	"certkdb/kdb"
	"certkdb/kdb/keyfile/pem"
	"certkdb/pki/pbe"
)

// eachKey calls write with the private keys, each followed by its certificates under Combined. The password is asked for before the log
// says that the keys left.
func (o Export) eachKey(ctx context.Context, s *op.Session, write func(kind string, der []byte) error) error {
	if o.All {
		return op.Mark(op.KeysOneByOne, fmt.Errorf("%w: private keys are exported by name", op.ErrUsage))
	}
	if err := o.Out.Check(s.Env); err != nil {
		return err
	}
	var password []byte
	if o.OutPassword.Wanted() && !s.DryRun {
		var err error
		if password, err = o.OutPassword.Get(s.Env, "the exported private key"); err != nil {
			return err
		}
		defer clear(password)
	}
	entries, err := o.takeKeys(ctx, s)
	defer op.ClearKeys(entries)
	if err != nil {
		return err
	}
	for i := range entries {
		if err := o.writeKey(&entries[i], password, write); err != nil {
			return fmt.Errorf("label %q: %w", entries[i].Label, err)
		}
		if !o.Combined {
			continue
		}
		if err := o.certificates(&entries[i], write); err != nil {
			return err
		}
	}
	return nil
}

// takeKeys reads the entries with their keys and notes it in the audit log.
func (o Export) takeKeys(ctx context.Context, s *op.Session) ([]kdb.Entry, error) {
	var entries []kdb.Entry
	err := s.ReadKeys(ctx, "export-key", func(tx kdb.Tx) error {
		op.ClearKeys(entries)
		entries = nil
		for _, label := range o.Labels {
			key, err := keyOf(tx, label)
			if err != nil {
				return err
			}
			entry, err := tx.Entry(label)
			if err != nil {
				return err
			}
			entry.Key = key
			entries = append(entries, entry)
			if o.Combined {
				if err := entry.CheckKey(); err != nil { // no server could use the file
					return err
				}
			}
			if err := tx.Audit("export-key", label); err != nil {
				return err
			}
		}
		return o.complete(tx, entries, s.Env.Now())
	})
	return entries, err
}

// writeKey writes a private key in the form that was asked for.
func (o Export) writeKey(entry *kdb.Entry, password []byte, write func(kind string, der []byte) error) error {
	switch {
	case o.OutPassword.Wanted() && password == nil: // a dry run
		return write("ENCRYPTED PRIVATE KEY", nil)
	case password != nil:
		encrypted, err := pbe.EncryptPKCS8(entry.Key, password, pbe.AES256)
		if err != nil {
			return err
		}
		return write("ENCRYPTED PRIVATE KEY", encrypted)
	case o.Traditional:
		item, err := pem.Traditional(entry.Key)
		if err != nil {
			return err
		}
		defer clear(item.DER)
		return write(item.Type, item.DER)
	}
	return write("PRIVATE KEY", entry.Key)
}

func keyOf(tx kdb.Tx, label string) ([]byte, error) {
	s, err := op.MustHave(tx, label)
	if err != nil {
		return nil, err
	}
	if s.Kind != kdb.KindPersonal && s.Kind != kdb.KindRequest {
		return nil, op.Classify(fmt.Errorf("label %q: a %s entry has no private key", label, s.Kind), kdb.ErrNotFound)
	}
	return tx.Key(label)
}
