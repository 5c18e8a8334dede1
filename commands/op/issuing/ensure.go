package issuing

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"time"

	"certkdb/commands/op"
	"certkdb/kdb"
)

// present says what a label has, for operations that do nothing when it is what they would make.
type present struct {
	entry kdb.Entry
	op.Entry
	// unlike says in what it differs, "" if in nothing.
	unlike string
	// over says why it is of no use any more: it expired or was revoked.
	over string
}

// look reads what the label has; ok is false if that is nothing.
func look(tx kdb.Tx, label string, now time.Time) (p present, ok bool, err error) {
	s, err := tx.Summary(label)
	if errors.Is(err, kdb.ErrNotFound) {
		return p, false, nil
	}
	if err == nil {
		p.entry, err = tx.Entry(label)
	}
	if err != nil {
		return p, false, err
	}
	p.Entry = op.NewEntry(&s, now)
	return p, true, p.end(tx, now)
}

// end finds out whether the certificate is over.
func (p *present) end(tx kdb.Tx, now time.Time) error {
	if p.entry.Kind != kdb.KindPersonal {
		return nil
	}
	record, revoked, err := op.RevocationOf(tx, &p.entry)
	switch {
	case revoked:
		p.over = "it was " + op.RevokedOn(record)
	case p.NotAfter != nil && p.NotAfter.Before(now):
		p.over = "it expired on " + p.NotAfter.Format(time.RFC3339)
	}
	return err
}

// ensured tells whether the label has already what would be made; without Ensure, whether it is free. Something else is an error, unless
// it is to be replaced.
func (m *making) ensured(tx kdb.Tx) (Made, bool, error) {
	if !m.Ensure {
		return Made{}, false, op.FreeLabel(tx, m.Label, m.Replace)
	}
	p, ok, err := look(tx, m.Label, m.env.Now())
	if err != nil || !ok {
		return Made{}, false, err
	}
	if p.unlike, err = m.unlike(&p); err != nil {
		return Made{}, false, op.PKIError(err)
	}
	switch {
	case p.unlike != "" && m.Replace:
		return Made{}, false, nil
	case p.unlike != "":
		return Made{}, false, &op.Exists{Label: m.Label, Found: p.unlike, Ensure: true}
	case !m.Default || p.entry.Default:
		return Made{Entry: p.Entry, Kept: true}, true, nil
	}
	p.Entry.Default = true // which apply sees to
	return Made{Entry: p.Entry, Kept: true, Changed: true, Notes: []string{"it is the default entry now"}}, true, nil
}

// unlike says in what an entry differs from what would be made.
func (m *making) unlike(p *present) (string, error) {
	switch {
	case p.entry.Kind != kdb.KindPersonal:
		return "it is a " + p.entry.Kind.String() + " entry", nil
	case len(p.entry.Certificates) == 0:
		return "it has no certificate", nil
	case p.over != "":
		return p.over, nil
	case m.CA.isRemote(): // what else is in the certificate is the server's to say
		return m.request.UnlikeNames(p.entry.Certificates[0])
	case m.ca == nil:
		return m.request.Unlike(p.entry.Certificates[0], nil)
	}
	return m.request.Unlike(p.entry.Certificates[0], m.ca.CA)
}

// free refuses a label that is taken. It says if it is that of a certificate with its key: mostly, the next one of that is wanted.
func (a *asking) free(tx kdb.Tx) error {
	err := op.FreeLabel(tx, a.Label, a.Replace)
	if taken, ok := errors.AsType[*op.Exists](err); ok {
		s, failed := tx.Summary(a.Label)
		taken.InUse = failed == nil && s.Kind == kdb.KindPersonal
	}
	return err
}

// ensured tells whether the label has such a request already, or the certificate that came of one; without Ensure, whether it is free.
func (a *asking) ensured(tx kdb.Tx) (Requested, bool, error) {
	if !a.Ensure {
		return Requested{}, false, a.free(tx)
	}
	p, ok, err := look(tx, a.Label, a.env.Now())
	if err != nil || !ok {
		return Requested{}, false, err
	}
	done := Requested{Entry: p.Entry}
	switch p.entry.Kind {
	case kdb.KindRequest:
		p.unlike, err = a.request.UnlikeRequest(p.entry.Request)
		done.PEM = op.PEMString("CERTIFICATE REQUEST", p.entry.Request)
		if !a.Out.IsStdout() {
			done.Out = a.Out.Path
		}
	case kdb.KindPersonal:
		if p.unlike = p.over; len(p.entry.Certificates) == 0 {
			p.unlike = "it has neither a request nor a certificate"
		} else if p.unlike == "" {
			p.unlike, err = a.request.UnlikeNames(p.entry.Certificates[0])
		}
		done.Notes = []string{"its certificate is here already"}
	default:
		p.unlike = "it is a " + p.entry.Kind.String() + " entry"
	}
	switch {
	case err != nil:
		return Requested{}, false, op.PKIError(err)
	case p.unlike != "" && a.Replace:
		return Requested{}, false, nil
	case p.unlike != "":
		return Requested{}, false, &op.Exists{Label: a.Label, Found: p.unlike, Ensure: true}
	}
	return done, true, nil
}

// writeAgain writes the file of a request that was made before, unless it has it.
func (a *asking) writeAgain(done *Requested) error {
	if done.Out == "" || holds(done.Out, done.PEM) {
		return nil
	}
	err := a.Out.Write(a.env, false, func(w io.Writer) error {
		_, err := io.WriteString(w, done.PEM)
		return err
	})
	if errors.Is(err, fs.ErrExist) && holds(done.Out, done.PEM) { // another process wrote it at the same time
		return nil
	}
	return err
}

// holds says whether a file has that content. Reading a pipe would wait for ever, and another file may be larger than the memory.
func holds(path, content string) bool {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() != int64(len(content)) {
		return false
	}
	there, err := os.ReadFile(path)
	return err == nil && string(there) == content
}
