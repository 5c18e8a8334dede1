package issuing

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"certkdb/commands/op"
	"certkdb/kdb"
	"certkdb/kdb/keyfile/pem"
	"certkdb/pki/cert"
	"certkdb/pki/issue"
)

// Sign issues certificates for PKCS #10 requests.
type Sign struct {
	op.DB
	Spec
	CA       Authority
	Files    []string // requests in PEM or DER; a folder stands for the files in it; "-" is standard input
	Preserve bool     // take the extensions that the requests ask for
	Chain    bool     // write the CA's chain behind each certificate
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
	Out      string   `json:"out,omitempty"`
	Subject  string   `json:"subject"`
	Serial   string   `json:"serial"`
	NotAfter string   `json:"not_after"`
	SHA256   string   `json:"sha256"`
	PEM      string   `json:"pem,omitempty"`
	Notes    []string `json:"notes,omitempty"`

	der []byte
}

// Run signs all the requests or none. What was issued is in the CA's database before it is written anywhere.
func (o Sign) Run(ctx context.Context, env *op.Env) (Signed, error) {
	if err := o.prepare(env); err != nil {
		return Signed{}, err
	}
	files, folder, err := o.files()
	if err != nil {
		return Signed{}, err
	}
	outs, err := o.outputs(files, folder)
	if err != nil {
		return Signed{}, err
	}
	db, err := o.open(ctx, env)
	if err != nil {
		return Signed{}, err
	}
	if db != nil {
		defer db.Close()
	}
	ca, err := o.CA.load(ctx, env, db)
	if err != nil {
		return Signed{}, err
	}
	defer ca.close()
	signed := Signed{Certificates: make([]SignedCertificate, len(files))}
	err = eachOf(ctx, len(files), runtime.GOMAXPROCS(0), func(i int) (err error) {
		if signed.Certificates[i], err = o.sign(ctx, env, ca, files[i]); err != nil {
			err = fmt.Errorf("signing the request in %q: %w", files[i], err)
		}
		return err
	})
	if err != nil {
		return Signed{}, err
	}
	var ders [][]byte
	for _, c := range signed.Certificates {
		ders = append(ders, c.der)
	}
	if ca.remote == nil {
		err = ca.db.Update(ctx, "sign", func(tx kdb.Tx) error { return ca.record(tx, ders, env.Now()) })
	}
	if err != nil {
		return Signed{}, err
	}
	first := &signed.Certificates[0]
	first.Notes = append(first.Notes, ca.unrecorded()...)
	return signed, o.write(ctx, env, ca, signed.Certificates, outs)
}

// prepare finds out who signs, and what that CA cannot do.
func (o *Sign) prepare(env *op.Env) error {
	request, err := o.request(env)
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
		return fmt.Errorf("%w: --ca LABEL is missing", op.ErrUsage)
	case !o.CA.isRemote():
		return nil
	}
	options := o.requestersChoice()
	if o.Preserve {
		options = append(options, "--preserve")
	}
	return refuseOptions(append(options, o.serversChoice()...))
}

// open opens the database that has the CA. For a remote one there need be none; one that is there says which server is trusted.
func (o *Sign) open(ctx context.Context, env *op.Env) (kdb.Database, error) {
	if o.CA.DB.Location != "" {
		o.DB, o.CA.DB = o.CA.DB, op.DB{}
	}
	db, err := o.Open(ctx, env)
	if o.CA.isRemote() && o.Location == "" && errors.Is(err, kdb.ErrNoDatabase) {
		return nil, nil
	}
	return db, err
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
	if folder && o.Out.IsStdout() {
		return nil, false, op.WithHint(fmt.Errorf("%w: several certificates need a folder to go to", op.ErrUsage), "name it with --out FOLDER")
	}
	if len(files) == 0 {
		return nil, false, fmt.Errorf("%w: there is no request in %s", kdb.ErrParse, strings.Join(o.Files, ", "))
	}
	return files, folder, nil
}

// isFolder tells whether a path is that of a folder, or is written like one.
func isFolder(path string) bool {
	info, err := os.Stat(path)
	return strings.HasSuffix(path, "/") || err == nil && info.IsDir()
}

