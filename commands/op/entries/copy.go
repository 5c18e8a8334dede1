package entries

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"certkdb/commands/op"
	"certkdb/commands/op/databases"
	"certkdb/kdb"
)

// Copy puts entries of one database into another, which is made when it is not there.
type Copy struct {
	op.DB
	To      op.DB
	Labels  []string
	All     bool
	Type    string // kind of a new database; "" goes by its extension
	Profile string
	Replace bool
	// NewPassword protects a new database; by default it is To's Password.
	NewPassword op.NewPassword
	// Fresh refuses a target that is there already.
	Fresh bool
}

// Run copies in one transaction of the target. Private keys that are copied are noted in the audit log of the source.
func (o Copy) Run(ctx context.Context, env *op.Env) (Added, error) {
	if o.All == (len(o.Labels) > 0) {
		return Added{}, fmt.Errorf("%w: name the labels, or use --all", op.ErrUsage)
	}
	if o.To.Location == "" {
		return Added{}, fmt.Errorf("%w: --to FILE is missing", op.ErrUsage)
	}
	if err := o.different(env); err != nil {
		return Added{}, err
	}
	source, err := o.Open(ctx, env)
	if err != nil {
		return Added{}, err
	}
	defer source.Close()
	entries, err := o.read(ctx, source)
	if err != nil {
		return Added{}, err
	}
	leftBehind, err := recorded(ctx, source, entries)
	if err != nil {
		return Added{}, err
	}
	defer op.ClearKeys(entries)
	target, err := o.target(ctx, env)
	if err != nil {
		return Added{}, err
	}
	defer target.Close()
	info, err := target.Info(ctx)
	if err != nil {
		return Added{}, err
	}
	var added Added
	err = target.Update(ctx, "copy", func(tx kdb.Tx) error {
		added = Added{}
		for i := range entries {
			if err := put(tx, entries[i], o.Replace, &added.Changed); err != nil {
				return err
			}
			action := &added.Actions[i]
			action.Reason = join(action.Reason, cmp.Or(leftBehind[entries[i].Label], readers(info.Format, &entries[i])))
		}
		return nil
	})
	return added, err
}

// join puts two reasons into one; either may be "".
func join(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "; " + b
}

// recorded says of CAs that have issued something that the record of it, revocations and numbers of lists included, is not copied.
func recorded(ctx context.Context, source kdb.Database, entries []kdb.Entry) (map[string]string, error) {
	notes := map[string]string{}
	err := source.View(ctx, func(tx kdb.Tx) error {
		registry, ok := tx.(kdb.Registry)
		if !ok {
			return nil
		}
		for _, entry := range entries {
			if entry.Kind != kdb.KindPersonal || len(entry.Certificates) == 0 {
				continue
			}
			issuer, err := op.IssuerID(entry.Certificates[0])
			if err != nil {
				continue // what cannot be read has issued nothing
			}
			for _, err := range registry.AllIssued(issuer) {
				if err != nil {
					return err
				}
				notes[entry.Label] = "the record of what it issued and revoked stays in the source alone; a whole database moves with: certkdb backup"
				break
			}
		}
		return nil
	})
	return notes, err
}

// readers says which programs read a post-quantum key in a format that others were first to read; "" if there is nothing to say.
func readers(format string, entry *kdb.Entry) string {
	if entry.Kind != kdb.KindPersonal {
		return ""
	}
	s, err := kdb.Summarize(entry)
	if err != nil || !strings.HasPrefix(s.KeyType, "mldsa") {
		return ""
	}
	switch format { // RFC 9881; JEP 497
	case "jks":
		return "Java uses ML-DSA keys from version 24 on"
	case "pkcs12":
		return "OpenSSL uses ML-DSA keys from version 3.5 on, Java from 24"
	case "cms":
		return "GSKit is not known to use ML-DSA keys"
	}
	return ""
}

// different refuses to copy a file onto itself.
func (o Copy) different(env *op.Env) error {
	from, err := o.Path(env)
	if err != nil {
		return err
	}
	if kdb.Same(from, o.To.Location) {
		return fmt.Errorf("%w: source and target are the same file %q", op.ErrUsage, o.To.Location)
	}
	return nil
}

// read takes the entries with their keys out of the source.
func (o Copy) read(ctx context.Context, source kdb.Database) ([]kdb.Entry, error) {
	var entries []kdb.Entry
	err := op.TakeOut(ctx, source, "copy-key", func(tx kdb.Tx) (err error) {
		op.ClearKeys(entries)
		entries, err = op.ReadEntries(tx, o.Labels, o.All)
		return err
	})
	return entries, err
}

// target opens the other database, or makes it.
func (o Copy) target(ctx context.Context, env *op.Env) (kdb.Database, error) {
	if exists, err := kdb.Exists(ctx, env.Drivers, o.To.Location); err != nil {
		return nil, err
	} else if exists && !o.Fresh {
		return o.To.Open(ctx, env)
	}
	password := o.NewPassword
	if !password.Given() && !password.Generate {
		password.Source, password.Option = o.To.Password.Source, cmp.Or(o.To.Password.Option, password.Option)
	}
	db, _, err := databases.Init{DB: o.To, NewPassword: password, Type: o.Type, Profile: o.Profile}.Create(ctx, env)
	return db, err
}
