package entries

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	stdpem "encoding/pem"

	"certkdb/commands/op"
	"certkdb/kdb"
)

// ExportFolder writes the certificates of entries to files of a folder, which are named like the labels: LABEL.crt, and LABEL.key for
// private keys. All of them take their places in one step; those that have the content already are left alone.
type ExportFolder struct {
	Labels []string // or patterns of a shell
	All    bool
	// Folder is made if it is not there. Without Force, only files that have the content already may be in the way.
	Folder string
	Force  bool
	Rights op.Rights
	// Key also writes private keys. That of a CA is written only if the CA is named by its label.
	Key bool
	// Chain also writes the chain, after each certificate.
	Chain bool
}

// ExportedFiles tells what was written.
type ExportedFiles struct {
	Changed bool           `json:"changed"`
	Files   []ExportedFile `json:"files"`
	Notes   []string       `json:"notes"`
}

// ExportedFile is one of the files.
type ExportedFile struct {
	Label string   `json:"label"`
	Type  string   `json:"type"` // "certificate" or "private-key"
	Path  string   `json:"file"`
	State op.State `json:"state"` // "written", "unchanged"; in a dry run "missing", "differs"
}

// HasChanged says whether a file was written, or would be.
func (e ExportedFiles) HasChanged() bool { return e.Changed }

// Run exports. In a dry run nothing is written, or noted in the audit log.
func (o ExportFolder) Run(ctx context.Context, s *op.Session) (ExportedFiles, error) {
	if len(o.Labels) == 0 && !o.All {
		return ExportedFiles{}, op.Need(op.FieldLabels, op.FieldAll)
	}
	if err := cmp.Or(oneOf(o.Labels, o.All, false), o.Rights.Check()); err != nil {
		return ExportedFiles{}, err
	}
	w := &folderWriter{ExportFolder: o, done: ExportedFiles{Files: []ExportedFile{}}, names: map[string]string{}, now: s.Env.Now()}
	defer w.clear()
	if err := s.View(ctx, w.read); err != nil {
		return w.done, err
	}
	if len(w.done.Files) == 0 {
		return w.done, Export{All: true}.requirePieces(nil)
	}
	info, err := os.Stat(w.Folder)
	switch {
	case err == nil && !info.IsDir():
		return w.done, fmt.Errorf("writing to %q: %w: it is not a folder", w.Folder, op.ErrUsage)
	case err == nil && !s.DryRun:
		if err := op.FinishTogether(ctx, s.Env, s.Source.LockTimeout, w.pieces); err != nil {
			return w.done, err
		}
	}
	if err := w.compare(); err != nil || s.DryRun || !w.done.Changed {
		return w.done, err
	}
	return w.done, w.write(ctx, s)
}

// folderWriter is an ExportFolder at work.
type folderWriter struct {
	ExportFolder
	basis  op.Basis
	pieces []op.Piece // those of done.Files
	names  map[string]string
	now    time.Time
	done   ExportedFiles
}

func (w *folderWriter) clear() {
	for _, p := range w.pieces {
		if p.Secret {
			clear(p.Data)
		}
	}
}

// read makes the files of the entries.
func (w *folderWriter) read(tx kdb.Tx) error {
	w.clear()
	w.pieces, w.done.Files, w.done.Notes = nil, []ExportedFile{}, nil
	clear(w.names)
	labels, err := w.labels(tx)
	if err != nil {
		return err
	}
	for _, label := range labels {
		if err := w.add(tx, label); err != nil {
			return fmt.Errorf("label %q: %w", label, err)
		}
	}
	return nil
}

// labels are those that are named, and those that patterns match.
func (w *folderWriter) labels(tx kdb.Tx) ([]string, error) {
	if w.All {
		return w.matching(tx, "*")
	}
	var labels []string
	for _, name := range w.Labels {
		_, err := tx.Summary(name)
		if errors.Is(err, kdb.ErrNotFound) && strings.ContainsAny(name, "*?[") {
			found, err := w.matching(tx, name)
			if err != nil {
				return nil, err
			}
			if len(found) > 0 {
				labels = append(labels, found...)
				continue
			}
		}
		if _, err := op.MustHave(tx, name); err != nil {
			return nil, err
		}
		labels = append(labels, name)
	}
	slices.Sort(labels)
	return slices.Compact(labels), nil
}

// matching are the labels that fit a pattern, of entries with certificates. Those that are distrusted are left out, as in bundles.
func (w *folderWriter) matching(tx kdb.Tx, pattern string) (labels []string, err error) {
	hide := strings.NewReplacer("/", "\x01") // slashes are ordinary in labels
	for s, err := range tx.Summaries("") {
		if err != nil {
			return nil, err
		}
		fits, err := path.Match(hide.Replace(pattern), hide.Replace(s.Label))
		if err != nil {
			return nil, &op.Invalid{Field: op.FieldLabels, Value: pattern, Reason: "it is not a pattern"}
		}
		if fits && (s.Kind == kdb.KindPersonal || s.Kind == kdb.KindTrusted && s.Trusted) {
			labels = append(labels, s.Label)
		}
	}
	return labels, nil
}

