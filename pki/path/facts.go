package path

import (
	"errors"
	"slices"

	"certkdb/pki/cert"
)

// facts are the extensions that only validation decodes.
type facts struct {
	policies    []cert.Policy // nil if the extension is absent
	mappings    []cert.PolicyMapping
	constraints cert.PolicyConstraints
	inhibitAny  int // -1 if absent
	names       *cert.NameConstraints
	points      []cert.DistributionPoint
	malformed   []cert.Malformation
}

// factsOf decodes them once.
func (v *Validator) factsOf(n *node) *facts {
	v.mu.Lock()
	defer v.mu.Unlock()
	if n.facts == nil {
		n.facts = readFacts(n.Certificate)
	}
	return n.facts
}

func readFacts(c *cert.Certificate) *facts {
	f := &facts{
		constraints: cert.PolicyConstraints{RequireExplicit: -1, InhibitMapping: -1}, inhibitAny: -1,
		malformed: slices.Clone(c.Malformed()),
	}
	for _, e := range c.Extensions {
		if err := f.read(e); err != nil {
			f.malformed = append(f.malformed, cert.Malformation{ID: e.ID, Err: err})
		}
	}
	return f
}

func (f *facts) read(e cert.Extension) (err error) {
	switch e.ID {
	case cert.IDCertificatePolicies:
		f.policies, err = cert.ParsePolicies(e.Value)
		if err == nil {
			err = knownQualifiers(f.policies, e.Critical)
		}
	case cert.IDPolicyMappings:
		f.mappings, err = cert.ParsePolicyMappings(e.Value)
		for _, m := range f.mappings {
			if m.Issuer == cert.AnyPolicy || m.Subject == cert.AnyPolicy {
				err = errors.New("it maps to or from anyPolicy, which must not be") // RFC 5280, 4.2.1.5
			}
		}
	case cert.IDPolicyConstraints:
		f.constraints, err = cert.ParsePolicyConstraints(e.Value)
	case cert.IDInhibitAnyPolicy:
		f.inhibitAny, err = cert.ParseInhibitAnyPolicy(e.Value)
	case cert.IDNameConstraints:
		f.names, err = cert.ParseNameConstraints(e.Value)
		if err == nil && e.Critical {
			err = allowedForms(f.names)
		}
	case cert.IDCRLDistributionPoints:
		f.points, err = cert.ParseDistributionPoints(e.Value)
		if err != nil && !e.Critical {
			err = nil // then a CRL for the whole of the issuer's certificates is needed
		}
	}
	return err
}

// knownQualifiers refuses qualifiers that are not processed in a critical extension, and with anyPolicy (RFC 5280, 4.2.1.4).
func knownQualifiers(policies []cert.Policy, critical bool) error {
	for _, p := range policies {
		for _, q := range p.Qualifiers {
			switch {
			case q.ID == cert.QualifierCPS || q.ID == cert.QualifierUserNotice:
			case critical:
				return errors.New("it is critical and has a policy qualifier of an unknown type, " + q.ID)
			case p.ID == cert.AnyPolicy:
				return errors.New("it qualifies anyPolicy by an unknown type, " + q.ID)
			}
		}
	}
	return nil
}

// allowedForms refuses constraints on forms of names that RFC 5280, 4.2.1.10 forbids to constrain.
func allowedForms(nc *cert.NameConstraints) error {
	for _, n := range slices.Concat(nc.Permitted, nc.Excluded) {
		if n.Type == cert.X400Address || n.Type == cert.EDIPartyName || n.Type == cert.RegisteredID {
			return errors.New("it constrains names of the form " + n.Type.String() + ", which must not be")
		}
	}
	return nil
}
