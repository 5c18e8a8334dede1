package deploy

import (
	"bytes"
	"cmp"
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"time"

	"certkdb/commands/op"
	"certkdb/kdb"
	"certkdb/kdb/atomicfile"
)

// job is one target of one entry.
type job struct {
	label    string
	target   Target
	asked    op.Password // of key stores, in place of the one that is remembered
	remember bool

	basis    op.Basis
	entry    kdb.Entry
	password []byte
	pieces   []op.Piece // in the order of the target's files
	out      *Outcome
	reloads  bool // the command is to be run
	pending  bool // the database says so
}

func (j *job) close() {
	clear(j.entry.Key)
	clear(j.password)
	for _, p := range j.pieces {
		if p.Secret {
			clear(p.Data)
		}
	}
}

// fail notes an error.
func (j *job) fail(err error) {
	if err == nil || j.out.err != nil {
		return
	}
	if j.out.err = err; !errors.Is(err, op.ErrUsage) || !j.names(err) {
		j.out.err = fmt.Errorf("deploying %q: %w", j.label, err)
	}
	j.out.Error = j.out.err.Error()
}

// names says whether an error names the label itself.
func (j *job) names(err error) bool {
	_, kind := errors.AsType[*op.WrongKind](err)
	return kind
}

// prepare reads the entry and compares the files with it, after it has completed what a killed process began, if it may write.
func (j *job) prepare(ctx context.Context, s *op.Session, writes bool) {
	err := s.View(ctx, func(tx kdb.Tx) error { return j.read(tx, s.Env.Now()) })
	if err == nil {
		err = j.encodeAll(ctx, s)
	}
	if err == nil && writes {
		err = op.FinishTogether(ctx, s.Env, s.Source.LockTimeout, j.pieces)
	}
	if len(j.pieces) == len(j.target.Files) { // also where a change cannot be completed
		err = cmp.Or(err, j.compare())
	}
	j.fail(err)
	j.reloads = err == nil && j.target.Reload != "" && (j.target.Pending || j.out.outdated() > 0)
	if j.reloads {
		j.out.Reload = &Reload{Command: j.target.Reload}
	}
}

// read takes the entry out of the database, with its key if a file has that.
func (j *job) read(tx kdb.Tx, now time.Time) error {
	summary, err := op.MustHave(tx, j.label)
	if err != nil {
		return err
	}
	if summary.Kind != kdb.KindPersonal {
		return &op.WrongKind{Label: j.label, Kind: summary.Kind, Wanted: kdb.KindPersonal, Reason: "only a personal certificate is deployed"}
	}
	if j.entry, err = j.basis.Entry(tx, j.label); err != nil {
		return err
	}
	j.pend()
	if slices.ContainsFunc(j.target.Files, func(f File) bool { return f.Form.hasChain() }) {
		note, err := j.basis.Complete(tx, &j.entry, now)
		if err != nil {
			return err
		}
		if j.out.Notes = nil; note != "" {
			j.out.Notes = []string{note}
		}
	}
	if slices.ContainsFunc(j.target.Files, func(f File) bool { return f.Form.hasKey() }) {
		j.entry.Key, err = tx.Key(j.label)
	}
	return err
}

// pend takes over from the remembered targets that a reload is pending: the target may be named again, as scripts do.
func (j *job) pend() {
	targets, err := Targets(&j.entry)
	if err != nil {
		return // it is an error where they are changed
	}
	for _, t := range targets {
		j.target.Pending = j.target.Pending || t.Pending && t.meets(j.target)
	}
}

// encodeAll makes the content of the files.
func (j *job) encodeAll(ctx context.Context, s *op.Session) error {
	if err := j.readPassword(s.Env); err != nil {
		return err
	}
	for _, f := range j.target.Files {
		p := op.Piece{Path: f.Path, Rights: j.target.rights(), Secret: f.Form.hasKey()}
		if err := p.Check(s.Env); err != nil {
			return err
		}
		if f.Form.isStore() {
			p.Same = func(path string) (bool, error) { return j.sameStore(ctx, s.Env, path) }
		} else if p.Data = j.encode(f.Form); len(p.Data) == 0 {
			return &op.Invalid{Field: f.Form.field(), Value: f.Path, Reason: noIssuers}
		}
		j.pieces = append(j.pieces, p)
	}
	return nil
}

// compare finds out which files differ.
func (j *job) compare() error {
	for i, f := range j.target.Files {
		state, err := j.pieces[i].State()
		if err != nil {
			return err
		}
		j.out.Files = append(j.out.Files, Result{File: f, State: state})
	}
	return nil
}

const noIssuers = "the certificate has no issuers with it: it is self-signed, or they are missing"

