package issuing

import (
	"context"
	"fmt"
	"time"

	"certkdb/commands/op"
	"certkdb/kdb"
	"certkdb/pki/cert"
	"certkdb/pki/issue"
	"certkdb/pki/issuers"
	"certkdb/pki/key"
	"certkdb/pki/name"
)

// Renew replaces the certificate of an entry by a new one for the same names and uses.
type Renew struct {
	op.DB
	Label string
	CA    Authority // "" finds the issuer in the database; a self-signed certificate signs itself
	// ReuseKey keeps the private key; otherwise a new one is made. A CA keeps its key unless a KeyType is given: what it
	// issued is verified with it, and its revocation list is about what was signed with it.
	ReuseKey bool
	KeyType  string // of a new key; "" is the type of the old one
	Days     int    // 0 is as long as the old one
	// Before renews only what expires within this time; 0 renews in any case.
	Before time.Duration
	Lint   bool
}

// Renewed tells what was done.
type Renewed struct {
	op.Entry
	Changed bool   `json:"changed"`
	NewKey  bool   `json:"new_key"`
	Issuer  string `json:"signed_by"` // a label, or "itself"
	// Old is the fingerprint of the certificate that was replaced.
	Old string `json:"replaced_sha256,omitempty"`
	// Refreshed are the labels whose chains have the renewed CA now.
	Refreshed []string `json:"refreshed_chains,omitempty"`
	Notes     []string `json:"notes,omitempty"`
}

// Run renews. When nothing is due it changes nothing.
func (o Renew) Run(ctx context.Context, env *op.Env) (Renewed, error) {
	if err := o.CA.check(); err != nil {
		return Renewed{}, err
	}
	if o.CA.isRemote() && o.Days != 0 {
		return Renewed{}, refuseOptions([]string{"--days"})
	}
	db, err := o.Open(ctx, env)
	if err != nil {
		return Renewed{}, err
	}
	defer db.Close()
	var s kdb.Summary
	var old kdb.Entry
	due := false
	err = db.View(ctx, func(tx kdb.Tx) error {
		if s, err = op.MustHave(tx, o.Label); err != nil {
			return err
		}
		if s.Kind != kdb.KindPersonal {
			if s.Kind == kdb.KindRequest {
				return op.WithHint(fmt.Errorf("label %q: %w: its request waits for the first certificate", o.Label, op.ErrUsage),
					"when the CA has signed it: certkdb receive FILE")
			}
			return fmt.Errorf("label %q: %w: a %s entry has no private key to renew with", o.Label, op.ErrUsage, s.Kind)
		}
		if s.ChainLength == 0 {
			return fmt.Errorf("label %q: %w: it has no certificate to renew", o.Label, op.ErrUsage)
		}
		if due = o.Before <= 0 || s.NotAfter.Sub(env.Now()) <= o.Before; !due {
			return nil // not even its CA is looked for, which need not be here
		}
		if old, err = op.FullEntry(tx, o.Label); err == nil && !o.CA.given() {
			o.CA.Label, err = o.findIssuer(tx, &old)
		}
		return err
	})
	defer clear(old.Key)
	if err != nil {
		return Renewed{}, err
	}
	if !due {
		return Renewed{Entry: op.NewEntry(&s, env.Now())}, nil
	}
	if s.CA && o.KeyType == "" {
		o.ReuseKey = true
	}
	renewed, err := o.renew(ctx, env, db, &old)
	if err == nil && o.Before > 0 && renewed.NotAfter.Sub(env.Now()) <= o.Before {
		renewed.Notes = append(renewed.Notes, "it is due again at once: it is not valid for longer than --before; use --days")
	}
	return renewed, err
}

// itself stands for the label of the issuer of a self-signed certificate.
const itself = ""

// findIssuer returns the label of the entry whose key signed the certificate.
func (o Renew) findIssuer(tx kdb.Tx, old *kdb.Entry) (string, error) {
	c, err := cert.Parse(old.Certificates[0])
	if err != nil {
		return "", fmt.Errorf("label %q: %w", o.Label, err)
	}
	if issuers.SelfSigned(c) {
		return itself, nil
	}
	successor, found := "", false // a CA of that name that has another key by now
	for s, err := range tx.Summaries("") {
		if err != nil {
			return "", err
		}
		if s.Kind != kdb.KindPersonal || !s.CA {
			continue
		}
		entry, err := tx.Entry(s.Label)
		if err != nil {
			return "", err
		}
		issuer, err := cert.Parse(entry.Certificates[0])
		switch {
		case err != nil || !name.Equal(issuer.Subject, c.Issuer):
		case issuers.MayHaveIssued(issuer, c):
			return s.Label, nil
		default:
			successor, found = s.Label, true
		}
	}
	if found {
		return successor, nil
	}
	return "", op.WithHint(fmt.Errorf("label %q: its issuer %q has no private key here", o.Label, c.Issuer.String()),
		"name the CA with --ca LABEL (--ca-db FILE), or make a request with: certkdb request; and receive the new certificate")
}

