// Package deploy writes the certificate and the private key of an entry to the files in which servers want them, all in one step, and then
// runs a command that makes the server read them. The database remembers it, so that a renewal needs one call for all servers.
//
//	done, err := deploy.Deploy{Label: "web", Target: deploy.Target{
//		Files: []deploy.File{{Form: deploy.FormKey, Path: "web.key"}, {Form: deploy.FormFullChain, Path: "web.crt"}}, Reload: "nginx -s reload",
//	}}.Run(ctx, s)
package deploy

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"certkdb/commands/op"
	"certkdb/kdb"
)

// Form is what a file holds.
type Form string

// The forms of files.
const (
	FormKey       Form = "key"       // the private key, PEM
	FormCert      Form = "cert"      // the certificate, PEM
	FormChain     Form = "chain"     // the certificates of its issuers, PEM
	FormFullChain Form = "fullchain" // the certificate and those of its issuers, PEM
	FormCombined  Form = "combined"  // private key, certificate and issuers, PEM
	FormPKCS12    Form = "p12"       // the same as PKCS #12
	FormJKS       Form = "jks"       // the same as a Java key store
)

// order is that in which files take their places: a key before the certificates that need it.
func (f Form) order() int {
	return slices.Index([]Form{FormKey, FormPKCS12, FormJKS, FormCombined, FormChain, FormFullChain, FormCert}, f)
}

// field is the parameter that names a file of the form.
func (f Form) field() op.Field { return op.Field(f) }

// isStore says that a file is a key store with a password.
func (f Form) isStore() bool { return f == FormPKCS12 || f == FormJKS }

// hasKey says that a file has the private key in it.
func (f Form) hasKey() bool { return f == FormKey || f == FormCombined || f.isStore() }

// hasChain says that a file has the issuers in it.
func (f Form) hasChain() bool { return f != FormKey && f != FormCert }

// File is a file that an entry is deployed to.
type File struct {
	Form Form   `json:"form"`
	Path string `json:"file"`
}

// Target is where an entry is deployed. The database keeps it as JSON: fields are added, never renamed.
type Target struct {
	Files []File `json:"files"`
	Mode  string `json:"mode,omitempty"` // of all files
	Owner string `json:"owner,omitempty"`
	Group string `json:"group,omitempty"`
	// Reload is a command for the system's shell that is run when a file has changed.
	Reload string `json:"reload,omitempty"`
	// Password says where the password of the key stores comes from, as op.Source.Reference returns it.
	Password string `json:"password,omitempty"`
	// Pending says that the reload command has not succeeded since a file changed.
	Pending bool `json:"reload_pending,omitempty"`
}

func (t *Target) rights() op.Rights { return op.Rights{Mode: t.Mode, Owner: t.Owner, Group: t.Group} }

func (t *Target) hasStore() bool {
	return slices.ContainsFunc(t.Files, func(f File) bool { return f.Form.isStore() })
}

// meets says that two targets have a file in common.
func (t *Target) meets(other Target) bool {
	return slices.ContainsFunc(t.Files, func(f File) bool {
		return slices.ContainsFunc(other.Files, func(g File) bool { return f.Path == g.Path })
	})
}

// Deploy deploys one entry to the files of the target or, if that has none, to where the database remembers. With All it deploys
// everything that the database remembers.
type Deploy struct {
	// Label is the entry. It may be left out if the target has files and the database has only one certificate with a private key.
	Label string
	All   bool
	Target
	// OutPassword protects key stores.
	OutPassword op.Password
	// Forgetful does not remember the target.
	Forgetful bool
	// Compare only compares the files with the database.
	Compare bool
}

// Deployed tells what was done, or would be.
type Deployed struct {
	Deployments []Outcome `json:"deployments"`

	compared bool
}

// Outcome tells about one target of an entry.
type Outcome struct {
	Label  string   `json:"label"`
	Files  []Result `json:"files"`
	Reload *Reload  `json:"reload,omitempty"`
	Notes  []string `json:"notes"`
	// Error says why the entry could not be deployed, or the server not be told.
	Error string `json:"error,omitempty"`

	err error
}

// Result tells about one file.
type Result struct {
	File
	State op.State `json:"state"`
}

// Reload tells about the command.
type Reload struct {
	Command string `json:"command"`
	Done    bool   `json:"done"` // false in a dry run, and after an error
	Status  *int   `json:"exit_status,omitempty"`
	Output  string `json:"output,omitempty"` // the end of it
}

// HasChanged says whether a file was written or a command run, or would be.
func (d Deployed) HasChanged() bool {
	if d.compared {
		return false
	}
	return slices.ContainsFunc(d.Deployments, func(o Outcome) bool { return o.Reload != nil || o.outdated() > 0 })
}

// outdated counts the files that differ, or differed, from the database.
func (o *Outcome) outdated() (n int) {
	for _, f := range o.Files {
		if f.State != op.FileUnchanged {
			n++
		}
	}
	return n
}

// ErrDiffers says that what is deployed is not what the database has.
var ErrDiffers = fmt.Errorf("%w: deployed files are not what the database has", op.ErrFindings)

