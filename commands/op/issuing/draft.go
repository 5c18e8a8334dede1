package issuing

import (
	"context"
	"time"

	"certkdb/commands/op"
	"certkdb/kdb"
	"certkdb/pki/issue"
)

// draft is a certificate between Plan and Apply. That of a remote CA comes only when it is certain that it is wanted.
type draft struct {
	issue.Issued
	ca      *authority // nil signs itself
	request []byte     // for a remote CA
}

// newDraft makes a key and, unless the CA is remote, a certificate for it.
func newDraft(ca *authority, request issue.Request) (d *draft, err error) {
	d = &draft{ca: ca}
	switch {
	case ca == nil:
		d.Issued, err = issue.SelfSigned(request)
	case ca.revoked != nil:
		return d, ca.revoked
	case ca.remote == nil:
		d.Issued, err = ca.Issue(request)
	default:
		var asked issue.Requested
		asked, err = issue.NewRequest(request)
		d.request, d.Key, d.Notes = asked.Request, asked.Key, asked.Notes
	}
	return d, op.PKIError(err)
}

// draftFor makes a certificate for a PKCS #10 request, unless the CA is remote.
func draftFor(ca *authority, request []byte, r issue.Request, preserve bool) (d *draft, err error) {
	d = &draft{ca: ca, request: request}
	switch {
	case ca.revoked != nil:
		err = ca.revoked
	case ca.remote == nil:
		d.Issued, err = ca.Sign(request, r, preserve)
		err = op.PKIError(err)
	}
	return d, err
}

// complete has a remote CA sign.
func (d *draft) complete(ctx context.Context) (err error) {
	if d.ca != nil && d.ca.remote != nil && d.Certificate == nil {
		d.Certificate, err = d.ca.remote.Sign(ctx, d.request)
	}
	return op.PKIError(err)
}

// entry is what is stored under a label. Before a remote CA has signed, its request stands for it.
func (d *draft) entry(label string) kdb.Entry {
	if d.Certificate == nil {
		return kdb.Entry{Label: label, Kind: kdb.KindRequest, Request: d.request, Key: d.Key.PKCS8}
	}
	return kdb.Entry{Label: label, Kind: kdb.KindPersonal, Certificates: d.certificates(), Key: d.Key.PKCS8}
}

// certificates are the new certificate and the chain above it.
func (d *draft) certificates() [][]byte {
	chain := [][]byte{d.Certificate}
	if d.ca != nil {
		chain = append(chain, d.ca.chain...)
	}
	return chain
}

// elsewhere says that something is to be done before the transaction: a remote CA signs, or the CA has a database of its own.
func (ca *authority) elsewhere() bool { return ca != nil && (ca.remote != nil || ca.other != nil) }

// recordElsewhere records certificates in the CA's database if that is another one than the session's: before they are stored, so that
// no certificate gets out that is not recorded. also are further changes in the same transaction.
func (ca *authority) recordElsewhere(
	ctx context.Context, operation string, certificates [][]byte, now time.Time, also ...func(kdb.Tx) error,
) error {
	if ca == nil || ca.other == nil {
		return nil
	}
	return ca.other.Database().Update(ctx, operation, func(tx kdb.Tx) error { return ca.record(tx, certificates, now, also) })
}

// recordHere records certificates in the session's database, if the CA is there.
func (ca *authority) recordHere(tx kdb.Tx, certificates [][]byte, now time.Time, also ...func(kdb.Tx) error) error {
	if ca == nil || ca.other != nil || ca.remote != nil {
		return nil
	}
	return ca.record(tx, certificates, now, also)
}
