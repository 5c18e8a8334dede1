// Package pem reads certificates, keys, requests and revocation lists out of whatever file people keep them in, and
// writes them as OpenSSL does: PEM bundles of any size (RFC 7468, RFC 1421), raw DER, DER after DER, and base64 without
// armour. The format is recognised by content. It knows no key stores: PKCS #12 is only named. [Codec] makes a database of a PEM file.
//
//	for item, err := range pem.Items(file) {
//		if err != nil { … names "certificate 17 (line 512)" … }
//		fmt.Println(item.Where(), item.Kind)
//	}
//
// Input is streamed: memory holds one block at a time.
package pem

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"iter"

	"certkdb/kdb"
	"certkdb/kdb/keyfile/pem/armour"
	"certkdb/pki/pbe"
)

// Kind says what an item is.
type Kind uint8

// The kinds of items.
const (
	Other         Kind = iota // a PEM block of a type that is not known here; its DER may be nil
	Certificate               // X.509 certificate (RFC 5280)
	Request                   // PKCS #10 certificate request (RFC 2986)
	PrivateKey                // PKCS #8 (RFC 5958), PKCS #1 (RFC 8017), SEC 1 (RFC 5915) or traditional DSA, in clear
	EncryptedKey              // encrypted PKCS #8 (RFC 5958), or traditional with Proc-Type 4,ENCRYPTED (RFC 1421)
	OpenSSHKey                // OPENSSH PRIVATE KEY (OpenSSH's PROTOCOL.key), in clear or encrypted
	PublicKey                 // SubjectPublicKeyInfo or PKCS #1 RSAPublicKey
	RevocationSet             // certificate revocation list (RFC 5280)
	PKCS7                     // PKCS #7 or CMS content (RFC 2315, RFC 5652), also Netscape certificate sequences
	PKCS12                    // PKCS #12 key store (RFC 7292)
	Parameters                // DH, DSA or EC domain parameters
)

var kindNames = [...]string{
	"block", "certificate", "certificate request", "private key", "encrypted private key", "OpenSSH private key",
	"public key", "certificate revocation list", "PKCS #7", "PKCS #12 key store", "parameters",
}

// String names the kind in words: "certificate", "encrypted private key", …
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// Item is one piece of an input.
type Item struct {
	Kind Kind
	// Type is the PEM label ("RSA PRIVATE KEY"); "" for input without armour.
	Type string
	// DER is the content as it came. Of a TRUSTED CERTIFICATE it is the certificate alone; the rest is in Aux.
	DER []byte
	// Headers are those of the block, such as Proc-Type and DEK-Info.
	Headers []armour.Header
	// Label is the friendlyName of the "Bag Attributes" before the block, as openssl pkcs12 prints them, or the alias of a TRUSTED
	// CERTIFICATE; "" if there is none. It need not pass kdb.CheckLabel.
	Label string
	// LocalKeyID is the localKeyID of the "Bag Attributes".
	LocalKeyID []byte
	// Aux is the auxiliary part of a TRUSTED CERTIFICATE, else nil.
	Aux *Aux
	// Source is where the item comes from, if the caller notes it, for an input of several files.
	Source string
	// Number counts the items of this kind from 1.
	Number int
	// Line is the line of BEGIN, from 1; 0 for DER.
	Line int
	// Offset is where the item begins in DER input.
	Offset int64

	budget *pbe.Budget // of the whole input
	parsed *kdb.Leaf   // of DER, if Ahead has read it
	// chainOf is the localKeyID of the entry whose chain a certificate belongs to: see armour.Attributes.
	chainOf []byte
	// start and end are where the block is in a text, from BEGIN to what follows END.
	start, end int
}

// Header returns the value of the first header of that name, "" if there is none.
func (i *Item) Header(name string) string {
	for _, h := range i.Headers {
		if h.Name == name {
			return h.Value
		}
	}
	return ""
}

// Where says where the item is, for messages: "certificate 17 (line 512)" or "private key 1 (offset 0)".
func (i *Item) Where() string {
	if i.Line > 0 {
		return fmt.Sprintf("%s %d (line %d)", i.Kind, i.Number, i.Line)
	}
	if i.Label != "" { // it comes from a key store
		return fmt.Sprintf("%s %q", i.Kind, i.Label)
	}
	return fmt.Sprintf("%s %d (offset %d)", i.Kind, i.Number, i.Offset)
}

