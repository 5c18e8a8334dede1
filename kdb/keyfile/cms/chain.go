package cms

import (
	"bytes"
	"fmt"

	"certkdb/kdb"
	"certkdb/pki/cert"
	"certkdb/pki/name"
)

// maxChain bounds the length of a chain that is put together.
const maxChain = 16

// issuers finds the certificates of the key database by subject. A slot holds one certificate; the chain of a personal
// entry is what the other entries give, as GSKit sends and exports it.
func (c *container) issuers() map[string][]*slot {
	found := map[string][]*slot{}
	for _, s := range c.files[roleKeys].slots {
		if s.hidden != "" || s.cert == nil {
			continue
		}
		if p, err := splitCertificate(s.cert); err == nil {
			found[string(p.subject)] = append(found[string(p.subject)], s)
		}
	}
	return found
}

// chainOf returns the certificate of a personal entry with its issuers behind it, as far as they are there.
func chainOf(s *slot, issuers map[string][]*slot) [][]byte {
	chain := [][]byte{bytes.Clone(s.cert)}
	for der := s.cert; len(chain) < maxChain; {
		p, err := splitCertificate(der)
		if err != nil || bytes.Equal(p.subject, p.issuer) {
			break
		}
		if der = pickIssuer(der, issuers[string(p.issuer)]); der == nil || containsDER(chain, der) {
			break
		}
		chain = append(chain, bytes.Clone(der))
	}
	return chain
}

// pickIssuer chooses among certificates with the right subject by key identifier (RFC 5280, 4.2.1.1).
func pickIssuer(der []byte, candidates []*slot) []byte {
	if len(candidates) == 0 {
		return nil
	}
	if child, err := cert.Parse(der); err == nil && len(candidates) > 1 && len(child.AKI) > 0 {
		for _, s := range candidates {
			if parent, err := cert.Parse(s.cert); err == nil && bytes.Equal(parent.SKI, child.AKI) {
				return s.cert
			}
		}
	}
	return candidates[0].cert
}

func containsDER(list [][]byte, der []byte) bool {
	for _, d := range list {
		if bytes.Equal(d, der) {
			return true
		}
	}
	return false
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
