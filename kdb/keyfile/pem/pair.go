package pem

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math"
	"slices"
	"time"

	"certkdb/kdb"
	"certkdb/kdb/keyfile/pkcs7"
	"certkdb/pki/cert"
	"certkdb/pki/issuers"
	"certkdb/pki/key"
)

// piece is a certificate, request or private key of an input.
type piece struct {
	item  *Item // of a certificate in a PKCS #7 block: where the block is, without its attributes
	part  *part
	cert  *cert.Certificate
	spki  []byte // nil for a private key whose public key is not known
	at    int    // its place among all pieces
	taken bool   // it is the certificate or request of an entry, or a copy of one
}

// record is an entry with the parts that it is made of.
type record struct {
	label        string
	base         string // the label without the number that tells it from an earlier one
	kind         kdb.Kind
	trusted      bool
	item         *Item // the certificate or request; nil for a key alone
	cert         *part // nil for requests, and for keys without a certificate
	request      *part
	key          *part
	copies       []*part  // the same certificate or key again
	certificates [][]byte // the entry's own and its chain
}

// pieces are what an input holds. Their method pair makes entries of them by the rules of FORMAT.md.
type pieces struct {
	// named lets a certificate with a label of its own be an entry even if it is part of a chain, or equals that of another entry.
	named bool
	// locked lets no key that is, or will be, encrypted show its public key.
	locked  bool
	ignored func(Item)  // takes what makes no entry
	invalid func(error) // takes errors about one of several certificates in a block
	size    int         // bytes
	added   int

	certs, requests, keys []*piece

	records             []*record
	publics, byID, tied map[string][]*piece // by public key, by localKeyID, and those of chains by the localKeyID of the entry
	keyIDs              map[string]bool
	pool                *issuers.Pool
	pieceOf             map[*cert.Certificate]*piece
	byKey               map[string]*record    // by the private keys
	chained             map[[32]byte][]string // certificates in chains, with the labels of the entries that have these
}

// maxComparisons bounds how many pairs of keys and certificates are compared by meaning and not by their bytes alone. Only inputs with
// thousands of keys reach it.
const maxComparisons = 1 << 18

// maxChain bounds chains; no real one has more than a handful of certificates.
const maxChain = 16

// add takes a part. Private keys come open, if they can be opened.
func (x *pieces) add(p *part) error {
	p.certs = nil
	x.added++
	f := &piece{item: &p.item, part: p, at: x.added}
	switch p.item.Kind {
	case Certificate:
		if err := x.addCertificate(f); err != nil {
			return fmt.Errorf("%s: %w", p.item.Where(), err)
		}
	case Request:
		request, err := cert.ParseRequest(p.item.DER)
		if err != nil {
			return fmt.Errorf("%s: %w: %w", p.item.Where(), kdb.ErrParse, err)
		}
		f.spki = request.RawSPKI
		x.requests = append(x.requests, f)
	case PrivateKey, EncryptedKey, OpenSSHKey:
		if !x.locked || !p.open && !p.encrypted() {
			f.spki = p.private.SPKI
		}
		x.keys = append(x.keys, f)
	case PKCS7:
		return x.addPKCS7(p)
	case PKCS12:
		return fmt.Errorf("%s: %w", p.item.Where(), errKeyStore)
	default:
		x.ignored(p.item)
		return nil
	}
	x.size += len(p.item.DER)
	return nil
}

func (x *pieces) addCertificate(f *piece) (err error) {
	if f.cert, err = f.item.certificate(); err != nil {
		return fmt.Errorf("%w: %w", kdb.ErrParse, err)
	}
	f.spki = f.cert.RawSPKI
	f.part.certs = append(f.part.certs, f.item.DER)
	x.certs = append(x.certs, f)
	return nil
}

// addPKCS7 takes the certificates of a PKCS #7 container.
func (x *pieces) addPKCS7(p *part) error {
	contents, err := pkcs7.Parse(p.item.DER)
	if err != nil {
		return fmt.Errorf("%s: %w", p.item.Where(), err)
	}
	for i, der := range contents.Certificates {
		inner := p.item
		inner.Kind, inner.DER, inner.Label, inner.LocalKeyID = Certificate, der, "", nil
		if err := x.addCertificate(&piece{item: &inner, part: p, at: x.added}); err != nil {
			x.invalid(fmt.Errorf("certificate %d of %s: %w", i+1, p.item.Where(), err))
		}
	}
	x.size += len(p.item.DER)
	if len(contents.Certificates) == 0 {
		x.ignored(p.item)
	}
	return nil
}

