package issuing

import (
	"context"
	"fmt"
	"io"

	"certkdb/commands/op"
	"certkdb/kdb"
	"certkdb/pki/issue"
	"certkdb/pki/key"
)

// RequestAgain writes a PKCS #10 request for the names and the key of an entry that has its certificate. Receive finds the entry by its
// key when the new certificate comes.
type RequestAgain struct {
	Label     string
	Signature string // as in [Spec]
	Out       op.Output
}

// Run makes the request; the database stays as it is.
func (o RequestAgain) Run(ctx context.Context, s *op.Session) (string, error) {
	if err := o.Out.Check(s.Env); err != nil {
		return "", err
	}
	var entry kdb.Entry
	err := s.View(ctx, func(tx kdb.Tx) error {
		summary, err := op.MustHave(tx, o.Label)
		if err != nil {
			return err
		}
		if summary.Kind != kdb.KindPersonal || summary.ChainLength == 0 {
			return &op.WrongKind{Label: o.Label, Kind: summary.Kind, Wanted: kdb.KindPersonal, Reason: "it has no certificate with its private key"}
		}
		entry, err = op.FullEntry(tx, o.Label)
		return err
	})
	defer clear(entry.Key)
	if err != nil {
		return "", err
	}
	return o.write(s.Env, &entry)
}

func (o RequestAgain) write(env *op.Env, entry *kdb.Entry) (string, error) {
	request, err := issue.Renewal(entry.Certificates[0])
	if err != nil {
		return "", op.PKIError(err)
	}
	private, err := key.ReadPrivate(entry.Key)
	if err != nil {
		return "", fmt.Errorf("label %q: %w", o.Label, err)
	}
	request.Key, request.Now, request.Signature, request.AllowWeak = &private, env.Now, o.Signature, true
	made, err := issue.NewRequest(request)
	if err != nil {
		return "", op.PKIError(err)
	}
	text := op.PEMString("NEW CERTIFICATE REQUEST", made.Request)
	if o.Out.IsStdout() {
		return text, nil
	}
	return text, o.Out.Write(env, false, func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	})
}
