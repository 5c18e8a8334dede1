package entries

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	stdpem "encoding/pem"

	"certkdb/commands/op"
	"certkdb/commands/op/databases"
	"certkdb/kdb"
	"certkdb/kdb/keyfile/pem"
	"certkdb/kdb/keyfile/pkcs7"
	"certkdb/pki/cert"
)

// Export writes entries to a file or to standard output.
type Export struct {
	Labels []string
	All    bool
	// Trusted writes the certificates that are trusted, whatever the kind of their entries, and never their keys.
	Trusted bool
	// Format goes by the extension of Out if it is "", else it is PEM.
	Format Format
	Out    op.Output
	Key    bool // the private key instead of the certificate; into a database, also that of a CA
	Chain  bool // also the chain, after the certificate
	// Combined writes private key, certificate and chain into one file, as haproxy and others read them.
	Combined bool
	// Traditional writes keys in the form of their own standard: PKCS #1 for RSA, SEC 1 for elliptic curves.
	Traditional bool
	// OutPassword protects a new database, or encrypts private keys (PKCS #8) if it is given.
	OutPassword op.NewPassword
	Profile     string
	// SkipUnsupported is that of Copy, for exports into a database.
	SkipUnsupported bool

	completed *[]string // notes about chains that were completed from other entries
}

// Exported tells what was written.
type Exported struct {
	Out      string   `json:"file"` // "" for standard output
	Contents []Piece  `json:"contents"`
	Notes    []string `json:"notes"`
	// Skipped are the entries that could not be copied into a database.
	Skipped []Action `json:"skipped"`
	// Unchanged says that the file had this content before.
	Unchanged bool `json:"-"`

	incomplete error
}

// HasChanged says whether a file was written, or would be.
func (e Exported) HasChanged() bool { return !e.Unchanged }

// Incomplete is the error for the entries that were skipped.
func (e Exported) Incomplete() error { return e.incomplete }

// Run exports. In a dry run nothing is written, or noted in the audit log.
func (o Export) Run(ctx context.Context, s *op.Session) (Exported, error) {
	format := Format(strings.ToLower(string(o.Format)))
	if alias, ok := formatAliases()[format]; ok {
		format = alias
	}
	if format == "" {
		format = o.formatByName(s.Env)
	}
	if err := o.check(s.Env, format); err != nil {
		return Exported{}, err
	}
	if (format == FormatDER || format == FormatPKCS7DER) && !s.DryRun {
		if err := o.Out.CheckBytes(s.Env); err != nil {
			return Exported{}, err
		}
	}
	unchanged := false
	o.Out.Unchanged, o.completed = func() { unchanged = true }, new([]string)
	exported, err := o.runAs(ctx, s, format)
	exported.Unchanged = unchanged
	exported.Notes = append(exported.Notes, *o.completed...)
	return exported, err
}

func (o Export) runAs(ctx context.Context, s *op.Session, format Format) (Exported, error) {
	switch format {
	case FormatPEM, FormatDER:
		if o.withKey() {
			return o.keys(ctx, s, format)
		}
		if format == FormatPEM {
			return o.stream(ctx, s)
		}
		return o.single(ctx, s)
	case FormatPKCS7, FormatPKCS7DER:
		return o.pkcs7(ctx, s, format)
	case FormatSSH:
		return o.ssh(ctx, s)
	}
	return o.database(ctx, s, format)
}

// withKey says that private keys are among what is written.
func (o Export) withKey() bool { return o.Key || o.Combined }

