package memory

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"certkdb/kdb"
)

// Put implements kdb.Tx.
func (t *overlayTx) Put(e kdb.Entry) error {
	if err := t.check(&e); err != nil {
		return err
	}
	e.Label = t.find(e.Label)
	old, err := t.Summary(e.Label)
	switch {
	case err == nil:
		e.KeepMarks(&old)
		e.Added = old.Added
	case !errors.Is(err, kdb.ErrNotFound):
		return err
	default:
		e.Label = t.Fold(e.Label)
	}
	e.Deployments = nil
	if old.Deployed && e.Kind.KeepsDeployments() {
		before, err := t.entry(e.Label)
		if err != nil {
			return err
		}
		e.Deployments = before.Deployments
	}
	t.set(e.Label, &record{entry: e})
	return t.setDefault(e.Label, e.Default, old.Default)
}

func (t *overlayTx) check(e *kdb.Entry) error {
	if t.lax {
		if err := kdb.CheckLabel(e.Label); err != nil {
			return err
		}
		return t.Accepts(*e)
	}
	if err := e.Check(); err != nil {
		return err
	}
	if _, err := kdb.Summarize(e); err != nil {
		return fmt.Errorf("label %q: %w", e.Label, err)
	}
	return nil
}

// Accepts implements kdb.Accepter.
func (t *overlayTx) Accepts(e kdb.Entry) error {
	if below, ok := t.base.(kdb.Accepter); ok {
		return below.Accepts(e)
	}
	return nil
}

// Certify implements kdb.Tx.
func (t *overlayTx) Certify(label string, certificates [][]byte) error {
	label = t.find(label)
	e, err := t.Entry(label)
	if err != nil {
		return err
	}
	if e.Kind != kdb.KindPersonal && e.Kind != kdb.KindRequest {
		return fmt.Errorf("private key of label %q: %w", label, kdb.ErrNotFound)
	}
	if len(certificates) == 0 {
		return fmt.Errorf("label %q: %w: a private key alone", label, kdb.ErrUnsupported)
	}
	r, old, err := t.here(label)
	if err != nil {
		return err
	}
	e.Kind, e.Certificates, e.Request, e.Trusted = kdb.KindPersonal, slices.Clone(certificates), nil, false
	e.KeepMarks(&old)
	r.certificates, r.trusted = e.Certificates, &e.Trusted
	if r.below == "" {
		r.entry.Kind, r.entry.Certificates, r.entry.Request, r.entry.Trusted = e.Kind, e.Certificates, nil, e.Trusted
	}
	return t.setDefault(label, e.Default, old.Default)
}

// Rename implements kdb.Tx.
func (t *overlayTx) Rename(from, to string) error {
	if err := kdb.CheckLabel(to); err != nil {
		return err
	}
	if from, to = t.find(from), t.Fold(to); from == to {
		_, err := t.Summary(from)
		return err
	}
	if other, err := t.Summary(to); err == nil && other.Label != from {
		return fmt.Errorf("label %q: %w", to, kdb.ErrExists)
	} else if err != nil && !errors.Is(err, kdb.ErrNotFound) {
		return err
	}
	r, s, err := t.here(from)
	if err != nil {
		return err
	}
	if r.below == "" {
		r.entry.Label = to
	}
	t.set(from, nil)
	t.set(to, r)
	if s.Default {
		t.def = &to
	}
	return nil
}

// Mark implements kdb.Tx.
func (t *overlayTx) Mark(label string, m kdb.Marks) error {
	label = t.find(label)
	s, err := t.Summary(label)
	if err != nil {
		return err
	}
	if err := m.Check(&s); err != nil {
		return err
	}
	trusted, isDefault := s.Trusted, s.Default
	if m.Trusted != nil {
		trusted = *m.Trusted
	}
	if m.Default != nil {
		isDefault = *m.Default
	}
	if trusted == s.Trusted && isDefault == s.Default {
		return nil
	}
	r, _, err := t.here(label)
	if err != nil {
		return err
	}
	r.trusted = &trusted
	return t.setDefault(label, isDefault, s.Default)
}

