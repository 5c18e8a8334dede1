package op

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	stdpem "encoding/pem"

	"certkdb/kdb"
)

// Export writes entries to a file or to standard output.
type Export struct {
	DB
	Labels []string
	All    bool
	// Format is "pem", "der", or the name of a kind of database; "" goes by the extension of Out, else it is PEM.
	Format string
	Out    Output
	Key    bool // the private key instead of the certificate
	Chain  bool // the chain behind the certificate too
	// OutPassword protects a new database.
	OutPassword NewPassword
	Profile     string
}

// Exported tells what was written.
type Exported struct {
	Out      string   `json:"out"` // "" for standard output
	Contents []string `json:"contents"`
}

const (
	formatPEM = "pem"
	formatDER = "der"
)

// fileFormats are what extensions of output files mean besides those of databases.
var fileFormats = map[string]string{
	".pem": formatPEM, ".crt": formatPEM, ".arm": formatPEM, ".key": formatPEM, ".cer": formatDER, ".der": formatDER,
}

// Run exports.
func (o Export) Run(ctx context.Context, env *Env) (Exported, error) {
	if o.All == (len(o.Labels) > 0) {
		return Exported{}, fmt.Errorf("%w: name the labels, or use --all", ErrUsage)
	}
	format := strings.ToLower(o.Format)
	if format == "" {
		format = o.formatByName(env)
	}
	switch {
	case format == formatPEM:
		return o.stream(ctx, env)
	case format == formatDER:
		return o.single(ctx, env)
	case o.Out.isStdout():
		return Exported{}, fmt.Errorf("%w: a database of type %q needs --out FILE", ErrUsage, format)
	}
	return o.database(ctx, env, format)
}

func (o Export) formatByName(env *Env) string {
	extension := strings.ToLower(filepath.Ext(o.Out.Path))
	if format, ok := fileFormats[extension]; ok {
		return format
	}
	for _, d := range env.Drivers {
		for _, e := range d.Extensions {
			if e == extension {
				return d.Name
			}
		}
	}
	return formatPEM
}

// stream writes PEM, an entry after the other, so that memory does not grow with the database.
func (o Export) stream(ctx context.Context, env *Env) (Exported, error) {
	n := 0
	err := o.Out.write(env, o.Key, func(w io.Writer) error {
		buffered := bufio.NewWriterSize(w, 64<<10)
		err := o.eachPiece(ctx, env, func(kind string, der []byte) error {
			n++
			return stdpem.Encode(buffered, &stdpem.Block{Type: kind, Bytes: der})
		})
		return errors.Join(err, buffered.Flush())
	})
	return o.exported(n), err
}

// single writes DER, which holds one piece.
func (o Export) single(ctx context.Context, env *Env) (Exported, error) {
	var only []byte
	n := 0
	err := o.eachPiece(ctx, env, func(_ string, der []byte) error {
		n, only = n+1, der
		return nil
	})
	if err == nil && n != 1 {
		err = WithHint(fmt.Errorf("%w: DER holds one certificate or key, and these are %d", ErrUsage, n), "use --format pem")
	}
	if err != nil {
		return Exported{}, err
	}
	defer clear(only)
	return o.exported(1), o.Out.write(env, o.Key, func(w io.Writer) error {
		_, err := w.Write(only)
		return err
	})
}

func (o Export) exported(n int) Exported {
	what := "certificate"
	if o.Key {
		what = "private key"
	}
	e := Exported{Contents: []string{fmt.Sprintf("%d %s", n, plural(n, what))}}
	if !o.Out.isStdout() {
		e.Out = o.Out.Path
	}
	return e
}

