package issuing

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"certkdb/commands/op"
	"certkdb/kdb"
	"certkdb/pki"
	"certkdb/pki/cert"
	"certkdb/pki/issue"
	"certkdb/pki/issuers"
	"certkdb/pki/key"
)

// Authority says which CA signs: an entry with its private key, in the database of the operation or in another one, or a CA
// reached over the protocol of cfssl serve.
type Authority struct {
	Label string
	DB    op.DB // Location "" is the operation's database
	// Remote is the URL of a cfssl server; RemoteKey is its authentication key, RemoteProfile and RemoteLabel choose among what it has.
	Remote                     string
	RemoteKey                  op.Password
	RemoteProfile, RemoteLabel string
	// Old takes certificates that old programs took for those of a CA, see [issue.NewOldCA].
	Old bool

	profile *issue.Remote // of a profile file; Remote overrides its address
}

// given says that a CA is named.
func (a Authority) given() bool {
	return a.Label != "" || a.isRemote()
}

func (a Authority) isRemote() bool {
	return a.Remote != "" || a.profile != nil
}

// check refuses what says more of a CA without naming one: it would be self-signed, or signed by another CA.
func (a Authority) check() error {
	switch {
	case a.isRemote():
	case a.RemoteKey.Given() || a.RemoteProfile != "" || a.RemoteLabel != "":
		return op.Need(op.FieldCARemote)
	case a.Label == "" && (a.DB.Location != "" || a.DB.Password.Given()):
		return op.Need(op.FieldCA)
	}
	return nil
}

// byProfile leaves signing to the remote CA of a profile, if it has one; what is asked for is then the request's and the server's.
func (a *Authority) byProfile(r *issue.Request) error {
	remote, ok := r.Profile.Remote()
	if !ok {
		return nil
	}
	if a.Label != "" {
		return op.Mark(op.ProfileIsRemote, &op.Invalid{
			Field: op.FieldCA, Value: a.Label, Reason: fmt.Sprintf("profile %s leaves signing to the remote CA %q", r.Profile.Name, remote.URL),
		})
	}
	a.profile, r.Profile = &remote, issue.Profile{}
	return nil
}

// authority is a CA at work.
type authority struct {
	*issue.CA
	remote *issue.Remote // instead of CA
	label  string
	old    bool        // see Authority
	other  *op.Session // has the CA, if that is not the session of the operation
	chain  [][]byte    // the CA's certificate and those above it, without the root
	issuer [32]byte
	basis  op.Basis
	above  [][]byte // the whole chain that was read, for revocations
	// revoked says why it may not issue any more.
	revoked error
	// broughtAlong says that the CA is older than its entry, so that it may have issued elsewhere.
	broughtAlong bool
	// recorded says that the database has a record from which the certificates can be had again.
	recorded bool
}

// load opens the CA for an operation in a session.
func (a Authority) load(ctx context.Context, s *op.Session) (*authority, error) {
	if a.isRemote() {
		return a.dial(ctx, s)
	}
	ca := &authority{label: a.Label, old: a.Old}
	home := s
	if a.DB.Location != "" {
		other, err := s.Other(ctx, a.DB)
		if err != nil {
			return nil, err
		}
		ca.other, home = other, other
	}
	err := home.View(ctx, func(tx kdb.Tx) error { return ca.read(tx, s.Env.Now()) })
	if err == nil {
		err = newest(ctx, home)
	}
	if err != nil {
		ca.close()
		return nil, err
	}
	return ca, nil
}

// newest refuses a database in whose place an older state was put: certificates that it issued and revocations are missing.
func newest(ctx context.Context, s *op.Session) error {
	rolledBack, err := s.RolledBack(ctx)
	if err == nil && rolledBack != nil {
		err = rolledBack
	}
	return err
}

// dial asks a cfssl server for its CA certificate, so that the chain of what it signs is known. Whom the database trusts may be the CA of
// the server's own certificate.
func (a Authority) dial(ctx context.Context, s *op.Session) (*authority, error) {
	if a.Label != "" || a.DB.Location != "" {
		return nil, op.Exclusive(op.FieldCA, op.FieldCARemote)
	}
	remote := &issue.Remote{}
	if a.profile != nil {
		*remote = *a.profile
	}
	remote.URL, remote.Profile, remote.Label = cmp.Or(a.Remote, remote.URL), cmp.Or(a.RemoteProfile, remote.Profile), a.RemoteLabel
	if a.RemoteKey.Given() {
		secret, err := a.RemoteKey.Read(s.Env, "the remote CA")
		if err != nil {
			return nil, err
		}
		remote.AuthKey = string(secret)
	}
	err := s.View(ctx, func(tx kdb.Tx) (err error) {
		remote.Roots, err = trustedCertificates(tx)
		return err
	})
	if err != nil {
		return nil, err
	}
	certificate, err := remote.CA(ctx)
	if err != nil {
		return nil, op.PKIError(err)
	}
	return &authority{remote: remote, label: remote.URL, chain: issuers.WithoutRoot([][]byte{certificate})}, nil
}