func (o Renew) renew(ctx context.Context, env *op.Env, db kdb.Database, old *kdb.Entry) (Renewed, error) {
	request, err := o.request(env, old)
	if err != nil {
		return Renewed{}, err
	}
	if !o.CA.given() {
		issued, err := issue.SelfSigned(request)
		if err != nil {
			return Renewed{}, op.PKIError(err)
		}
		return o.store(ctx, env, old, issued, nil, "itself", func(put func(kdb.Tx) error) error { return db.Update(ctx, "renew", put) })
	}
	ca, err := o.CA.load(ctx, env, db)
	if err != nil {
		return Renewed{}, err
	}
	defer ca.close()
	issued, err := ca.issue(ctx, request)
	if err != nil {
		return Renewed{}, err
	}
	return o.store(ctx, env, old, issued, ca.chain, ca.label, func(put func(kdb.Tx) error) error {
		return ca.issued(ctx, db, "renew", [][]byte{issued.Certificate}, env.Now(), put)
	})
}

func (o Renew) request(env *op.Env, old *kdb.Entry) (issue.Request, error) {
	request, err := issue.Renewal(old.Certificates[0])
	if err != nil {
		return request, op.PKIError(err)
	}
	request.Now, request.Days = env.Now, o.Days
	if err := checkKeyType(o.KeyType); err != nil {
		return request, err
	}
	if o.KeyType != "" {
		request.KeyType = o.KeyType
	}
	if !o.ReuseKey {
		return request, nil
	}
	if o.KeyType != "" {
		return request, fmt.Errorf("%w: --reuse-key and --key-type exclude each other", op.ErrUsage)
	}
	private, err := key.ReadPrivate(old.Key)
	request.Key = &private
	return request, err
}

// replace stores the new certificates, with the new key if there is one.
func (o Renew) replace(tx kdb.Tx, key []byte, certificates [][]byte) error {
	if o.ReuseKey {
		return tx.Certify(o.Label, certificates)
	}
	return tx.Put(kdb.Entry{Label: o.Label, Kind: kdb.KindPersonal, Certificates: certificates, Key: key})
}

// store replaces the entry, unless somebody else renewed it meanwhile.
func (o Renew) store(
	ctx context.Context, env *op.Env, old *kdb.Entry, issued issue.Issued, chain [][]byte, by string, update func(func(kdb.Tx) error) error,
) (Renewed, error) {
	if err := (Spec{Lint: o.Lint}).lint(ctx, env, issued.Certificate); err != nil {
		return Renewed{}, op.PKIError(err)
	}
	renewed := Renewed{Changed: true, NewKey: !o.ReuseKey, Issuer: by, Old: op.HexDigest(old.Fingerprint()), Notes: issued.Notes}
	chain = append([][]byte{issued.Certificate}, chain...)
	err := update(func(tx kdb.Tx) error {
		now, err := tx.Summary(o.Label)
		if err != nil {
			return err
		}
		if now.SHA256 != old.Fingerprint() {
			return fmt.Errorf("label %q: %w: it has another certificate by now", o.Label, kdb.ErrChanged)
		}
		if err := o.replace(tx, issued.Key.PKCS8, chain); err != nil {
			return err
		}
		if now.Trusted {
			if err := tx.Mark(o.Label, kdb.Marks{Trusted: new(true)}); err != nil {
				return err
			}
		}
		if renewed.Refreshed, err = refreshChains(tx, o.Label, old.Certificates[0], chain); err != nil {
			return err
		}
		s, err := tx.Summary(o.Label)
		renewed.Entry = op.NewEntry(&s, env.Now())
		return err
	})
	if err == nil && renewed.CA && renewed.NewKey {
		renewed.Notes = append(renewed.Notes, "the CA's old key is gone: what it issued with that can no longer be revoked; renew those entries too")
	}
	return renewed, err
}
