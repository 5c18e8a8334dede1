package issuing

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
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
	// ReuseKey keeps the private key; otherwise a new one is made. A CA keeps its key unless NewKey or a KeyType is given: what it
	// issued is verified with it, and its revocation list is about what was signed with it.
	ReuseKey bool
	// NewKey rolls the key of a CA over: the entry with the old key stays, see [OldSuffix].
	NewKey  bool
	KeyType string // of a new key; "" is the type of the old one
	Days    int    // 0 is as long as the old one
	// Before renews only what expires within this time; 0 renews in any case. BeforePercent is a share of the validity instead.
	Before        time.Duration
	BeforePercent int
	Lint          bool
	// Revoke revokes the certificate that is replaced, as superseded.
	Revoke bool
}

// Renewed tells what was done.
type Renewed struct {
	op.Entry
	Changed bool   `json:"changed"`
	NewKey  bool   `json:"new_key"`
	Issuer  string `json:"signed_by,omitempty"` // the label of the CA, or that of the entry if it is self-signed
	// Old is the fingerprint of the certificate that was replaced.
	Old string `json:"replaced_sha256,omitempty"`
	// OldLabel is where the old key of a CA is now, and CrossCertificates are the labels of the certificates of each key by the other.
	OldLabel          string   `json:"old_label,omitempty"`
	CrossCertificates []string `json:"cross_certificates"`
	// Revoked is the serial number of the replaced certificate, if it was revoked.
	Revoked string `json:"revoked_serial,omitempty"`
	// Refreshed are the labels whose chains have the renewed CA now.
	Refreshed []string `json:"refreshed_chains"`
	Notes     []string `json:"notes"`
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
		if r.ca, err = r.CA.load(ctx, s); err == nil {
			err = r.revocable()
		}
	case o.Revoke:
		err = r.revocable()
	default:
		err = newest(ctx, s)
	}
	if err != nil {
		return plan, err
	}
	if r.draft, err = newDraft(r.ca, request); err == nil && r.draft.Certificate != nil {
		err = op.PKIError(Spec{Lint: o.Lint}.lint(ctx, s.Env, r.draft.Certificate))
	}
	if c, parsed := cert.Parse(r.old.Certificates[0]); err != nil && r.ReuseKey && parsed == nil && c.Key().Bits < 2048 &&
		strings.HasPrefix(c.KeyType, "rsa") {
		err = &op.Problem{Code: op.WeakKey, Label: r.Label, Err: err}
	}
	if r.ca.elsewhere() {
		plan.Before = r.before
	}
	if err == nil && r.rollover != nil {
		err = r.rollover.prepare(r)
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
	// revoked is the serial number of the old certificate, if it is revoked
	revoked  string
	settled  []string  // notes about the old certificate
	rollover *rollover // nil unless a CA gets a new key
	note     string    // about what is not due by itself
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
	if r.BeforePercent > 0 {
		r.Before = s.NotAfter.Sub(s.NotBefore) / 100 * time.Duration(r.BeforePercent)
	}
	if r.due = r.expires(s.NotAfter); !r.due {
		if err := r.readChain(tx, &s); err != nil || !r.due {
			return err // not even its CA is looked for, which need not be here
		}
	}
	if r.old, err = op.FullEntry(tx, r.Label); err == nil && !r.CA.given() {
		r.CA.Label, err = r.findIssuer(tx, &r.old, r.env.Now())
	}
	switch {
	case err != nil:
	case !s.CA && r.NewKey && r.ReuseKey, s.CA && r.ReuseKey && r.NewKey:
		err = op.Exclusive(op.FieldReuseKey, op.FieldNewKey)
	case s.CA && r.KeyType == "" && !r.NewKey:
		r.ReuseKey = true
	case s.CA && !r.ReuseKey:
		r.rollover, err = newRollover(tx, r.Label)
	}
	return err
}

// expires tells whether an end is near enough to renew.
func (r *renewal) expires(end time.Time) bool {
	return r.Before <= 0 || end.Sub(r.env.Now()) <= r.Before
}

