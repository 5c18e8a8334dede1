package issuing

import (
	"context"
	"fmt"
	"slices"
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

// HasChanged says whether anything was changed.
func (r Renewed) HasChanged() bool { return r.Changed }

// NoteDueAgain says that a renewal does not last.
const NoteDueAgain = "it is due again at once: it is not valid for longer than that"

// Plan makes the certificate, if it is due.
func (o Renew) Plan(ctx context.Context, s *op.Session) (plan op.Plan[Renewed], err error) {
	if err := o.CA.check(); err != nil {
		return plan, err
	}
	if o.CA.isRemote() && o.Days != 0 {
		return plan, refuse([]op.Field{op.FieldDays})
	}
	r := &renewal{Renew: o, env: s.Env}
	plan = op.Plan[Renewed]{Name: "renew", Apply: r.apply, Close: r.close}
	if err := s.View(ctx, r.read); err != nil || !r.due {
		return plan, err
	}
	request, err := r.request()
	switch {
	case err != nil:
	case r.CA.given():
		r.ca, err = r.CA.load(ctx, s)
	default:
		err = newest(ctx, s)
	}
	if err != nil {
		return plan, err
	}
	if r.draft, err = newDraft(r.ca, request); err == nil && r.draft.Certificate != nil {
		err = op.PKIError(Spec{Lint: o.Lint}.lint(ctx, s.Env, r.draft.Certificate))
	}
	if r.ca.elsewhere() {
		plan.Before = r.before
	}
	return plan, err
}

// renewal is a Renew between Plan and Apply.
type renewal struct {
	Renew
	env   *op.Env
	old   kdb.Entry
	due   bool
	ca    *authority // nil signs itself
	draft *draft
}

func (r *renewal) close() {
	clear(r.old.Key)
	r.ca.close()
}

// read finds out whether the entry can be renewed, whether it is due, and who issued it.
func (r *renewal) read(tx kdb.Tx) error {
	s, err := op.MustHave(tx, r.Label)
	switch {
	case err != nil:
		return err
	case s.Kind == kdb.KindRequest:
		return op.Mark(op.RequestWaits, &op.WrongKind{Label: r.Label, Kind: s.Kind, Reason: "its request waits for the first certificate"})
	case s.Kind != kdb.KindPersonal:
		return &op.WrongKind{Label: r.Label, Kind: s.Kind, Reason: fmt.Sprintf("a %s entry has no private key to renew with", s.Kind)}
	case s.ChainLength == 0:
		return &op.WrongKind{Label: r.Label, Kind: s.Kind, Reason: "it has no certificate to renew"}
	}
	if r.due = r.Before <= 0 || s.NotAfter.Sub(r.env.Now()) <= r.Before; !r.due {
		return nil // not even its CA is looked for, which need not be here
	}
	if r.old, err = op.FullEntry(tx, r.Label); err == nil && !r.CA.given() {
		r.CA.Label, err = r.findIssuer(tx, &r.old, r.env.Now())
	}
	if s.CA && r.KeyType == "" {
		r.ReuseKey = true
	}
	return err
}

// itself stands for the label of the issuer of a self-signed certificate.
const itself = ""

// findIssuer returns the label of the entry whose key signed the certificate.
func (o Renew) findIssuer(tx kdb.Tx, old *kdb.Entry, now time.Time) (string, error) {
	c, err := cert.Parse(old.Certificates[0])
	if err != nil {
		return "", fmt.Errorf("label %q: %w", o.Label, err)
	}
	if issuers.SelfSigned(c) {
		return itself, nil
	}
	pool, labels := issuers.NewPool(now), map[string]string{} // of CAs with their keys, by certificate
	successor, found := "", false                             // a CA of that name that has another key by now
	for s, err := range tx.Find(kdb.BySubject(c.Issuer)) {
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
		if issuer, err := cert.Parse(entry.Certificates[0]); err == nil && name.Equal(issuer.Subject, c.Issuer) {
			pool.Add(issuer)
			labels[string(issuer.Raw)] = s.Label
			successor, found = s.Label, true
		}
	}
	if issuer := pool.Issuer(c); issuer != nil {
		return labels[string(issuer.Raw)], nil
	}
	if found {
		return successor, nil
	}
	return "", op.Mark(op.NoIssuerKey, fmt.Errorf("label %q: its issuer %q has no private key here", o.Label, c.Issuer.String()))
}

func (r *renewal) request() (issue.Request, error) {
	request, err := issue.Renewal(r.old.Certificates[0])
	if err != nil {
		return request, op.PKIError(err)
	}
	request.Now, request.Days = r.env.Now, r.Days
	if err := checkKeyType(r.KeyType); err != nil {
		return request, err
	}
	if r.KeyType != "" {
		request.KeyType = r.KeyType
	}
	if !r.ReuseKey {
		return request, nil
	}
	if r.KeyType != "" {
		return request, op.Exclusive(op.FieldReuseKey, op.FieldKeyType)
	}
	private, err := key.ReadPrivate(r.old.Key)
	request.Key = &private
	return request, err
}

func (r *renewal) before(ctx context.Context) error {
	err := r.draft.complete(ctx)
	if err == nil && r.ca != nil && r.ca.remote != nil {
		err = op.PKIError(Spec{Lint: r.Lint}.lint(ctx, r.env, r.draft.Certificate))
	}
	if err != nil {
		return err
	}
	return r.ca.recordElsewhere(ctx, "renew", [][]byte{r.draft.Certificate}, r.env.Now())
}

// apply replaces the entry, unless somebody else renewed it meanwhile.
func (r *renewal) apply(tx kdb.Tx) (renewed Renewed, err error) {
	before, err := op.MustHave(tx, r.Label)
	if err != nil || !r.due {
		return Renewed{Entry: op.NewEntry(&before, r.env.Now())}, err
	}
	if before.SHA256 != r.old.Fingerprint() {
		return renewed, &op.ChangedMeanwhile{Label: r.Label, What: "it has a different certificate now"}
	}
	if renewed.Refreshed, err = r.store(tx, &before); err != nil {
		return renewed, err
	}
	now, err := tx.Summary(r.Label)
	if err != nil {
		return renewed, err
	}
	renewed.Entry, renewed.Changed, renewed.NewKey, renewed.Issuer = op.NewEntry(&now, r.env.Now()), true, !r.ReuseKey, "itself"
	renewed.Old, renewed.Notes = op.HexDigest(r.old.Fingerprint()), slices.Clone(r.draft.Notes)
	if r.ca != nil {
		renewed.Issuer = r.ca.label
	}
	if renewed.CA && renewed.NewKey {
		renewed.Notes = append(
			renewed.Notes, "the CA's old key was replaced: certificates issued with it can no longer be revoked; renew those entries too",
		)
	}
	if r.Before > 0 && renewed.NotAfter != nil && renewed.NotAfter.Sub(r.env.Now()) <= r.Before {
		renewed.Notes = append(renewed.Notes, NoteDueAgain)
	}
	return renewed, nil
}

// store puts the new certificates in place of the old ones, with the new key if there is one. It returns the labels of the entries whose
// chains have the new certificate now.
func (r *renewal) store(tx kdb.Tx, before *kdb.Summary) ([]string, error) {
	if r.draft.Certificate == nil { // not yet signed by a remote CA
		return nil, tx.Put(r.draft.entry(r.Label))
	}
	if err := r.ca.recordHere(tx, [][]byte{r.draft.Certificate}, r.env.Now()); err != nil {
		return nil, err
	}
	chain := r.draft.certificates()
	store := func() error { return tx.Put(r.draft.entry(r.Label)) }
	if r.ReuseKey {
		store = func() error { return tx.Certify(r.Label, chain) }
	}
	if err := store(); err != nil {
		return nil, err
	}
	if before.Trusted {
		if err := tx.Mark(r.Label, kdb.Marks{Trusted: new(true)}); err != nil {
			return nil, err
		}
	}
	return refreshChains(tx, r.Label, r.old.Certificates[0], chain)
}
