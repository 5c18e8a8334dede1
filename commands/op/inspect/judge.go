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
// It is read from the database once and may be used by several goroutines.
type Judge struct {
	session *op.Session
	rules   Validate
	options path.Options
	labels  map[[32]byte]string
}

// Peer is what a peer presented.
type Peer struct {
	Name string // of the result
	Host string // that the certificate must be for; "" is any
	// Chain has the peer's certificate first.
	Chain [][]byte
	// OCSP is the stapled response; nil if there is none.
	OCSP []byte
	// Pinned says that the first certificate is trusted, whatever the database says.
	Pinned bool
}

// stapled is the source of an OCSP response that came with the certificate.
const stapled = "stapled"

// NewJudge reads from the database what is trusted. A trusted certificate ends a chain even if it is no CA's.
func NewJudge(ctx context.Context, s *op.Session) (*Judge, error) {
	rules := Validate{MaxDepth: -1, Purpose: "server", PartialChain: true}
	options, err := rules.options(s.Env)
	if err != nil {
		return nil, err
	}
	j := &Judge{session: s, rules: rules, options: options, labels: map[[32]byte]string{}}
	return j, s.View(ctx, j.read)
}

// read takes all that may be in a chain: what peers are going to present is not known yet.
func (j *Judge) read(tx kdb.Tx) error {
	for s, err := range tx.Summaries("") {
		if err != nil {
			return err
		}
		j.labels[s.SHA256] = s.Label
		if !op.HasIssuers(&s) {
			continue
		}
		entry, err := tx.Entry(s.Label)
		if err != nil {
			return err
		}
		j.rules.addTo(&j.options, &s, op.ParseAll(entry.Certificates))
	}
	return nil
}

// Trusted lists the trusted certificates.
func (j *Judge) Trusted() []*cert.Certificate {
	var list []*cert.Certificate
	for _, root := range j.options.Roots {
		list = append(list, root.Certificate)
	}
	return list
}

// Label is the label of a certificate in the database, "" if it is not there.
func (j *Judge) Label(der []byte) string { return j.labels[sha256.Sum256(der)] }

// Trusts says whether a certificate is itself one of the trusted ones.
func (j *Judge) Trusts(der []byte) bool {
	return slices.ContainsFunc(j.options.Roots, func(a path.Anchor) bool { return bytes.Equal(a.Certificate.Raw, der) })
}

// Judge validates what a peer presented. The error is about the database; that a certificate is not valid stands in the result.
func (j *Judge) Judge(ctx context.Context, p Peer) (Validation, error) {
	leaf, err := cert.Parse(p.Chain[0])
	if err != nil {
		failure := Failure{
			Rule: string(path.RuleMalformed), Section: path.RuleMalformed.Section(),
			Reason: fmt.Sprintf("it cannot be read: %v", err), Remedy: "it must be reissued",
		}
		return Validation{Name: p.Name, Chains: []Attempt{{Failures: []Failure{failure}}}}, nil
	}
	options := j.options
	options.Host = p.Host
	options.Intermediates = slices.Concat(options.Intermediates, op.ParseAll(p.Chain[1:]))
	if p.Pinned {
		options.Roots = slices.Concat(options.Roots, path.Anchors(leaf))
	}
	result := path.Validate(leaf, options)
	v := j.rules.describe(p.Name, result, j.labels)
	if len(p.OCSP) > 0 && v.Valid && len(result.Chain) > 1 {
		if err := v.readOCSP(stapled, p.OCSP, result.Chain, options, j.labels); err != nil {
			v.refuse(Failure{Subject: leaf.Subject.String(), Rule: "ocsp", Section: "RFC 6960", Reason: err.Error()})
		}
	}
	list := []Validation{v}
	err = checkRecords(ctx, j.session, options.Time, list, [][]*cert.Certificate{result.Chain}, j.labels)
	return list[0], err
}
