package jks

import (
	"fmt"

	"certkdb/kdb"
	"certkdb/kdb/keyfile"
	"certkdb/pki/pbe"
)

// Facts implements keyfile.Container.
func (c *container) Facts() []kdb.Fact {
	facts := []kdb.Fact{
		{Name: "integrity", Value: "one round of SHA-1 over the password and the content: passwords are guessed fast", Weak: true},
	}
	if !c.verified {
		facts = append(facts, kdb.Fact{Name: "verified", Value: "no, it was read without its password", Weak: true})
	}
	facts = append(facts, c.keyFacts()...)
	for _, r := range c.hidden {
		facts = append(facts, kdb.Fact{Name: kdb.FactKept, Value: fmt.Sprintf("alias %q: %s", r.alias, r.hidden), Weak: true})
	}
	if c.trailing > 0 {
		facts = append(facts, kdb.Fact{Name: "trailing bytes", Value: fmt.Sprintf("%d bytes after the digest, not written again", c.trailing)})
	}
	return append(facts, kdb.Fact{
		Name: "advice", Value: "copy the entries into a PKCS #12 file, which every Java since 8 reads, or into a native database",
	})
}

// keyFacts counts the keys by the way they are protected.
func (c *container) keyFacts() []kdb.Fact {
	var sun, pbes int
	most := 0
	for _, r := range c.records {
		id, iterations := r.protection()
		switch id {
		case oidSunJKS:
			sun++
		case oidSunJCEKS:
			pbes++
			most = max(most, iterations)
		}
	}
	var facts []kdb.Fact
	if sun > 0 {
		facts = append(facts, kdb.Fact{
			Name: "key protection", Weak: true,
			Value: fmt.Sprintf("%d by Sun's own cipher (XOR with SHA-1, %s), without any stretching of the password", sun, oidSunJKS),
		})
	}
	if pbes > 0 {
		facts = append(facts, kdb.Fact{
			Name: "key protection", Weak: true,
			Value: fmt.Sprintf("%d by PBEWithMD5AndTripleDES (%s), up to %d iterations", pbes, oidSunJCEKS, most),
		})
	}
	return facts
}

// protection returns the algorithm that seals the record's key, "" if it has none or an unreadable one.
func (r *record) protection() (id string, iterations int) {
	switch {
	case r.toSeal:
		return oidSunJKS, 0
	case r.tag == tagSecret:
		if s, err := readSealedKey(r.sealed); err == nil {
			return oidSunJCEKS, s.parameters.iterations
		}
		return "", 0
	case r.tag != tagKey:
		return "", 0
	}
	algorithm, _, err := pbe.SplitPKCS8(r.sealed)
	if err != nil {
		return "", 0
	}
	id, parameters, err := readAlgorithm(algorithm)
	if err == nil && id == oidSunJCEKS {
		p, _ := readPBE(parameters)
		iterations = p.iterations
	}
	return id, iterations
}

// encryption names what the key is protected by.
func (r *record) encryption() string {
	switch id, iterations := r.protection(); id {
	case oidSunJKS:
		return fmt.Sprintf("Sun's key protector (XOR with SHA-1, %s)", id)
	case oidSunJCEKS:
		return fmt.Sprintf("PBEWithMD5AndTripleDES (%s), %d iterations", id, iterations)
	default:
		return keyfile.Protection(r.sealed)
	}
}

// KeyProtection implements keyfile.Container.
func (c *container) KeyProtection(label string) (string, error) {
	r, err := c.shown.Find(label)
	if err != nil || r.tag == tagTrusted {
		return "", err
	}
	return r.encryption(), nil
}

// Check implements keyfile.Container.
func (c *container) Check(report func(kdb.Problem)) {
	if !c.verified {
		report(kdb.Problem{Where: "digest", What: "it was not verified: no password was given", Severity: kdb.Closed})
	}
	for _, r := range c.hidden {
		report(kdb.Problem{Where: fmt.Sprintf("alias %q", r.alias), What: "kept, but not shown: " + r.hidden})
	}
	if c.trailing > 0 {
		report(kdb.Problem{Where: "end of the file", What: fmt.Sprintf("%d bytes that do not belong to it", c.trailing), Severity: kdb.Note})
	}
	for label, r := range c.shown.All() {
		where := fmt.Sprintf("alias %q", r.alias)
		if r.alias != fold(r.alias) {
			report(kdb.Problem{Where: where, What: "Java does not find it: it looks aliases up in lower case; rename it", Severity: kdb.Note})
		}
		switch r.tag {
		case tagKey:
			c.checkKey(label, r, where, report)
		case tagSecret:
			if _, err := c.Key(label); err != nil {
				report(kdb.Unopened(where, err))
			}
		}
	}
}

// checkKey looks whether the key opens and belongs to its certificate.
func (c *container) checkKey(label string, r *record, where string, report func(kdb.Problem)) {
	plain, err := c.openKey(r)
	if err != nil {
		report(kdb.Unopened(where+", key under "+r.encryption(), err))
		return
	}
	e := kdb.Entry{Label: label, Certificates: r.certificates(), Key: plain}
	if err := e.CheckKey(); err != nil {
		report(kdb.Unopened(where, err))
	} else if len(r.chain) == 0 {
		report(kdb.Problem{Where: where, What: "the key has no certificate"})
	}
}