// TrustsImplicitly implements kdb.Implicit.
func (t *overlayTx) TrustsImplicitly(label string) bool {
	if t.records[label] != nil {
		return false
	}
	base, ok := t.base.(kdb.Implicit)
	return ok && base.TrustsImplicitly(label)
}

// setDefault gives the default mark to a label that has it now, or takes it from one that had it.
func (t *overlayTx) setDefault(label string, now, before bool) error {
	switch {
	case now:
		t.def = &label
	case before:
		t.def = new("")
	}
	return nil
}

// Delete implements kdb.Tx.
func (t *overlayTx) Delete(label string) error {
	label = t.find(label)
	_, s, err := t.here(label)
	if err != nil {
		return err
	}
	t.set(label, nil)
	return t.setDefault(label, false, s.Default)
}

// Audit implements kdb.Tx. There is no audit log to read here.
func (t *overlayTx) Audit(string, string) error {
	t.changed = true
	return nil
}

// registryTx is an overlay over the transaction of a database that records what its CAs issue.
type registryTx struct {
	*overlayTx
	registry kdb.Registry
}

var (
	_ kdb.Registry      = (*registryTx)(nil)
	_ kdb.Deployer      = (*registryTx)(nil)
	_ kdb.DamageRemover = (*registryTx)(nil)
)

// PutIssued implements kdb.Registry.
func (t *registryTx) PutIssued(r kdb.Issued) error {
	t.issued[serial{r.Issuer, r.Serial}], t.changed = r, true
	return nil
}

// Issued implements kdb.Registry.
func (t *registryTx) Issued(issuer [32]byte, number string) (kdb.Issued, error) {
	if r, here := t.issued[serial{issuer, number}]; here {
		return r, nil
	}
	return t.registry.Issued(issuer, number)
}

// AllIssued implements kdb.Registry.
func (t *registryTx) AllIssued(issuer [32]byte) iter.Seq2[kdb.Issued, error] {
	return func(yield func(kdb.Issued, error) bool) {
		here := map[string]kdb.Issued{}
		for key, r := range t.issued {
			if key.issuer == issuer {
				here[key.number] = r
			}
		}
		numbers := slices.SortedFunc(maps.Keys(here), strings.Compare)
		for r, err := range t.registry.AllIssued(issuer) {
			if err != nil {
				yield(r, err)
				return
			}
			for len(numbers) > 0 && numbers[0] < r.Serial {
				if !yield(here[numbers[0]], nil) {
					return
				}
				numbers = numbers[1:]
			}
			if len(numbers) > 0 && numbers[0] == r.Serial {
				r, numbers = here[numbers[0]], numbers[1:]
			}
			if !yield(r, nil) {
				return
			}
		}
		for _, number := range numbers {
			if !yield(here[number], nil) {
				return
			}
		}
	}
}

// NextCRLNumber implements kdb.Registry.
func (t *registryTx) NextCRLNumber(issuer [32]byte, least uint64) (uint64, error) {
	last, err := t.LastCRLNumber(issuer)
	if err != nil {
		return 0, err
	}
	next := max(last+1, least)
	t.numbers[issuer], t.changed = next, true
	return next, nil
}

// LastCRLNumber implements kdb.Registry.
func (t *registryTx) LastCRLNumber(issuer [32]byte) (uint64, error) {
	if last, here := t.numbers[issuer]; here {
		return last, nil
	}
	return t.registry.LastCRLNumber(issuer)
}

// SetDeployments implements kdb.Deployer.
func (t *registryTx) SetDeployments(label string, deployments []byte) error {
	s, err := t.Summary(label)
	if err == nil {
		err = s.CheckDeployments()
	}
	if err != nil {
		return err
	}
	e, err := t.entry(label)
	if err != nil || bytes.Equal(e.Deployments, deployments) {
		return err
	}
	r, _, err := t.here(label)
	if err != nil {
		return err
	}
	r.deployments = new(bytes.Clone(deployments))
	return nil
}

// DeleteDamaged implements kdb.DamageRemover.
func (t *registryTx) DeleteDamaged(labels ...string) error {
	for _, label := range labels {
		if _, err := t.Summary(label); err == nil {
			return fmt.Errorf("label %q can be read: %w", label, kdb.ErrExists)
		}
	}
	for _, label := range labels {
		t.set(label, nil)
	}
	return nil
}
