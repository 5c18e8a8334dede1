package entries

import (
	"bytes"
	"context"
	"fmt"
	"time"

	stdpem "encoding/pem"

	"certkdb/commands/op"
	"certkdb/kdb"
	"certkdb/kdb/keyfile/pem"
	"certkdb/pki/pbe"
)

// keys writes private and secret keys, alone or each followed by its certificates. The audit log says that they leave the database before
// they do. A file that has them already is left alone, without a word in the log; an encrypted key is never the same twice.
func (o Export) keys(ctx context.Context, s *op.Session, format Format) (Exported, error) {
	if o.All {
		return Exported{}, op.Mark(op.KeysOneByOne, fmt.Errorf("%w: private keys are exported by name", op.ErrUsage))
	}
	if err := o.Out.Check(s.Env); err != nil {
		return Exported{}, err
	}
	var password []byte
	if o.OutPassword.Wanted() && !s.DryRun {
		var err error
		if password, err = o.OutPassword.Get(s.Env, "the exported private key"); err != nil {
			return Exported{}, err
		}
		defer clear(password)
	}
	if !s.DryRun {
		if err := o.Out.Finish(s.Env); err != nil {
			return Exported{}, err
		}
	}
	var entries []kdb.Entry
	var file rendered
	defer func() { op.ClearKeys(entries); file.clear() }()
	same := false
	err := s.ReadKeys(ctx, "export-key", func(tx kdb.Tx) (err error) {
		op.ClearKeys(entries)
		if entries, err = o.takeKeys(tx, s.Env.Now()); err != nil {
			return err
		}
		if !o.OutPassword.Wanted() {
			file.clear()
			if file, err = o.render(entries, nil, format); err != nil {
				return err
			}
			if same, err = o.Out.Has(true, file.data); err != nil || same {
				return err
			}
		}
		return noteKeys(tx, o.Labels)
	})
	if err == nil && o.OutPassword.Wanted() {
		file, err = o.render(entries, password, format)
	}
	switch {
	case err != nil:
		return Exported{}, err
	case same:
		o.Out.Unchanged()
		return o.exported(file.counts), nil
	}
	return o.exported(file.counts), o.writeAll(s, file.data)
}

func noteKeys(tx kdb.Tx, labels []string) error {
	for _, label := range labels {
		if err := tx.Audit("export-key", label); err != nil {
			return err
		}
	}
	return nil
}

// takeKeys reads the entries with their keys.
func (o Export) takeKeys(tx kdb.Tx, now time.Time) (entries []kdb.Entry, err error) {
	for _, label := range o.Labels {
		entry, err := o.entryOf(tx, label)
		if err != nil {
			return entries, err
		}
		entries = append(entries, entry)
		if o.Combined {
			if err := entry.CheckKey(); err != nil { // no server could use the file
				return entries, err
			}
		}
	}
	return entries, o.complete(tx, entries, now)
}

// rendered is the content of a file.
type rendered struct {
	data   []byte
	counts tally
}

func (r rendered) clear() { clear(r.data) }

// render makes the content of a file of private keys.
func (o Export) render(entries []kdb.Entry, password []byte, format Format) (r rendered, err error) {
	p := pieces{format: format, counts: tally{}}
	defer func() {
		if err != nil {
			clear(p.data.Bytes())
		}
	}()
	for i := range entries {
		if err := o.writeKey(&entries[i], password, p.add); err != nil {
			return rendered{}, fmt.Errorf("label %q: %w", entries[i].Label, err)
		}
		if !o.Combined {
			continue
		}
		if err := o.certificates(&entries[i], p.add); err != nil {
			return rendered{}, err
		}
	}
	return p.rendered()
}

// pieces collects what goes into a file: PEM blocks, or a single piece as DER.
type pieces struct {
	format Format
	data   bytes.Buffer
	counts tally
	n      int
}

func (p *pieces) add(kind string, der []byte) error {
	p.counts.add(kind)
	p.n++
	if p.format == FormatPEM {
		return stdpem.Encode(&p.data, &stdpem.Block{Type: kind, Bytes: der})
	}
	_, err := p.data.Write(der)
	return err
}

func (p *pieces) rendered() (rendered, error) {
	if p.format == FormatDER && p.n != 1 {
		return rendered{}, op.Mark(op.OnlyOnePiece, fmt.Errorf("%w: DER holds one certificate or key, and these are %d", op.ErrUsage, p.n))
	}
	return rendered{p.data.Bytes(), p.counts}, nil
}

// writeKey writes a private key in the form that was asked for.
func (o Export) writeKey(entry *kdb.Entry, password []byte, write func(kind string, der []byte) error) error {
	switch {
	case entry.Kind == kdb.KindSecretKey:
		return write(op.SecretKeyBlock, entry.Key)
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

// entryOf reads an entry with its private key, or a secret one, for which there is no form but its bytes.
func (o Export) entryOf(tx kdb.Tx, label string) (kdb.Entry, error) {
	s, err := op.MustHave(tx, label)
	if err != nil {
		return kdb.Entry{}, err
	}
	switch {
	case s.Kind == kdb.KindTrusted:
		err := fmt.Errorf("label %q: a %s entry has no private key", label, s.Kind)
		return kdb.Entry{}, op.Classify(err, kdb.ErrNotFound)
	case s.Kind != kdb.KindSecretKey:
	case o.Combined:
		return kdb.Entry{}, &op.WrongKind{Label: label, Kind: s.Kind, Wanted: kdb.KindPersonal, Reason: "a secret key has no certificate"}
	case o.Traditional:
		return kdb.Entry{}, &op.Conflict{Fields: []op.Field{op.FieldTraditional}, Reason: fmt.Sprintf("label %q is a secret key", label)}
	case o.OutPassword.Wanted():
		return kdb.Entry{}, op.Mark(op.SecretIsPlain, &op.Conflict{
			Fields: []op.Field{op.FieldOutPassword},
			Reason: fmt.Sprintf("label %q is a secret key, which only a key store encrypts", label),
		})
	}
	return op.FullEntry(tx, label)
}
