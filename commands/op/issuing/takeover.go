package issuing

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"certkdb/commands/op"
	"certkdb/commands/op/input"
	"certkdb/kdb"
	"certkdb/kdb/keyfile/pem"
	"certkdb/pki/cert"
)

// TakeOver records what a CA did in other programs before it came into the database: certificates that it issued and revoked, and the
// number of its next revocation list.
type TakeOver struct {
	CA string // label
	// Files are the index and crlnumber of openssl ca and easy-rsa, revocation lists and certificates; a folder stands for such files in it.
	Files []string
}

// TakenOver tells what was recorded.
type TakenOver struct {
	Recorded int `json:"recorded"` // certificates that were not recorded before
	Revoked  int `json:"revoked"`  // certificates that were not known to be revoked
	// Foreign counts certificates and lists that the CA's key did not sign, in folders.
	Foreign int `json:"foreign"`
	// NextNumber is that of the next revocation list.
	NextNumber uint64 `json:"next_number"`
	Changed    bool   `json:"changed"`
}

// HasChanged says whether anything was changed.
func (t TakenOver) HasChanged() bool { return t.Changed }

// Plan reads the files.
func (o TakeOver) Plan(ctx context.Context, s *op.Session) (op.Plan[TakenOver], error) {
	plan := op.Plan[TakenOver]{Name: "take-over"}
	if o.CA == "" {
		return plan, op.Need(op.FieldCA)
	}
	var found inheritance
	for _, file := range o.Files {
		if err := found.add(s.Env, file); err != nil {
			return plan, err
		}
	}
	plan.Apply = func(tx kdb.Tx) (TakenOver, error) { return o.apply(tx, &found) }
	return plan, newest(ctx, s)
}

func (o TakeOver) apply(tx kdb.Tx, found *inheritance) (taken TakenOver, err error) {
	l, err := ledgerOf(tx, o.CA)
	if err != nil {
		return taken, err
	}
	before, err := l.LastCRLNumber(l.issuer)
	if err != nil {
		return taken, err
	}
	for _, take := range []func(*ledger, *TakenOver) error{found.takeCertificates, found.takeIndex, found.takeLists} {
		if err := take(l, &taken); err != nil {
			return taken, err
		}
	}
	if taken.NextNumber = max(before+1, found.number, taken.NextNumber); taken.NextNumber > before+1 {
		_, err = l.NextCRLNumber(l.issuer, taken.NextNumber-1)
	}
	taken.Changed = taken.Recorded+taken.Revoked > 0 || taken.NextNumber > before+1
	return taken, err
}

// inheritance is what files of other programs tell of a CA.
type inheritance struct {
	certificates []inherited[*cert.Certificate]
	lists        []inherited[*cert.CRL]
	index        []kdb.Issued
	number       uint64 // of the next list
}

// inherited is a piece that must be the CA's if it was named, and may be another's if it lay in a folder.
type inherited[T any] struct {
	piece    T
	file     string
	inFolder bool
}

// add reads a file, or those of a folder that belong to a CA.
func (h *inheritance) add(env *op.Env, path string) error {
	info, err := os.Stat(path)
	if path == "-" || err == nil && !info.IsDir() {
		return h.addFile(env, path, false)
	}
	if err != nil {
		return fmt.Errorf("reading %q: %w", path, op.UnwrapPath(err))
	}
	before := h.size()
	err = filepath.WalkDir(path, func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return fmt.Errorf("reading %q: %w", file, op.UnwrapPath(err))
		case !d.Type().IsRegular() || !isOfCA(d.Name()):
			return nil
		}
		return h.addFile(env, file, true)
	})
	if err == nil && h.size() == before {
		err = fmt.Errorf("reading %q: %w: the folder has no index.txt, no revocation list and no certificate", path, kdb.ErrParse)
	}
	return err
}

func (h *inheritance) size() int { return len(h.certificates) + len(h.lists) + len(h.index) }

// isOfCA tells by its name whether a file of a folder is read.
func isOfCA(name string) bool {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".crt", ".cer", ".pem", ".crl":
		return true
	}
	return name == "index.txt" || name == "crlnumber"
}

const (
	maxIndex      = 256 << 20 // of an index: about a million certificates
	maxNumberFile = 4 << 10   // of the number of a list
)

func (h *inheritance) addFile(env *op.Env, file string, inFolder bool) error {
	if strings.HasPrefix(filepath.Base(file), "crlnumber") {
		return h.addText(env, file, maxNumberFile, h.addNumber)
	}
	if strings.HasSuffix(file, ".txt") {
		return h.addText(env, file, maxIndex, h.addIndex)
	}
	before := h.size()
	var failed error
	err := input.EachItem(env, file, func(item pem.Item) {
		if err := h.addItem(item, file, inFolder); failed == nil {
			failed = err
		}
	})
	_, isOther := errors.AsType[*kdb.ForeignFormat](err) // text is one
	switch {
	case (isOther || errors.Is(err, pem.ErrNothing)) && !inFolder:
		return h.tryIndex(env, file, err)
	case err == nil && failed == nil && h.size() == before && !inFolder:
		return fmt.Errorf("reading %q: %w: there is no certificate, revocation list or index in it", file, kdb.ErrParse)
	case inFolder && errors.Is(err, kdb.ErrParse): // a folder has other things
		return nil
	case err == nil && failed != nil:
		err = fmt.Errorf("reading %q: %w: %w", file, kdb.ErrParse, failed)
	}
	return err
}

