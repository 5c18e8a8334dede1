package issuing

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"certkdb/commands/op"
	"certkdb/commands/op/entries"
	"certkdb/kdb"
	"certkdb/pki/issue"
)

// present says what a label has, for commands that are to do nothing when it is what they would make.
type present struct {
	entry kdb.Entry
	op.Entry
	// unlike says in what it differs, "" if in nothing.
	unlike string
	// over says why it is of no use any more: it expired or was revoked.
	over string
}

// look reads what the label has; ok is false if that is nothing.
func look(ctx context.Context, env *op.Env, db kdb.Database, label string) (p present, ok bool, err error) {
	err = db.View(ctx, func(tx kdb.Tx) error {
		s, err := tx.Summary(label)
		if errors.Is(err, kdb.ErrNotFound) {
			return nil
		}
		if err == nil {
			p.entry, err = tx.Entry(label)
		}
		if err == nil {
			p.Entry, ok = op.NewEntry(&s, env.Now()), true
			err = p.end(tx, env)
		}
		return err
	})
	return p, ok, err
}

// end finds out whether the certificate is over.
func (p *present) end(tx kdb.Tx, env *op.Env) error {
	if p.entry.Kind != kdb.KindPersonal {
		return nil
	}
	record, revoked, err := op.RevocationOf(tx, &p.entry)
	switch {
	case revoked:
		p.over = "it was " + op.RevokedOn(record)
	case p.NotAfter != nil && p.NotAfter.Before(env.Now()):
		p.over = "it expired on " + p.NotAfter.Format(time.RFC3339)
	}
	return err
}

// conflict is the error about a label that has something else.
func (p present) conflict(label string) error {
	return op.WithHint(fmt.Errorf("label %q: %w, and is not what is asked for: %s", label, kdb.ErrExists, p.unlike),
		"make a new one in its place with --replace, or choose another label")
}

// ensured tells whether the label has already what would be made. If it has something else, that is an error, unless it is to be replaced.
func (o Create) ensured(ctx context.Context, env *op.Env, db kdb.Database, request issue.Request) (Made, bool, error) {
	p, ok, err := look(ctx, env, db, o.Label)
	if err != nil || !ok {
		return Made{}, false, err
	}
	if p.unlike, err = o.unlike(ctx, env, db, &p, request); err != nil {
		return Made{}, false, err
	}
	if p.unlike != "" {
		if o.Replace {
			return Made{}, false, nil
		}
		return Made{}, false, p.conflict(o.Label)
	}
	if !o.Default || p.entry.Default {
		return Made{Entry: p.Entry, Kept: true}, true, nil
	}
	set, err := op.One(ctx, op.Attach(env, "", db), entries.SetDefault{Label: o.Label})
	p.Entry.Default = true
	return Made{Entry: p.Entry, Kept: true, Changed: set.Changed, Notes: []string{"it is the default entry now"}}, true, err
}

// unlike says in what an entry differs from what would be made.
func (o Create) unlike(ctx context.Context, env *op.Env, db kdb.Database, p *present, request issue.Request) (string, error) {
	switch {
	case p.entry.Kind != kdb.KindPersonal:
		return "it is a " + p.entry.Kind.String() + " entry", nil
	case len(p.entry.Certificates) == 0:
		return "it has no certificate", nil
	case p.over != "":
		return p.over, nil
	case o.CA.isRemote(): // what else is in the certificate is the server's to say
		what, err := request.UnlikeNames(p.entry.Certificates[0])
		return what, op.PKIError(err)
	case !o.CA.given():
		what, err := request.Unlike(p.entry.Certificates[0], nil)
		return what, op.PKIError(err)
	}
	ca, err := o.CA.load(ctx, env, db)
	if err != nil {
		return "", err
	}
	defer ca.close()
	what, err := request.Unlike(p.entry.Certificates[0], ca.CA)
	return what, op.PKIError(err)
}

// ensured tells whether the label has such a request already, or the certificate that came of one.
func (o Request) ensured(ctx context.Context, env *op.Env, db kdb.Database, request issue.Request) (Requested, bool, error) {
	p, ok, err := look(ctx, env, db, o.Label)
	if err != nil || !ok {
		return Requested{}, false, err
	}
	done := Requested{Entry: p.Entry}
	switch p.entry.Kind {
	case kdb.KindRequest:
		p.unlike, err = request.UnlikeRequest(p.entry.Request)
		done.PEM = op.PEMString("CERTIFICATE REQUEST", p.entry.Request)
		if !o.Out.IsStdout() {
			done.Out = o.Out.Path
		}
	case kdb.KindPersonal:
		if p.unlike = p.over; len(p.entry.Certificates) == 0 {
			p.unlike = "it has neither a request nor a certificate"
		} else if p.unlike == "" {
			p.unlike, err = request.UnlikeNames(p.entry.Certificates[0])
		}
		done.Notes = []string{"its certificate is here already"}
	default:
		p.unlike = "it is a " + p.entry.Kind.String() + " entry"
	}
	switch {
	case err != nil:
		return Requested{}, false, op.PKIError(err)
	case p.unlike != "" && o.Replace:
		return Requested{}, false, nil
	case p.unlike != "":
		return Requested{}, false, p.conflict(o.Label)
	}
	return done, true, o.writeAgain(env, done)
}

// writeAgain writes the file of a request that was made before, unless it is there.
func (o Request) writeAgain(env *op.Env, done Requested) error {
	if done.Out == "" {
		return nil
	}
	if there, err := os.ReadFile(done.Out); err == nil && bytes.Equal(there, []byte(done.PEM)) {
		return nil
	}
	return o.Out.Write(env, false, func(w io.Writer) error {
		_, err := io.WriteString(w, done.PEM)
		return err
	})
}
