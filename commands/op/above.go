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
	last, err := cert.Parse(chain[len(chain)-1])
	if err != nil || issuers.SelfSigned(last) {
		return chain, nil // what cannot be read names no issuer
	}
	pool := issuers.NewPool(now)
	longer, complete := []*cert.Certificate{last}, false
	for _, take := range []func(*kdb.Summary) bool{isIssuer, hasChain} {
		if err := addEntries(tx, pool, take); err != nil {
			return nil, err
		}
		if longer, complete = pool.Chain(last); complete {
			break
		}
	}
	chain = slices.Clip(chain)
	for _, c := range longer[1:] {
		chain = append(chain, c.Raw)
	}
	return chain, nil
}

// HasIssuers tells entries that may have the certificate of an issuer, their own or one of their chain.
func HasIssuers(s *kdb.Summary) bool { return isIssuer(s) || hasChain(s) }

// isIssuer tells entries whose own certificates may issue; a trusted one of version 1 does not say that it is a CA's.
func isIssuer(s *kdb.Summary) bool { return s.ChainLength > 0 && (s.CA || s.Trusted) }

// hasChain tells the other entries, whose chain may contain the certificate of a CA.
func hasChain(s *kdb.Summary) bool { return s.ChainLength > 1 && !isIssuer(s) }

// addEntries puts the certificates of some entries into a pool.
func addEntries(tx kdb.Tx, pool *issuers.Pool, take func(*kdb.Summary) bool) error {
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
		pool.AddDER(entry.Certificates...)
	}
	return nil
}
