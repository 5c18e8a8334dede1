package entries

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"

	"certkdb/commands/op"
	"certkdb/kdb"
)

// AddSecret puts a symmetric key under a new label.
type AddSecret struct {
	Label string
	// Key is the key; nil makes one of Size random bytes.
	Key       []byte
	Size      int
	Algorithm string // as in [kdb.Entry.KeyAlgorithm]
}

// maxSecret is far above the size of any key.
const maxSecret = 4096

// Plan makes the key.
func (o AddSecret) Plan(context.Context, *op.Session) (op.Plan[Changed], error) {
	secret := bytes.Clone(o.Key)
	if o.Key == nil {
		if o.Size < 1 || o.Size > maxSecret {
			return op.Plan[Changed]{}, fmt.Errorf("%w: a secret key of %d bytes; 1 to %d are possible", op.ErrUsage, o.Size, maxSecret)
		}
		secret = make([]byte, o.Size)
		rand.Read(secret) // never fails
	}
	return op.Plan[Changed]{Name: "add", Close: func() { clear(secret) }, Apply: func(tx kdb.Tx) (changed Changed, err error) {
		if err := op.FreeLabel(tx, o.Label, false); err != nil {
			return changed, err
		}
		err = tx.Put(kdb.Entry{Label: o.Label, Kind: kdb.KindSecretKey, Key: bytes.Clone(secret), KeyAlgorithm: o.Algorithm})
		changed.note(Action{Label: o.Label, Action: ActionAdded, Kind: kdb.KindSecretKey})
		return changed, err
	}}, kdb.CheckNewLabel(o.Label)
}

// Secret takes a symmetric key out of the database, which the audit log notes.
type Secret struct {
	Label string
}

// Run returns the key. The caller clears it.
func (o Secret) Run(ctx context.Context, s *op.Session) (secret []byte, err error) {
	err = s.ReadKeys(ctx, "export-key", func(tx kdb.Tx) error {
		summary, err := op.MustHave(tx, o.Label)
		if err != nil {
			return err
		}
		if summary.Kind != kdb.KindSecretKey {
			return &op.WrongKind{Label: o.Label, Kind: summary.Kind, Wanted: kdb.KindSecretKey, Reason: "it is no secret key"}
		}
		if secret, err = tx.Key(o.Label); err != nil {
			return err
		}
		return tx.Audit("export-key", o.Label)
	})
	return secret, err
}
