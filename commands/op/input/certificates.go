package input

import (
	"context"
	"fmt"

	"certkdb/commands/op"
	"certkdb/kdb"
	"certkdb/kdb/keyfile/pem"
)

// ReadCertificateFile returns the first certificate of a file; "-" is standard input.
func ReadCertificateFile(env *op.Env, file string) ([]byte, error) {
	certificates, err := ReadCertificates(env, file)
	if err != nil {
		return nil, err
	}
	return certificates[0], nil
}

// ReadCertificates returns the certificates of a file, at least one.
func ReadCertificates(env *op.Env, file string) ([][]byte, error) {
	var found [][]byte
	err := EachItem(env, file, func(item pem.Item) {
		if item.Kind == pem.Certificate {
			found = append(found, item.DER)
		}
	})
	if err == nil && len(found) == 0 {
		err = fmt.Errorf("reading %q: %w: it holds no certificate", file, kdb.ErrParse)
	}
	return found, err
}

// EachItem calls fn with everything in a file of certificates, keys, lists.
func EachItem(env *op.Env, file string, fn func(pem.Item)) error {
	p := piece{name: file}
	if file == "-" {
		in := &Input{env: env}
		if err := in.add(context.Background(), Files{}, file); err != nil {
			return err
		}
		p = in.pieces[0]
	}
	r, closeFile, err := p.open()
	if err != nil {
		return fmt.Errorf("reading %q: %w", file, op.UnwrapPath(err))
	}
	defer closePiece(closeFile)
	for item, err := range pem.Items(r) {
		if err != nil {
			return fmt.Errorf("reading %q: %w", file, err)
		}
		fn(item)
	}
	return nil
}
