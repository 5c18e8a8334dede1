package pkcs12

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"certkdb/kdb"
	"certkdb/pki/cert"
	"certkdb/pki/pbe"
)

// Facts implements [keyfile.Container].
func (c *Container) Facts() []kdb.Fact {
	facts := []kdb.Fact{c.macFact()}
	facts = append(facts, c.encryptionFacts()...)
	facts = append(facts, kdb.Fact{Name: "written as", Value: "profile " + c.profile.name})
	if kept := c.keptBags(); len(kept) > 0 {
		facts = append(facts, kdb.Fact{Name: kdb.FactKept, Value: strings.Join(kept, ", ")})
	}
	if n := c.unseen(); n > 0 {
		facts = append(facts, kdb.Fact{Name: kdb.FactForJava, Value: unseenText(n)})
	}
	for number, b := range slices.Collect(c.bags()) {
		if b.cert == nil {
			continue
		}
		if _, err := cert.Parse(b.cert); err != nil {
			facts = append(facts, kdb.Fact{Name: kdb.FactKept, Value: damagedBag(number, b, err), Weak: true})
		}
	}
	if c.trailing > 0 {
		facts = append(
			facts,
			kdb.Fact{Name: "trailing bytes", Value: fmt.Sprintf("%d bytes after the structure, not written again", c.trailing)},
		)
	}
	return facts
}

// unseen counts the trusted certificates that nothing marks as such. OpenSSL writes such files, and Java shows no entry.
func (c *Container) unseen() (n int) {
	for _, r := range c.records.All() {
		if r.unseen() {
			n++
		}
	}
	return n
}

func (r *record) unseen() bool { return r.kind == kdb.KindTrusted && r.trusted && !r.cert.isSigner() }

// TrustsImplicitly implements [keyfile.Implicit].
func (c *Container) TrustsImplicitly(label string) bool {
	r, err := c.records.Find(label)
	return err == nil && r.unseen()
}

func unseenText(n int) string {
	const text = "certificates without the attribute trustedKeyUsage, which Java does not see: %d; "
	return fmt.Sprintf(text+"trusting them again, or a copy in a new file, adds it", n)
}

// damagedBag says which bag has a certificate that cannot be read.
func damagedBag(number int, b *bag, err error) string {
	return fmt.Sprintf("bag %d, friendlyName %q: %v", number+1, b.friendlyName(), err)
}

// describe tells what can be seen without the password.
func describe(data []byte) (version string, facts []kdb.Fact) {
	p, err := parsePFX(data)
	if err != nil {
		return "", nil
	}
	c := &Container{mac: p.mac}
	facts = []kdb.Fact{c.macFact()}
	if err := c.parseSafes(p.content, nil); err != nil {
		return c.Version(), facts
	}
	for _, s := range c.safes {
		if s.encrypted {
			fact := encryptionFact("contents", s.algorithm)
			if !slices.Contains(facts, fact) {
				facts = append(facts, fact)
			}
		}
	}
	return c.Version(), append(facts, c.encryptionFacts()...)
}

func (c *Container) macFact() kdb.Fact {
	switch d, err := c.describeMAC(); {
	case c.mac == nil && c.chosen && c.profile.encrypt:
		return kdb.Fact{Name: "integrity", Value: "not written yet"}
	case c.mac == nil:
		return kdb.Fact{Name: "integrity", Value: "no MAC: changes are not noticed", Weak: true}
	case err != nil:
		return kdb.Fact{Name: "integrity", Value: err.Error(), Weak: true} // unreachable: it was verified
	default:
		value := d.String()
		if c.unverified {
			value += ", not verified: the file was read without its password"
		}
		return kdb.Fact{Name: "integrity", Value: value, Weak: d.Weak || c.unverified}
	}
}

// Unsealed implements [keyfile.Unsealed]: something is encrypted, and there is no MAC. Without both, all can see that nothing protects it.
func (c *Container) Unsealed() bool {
	if c.mac != nil || c.chosen {
		return false
	}
	for _, s := range c.safes {
		if s.encrypted || !walk(s.bags, func(b *bag) bool { return b.id != oidShroudedKeyBag }) {
			return true
		}
	}
	return false
}

