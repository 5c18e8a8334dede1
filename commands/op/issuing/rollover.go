package issuing

import (
	"errors"
	"slices"
	"strings"

	"certkdb/commands/op"
	"certkdb/kdb"
	"certkdb/pki"
	"certkdb/pki/cert"
	"certkdb/pki/issue"
	"certkdb/pki/issuers"
	"certkdb/pki/key"
)

// OldSuffix is what the label of a CA gets behind it when a new key takes its place. The entry with the old key stays for as long as what
// it issued is valid: its revocation lists are signed with it.
const OldSuffix = ".old"

// The labels of the certificates by which each key of a root vouches for the other (RFC 4210, 4.4): clients that trust one of them accept
// what the other signed.
const (
	newWithOldSuffix = ".new-with-old"
	oldWithNewSuffix = ".old-with-new"
)

// rollover gives a CA a new key, and keeps the old one.
type rollover struct {
	oldLabel   string
	newWithOld kdb.Entry // without certificates unless the CA is self-signed
	oldWithNew kdb.Entry
	oldIssuer  [32]byte
	newIssuer  [32]byte
	// untrusted says that the database keeps no certificate that it does not trust, so that there is no place for those two.
	untrusted bool
}

// NoteNoCross is the note about cross certificates that have no place in a database.
const NoteNoCross = "no cross certificates: this kind of database would trust them"

// newRollover finds out whether the labels are free.
func newRollover(tx kdb.Tx, label string) (*rollover, error) {
	r := &rollover{oldLabel: label + OldSuffix}
	for _, suffix := range []string{OldSuffix, newWithOldSuffix, oldWithNewSuffix} {
		if err := kdb.CheckNewLabel(label + suffix); err != nil {
			return nil, err
		}
		if err := op.FreeLabel(tx, label+suffix, false); err != nil {
			return nil, &op.Problem{Code: op.OlderGeneration, Label: label + suffix, Err: err}
		}
	}
	return r, nil
}

// prepare makes the cross certificates of a root. A CA below another one needs none: both keys have a certificate of that.
func (r *rollover) prepare(of *renewal) error {
	old, err := cert.Parse(of.old.Certificates[0])
	if err != nil || of.ca != nil || !issuers.SelfSigned(old) {
		return err
	}
	oldKey, err := key.ReadPrivate(of.old.Key)
	if err != nil {
		return err
	}
	oldCA, err := issue.NewCA(of.old.Certificates[0], oldKey)
	if errors.Is(err, pki.ErrRefused) {
		return nil // a key that signs nothing any more, such as one of 1024 bits, vouches for nobody
	}
	if err != nil {
		return op.PKIError(err)
	}
	newCA, err := issue.NewCA(of.draft.Certificate, of.draft.Key)
	if err != nil {
		return op.PKIError(err)
	}
	if r.newWithOld, err = crossCertificate(of, oldCA, of.draft.Certificate, of.draft.Key, newWithOldSuffix); err != nil {
		return err
	}
	r.oldWithNew, err = crossCertificate(of, newCA, of.old.Certificates[0], oldKey, oldWithNewSuffix)
	if err == nil {
		r.oldIssuer, err = op.IssuerID(of.old.Certificates[0])
	}
	if err == nil {
		r.newIssuer, err = op.IssuerID(of.draft.Certificate)
	}
	return err
}

// crossCertificate has a CA certify the key of its other generation, with what that has in its own certificate, and no longer.
func crossCertificate(of *renewal, ca *issue.CA, der []byte, private key.Private, suffix string) (kdb.Entry, error) {
	request, err := issue.Renewal(der)
	if err != nil {
		return kdb.Entry{}, op.PKIError(err)
	}
	c, err := cert.Parse(der)
	if err != nil {
		return kdb.Entry{}, err
	}
	request.Now, request.Key, request.NotAfter, request.UntilCA = of.env.Now, &private, c.NotAfter, true
	issued, err := ca.Issue(request)
	return kdb.Entry{Label: of.Label + suffix, Kind: kdb.KindTrusted, Certificates: [][]byte{issued.Certificate}}, op.PKIError(err)
}

// store moves the old entry aside and puts the new one in its place; the default mark stays with the label.
func (r *rollover) store(tx kdb.Tx, of *renewal, before *kdb.Summary) error {
	if err := tx.Rename(of.Label, r.oldLabel); err != nil {
		return err
	}
	entry := of.draft.entry(of.Label)
	entry.Trusted, entry.Default = before.Trusted, before.Default
	if err := tx.Put(entry); err != nil {
		return err
	}
	r.untrusted = false
	for _, cross := range r.crosses() {
		err := tx.Put(cross)
		if errors.Is(err, kdb.ErrUnsupported) {
			r.untrusted = true
			break
		}
		if err != nil {
			return err
		}
	}
	registry, ok := tx.(kdb.Registry)
	if !ok || len(r.newWithOld.Certificates) == 0 {
		return nil
	}
	for issuer, cross := range map[[32]byte]kdb.Entry{r.oldIssuer: r.newWithOld, r.newIssuer: r.oldWithNew} {
		serial, err := serialOf(cross.Certificates[0])
		if err == nil {
			err = registry.PutIssued(kdb.Issued{Issuer: issuer, Serial: serial, Certificate: cross.Certificates[0], At: of.env.Now().UTC()})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *rollover) crosses() []kdb.Entry {
	if len(r.newWithOld.Certificates) == 0 || r.untrusted {
		return nil
	}
	return []kdb.Entry{r.newWithOld, r.oldWithNew}
}

// labels are those of the cross certificates.
func (r *rollover) labels() (labels []string) {
	for _, cross := range r.crosses() {
		labels = append(labels, cross.Label)
	}
	return labels
}

// successorOf is the label of the CA that took the place of the one that issued a certificate, if there is one among those of its name.
func successorOf(label string, all []string) string {
	if successor, is := strings.CutSuffix(label, OldSuffix); is && slices.Contains(all, successor) {
		return successor
	}
	return label
}
