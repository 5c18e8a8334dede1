package native

import (
	"cmp"
	"fmt"
	"strings"
	"sync"

	"certkdb/commands/op"
	"certkdb/commands/op/sessions"
	"certkdb/pki/path"
	"certkdb/pki/probe"
)

// addRemedies says of each finding what to do about it. Commands get the database that --db names, if it is not "".
func addRemedies(r *sessions.Result, database string) {
	for i := range r.Findings {
		f := &r.Findings[i]
		if f.Remedy == "" {
			f.Remedy = inDatabase(remedy(r, f), database)
		}
	}
}

// inDatabase adds --db to the command with which a remedy ends.
func inDatabase(remedy, database string) string {
	command := remedy[max(strings.LastIndex(remedy, ": "), 0):]
	if database == "" || !strings.HasPrefix(command, ": certkdb ") {
		return remedy
	}
	return remedy + " --db " + op.Quote(database)
}

const renewRemedy = "on the server: renew the certificate, and reload the server"

// remedies are those that need no details.
var remedies = sync.OnceValue(func() map[string]string {
	return map[string]string{
		string(probe.ClassName):        "check the spelling, and that this machine's name server knows the name",
		string(probe.ClassRefused):     "start the server, or correct the port",
		string(probe.ClassUnreachable): "check the address, the route and the firewalls in between",
		"no-answer":                    "check the address, and whether a firewall drops the packets; or wait longer with --timeout 30s",
		string(probe.ClassTimeout): "perhaps the port is not for TLS: see what the server expects, or ask for TLS with --starttls PROTOCOL; " +
			"or wait longer with --timeout 30s",
		string(probe.ClassClosed): "see the server's log; perhaps it needs another name (--servername), a client certificate (--cert), or " +
			"STARTTLS (--starttls)",
		string(probe.ClassNoStartTLS):  "turn TLS on at the server, or leave --starttls out if the port is for TLS from the beginning",
		string(probe.ClassInjection):   "do not use the connection: update the server, and look for an attacker on the network",
		string(probe.ClassVersion):     "on the server: enable TLS 1.2 or, better, TLS 1.3",
		string(probe.ClassNoCipher):    "on the server: enable modern cipher suites, such as ECDHE with AES-GCM",
		string(probe.ClassServerName):  "give a name that the server knows with --servername NAME, or configure this one on the server",
		string(probe.ClassALPN):        "leave --alpn out, or name a protocol that the server speaks",
		string(probe.ClassAlert):       "see the server's log for the reason",
		string(probe.ClassCertificate): "on the server: install a certificate that follows RFC 5280",
		string(probe.ClassProtocol):    "perhaps the port is not for TLS; otherwise update the server",
		"expiring":                     renewRemedy,
		"wrong-order":                  "on the server: put its own certificate first into the file, then each issuer after what it issued",
		"superfluous":                  "on the server: remove from the file what the list below calls not needed",
		string(path.RuleWeak):          "on the server: install a certificate with a key of 2048 bits or more, signed with SHA-256 or better",
		string(path.RuleRevoked):       "on the server: install a new certificate; do not trust this one",
		"ocsp":                         "on the server: if the certificate was revoked, install a new one; otherwise staple a current response",
		sessions.CodeFingerprint:       "ask the owner of the server which is right; until then do not trust it",
	}
})

func remedy(r *sessions.Result, f *sessions.Finding) string {
	d := f.Details
	switch f.Code {
	case string(probe.ClassPlainText):
		return plainTextRemedy(d.Speaks)
	case string(probe.ClassCertificateRequired):
		return "show it one with --cert LABEL" + issuersText(r)
	case string(probe.ClassCertificateRejected):
		return "on the server: trust the CA of the certificate; or show another one with --cert LABEL" + issuersText(r)
	case sessions.CodeIncomplete:
		return incompleteRemedy(r, d)
	case sessions.CodeSelfSigned:
		return fmt.Sprintf("compare its fingerprint with the server's owner, then: certkdb connect %s%s --save %s --fingerprint %s",
			op.Quote(r.Address), starttlsText(r), op.Quote(r.ServerName), d.Fingerprint)
	case sessions.CodeExpired:
		if d.Subject != "" {
			return fmt.Sprintf("on the server: replace the certificate of %q in the file with its own by the CA's current one", d.Subject)
		}
		return renewRemedy
	case string(path.RuleUntrusted):
		if d.Label != "" {
			return trustRemedy(d.Label)
		}
		return fmt.Sprintf("get the root %q from its owner; if you trust it: certkdb add FILE", d.Subject)
	case string(path.RuleNoIssuer):
		return "get the root of its CA from the owner of the server; if you trust it: certkdb add FILE"
	case sessions.CodeChanged:
		return fmt.Sprintf("somebody may be in between: ask the server's owner whether its certificate was renewed; only then: "+
			"certkdb connect %s%s --save %s --replace --fingerprint %s", op.Quote(r.Address), starttlsText(r), op.Quote(d.Label), d.Fingerprint)
	case sessions.CodeDistrusted:
		return trustRemedy(d.Label)
	case sessions.CodeByHand:
		return byHandRemedy(d)
	}
	return cmp.Or(remedies()[f.Code], d.Proposed)
}

func starttlsText(r *sessions.Result) string {
	if r.StartTLS == "" {
		return ""
	}
	return " --starttls " + string(r.StartTLS)
}

func issuersText(r *sessions.Result) string {
	if r.Request == nil || len(r.Request.Issuers) == 0 {
		return ""
	}
	shown := r.Request.Issuers[:min(len(r.Request.Issuers), 5)]
	return "; the server takes those of " + strings.Join(shown, "; ")
}

func plainTextRemedy(speaks probe.Protocol) string {
	switch speaks {
	case "":
		return "use the server's port for TLS, or ask for TLS with --starttls PROTOCOL"
	case "http":
		return "use the port for HTTPS, mostly 443"
	case "ssh":
		return "this is SSH, which has no certificates of this kind: correct the port"
	}
	return fmt.Sprintf("ask for TLS in its protocol: --starttls %s; or use its port for TLS", speaks)
}

func incompleteRemedy(r *sessions.Result, d sessions.Details) string {
	text := fmt.Sprintf("on the server: append the certificate of %q to the file with its own", d.Subject)
	if d.URL != "" {
		text += ", from " + d.URL
	}
	if r.Status != sessions.StatusWarning {
		text += "; if it is a root that you trust, here: certkdb add FILE"
	}
	return text
}

// byHandRemedy names the commands that import the certificate, ours and IBM's.
func byHandRemedy(d sessions.Details) string {
	return fmt.Sprintf("get the certificate, often cert256.arm, from the server's administrator, then: certkdb add cert256.arm --label %s; "+
		"for the client itself: dsmcert -add -server %s -file cert256.arm", op.Quote(d.Label), op.Quote(d.Label))
}