// check refuses what contradicts itself.
func (o Export) check(env *op.Env, format Format) error {
	pieces := format == FormatPEM || format == FormatDER
	isFile := pieces || format == FormatPKCS7 || format == FormatPKCS7DER || format == FormatSSH
	if err := oneOf(o.Labels, o.All, o.Trusted); err != nil {
		return err
	}
	switch {
	case o.withKey() && o.Trusted:
		return op.Exclusive(map[bool]op.Field{true: op.FieldKey, false: op.FieldCombined}[o.Key], op.FieldTrusted)
	case o.Key && o.Combined:
		return op.Exclusive(op.FieldKey, op.FieldCombined)
	case o.Key && o.Chain:
		return op.Mark(op.KeyAlone, op.Exclusive(op.FieldKey, op.FieldChain))
	case o.withKey() && isFile && !pieces, o.Combined && !isFile:
		return op.Mark(op.NoKeyFormat, &op.Conflict{
			Fields: []op.Field{map[bool]op.Field{true: op.FieldKey, false: op.FieldCombined}[o.Key]},
			Reason: fmt.Sprintf("it is not for %s", format),
		})
	case o.Traditional && (!o.withKey() || o.OutPassword.Wanted()):
		return op.Mark(op.TraditionalIsPlain, &op.Conflict{
			Fields: []op.Field{op.FieldTraditional}, Reason: "it is a form of unencrypted private keys",
		})
	case o.OutPassword.Wanted() && isFile && !o.withKey():
		return &op.Conflict{Fields: []op.Field{op.FieldOutPassword}, Reason: "there is nothing to encrypt: certificates are public"}
	case o.Profile != "" && isFile:
		return &op.Conflict{Fields: []op.Field{op.FieldProfile}, Reason: fmt.Sprintf("it is for key databases, not for %s", format)}
	case isFile:
		return nil
	}
	_, err := kdb.ForNew(env.Drivers, o.Out.Path, string(format))
	if err != nil && o.Format != "" {
		return &op.Invalid{
			Field: op.FieldFormat, Value: string(o.Format), Reason: "there is no such format", Wanted: "use " + op.Choice(Formats(env.Drivers)),
		}
	}
	if err == nil && o.Out.IsStdout() {
		err = op.Need(op.FieldOut)
	}
	return err
}

// stream writes PEM, an entry after the other, so that memory does not grow with the database.
func (o Export) stream(ctx context.Context, s *op.Session) (Exported, error) {
	counts := tally{}
	err := o.write(s, func(w io.Writer) error {
		buffered := bufio.NewWriterSize(w, 64<<10)
		err := o.eachPiece(ctx, s, func(kind string, der []byte) error {
			counts.add(kind)
			return stdpem.Encode(buffered, &stdpem.Block{Type: kind, Bytes: der})
		})
		if err == nil {
			err = o.requirePieces(counts)
		}
		return errors.Join(err, buffered.Flush())
	})
	return o.exported(counts), err
}

// single writes DER, which holds one piece.
func (o Export) single(ctx context.Context, s *op.Session) (Exported, error) {
	p := pieces{format: FormatDER, counts: tally{}}
	err := o.eachPiece(ctx, s, p.add)
	if err == nil {
		err = o.requirePieces(p.counts)
	}
	if err != nil {
		return Exported{}, err
	}
	file, err := p.rendered()
	if err != nil {
		return Exported{}, err
	}
	return o.exported(file.counts), o.writeAll(s, file.data)
}

// pkcs7 writes the certificates and chains of all entries into one container; without chains it would be of no use.
func (o Export) pkcs7(ctx context.Context, s *op.Session, format Format) (Exported, error) {
	o.Chain = true
	var certificates [][]byte
	counts := tally{}
	err := o.eachPiece(ctx, s, func(kind string, der []byte) error {
		if kind != pemCertificate {
			return fmt.Errorf("%w: PKCS #7 holds certificates, not a %s", op.ErrUsage, strings.ToLower(kind))
		}
		if !slices.ContainsFunc(certificates, func(c []byte) bool { return bytes.Equal(c, der) }) {
			counts.add(kind)
			certificates = append(certificates, der)
		}
		return nil
	})
	if err == nil {
		err = o.requirePieces(counts)
	}
	if err != nil {
		return Exported{}, err
	}
	data, err := pkcs7.Encode(certificates)
	if err != nil {
		return Exported{}, err
	}
	if format == FormatPKCS7 {
		data = pem.Encode(pem.PKCS7, data)
	}
	return o.exported(counts), o.writeAll(s, data)
}

