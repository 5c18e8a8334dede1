package sessions

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"slices"
	"time"

	"certkdb/commands/op"
	"certkdb/commands/op/entries"
	"certkdb/commands/op/inspect"
	"certkdb/pki/cert"
	"certkdb/pki/name"
	"certkdb/pki/path"
	"certkdb/pki/probe"
)

// Status is how a connection went.
type Status string

// The states.
const (
	StatusOK      Status = "ok"
	StatusWarning Status = "warning" // it works here, and something is wrong with the server
	StatusExpired Status = "expired" // nothing but the time is wrong, or soon will be
	StatusRefused Status = "refused" // the certificate is not accepted
	StatusFailed  Status = "failed"  // there was no complete handshake
)

// Result tells of one server.
type Result struct {
	Address    string         `json:"address"`
	ServerName string         `json:"server_name"`
	StartTLS   probe.Protocol `json:"starttls,omitempty"`
	Status     Status         `json:"status"`
	// Findings are what is wrong, the most important first.
	Findings    []Finding `json:"findings"`
	PeerAddress string    `json:"peer_address,omitempty"`
	Protocol    string    `json:"protocol,omitempty"`
	CipherSuite string    `json:"cipher_suite,omitempty"`
	KeyExchange string    `json:"key_exchange,omitempty"`
	PostQuantum bool      `json:"post_quantum"`
	// Hybrid says that the key exchange is post-quantum and classical at once.
	Hybrid bool   `json:"hybrid"`
	ALPN   string `json:"alpn,omitempty"`
	// Request is what the server asks of a client certificate.
	Request *Request `json:"client_certificate_request,omitempty"`
	// Chain is what the server sent, in its order.
	Chain []Sent `json:"chain"`
	// TrustedBy is the label of the trusted certificate that vouches for the server.
	TrustedBy    string              `json:"trusted_by,omitempty"`
	Validation   *inspect.Validation `json:"validation,omitempty"`
	Stored       []entries.Action    `json:"stored,omitempty"`
	Milliseconds int64               `json:"handshake_ms,omitempty"`

	complete bool           // the handshake
	raw      [][]byte       // the chain
	known    *inspect.Known // of the chain, in the database
	anchored bool           // a chain leads to a trusted certificate
	changed  bool           // the label of the server has another certificate
	// distrusted is the label of the server if it has this certificate, and somebody said not to trust it.
	distrusted string
}

// Request is what a server asks of a client certificate.
type Request struct {
	// Issuers are the names of the CAs that the server takes; empty if it does not say.
	Issuers []string `json:"issuers"`
}

// Sent is a certificate that a server sent.
type Sent struct {
	Subject     string     `json:"subject"`
	Issuer      string     `json:"issuer,omitempty"`
	NotBefore   *time.Time `json:"not_before,omitempty"`
	NotAfter    *time.Time `json:"not_after,omitempty"`
	ExpiresIn   *int64     `json:"expires_in_seconds,omitempty"`
	SHA256      string     `json:"sha256"`
	Label       string     `json:"label,omitempty"`
	Superfluous bool       `json:"superfluous,omitempty"`
	Root        bool       `json:"root,omitempty"`
	Unreadable  bool       `json:"unreadable,omitempty"`
}

func newResult(t Target, seen *probe.Result) *Result {
	r := &Result{
		Address: t.Address, ServerName: t.name(), StartTLS: t.StartTLS, Status: StatusOK, Findings: []Finding{}, Chain: []Sent{},
		PeerAddress: seen.Address, ALPN: shorten(seen.ALPN), Milliseconds: seen.Duration.Milliseconds(), raw: seen.Chain,
	}
	if seen.Version != 0 {
		r.Protocol, r.CipherSuite = tls.VersionName(seen.Version), tls.CipherSuiteName(seen.CipherSuite)
		r.KeyExchange = seen.KeyExchangeName()
		r.PostQuantum, r.Hybrid = seen.PostQuantum()
	} else if seen.Legacy != nil {
		r.Protocol, r.CipherSuite = tls.VersionName(seen.Legacy.Version), tls.CipherSuiteName(seen.Legacy.CipherSuite)
	}
	if seen.Request != nil {
		r.Request = &Request{}
		for _, der := range seen.Request.CAs[:min(len(seen.Request.CAs), maxIssuers)] {
			r.Request.Issuers = append(r.Request.Issuers, nameText(der))
		}
	}
	return r
}

