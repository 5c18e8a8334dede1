package path

import (
	"bytes"
	"slices"

	"certkdb/pki/cert"
)

// preferSuccessor puts a chain first that only lacks the trust in its root, if the most hopeful one goes through an expired certificate for
// the key of that root, as those of AddTrust and DST Root X3 did: nobody but its owner could renew that, and the root that followed it is
// here. The expired certificate's remedy names the successor.
func (s *search) preferSuccessor() {
	attempts := s.result.Attempts
	if len(attempts) == 0 || !attempts[0].Anchored {
		return
	}
	expired := slices.IndexFunc(attempts[0].Failures, func(f Failure) bool { return f.Rule == RuleValidity && f.Position > 0 })
	if expired < 0 {
		return
	}
	nameFollower(&attempts[0])
	for i, a := range attempts[1:] {
		root := a.Chain[len(a.Chain)-1]
		if len(a.Failures) != 1 || a.Failures[0].Rule != RuleUntrusted || !s.allInTime(a.Chain) || !hasKeyOf(attempts[0].Chain, root) {
			continue
		}
		for j := range attempts[0].Failures {
			if f := &attempts[0].Failures[j]; f.Rule == RuleValidity && f.Position > 0 {
				f.Remedy = Remedy{Action: TrustSuccessor, Subject: subjectText(root.Subject)}
			}
		}
		s.result.Attempts = slices.Concat([]Attempt{a}, attempts[:i+1], attempts[i+2:])
		return
	}
}

// nameFollower changes the remedy for an expired root, and for an expired certificate that it issued to a CA. The owner may have given the
// root up; then nobody renews it, and the way out is to get and to trust the root that followed, perhaps that of the CA.
func nameFollower(a *Attempt) {
	top := len(a.Chain) - 1
	isExpired := func(f Failure) bool { return f.Position == top && f.Remedy.Action == RenewCA }
	if top < 2 || !slices.ContainsFunc(a.Failures, isExpired) {
		return
	}
	for i := range a.Failures {
		if f := &a.Failures[i]; f.Position >= top-1 && f.Remedy.Action == RenewCA {
			f.Remedy = Remedy{Action: TrustFollower, Subject: subjectText(a.Chain[top-1].Subject)}
		}
	}
}

func (s *search) allInTime(chain []*cert.Certificate) bool {
	return !slices.ContainsFunc(chain, func(c *cert.Certificate) bool {
		return s.v.o.Time.Before(c.NotBefore) || s.v.o.Time.After(c.NotAfter)
	})
}

// hasKeyOf tells whether a chain has a certificate for the name and the key of a root.
func hasKeyOf(chain []*cert.Certificate, root *cert.Certificate) bool {
	return slices.ContainsFunc(chain[1:], func(c *cert.Certificate) bool {
		return bytes.Equal(c.RawSPKI, root.RawSPKI) && c.Subject.Canonical() == root.Subject.Canonical()
	})
}