// ssh writes the public keys of the entries, a line each, with the labels as comments.
func (o Export) ssh(ctx context.Context, s *op.Session) (Exported, error) {
	var data []byte
	counts := tally{}
	err := o.eachEntry(ctx, s, func(entry *kdb.Entry) error {
		spki, err := spkiOf(entry)
		if err != nil {
			return err
		}
		line, err := pem.AuthorizedKey(spki, op.Printable(entry.Label))
		if err != nil {
			return fmt.Errorf("label %q: %w", entry.Label, err)
		}
		counts.add("public key")
		data = append(data, line...)
		return nil
	})
	if err == nil {
		err = o.requirePieces(counts)
	}
	if err != nil {
		return Exported{}, err
	}
	return o.exported(counts), o.writeAll(s, data)
}

func spkiOf(entry *kdb.Entry) ([]byte, error) {
	switch {
	case len(entry.Certificates) > 0:
		c, err := cert.Parse(entry.Certificates[0])
		if err != nil {
			return nil, fmt.Errorf("label %q: %w", entry.Label, err)
		}
		return c.RawSPKI, nil
	case len(entry.Request) > 0:
		r, err := cert.ParseRequest(entry.Request)
		if err != nil {
			return nil, fmt.Errorf("label %q: %w", entry.Label, err)
		}
		return r.RawSPKI, nil
	}
	return nil, fmt.Errorf("label %q: %w: a %s has no public key", entry.Label, op.ErrUsage, entry.Kind)
}

