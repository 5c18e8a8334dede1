package inspect

import (
	"time"

	"certkdb/commands/op"
	"certkdb/kdb"
)

// ends finds a certificate in the chain of an entry that the filters by time ask for, if the entry's own is not one. A server sends its
// whole chain: when an intermediate certificate expires, so does what the server sends.
func (o List) ends(tx kdb.Tx, s *kdb.Summary, now time.Time) (*op.ChainEnd, error) {
	if !o.Expired && o.Expiring == 0 || s.ChainLength < 2 || o.inTime(s.NotAfter, now) {
		return nil, nil
	}
	entry, err := tx.Entry(s.Label)
	if err != nil {
		return nil, err
	}
	first := op.FirstToExpire(entry.Certificates[1:])
	if first == nil || !o.inTime(first.NotAfter, now) {
		return nil, nil
	}
	return &op.ChainEnd{Subject: first.Subject.String(), NotAfter: first.NotAfter.UTC()}, nil
}

func (o List) inTime(end, now time.Time) bool {
	if !o.Expired && o.Expiring == 0 {
		return true
	}
	if end.IsZero() {
		return false
	}
	return now.After(end) || o.Expiring > 0 && end.Sub(now) <= o.Expiring
}
