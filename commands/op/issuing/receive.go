package issuing

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"certkdb/commands/op"
	"certkdb/commands/op/input"
	"certkdb/kdb"
	"certkdb/pki/cert"
	"certkdb/pki/issuers"
	"certkdb/pki/key"
	"certkdb/pki/name"
)

// Receive takes the certificate that a CA made for a pending request, or a renewed one for a key that is here.
type Receive struct {
	Files   []string // with the certificate and perhaps its chain; "-" is standard input
	Label   string   // the request; "" finds it by the public key
	Default bool
	// TrustOwn trusts the self-signed certificates of personal entries too, as GSKit does.
	TrustOwn bool
}

// Received tells what became of the certificate.
type Received struct {
	op.Entry
	// Complete says that the chain ends in a trusted certificate of the database. Otherwise Missing names the issuer that is not there, or
	// UntrustedRoot the root that is not trusted.
	Complete      bool   `json:"complete"`
	Missing       string `json:"missing_issuer,omitempty"`
	UntrustedRoot string `json:"untrusted_root,omitempty"`
	// Notes name the issuers in the chain that have expired, and say that the certificate ends before the one that it replaced.
	Notes   []string `json:"notes"`
	Changed bool     `json:"changed"` // false: the entry had it already
	// Renewed says that the certificate and its new key took the place of those of the entry that the request was to renew.
	Renewed bool `json:"renewed,omitempty"`
	// Refreshed are the labels whose chains have the renewed CA now.
	Refreshed []string `json:"refreshed_chains"`
}

// HasChanged says whether anything was changed.
func (r Received) HasChanged() bool { return r.Changed }

// Plan reads the input. A chain that is not complete is no error, but the result says so.
func (o Receive) Plan(ctx context.Context, s *op.Session) (op.Plan[Received], error) {
	given, err := o.read(ctx, s)
	return op.Plan[Received]{Name: "receive", Apply: func(tx kdb.Tx) (Received, error) { return o.receive(tx, s.Env, given) }}, err
}

// read returns the certificates of the input.
func (o Receive) read(ctx context.Context, s *op.Session) (given [][]byte, err error) {
	in, err := input.Files{Names: o.Files, KeyPassword: s.Source.KeyPassword, LockTimeout: s.Source.LockTimeout}.Open(ctx, s.Env)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	for entry, err := range in.Entries(nil) {
		if err != nil {
			return nil, err
		}
		given = append(given, entry.Certificates...)
	}
	if len(given) == 0 {
		return nil, fmt.Errorf("reading the certificate: %w: there is none in the input", kdb.ErrParse)
	}
	return given, nil
}

func (o Receive) receive(tx kdb.Tx, env *op.Env, given [][]byte) (Received, error) {
	pool, err := readPool(tx, given, o.TrustOwn)
	if err != nil {
		return Received{}, err
	}
	if o.Label != "" {
		if _, err := op.MustHave(tx, o.Label); err != nil {
			return Received{}, err
		}
	}
	waiting, leaf, err := o.match(tx, given)
	if err != nil {
		return Received{}, err
	}
	c, err := cert.Parse(leaf)
	if err != nil {
		return Received{}, err
	}
	chain, missing, untrusted := pool.chain(c, env.Now())
	received := Received{
		Complete: missing == "" && untrusted == "", Missing: missing, UntrustedRoot: untrusted, Notes: op.ExpiredIssuers(chain, env.Now()),
	}
	if err := o.store(tx, &waiting, append([][]byte{leaf}, issuers.WithoutRoot(chain)...), &received); err != nil {
		return Received{}, err
	}
	if waiting.Kind == kdb.KindRequest {
		if received.Renewed, err = takePlace(tx, waiting.Label); err != nil {
			return Received{}, err
		}
	}
	if received.Renewed {
		waiting.Label = strings.TrimSuffix(waiting.Label, RenewalSuffix)
	}
	s, err := tx.Summary(waiting.Label)
	received.Entry = op.NewEntry(&s, env.Now())
	return received, err
}

