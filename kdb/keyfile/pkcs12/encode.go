package pkcs12

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"fmt"
	"slices"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"certkdb/kdb"
	"certkdb/kdb/keyfile"
	"certkdb/kdb/keyfile/document"
	"certkdb/pki/cert"
	"certkdb/pki/pbe"
)

// Encode implements [keyfile.Container]. Bags that were not touched keep their DER, private keys their encryption as long as the
// password stays the same. A file that had no protection gets that of profile 2023 with its first password.
func (c *Container) Encode(password []byte) (keyfile.Files, error) {
	if c.unverified {
		return keyfile.Files{}, fmt.Errorf("writing a PKCS #12 file that was read without its password: %w", kdb.ErrNoPassword)
	}
	w, err := c.newWriter(password)
	if err != nil {
		return keyfile.Files{}, err
	}
	if c.dirty {
		c.settle()
	}
	content, err := w.authenticatedSafe()
	if err != nil {
		return keyfile.Files{}, fmt.Errorf("writing a PKCS #12 file: %w", err)
	}
	der, err := w.pfx(content)
	if err != nil {
		return keyfile.Files{}, fmt.Errorf("writing a PKCS #12 file: %w", err)
	}
	return keyfile.Files{Main: der}, nil
}

// writer writes one file.
type writer struct {
	*Container
	profile  profile
	password []byte
	rewrap   bool // keys have to be encrypted again
	upgrade  bool // keys in clear have to be encrypted
	newKeys  map[*bag]*record
}

func (c *Container) newWriter(password []byte) (*writer, error) {
	w := &writer{Container: c, profile: c.profile, password: password, newKeys: map[*bag]*record{}}
	if !c.profile.encrypt && len(password) > 0 {
		if c.chosen {
			return nil, fmt.Errorf("writing a PKCS #12 file: %w: the profile passwordless takes no password", kdb.ErrUnsupported)
		}
		w.profile, w.upgrade = profiles[0], true
	}
	absent := c.secrets.asked && c.secrets.given == nil // the file was made so
	if password == nil && c.profile.encrypt && !absent {
		return nil, fmt.Errorf("writing a PKCS #12 file: %w: the profile %s needs one", kdb.ErrNoPassword, c.profile.name)
	}
	if c.secrets.asked {
		proved := c.secrets.readings[0]
		if len(password) == 0 && len(c.secrets.given) == 0 {
			w.password = proved.password // an empty one or none, as it was
		}
		w.rewrap = !bytes.Equal(w.password, proved.password) || proved.encoding != pbe.EncodingStandard
	}
	for _, r := range c.records.All() {
		if r.toEncrypt {
			w.newKeys[r.key] = r
		}
	}
	return w, nil
}

// authenticatedSafe writes the SEQUENCE OF ContentInfo. What became empty is left out.
func (w *writer) authenticatedSafe() ([]byte, error) {
	var infos [][]byte
	for _, s := range w.safes {
		bags, err := w.bags(s.bags)
		if err != nil {
			return nil, err
		}
		if len(bags) == 0 && len(s.bags) > 0 {
			continue
		}
		info, err := w.contentInfo(bagsDER(bags), s.encrypted || w.upgrade && !keysOnly(bags))
		if err != nil {
			return nil, err
		}
		infos = append(infos, info)
	}
	return build(func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddBytes(bytes.Join(infos, nil)) })
	}), nil
}

// keysOnly says that each bag is encrypted by itself.
func keysOnly(bags []*bag) bool {
	return !slices.ContainsFunc(bags, func(b *bag) bool { return b.id != oidShroudedKeyBag && b.id != oidSecretBag })
}

// bags returns the bags to be written: those that are left, copies of those whose keys have to be encrypted.
func (w *writer) bags(bags []*bag) ([]*bag, error) {
	var list []*bag
	for _, b := range bags {
		if b.removed {
			continue
		}
		written, err := w.bag(b)
		if err != nil {
			return nil, err
		}
		list = append(list, written)
	}
	return list, nil
}