// readPassword reads the password of the key stores.
func (j *job) readPassword(env *op.Env) (err error) {
	if !j.target.hasStore() {
		return nil
	}
	p := j.asked
	if !p.Given() {
		p.Source = op.ParseReference(j.target.Password)
	}
	p.Field = op.FieldOutPassword
	j.password, err = p.Read(env, "the deployed key stores")
	return err
}

// encode makes the content of a PEM file.
func (j *job) encode(f Form) []byte {
	var data []byte
	if f.hasKey() {
		data = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: j.entry.Key})
	}
	certificates := j.entry.Certificates
	switch f {
	case FormKey:
		certificates = nil
	case FormCert:
		certificates = certificates[:1]
	case FormChain:
		certificates = certificates[1:]
	}
	for _, der := range certificates {
		data = append(data, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	return data
}

// perform writes the files that differ. Before a key leaves, the audit log has a record of it, and the database remembers the target.
func (j *job) perform(ctx context.Context, s *op.Session) error {
	var changed []op.Piece
	for i := range j.pieces {
		if j.out.Files[i].State.IsDone() {
			continue
		}
		if f := j.target.Files[i]; f.Form.isStore() {
			data, err := j.makeStore(ctx, s.Env, f.Form)
			if err != nil {
				return err
			}
			j.pieces[i].Data = data
		}
		changed = append(changed, j.pieces[i])
	}
	if err := j.store(ctx, s, len(changed) > 0); err != nil {
		return err
	}
	err := op.WriteTogether(ctx, s.Env, s.Source.LockTimeout, changed)
	if err != nil && !errors.Is(err, atomicfile.ErrUnfinished) {
		return err
	}
	for i := range j.out.Files {
		if f := &j.out.Files[i]; f.State != op.FileUnchanged && (err == nil || j.isWritten(i)) {
			f.State = op.FileWritten
		}
	}
	return err
}

// isWritten says whether a file took its place before an error.
func (j *job) isWritten(i int) bool {
	state, err := j.pieces[i].State()
	return err == nil && state.IsDone()
}

// store notes the deployment in the audit log if a file is going to be written, and remembers the target, with a reload that is pending.
func (j *job) store(ctx context.Context, s *op.Session, writes bool) error {
	next := j.target
	next.Pending = j.reloads
	remembers := true
	err := s.ReadKeys(ctx, "deploy", func(tx kdb.Tx) error {
		if err := j.basis.Holds(tx); err != nil {
			return err
		}
		if writes {
			if err := tx.Audit("deploy", j.label); err != nil {
				return err
			}
		}
		if !j.remember {
			return nil
		}
		deployer, ok := tx.(kdb.Deployer)
		if ok {
			return setTarget(deployer, &j.entry, next)
		}
		if note := j.forgetful(tx); note != "" && !slices.Contains(j.out.Notes, note) {
			j.out.Notes = append(j.out.Notes, note)
		}
		remembers = false
		return nil
	})
	j.pending = err == nil && next.Pending && j.remember && remembers
	return err
}

// The notes about a database that has no place for deployments, and about one that this user cannot change.
const (
	NotRemembered = "this database cannot remember where its certificates are deployed"
	ReadOnly      = "the database cannot be changed, so it does not remember that the certificate is deployed here"
)

// forgetful says why a deployment is not remembered; "" if the database that cannot be changed has it already.
func (j *job) forgetful(tx kdb.Tx) string {
	silent, isSilent := tx.(op.Silent)
	if !isSilent {
		return NotRemembered
	}
	if _, native := silent.Tx.(kdb.Deployer); !native {
		return NotRemembered
	}
	targets, err := Targets(&j.entry)
	if err == nil && slices.ContainsFunc(targets, func(t Target) bool { return t.meets(j.target) }) {
		return ""
	}
	return ReadOnly
}

// sameStore says whether a key store has the entry, and opens with the password.
func (j *job) sameStore(ctx context.Context, env *op.Env, path string) (bool, error) {
	same := false
	driver, err := kdb.Recognise(env.Drivers, path)
	if err != nil || driver.Data != nil { // base64 text is not what was asked for
		return false, nil // it is replaced
	}
	other, err := driver.Open(ctx, path, kdb.Options{Password: op.Fixed(j.password), NoStash: true})
	if err != nil {
		return false, ctx.Err()
	}
	defer other.Close()
	err = other.View(ctx, func(tx kdb.Tx) error {
		n := 0
		for s, err := range tx.Summaries("") {
			if err != nil {
				return err
			}
			if n++; s.Kind != kdb.KindPersonal {
				continue
			}
			there, err := op.FullEntry(tx, s.Label)
			if err != nil {
				return err
			}
			same = bytes.Equal(there.Key, j.entry.Key) && slices.EqualFunc(there.Certificates, j.entry.Certificates, bytes.Equal)
			clear(there.Key)
		}
		same = same && n == 1
		return nil
	})
	return same && err == nil, ctx.Err()
}