// pair makes the entries: those of the private keys first, and of these those that show what belongs to them.
func (x *pieces) pair() []*record {
	if len(x.keys) > 0 {
		x.index()
	}
	for _, closed := range [...]bool{false, true} {
		for _, k := range x.keys {
			if k.closed() == closed {
				x.pairKey(k)
			}
		}
	}
	for _, f := range x.certs {
		if !f.taken && !x.inChain(f) {
			x.records = append(x.records, &record{
				kind: kdb.KindTrusted, trusted: !f.item.Aux.Distrusted() && !x.pretends(f), item: f.item, cert: f.part, label: f.label(""),
				certificates: [][]byte{f.item.DER},
			})
		}
	}
	return x.records
}

// pretends tells a certificate in an input that came with a private key and has the name and key identifier of an issuer in its chain, but
// not the issuer's key. Nobody wants to trust it. In a file that is a database, everything that stands there counts.
func (x *pieces) pretends(f *piece) bool { return !x.named && x.pool != nil && x.pool.Pretends(f.cert) }

// index prepares what the private keys ask for. The pool does not prefer a certificate for being valid now, so that the same input makes
// the same entries at any time: of several with the right key it takes the one that is valid longest.
func (x *pieces) index() {
	x.pool, x.pieceOf = issuers.NewPool(time.Time{}), make(map[*cert.Certificate]*piece, len(x.certs))
	x.publics, x.byID, x.tied = map[string][]*piece{}, map[string][]*piece{}, map[string][]*piece{}
	x.keyIDs, x.byKey, x.chained = map[string]bool{}, map[string]*record{}, map[[32]byte][]string{}
	for _, f := range x.certs {
		x.pieceOf[f.cert] = f
		x.pool.Add(f.cert)
		x.publics[string(f.spki)] = append(x.publics[string(f.spki)], f)
		x.byID[string(f.item.LocalKeyID)] = append(x.byID[string(f.item.LocalKeyID)], f)
		x.tied[string(f.item.chainOf)] = append(x.tied[string(f.item.chainOf)], f)
	}
	delete(x.byID, "")
	delete(x.tied, "")
	for _, k := range x.keys {
		x.keyIDs[string(k.item.LocalKeyID)] = len(k.item.LocalKeyID) > 0
	}
}

// pairKey makes the entries of a private key. One that is an entry's already, in another form, makes none.
func (x *pieces) pairKey(k *piece) {
	matching := x.certificatesOf(k)
	for _, group := range matching {
		x.pairCertificate(k, group)
	}
	if len(matching) > 0 {
		return
	}
	if r := x.byKey[string(k.identity())]; r != nil {
		r.copies = append(r.copies, k.part)
	} else if !x.pairRequest(k) {
		x.enter(k, &record{kind: kdb.KindPersonal, label: k.keyLabel()})
	}
}

// closed says that nothing shows what belongs to a private key.
func (k *piece) closed() bool { return k.spki == nil && len(k.item.LocalKeyID) == 0 }

// identity is the public key, else the private one if it has none that is known; nil for a locked key.
func (k *piece) identity() []byte {
	if k.spki == nil && k.part.private.SPKI == nil {
		return k.part.private.PKCS8
	}
	return k.spki
}

// certificatesOf finds the certificates of a key that belong to no other entry, each followed by its copies.
func (x *pieces) certificatesOf(k *piece) [][]*piece {
	byID := slices.DeleteFunc(slices.Clone(x.byID[string(k.item.LocalKeyID)]), func(f *piece) bool {
		return f.taken || k.spki != nil && !key.SameKey(k.spki, f.spki)
	})
	switch {
	case len(byID) > 0:
		return x.distinct(byID)
	case x.waits(k):
		return nil
	case k.spki != nil:
		return x.distinct(slices.DeleteFunc(x.sameKey(k), func(f *piece) bool {
			return f.taken || x.keyIDs[string(f.item.LocalKeyID)] // another key's
		}))
	case k.closed():
		return x.distinct(x.likely(k))
	}
	return nil
}

