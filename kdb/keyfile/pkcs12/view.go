package pkcs12

import (
	"bytes"
	"sync"

	"certkdb/pki/oid"
)

// Bag is one bag as it is in the file, for those who need more than entries.
type Bag struct {
	// Type is "key", "shrouded-key", "certificate", "crl", "secret", "safe-contents" or the dotted identifier.
	Type string
	// Depth counts the SafeContents bags around it.
	Depth int
	// FriendlyName and LocalKeyID are its attributes; TrustedKeyUsage says that it has Oracle's.
	FriendlyName    string
	LocalKeyID      []byte
	TrustedKeyUsage bool
	// Attributes are the identifiers of all attributes.
	Attributes []string
	// Certificate is the DER of an X.509 certificate.
	Certificate []byte
	// DER is the whole SafeBag.
	DER []byte

	bag       *bag
	container *Container
}

var bagTypes = sync.OnceValue(func() map[string]string {
	return map[string]string{
		oidKeyBag: "key", oidShroudedKeyBag: "shrouded-key", oidCertBag: "certificate", oidCRLBag: "crl",
		oidSecretBag: "secret", oidSafeContents: "safe-contents",
	}
})

// Bags returns all bags in the file's order, each SafeContents bag followed by those within it.
func (c *Container) Bags() []Bag {
	var list []Bag
	for _, s := range c.safes {
		list = c.viewBags(list, s.bags, 0)
	}
	return list
}

func (c *Container) viewBags(list []Bag, bags []*bag, depth int) []Bag {
	for _, b := range bags {
		if b.removed {
			continue
		}
		v := Bag{
			Type: b.typeName(), Depth: depth, FriendlyName: b.friendlyName(), LocalKeyID: bytes.Clone(b.localKeyID()),
			TrustedKeyUsage: b.has(oidTrustedKeyUsage), Certificate: bytes.Clone(b.cert), DER: bytes.Clone(b.der()),
			bag: b, container: c,
		}
		for _, a := range b.attributes {
			v.Attributes = append(v.Attributes, a.id)
		}
		list = c.viewBags(append(list, v), b.children, depth+1)
	}
	return list
}

func (b *bag) typeName() string {
	if name, ok := bagTypes()[b.id]; ok {
		return name
	}
	return b.id
}

// describeType names a bag's type for people, with its identifier.
func (b *bag) describeType() string {
	if name, ok := bagTypes()[b.id]; ok {
		return name + " (" + b.id + ")"
	}
	return oid.Name(b.id)
}

// Key opens a key, a shrouded key or one of Java's secret keys as a PrivateKeyInfo.
func (v Bag) Key() ([]byte, error) {
	switch v.bag.id {
	case oidKeyBag, oidShroudedKeyBag:
		return v.container.openBag(v.bag)
	}
	if _, ok := v.bag.secretValue(); ok {
		return v.container.openBag(v.bag)
	}
	return nil, bad("a bag of type %s holds no key", v.bag.describeType())
}

// IsSecretKey tells one of Java's secret keys: a bag of type secret may hold anything else.
func (v Bag) IsSecretKey() bool {
	_, ok := v.bag.secretValue()
	return ok && v.bag.id == oidSecretBag
}

// Secret opens one of Java's secret keys, and names its algorithm as in [kdb.Entry.KeyAlgorithm].
func (v Bag) Secret() (algorithm string, secret []byte, err error) {
	if v.bag.id != oidSecretBag {
		return "", nil, bad("a bag of type %s holds no secret key", v.bag.describeType())
	}
	pkcs8, err := v.Key()
	if err != nil {
		return "", nil, err
	}
	id, secret, ok := splitPKCS8(pkcs8)
	if !ok {
		return "", nil, bad("a secret key is not a PrivateKeyInfo")
	}
	return secretName(id), secret, nil
}