// Incomplete is the first error among the targets.
func (d Deployed) Incomplete() error {
	for i := range d.Deployments {
		if err := d.Deployments[i].err; err != nil {
			return err
		}
	}
	for i := range d.Deployments {
		if o := &d.Deployments[i]; d.compared && o.outdated() > 0 {
			return fmt.Errorf("label %q: %w", o.Label, ErrDiffers)
		}
	}
	return nil
}

// Run deploys. What went wrong with one target is in the result and does not keep the others from being deployed.
func (o Deploy) Run(ctx context.Context, s *op.Session) (Deployed, error) {
	jobs, err := o.jobs(ctx, s)
	if err != nil {
		return Deployed{}, err
	}
	done := Deployed{Deployments: make([]Outcome, len(jobs)), compared: o.Compare}
	for i, j := range jobs {
		defer j.close()
		done.Deployments[i] = Outcome{Label: j.label, Files: []Result{}}
		j.out = &done.Deployments[i]
		if j.prepare(ctx, s, !o.Compare && !s.DryRun); o.Compare {
			j.out.Reload = nil
		} else if j.out.err == nil && !s.DryRun {
			j.fail(j.perform(ctx, s))
		}
	}
	if !o.Compare {
		reload(ctx, s, jobs)
	}
	if ctx.Err() != nil {
		return done, op.InterruptedAt(ctx.Err(), op.ProgressPart)
	}
	return done, nil
}

// jobs lists the targets.
func (o Deploy) jobs(ctx context.Context, s *op.Session) ([]*job, error) {
	switch {
	case o.All && o.Label != "":
		return nil, op.Exclusive(op.FieldLabels, op.FieldAll)
	case !o.All && o.Label == "" && len(o.Files) == 0:
		return nil, op.Need(op.FieldLabels, op.FieldAll)
	}
	if o.All && len(o.Files) > 0 {
		return nil, &op.Conflict{Fields: []op.Field{op.FieldAll}, Reason: "it is for what the database remembers, not for new files"}
	}
	if len(o.Files) > 0 {
		target, err := o.target()
		if err == nil && o.Label == "" {
			o.Label, err = only(ctx, s)
		}
		if err != nil {
			return nil, err
		}
		return []*job{{label: o.Label, target: target, asked: o.OutPassword, remember: !o.Forgetful}}, nil
	}
	if o.Mode+o.Owner+o.Group+o.Reload != "" || o.Forgetful {
		return nil, op.Need(op.FieldCert, op.FieldKey, op.FieldFullChain, op.FieldCombined, op.FieldP12, op.FieldJKS)
	}
	var jobs []*job
	err := s.View(ctx, func(tx kdb.Tx) error {
		all, err := remembered(tx, o.Label)
		for _, r := range all {
			for _, t := range r.Targets {
				jobs = append(jobs, &job{label: r.Label, target: t, asked: o.OutPassword, remember: true})
			}
		}
		return err
	})
	return jobs, err
}

// only is the label of the only certificate with a private key.
func only(ctx context.Context, s *op.Session) (string, error) {
	var labels []string
	err := s.View(ctx, func(tx kdb.Tx) error {
		labels = nil
		for summary, err := range tx.Summaries("") {
			if err != nil {
				return err
			}
			if summary.Kind == kdb.KindPersonal {
				labels = append(labels, summary.Label)
			}
		}
		return nil
	})
	switch {
	case err != nil:
		return "", err
	case len(labels) == 0:
		return "", op.Classify(errors.New("no certificate in the database has a private key"), kdb.ErrNotFound)
	case len(labels) == 1:
		return labels[0], nil
	}
	const shown = 10
	text := fmt.Sprintf("%q", labels[:min(len(labels), shown)])
	if len(labels) > shown {
		text = strings.TrimSuffix(text, "]") + " …]"
	}
	return "", fmt.Errorf("%w: name one of the %d certificates with a private key: %s", op.ErrUsage, len(labels), text)
}

// target checks a new target and makes its paths absolute.
func (o Deploy) target() (Target, error) {
	t := o.Target
	if err := t.rights().Check(); err != nil {
		return t, err
	}
	if o.OutPassword.Given() && !t.hasStore() {
		return t, &op.Conflict{Fields: []op.Field{op.FieldOutPassword}, Reason: "it is for PKCS #12 files and Java key stores"}
	}
	t.Files = slices.Clone(t.Files)
	for i := range t.Files {
		path, err := filepath.Abs(t.Files[i].Path)
		if err != nil {
			return t, err
		}
		t.Files[i].Path = path
		if slices.ContainsFunc(t.Files[:i], func(f File) bool { return f.Path == path }) {
			return t, &op.Invalid{Field: t.Files[i].Form.field(), Value: path, Reason: "two files would have this name"}
		}
	}
	slices.SortStableFunc(t.Files, func(a, b File) int { return a.Form.order() - b.Form.order() })
	if !t.hasStore() {
		return t, nil
	}
	if t.Password = o.OutPassword.Source.Reference(); t.Password == "" && !o.Forgetful && o.OutPassword.Given() {
		return t, op.Mark(op.NotRemembered, &op.Conflict{
			Fields: []op.Field{op.FieldOutPassword}, Reason: "a password from this source cannot be remembered for the next time",
		})
	}
	return t, nil
}
