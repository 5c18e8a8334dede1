package pem

import (
	"errors"
	"fmt"
	"iter"

	"certkdb/kdb"
	"certkdb/kdb/keyfile"
	"certkdb/pki/key"
)

// ErrNoCertificate says that an input has a private key without the certificate or request that belongs to it.
var ErrNoCertificate = errors.New("no certificate or request in the input belongs to this private key")

// Unpaired is the error about a private key that belongs to nothing in the input. It wraps [ErrNoCertificate].
type Unpaired struct {
	Key Item
	Err error
}

func (e *Unpaired) Error() string { return e.Err.Error() }

func (e *Unpaired) Unwrap() error { return e.Err }

// Entry is an entry made of an input.
type Entry struct {
	kdb.Entry
	// Item is the entry's certificate, or the request of a KindRequest entry.
	Item Item
}

// Options say how Entries treats an input.
type Options struct {
	// Password is asked for the passwords of encrypted keys; nil if there is nobody to ask.
	Password Passwords
	// KeyPasswords returns passwords to be tried before that one is asked for. It may be nil.
	KeyPasswords func() ([][]byte, error)
	// Invalid is called for every piece that cannot be read, which is then left out. If it is nil, the first such piece ends
	// everything.
	Invalid func(error)
	// Adopt is asked for the certificates of a private key that has none in the input, under the label that they have elsewhere; false is
	// the error that there are none. It may be nil. The key stays that of the caller.
	Adopt func(private key.Private) (kdb.Entry, bool, error)
	// Ignored, if not nil, is called for every piece that makes no entry: revocation lists, public keys, parameters, requests without
	// key.
	Ignored func(Item)
}

// window is how many bytes of certificates are held to find the ones that belong to a private key. A key, its certificate and
// its chain must be that close together; an input of any size is still read in flat memory.
const window = 1 << 20

// Entries makes entries of items, in streams of any length, by the rules of FORMAT.md, except that a certificate in a chain is never an
// entry of its own, and that a private key needs its certificate or request. Labels are those of the file, else made by kdb.AutoLabel.
//
// An error names the piece. One of reading ends the stream; one of a piece wraps kdb.ErrParse, kdb.ErrPassword, kdb.ErrNoPassword,
// kdb.ErrUnsupported or [ErrNoCertificate] and ends it too, unless Options.Invalid takes it. An input that holds
// pieces but no entry is an error as well.
func Entries(items iter.Seq2[Item, error], o Options) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		g := &gatherer{options: o, yield: yield}
		g.empty()
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
			if g.pieces.size >= window {
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

// gatherer makes entries of one window after the other.
type gatherer struct {
	options Options
	yield   func(Entry, error) bool
	stopped bool
	yielded bool // some entry was made, or some piece was bad
	flushed bool // this is not the first window
	ignored [Parameters + 1]bool
	pieces  *pieces
}

func (g *gatherer) empty() { g.pieces = &pieces{ignored: g.ignore, invalid: g.invalid} }

func (g *gatherer) end(err error) {
	if !g.stopped {
		g.stopped = true
		g.yield(Entry{}, err)
	}
}

func (g *gatherer) invalid(err error) {
	g.yielded = true
	if g.options.Invalid == nil {
		g.end(err)
		return
	}
	g.options.Invalid(err)
}

func (g *gatherer) take(item Item) (err error) {
	p := &part{item: item}
	if isKey(item.Kind) {
		if p.private, err = g.open(&item); err != nil {
			return err
		}
	}
	return g.pieces.add(p)
}

// open opens a private key with one of the passwords.
func (g *gatherer) open(item *Item) (key.Private, error) {
	var others [][]byte
	if g.options.KeyPasswords != nil && item.Kind != PrivateKey {
		var err error
		if others, err = g.options.KeyPasswords(); err != nil {
			return key.Private{}, err
		}
	}
	for _, password := range others {
		private, err := item.OpenKey(func(string) ([]byte, error) { return password, nil })
		if !errors.Is(err, kdb.ErrPassword) {
			return private, err
		}
	}
	return item.OpenKey(g.options.Password)
}

func (g *gatherer) ignore(item Item) {
	g.ignored[item.Kind] = true
	if g.options.Ignored != nil {
		g.options.Ignored(item)
	}
}

// flush makes entries of the window and empties it.
func (g *gatherer) flush() {
	for _, r := range g.pieces.pair() {
		if g.stopped {
			return
		}
		g.emit(r)
	}
	for _, f := range g.pieces.requests {
		if !f.taken {
			g.ignore(*f.item)
		}
	}
	g.empty()
}

func (g *gatherer) emit(r *record) {
	switch {
	case r.item != nil:
		e := Entry{Entry: r.entry().WithLeaf(r.item.parsed), Item: *r.item}
		if r.key != nil {
			e.Key = r.key.private.PKCS8
		}
		g.yielded = true
		g.stopped = !g.yield(e, nil)
	case g.adopt(r.key):
	case g.flushed:
		err := fmt.Errorf("%s: %w; in an input this long they must be within %d MiB of each other",
			r.key.item.Where(), ErrNoCertificate, window>>20)
		g.invalid(&Unpaired{r.key.item, keyfile.AlsoError(err, kdb.ErrParse)})
	default:
		err := fmt.Errorf("%s: %w", r.key.item.Where(), ErrNoCertificate)
		g.invalid(&Unpaired{r.key.item, keyfile.AlsoError(err, kdb.ErrParse)})
	}
}

// adopt makes an entry of a private key with certificates from elsewhere, and says whether there was an end to it.
func (g *gatherer) adopt(p *part) bool {
	if g.options.Adopt == nil {
		return false
	}
	e, ok, err := g.options.Adopt(p.private)
	switch {
	case err != nil:
		g.end(err)
	case ok:
		e.Key = p.private.PKCS8
		g.yielded = true
		g.stopped = !g.yield(Entry{Entry: e, Item: p.item}, nil)
	}
	return ok || err != nil
}

// finish makes the last entries, or an error if there were none at all.
func (g *gatherer) finish() {
	g.flush()
	for kind, ignored := range g.ignored {
		if ignored && !g.yielded {
			err := fmt.Errorf("%w: it holds a %s, but no certificate and no private key", kdb.ErrParse, Kind(kind))
			if Kind(kind) == Request {
				err = fmt.Errorf("%w: a CA has to sign it first", err)
			}
			g.end(err)
			return
		}
	}
}