// add makes the files of an entry, the key before the certificate that needs it.
func (w *folderWriter) add(tx kdb.Tx, label string) error {
	summary, err := tx.Summary(label)
	if err != nil {
		return err
	}
	entry, err := w.basis.Entry(tx, label)
	if err != nil {
		return err
	}
	if len(entry.Certificates) == 0 {
		return &op.WrongKind{Label: label, Kind: summary.Kind, Wanted: kdb.KindPersonal, Reason: "it has no certificate"}
	}
	if w.Key && summary.Kind == kdb.KindPersonal {
		if err := w.addKey(tx, &summary); err != nil {
			return err
		}
	}
	if w.Chain && (summary.Kind == kdb.KindPersonal || slices.Contains(w.Labels, label)) {
		note, err := w.basis.Complete(tx, &entry, w.now)
		if err != nil {
			return err
		}
		if note != "" {
			w.done.Notes = append(w.done.Notes, fmt.Sprintf("label %q: %s", label, note))
		}
	}
	var data []byte
	for i, der := range entry.Certificates {
		if i == 0 || w.Chain {
			data = append(data, stdpem.EncodeToMemory(&stdpem.Block{Type: pemCertificate, Bytes: der})...)
		}
	}
	return w.file(label, "certificate", ".crt", data)
}

func (w *folderWriter) addKey(tx kdb.Tx, s *kdb.Summary) error {
	if s.CA && !slices.Contains(w.Labels, s.Label) {
		note := fmt.Sprintf("the private key of the CA %q stays in the database, because the CA is not named", s.Label)
		w.done.Notes = append(w.done.Notes, note)
		return nil
	}
	key, err := tx.Key(s.Label)
	if err != nil {
		return err
	}
	defer clear(key)
	return w.file(s.Label, "private-key", ".key", stdpem.EncodeToMemory(&stdpem.Block{Type: "PRIVATE KEY", Bytes: key}))
}

// file adds a file. No two labels may have the same, not even on a system that ignores case.
func (w *folderWriter) file(label, kind, extension string, data []byte) error {
	name := fileName(label) + extension
	folded := strings.ToLower(name)
	if other, taken := w.names[folded]; taken {
		return fmt.Errorf("%w: its file would have the name of that of %q: %q", op.ErrUsage, other, name)
	}
	w.names[folded] = label
	file := filepath.Join(w.Folder, name)
	w.pieces = append(w.pieces, op.Piece{Path: file, Rights: w.Rights, Secret: kind == "private-key", Data: data})
	w.done.Files = append(w.done.Files, ExportedFile{Label: label, Type: kind, Path: file})
	return nil
}

// fileName makes a name of a label that all systems take and that shows: * of *.example.com, what divides folders and invisible characters
// become _.
func fileName(label string) string {
	name := strings.Map(func(r rune) rune {
		if op.Hidden(r) || strings.ContainsRune(`/\:*?"<>|`, r) {
			return '_'
		}
		return r
	}, label)
	if strings.HasPrefix(name, ".") || strings.HasPrefix(name, "-") {
		name = "_" + name[1:]
	}
	if isDevice(name) {
		name = "_" + name
	}
	return name
}

// isDevice says that Windows takes a name for a device, with any extension: con, prn, aux, nul, com1 to com9, lpt1 to lpt9.
func isDevice(name string) bool {
	stem, _, _ := strings.Cut(strings.ToLower(name), ".")
	switch {
	case stem == "con", stem == "prn", stem == "aux", stem == "nul":
		return true
	case len(stem) == 4 && (strings.HasPrefix(stem, "com") || strings.HasPrefix(stem, "lpt")):
		return '1' <= stem[3] && stem[3] <= '9'
	}
	return false
}

// compare finds out which files differ, and what is in the way.
func (w *folderWriter) compare() error {
	for i := range w.pieces {
		state, err := w.pieces[i].State()
		if err != nil {
			return err
		}
		if state == op.FileDiffers && !w.Force {
			return op.Mark(op.FileExists, fmt.Errorf("writing %q: %w", w.pieces[i].Path, fs.ErrExist))
		}
		w.done.Files[i].State = state
		w.done.Changed = w.done.Changed || state != op.FileUnchanged
	}
	return nil
}

// write writes the files that differ. Before a key leaves, the audit log has a record of it.
func (w *folderWriter) write(ctx context.Context, s *op.Session) error {
	if err := os.MkdirAll(w.Folder, 0o755); err != nil {
		return fmt.Errorf("making the folder %q: %w", w.Folder, op.UnwrapPath(err))
	}
	var changed []op.Piece
	var keys []string
	for i, f := range w.done.Files {
		if f.State.IsDone() {
			continue
		}
		if err := w.pieces[i].Check(s.Env); err != nil {
			return err
		}
		changed = append(changed, w.pieces[i])
		if w.pieces[i].Secret {
			keys = append(keys, f.Label)
		}
	}
	if len(keys) > 0 {
		err := s.ReadKeys(ctx, "export-key", func(tx kdb.Tx) error {
			if err := w.basis.Holds(tx); err != nil {
				return err
			}
			for _, label := range keys {
				if err := tx.Audit("export-key", label); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	if err := op.WriteTogether(ctx, s.Env, s.Source.LockTimeout, changed); err != nil {
		return err
	}
	for i := range w.done.Files {
		if w.done.Files[i].State != op.FileUnchanged {
			w.done.Files[i].State = op.FileWritten
		}
	}
	return nil
}
