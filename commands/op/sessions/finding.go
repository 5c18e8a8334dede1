package sessions

import (
	"cmp"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"certkdb/commands/op"
	"certkdb/commands/op/inspect"
	"certkdb/pki/path"
	"certkdb/pki/probe"
)

// Finding is something that is wrong with a connection. Codes are those of package probe for failures and those of package path for
// certificates, and a few of this package. Front ends add the remedy.
type Finding struct {
	Code   string `json:"code"`
	Cause  string `json:"cause"`
	Remedy string `json:"remedy,omitempty"`
	Side   Side   `json:"side"`
	// What remedies name.
	Details Details `json:"-"`
}

// Details are what a finding is about; most have none.
type Details struct {
	Subject     string         // of a certificate that is missing or not trusted
	URL         string         // where it can be had
	Label       string         // an entry of the database
	Speaks      probe.Protocol // what the server seems to speak
	Alert       string
	Fingerprint string // of what the server presented
	Proposed    string // the remedy that package path names
}

// Side is where something has to be done.
type Side string

// The sides.
const (
	SideServer  Side = "server"
	SideClient  Side = "client"
	SideNetwork Side = "network"
)

// The codes of this package.
const (
	CodeIncomplete  = "incomplete-chain"
	CodeSelfSigned  = "self-signed"
	CodeExpired     = "expired"
	CodeChanged     = "changed"
	CodeFingerprint = "fingerprint"
	CodeByHand      = "by-hand"
	CodeDistrusted  = "distrusted"
)

// fail says why there was no complete handshake.
func (r *Result) fail(o Connect, seen *probe.Result, err error, timeout time.Duration) {
	f, ok := errors.AsType[*probe.Failure](err)
	if !ok {
		f = &probe.Failure{Class: probe.ClassProtocol, Err: err}
	}
	finding := Finding{Code: string(f.Class), Side: SideServer, Details: Details{Speaks: f.Speaks, Alert: f.Alert, Label: o.Certificate}}
	host, _, _ := net.SplitHostPort(r.Address)
	switch f.Class {
	case probe.ClassName:
		finding.Side, finding.Cause = SideNetwork, fmt.Sprintf("the name %q cannot be resolved", host)
	case probe.ClassRefused:
		finding.Side, finding.Cause = SideNetwork, "nothing listens there: the connection was refused"
	case probe.ClassUnreachable:
		finding.Side, finding.Cause = SideNetwork, "the server cannot be reached: "+networkText(f.Err)
	case probe.ClassTimeout:
		finding.Cause = timeoutText(f.Stage, timeout)
		if f.Stage == probe.StageConnect {
			finding.Code, finding.Side = "no-answer", SideNetwork
		}
	case probe.ClassVersion, probe.ClassNoCipher:
		finding.Cause = r.nothingInCommon(o, f, seen)
	case probe.ClassCertificateRequired:
		finding.Side, finding.Cause = SideClient, "the server requires a client certificate"
	case probe.ClassCertificateRejected:
		finding.Side = SideClient
		finding.Cause = fmt.Sprintf("the server refuses the client certificate %q: it sent the alert %s", o.Certificate, f.Alert)
	default:
		finding.Cause = r.otherFailure(f)
	}
	r.find(StatusFailed, finding)
}

func timeoutText(stage probe.Stage, timeout time.Duration) string {
	switch stage {
	case probe.StageConnect:
		return fmt.Sprintf("nothing answers within %s", timeout)
	case probe.StageStartTLS:
		return fmt.Sprintf("the server does not go on with STARTTLS within %s", timeout)
	}
	return fmt.Sprintf("the server accepts the connection, but does not answer the handshake within %s", timeout)
}

// nothingInCommon tells what the server speaks instead, if that is known.
func (r *Result) nothingInCommon(o Connect, f *probe.Failure, seen *probe.Result) string {
	wanted := tls.VersionName(max(o.MinVersion, tls.VersionTLS12))
	switch {
	case seen.Legacy != nil && f.Class == probe.ClassVersion:
		return fmt.Sprintf("the server speaks nothing newer than %s, and %s or later is wanted", tls.VersionName(seen.Legacy.Version), wanted)
	case seen.Legacy != nil:
		return fmt.Sprintf("the server knows no modern cipher suite: it chose %s", tls.CipherSuiteName(seen.Legacy.CipherSuite))
	case f.Class == probe.ClassVersion:
		return fmt.Sprintf("the server has no TLS version in common with this client, which wants %s or later", wanted)
	}
	return "the server has no cipher suite, group or signature algorithm in common with this client"
}