// store gives the certificates to the key of a request, or of the entry that is renewed.
func (o Receive) store(tx kdb.Tx, waiting *kdb.Summary, certificates [][]byte, received *Received) error {
	old, err := tx.Entry(waiting.Label)
	if err != nil {
		return err
	}
	marks := kdb.Marks{}
	if o.Default && !waiting.Default {
		marks.Default = new(true)
	}
	if waiting.Trusted { // a new certificate for the same key
		marks.Trusted = new(true)
	}
	same := sameCertificates(old.Certificates, certificates)
	if received.Changed = !same || marks.Default != nil; !received.Changed {
		return nil
	}
	if !same {
		if err := tx.Certify(waiting.Label, certificates); err != nil {
			return err
		}
	}
	if err := tx.Mark(waiting.Label, marks); err != nil || same || len(old.Certificates) == 0 {
		return err
	}
	if c, err := cert.Parse(certificates[0]); err == nil && c.NotAfter.Before(waiting.NotAfter) {
		received.Notes = append(received.Notes, fmt.Sprintf("it expires on %s, and the one that it replaced on %s: it may be an earlier one",
			c.NotAfter.UTC().Format(time.DateOnly), waiting.NotAfter.UTC().Format(time.DateOnly)))
	}
	if received.Refreshed, err = refreshChains(tx, waiting.Label, old.Certificates[0], certificates); err != nil {
		return err
	}
	note, err := orphans(tx, waiting.Label, old.Certificates[0], certificates[0])
	if note != "" {
		received.Notes = append(received.Notes, note)
	}
	return err
}

