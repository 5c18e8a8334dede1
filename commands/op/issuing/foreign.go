package issuing

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"certkdb/commands/op"
	"certkdb/commands/op/input"
	"certkdb/kdb"
	"certkdb/kdb/keyfile/pem"
	"certkdb/pki/cert"
	"certkdb/pki/key"
	"certkdb/pki/oid"
)

// ledger is the record of what one CA issued, within a transaction.
type ledger struct {
	kdb.Registry
	label  string
	issuer [32]byte
	ca     *cert.Certificate
}

// ledgerOf opens the record of the CA under a label.
func ledgerOf(tx kdb.Tx, label string) (*ledger, error) {
	issuer, registry, err := issuerOf(tx, label)
	if err != nil {
		return nil, err
	}
	entry, err := tx.Entry(label)
	if err != nil {
		return nil, err
	}
	ca, err := cert.Parse(entry.Certificates[0])
	return &ledger{registry, label, issuer, ca}, err
}

// signed tells whether the CA's key made a signature.
func (l *ledger) signed(algorithm oid.Algorithm, message, signature []byte) bool {
	public, err := key.ParsePublic(l.ca.RawSPKI)
	return err == nil && key.Verify(public, algorithm, message, signature) == nil
}

// certified tells whether the CA's key signed a certificate.
func (l *ledger) certified(c *cert.Certificate) bool {
	return l.signed(c.SignatureAlgorithm, c.RawTBS, c.Signature)
}

// find returns the record of a certificate; der is nil if only its number is known. What the CA's key signed without it being recorded,
// with another program or before a backup was restored, is recorded as soon as it is needed.
func (l *ledger) find(serial string, der []byte) (kdb.Issued, error) {
	if der == nil {
		return recordOf(l, l.issuer, serial, l.label)
	}
	c, err := cert.Parse(der)
	if err != nil {
		return kdb.Issued{}, err
	}
	record, err := l.Issued(l.issuer, serial)
	switch {
	case errors.Is(err, kdb.ErrNotFound) && l.isItself(c):
		err = fmt.Errorf("%q cannot revoke its own certificate: the CA that issued it can; a root is no longer trusted instead", l.label)
		return record, op.Classify(err, kdb.ErrNotFound)
	case errors.Is(err, kdb.ErrNotFound) && !l.certified(c):
		err = fmt.Errorf("serial number %s is not among the certificates that %q issued, and its key did not sign this one", serial, l.label)
		return record, &op.Problem{Code: op.NotIssued, Label: l.label, Found: serial, Err: op.Classify(err, kdb.ErrNotFound)}
	case errors.Is(err, kdb.ErrNotFound):
		return kdb.Issued{Issuer: l.issuer, Serial: serial, Certificate: der, At: c.NotBefore.UTC()}, nil
	case err == nil && len(record.Certificate) == 0 && l.certified(c):
		record.Certificate, record.Subject, record.NotAfter = der, "", time.Time{}
	case err == nil && !bytes.Equal(der, record.Certificate): // another CA may have used the same number
		err = fmt.Errorf("serial number %s: %q issued another certificate under it", serial, l.label)
		err = &op.Problem{Code: op.SerialTwice, Label: l.label, Found: serial, Err: op.Classify(err, kdb.ErrNotFound)}
	}
	return record, err
}

// signedByOther makes of the error that a CA did not issue a certificate the one that says which CA of the database did, such as the one
// with the old key after a rollover.
func signedByOther(tx kdb.Tx, der []byte, err error) error {
	problem, ok := errors.AsType[*op.Problem](err)
	if !ok || problem.Code != op.NotIssued || der == nil {
		return err
	}
	c, parseErr := cert.Parse(der)
	if parseErr != nil {
		return err
	}
	for s, findErr := range tx.Find(kdb.BySubject(c.Issuer)) {
		if findErr != nil {
			return err
		}
		if s.Kind != kdb.KindPersonal || !s.CA {
			continue
		}
		if other, ledgerErr := ledgerOf(tx, s.Label); ledgerErr == nil && other.certified(c) {
			err = fmt.Errorf("serial number %s is not among the certificates that %q issued: the key of %q signed it", problem.Found,
				problem.Label, s.Label)
			return &op.Problem{Code: op.SignedByOther, Label: problem.Label, Found: s.Label, Err: op.Classify(err, kdb.ErrNotFound)}
		}
	}
	return err
}

// takeList takes over a revocation list that the CA made elsewhere: what it revokes, and that the next list has a higher number. It returns
// how many certificates are revoked by that.
func (l *ledger) takeList(list *cert.CRL) (revoked int, least uint64, err error) {
	if least, err = l.follow(list); err != nil {
		return 0, 0, err
	}
	last, err := l.LastCRLNumber(l.issuer)
	if err != nil {
		return 0, 0, err
	}
	for i := range list.Revoked {
		r := &list.Revoked[i]
		serial := r.SerialHex()
		record, err := l.Issued(l.issuer, serial)
		known := err == nil
		if err != nil && !errors.Is(err, kdb.ErrNotFound) {
			return revoked, least, err
		}
		// A hold that is not recorded here may have been released since a list of this database. Other revocations are final: one that is
		// missing was lost, such as by a restored backup.
		released := r.Reason == cert.CertificateHold && least <= last
		if r.Reason == cert.RemoveFromCRL || known && (!record.RevokedAt.IsZero() || released) {
			continue
		}
		if !known {
			record = kdb.Issued{Issuer: l.issuer, Serial: serial, At: r.Date.UTC()}
		}
		record.RevokedAt, record.Reason, record.InvalidSince = r.Date.UTC(), int(r.Reason), r.InvalidityDate()
		if !r.Reason.Known() {
			record.Reason = int(cert.Unspecified)
		}
		if err := l.PutIssued(record); err != nil {
			return revoked, least, err
		}
		revoked++
	}
	return revoked, least, nil
}