func trustedCertificates(tx kdb.Tx) ([][]byte, error) {
	var trusted [][]byte
	for s, err := range tx.Summaries("") {
		if err != nil {
			return nil, err
		}
		if !s.Trusted || s.ChainLength == 0 {
			continue
		}
		entry, err := tx.Entry(s.Label)
		if err != nil {
			return nil, err
		}
		trusted = append(trusted, entry.Certificates[0])
	}
	return trusted, nil
}

func (ca *authority) close() {
	if ca != nil && ca.other != nil {
		ca.other.Close()
	}
}

// read takes certificate and key out of the database.
func (ca *authority) read(tx kdb.Tx, now time.Time) error {
	s, err := op.MustHave(tx, ca.label)
	if err != nil {
		return err
	}
	if s.Kind != kdb.KindPersonal {
		return &op.WrongKind{
			Label: ca.label, Kind: s.Kind, Wanted: kdb.KindPersonal, Reason: fmt.Sprintf("a %s entry cannot sign, it has no private key", s.Kind),
		}
	}
	if s.ChainLength == 0 {
		return &op.WrongKind{Label: ca.label, Kind: s.Kind, Reason: "it has no certificate, and cannot sign without"}
	}
	_, ca.recorded = tx.(kdb.Registry)
	ca.broughtAlong = s.Added.Sub(s.NotBefore) > time.Hour
	entry, err := ca.basis.Entry(tx, ca.label)
	if err == nil {
		entry.Key, err = tx.Key(ca.label)
	}
	if err != nil {
		return err
	}
	defer clear(entry.Key)
	private, err := key.ReadPrivate(entry.Key)
	if err != nil {
		return fmt.Errorf("label %q: %w", ca.label, err)
	}
	open := issue.NewCA
	if ca.old {
		open = issue.NewOldCA
	}
	if ca.CA, err = open(entry.Certificates[0], private); err != nil {
		refused := errors.Is(err, pki.ErrRefused)
		err = fmt.Errorf("label %q: %w", ca.label, op.PKIError(err))
		if refused {
			err = op.Mark(op.NotACA, err)
		}
		return err
	}
	ca.issuer = sha256.Sum256(ca.Certificate().RawSPKI)
	ca.chain = issuers.WithoutRoot(entry.Certificates)
	if ca.above, err = ca.basis.Above(tx, entry.Certificates, now); err != nil {
		return err
	}
	ca.SetIssuers(ca.above[1:])
	ca.revoked, err = revokedAbove(tx, ca.above)
	return err
}

// stillIssues checks within a transaction what was found out about the CA before it: another process may have revoked, renewed or deleted
// the CA, or one above it.
func (ca *authority) stillIssues(tx kdb.Tx) error {
	if err := ca.basis.Holds(tx); err != nil {
		return err
	}
	revoked, err := revokedAbove(tx, ca.above)
	return cmp.Or(err, revoked)
}

// unrecorded is the note that the CA's database cannot record what was issued.
func (ca *authority) unrecorded() []string {
	if ca == nil || ca.recorded || ca.remote != nil {
		return nil
	}
	return []string{"the CA's database keeps no record of what it issues, so it cannot be revoked; a native database does"}
}

// record writes into the CA's database what it issued, unless the CA may not issue any more. Databases without such a record keep none.
func (ca *authority) record(tx kdb.Tx, issued [][]byte, now time.Time, also []func(kdb.Tx) error) error {
	if err := ca.stillIssues(tx); err != nil {
		return err
	}
	registry, ok := tx.(kdb.Registry)
	if !ok {
		return nil
	}
	for _, der := range issued {
		c, err := cert.Parse(der)
		if err != nil {
			return err
		}
		_, err = registry.Issued(ca.issuer, c.SerialHex())
		if err == nil {
			return fmt.Errorf("serial number %s: %w among the certificates of %q", c.SerialHex(), kdb.ErrExists, ca.label)
		}
		if !errors.Is(err, kdb.ErrNotFound) {
			return err
		}
		if err := registry.PutIssued(kdb.Issued{Issuer: ca.issuer, Serial: c.SerialHex(), Certificate: der, At: now.UTC()}); err != nil {
			return err
		}
	}
	for _, change := range also {
		if err := change(tx); err != nil {
			return err
		}
	}
	return nil
}