// sameKey finds the certificates with the public key of a private key.
func (x *pieces) sameKey(k *piece) []*piece {
	if len(x.keys)*len(x.certs) > maxComparisons {
		return slices.Clone(x.publics[string(k.spki)])
	}
	var same []*piece
	for _, f := range x.certs {
		if key.SameKey(k.spki, f.spki) {
			same = append(same, f)
		}
	}
	return same
}

// waits says that a request has the key's localKeyID: certificates without it do not answer it yet.
func (x *pieces) waits(k *piece) bool {
	return len(k.item.LocalKeyID) > 0 && slices.ContainsFunc(x.requests, func(f *piece) bool {
		return bytes.Equal(f.item.LocalKeyID, k.item.LocalKeyID)
	})
}

// likely is the certificate of a closed key: of those that are near it the only one, or the first that is not a CA's.
func (x *pieces) likely(k *piece) []*piece {
	from, to := x.surroundings(k)
	near := slices.DeleteFunc(slices.Clone(x.certs), func(f *piece) bool {
		return f.at < from || f.at > to || f.taken || x.keyIDs[string(f.item.LocalKeyID)]
	})
	if len(near) == 1 {
		return near
	}
	if i := slices.IndexFunc(near, func(f *piece) bool { return !f.cert.IsCA }); i >= 0 {
		return near[i : i+1]
	}
	return nil
}

// surroundings are the places of what may belong to a closed key: everything if there is no other key, else what follows it up to the next
// key, or what precedes it in a file that does not begin with a key.
func (x *pieces) surroundings(k *piece) (from, to int) {
	from, to = 0, math.MaxInt
	for _, other := range x.keys {
		switch {
		case len(x.certs) > 0 && x.certs[0].at < x.keys[0].at: // each key follows its certificate
			if to = k.at; other.at < k.at {
				from = other.at
			}
		case other.at > k.at:
			return k.at, other.at
		case len(x.keys) > 1:
			from = k.at
		}
	}
	return from, to
}

// distinct takes certificates for an entry's own. One that comes again is a copy, unless it has a label that makes an entry of it.
func (x *pieces) distinct(list []*piece) [][]*piece {
	var groups [][]*piece
	for _, f := range list {
		at := slices.IndexFunc(groups, func(g []*piece) bool { return bytes.Equal(g[0].item.DER, f.item.DER) })
		switch {
		case at < 0:
			groups = append(groups, []*piece{f})
		case !x.named || f.item.Label == "" || f.item.Label == groups[at][0].item.Label:
			groups[at] = append(groups[at], f)
		default:
			continue
		}
		f.taken = true
	}
	return groups
}

func (x *pieces) pairCertificate(k *piece, group []*piece) {
	f := group[0]
	r := &record{
		kind: kdb.KindPersonal, item: f.item, cert: f.part, label: f.label(k.item.Label),
		certificates: [][]byte{f.item.DER},
	}
	for _, again := range group[1:] {
		r.copies = append(r.copies, again.part)
	}
	for _, issuer := range x.issuers(f, x.tied[string(k.item.LocalKeyID)]) {
		r.certificates = append(r.certificates, issuer.item.DER)
		sum := sha256.Sum256(issuer.item.DER)
		x.chained[sum] = append(x.chained[sum], r.label)
	}
	x.enter(k, r)
}

// issuers are the chain of a certificate. Certificates that are tied to its key go before others that could be in their place, and belong
// to the chain in any case.
func (x *pieces) issuers(f *piece, tied []*piece) []*piece {
	list := []*piece{f}
	for len(list) <= maxChain {
		next := x.issuer(list[len(list)-1], tied)
		if next == nil || slices.Contains(list, next) {
			break
		}
		list = append(list, next)
	}
	for _, other := range tied {
		if !slices.Contains(list, other) && len(list) <= maxChain {
			list = append(list, other)
		}
	}
	return list[1:]
}

