package pkcs12

import (
	"bytes"
	"crypto/sha256"
	"slices"

	"certkdb/kdb"
	"certkdb/pki/key"
)

// twin is what a record and its copy have in common; of what one of them does not have, the other may have anything.
type twin struct {
	kind    kdb.Kind
	trusted bool
	content string // the public key, the secret key, or the certificate of a trusted entry
	label   string
	cert    string // its SHA-256
}

// lesser are the twins that tell the same or less.
func (t twin) lesser() []twin {
	unnamed, bare, both := t, t, t
	unnamed.label, both.label = "", ""
	bare.cert, both.cert = "", ""
	return []twin{t, unnamed, bare, both}
}

// foldCopies finds the records that say again what another one says: the same key, or trusted certificate, under the same name or none, and
// with the same certificate or none. They stay in the file as they are, and belong to the other's entry. It returns the others, in the
// file's order.
func (c *Container) foldCopies(records []*record) []*record {
	most := slices.Clone(records) // those that say the most come first
	slices.SortStableFunc(most, func(a, b *record) int { return b.says() - a.says() })
	found := map[twin]*record{}
	isCopy := map[*record]bool{}
	for _, r := range most {
		t := r.twin()
		if t.content == "" {
			continue
		}
		if other := found[t]; other != nil && c.sameKey(r, other) {
			other.copies, isCopy[r] = append(other.copies, r), true
			other.isDefault = other.isDefault || r.isDefault
			continue
		}
		for _, like := range t.lesser() {
			if found[like] == nil {
				found[like] = r
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(records), func(r *record) bool { return isCopy[r] })
}

// says is how much a record tells.
func (r *record) says() (n int) {
	if r.cert != nil {
		n += 2
	}
	if r.ownLabel() != "" {
		n++
	}
	return n
}

// ownLabel is the name in the file that a person gave.
func (r *record) ownLabel() string {
	if label := r.storedLabel(); !isContainerName(label) {
		return label
	}
	return ""
}

func (r *record) twin() twin {
	t := twin{kind: r.kind, trusted: r.trusted, label: r.ownLabel()}
	if r.cert != nil {
		sum := sha256.Sum256(r.cert.cert)
		t.cert = string(sum[:])
	}
	switch r.kind {
	case kdb.KindTrusted:
		t.content = t.cert
	case kdb.KindSecretKey:
		t.content = r.algorithm + string(r.plain)
	case kdb.KindPersonal:
		t.content = string(r.spki)
	}
	return t
}

// sameKey compares the keys themselves: a certificate that is paired by an identifier may be that of another key. Records without keys
// have the same certificate. A key in clear is shown next to the same one that is encrypted.
func (c *Container) sameKey(a, b *record) bool {
	switch {
	case a.key == nil || b.key == nil:
		return a.key == b.key
	case a.key.id != b.key.id:
		return false
	case bytes.Equal(a.key.value, b.key.value):
		return true
	}
	if c.open(a) != nil || c.open(b) != nil {
		return false
	}
	if a.kind == kdb.KindSecretKey {
		return bytes.Equal(a.plain, b.plain)
	}
	first, err := key.ReadPrivate(a.plain)
	second, err2 := key.ReadPrivate(b.plain)
	return err == nil && err2 == nil && len(first.SPKI) > 0 && bytes.Equal(first.SPKI, second.SPKI)
}