// Items yields what the input holds, in its order, as a stream. An error wrapping kdb.ErrParse stands for one bad piece and
// names its place; the item with it has the kind, type and line as far as they are known. Going on after it yields the
// pieces after it. An input without any piece yields an error too. Other errors are those of reading.
func Items(r io.Reader) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		begin := &beginning{in: r}
		in := bufio.NewReaderSize(begin, 4096)
		head, err := in.Peek(5)
		if err != nil && err != io.EOF {
			yield(Item{}, fmt.Errorf("reading: %w", err))
			return
		}
		out := &sink{yield: yield, begin: begin, budget: pbe.NewBudget(pbe.UsualWork)}
		switch decoder := armour.UTF16(head); {
		case decoder != nil:
			scanText(decoder.Reader(in), out)
		case looksLikeDER(head):
			scanDER(in, out)
		default:
			if bytes.HasPrefix(head, []byte("\ufeff")) {
				_, _ = in.Discard(3)
			}
			scanText(in, out)
		}
	}
}

// ErrNothing says that an input holds nothing that this package knows. The error for one in another known format is [kdb.ForeignFormat].
var ErrNothing = errors.New("neither a PEM block (-----BEGIN …) nor DER was found in it")

// scanText reads text with PEM blocks, or base64 text without armour.
func scanText(in io.Reader, out *sink) {
	rest, err := armour.Scan(in, func(b armour.Block, err error) bool {
		out.block(b, err)
		return !out.stopped
	})
	out.unended = rest.Unended
	switch {
	case out.stopped:
	case err != nil:
		out.error(err)
	case out.any:
	case rest.Base64 != nil && scanBase64(rest.Base64, out):
	case rest.Empty:
		out.fail("the input is empty")
	default:
		out.nothing()
	}
}

// nothing reports that nothing was found, and what the input is, if that is known.
func (s *sink) nothing() {
	if other := kdb.NameFile(s.begin.head); other != nil {
		s.error(other.Searched())
		return
	}
	s.fail("%w", ErrNothing)
}

// beginning keeps the beginning of what is read.
type beginning struct {
	in   io.Reader
	head []byte
}

func (b *beginning) Read(p []byte) (int, error) {
	n, err := b.in.Read(p)
	if room := min(n, kdb.HeadSize-len(b.head)); room > 0 {
		b.head = append(b.head, p[:room]...)
	}
	return n, err
}

// scanBase64 reads what base64 text holds: DER, or text with PEM blocks, as Kubernetes encodes it. It reports whether the text is that.
func scanBase64(text []byte, out *sink) bool {
	inner, err := base64.StdEncoding.DecodeString(string(text))
	switch {
	case err == nil && looksLikeDER(inner):
		scanDER(bufio.NewReader(bytes.NewReader(inner)), out)
	case err == nil && (bytes.Contains(inner, []byte(armour.BeginMark)) || isWrapped(inner)):
		scanText(bytes.NewReader(inner), out)
	case text[0] == firstOfDER:
		out.fail("base64 text without BEGIN and END: %w", cmp.Or(err, errors.New("it is not DER")))
	default:
		return false
	}
	return true
}

// firstOfDER is the first character of DER in base64.
const firstOfDER = 'M'

// sink numbers items, passes them on, and remembers whether anybody still wants more.
type sink struct {
	yield   func(Item, error) bool
	begin   *beginning // of the input
	counts  [Parameters + 1]int
	budget  *pbe.Budget
	any     bool
	stopped bool
	unended bool // a block had no END
}

func (s *sink) item(i Item) {
	s.any, i.budget = true, s.budget
	if i.Number == 0 {
		i.Number = s.number(i.Kind)
	}
	s.stopped = s.stopped || !s.yield(i, nil)
}

// block makes an item of a PEM block. The content of a block of unknown type may be damaged.
func (s *sink) block(b armour.Block, err error) {
	if b.Line == 0 {
		s.fail("%w", err)
		return
	}
	item := Item{
		Kind: kindOfType(b.Type), Type: b.Type, Headers: b.Headers, Label: b.Attributes.Label, LocalKeyID: b.Attributes.KeyID,
		Line: b.Line, chainOf: b.Attributes.ChainOf, start: b.Start, end: b.End,
	}
	unread := item
	if err == nil && item.Kind != Other {
		err = b.Damage
	}
	if err == nil {
		item.DER = b.DER
		err = item.identify()
	}
	if err == nil {
		s.item(item)
		return
	}
	unread.Number = s.number(unread.Kind)
	s.pass(unread, fmt.Errorf("%w: %s: %w", kdb.ErrParse, unread.Where(), err))
}

// number counts one more item of a kind, good or bad, so that numbers are those of the input.
func (s *sink) number(k Kind) int {
	s.counts[k]++
	return s.counts[k]
}

func (s *sink) fail(format string, args ...any) {
	s.error(fmt.Errorf("%w: %w", kdb.ErrParse, fmt.Errorf(format, args...)))
}

func (s *sink) error(err error) { s.pass(Item{}, err) }

func (s *sink) pass(i Item, err error) {
	s.any = true
	s.stopped = s.stopped || !s.yield(i, err)
}
