package cms

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"certkdb/kdb"
	"certkdb/kdb/keyfile"
	"certkdb/pki/cert"
)

// Facts implements keyfile.Container.
func (c *container) Facts() []kdb.Fact {
	v := c.files[roleKeys].version
	facts := []kdb.Fact{
		{Name: "password check", Value: v.name + " with the bare password, one round: passwords are guessed fast", Weak: true},
		{Name: "in clear", Value: "certificates, labels and requests"},
	}
	if at := c.Expires(); !at.IsZero() {
		facts = append(facts, kdb.Fact{Name: "password expires", Value: at.Format(time.RFC3339)})
	}
	if !c.verified {
		facts = append(facts, kdb.Fact{Name: "verified", Value: "no, it was read without its password", Weak: true})
	}
	facts = append(facts, c.keyFacts()...)
	for s := range c.all() {
		if s.hidden != "" {
			facts = append(facts, kdb.Fact{
				Name: kdb.FactKept, Value: fmt.Sprintf("record %d, label %q: %s", s.number, s.label, s.hidden), Weak: s.severity() != kdb.Note,
			})
		}
	}
	if f := c.files[roleCRL]; f != nil && len(f.slots) > 0 {
		facts = append(facts, kdb.Fact{Name: kdb.FactKept, Value: fmt.Sprintf("%d CRL records", len(f.slots))})
	}
	return append(
		facts,
		kdb.Fact{Name: "stash", Value: "a .sth file next to it gives the password to anyone who can read it", Weak: true},
		keyfile.Advice(),
	)
}

// Expires implements keyfile.Expirer (FORMAT.md, section 2).
func (c *container) Expires() time.Time {
	seconds := binary.BigEndian.Uint32(c.files[roleKeys].header[expiryOffset:])
	if seconds == 0 {
		return time.Time{}
	}
	return time.Unix(int64(seconds), 0).UTC()
}

// SetExpires implements keyfile.Expirer. The last date that there is room for is in 2106.
func (c *container) SetExpires(at time.Time) {
	var seconds int64
	if !at.IsZero() {
		seconds = min(max(at.Unix(), 1), math.MaxUint32)
	}
	f := c.files[roleKeys]
	binary.BigEndian.PutUint32(f.header[expiryOffset:], uint32(seconds))
	f.changed()
}

// keyFacts counts the sealed keys by the way they are sealed, in the order of their first appearance.
func (c *container) keyFacts() []kdb.Fact {
	count := map[string]int{}
	var order []string
	for s := range c.all() {
		if s.sealed == nil {
			continue
		}
		line := keyfile.Protection(s.sealed)
		if count[line]++; count[line] == 1 {
			order = append(order, line)
		}
	}
	var facts []kdb.Fact
	for _, line := range order {
		facts = append(facts, kdb.Fact{Name: "keys", Value: fmt.Sprintf("%d sealed by %s", count[line], line), Weak: true})
	}
	return facts
}

// KeyProtection implements keyfile.Container.
func (c *container) KeyProtection(label string) (string, error) {
	switch _, s := c.find(label); {
	case s == nil:
		return "", fmt.Errorf("label %q: %w", label, kdb.ErrNotFound)
	case s.toSeal:
		return keyfile.EncryptsLater, nil
	case s.sealed == nil:
		return "", nil
	default:
		return keyfile.Protection(s.sealed), nil
	}
}

// Check implements keyfile.Container.
func (c *container) Check(report func(kdb.Problem)) {
	if !c.verified {
		report(kdb.Problem{Where: "header", What: "nothing was verified: no password was given", Severity: kdb.Closed})
	}
	for s := range c.all() {
		where := fmt.Sprintf("record %d, label %q", s.number, s.label)
		if s.hidden != "" {
			report(kdb.Problem{Where: where, What: "kept, but not shown: " + s.hidden, Severity: s.severity()})
			continue
		}
		if s.raw != nil && s.inner != s.label {
			report(kdb.Problem{Where: where, What: fmt.Sprintf("its record has another label, %q", s.inner), Severity: kdb.Note})
		}
		if s.raw != nil && s.cert != nil {
			s.checkTrailer(where, report)
		}
		if s.sealed != nil {
			c.checkKey(s, where, report)
		}
	}
}

// severity is what it means that a slot is not shown: damage only if its certificate cannot be read.
func (s *slot) severity() kdb.Severity {
	if _, err := splitCertificate(s.cert); s.cert != nil && err != nil {
		return kdb.Damage
	}
	return kdb.Note
}

// checkTrailer compares the five hashes of a slot with its certificate. Those of KdbTool are two others.
func (s *slot) checkTrailer(where string, report func(kdb.Problem)) {
	want, got := s.hashes(), s.readTrailer()
	if len(got) != len(want) {
		what := fmt.Sprintf("its trailer has %d hashes, GSKit writes %d", len(got), len(want))
		report(kdb.Problem{Where: where, What: what, Severity: kdb.Note})
		return
	}
	names := [hashCount]string{"signature", "signed part", "subject", "public key", "issuer and serial number"}
	for i := range want {
		if !bytes.Equal(got[i], want[i]) {
			report(kdb.Problem{Where: where, What: "the hash of its " + names[i] + " in the trailer is wrong"})
		}
	}
}

// checkKey looks whether the key opens and belongs to its certificate or request.
func (c *container) checkKey(s *slot, where string, report func(kdb.Problem)) {
	plain, err := c.open(s)
	if err != nil {
		report(kdb.Unopened(where, err))
		return
	}
	if s.choice == choiceSecret {
		return
	}
	e := kdb.Entry{Label: s.shown, Certificates: s.certificates(), Request: s.request, Key: plain}
	if err := e.CheckKey(); err != nil {
		report(kdb.Unopened(where, err))
	}
}

// publicKey is the key of the certificate or request; nil if it cannot be read.
func (s *slot) publicKey() []byte {
	if s.choice == choiceRequest {
		if r, err := cert.ParseRequest(s.request); err == nil {
			return r.RawSPKI
		}
		return nil
	}
	p, err := splitCertificate(s.cert)
	if err != nil {
		return nil
	}
	return p.spki
}
