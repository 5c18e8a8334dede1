package pkcs7

import (
	"bytes"
	stdpem "encoding/pem"
	"errors"
	"fmt"

	"certkdb/kdb"
	"certkdb/kdb/keyfile"
	"certkdb/kdb/keyfile/ber"
	"certkdb/kdb/keyfile/document"
)

// Codec is the codec of PKCS #7 files as databases of trusted certificates. The format has no labels, so that each certificate has its
// automatic one. DER stays DER and PEM armour stays PEM armour; revocation lists, contents and signatures are kept: signatures do not
// cover the certificates (RFC 5652, 5.4). New files are DER (RFC 8551, 3.2.1), or PEM with the profile "pem".
func Codec() keyfile.Codec {
	return keyfile.Codec{
		Name:       "pkcs7",
		Aliases:    []string{"p7b", "p7c"},
		Extensions: []string{".p7b", ".p7c"},
		Pieces:     true,
		Matches:    matches,
		Decode:     func(f keyfile.Files, _ keyfile.Passwords) (keyfile.Container, error) { return decode(f.Main) },
		New:        newContainer,
		Profiles:   []string{profileDER, profilePEM},
	}
}

// armours are the types that PEM armour of PKCS #7 has; the last one is Netscape's.
var armours = [...]string{"PKCS7", "PKCS #7 SIGNED DATA", "CMS"}

const beginMark = "-----BEGIN "

// matches recognises signed data and certificate sequences by their content type, and armour by its first block.
func matches(head []byte) bool {
	if _, block, ok := bytes.Cut(head, []byte(beginMark)); ok && bytes.IndexByte(head, 0) < 0 {
		for _, typ := range armours {
			if bytes.HasPrefix(block, []byte(typ+"-----")) {
				return true
			}
		}
		return false
	}
	tag, size, _, err := ber.Head(head)
	if err != nil || tag != ber.Sequence || len(head) < size+2 || head[size] != ber.ObjectID {
		return false
	}
	oid := head[size+2:]
	name := nameOf(oid[:min(len(oid), int(head[size+1]))])
	return name == signedData || name == netscape
}

// container is a decoded file.
type container struct {
	data   []byte // as it was read, as long as nothing changes
	armour armour
	parts  parts
	// records are the elements of parts in their order, shown those that are certificates.
	records []*record
	shown   *document.Document[*record]
}

// record is a certificate, or another element among them, which is not shown.
type record struct {
	der     []byte
	shown   bool
	removed bool
}

// armour is what surrounds DER; the zero value is no armour.
type armour struct {
	typ           string
	before, after []byte
	crlf          bool
}

// The profiles of new files.
const (
	profileDER = "der"
	profilePEM = "pem"
)

func newContainer(profile string) (keyfile.Container, error) {
	c := &container{parts: emptyParts(), shown: document.New[*record](nil)}
	switch profile {
	case "", profileDER:
	case profilePEM:
		c.armour.typ = armours[0]
	default:
		return nil, fmt.Errorf("%w: the profile %q of PKCS #7: use der or pem", kdb.ErrUnsupported, profile)
	}
	return c, nil
}

func decode(data []byte) (keyfile.Container, error) {
	c := &container{data: data, shown: document.New[*record](nil)}
	der, err := c.unwrap(data)
	if err == nil {
		c.parts, err = split(der)
	}
	if err != nil {
		return nil, unreadable(err)
	}
	for _, e := range c.parts.elements {
		r := &record{der: e.der, shown: e.certificate}
		if c.records = append(c.records, r); r.shown {
			c.shown.Add(automatic(e.der), r)
		}
	}
	return c, nil
}

// unwrap takes the armour off.
func (c *container) unwrap(data []byte) ([]byte, error) {
	block, rest := stdpem.Decode(data)
	if block == nil {
		if bytes.Contains(data, []byte(beginMark)) {
			return nil, errors.New("the PEM armour is damaged")
		}
		return data, nil
	}
	if bytes.Contains(rest, []byte(beginMark)) {
		return nil, &kdb.Limit{Reason: "more PEM blocks follow PKCS #7; put all of it into another database", Way: kdb.WayAdd}
	}
	before, _, _ := bytes.Cut(data, []byte(beginMark))
	c.armour = armour{typ: block.Type, before: before, after: rest, crlf: bytes.Contains(data, []byte("\r\n"))}
	return trimPadding(block.Bytes), nil
}

func automatic(der []byte) string { return kdb.AutoLabel(&kdb.Entry{Certificates: [][]byte{der}}) }

// Version implements keyfile.Container.
func (c *container) Version() string { return c.parts.version() }

// Entries implements keyfile.Container.
func (c *container) Entries() []kdb.Entry {
	var list []kdb.Entry
	for label, r := range c.shown.All() {
		list = append(list, r.entry(label))
	}
	return list
}

// Entry implements keyfile.Container.
func (c *container) Entry(label string) (kdb.Entry, error) {
	r, err := c.shown.Find(label)
	if err != nil {
		return kdb.Entry{}, err
	}
	return r.entry(label), nil
}

