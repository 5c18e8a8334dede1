package op

import (
	"slices"
	"time"

	"certkdb/kdb"
	"certkdb/pki/cert"
	"certkdb/pki/issuers"
)

// Above continues the chain of an entry with the issuers that the database has, through any number of levels: entries are kept without
// their root, and often without their chain. Of several certificates of one CA it takes one that is valid now; with the zero time, any.
func Above(tx kdb.Tx, chain [][]byte, now time.Time) ([][]byte, error) {
	longer, _, err := above(tx, chain, now)
	return longer, err
}

// above is Above, and returns also the entries from which the chain was continued.
func above(tx kdb.Tx, chain [][]byte, now time.Time) (longer [][]byte, sources []kdb.Entry, err error) {
	last, err := cert.Parse(chain[len(chain)-1])
	if err != nil || issuers.SelfSigned(last) {
		return chain, nil, nil // what cannot be read names no issuer
	}
	found := candidates{issuers.NewPool(now), map[string]kdb.Entry{}}
	known, complete := []*cert.Certificate{last}, false
	for _, take := range []func(*kdb.Summary) bool{isIssuer, hasChain} {
		if err := found.add(tx, take); err != nil {
			return nil, nil, err
		}
		if known, complete = found.pool.Chain(last); complete {
			break
		}
	}
	longer = slices.Clip(chain)
	for _, c := range known[1:] {
		longer = append(longer, c.Raw)
		sources = append(sources, found.from[string(c.Raw)])
	}
	return longer, sources, nil
}

// HasIssuers tells entries that may have the certificate of an issuer, their own or one of their chain.
func HasIssuers(s *kdb.Summary) bool { return isIssuer(s) || hasChain(s) }

// isIssuer tells entries whose own certificates may issue; a trusted one of version 1 does not say that it is a CA's.
func isIssuer(s *kdb.Summary) bool { return s.ChainLength > 0 && (s.CA || s.Trusted) }

// hasChain tells the other entries, whose chain may contain the certificate of a CA.
func hasChain(s *kdb.Summary) bool { return s.ChainLength > 1 && !isIssuer(s) }

// candidates are certificates that may be issuers, each with the first entry that has it.
type candidates struct {
	pool *issuers.Pool
	from map[string]kdb.Entry // by certificate in DER
}

// add takes the certificates of some entries.
func (c candidates) add(tx kdb.Tx, take func(*kdb.Summary) bool) error {
	for s, err := range tx.Summaries("") {
		if err != nil {
			return err
		}
		if !take(&s) {
			continue
		}
		entry, err := tx.Entry(s.Label)
		if err != nil {
			return err
		}
		for _, der := range entry.Certificates {
			if _, known := c.from[string(der)]; !known {
				c.from[string(der)] = entry
			}
		}
		c.pool.AddDER(entry.Certificates...)
	}
	return nil
}