// encryptionFacts tells what certificates and keys are encrypted with, each way once.
func (c *Container) encryptionFacts() []kdb.Fact {
	var facts []kdb.Fact
	for _, s := range c.safes {
		walk(s.bags, func(b *bag) bool {
			if what := contentName(b); what != "" {
				if fact := encryptionFact(what, encryptionOf(b, s)); !slices.Contains(facts, fact) {
					facts = append(facts, fact)
				}
			}
			return true
		})
	}
	return facts
}

// encryptionFact tells how something is encrypted; without an algorithm it is not.
func encryptionFact(what string, algorithm []byte) kdb.Fact {
	fact := kdb.Fact{Name: "encryption of " + what}
	if algorithm == nil {
		fact.Value, fact.Weak = "none: anyone who has the file has them", what != "certificates"
		return fact
	}
	d, err := pbe.Describe(algorithm)
	if err != nil {
		fact.Value, fact.Weak = err.Error(), true
		return fact
	}
	fact.Value, fact.Weak = d.String(), d.Weak
	return fact
}

func contentName(b *bag) string {
	switch b.id {
	case oidCertBag:
		return "certificates"
	case oidKeyBag, oidShroudedKeyBag:
		return "private keys"
	case oidSecretBag:
		if _, ok := b.secretValue(); ok {
			return "secret keys"
		}
	}
	return ""
}

// encryptionOf is the bag's own encryption, else that of the SafeContents around it; nil if there is none.
func encryptionOf(b *bag, s *safe) []byte {
	encrypted := b.value
	if b.id == oidSecretBag {
		encrypted, _ = b.secretValue()
	}
	if b.id == oidShroudedKeyBag || b.id == oidSecretBag {
		if algorithm, _, err := pbe.SplitPKCS8(encrypted); err == nil {
			return algorithm
		}
	}
	return s.algorithm
}

// keptBags counts what is in the file and makes no entry, by type.
func (c *Container) keptBags() []string {
	count := map[string]int{}
	for b := range c.bags() {
		switch {
		case b.id == oidSafeContents || b.cert != nil || contentName(b) != "" && b.id != oidCertBag:
		case b.id == oidCertBag:
			count["certificate that is not X.509"]++
		default:
			count[b.describeType()]++
		}
	}
	var list []string
	for _, name := range slices.Sorted(maps.Keys(count)) {
		list = append(list, fmt.Sprintf("%d %s", count[name], name))
	}
	return list
}

// Check implements [keyfile.Container]: keys open and belong to their certificates, certificates can be read.
func (c *Container) Check(report func(kdb.Problem)) {
	if c.unverified {
		report(kdb.Problem{Where: "MAC", What: "it was not verified: no password was given", Severity: kdb.Closed})
	}
	if c.mac == nil && !c.chosen {
		report(kdb.Problem{Where: "MAC", What: "there is none, so nothing shows whether the file was changed", Severity: kdb.Note})
	}
	for number, b := range slices.Collect(c.bags()) {
		if b.cert == nil {
			continue
		}
		if _, err := cert.Parse(b.cert); err != nil {
			report(kdb.Problem{Where: fmt.Sprintf("bag %d, friendlyName %q", number+1, b.friendlyName()), What: err.Error()})
		}
	}
	for _, r := range c.records.All() {
		if r.key != nil {
			c.checkKey(r, report)
		}
	}
	if n := c.unseen(); n > 0 {
		report(kdb.Problem{Where: kdb.FactForJava, What: unseenText(n), Severity: kdb.Note})
	}
	if c.trailing > 0 {
		report(kdb.Problem{Where: "end of the file", What: fmt.Sprintf("%d bytes that do not belong to it", c.trailing), Severity: kdb.Note})
	}
}

func (c *Container) checkKey(r *record, report func(kdb.Problem)) {
	if err := c.open(r); err != nil {
		report(kdb.Unopened(fmt.Sprintf("key of %q", r.label), err))
		return
	}
	if r.kind == kdb.KindSecretKey {
		return
	}
	e := r.entry()
	if e.Key = r.plain; len(e.Certificates)+len(e.Request) == 0 {
		return
	}
	if err := e.CheckKey(); err != nil {
		report(kdb.Unopened(fmt.Sprintf("key of %q", r.label), err))
	}
}