func (w *writer) bag(b *bag) (*bag, error) {
	switch {
	case w.newKeys[b] != nil:
		return w.newKeyBag(b, w.newKeys[b])
	case b.id == oidKeyBag && w.upgrade:
		return w.shroud(b, b.value)
	case b.id == oidSafeContents && (w.rewrap || w.upgrade || b.changedWithin()):
		children, err := w.bags(b.children)
		return &bag{id: b.id, attributes: b.attributes, children: children}, err
	case !w.rewrap:
		return b, nil
	}
	encrypted := b.value
	if b.id == oidSecretBag {
		encrypted, _ = b.secretValue()
	} else if b.id != oidShroudedKeyBag {
		return b, nil
	}
	algorithm, ciphertext, err := pbe.SplitPKCS8(encrypted)
	if err != nil || !w.secrets.opensWithFile(algorithm, ciphertext) {
		return b, nil // not understood, or with a password of its own, which stays
	}
	plain, err := w.openBag(b)
	if err != nil {
		return nil, err
	}
	return w.shroud(b, plain)
}

// newKeyBag writes a key that was put.
func (w *writer) newKeyBag(b *bag, r *record) (*bag, error) {
	if b.id == oidShroudedKeyBag && !w.profile.encrypt {
		return &bag{id: oidKeyBag, value: r.plain, attributes: b.attributes}, nil
	}
	if b.id == oidShroudedKeyBag {
		return w.shroud(b, r.plain)
	}
	plain, err := secretPKCS8(r.algorithm, r.plain)
	if err != nil {
		return nil, err
	}
	return w.shroud(b, plain)
}

// shroud returns a copy of a bag with its key encrypted.
func (w *writer) shroud(b *bag, plain []byte) (*bag, error) {
	encrypted, err := w.encryptKey(plain)
	if err != nil {
		return nil, err
	}
	if b.id == oidSecretBag {
		return &bag{id: b.id, value: secretBagValue(encrypted), attributes: b.attributes}, nil
	}
	return &bag{id: oidShroudedKeyBag, value: encrypted, attributes: b.attributes}, nil
}

func (w *writer) encryptKey(plain []byte) ([]byte, error) {
	algorithm, ciphertext, err := pbe.Encrypt(plain, w.password, w.profile.keys, w.profile.rounds)
	if err != nil {
		return nil, keyfile.KeyError(err)
	}
	return pbe.JoinPKCS8(algorithm, ciphertext), nil
}

// contentInfo writes SafeContents in clear or as EncryptedData (RFC 5652, section 8).
func (w *writer) contentInfo(content []byte, encrypt bool) ([]byte, error) {
	if !encrypt || !w.profile.encrypt {
		return build(func(b *cryptobyte.Builder) { addData(b, content) }), nil
	}
	algorithm, ciphertext, err := pbe.Encrypt(content, w.password, w.profile.certs, w.profile.rounds)
	if err != nil {
		return nil, keyfile.KeyError(err)
	}
	return build(func(b *cryptobyte.Builder) {
		addContentInfo(b, oidEncryptedData, func(b *cryptobyte.Builder) {
			b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1Int64(0)
				b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
					addOID(b, oidData)
					b.AddBytes(algorithm)
					b.AddASN1(implicit, func(b *cryptobyte.Builder) { b.AddBytes(ciphertext) })
				})
			})
		})
	}), nil
}

func addContentInfo(b *cryptobyte.Builder, kind string, content func(*cryptobyte.Builder)) {
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		addOID(b, kind)
		b.AddASN1(context0, content)
	})
}

func addData(b *cryptobyte.Builder, content []byte) {
	addContentInfo(b, oidData, func(b *cryptobyte.Builder) { b.AddASN1OctetString(content) })
}

// pfx writes the outermost structure, with a MAC if the profile has one.
func (w *writer) pfx(content []byte) ([]byte, error) {
	var mac *pbe.MAC
	if w.profile.encrypt {
		m, err := pbe.NewMAC(w.profile.mac, content, w.password, w.profile.rounds)
		if err != nil {
			return nil, keyfile.KeyError(err)
		}
		mac = &m
	}
	return build(func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1Int64(3)
			addData(b, content)
			if mac != nil {
				addMAC(b, mac)
			}
		})
	}), nil
}

