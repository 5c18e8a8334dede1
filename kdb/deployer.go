package kdb

import "fmt"

// Deployer is a Tx that remembers for an entry where its certificate and its key are to be written. The Tx of a native database
// implements it; foreign files have no place for it.
type Deployer interface {
	// SetDeployments sets [Entry.Deployments]; nil forgets them. They stay with the entry as long as it has a private key, also when it gets
	// another certificate, key or label. The error wraps [ErrNotFound], or [ErrUnsupported] if the entry has no private key.
	SetDeployments(label string, deployments []byte) error
}

// KeepsDeployments says that an entry of this kind can have deployments: those of its label stay when it is put.
func (k Kind) KeepsDeployments() bool { return k == KindPersonal || k == KindRequest }

// CheckDeployments reports why an entry cannot have deployments, wrapping [ErrUnsupported].
func (s *Summary) CheckDeployments() error {
	if s.Kind.KeepsDeployments() {
		return nil
	}
	return fmt.Errorf("label %q: %w: an entry without a private key is not deployed", s.Label, ErrUnsupported)
}