// requestsIn lists the files of a folder that are requests by their names, or by what is in them where the name can be that of anything.
func requestsIn(folder string) ([]string, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, fmt.Errorf("reading %q: %w", folder, op.UnwrapPath(err))
	}
	var files []string
	for _, e := range entries {
		extension := strings.ToLower(filepath.Ext(e.Name()))
		path := filepath.Join(folder, e.Name())
		switch {
		case !e.Type().IsRegular():
		case slices.Contains([]string{".csr", ".req", ".p10"}, extension), (extension == ".pem" || extension == ".arm") && holdsRequest(path):
			files = append(files, path)
		}
	}
	return files, nil
}

// holdsRequest tells whether a PEM file has a request, and is no certificate or key that lies beside. A file that cannot be read counts as
// one, for the error.
func holdsRequest(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return true
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxRequest))
	return err != nil || bytes.Contains(text, []byte("CERTIFICATE REQUEST-----"))
}

func (o Sign) sign(ctx context.Context, env *op.Env, ca *authority, file string) (SignedCertificate, error) {
	request, err := readRequestFile(env, file)
	if err != nil {
		return SignedCertificate{}, err
	}
	spec, err := o.request(env)
	if err != nil {
		return SignedCertificate{}, err
	}
	spec.AddCommonName = false // the names are the requester's to choose
	spec.Lint = env.Linter(ctx)
	var issued issue.Issued
	if issued, err = ca.sign(ctx, request, spec, o.Preserve); err == nil {
		err = op.PKIError(o.lint(ctx, env, issued.Certificate))
	}
	if err != nil {
		return SignedCertificate{}, err
	}
	c, err := cert.Parse(issued.Certificate)
	if err != nil {
		return SignedCertificate{}, err
	}
	e := kdb.Entry{Certificates: [][]byte{issued.Certificate}}
	return SignedCertificate{
		Request: file, Subject: c.Subject.String(), Serial: c.SerialHex(), NotAfter: c.NotAfter.Format("2006-01-02T15:04:05Z07:00"),
		SHA256: op.HexDigest(e.Fingerprint()), Notes: issued.Notes, der: issued.Certificate,
	}, nil
}

// maxRequest bounds what is read of a file that should hold a request.
const maxRequest = 4 << 20

// readRequestFile returns the DER of the one request in a file.
func readRequestFile(env *op.Env, file string) ([]byte, error) {
	in := env.Stdin
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	var request []byte
	for item, err := range pem.Items(io.LimitReader(in, maxRequest)) {
		switch {
		case err != nil:
			return nil, err
		case item.Kind != pem.Request:
		case request != nil:
			return nil, fmt.Errorf("%w: it holds more than one request", kdb.ErrParse)
		default:
			request = item.DER
		}
	}
	if request == nil {
		return nil, fmt.Errorf("%w: it holds no certificate request", kdb.ErrParse)
	}
	return request, nil
}

// outputs says where each certificate goes. It finds what stands in the way before anything is issued.
func (o Sign) outputs(files []string, folder bool) ([]op.Output, error) {
	if !folder {
		return []op.Output{o.Out}, o.Out.Check()
	}
	if err := os.MkdirAll(o.Out.Path, 0o755); err != nil {
		return nil, fmt.Errorf("writing the certificates: %w", err)
	}
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
		if err := out.Check(); err != nil {
			return nil, err
		}
		outs = append(outs, out)
	}
	return outs, nil
}

// filesAtOnce is how many files are written at the same time when each waits for the disk.
const filesAtOnce = 16

// write puts the certificates into their files.
func (o Sign) write(ctx context.Context, env *op.Env, ca *authority, list []SignedCertificate, outs []op.Output) error {
	lax, atOnce := ca.recorded && len(outs) > 1, filesAtOnce
	if lax {
		atOnce = runtime.GOMAXPROCS(0) // more would only wait for each other in the folder
	}
	return eachOf(ctx, len(outs), atOnce, func(i int) error {
		text := op.PEMString("CERTIFICATE", list[i].der)
		if o.Chain {
			text += strings.Join(op.PEMStrings(ca.chain), "")
		}
		if outs[i].IsStdout() {
			list[i].PEM = text
			return nil
		}
		list[i].Out = outs[i].Path
		outs[i].Lax = lax
		err := outs[i].Write(env, false, func(w io.Writer) error {
			_, err := io.WriteString(w, text)
			return err
		})
		if err != nil {
			err = op.WithHint(err, "it was issued and is recorded: get it with: certkdb issued --ca LABEL --serial "+list[i].Serial+" -o pem")
		}
		return err
	})
}