// maxIssuers and maxSent are how many names of CAs and certificates of a peer are told.
const (
	maxIssuers = 100
	maxSent    = 100
)

func nameText(der []byte) string {
	n, err := name.Parse(der)
	if err != nil {
		return "(a name that cannot be read)"
	}
	return shorten(n.String())
}

func (r *Result) describeChain(seen *probe.Result, now time.Time) {
	for i, der := range seen.Chain[:min(len(seen.Chain), maxSent)] {
		sent := Sent{SHA256: op.HexDigest(sha256.Sum256(der)), Label: r.known.Label(der), Superfluous: slices.Contains(seen.Shape.Superfluous, i)}
		sent.Root = i > 0 && i == seen.Shape.Root
		c, err := cert.Parse(der)
		if err != nil {
			sent.Unreadable, sent.Subject = true, "(a certificate that cannot be read)"
		} else {
			sent.Subject, sent.Issuer = shorten(c.Subject.String()), shorten(c.Issuer.String())
			sent.NotBefore, sent.NotAfter = op.TimePointer(c.NotBefore), op.TimePointer(c.NotAfter)
			if sent.NotAfter != nil {
				seconds := int64(c.NotAfter.Sub(now) / time.Second)
				sent.ExpiresIn = &seconds
			}
		}
		r.Chain = append(r.Chain, sent)
	}
}

// find adds a finding and makes the status as bad as it says.
func (r *Result) find(status Status, f Finding) {
	r.Findings = append(r.Findings, f)
	if order(status) > order(r.Status) {
		r.Status = status
	}
}

// findFirst puts in front why a certificate is refused.
func (r *Result) findFirst(f Finding) {
	r.find(StatusRefused, f)
	last := len(r.Findings) - 1
	r.Findings = append([]Finding{f}, r.Findings[:last]...)
}

func order(s Status) int {
	return slices.Index([]Status{StatusOK, StatusWarning, StatusExpired, StatusRefused, StatusFailed}, s)
}

// judge validates the chain of a complete handshake.
func (r *Result) judge(ctx context.Context, w *work, seen *probe.Result) error {
	peer := inspect.Peer{Name: r.Address, Host: r.ServerName, Chain: seen.Chain, OCSP: seen.OCSP}
	stored, found, err := w.Keep.stored(ctx, w.session, r)
	if err != nil {
		return err
	}
	same := found && stored.SHA256 == sha256.Sum256(seen.Chain[0])
	if r.known.Trusts(seen.Chain[0]) && (same || nameless(seen.Chain[0])) {
		peer.Host = "" // it was accepted for this server, or has no name of any
	}
	if same && !stored.Trusted {
		r.distrusted = stored.Label
	}
	v, err := r.known.Judge(ctx, peer)
	if err != nil {
		return err
	}
	r.Validation = &v
	if v.Valid {
		r.accepted(w, seen)
		return nil
	}
	r.anchored = v.Chains[0].Anchored && !slices.ContainsFunc(v.Chains[0].Failures, breaksTrust)
	r.refuse(v, seen, w.session.Env.Now())
	if found && !same && stored.ChainLength > 0 && !r.anchored {
		r.changedFrom(stored.Label, op.HexDigest(stored.SHA256))
	}
	return nil
}

// nameless says whether a certificate has no subject alternative name, as those that Storage Protect makes for itself.
func nameless(der []byte) bool {
	c, err := cert.Parse(der)
	return err == nil && len(c.SAN) == 0
}

// breaksTrust says whether a failure leaves open who made a certificate. Chains are tried by name, also those to a trusted certificate
// whose key is another one.
func breaksTrust(f inspect.Failure) bool {
	switch path.Rule(f.Rule) {
	case path.RuleUntrusted, path.RuleNoIssuer, path.RuleSignature, path.RuleAlgorithm:
		return true
	}
	return false
}

