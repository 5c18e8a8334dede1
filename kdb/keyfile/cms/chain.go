package cms

import (
	"bytes"
	"fmt"
	"time"

	"certkdb/kdb"
	"certkdb/pki/cert"
	"certkdb/pki/issuers"
	"certkdb/pki/name"
)

// issuers are the certificates of the key database. A slot holds one certificate; the chain of a personal entry is what the
// other entries give, as GSKit sends and exports it.
func (c *container) issuers() *issuers.Pool {
	pool := issuers.NewPool(time.Time{}) // a chain must not depend on the time when the file is read
	for _, s := range c.files[roleKeys].slots {
		if s.hidden == "" && s.cert != nil {
			pool.AddDER(s.cert)
		}
	}
	return pool
}

// chainOf returns the certificate of a personal entry followed by its issuers, as far as they are there.
func chainOf(s *slot, pool *issuers.Pool) [][]byte {
	list := [][]byte{bytes.Clone(s.cert)}
	leaf, err := cert.Parse(s.cert)
	if err != nil {
		return list
	}
	chain, _ := pool.Chain(leaf)
	for _, issuer := range chain[1:] {
		list = append(list, bytes.Clone(issuer.Raw))
	}
	return list
}

// addChain adds the certificates of a chain that are not there yet, under their subjects as GSKit does it on import,
// but without trusting them.
func (c *container) addChain(chain [][]byte) {
	for _, der := range chain {
		if c.hasCertificate(der) {
			continue
		}
		e := kdb.Entry{Label: c.chainLabel(der), Kind: kdb.KindTrusted, Certificates: [][]byte{der}}
		c.files[roleKeys].append(newSlot(&e))
	}
}

func (c *container) hasCertificate(der []byte) bool {
	for s := range c.all() {
		if bytes.Equal(s.cert, der) {
			return true
		}
	}
	return false
}

// chainLabel is the subject of a certificate, with its fingerprint if that is taken or no label.
func (c *container) chainLabel(der []byte) string {
	sum := (&kdb.Entry{Certificates: [][]byte{der}}).Fingerprint()
	var subject string
	if p, err := splitCertificate(der); err == nil {
		if n, err := name.Parse(p.subject); err == nil {
			subject = n.String()
		}
	}
	for _, label := range []string{subject, fmt.Sprintf("%s %x", subject, sum[:4]), fmt.Sprintf("certificate %x", sum[:4])} {
		if _, s := c.find(label); s == nil && kdb.CheckLabel(label) == nil {
			return label
		}
	}
	return fmt.Sprintf("certificate %x", sum)
}