// eachPiece calls write with the DER of each certificate, or of each private key under --key. Exporting a key changes the
// database: it is noted in the audit log before the key leaves.
func (o Export) eachPiece(ctx context.Context, env *Env, write func(kind string, der []byte) error) error {
	if o.Key {
		return o.eachKey(ctx, env, write)
	}
	return o.eachEntry(ctx, env, func(entry *kdb.Entry) error {
		if len(entry.Request) > 0 {
			return write("CERTIFICATE REQUEST", entry.Request)
		}
		for i, der := range entry.Certificates {
			if i > 0 && !o.Chain {
				break
			}
			if err := write("CERTIFICATE", der); err != nil {
				return err
			}
		}
		return nil
	})
}

// eachEntry calls fn outside of any lock with the entries to export: those that were named, or all, in chunks.
func (o Export) eachEntry(ctx context.Context, env *Env, fn func(*kdb.Entry) error) error {
	db, err := o.Open(ctx, env)
	if err != nil {
		return err
	}
	defer db.Close()
	for after, more := "", true; more; {
		var chunk []kdb.Entry
		err := db.View(ctx, func(tx kdb.Tx) (err error) {
			if o.All {
				chunk, after, more, err = entriesAfter(tx, after)
				return err
			}
			more = false
			chunk, err = entriesNamed(tx, o.Labels)
			return err
		})
		if err != nil {
			return err
		}
		for i := range chunk {
			if err := fn(&chunk[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// entriesChunk is how many whole entries are held in memory at once.
const entriesChunk = 1000

func entriesAfter(tx kdb.Tx, after string) (found []kdb.Entry, last string, more bool, err error) {
	for s, err := range tx.Summaries(after) {
		if err != nil {
			return nil, "", false, err
		}
		entry, err := tx.Entry(s.Label)
		if err != nil {
			return nil, "", false, err
		}
		if found = append(found, entry); len(found) == entriesChunk {
			return found, s.Label, true, nil
		}
	}
	return found, "", false, nil
}

func entriesNamed(tx kdb.Tx, labels []string) ([]kdb.Entry, error) {
	var found []kdb.Entry
	for _, label := range labels {
		if _, err := mustHave(tx, label); err != nil {
			return nil, err
		}
		entry, err := tx.Entry(label)
		if err != nil {
			return nil, err
		}
		found = append(found, entry)
	}
	return found, nil
}

func (o Export) eachKey(ctx context.Context, env *Env, write func(kind string, der []byte) error) error {
	if o.All {
		return WithHint(fmt.Errorf("%w: private keys are exported by name", ErrUsage), "copy everything with: certkdb copy --all --to FILE")
	}
	if err := o.Out.check(); err != nil { // before the log says that it left
		return err
	}
	var keys [][]byte
	err := o.update(ctx, env, "export-key", func(tx kdb.Tx) error {
		keys = nil
		for _, label := range o.Labels {
			key, err := keyOf(tx, label)
			if err != nil {
				return err
			}
			keys = append(keys, key)
			if err := tx.Audit("export-key", label); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, key := range keys {
		defer clear(key)
		if err := write("PRIVATE KEY", key); err != nil {
			return err
		}
	}
	return nil
}

func keyOf(tx kdb.Tx, label string) ([]byte, error) {
	s, err := mustHave(tx, label)
	if err != nil {
		return nil, err
	}
	if s.Kind != kdb.KindPersonal && s.Kind != kdb.KindRequest {
		return nil, fmt.Errorf("label %q: %w: a %s entry has no private key", label, kdb.ErrNotFound, s.Kind)
	}
	return tx.Key(label)
}

// database copies the entries into a new database.
func (o Export) database(ctx context.Context, env *Env, format string) (Exported, error) {
	copied, err := Copy{
		DB: o.DB, Labels: o.Labels, All: o.All, Type: format, Profile: o.Profile, NewPassword: o.OutPassword,
		To: DB{Location: o.Out.Path, LockTimeout: o.LockTimeout}, Fresh: true,
	}.Run(ctx, env)
	n := len(copied.Actions)
	return Exported{Out: o.Out.Path, Contents: []string{fmt.Sprintf("%d %s", n, map[bool]string{true: "entry", false: "entries"}[n == 1])}}, err
}
