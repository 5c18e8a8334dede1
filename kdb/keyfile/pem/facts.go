package pem

import (
	"fmt"

	"certkdb/kdb"
	"certkdb/kdb/keyfile"
	"certkdb/pki/pbe"
)

// Facts implements keyfile.Container.
func (c *container) Facts() []kdb.Fact {
	facts := []kdb.Fact{{Name: "integrity", Value: "none: anyone who can write the file decides what is trusted", Weak: true}}
	facts = append(facts, c.keyFacts()...)
	for i, err := range c.bad {
		if i == maxFacts {
			facts = append(facts, kdb.Fact{Name: kdb.FactKept, Value: fmt.Sprintf("%d more pieces that cannot be read", len(c.bad)-i), Weak: true})
			break
		}
		facts = append(facts, kdb.Fact{Name: kdb.FactKept, Value: err.Error(), Weak: true})
	}
	facts = append(facts, c.keptFacts()...)
	if c.fixed != "" {
		facts = append(facts, kdb.Fact{Name: "only read", Value: c.fixed})
	}
	return append(facts, keyfile.Advice())
}

// maxFacts bounds how many bad pieces are listed one by one.
const maxFacts = 10

// keyFacts counts the private keys by the way they are protected, in the order of their first appearance.
func (c *container) keyFacts() []kdb.Fact {
	count := map[kdb.Fact]int{}
	var order []kdb.Fact
	for _, p := range c.keyParts() {
		fact := p.protection()
		if count[fact]++; count[fact] == 1 {
			order = append(order, fact)
		}
	}
	for i, fact := range order {
		order[i].Value = fmt.Sprintf("%d %s", count[fact], fact.Value)
	}
	return order
}

// protection describes what protects a private key.
func (p *part) protection() kdb.Fact {
	fact := kdb.Fact{Name: "private keys", Weak: true}
	algorithm, _, err := pbe.SplitPKCS8(p.item.DER)
	switch dek := p.item.Header("DEK-Info"); {
	case !p.encrypted():
		fact.Value = "not encrypted: anyone who can read the file has them; set a password to encrypt them"
	case dek != "":
		fact.Value = fmt.Sprintf("encrypted in the traditional way (%.20s), one round of MD5: passwords are quickly guessed", dek)
	case p.item.Kind == OpenSSHKey:
		fact.Value, fact.Weak = "encrypted in OpenSSH's way, with bcrypt", false
	case err != nil:
		fact.Value = err.Error()
	default:
		d, err := pbe.Describe(algorithm)
		if err != nil {
			fact.Value = err.Error()
			break
		}
		fact.Value, fact.Weak = "encrypted: "+d.String(), d.Weak
	}
	return fact
}

// KeyProtection implements keyfile.Container.
func (c *container) KeyProtection(label string) (string, error) {
	r, err := c.records.Find(label)
	switch {
	case err != nil || r.key == nil:
		return "", err
	case r.key.open:
		return keyfile.EncryptsLater, nil
	case !r.key.encrypted():
		return keyfile.NotEncrypted, nil
	}
	return r.key.item.Encryption(), nil
}

// keptFacts counts what is in the file and makes no entry.
func (c *container) keptFacts() []kdb.Fact {
	var counts [Parameters + 1]int
	for _, p := range c.parts {
		if !p.removed && p.owners == 0 && (len(p.certs) == 0 || p.item.Kind != PKCS7 && p.item.Kind != Certificate) {
			counts[p.item.Kind]++
		}
	}
	var facts []kdb.Fact
	for kind, n := range counts {
		if n > 0 && !isKey(Kind(kind)) && Kind(kind) != Certificate {
			facts = append(facts, kdb.Fact{Name: kdb.FactKept, Value: fmt.Sprintf("%d %s", n, Kind(kind))})
		}
	}
	return facts
}

// Check implements keyfile.Container. A key without a certificate is not a problem: many files hold just that.
func (c *container) Check(report func(kdb.Problem)) {
	for _, err := range c.bad {
		report(kdb.Problem{Where: "a piece that is kept and not shown", What: err.Error()})
	}
	for _, r := range c.records.All() {
		if r.key == nil {
			continue
		}
		where := fmt.Sprintf("label %q", r.label)
		if _, err := c.Key(r.label); err != nil {
			report(kdb.Unopened(where, err))
		}
	}
}