func addMAC(b *cryptobyte.Builder, mac *pbe.MAC) {
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddBytes(mac.Algorithm)
			b.AddASN1OctetString(mac.Value)
		})
		b.AddASN1OctetString(mac.Salt)
		if mac.Iterations != 1 { // DEFAULT 1
			b.AddASN1Int64(int64(mac.Iterations))
		}
	})
}

// settle makes the bags say what the entries are, so that reading the file gives the same entries again.
func (c *Container) settle() {
	c.settleTrust()
	c.settleKeyIDs()
	var x *index
	for _, r := range c.records.All() {
		if r.kind != kdb.KindPersonal && r.kind != kdb.KindRequest {
			continue
		}
		m := r.key.marks()
		m.isDefault, m.trusted, m.request = r.isDefault, r.trusted, r.request
		if r.changed && r.cert != nil {
			if x == nil {
				x = c.newIndex()
			}
			m.fixed, m.chain = false, nil
			if parsed := x.parsed[r.cert]; parsed != nil && !slices.EqualFunc(x.chainOf(parsed), r.chain, bytes.Equal) {
				m.fixed = true
				for _, der := range r.chain {
					m.chain = append(m.chain, fmt.Sprintf("%x", sha256.Sum256(der)))
				}
			}
		}
		r.key.setMarks(m)
	}
}

// settleTrust gives certificates the attributes from which a reader concludes what is known of their trust.
func (c *Container) settleTrust() {
	byUse := c.anyTrustedKeyUsage()
	for b := range c.bags() {
		byUse = byUse || b.id == oidKeyBag || b.id == oidShroudedKeyBag
	}
	used := users{}
	for _, r := range c.records.All() {
		if r.kind == kdb.KindPersonal && r.cert != nil {
			used.note(r)
		}
	}
	for _, r := range c.records.All() {
		if r.kind != kdb.KindTrusted {
			continue
		}
		m := r.cert.marks()
		m.entry = m.entry || r.hidden(used)
		m.distrusted = !r.trusted && (m.distrusted || !byUse || r.cert.isGSKitSigner())
		r.cert.setMarks(m)
		if slices.ContainsFunc(r.copies, func(other *record) bool { return inferTrust(other.cert, byUse) != r.trusted }) {
			c.dropCopies(r) // they would be entries with another trust
		}
		if r.trusted && !inferTrust(r.cert, byUse) {
			r.cert.setTrustedKeyUsage(true)
			r.nameApart()
		}
		if r.trusted && r.changed && c.profile.name == profileGSKit && len(r.cert.localKeyID()) == 0 {
			r.cert.markGSKitSigner()
		}
	}
}

// settleKeyIDs makes the localKeyIds of changed entries unique: they pair keys with certificates.
func (c *Container) settleKeyIDs() {
	uses := map[string]int{}
	for b := range c.bags() {
		if id := b.localKeyID(); b.id == oidKeyBag || b.id == oidShroudedKeyBag {
			uses[string(id)]++
		}
	}
	for _, r := range c.records.All() {
		if !r.changed || r.kind != kdb.KindPersonal {
			continue
		}
		id := r.key.localKeyID()
		if len(id) == 0 || uses[string(id)] < 2 {
			continue
		}
		uses[string(id)]--
		unique := []byte(r.label + "\x00")
		if r.cert != nil {
			unique = append(unique, r.cert.cert...)
		}
		sum := sha1.Sum(unique)
		r.key.setLocalKeyID(sum[:])
		if r.cert != nil {
			r.cert.setLocalKeyID(sum[:])
		}
	}
}

// hidden says that a reader would take a trusted entry for a mere part of the chains that it is in.
func (r *record) hidden(used users) bool {
	names := used[sha256.Sum256(r.cert.cert)]
	if len(names) == 0 || r.cert.isSigner() {
		return false
	}
	parsed, err := cert.Parse(r.cert.cert)
	return err == nil && !hasOwnName(r.cert, parsed, names)
}

// nameApart gives a certificate that Java is going to see its label, if that got a number because several have one name: Java shows only
// one of those.
func (r *record) nameApart() {
	if name := r.cert.friendlyName(); name != "" && document.Label(name, r.autoLabel) != r.label {
		r.cert.setFriendlyName(r.label)
	}
}
