package entries

import (
	"context"

	"certkdb/commands/op"
	"certkdb/kdb"
)

// Checked is an operation with a rule of its own about what it may add: check gets the result, and the labels of the certificates that
// the database had before, by their SHA-256. Its error undoes the change. All of it is one transaction.
func Checked(o op.Operation[Added], check func(added Added, had map[string]string) error) op.Operation[Added] {
	return checked{o, check}
}

type checked struct {
	op.Operation[Added]
	check func(Added, map[string]string) error
}

// Plan implements op.Operation.
func (o checked) Plan(ctx context.Context, s *op.Session) (op.Plan[Added], error) {
	plan, err := o.Operation.Plan(ctx, s)
	apply := plan.Apply
	plan.Apply = func(tx kdb.Tx) (Added, error) {
		had := map[string]string{}
		labels, err := certificates(tx)
		if err != nil {
			return Added{}, err
		}
		for sum, label := range labels {
			had[op.HexDigest(sum)] = label
		}
		added, err := apply(tx)
		if err != nil {
			return added, err
		}
		return added, o.check(added, had)
	}
	return plan, err
}