// otherFailure is the text of the failures that need no details.
func (r *Result) otherFailure(f *probe.Failure) string {
	said := ""
	if f.Said != "" {
		said = fmt.Sprintf("; it said \"%s\"", f.Said) // escaped already
	}
	switch f.Class {
	case probe.ClassClosed:
		return "the server closed the connection during the handshake, without a word"
	case probe.ClassPlainText:
		return "the server answers in plain text on this port, not in TLS" + said
	case probe.ClassNoStartTLS:
		return fmt.Sprintf("the server does not offer STARTTLS for %s", r.StartTLS) + said
	case probe.ClassInjection:
		return "plain text follows the server's answer to STARTTLS: somebody in between may have put it there" + said
	case probe.ClassServerName:
		return fmt.Sprintf("the server does not know the name %q", r.ServerName)
	case probe.ClassALPN:
		return "the server speaks none of the application protocols"
	case probe.ClassAlert:
		return "the server ended the handshake with the alert " + f.Alert
	case probe.ClassCertificate:
		return "the server's certificate cannot be read"
	}
	return "the server breaks the protocol: " + shorten(cmp.Or(f.Error(), "unknown"))
}

// networkText is the cause without the address, which stands in front already.
func networkText(err error) string {
	if e, ok := errors.AsType[*net.OpError](err); ok && e.Err != nil {
		err = e.Err
	}
	return shorten(err.Error())
}

// incomplete is about an issuer that the server should have sent.
func incomplete(m *probe.Missing, effect string) Finding {
	f := Finding{Code: CodeIncomplete, Side: SideServer, Details: Details{Subject: shorten(m.Subject.String())}}
	if len(m.URLs) > 0 {
		f.Details.URL = shorten(m.URLs[0])
	}
	f.Cause = fmt.Sprintf("the server does not send the certificate of the issuer %q: %s", f.Details.Subject, effect)
	return f
}

// refuse says why the chain is not valid: the first failure of the most hopeful chain is the cause, the others follow.
func (r *Result) refuse(v inspect.Validation, seen *probe.Result, now time.Time) {
	attempt := v.Chains[0]
	for _, f := range attempt.Failures {
		status, finding := StatusRefused, Finding{Code: f.Rule, Side: SideServer, Details: Details{Proposed: f.Remedy, Label: f.Untrusted}}
		finding.Cause = sentence(f)
		switch path.Rule(f.Rule) {
		case path.RuleValidity:
			if r.hasExpired(attempt, f.Position, now) {
				status, finding.Code = StatusExpired, CodeExpired
				if f.Position > 0 {
					finding.Details.Subject = shorten(f.Subject)
				}
			}
		case path.RuleUntrusted, path.RuleNoIssuer, path.RuleSignature:
			finding = r.untrusted(finding, f, seen)
		}
		r.find(status, finding)
	}
	if len(attempt.Failures) == 0 {
		r.find(StatusRefused, Finding{Code: "limit", Side: SideServer, Cause: v.Limit})
	}
}

// untrusted tells the ways apart in which a chain leads nowhere.
func (r *Result) untrusted(finding Finding, f inspect.Failure, seen *probe.Result) Finding {
	finding.Side, finding.Details.Fingerprint = SideClient, r.Chain[0].SHA256
	finding.Details.Subject = shorten(f.Subject)
	switch missing := seen.Shape.Missing; {
	case f.Position == 0 && r.Chain[0].Subject == r.Chain[0].Issuer:
		finding.Code = CodeSelfSigned
		finding.Cause = "the server's certificate is self-signed, and not among the trusted certificates"
	case path.Rule(f.Rule) == path.RuleNoIssuer && missing != nil:
		finding = incomplete(missing, "it is not among the trusted certificates either")
		finding.Details.Fingerprint = r.Chain[0].SHA256
	}
	return finding
}

// sentence makes a sentence of a failure, whose reason speaks of "it".
func sentence(f inspect.Failure) string {
	who := "the server's certificate"
	if f.Position > 0 {
		who = fmt.Sprintf("the CA certificate %q", shorten(f.Subject))
	}
	reason := shorten(f.Reason)
	if rest, ok := strings.CutPrefix(reason, "it "); ok {
		return who + " " + rest
	}
	if strings.HasPrefix(reason, "its ") {
		return who + ": " + reason
	}
	return reason
}

// hasExpired says whether a certificate of an attempt, of those that the server sent, is over, not yet to begin.
func (r *Result) hasExpired(a inspect.Attempt, position int, now time.Time) bool {
	i := slices.IndexFunc(r.Chain, func(s Sent) bool { return s.SHA256 == a.Certificates[position].SHA256 })
	return i >= 0 && r.Chain[i].NotAfter != nil && now.After(*r.Chain[i].NotAfter)
}

// changedFrom puts in front that another certificate is stored for the server.
func (r *Result) changedFrom(label, stored string) {
	now := op.HexDigest(sha256.Sum256(r.raw[0]))
	f := Finding{
		Code: CodeChanged, Side: SideServer, Details: Details{Label: label, Fingerprint: now},
		Cause: fmt.Sprintf("THE SERVER'S CERTIFICATE HAS CHANGED: %q has the fingerprint %s, the server presents %s", label, stored, now),
	}
	r.changed = true
	r.findFirst(f)
}
