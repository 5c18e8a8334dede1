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
	"certkdb/pki/cert"
	"certkdb/pki/issue"
	"certkdb/pki/issuers"
	"certkdb/pki/key"
)

// Authority says which CA signs: an entry with its private key, in the database of the operation or in another one, or a CA
// behind the protocol of cfssl serve.
type Authority struct {
	Label string
	DB    op.DB // Location "" is the operation's database
	// Remote is the URL of a cfssl server; RemoteKey is its authentication key, RemoteProfile and RemoteLabel choose among what it has.
	Remote                     string
	RemoteKey                  op.Password
	RemoteProfile, RemoteLabel string

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
		return fmt.Errorf("%w: --ca-remote URL is missing", op.ErrUsage)
	case a.Label == "" && (a.DB.Location != "" || a.DB.Password.Given()):
		return fmt.Errorf("%w: --ca LABEL is missing", op.ErrUsage)
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
		return op.WithHint(fmt.Errorf("%w: --ca %s, but profile %s leaves signing to the remote CA %q", op.ErrUsage, op.Quote(a.Label), r.Profile.Name, remote.URL),
			"leave --ca out, or choose a profile without a remote")
	}
	a.profile, r.Profile = &remote, issue.Profile{}
	return nil
}

// authority is a CA at work.
type authority struct {
	*issue.CA
	remote *issue.Remote // instead of CA
	label  string
	db     kdb.Database
	own    bool     // db is not the operation's database, and closed with the CA
	chain  [][]byte // the CA's certificate and those above it, without the root
	issuer [32]byte
	// revoked says why it may not issue any more.
	revoked error
	// recorded says that the database has a record from which the certificates can be had again.
	recorded bool
}

// load opens the CA. db is the operation's database.
func (a Authority) load(ctx context.Context, env *op.Env, db kdb.Database) (*authority, error) {
	if a.isRemote() {
		return a.dial(ctx, env, db)
	}
	ca := &authority{label: a.Label, db: db}
	if a.DB.Location != "" {
		other, err := a.DB.Open(ctx, env)
		if err != nil {
			return nil, err
		}
		ca.db, ca.own = other, true
	}
	if err := ca.db.View(ctx, func(tx kdb.Tx) error { return ca.read(tx, env.Now()) }); err != nil {
		ca.close()
		return nil, err
	}
	return ca, nil
}

// dial asks a cfssl server for its CA certificate, so that the chain of what it signs is known. Whom the database trusts may be the CA of
// the server's own certificate.
func (a Authority) dial(ctx context.Context, env *op.Env, db kdb.Database) (*authority, error) {
	if a.Label != "" || a.DB.Location != "" {
		return nil, fmt.Errorf("%w: --ca and --ca-remote exclude each other", op.ErrUsage)
	}
	remote := &issue.Remote{}
	if a.profile != nil {
		*remote = *a.profile
	}
	remote.URL, remote.Profile, remote.Label = cmp.Or(a.Remote, remote.URL), cmp.Or(a.RemoteProfile, remote.Profile), a.RemoteLabel
	if a.RemoteKey.Given() {
		secret, err := a.RemoteKey.Read(env, "the remote CA")
		if err != nil {
			return nil, err
		}
		remote.AuthKey = string(secret)
	}
	if db != nil {
		if err := db.View(ctx, func(tx kdb.Tx) (err error) {
			remote.Roots, err = trustedCertificates(tx)
			return err
		}); err != nil {
			return nil, err
		}
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

// issue makes a key and a certificate for it.
func (ca *authority) issue(ctx context.Context, request issue.Request) (issue.Issued, error) {
	if ca.revoked != nil {
		return issue.Issued{}, ca.revoked
	}
	if ca.remote == nil {
		issued, err := ca.Issue(request)
		return issued, op.PKIError(err)
	}
	asked, err := issue.NewRequest(request)
	if err != nil {
		return issue.Issued{}, op.PKIError(err)
	}
	der, err := ca.remote.Sign(ctx, asked.Request)
	if err != nil {
		return issue.Issued{}, op.PKIError(err)
	}
	return issue.Issued{Certificate: der, Key: asked.Key, Notes: asked.Notes}, nil
}

// sign makes a certificate for a PKCS #10 request.
func (ca *authority) sign(ctx context.Context, request []byte, r issue.Request, preserve bool) (issue.Issued, error) {
	if ca.revoked != nil {
		return issue.Issued{}, ca.revoked
	}
	if ca.remote == nil {
		issued, err := ca.Sign(request, r, preserve)
		return issued, op.PKIError(err)
	}
	der, err := ca.remote.Sign(ctx, request)
	if err != nil {
		return issue.Issued{}, op.PKIError(err)
	}
	return issue.Issued{Certificate: der}, nil
}

func (ca *authority) close() {
	if ca.own {
		ca.db.Close()
	}
}

// read takes certificate and key out of the database.
func (ca *authority) read(tx kdb.Tx, now time.Time) error {
	s, err := op.MustHave(tx, ca.label)
	if err != nil {
		return err
	}
	if s.Kind != kdb.KindPersonal {
		return op.WithHint(fmt.Errorf("label %q: %w: a %s entry cannot sign, it has no private key", ca.label, op.ErrUsage, s.Kind),
			"see the entries that have one with: certkdb list --kind personal")
	}
	if s.ChainLength == 0 {
		return fmt.Errorf("label %q: %w: it has no certificate, and cannot sign without", ca.label, op.ErrUsage)
	}
	entry, err := op.FullEntry(tx, ca.label)
	if err != nil {
		return err
	}
	defer clear(entry.Key)
	private, err := key.ReadPrivate(entry.Key)
	if err != nil {
		return fmt.Errorf("label %q: %w", ca.label, err)
	}
	if ca.CA, err = issue.NewCA(entry.Certificates[0], private); err != nil {
		return fmt.Errorf("label %q: %w", ca.label, op.PKIError(err))
	}
	ca.issuer = sha256.Sum256(ca.Certificate().RawSPKI)
	ca.chain = issuers.WithoutRoot(entry.Certificates)
	chain, err := op.Above(tx, entry.Certificates, now)
	if err != nil {
		return err
	}
	ca.SetIssuers(chain[1:])
	ca.revoked, err = revokedAbove(tx, chain)
	return err
}

// unrecorded is a note for people when the CA's database has no place for what was issued.
func (ca *authority) unrecorded() []string {
	if ca.recorded || ca.remote != nil {
		return nil
	}
	return []string{"the CA's database keeps no record of what it issues, so it cannot be revoked; a native database does"}
}

// record writes into the CA's database what it issued. Databases without such a record keep none.
func (ca *authority) record(tx kdb.Tx, issued [][]byte, now time.Time) error {
	registry, ok := tx.(kdb.Registry)
	if !ok {
		return nil
	}
	ca.recorded = true
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
	return nil
}

// issued stores what was signed in the CA's database and then calls store in the operation's database db: in one transaction
// if they are the same, else the record first, so that nothing leaves that is not recorded.
func (ca *authority) issued(ctx context.Context, db kdb.Database, operation string, certificates [][]byte, now time.Time, store func(kdb.Tx) error) error {
	if ca.remote != nil {
		return db.Update(ctx, operation, store)
	}
	if ca.own {
		err := ca.db.Update(ctx, operation, func(tx kdb.Tx) error { return ca.record(tx, certificates, now) })
		if err != nil {
			return err
		}
		return db.Update(ctx, operation, store)
	}
	return db.Update(ctx, operation, func(tx kdb.Tx) error {
		if err := ca.record(tx, certificates, now); err != nil {
			return err
		}
		return store(tx)
	})
}