// takePlace moves a received certificate with its key to the entry that the request was made to renew, if that is still there with the same
// subject, and keeps the marks of that entry. A CA's old key stays under a label with [OldSuffix].
func takePlace(tx kdb.Tx, label string) (bool, error) {
	renewed, is := strings.CutSuffix(label, RenewalSuffix)
	if !is {
		return false, nil
	}
	old, err := tx.Summary(renewed)
	if errors.Is(err, kdb.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	entry, err := op.FullEntry(tx, label)
	if err != nil {
		return false, err
	}
	defer clear(entry.Key)
	s, err := tx.Summary(label)
	if err != nil || old.Kind != kdb.KindPersonal || old.Subject != s.Subject {
		return false, err
	}
	if old.CA { // its revocation lists are signed with the old key, as after a rollover
		if err := op.FreeLabel(tx, renewed+OldSuffix, false); err != nil {
			return false, err
		}
		if err := tx.Rename(renewed, renewed+OldSuffix); err != nil {
			return false, err
		}
	}
	entry.Label, entry.Default, entry.Trusted = renewed, old.Default || entry.Default, old.Trusted
	if err := tx.Put(entry); err != nil {
		return false, err
	}
	return true, tx.Delete(label)
}

// candidate is an entry whose private key belongs to one of the certificates.
type candidate struct {
	kdb.Summary
	certificate *cert.Certificate
}

// match finds the entry whose private key belongs to one of the certificates: a pending request before a personal entry, and that before
// the entries of the CAs above it, whose certificates come along in a chain.
func (o Receive) match(tx kdb.Tx, given [][]byte) (kdb.Summary, []byte, error) {
	var all []candidate
	certificates := op.ParseAll(given)
	for _, c := range certificates {
		for s, err := range tx.Find(kdb.ByKey(c.RawSPKI)) {
			if err == nil && isKeyed(&s) && (o.Label == "" || s.Label == o.Label) {
				err = addCandidate(tx, &all, &s, c)
			}
			if err != nil {
				return kdb.Summary{}, nil, err
			}
		}
	}
	all = withoutIssuers(all, certificates)
	var best *candidate
	slices.SortStableFunc(all, func(a, b candidate) int { return strings.Compare(a.Label, b.Label) })
	for i := range all {
		if best == nil || best.Kind != kdb.KindRequest {
			best = &all[i]
		}
	}
	if best != nil {
		return best.Summary, best.certificate.Raw, nil
	}
	err := errors.New("receiving the certificate: no pending request and no private key here has its public key")
	if o.Label != "" {
		err = fmt.Errorf("receiving the certificate: label %q has another public key, or none", o.Label)
	}
	return kdb.Summary{}, nil, op.Mark(op.NoMatchingKey, op.Classify(err, kdb.ErrNotFound))
}

// withoutIssuers leaves out the personal entries whose certificates come along because they are above others, if any candidate is left
// then.
func withoutIssuers(all []candidate, certificates []*cert.Certificate) []candidate {
	above := map[string]bool{}
	for _, c := range certificates {
		if !issuers.SelfIssued(c) {
			above[c.Issuer.Canonical()] = true
		}
	}
	below := slices.DeleteFunc(slices.Clone(all), func(c candidate) bool {
		return c.Kind == kdb.KindPersonal && above[c.certificate.Subject.Canonical()]
	})
	if len(below) == 0 {
		return all
	}
	return below
}

func isKeyed(s *kdb.Summary) bool { return s.Kind == kdb.KindRequest || s.Kind == kdb.KindPersonal }

// addCandidate takes an entry that was found by a public key if it has that key indeed.
func addCandidate(tx kdb.Tx, all *[]candidate, s *kdb.Summary, c *cert.Certificate) error {
	spki, err := publicKeyOf(tx, s.Label)
	if err == nil && key.SameKey(spki, c.RawSPKI) {
		*all = append(*all, candidate{*s, c})
	}
	return err
}

// publicKeyOf reads the public key of a personal entry or request.
func publicKeyOf(tx kdb.Tx, label string) ([]byte, error) {
	entry, err := tx.Entry(label)
	if err != nil {
		return nil, err
	}
	if len(entry.Request) > 0 {
		r, err := cert.ParseRequest(entry.Request)
		if err != nil {
			return nil, fmt.Errorf("label %q: %w", label, err)
		}
		return r.RawSPKI, nil
	}
	if len(entry.Certificates) == 0 {
		return publicKeyAlone(tx, label)
	}
	c, err := cert.Parse(entry.Certificates[0])
	if err != nil {
		return nil, fmt.Errorf("label %q: %w", label, err)
	}
	return c.RawSPKI, nil
}

// publicKeyAlone is that of a private key without a certificate, as key files have it; nil if it does not open.
func publicKeyAlone(tx kdb.Tx, label string) ([]byte, error) {
	secret, err := tx.Key(label)
	if errors.Is(err, kdb.ErrPassword) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer clear(secret)
	private, err := key.ReadPrivate(secret)
	return private.SPKI, err
}

// pool are the certificates from which chains are built, and which of them end one.
type pool struct {
	certificates []*cert.Certificate
	trusted      map[[32]byte]bool
}

// readPool takes the certificates in the input, which are not trusted because of that, and those of the database that may be above them.
func readPool(tx kdb.Tx, given [][]byte, trustOwn bool) (*pool, error) {
	p := &pool{trusted: map[[32]byte]bool{}}
	var names []name.Name
	certificates := op.ParseAll(given)
	for _, c := range certificates {
		names = append(names, c.Subject, c.Issuer)
	}
	hasCertificate := func(s *kdb.Summary) bool { return s.ChainLength > 0 }
	err := op.EachAbove(tx, names, hasCertificate, func(f *op.Found) error {
		if f.Trusted || trustOwn && op.IsOwnRoot(&f.Summary) {
			p.trusted[f.SHA256] = true
		}
		p.certificates = append(p.certificates, f.Certificates...)
		return nil
	})
	p.certificates = append(p.certificates, certificates...)
	return p, err
}

// chain returns the issuers of a certificate as far as they are here. If it does not end in a trusted certificate, missing names the issuer
// that is not here, or untrusted the root.
func (p *pool) chain(leaf *cert.Certificate, now time.Time) (above [][]byte, missing, untrusted string) {
	chain, complete := issuers.NewPool(now, p.certificates...).Chain(leaf)
	for _, c := range chain[1:] {
		above = append(above, c.Raw)
	}
	for i, c := range chain {
		if p.trusted[sha256.Sum256(c.Raw)] {
			return above, "", ""
		}
		if i+1 < len(chain) && !issuers.Signed(chain[i+1], c) { // in an algorithm that is unknown here
			return above, c.Issuer.String(), ""
		}
	}
	last := chain[len(chain)-1]
	if complete {
		return above, "", last.Subject.String()
	}
	return above, last.Issuer.String(), ""
}
