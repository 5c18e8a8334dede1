package issuing

import (
	"fmt"

	"certkdb/commands/op"
	"certkdb/kdb"
)

// revokedAbove looks for a CA of a chain that the one above it has revoked, as the records of the database say: what it issues would be
// refused wherever that is known. Lists it may go on to sign.
func revokedAbove(tx kdb.Tx, chain [][]byte) (revoked, err error) {
	registry, ok := tx.(kdb.Registry)
	if !ok {
		return nil, nil
	}
	for i := range len(chain) - 1 {
		record, is, err := op.RevocationBy(registry, chain[i], chain[i+1])
		if err != nil {
			return nil, err
		}
		if is {
			e := kdb.Entry{Certificates: [][]byte{record.Certificate}}
			s, _ := kdb.Summarize(&e) // it was parsed before
			err := fmt.Errorf("%w: the CA's certificate %q was %s", op.ErrFindings, s.Subject, op.RevokedOn(record))
			return op.Mark(op.CARevoked, err), nil
		}
	}
	return nil, nil
}