// accepted tells what vouches for the server, and what other clients will stumble over.
func (r *Result) accepted(w *work, seen *probe.Result) {
	r.vouched()
	now := w.session.Env.Now()
	if leaf := r.Chain[0]; w.Expiring > 0 && leaf.NotAfter != nil && leaf.NotAfter.Sub(now) <= w.Expiring {
		r.find(StatusExpired, Finding{
			Code: "expiring", Side: SideServer, Cause: fmt.Sprintf("the server's certificate expires on %s", leaf.NotAfter.Format(time.RFC3339)),
		})
	}
	shape := seen.Shape
	if shape.Missing != nil {
		r.find(StatusWarning, incomplete(shape.Missing, "it is trusted or known here, but other clients do not have it"))
	}
	if shape.OutOfOrder {
		r.find(StatusWarning, Finding{
			Code: "wrong-order", Side: SideServer,
			Cause: "the server sends its certificates in the wrong order, which TLS 1.2 forbids (RFC 5246, 7.4.2)",
		})
	}
	if n := len(shape.Superfluous); n > 0 {
		r.find(StatusWarning, Finding{
			Code: "superfluous", Side: SideServer,
			Cause: fmt.Sprintf("the server sends %d %s that its chain does not need", n, op.Plural(n, "certificate")),
		})
	}
}

// vouched takes the label of the anchor from the valid chain.
func (r *Result) vouched() {
	chain := r.Validation.Chains[len(r.Validation.Chains)-1].Certificates
	r.TrustedBy = chain[len(chain)-1].Label
}

// Connected tells of all the servers.
type Connected struct {
	// OK says that nothing failed, was refused or has expired.
	OK      bool      `json:"ok"`
	Changed bool      `json:"changed"`
	Targets []*Result `json:"targets"`
	Counts  Counts    `json:"counts"`
	// Warnings are odd lines of the options file.
	Warnings []string `json:"options_warnings,omitempty"`
}

// Counts are the numbers of servers in each state.
type Counts struct {
	Total   int `json:"total"`
	OK      int `json:"ok"`
	Warning int `json:"warning"`
	Expired int `json:"expired"`
	Refused int `json:"refused"`
	Failed  int `json:"failed"`
}

func newConnected(results []*Result) Connected {
	c := Connected{Targets: results, Counts: Counts{Total: len(results)}}
	counts := map[Status]*int{
		StatusOK: &c.Counts.OK, StatusWarning: &c.Counts.Warning, StatusExpired: &c.Counts.Expired, StatusRefused: &c.Counts.Refused,
		StatusFailed: &c.Counts.Failed,
	}
	for _, r := range results {
		*counts[r.Status]++
		for _, a := range r.Stored {
			c.Changed = c.Changed || a.Action == entries.ActionAdded || a.Action == entries.ActionReplaced
		}
	}
	c.OK = c.Counts.Expired+c.Counts.Refused+c.Counts.Failed == 0
	return c
}

// HasChanged says whether anything was stored.
func (c Connected) HasChanged() bool { return c.Changed }

// Incomplete is the error for servers with which something is wrong. If there are several kinds, those that failed count most, then
// those that were refused.
func (c Connected) Incomplete() error {
	if c.OK {
		return nil
	}
	status, class := StatusExpired, op.ErrExpired
	switch {
	case c.Counts.Failed > 0:
		status, class = StatusFailed, op.ErrNetwork
	case c.Counts.Refused > 0:
		status, class = StatusRefused, op.ErrFindings
	}
	if len(c.Targets) > 1 {
		return fmt.Errorf("%w: of %d servers %d failed, %d were refused, %d have expired or will soon",
			class, c.Counts.Total, c.Counts.Failed, c.Counts.Refused, c.Counts.Expired)
	}
	i := slices.IndexFunc(c.Targets, func(r *Result) bool { return r.Status == status })
	first := c.Targets[i].Findings[0]
	return &op.Problem{Code: op.NotValid, Found: first.Remedy, Err: fmt.Errorf("%w: %s: %s", class, c.Targets[i].Address, first.Cause)}
}
