package pem

import (
	"errors"
	"fmt"
	"iter"

	"certkdb/kdb"
	"certkdb/kdb/keyfile/pkcs7"
	"certkdb/pki/cert"
)

// Entry is an entry made of an input, with the piece that it was made of first.
type Entry struct {
	kdb.Entry
	// Item is the entry's certificate, or the request of a KindRequest entry.
	Item Item
}

// Options say how Entries treats an input.
type Options struct {
	// Password is asked for the passwords of encrypted keys; nil if there is nobody to ask.
	Password Passwords
	// Invalid is called for every piece that cannot be read, which is then left out. If it is nil, the first such piece ends
	// everything.
	Invalid func(error)
	// Ignored, if not nil, is called for every piece that makes no entry: revocation lists, public keys, parameters, requests without
	// key.
	Ignored func(Item)
}

// window is how many bytes of certificates are held to find the ones that belong to a private key. A key, its certificate and
// its chain have to stand that close together; an input of any size is still read in flat memory.
const window = 4 << 20

// Entries makes entries of items, in streams of any length. A private key together with its certificate becomes a personal entry, whose
// chain are the certificates of the input that issued it; with a request alone it becomes a request; every other
// certificate becomes a trusted entry. Labels are those of the file, else made by kdb.AutoLabel.
//
// An error names the piece. One of reading ends the stream; one of a piece wraps kdb.ErrParse, kdb.ErrPassword, kdb.ErrNoPassword,
// kdb.ErrUnsupported or [ErrNoCertificate] and ends it too, unless Options.Invalid takes it. An input that holds
// pieces but no entry is an error as well.
func Entries(items iter.Seq2[Item, error], o Options) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		g := &gatherer{options: o, yield: yield}
		for item, err := range items {
			if err != nil && !errors.Is(err, kdb.ErrParse) {
				g.end(err)
				return
			}
			if err == nil {
				err = g.take(item)
			}
			if err != nil {
				g.invalid(err)
			}
			if g.size >= window {
				g.flush()
				g.flushed = true
			}
			if g.stopped {
				return
			}
		}
		g.finish()
	}
}

// gatherer holds the pieces of one window.
type gatherer struct {
	options  Options
	yield    func(Entry, error) bool
	stopped  bool
	yielded  bool // some entry was made, or some piece was bad
	flushed  bool // this is not the first window
	ignored  map[Kind]int
	certs    []found
	requests []found
	keys     []foundKey
	size     int
}

// found is a certificate or request.
type found struct {
	item Item
	// issuer is the index of the certificate's issuer, -1 if none is here; used says that the certificate is part of a personal entry.
	cert *cert.Certificate
	spki []byte
	used bool
}

func (g *gatherer) end(err error) {
	g.stopped = true
	g.yield(Entry{}, err)
}

func (g *gatherer) invalid(err error) {
	g.yielded = true
	if g.options.Invalid == nil {
		g.end(err)
		return
	}
	g.options.Invalid(err)
}

func (g *gatherer) emit(e Entry) {
	g.yielded = true
	g.stopped = g.stopped || !g.yield(e, nil)
}

// take puts an item where it belongs.
func (g *gatherer) take(item Item) error {
	switch item.Kind {
	case Certificate:
		if err := g.takeCertificate(item); err != nil {
			return fmt.Errorf("%s: %w", item.Where(), err)
		}
	case Request:
		request, err := cert.ParseRequest(item.DER)
		if err != nil {
			return fmt.Errorf("%s: %w: %w", item.Where(), kdb.ErrParse, err)
		}
		g.requests = append(g.requests, found{item: item, spki: request.RawSPKI})
		g.size += len(item.DER)
	case PrivateKey, EncryptedKey, OpenSSHKey:
		private, err := item.OpenKey(g.options.Password)
		if err != nil {
			return err
		}
		g.keys = append(g.keys, foundKey{item: item, private: private})
		g.size += len(item.DER)
	case PKCS7:
		return g.takePKCS7(item)
	case PKCS12:
		return fmt.Errorf("%s: %w: a key store among certificates: give it alone", item.Where(), kdb.ErrUnsupported)
	default:
		g.ignore(item)
	}
	return nil
}

func (g *gatherer) takeCertificate(item Item) error {
	c, err := cert.Parse(item.DER)
	if err != nil {
		return fmt.Errorf("%w: %w", kdb.ErrParse, err)
	}
	g.certs = append(g.certs, found{item: item, cert: c, spki: c.RawSPKI})
	g.size += len(item.DER)
	return nil
}

// takePKCS7 takes the certificates of a PKCS #7 container.
func (g *gatherer) takePKCS7(item Item) error {
	contents, err := pkcs7.Parse(item.DER)
	if err != nil {
		return fmt.Errorf("%s: %w", item.Where(), err)
	}
	for i, der := range contents.Certificates {
		inner := item
		inner.Kind, inner.DER, inner.Label, inner.LocalKeyID = Certificate, der, "", nil
		if err := g.takeCertificate(inner); err != nil {
			g.invalid(fmt.Errorf("certificate %d of %s: %w", i+1, item.Where(), err))
		}
		if g.stopped {
			return nil
		}
	}
	if len(contents.Certificates) == 0 {
		g.ignore(item)
	}
	return nil
}

func (g *gatherer) ignore(item Item) {
	if g.ignored == nil {
		g.ignored = map[Kind]int{}
	}
	g.ignored[item.Kind]++
	if g.options.Ignored != nil {
		g.options.Ignored(item)
	}
}

// flush makes entries of the window and empties it.
func (g *gatherer) flush() {
	if len(g.keys) > 0 {
		g.personal()
	}
	for i := range g.certs {
		if g.stopped {
			return
		}
		if f := &g.certs[i]; !f.used {
			g.emit(f.trusted())
		}
	}
	for _, f := range g.requests {
		if !f.used {
			g.ignore(f.item)
		}
	}
	clear(g.certs) // the memory of the certificates is free now
	g.certs, g.requests, g.keys, g.size = g.certs[:0], g.requests[:0], nil, 0
}

// finish makes the last entries, and an error if there was none at all.
func (g *gatherer) finish() {
	g.flush()
	if g.stopped || g.yielded {
		return
	}
	for kind := range Parameters + 1 {
		if g.ignored[kind] > 0 {
			g.end(fmt.Errorf("%w: it holds a %s, but no certificate and no private key", kdb.ErrParse, kind))
			return
		}
	}
}

func (f *found) trusted() Entry {
	return Entry{
		Entry: kdb.Entry{
			Label: f.label(""), Kind: kdb.KindTrusted, Trusted: !f.item.Aux.Distrusted(), Certificates: [][]byte{f.item.DER},
			LocalKeyID: f.item.LocalKeyID,
		},
		Item: f.item,
	}
}

// label returns the label of the file, else other, else one made of the subject.
func (f *found) label(other string) string {
	for _, label := range [...]string{f.item.Label, other} {
		if label != "" && kdb.CheckLabel(label) == nil {
			return label
		}
	}
	e := kdb.Entry{Request: f.item.DER}
	if f.cert == nil {
		return kdb.AutoLabel(&e)
	}
	e = kdb.Entry{Certificates: [][]byte{f.item.DER}}
	return kdb.LabelFor(f.cert.Subject, e.Fingerprint())
}
