package op

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"certkdb/kdb"
	"certkdb/pki/cert"
	"certkdb/pki/issuers"
	"certkdb/pki/name"
)

// Above continues the chain of an entry with the issuers that the database has, through any number of levels: entries are kept without
// their root, and often without their chain. Of several certificates of one CA it takes one that is valid now; with the zero time, any. A
// certificate whose key did not sign the one below is no issuer, whatever its name and key identifier are.
func Above(tx kdb.Tx, chain [][]byte, now time.Time) ([][]byte, error) {
	longer, _, err := above(tx, chain, now)
	return longer, err
}

// Complete continues the chain of an entry with the issuers that the database has under other labels. A root that the entry does not have
// is left out: peers have their own. The note says which labels these are, and which issuers of the chain have expired; it is "" if there
// are none. It is an error if an issuer is damaged: a server with the certificate alone would be refused.
func Complete(tx kdb.Tx, e *kdb.Entry, now time.Time) (note string, err error) {
	return new(Basis).Complete(tx, e, now)
}

// above is Above, and returns also the entries from which the chain was continued.
func above(tx kdb.Tx, chain [][]byte, now time.Time) (longer [][]byte, sources []kdb.Entry, err error) {
	last, err := cert.Parse(chain[len(chain)-1])
	if err != nil || issuers.SelfSigned(last) {
		return chain, nil, nil // what cannot be read names no issuer
	}
	pool, from := issuers.NewPool(now), map[string]kdb.Entry{} // the first entry that has a certificate
	known, complete := []*cert.Certificate{last}, false
	for _, take := range []func(*kdb.Summary) bool{isIssuer, HasIssuers} {
		err := EachAbove(tx, []name.Name{last.Issuer}, take, func(f *Found) error {
			for _, der := range f.Entry.Certificates {
				if _, known := from[string(der)]; !known {
					from[string(der)] = f.Entry
				}
			}
			pool.Add(f.Certificates...)
			return nil
		})
		if err != nil {
			return nil, nil, err
		}
		if known, complete = pool.Chain(last); complete {
			break
		}
	}
	longer = slices.Clip(chain)
	for _, c := range known[1:] {
		if slices.ContainsFunc(chain, func(der []byte) bool { return bytes.Equal(der, c.Raw) }) {
			break // CAs that certified each other
		}
		longer = append(longer, c.Raw)
		sources = append(sources, from[string(c.Raw)])
	}
	return longer, sources, nil
}

// HasIssuers tells entries that may have the certificate of an issuer, their own or one of their chain.
func HasIssuers(s *kdb.Summary) bool { return isIssuer(s) || s.ChainLength > 1 }

// isIssuer tells entries whose own certificates may issue; a trusted one of version 1 does not say that it is a CA's.
func isIssuer(s *kdb.Summary) bool { return s.ChainLength > 0 && (s.CA || s.Trusted) }

// IsOwnRoot tells a self-signed certificate whose private key is here.
func IsOwnRoot(s *kdb.Summary) bool {
	return s.Kind == kdb.KindPersonal && s.Issuer == s.Subject && s.ChainLength > 0
}

// Found is an entry that may have the certificate of an issuer.
type Found struct {
	kdb.Summary
	Entry        kdb.Entry
	Certificates []*cert.Certificate // those of the entry that can be read
}

// EachAbove calls each for the entries that have a certificate with one of the names as its subject, for those that have one of an issuer
// of such a certificate, and so on upwards; every entry once. take says which entries count.
func EachAbove(tx kdb.Tx, names []name.Name, take func(*kdb.Summary) bool, each func(*Found) error) error {
	asked, taken := map[string]bool{}, map[string]bool{}
	for len(names) > 0 {
		subject := names[0]
		names = names[1:]
		if asked[subject.Canonical()] {
			continue
		}
		asked[subject.Canonical()] = true
		for s, err := range tx.Find(kdb.BySubject(subject)) {
			if err != nil {
				return err
			}
			if taken[s.Label] || !take(&s) {
				continue
			}
			taken[s.Label] = true
			f := Found{Summary: s}
			if f.Entry, err = tx.Entry(s.Label); err != nil {
				return err
			}
			f.Certificates = ParseAll(f.Entry.Certificates)
			for _, c := range f.Certificates {
				names = append(names, c.Issuer)
			}
			if err := each(&f); err != nil {
				return err
			}
		}
	}
	return nil
}

// ParseAll leaves out what cannot be read: it cannot be part of a chain.
func ParseAll(ders [][]byte) []*cert.Certificate {
	var list []*cert.Certificate
	for _, der := range ders {
		if c, err := cert.Parse(der); err == nil {
			list = append(list, c)
		}
	}
	return list
}

// FirstToExpire is the certificate of a chain that expires first; nil if none can be read.
func FirstToExpire(chain [][]byte) *cert.Certificate {
	var first *cert.Certificate
	for _, c := range ParseAll(chain) {
		if first == nil || c.NotAfter.Before(first.NotAfter) {
			first = c
		}
	}
	return first
}

// completed says with which labels of the database a chain was completed, and which issuers in it have expired; "" if there are none.
func completed(labels []string, chain [][]byte, now time.Time) string {
	var notes []string
	if len(labels) > 0 {
		quoted := make([]string, len(labels))
		for i, l := range labels {
			quoted[i] = strconv.Quote(l)
		}
		notes = append(notes, fmt.Sprintf("its chain was completed with %s of the database", strings.Join(quoted, ", ")))
	}
	return strings.Join(append(notes, ExpiredIssuers(chain[1:], now)...), "; ")
}

// ExpiredIssuers says of each certificate of a chain that has expired since when: clients refuse what stands below.
func ExpiredIssuers(chain [][]byte, now time.Time) (notes []string) {
	for _, c := range ParseAll(chain) {
		if now.After(c.NotAfter) {
			notes = append(notes, fmt.Sprintf("the issuer %q expired on %s", c.Subject, c.NotAfter.UTC().Format(time.DateOnly)))
		}
	}
	return notes
}
