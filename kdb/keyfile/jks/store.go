package jks

import (
	"encoding/binary"
	"fmt"
	"time"

	"certkdb/kdb"
	"certkdb/kdb/keyfile/jks/javaser"
)

// The tags of entries.
const (
	tagKey     = 1 // a private key with its chain
	tagTrusted = 2 // a trusted certificate
	tagSecret  = 3 // a secret key, in JCEKS alone
)

// store is a file taken apart, digest aside: magic, version, the number of entries, the entries. What follows the digest, such as the line
// end that a transfer appended, is ignored, as in Java.
type store struct {
	magic, version uint32
	entries        []*entry
	trailing       int // bytes after the digest
}

// entry is one entry as it is in the file.
type entry struct {
	raw     []byte // the bytes that it was read from; nil once it was changed
	tag     uint32
	alias   string
	created int64  // milliseconds since 1970
	sealed  []byte // of tagKey: an EncryptedPrivateKeyInfo; of tagSecret: a serialised Java object
	chain   []certificate
}

// certificate is one with its type, "X.509" but for rarities. Version 1 files have no types.
type certificate struct {
	kind string
	der  []byte
}

// parse takes a file apart. digest is what follows the last entry.
func parse(data []byte) (s store, digest []byte, err error) {
	c := &javaser.Cursor{Data: data}
	s.magic, s.version = c.U32("the magic number"), c.U32("the version")
	count := c.U32("the number of entries")
	if c.Err == nil && s.version != 1 && s.version != 2 {
		return s, nil, fmt.Errorf("reading the %s header: %w: version %d", formatName(s.magic), kdb.ErrVersion, s.version)
	}
	for i := uint32(0); i < count && c.Err == nil; i++ {
		// Each entry takes bytes, so a count that is too large ends where the data does.
		if e := readEntry(c, &s); c.Err == nil {
			s.entries = append(s.entries, e)
		} else {
			c.Err = fmt.Errorf("reading entry %d of %d: %w", i+1, count, c.Err)
		}
	}
	digest = c.Bytes(digestSize, "the digest")
	s.trailing = len(data) - c.Pos
	if c.Err != nil {
		return s, nil, fmt.Errorf("reading a %s key store: %w", formatName(s.magic), c.Err)
	}
	return s, digest, nil
}

func readEntry(c *javaser.Cursor, s *store) *entry {
	start := c.Pos
	e := &entry{tag: c.U32("the entry's tag")}
	if e.tag < tagKey || e.tag > tagSecret || e.tag == tagSecret && s.magic != magicJCEKS {
		c.Fail("entries of type %d are not known, and nothing says how long they are", e.tag)
		return nil
	}
	e.alias = c.Text("the alias")
	e.created = int64(c.U64("the creation date"))
	switch e.tag {
	case tagKey:
		e.sealed = c.Bytes(c.U32("the length of the private key"), "the private key")
		count := c.U32("the length of the chain")
		for i := uint32(0); i < count && c.Err == nil; i++ {
			e.chain = append(e.chain, readCertificate(c, s.version))
		}
	case tagTrusted:
		e.chain = []certificate{readCertificate(c, s.version)}
	case tagSecret:
		e.sealed = javaser.Skip(c)
	}
	if c.Err != nil {
		return nil
	}
	e.raw = c.Data[start:c.Pos:c.Pos]
	return e
}

func readCertificate(c *javaser.Cursor, version uint32) certificate {
	kind := typeX509
	if version == 2 {
		kind = c.Text("the certificate's type")
	}
	return certificate{kind, c.Bytes(c.U32("the length of the certificate"), "the certificate")}
}

// typeX509 is java.security.cert.Certificate's name for X.509.
const typeX509 = "X.509"

// isX509 also takes the name without the point, which java.security.cert.CertificateFactory has as an alias.
func isX509(kind string) bool { return kind == typeX509 || kind == "X509" }

// body serialises the store without its digest.
func (s *store) body() []byte {
	out := binary.BigEndian.AppendUint32(nil, s.magic)
	out = binary.BigEndian.AppendUint32(out, s.version)
	out = binary.BigEndian.AppendUint32(out, uint32(len(s.entries)))
	for _, e := range s.entries {
		out = e.append(out, s.version)
	}
	return out
}

func (e *entry) append(out []byte, version uint32) []byte {
	if e.raw != nil {
		return append(out, e.raw...)
	}
	out = binary.BigEndian.AppendUint32(out, e.tag)
	out = appendText(out, e.alias)
	out = binary.BigEndian.AppendUint64(out, uint64(e.created))
	if e.tag == tagKey {
		out = appendBytes(out, e.sealed)
		out = binary.BigEndian.AppendUint32(out, uint32(len(e.chain)))
	}
	for _, c := range e.chain {
		if version == 2 {
			out = appendText(out, c.kind)
		}
		out = appendBytes(out, c.der)
	}
	return out
}

func appendBytes(out, b []byte) []byte {
	return append(binary.BigEndian.AppendUint32(out, uint32(len(b))), b...)
}

func appendText(out []byte, s string) []byte {
	b := javaser.EncodeText(s)
	return append(binary.BigEndian.AppendUint16(out, uint16(len(b))), b...)
}

// added returns the creation date to the second, which is what entries keep.
func (e *entry) added() time.Time {
	if e.created <= 0 {
		return time.Time{}
	}
	return time.UnixMilli(e.created).UTC().Truncate(time.Second)
}