func (h *inheritance) addText(env *op.Env, file string, limit int64, add func(file string, text []byte) error) error {
	text, err := readText(env, file, limit)
	if err != nil {
		return err
	}
	return add(file, text)
}

// tryIndex reads a text as an index, which openssl.cnf can call anything. If it does not look like one, the error is the given one.
func (h *inheritance) tryIndex(env *op.Env, file string, other error) error {
	before := h.size()
	text, err := readText(env, file, maxIndex)
	if err == nil {
		err = h.addIndex(file, text)
	}
	switch {
	case err == nil && h.size() > before:
		return nil
	case err != nil && looksLikeIndex(string(text)):
		return err
	}
	return other
}

// looksLikeIndex says whether the first line of a text that is not a comment has the six fields of an index.
func looksLikeIndex(text string) bool {
	for line := range strings.Lines(text[:min(len(text), kdb.HeadSize)]) {
		if !strings.HasPrefix(line, "#") {
			return strings.Count(line, "\t") == 5
		}
	}
	return false
}

func (h *inheritance) addItem(item pem.Item, file string, inFolder bool) error {
	switch item.Kind {
	case pem.Certificate:
		c, err := cert.Parse(item.DER)
		if err != nil {
			return err
		}
		h.certificates = append(h.certificates, inherited[*cert.Certificate]{c, file, inFolder})
	case pem.RevocationSet:
		list, err := cert.ParseCRL(item.DER)
		if err != nil {
			return err
		}
		h.lists = append(h.lists, inherited[*cert.CRL]{list, file, inFolder})
	}
	return nil
}

func (h *inheritance) addIndex(file string, text []byte) error {
	records, err := parseIndex(string(text))
	if err != nil {
		return fmt.Errorf("reading %q: %w", file, err)
	}
	h.index = append(h.index, records...)
	return nil
}

// addNumber reads the number of the next list, in hexadecimal.
func (h *inheritance) addNumber(file string, text []byte) error {
	number, err := strconv.ParseUint(strings.TrimSpace(string(text)), 16, 64)
	if err != nil {
		return fmt.Errorf("reading %q: %w: it is not the number of a revocation list, in hexadecimal", file, kdb.ErrParse)
	}
	if number == maxNumber {
		return fmt.Errorf("reading %q: %w: the number is too large to count on from", file, kdb.ErrUnsupported)
	}
	h.number = max(h.number, number)
	return nil
}

// readText reads a text of at most limit bytes. What is read out of a pipe is kept: it can be read once.
func readText(env *op.Env, file string, limit int64) (text []byte, err error) {
	info, err := os.Stat(file)
	switch {
	case file == op.Stdin, err == nil && kdb.Irregular(info):
		if text, err = env.Piped(file); err != nil {
			return nil, err
		}
	case err == nil && info.Size() <= limit:
		text, err = os.ReadFile(file)
	}
	if err != nil {
		return nil, fmt.Errorf("reading %q: %w", file, op.UnwrapPath(err))
	}
	if info != nil && info.Size() > limit || int64(len(text)) > limit {
		return nil, fmt.Errorf("reading %q: %w: it is larger than %d bytes", file, kdb.ErrParse, limit)
	}
	return text, nil
}

// takeCertificates records those that the CA's key signed, but for its own.
func (h *inheritance) takeCertificates(l *ledger, taken *TakenOver) error {
	for _, given := range h.certificates {
		c := given.piece
		record, err := l.find(c.SerialHex(), c.Raw)
		switch {
		case l.isItself(c):
			continue
		case errors.Is(err, kdb.ErrNotFound) && given.inFolder:
			taken.Foreign++
			continue
		case err != nil:
			return fmt.Errorf("reading %q: %w", given.file, err)
		}
		was, err := l.Issued(l.issuer, record.Serial)
		switch {
		case err == nil && len(was.Certificate) > 0:
			continue
		case err != nil && !errors.Is(err, kdb.ErrNotFound):
			return err
		}
		if err := l.PutIssued(record); err != nil {
			return err
		}
		taken.Recorded++
	}
	return nil
}

// isItself tells the CA's own certificate, of its present or an earlier validity.
func (l *ledger) isItself(c *cert.Certificate) bool { return string(c.RawSPKI) == string(l.ca.RawSPKI) }

// takeIndex records the lines of an index; what is recorded with its certificate keeps that.
func (h *inheritance) takeIndex(l *ledger, taken *TakenOver) error {
	for _, line := range h.index {
		line.Issuer = l.issuer
		record, err := l.Issued(l.issuer, line.Serial)
		switch {
		case errors.Is(err, kdb.ErrNotFound):
			taken.Recorded++
			record = line
		case err != nil:
			return err
		case line.RevokedAt.IsZero() || !record.RevokedAt.IsZero():
			continue
		default:
			record.RevokedAt, record.Reason, record.InvalidSince = line.RevokedAt, line.Reason, line.InvalidSince
		}
		if !record.RevokedAt.IsZero() {
			taken.Revoked++
		}
		if err := l.PutIssued(record); err != nil {
			return err
		}
	}
	return nil
}

func (h *inheritance) takeLists(l *ledger, taken *TakenOver) error {
	for _, given := range h.lists {
		if given.inFolder && !l.signed(given.piece.SignatureAlgorithm, given.piece.RawTBS, given.piece.Signature) {
			taken.Foreign++
			continue
		}
		revoked, least, err := l.takeList(given.piece)
		if err != nil {
			return fmt.Errorf("reading %q: %w", given.file, err)
		}
		taken.Revoked += revoked
		taken.NextNumber = max(taken.NextNumber, least)
	}
	return nil
}
