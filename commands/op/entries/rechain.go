package entries

import (
	"bytes"
	"cmp"

	"certkdb/kdb"
	"certkdb/pki/cert"
)

// The reasons of an action about an entry with the same certificate and key, but another chain.
const (
	NewChain   = "the certificate and its key are the same, the chain is new"
	NewerChain = "the chain that it has here is newer"
)

// rechain gives an entry the chain of another one with the same certificate, and so with the same key: an issuer above it was renewed. The
// older chain does not come back when an old file is added again, unless that is to replace what is there.
func rechain(tx kdb.Tx, old *kdb.Summary, entry *kdb.Entry, action Action, replace bool, changed *Changed) error {
	have, err := tx.Entry(old.Label)
	if err != nil {
		return err
	}
	action.Label = old.Label
	if !replace && isNewer(have.Certificates, entry.Certificates) {
		action.Action, action.Reason = ActionUnchanged, NewerChain
		changed.note(action)
		return nil
	}
	if err := tx.Certify(old.Label, entry.Certificates); err != nil {
		return notStored(entry, err)
	}
	action.Action, action.Reason = ActionReplaced, NewChain
	changed.note(action)
	return nil
}

// isNewer says that the first certificate in which two chains differ begins later in the first chain, or ends later if they begin together.
// A chain that only lacks something is not newer.
func isNewer(a, b [][]byte) bool {
	for i := range min(len(a), len(b)) {
		if bytes.Equal(a[i], b[i]) {
			continue
		}
		one, errOne := cert.Parse(a[i])
		other, errOther := cert.Parse(b[i])
		if errOne != nil || errOther != nil {
			return errOne == nil
		}
		return cmp.Or(one.NotBefore.Compare(other.NotBefore), one.NotAfter.Compare(other.NotAfter)) > 0
	}
	return len(a) > len(b)
}