// follow returns the number of the list after this one.
func (l *ledger) follow(list *cert.CRL) (least uint64, err error) {
	switch {
	case !l.signed(list.SignatureAlgorithm, list.RawTBS, list.Signature):
		return 0, fmt.Errorf("%w: the revocation list of %q is not signed with the key of %q", op.ErrUsage, list.Issuer.String(), l.label)
	case list.BaseNumber != nil:
		return 0, fmt.Errorf("%w: it is a delta list, which names changes alone; give the complete one (RFC 5280, 5.2.4)", op.ErrUsage)
	case list.Number == nil:
		return 1, nil // a list of version 1
	case !list.Number.IsUint64() || list.Number.Uint64() == maxNumber:
		return 0, fmt.Errorf("%w: the number %s of the revocation list is too large to count on from", kdb.ErrUnsupported, list.Number)
	}
	return list.Number.Uint64() + 1, nil
}

const maxNumber = ^uint64(0)

// readLists reads the revocation lists in a file.
func readLists(env *op.Env, file string) (lists []*cert.CRL, err error) {
	var failed error
	err = input.EachItem(env, file, func(item pem.Item) {
		if item.Kind != pem.RevocationSet || failed != nil {
			return
		}
		list, err := cert.ParseCRL(item.DER)
		if err != nil {
			failed = fmt.Errorf("reading %q: %w: %w", file, kdb.ErrParse, err)
			return
		}
		lists = append(lists, list)
	})
	if err == nil {
		err = failed
	}
	return lists, err
}

// readList reads the one revocation list in a file.
func readList(env *op.Env, file string) (*cert.CRL, error) {
	lists, err := readLists(env, file)
	if err == nil && len(lists) != 1 {
		err = fmt.Errorf("reading %q: %w: %d revocation lists are in it", file, kdb.ErrParse, len(lists))
	}
	if err != nil {
		return nil, err
	}
	return lists[0], nil
}

// existingList is the revocation list that is in a file already; nil if there is none, or something else.
func existingList(env *op.Env, file string) *cert.CRL {
	info, err := os.Stat(file)
	if file == "" || file == "-" || err != nil || !info.Mode().IsRegular() {
		return nil
	}
	list, err := readList(env, file)
	if err != nil {
		return nil
	}
	return list
}

// parseIndex reads the file in which openssl ca and easy-rsa record what they issue, see [indexLine].
func parseIndex(text string) (records []kdb.Issued, err error) {
	for i, line := range strings.Split(strings.TrimPrefix(text, "\ufeff"), "\n") {
		if line = strings.TrimRight(line, "\r"); strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#") {
			continue
		}
		record, err := parseIndexLine(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w: %w", i+1, kdb.ErrParse, err)
		}
		records = append(records, record)
	}
	return records, nil
}

func parseIndexLine(line string) (r kdb.Issued, err error) {
	fields := strings.SplitN(line, "\t", 6)
	if len(fields) != 6 || len(fields[0]) != 1 || !strings.Contains("VRE", fields[0]) {
		return r, errors.New("not a line of an index of openssl ca: status, end, revocation, serial number, file and subject between tabs")
	}
	if r.Serial = normalSerial(fields[3]); !isHex(r.Serial) {
		return r, fmt.Errorf("%q is not a serial number", fields[3])
	}
	if r.NotAfter, err = parseIndexTime(fields[1]); err != nil {
		return r, err
	}
	r.Subject = fields[5]
	if fields[0] != "R" {
		return r, nil
	}
	when, reason, _ := strings.Cut(fields[2], ",")
	if r.RevokedAt, err = parseIndexTime(when); err != nil {
		return r, err
	}
	reason, value, _ := strings.Cut(reason, ",")
	if strings.EqualFold(reason, cert.RemoveFromCRL.String()) { // openssl verify accepts what is listed so
		r.RevokedAt = time.Time{}
		return r, nil
	}
	if r.Reason, err = indexReasonCode(reason); err == nil {
		r.InvalidSince, err = indexInvalidity(reason, value)
	}
	return r, err
}

// indexInvalidity reads since when a certificate is invalid: the value of -crl_compromise and -crl_CA_compromise. That of -crl_hold is what
// to do during a hold, which RFC 5280 no longer has; with other reasons openssl passes over a value.
func indexInvalidity(reason, value string) (time.Time, error) {
	at, err := time.Parse(generalizedTime, value)
	if err != nil && isKeyTime(reason) {
		return at, fmt.Errorf("%q is not the time of a compromise", value)
	}
	return at, nil
}

func isKeyTime(reason string) bool { return reason == keyTime || reason == caKeyTime }

// indexReasonCode knows the words of openssl ca that stand for a reason with a further value.
func indexReasonCode(word string) (int, error) {
	switch word {
	case "":
		return int(cert.Unspecified), nil
	case "holdInstruction":
		return int(cert.CertificateHold), nil
	case keyTime:
		return int(cert.KeyCompromise), nil
	case caKeyTime:
		return int(cert.CACompromise), nil
	}
	for _, r := range cert.RevocationReasons() {
		if strings.EqualFold(word, r.String()) {
			return int(r), nil
		}
	}
	return 0, fmt.Errorf("unknown reason %q", word)
}

func parseIndexTime(text string) (time.Time, error) {
	layout := utcTime
	if len(text) == len(generalizedTime) {
		layout = generalizedTime
	}
	t, err := time.Parse(layout, text)
	if err != nil {
		err = fmt.Errorf("%q is not a time", text)
	}
	return t, err
}
