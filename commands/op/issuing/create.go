package issuing

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"certkdb/commands/op"
	"certkdb/commands/op/entries"
	"certkdb/kdb"
	"certkdb/pki/issue"
)

// Create makes a private key and its certificate under a label.
type Create struct {
	op.DB
	Spec
	Label   string
	CA      Authority // who signs; without a label the certificate is self-signed
	Replace bool
	Default bool
	// Ensure does nothing when the label has already what would be made, dates apart.
	Ensure bool
}

// Made tells of a new certificate.
type Made struct {
	op.Entry
	Changed bool     `json:"changed"`
	Kept    bool     `json:"-"` // it was there; at most it became the default entry
	Notes   []string `json:"notes,omitempty"`
}

// Run makes it. The database is asked first whether the label is free, and nothing is locked while the key is made.
func (o Create) Run(ctx context.Context, env *op.Env) (Made, error) {
	if err := kdb.CheckLabel(o.Label); err != nil {
		return Made{}, err
	}
	if !o.named() {
		return Made{}, fmt.Errorf("%w: the certificate has no name: use --cn, --dn or --san", op.ErrUsage)
	}
	request, err := o.request(env)
	if err == nil {
		err = o.CA.byProfile(&request)
	}
	if err == nil {
		err = o.CA.check()
	}
	if err == nil && o.CA.isRemote() {
		err = refuseOptions(o.serversChoice())
	}
	if err != nil {
		return Made{}, err
	}
	db, err := o.Open(ctx, env)
	if err != nil {
		return Made{}, err
	}
	defer db.Close()
	if !o.Ensure {
		return o.make(ctx, env, db, request)
	}
	made, done, err := o.ensured(ctx, env, db, request)
	if done || err != nil {
		return made, err
	}
	made, err = o.make(ctx, env, db, request)
	if errors.Is(err, kdb.ErrExists) { // somebody else made it meanwhile
		if there, done, err := o.ensured(ctx, env, db, request); done || err != nil {
			return there, err
		}
	}
	return made, err
}

// make makes the key and the certificate and stores them.
func (o Create) make(ctx context.Context, env *op.Env, db kdb.Database, request issue.Request) (Made, error) {
	if err := db.View(ctx, o.free); err != nil {
		return Made{}, err
	}
	request.Lint = env.Linter(ctx)
	if o.CA.given() {
		return o.signed(ctx, env, db, request)
	}
	issued, err := issue.SelfSigned(request)
	if err == nil {
		err = o.lint(ctx, env, issued.Certificate)
	}
	if err != nil {
		return Made{}, op.PKIError(err)
	}
	return o.store(env, issued, nil, func(put func(kdb.Tx) error) error { return db.Update(ctx, "create", put) })
}

// signed has the certificate signed by a CA.
func (o Create) signed(ctx context.Context, env *op.Env, db kdb.Database, request issue.Request) (Made, error) {
	ca, err := o.CA.load(ctx, env, db)
	if err != nil {
		return Made{}, err
	}
	defer ca.close()
	issued, err := ca.issue(ctx, request)
	if err == nil {
		err = op.PKIError(o.lint(ctx, env, issued.Certificate))
	}
	if err != nil {
		return Made{}, err
	}
	made, err := o.store(env, issued, ca.chain, func(put func(kdb.Tx) error) error {
		return ca.issued(ctx, db, "create", [][]byte{issued.Certificate}, env.Now(), put)
	})
	made.Notes = append(made.Notes, ca.unrecorded()...)
	return made, err
}

// store puts the entry within update.
func (o Create) store(env *op.Env, issued issue.Issued, chain [][]byte, update func(func(kdb.Tx) error) error) (Made, error) {
	made := Made{Notes: issued.Notes, Changed: true}
	err := update(func(tx kdb.Tx) error {
		if err := o.free(tx); err != nil {
			return err
		}
		old, err := summaryOf(tx, o.Label)
		if err != nil {
			return err
		}
		err = tx.Put(kdb.Entry{
			Label: o.Label, Kind: kdb.KindPersonal, Default: o.Default,
			Certificates: append([][]byte{issued.Certificate}, chain...), Key: issued.Key.PKCS8,
		})
		if err != nil {
			return err
		}
		s, err := tx.Summary(o.Label)
		if err != nil {
			return err
		}
		made.Entry = op.NewEntry(&s, env.Now())
		made.Notes, err = noteLost(tx, &old, issued.Notes)
		return err
	})
	return made, err
}

// summaryOf is that of a label which need not be there.
func summaryOf(tx kdb.Tx, label string) (kdb.Summary, error) {
	s, err := tx.Summary(label)
	if errors.Is(err, kdb.ErrNotFound) {
		return kdb.Summary{}, nil
	}
	return s, err
}

// noteLost adds to notes which marks went with a replaced entry.
func noteLost(tx kdb.Tx, old *kdb.Summary, notes []string) ([]string, error) {
	lost, err := entries.LostMarks(tx, old)
	if lost == "" {
		return notes, err
	}
	return append(slices.Clone(notes), "the entry is "+lost), nil
}

// free reports a label that is taken.
func (o Create) free(tx kdb.Tx) error {
	return op.FreeLabel(tx, o.Label, o.Replace)
}