func (o Export) writeAll(s *op.Session, data []byte) error {
	return o.write(s, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// write writes the file, or in a dry run checks whether it could be written.
func (o Export) write(s *op.Session, fill func(io.Writer) error) error {
	if !s.DryRun {
		return o.Out.Write(s.Env, o.withKey(), fill)
	}
	if err := o.Out.Check(s.Env); err != nil {
		return err
	}
	return fill(io.Discard)
}

// Piece says how many there are of something.
type Piece struct {
	Type  string `json:"type"` // "certificate", "private-key", "public-key", "entry" …
	Count int    `json:"count"`
}

// String is a number with its word, such as 2 private keys.
func (p Piece) String() string {
	word := strings.ReplaceAll(p.Type, "-", " ")
	if p.Count != 1 && word == "entry" {
		return fmt.Sprintf("%d entries", p.Count)
	}
	return fmt.Sprintf("%d %s", p.Count, op.Plural(p.Count, word))
}

// requirePieces is an error if there is nothing to write: a program that trusts or serves what is in an empty file does not say why it
// fails.
func (o Export) requirePieces(counts tally) error {
	reason := "what is named has no certificate"
	switch {
	case len(counts) > 0:
		return nil
	case o.Trusted:
		reason = "no entry is trusted"
	case o.All:
		reason = "no entry has a private key or is trusted"
	}
	return op.Classify(errors.New(reason), kdb.ErrNotFound)
}

// tally counts pieces by what they are.
type tally map[string]int

func (t tally) add(kind string) { t[strings.ReplaceAll(strings.ToLower(kind), " ", "-")]++ }

func (o Export) exported(counts tally) Exported {
	e := Exported{Contents: []Piece{}}
	for _, kind := range slices.Sorted(maps.Keys(counts)) {
		e.Contents = append(e.Contents, Piece{kind, counts[kind]})
	}
	if !o.Out.IsStdout() {
		e.Out = o.Out.Path
	}
	return e
}

// pemCertificate is the type of a certificate's PEM block (RFC 7468, 5.1).
const pemCertificate = "CERTIFICATE"

// eachPiece calls write with the type and the DER of each certificate.
func (o Export) eachPiece(ctx context.Context, s *op.Session, write func(kind string, der []byte) error) error {
	return o.eachEntry(ctx, s, func(entry *kdb.Entry) error {
		if len(entry.Request) > 0 {
			return write("CERTIFICATE REQUEST", entry.Request)
		}
		return o.certificates(entry, write)
	})
}

func (o Export) certificates(entry *kdb.Entry, write func(kind string, der []byte) error) error {
	for i, der := range entry.Certificates {
		if i > 0 && !o.Chain && !o.Combined {
			break
		}
		if err := write(pemCertificate, der); err != nil {
			return err
		}
	}
	return nil
}

// eachEntry calls fn outside of any lock with the entries to export: those that were named, or all, in chunks.
func (o Export) eachEntry(ctx context.Context, s *op.Session, fn func(*kdb.Entry) error) error {
	n := 0
	for after, more := "", true; more; {
		var chunk []kdb.Entry
		err := s.View(ctx, func(tx kdb.Tx) (err error) {
			if len(o.Labels) == 0 {
				if chunk, after, more, err = entriesAfter(tx, after, o.inBundle); err != nil {
					return err
				}
				return o.complete(tx, chunk, s.Env.Now())
			}
			more = false
			if chunk, err = op.EntriesNamed(tx, o.Labels); err != nil {
				return err
			}
			return cmp.Or(checkReadable(tx, chunk), o.complete(tx, chunk, s.Env.Now()))
		})
		if err != nil {
			return err
		}
		for i := range chunk {
			if err := fn(&chunk[i]); err != nil {
				return err
			}
			n++
			s.Env.Advance(op.UnitEntries, n, len(o.Labels))
		}
	}
	return nil
}

// undamaged refuses an entry whose certificate is damaged, so that no file is called written that no program can read.
func undamaged(s *kdb.Summary) error {
	if s.Unreadable() {
		return fmt.Errorf("label %q: %w: %s", s.Label, kdb.ErrCorrupt, s.Warning)
	}
	return nil
}

func checkReadable(tx kdb.Tx, list []kdb.Entry) error {
	for i := range list {
		s, err := tx.Summary(list[i].Label)
		if err == nil {
			err = undamaged(&s)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// entriesChunk is how many whole entries are held in memory at once.
const entriesChunk = 1000

// inBundle says which entries are written if none is named. A certificate that somebody distrusted never gets into a file whose readers
// would trust it.
func (o Export) inBundle(s *kdb.Summary) bool {
	if o.Trusted {
		return s.Trusted
	}
	return s.Kind != kdb.KindTrusted || s.Trusted
}

func entriesAfter(tx kdb.Tx, after string, wanted func(*kdb.Summary) bool) (found []kdb.Entry, last string, more bool, err error) {
	for s, err := range tx.Summaries(after) {
		if err != nil {
			return nil, "", false, err
		}
		if !wanted(&s) {
			continue
		}
		entry, err := tx.Entry(s.Label)
		if err == nil {
			err = undamaged(&s)
		}
		if err != nil {
			return nil, "", false, err
		}
		if found = append(found, entry); len(found) == entriesChunk {
			return found, s.Label, true, nil
		}
	}
	return found, "", false, nil
}

// database copies the entries into a new database.
func (o Export) database(ctx context.Context, s *op.Session, format Format) (Exported, error) {
	to := databases.Init{
		DB:   op.DB{Location: o.Out.Path, LockTimeout: s.Source.LockTimeout},
		Type: string(format), Profile: o.Profile, NewPassword: o.OutPassword,
	}
	copied, err := Copy{
		From: s, Labels: o.Labels, All: o.All, Trusted: o.Trusted, CAKeys: o.Key, SkipUnsupported: o.SkipUnsupported,
		Brief: true,
	}.CopyTo(ctx, to, true)
	exported := Exported{Out: o.Out.Path, incomplete: copied.incomplete}
	keys := copied.keys
	for _, a := range copied.Actions {
		if a.PrivateKey {
			keys++
		}
		if a.Action == ActionSkipped {
			exported.Skipped = append(exported.Skipped, a)
			continue
		}
		if a.Reason != "" && !slices.Contains(exported.Notes, a.Reason) {
			exported.Notes = append(exported.Notes, a.Reason)
		}
	}
	n := copied.Count() - len(exported.Skipped)
	exported.Contents = []Piece{}
	if n > 0 { // else nothing was made
		exported.Contents = append(exported.Contents, Piece{"entry", n})
	}
	if keys > 0 {
		exported.Contents = append(exported.Contents, Piece{"private-key", keys})
	}
	return exported, err
}