func (r *record) entry(label string) kdb.Entry {
	return kdb.Entry{Label: label, Kind: kdb.KindTrusted, Trusted: true, Certificates: [][]byte{r.der}}
}

// Update implements keyfile.Container: a certificate is all that an entry is.
func (c *container) Update(e kdb.Entry) error { return c.Put(e) }

// Key implements keyfile.Container: there are none.
func (c *container) Key(label string) ([]byte, error) {
	return nil, fmt.Errorf("the key of label %q: %w: PKCS #7 holds no private keys", label, kdb.ErrNotFound)
}

// KeyProtection implements keyfile.Container: there are no keys.
func (c *container) KeyProtection(label string) (string, error) {
	_, err := c.shown.Find(label)
	return "", err
}

// Put implements keyfile.Container.
func (c *container) Put(e kdb.Entry) error {
	if err := c.holds(&e); err != nil {
		return fmt.Errorf("storing label %q in PKCS #7: %w", e.Label, err)
	}
	r := &record{der: e.Certificates[0], shown: true}
	if c.shown.Insert(e.Label, r) != nil {
		return nil // an automatic label says what is under it
	}
	c.data, c.records = nil, append(c.records, r)
	return nil
}

// holds reports why the format cannot hold an entry.
func (c *container) holds(e *kdb.Entry) error {
	switch {
	case c.parts.fixed != "":
		return c.parts.readOnly()
	case e.Kind != kdb.KindTrusted:
		return &kdb.Limit{Reason: "it holds certificates alone; use a PKCS #12 file or a native database", Way: kdb.WayWrite}
	case !e.Trusted:
		return &kdb.Limit{Reason: "every certificate in it is trusted", Way: kdb.WayWrite}
	}
	if label := automatic(e.Certificates[0]); label != e.Label {
		reason := fmt.Sprintf("it has no labels: this certificate can only be %q; a PEM file keeps labels", label)
		return &kdb.Limit{Reason: reason, Way: kdb.WayLabels}
	}
	return nil
}

// Rename implements keyfile.Container: there are no labels to change.
func (c *container) Rename(from, _ string) error {
	if _, err := c.shown.Find(from); err != nil {
		return err
	}
	limit := &kdb.Limit{Reason: "it has no labels: each certificate has its automatic one; a PEM file keeps labels", Way: kdb.WayCopy}
	return fmt.Errorf("renaming label %q in PKCS #7: %w", from, limit)
}

// Delete implements keyfile.Container.
func (c *container) Delete(label string) error {
	r, err := c.shown.Find(label)
	switch {
	case err != nil:
		return err
	case c.parts.fixed != "":
		return fmt.Errorf("deleting label %q: %w", label, c.parts.readOnly())
	}
	c.data, r.removed = nil, true
	return c.shown.Remove(label)
}

// Encode implements keyfile.Container. There is nothing that a password would protect.
func (c *container) Encode([]byte) (keyfile.Files, error) {
	if c.data != nil {
		return keyfile.Files{Main: c.data}, nil
	}
	var list [][]byte
	for _, r := range c.records {
		if !r.removed {
			list = append(list, r.der)
		}
	}
	der, err := c.parts.join(list)
	if err != nil {
		return keyfile.Files{}, err
	}
	return keyfile.Files{Main: c.armour.wrap(der)}, nil
}

func (a *armour) wrap(der []byte) []byte {
	if a.typ == "" {
		return der
	}
	text := stdpem.EncodeToMemory(&stdpem.Block{Type: a.typ, Bytes: der})
	if a.crlf {
		text = bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n"))
	}
	return append(append(bytes.Clone(a.before), text...), a.after...)
}

// Unlock implements keyfile.Sealer: nothing is closed.
func (c *container) Unlock() error { return nil }

// Reseal implements keyfile.Sealer.
func (c *container) Reseal() error {
	return fmt.Errorf("%w: PKCS #7 holds certificates alone, which are public", kdb.ErrUnsupported)
}

// Facts implements keyfile.Container.
func (c *container) Facts() []kdb.Fact {
	facts := []kdb.Fact{
		{Name: "integrity", Value: "none: anyone who can write the file decides what is trusted", Weak: true},
		{Name: "encoding", Value: "DER"},
	}
	if c.armour.typ != "" {
		facts[1].Value = "PEM, " + c.armour.typ
	}
	others := 0
	for _, r := range c.records {
		if !r.shown {
			others++
		}
	}
	for _, kept := range [...]struct {
		what string
		n    int
	}{{"revocation list", c.parts.crls}, {"signature", c.parts.signers}, {"attribute certificate", others}} {
		if kept.n > 0 {
			facts = append(facts, kdb.Fact{Name: kdb.FactKept, Value: fmt.Sprintf("%d %s", kept.n, kept.what)})
		}
	}
	return append(facts, keyfile.Advice())
}

// Check implements keyfile.Container: that the certificates can be read is checked of every database.
func (c *container) Check(func(kdb.Problem)) {}
