package sealed

import (
	"bytes"
	"fmt"

	"certkdb/kdb"
)

var _ kdb.Deployer = (*tx)(nil)

// SetDeployments implements kdb.Deployer.
func (t *tx) SetDeployments(label string, deployments []byte) error {
	if t.operation == "" {
		return errReading
	}
	s, raw, err := t.summary(label)
	if err == nil {
		err = s.CheckDeployments()
	}
	if err != nil {
		return err
	}
	e, err := t.entry(&s)
	if err != nil || bytes.Equal(e.Deployments, deployments) {
		return err
	}
	if err := t.index(&e, true); err != nil {
		return err
	}
	e.Deployments = deployments
	if err := t.index(&e, false); err != nil {
		return err
	}
	s.Deployed = len(deployments) > 0
	t.digester.toggle(&t.head.digest, prefixSummary+label, raw)
	if err := t.put(prefixCerts+label, encodeCerts(&e), &s.certs); err != nil {
		return fmt.Errorf("storing label %q: %w", label, err)
	}
	if err := t.put(prefixSummary+label, s.encode(), nil); err != nil {
		return fmt.Errorf("storing label %q: %w", label, err)
	}
	return t.log(t.operation, label, s.SHA256)
}
