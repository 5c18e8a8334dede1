package issuing

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"time"

	"certkdb/commands/op"
	"certkdb/kdb"
	"certkdb/pki/cert"
)

// batch is a Sign between Plan and Apply.
type batch struct {
	Sign
	env    *op.Env
	ca     *authority
	files  []string
	folder bool // the certificates go to files of a folder
	outs   []op.Output
	drafts []*draft
}

// each calls do for each request, several at once.
func (b *batch) each(ctx context.Context, do func(i int) error) error {
	return eachOf(ctx, len(b.files), runtime.GOMAXPROCS(0), func(i int) error {
		b.env.Advance(op.UnitRequests, i, len(b.files))
		if err := do(i); err != nil {
			return fmt.Errorf("signing the request in %q: %w", b.files[i], err)
		}
		return nil
	})
}

// draft reads a request and signs it, unless the CA is remote.
func (b *batch) draft(ctx context.Context, file string) (*draft, error) {
	request, err := readRequestFile(b.env, file)
	if err != nil {
		return nil, err
	}
	spec, err := b.Spec.request(b.env)
	if err != nil {
		return nil, err
	}
	spec.AddCommonName = false // the names are the requester's to choose
	spec.Lint = b.env.Linter(ctx)
	d, err := draftFor(b.ca, request, spec, b.Preserve)
	if err == nil && d.Certificate != nil {
		err = op.PKIError(b.Spec.lint(ctx, b.env, d.Certificate))
	}
	return d, err
}

// before has a remote CA sign, and makes the folder.
func (b *batch) before(ctx context.Context) error {
	if b.folder {
		if err := os.MkdirAll(b.Out.Path, 0o755); err != nil {
			return fmt.Errorf("writing the certificates: %w", err)
		}
	}
	if b.ca.remote == nil {
		return nil
	}
	return b.each(ctx, func(i int) error {
		err := b.drafts[i].complete(ctx)
		if err == nil {
			err = op.PKIError(b.Spec.lint(ctx, b.env, b.drafts[i].Certificate))
		}
		return err
	})
}

func (b *batch) apply(tx kdb.Tx) (Signed, error) {
	signed := Signed{Certificates: make([]SignedCertificate, len(b.drafts))}
	var certificates [][]byte
	for i, d := range b.drafts {
		var err error
		if signed.Certificates[i], err = b.describe(i, d); err != nil {
			return signed, err
		}
		certificates = append(certificates, d.Certificate)
	}
	first := &signed.Certificates[0]
	first.Notes = append(first.Notes, b.ca.unrecorded()...)
	return signed, b.ca.recordHere(tx, certificates, b.env.Now())
}

func (b *batch) describe(i int, d *draft) (SignedCertificate, error) {
	signed := SignedCertificate{Request: b.files[i], Notes: d.Notes}
	if !b.outs[i].IsStdout() {
		signed.Out = b.outs[i].Path
	}
	if d.Certificate == nil { // a remote CA has not signed it yet
		r, err := cert.ParseRequest(d.request)
		if err == nil {
			signed.Subject = r.Subject.String()
		}
		return signed, err
	}
	c, err := cert.Parse(d.Certificate)
	if err != nil {
		return signed, err
	}
	e := kdb.Entry{Certificates: [][]byte{d.Certificate}}
	signed.Subject, signed.Serial, signed.NotAfter = c.Subject.String(), c.SerialHex(), c.NotAfter.Format(time.RFC3339)
	signed.NotBefore, signed.End = c.NotBefore, c.NotAfter
	signed.SHA256 = op.HexDigest(e.Fingerprint())
	return signed, nil
}

// filesAtOnce is how many files are written at the same time when each waits for the disk.
const filesAtOnce = 16

// after puts the certificates into their files.
func (b *batch) after(ctx context.Context, signed *Signed) error {
	lax, atOnce := b.ca.recorded && len(b.outs) > 1, filesAtOnce
	if lax {
		atOnce = runtime.GOMAXPROCS(0) // more would only wait for each other in the folder
	}
	return eachOf(ctx, len(b.outs), atOnce, func(i int) error {
		text := op.PEMString("CERTIFICATE", b.drafts[i].Certificate)
		switch {
		case b.DER:
			text = string(b.drafts[i].Certificate)
		case b.Chain:
			text += strings.Join(op.PEMStrings(b.ca.chain), "")
		}
		out := b.outs[i]
		if out.IsStdout() {
			signed.Certificates[i].PEM = text
			return nil
		}
		out.Lax = lax
		err := out.Write(b.env, false, func(w io.Writer) error {
			_, err := io.WriteString(w, text)
			return err
		})
		if err != nil && b.ca.recorded {
			err = &op.Problem{Code: op.IssuedNotWritten, Label: b.ca.label, Found: signed.Certificates[i].Serial, Err: err}
		}
		return err
	})
}
