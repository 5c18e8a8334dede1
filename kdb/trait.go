package kdb

import (
	"errors"
	"iter"
	"slices"
	"strings"

	"certkdb/pki/cert"
	"certkdb/pki/key"
	"certkdb/pki/name"
)

// Trait is something that entries have in common and are found by, see [Tx.Find]: a subject, an issuer or a public key.
type Trait string

// The first byte of a trait says what it is. Native databases derive record keys from traits: never change them.
const (
	traitSubject = "s"
	traitIssuer  = "i"
	traitKey     = "k"
	traitDeploys = "d"
)

// Deployed finds the entries that have deployments.
const Deployed Trait = traitDeploys

// BySubject finds the entries that have a certificate with this subject, their own or one of their chain. Names are compared as RFC 5280,
// 7.1 describes.
func BySubject(subject name.Name) Trait { return Trait(traitSubject + subject.Canonical()) }

// ByIssuer finds the entries whose own certificate names this issuer.
func ByIssuer(issuer name.Name) Trait { return Trait(traitIssuer + issuer.Canonical()) }

// ByKey finds the entries whose own certificate or request has this public key (a SubjectPublicKeyInfo in DER), in whatever form; and
// where an entry has neither, by its private key. An entry with a different key may be among them: see [key.SameKey].
func ByKey(spki []byte) Trait { return Trait(traitKey + key.Hint(spki)) }

// Traits returns what an entry is found by, each once. What cannot be parsed has no traits. The private key is not looked at.
func Traits(e *Entry) []Trait {
	var list []Trait
	if len(e.Deployments) > 0 {
		list = append(list, Deployed)
	}
	if len(e.Request) > 0 {
		if r, err := cert.ParseRequest(e.Request); err == nil {
			list = append(list, ByKey(r.RawSPKI))
		}
	}
	for i, der := range e.Certificates {
		var c *cert.Certificate
		var err error
		if i == 0 {
			c, err = e.Leaf()
		} else {
			c, err = cert.Parse(der)
		}
		if err != nil {
			continue
		}
		if i == 0 {
			list = append(list, e.issuer(c), ByKey(c.RawSPKI))
		}
		if subject := BySubject(c.Subject); !slices.Contains(list, subject) {
			list = append(list, subject)
		}
	}
	return list
}

// issuer is the trait of the issuer of the entry's own certificate.
func (e *Entry) issuer(c *cert.Certificate) Trait {
	if l := e.leaf.of(c.Raw); l != nil {
		return l.issuer
	}
	return ByIssuer(c.Issuer)
}

// Index answers [Tx.Find] for a database that has no index of its own.
type Index struct {
	labels map[Trait][]string
	bare   []Entry // private keys that stand alone
}

// NewIndex reads all entries. What cannot be parsed is found by nothing.
func NewIndex(tx Tx) (*Index, error) {
	index := &Index{labels: map[Trait][]string{}}
	for s, err := range tx.Summaries("") {
		if err != nil {
			return nil, err
		}
		e, err := tx.Entry(s.Label)
		if errors.Is(err, ErrParse) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if e.Kind == KindPersonal && len(e.Certificates) == 0 {
			index.bare = append(index.bare, e)
		}
		for _, trait := range Traits(&e) {
			index.labels[trait] = append(index.labels[trait], e.Label)
		}
	}
	return index, nil
}

// Find yields the summaries of the entries that have a trait, in the order of their labels. Only a public key makes it open the private
// keys that stand alone; one that does not open is passed over.
func (i *Index) Find(tx Tx, trait Trait) iter.Seq2[Summary, error] {
	labels := i.labels[trait]
	for j := range i.bare {
		if HasBareKey(tx, &i.bare[j], trait) {
			labels = append(slices.Clip(labels), i.bare[j].Label)
		}
	}
	if len(i.bare) > 0 {
		labels = slices.Sorted(slices.Values(labels))
	}
	return Labelled(tx, labels)
}

// HasBareKey tells whether an entry is a private key that stands alone, as key files have them, and has the trait.
func HasBareKey(tx Tx, e *Entry, trait Trait) bool {
	if e.Kind != KindPersonal || len(e.Certificates) > 0 || !strings.HasPrefix(string(trait), traitKey) {
		return false
	}
	secret, err := tx.Key(e.Label)
	if err != nil {
		return false
	}
	defer clear(secret)
	private, err := key.ReadPrivate(secret)
	return err == nil && private.SPKI != nil && ByKey(private.SPKI) == trait
}

// Labelled yields the summaries of some labels.
func Labelled(tx Tx, labels []string) iter.Seq2[Summary, error] {
	return func(yield func(Summary, error) bool) {
		for _, label := range labels {
			if s, err := tx.Summary(label); !yield(s, err) || err != nil {
				return
			}
		}
	}
}