// issuer finds the certificate that issued another one, rather among those that are tied to its key; nil if it is not here.
func (x *pieces) issuer(f *piece, tied []*piece) *piece {
	if issuers.SelfSigned(f.cert) {
		return nil
	}
	c := x.pool.Issuer(f.cert)
	if c == nil {
		return nil
	}
	for _, other := range tied {
		if other.cert.Subject.Canonical() == c.Subject.Canonical() && bytes.Equal(other.cert.SKI, c.SKI) {
			return other
		}
	}
	return x.pieceOf[c]
}

// enter adds a record with a private key.
func (x *pieces) enter(k *piece, r *record) {
	r.key = k.part
	x.records = append(x.records, r)
	if id := k.identity(); id != nil {
		x.byKey[string(id)] = r
	}
}

// pairRequest makes an entry of a key and the request for it.
func (x *pieces) pairRequest(k *piece) bool {
	alone := len(x.keys) == 1 && len(x.requests) == 1 && len(x.certs) == 0
	exact := len(x.keys)*len(x.requests) > maxComparisons
	for _, f := range x.requests {
		if f.taken || exact && !bytes.Equal(k.spki, f.spki) || !f.requestOf(k, alone) {
			continue
		}
		f.taken = true
		x.enter(k, &record{kind: kdb.KindRequest, item: f.item, request: f.part, label: f.label(k.item.Label)})
		return true
	}
	return false
}

func (k *piece) requestOf(other *piece, alone bool) bool {
	if other.spki != nil {
		return key.SameKey(other.spki, k.spki)
	}
	if len(other.item.LocalKeyID) == 0 {
		return alone
	}
	return bytes.Equal(other.item.LocalKeyID, k.item.LocalKeyID)
}

// inChain says that a certificate is part of a chain and no entry of its own.
func (x *pieces) inChain(f *piece) bool {
	if len(x.chained) == 0 {
		return false
	}
	labels, found := x.chained[sha256.Sum256(f.item.DER)]
	return found && (!x.named || len(f.item.chainOf) > 0 || f.item.Label == "" || slices.Contains(labels, f.item.Label))
}

// label returns the label of the file, else other, else one made of the subject.
func (k *piece) label(other string) string {
	for _, label := range [...]string{k.item.Label, other} {
		if label != "" && kdb.CheckLabel(label) == nil {
			return label
		}
	}
	e := kdb.Entry{Request: k.item.DER}
	if k.cert == nil {
		return kdb.AutoLabel(&e)
	}
	e = kdb.Entry{Certificates: [][]byte{k.item.DER}}.WithLeaf(k.item.parsed)
	return kdb.LabelFor(k.cert.Subject, e.Fingerprint())
}

// keyLabel is the label of a key alone: made of what it shows of itself, since a digest of the key would help to guess it.
func (k *piece) keyLabel() string {
	if kdb.CheckLabel(k.item.Label) == nil {
		return k.item.Label
	}
	public := k.spki
	if public == nil {
		public = k.item.DER // encrypted
	}
	sum := sha256.Sum256(public)
	return fmt.Sprintf("key-%x", sum[:4])
}

// parts are all parts of an entry but its chain.
func (r *record) parts() []*part {
	return slices.DeleteFunc(append([]*part{r.key, r.cert, r.request}, r.copies...), func(p *part) bool { return p == nil })
}

// number is where the entry is in the file.
func (r *record) number() int {
	first := math.MaxInt
	for _, p := range [...]*part{r.key, r.cert, r.request} {
		if p != nil {
			first = min(first, p.number)
		}
	}
	return first
}

// entry is the entry without its key.
func (r *record) entry() kdb.Entry {
	e := kdb.Entry{Label: r.label, Kind: r.kind, Trusted: r.trusted, Certificates: r.certificates}
	if r.request != nil {
		e.Request = r.request.item.DER
	}
	if r.kind == kdb.KindPersonal && len(r.certificates) == 0 && r.key != nil {
		e.KeyAlgorithm = r.key.private.Type // "" while it is closed
	}
	for _, p := range [...]*part{r.key, r.cert} {
		if p != nil && len(p.item.LocalKeyID) > 0 {
			e.LocalKeyID = p.item.LocalKeyID
		}
	}
	return e
}
