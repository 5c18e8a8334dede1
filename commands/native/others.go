package native

import (
	"cmp"
	"context"
	"errors"

	"github.com/urfave/cli/v2"

	"certkdb/commands/op"
	"certkdb/commands/op/databases"
	"certkdb/kdb"
)

// othersPasswordFlag is the option for the passwords of databases that are arguments.
func othersPasswordFlag(env *op.Env, passwords *[]op.Password) cli.Flag {
	return &cli.StringSliceFlag{
		Name:  string(op.FieldInPassword),
		Usage: "where the password of the databases that are arguments comes from: `SRC` as for --password; may be repeated",
		Action: func(_ *cli.Context, texts []string) error {
			for _, text := range texts {
				source, err := parseSource(env, op.FieldInPassword, text)
				if err != nil {
					return err
				}
				*passwords = append(*passwords, op.Password{Source: source, Field: op.FieldInPassword})
			}
			return nil
		},
	}
}

// openOther opens a database that is an argument with the first of the passwords that fits, or with its stash. Without any, it opens as
// the database of the common options does.
func openOther(c *cli.Context, env *op.Env, file string, passwords []op.Password) (*op.Session, error) {
	db, err := database(c, env)
	if err != nil {
		return nil, err
	}
	db.Location = file
	if len(passwords) == 0 {
		return op.Open(c.Context, env, db)
	}
	for i := range passwords {
		if err := keep(env, &passwords[i]); err != nil {
			return nil, err
		}
	}
	tried := passwords
	if databases.HasStash(file) {
		tried = append(tried[:len(tried):len(tried)], op.Password{Source: op.FromStash()})
	}
	var first error
	for _, password := range tried {
		db.Password = password
		s, err := openChecked(c.Context, env, db)
		if !errors.Is(err, kdb.ErrPassword) && !errors.Is(err, kdb.ErrNoPassword) {
			return s, err
		}
		first = cmp.Or(first, err)
	}
	return nil, first
}

// openChecked opens a database and reads its first entry, because some files show only then that the password does not fit.
func openChecked(ctx context.Context, env *op.Env, db op.DB) (*op.Session, error) {
	s, err := op.Open(ctx, env, db)
	if err != nil {
		return nil, err
	}
	err = s.View(ctx, func(tx kdb.Tx) error {
		for summary, err := range tx.Summaries("") {
			if err == nil {
				_, err = tx.Entry(summary.Label)
			}
			return err
		}
		return nil
	})
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// keep reads a password from a source that can be read only once, so that it can be tried on several databases.
func keep(env *op.Env, p *op.Password) error {
	if !p.Source.ReadsOnce() {
		return nil
	}
	password, err := p.Read(env, "the databases")
	if err == nil {
		p.Source = op.FromBytes(password)
	}
	return err
}