// readChain finds out whether a certificate above the entry's own is due, and whether a new one would come with a chain that is valid for
// longer: that of the CA here, if it was renewed.
func (r *renewal) readChain(tx kdb.Tx, s *kdb.Summary) error {
	if s.ChainLength < 2 {
		return nil
	}
	entry, err := tx.Entry(r.Label)
	if err != nil {
		return err
	}
	first := op.FirstToExpire(entry.Certificates[1:])
	if first == nil || !r.expires(first.NotAfter) {
		return nil
	}
	label := r.CA.Label
	if label == "" {
		if label, err = r.findIssuer(tx, &entry, r.env.Now()); err != nil {
			label = "" // the chain comes from elsewhere
		}
	}
	if label != "" && r.CA.DB.Location == "" {
		ca, err := tx.Entry(label)
		if err != nil {
			return err
		}
		end := op.FirstToExpire(issuers.WithoutRoot(ca.Certificates))
		r.due = end != nil && end.NotAfter.After(first.NotAfter)
	}
	if !r.due {
		r.note = fmt.Sprintf("%s in its chain expires on %s: renew that first, or get a new chain from its CA", first.Subject,
			first.NotAfter.UTC().Format(time.DateOnly))
	}
	return nil
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
		return successorOf(labels[string(issuer.Raw)], slices.Collect(maps.Values(labels))), nil
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
	return r.ca.recordElsewhere(ctx, "renew", [][]byte{r.draft.Certificate}, r.env.Now(), r.settle)
}

// revocable refuses to revoke what no record of the signing CA can have.
func (r *renewal) revocable() error {
	if !r.Revoke {
		return nil
	}
	switch {
	case r.ca == nil:
		return &op.Conflict{Fields: []op.Field{op.FieldRevoke}, Reason: "a self-signed certificate cannot be revoked"}
	case r.ca.remote != nil:
		return op.Exclusive(op.FieldCARemote, op.FieldRevoke)
	case !r.ca.recorded:
		return &op.Unsupported{Feature: op.FeatureRecords}
	}
	return nil
}

// apply replaces the entry, unless somebody else renewed it meanwhile.
func (r *renewal) apply(tx kdb.Tx) (renewed Renewed, err error) {
	before, err := op.MustHave(tx, r.Label)
	if err != nil || !r.due {
		renewed = Renewed{Entry: op.NewEntry(&before, r.env.Now())}
		if r.note != "" {
			renewed.Notes = []string{r.note}
		}
		return renewed, err
	}
	if before.SHA256 != r.old.Fingerprint() {
		if r.Before > 0 && !r.expires(before.NotAfter) && !r.ca.elsewhere() { // another process renewed it
			return Renewed{Entry: op.NewEntry(&before, r.env.Now())}, nil
		}
		return renewed, &op.ChangedMeanwhile{Label: r.Label, What: "it has a different certificate now"}
	}
	if renewed.Refreshed, err = r.store(tx, &before); err != nil {
		return renewed, err
	}
	now, err := tx.Summary(r.Label)
	if err != nil {
		return renewed, err
	}
	renewed.Entry, renewed.Changed, renewed.NewKey, renewed.Issuer = op.NewEntry(&now, r.env.Now()), true, !r.ReuseKey, now.Label
	renewed.Revoked = r.revoked
	renewed.Old, renewed.Notes = op.HexDigest(r.old.Fingerprint()), slices.Concat(r.draft.Notes, r.settled)
	if r.ca != nil {
		renewed.Issuer = r.ca.label
	}
	if r.rollover != nil {
		renewed.OldLabel, renewed.CrossCertificates = r.rollover.oldLabel, r.rollover.labels()
		if r.rollover.untrusted {
			renewed.Notes = append(renewed.Notes, NoteNoCross)
		}
	}
	note, err := orphans(tx, r.Label, r.old.Certificates[0], r.draft.Certificate)
	if err != nil {
		return renewed, err
	}
	if note != "" {
		renewed.Notes = append(renewed.Notes, note)
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
	if err := r.ca.recordHere(tx, [][]byte{r.draft.Certificate}, r.env.Now(), r.settle); err != nil {
		return nil, err
	}
	chain := r.draft.certificates()
	if r.rollover != nil {
		return nil, r.rollover.store(tx, r, before)
	}
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
