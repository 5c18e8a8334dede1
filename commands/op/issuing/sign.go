package issuing

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"certkdb/commands/op"
	"certkdb/kdb"
)

// Sign issues certificates for PKCS #10 requests.
type Sign struct {
	Spec     Spec
	CA       Authority
	Files    []string // requests in PEM or DER; a folder stands for the files in it; "-" is standard input
	Preserve bool     // take the extensions that the requests ask for
	Chain    bool     // write the CA's chain after each certificate
	DER      bool     // write the certificate as it is, and not as PEM; without a chain
	// Out is a file for one request ("" is standard output), a folder for several.
	Out op.Output
}

// Signed tells of certificates that were issued.
type Signed struct {
	Certificates []SignedCertificate `json:"certificates"`
}

// SignedCertificate is one of them.
type SignedCertificate struct {
	Request  string   `json:"request"`
	Out      string   `json:"file,omitempty"`
	Subject  string   `json:"subject"`
	Serial   string   `json:"serial"`
	NotAfter string   `json:"not_after"`
	SHA256   string   `json:"sha256"`
	PEM      string   `json:"pem,omitempty"`
	Notes    []string `json:"notes"`

	NotBefore, End time.Time `json:"-"` // End is NotAfter
}

// HasChanged is always true: each request gets a certificate.
func (Signed) HasChanged() bool { return true }

// Open opens the database that has the CA: db, unless the CA names another one. A remote CA needs none; one that exists says which
// server is trusted.
func (o *Sign) Open(ctx context.Context, env *op.Env, db op.DB) (*op.Session, error) {
	if err := o.prepare(env); err != nil {
		return nil, err
	}
	if o.CA.DB.Location != "" {
		db, o.CA.DB = o.CA.DB, op.DB{}
	}
	s, err := op.Open(ctx, env, db)
	if o.CA.isRemote() && db.Location == "" && errors.Is(err, kdb.ErrNoDatabase) {
		return op.Nothing(env), nil
	}
	return s, err
}

// Plan signs all the requests or none, unless the CA is remote. What was issued is in the CA's database before it is written anywhere.
func (o Sign) Plan(ctx context.Context, s *op.Session) (plan op.Plan[Signed], err error) {
	if err := o.prepare(s.Env); err != nil {
		return plan, err
	}
	files, folder, err := o.files()
	if err != nil {
		return plan, err
	}
	outs, err := o.outputs(s.Env, files, folder)
	if err != nil {
		return plan, err
	}
	ca, err := o.CA.load(ctx, s)
	if err != nil {
		return plan, err
	}
	b := &batch{Sign: o, env: s.Env, ca: ca, files: files, folder: folder, outs: outs, drafts: make([]*draft, len(files))}
	plan = op.Plan[Signed]{Name: "sign", Apply: b.apply, After: b.after, Close: ca.close}
	if folder || ca.elsewhere() {
		plan.Before = b.before
	}
	return plan, b.each(ctx, func(i int) (err error) {
		b.drafts[i], err = b.draft(ctx, files[i])
		return err
	})
}

// prepare finds out who signs, and what that CA cannot do.
func (o *Sign) prepare(env *op.Env) error {
	request, err := o.Spec.request(env)
	if err == nil {
		err = o.CA.byProfile(&request)
	}
	if err == nil {
		err = o.CA.check()
	}
	switch {
	case err != nil:
		return err
	case !o.CA.given():
		return op.Need(op.FieldCA)
	case !o.CA.isRemote():
		return nil
	}
	fields := o.Spec.requestersChoice()
	if o.Preserve {
		fields = append(fields, op.FieldPreserve)
	}
	return refuse(append(fields, o.Spec.serversChoice()...))
}

// files lists the requests; folder says that there may be several, which go to a folder.
func (o Sign) files() (files []string, folder bool, err error) {
	for _, path := range o.Files {
		info, err := os.Stat(path)
		if path == "-" || err == nil && !info.IsDir() {
			files = append(files, path)
			continue
		}
		if err != nil {
			return nil, false, fmt.Errorf("reading %q: %w", path, op.UnwrapPath(err))
		}
		folder = true
		found, err := requestsIn(path)
		if err != nil {
			return nil, false, err
		}
		files = append(files, found...)
	}
	folder = folder || len(files) > 1 || isFolder(o.Out.Path)
	if info, err := os.Stat(o.Out.Path); folder && !o.Out.IsStdout() && err == nil && !info.IsDir() {
		return nil, false, fmt.Errorf("writing to %q: %w: it is not a folder, and several certificates need one", o.Out.Path, op.ErrUsage)
	}
	if folder && o.Out.IsStdout() {
		return nil, false, op.Mark(op.NeedsFolder, fmt.Errorf("%w: several certificates need a folder to go to", op.ErrUsage))
	}
	if len(files) == 0 {
		return nil, false, fmt.Errorf("%w: there is no request in %s", kdb.ErrParse, strings.Join(o.Files, ", "))
	}
	return files, folder, nil
}

// outputs says where each certificate goes. It finds what stands in the way before anything is issued.
func (o Sign) outputs(env *op.Env, files []string, folder bool) ([]op.Output, error) {
	if !folder {
		return []op.Output{o.Out}, o.Out.Check(env)
	}
	_, err := os.Stat(o.Out.Path)
	exists := err == nil // else it is made later, and there is nothing in the way
	var outs []op.Output
	from := make(map[string]string, len(files))
	for _, file := range files {
		base := filepath.Base(file)
		out := o.Out
		out.Path = filepath.Join(o.Out.Path, strings.TrimSuffix(base, filepath.Ext(base))+".crt")
		if other, taken := from[out.Path]; taken {
			return nil, fmt.Errorf("%w: the certificates for %q and %q would both go to %q", op.ErrUsage, other, file, out.Path)
		}
		from[out.Path] = file
		if exists {
			if err := out.Check(env); err != nil {
				return nil, err
			}
		}
		outs = append(outs, out)
	}
	return outs, nil
}
