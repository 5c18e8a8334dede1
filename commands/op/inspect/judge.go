package inspect

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"slices"

	"certkdb/commands/op"
	"certkdb/kdb"
	"certkdb/pki/cert"
	"certkdb/pki/path"
)

// Judge validates what peers present in handshakes as [Validate] does certificates in files: with the same trust, in the same words.
// It may be used by several goroutines.
type Judge struct {
	session *op.Session
	rules   Validate
	options path.Options
}

// Known is what the database knows about the chain of a peer: the trusted certificates above it, and those that it may lack.
type Known struct {
	judge   *Judge
	options path.Options
	labels  map[[32]byte]string
}

// Peer is what a peer presented.
type Peer struct {
	Name string // of the result
	Host string // that the certificate must be for; "" is any
	// Chain has the peer's certificate first. It is the one that was looked up.
	Chain [][]byte
	// OCSP is the stapled response; nil if there is none.
	OCSP []byte
	// Pinned says that the first certificate is trusted, whatever the database says.
	Pinned bool
}

// stapled is the source of an OCSP response that came with the certificate.
const stapled = "stapled"

// NewJudge unlocks the database, so that nobody waits for a password while a peer waits. A trusted certificate ends a chain even if it is
// no CA's.
func NewJudge(ctx context.Context, s *op.Session) (*Judge, error) {
	rules := Validate{MaxDepth: -1, Purpose: "server", PartialChain: true}
	options, err := rules.options(s.Env)
	if err != nil {
		return nil, err
	}
	return &Judge{session: s, rules: rules, options: options}, s.View(ctx, func(kdb.Tx) error { return nil })
}

// Look looks up in the database what may be in the chains of a peer that presents these certificates.
func (j *Judge) Look(ctx context.Context, chain [][]byte) (*Known, error) {
	k := &Known{judge: j, options: j.options, labels: map[[32]byte]string{}}
	names := namesIn([]candidate{{chain: chain}}, nil)
	return k, j.session.View(ctx, func(tx kdb.Tx) error { return j.rules.fromDatabase(tx, names, &k.options, k.labels) })
}

// Trusted lists the trusted certificates that may be above the chain, or in it.
func (k *Known) Trusted() []*cert.Certificate {
	var list []*cert.Certificate
	for _, root := range k.options.Roots {
		list = append(list, root.Certificate)
	}
	return list
}

// Label is the label of a certificate of the chain in the database, "" if it is not there.
func (k *Known) Label(der []byte) string { return k.labels[sha256.Sum256(der)] }

// Trusts says whether a certificate of the chain is itself one of the trusted ones.
func (k *Known) Trusts(der []byte) bool {
	return slices.ContainsFunc(k.options.Roots, func(a path.Anchor) bool { return bytes.Equal(a.Certificate.Raw, der) })
}

// Judge validates what a peer presented. The error is about the database; that a certificate is not valid stands in the result.
func (k *Known) Judge(ctx context.Context, p Peer) (Validation, error) {
	leaf, err := cert.Parse(p.Chain[0])
	if err != nil {
		failure := Failure{
			Rule: string(path.RuleMalformed), Section: path.RuleMalformed.Section(),
			Reason: fmt.Sprintf("it cannot be read: %v", err), Remedy: "it must be reissued",
		}
		return Validation{Name: p.Name, Chains: []Attempt{{Failures: []Failure{failure}}}}, nil
	}
	options := k.options
	options.Host = p.Host
	options.Intermediates = slices.Concat(options.Intermediates, op.ParseAll(p.Chain[1:]))
	if p.Pinned {
		options.Roots = slices.Concat(options.Roots, path.Anchors(leaf))
	}
	result := path.Validate(leaf, options)
	v := k.judge.rules.describe(p.Name, result, k.labels)
	v.Notes = slices.Concat(chainNotes(result.Chain, options.Purpose), stapleNotes(leaf, p.OCSP))
	if len(p.OCSP) > 0 && v.Valid && len(result.Chain) > 1 {
		if err := v.readOCSP(stapled, p.OCSP, result.Chain, options, k.labels); err != nil {
			v.refuse(Failure{Subject: leaf.Subject.String(), Rule: "ocsp", Section: "RFC 6960", Reason: err.Error()})
		}
	}
	list := []Validation{v}
	err = checkRecords(ctx, k.judge.session, options.Time, list, [][]*cert.Certificate{result.Chain}, k.labels)
	return list[0], err
}
