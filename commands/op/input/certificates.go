package input

import (
	"errors"
	"fmt"
	"slices"

	"certkdb/commands/op"
	"certkdb/kdb"
	"certkdb/kdb/keyfile/pem"
	"certkdb/kdb/keyfile/pkcs7"
	"certkdb/pki/cert"
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
	if errors.Is(err, kdb.ErrParse) && isStore(env, file) {
		err = fmt.Errorf("reading %q: %w: it is a key store, not a file of certificates", file, kdb.ErrParse)
		return nil, &op.Problem{Code: op.StoreAsFile, Location: file, Err: err}
	}
	return found, err
}

// isStore says whether a file is a key store as a whole.
func isStore(env *op.Env, file string) bool {
	driver, err := env.RecogniseInput(file)
	return err == nil && !driver.Pieces && driver.Name != "pkcs7"
}

// EachItem calls fn with everything in a file of certificates, keys, lists, and with what a PKCS #7 message in it holds.
func EachItem(env *op.Env, file string, fn func(pem.Item)) error {
	in := &Input{env: env}
	if err := in.addPieces(file); err != nil {
		return err
	}
	p := in.pieces[0]
	r, closeFile, err := p.open()
	if err != nil {
		return fmt.Errorf("reading %q: %w", file, op.UnwrapPath(err))
	}
	defer closePiece(closeFile)
	for item, err := range pem.Items(r) {
		if err != nil {
			return fmt.Errorf("reading %q: %w", file, err)
		}
		if item.Kind != pem.PKCS7 {
			fn(item)
		} else if err := eachOfMessage(item, fn); err != nil {
			return fmt.Errorf("reading %q: %s: %w", file, item.Where(), err)
		}
	}
	return nil
}

// eachOfMessage calls fn with the certificates of PKCS #7 and with its revocation lists. Certificates are a set there: the first one that
// is not a CA's comes before the others.
func eachOfMessage(message pem.Item, fn func(pem.Item)) error {
	contents, err := pkcs7.Parse(message.DER)
	if err != nil {
		return err
	}
	certificates := contents.Certificates
	leaf := slices.IndexFunc(certificates, func(der []byte) bool {
		c, err := cert.Parse(der)
		return err == nil && !c.IsCA
	})
	if leaf > 0 {
		certificates = slices.Concat(certificates[leaf:leaf+1], certificates[:leaf], certificates[leaf+1:])
	}
	for _, der := range certificates {
		fn(pem.Item{Kind: pem.Certificate, DER: der, Line: message.Line})
	}
	for _, der := range contents.CRLs {
		fn(pem.Item{Kind: pem.RevocationSet, DER: der, Line: message.Line})
	}
	return nil
}
