package session

import (
	"crypto/tls"
	"strings"
)

// ruling is the work on one session of a client.
type ruling struct {
	Session
	client *Client
	own    Level
	// secure says that both sides secure their sessions by themselves.
	secure bool
	// ssl is the option that decides about TLS with an old peer: SSL or LANFREESSL.
	ssl       Setting[bool]
	transport Transport
	endPort   Cell[int]
}

// endpoint finds out how the client reaches the peer. If it does not, the result says why.
func (r *ruling) endpoint(p Peer) Rule {
	c := r.client
	r.ssl, r.transport = c.SSL, c.Transport.Value
	switch p.Role {
	case RoleServer:
		r.endPort = cell(c.Port.Value, rulePort)
		if p.Admin {
			r.endPort = cell(c.AdminPort.Value, ruleAdminPort)
		}
	case RoleStorageAgent:
		if !c.LANFree.Enabled.Value {
			return ruleLANFreeOff
		}
		r.ssl, r.transport, r.endPort = c.LANFree.SSL, c.LANFree.Transport.Value, cell(c.LANFree.Port.Value, ruleLANFreePort)
	case RoleReplicationTarget:
		return r.replica(p)
	case RoleLDAPServer:
		return ruleLDAPVerify
	default:
		return ruleServersVerify
	}
	return ""
}

func (r *ruling) replica(p Peer) Rule {
	for _, replica := range r.client.Replicas {
		if p.Replica != "" && !strings.EqualFold(p.Replica, replica.Name) {
			continue
		}
		switch {
		case !replica.Stanza:
			return ruleReplStanza
		case r.secure:
			r.endPort = cell(replica.Port.Value, ruleReplNew)
			if !replica.SSLPort.Default() {
				r.Ignored = append(r.Ignored, Ignored{"REPLSSLPORT", replica.SSLPort.Line, ruleReplNew})
			}
		case r.client.SSL.Value:
			r.endPort = cell(replica.SSLPort.Value, ruleReplSSLPort)
		default:
			r.endPort = cell(replica.Port.Value, ruleReplPort)
		}
		return ""
	}
	return ruleReplName
}

// local is a session over shared memory or a named pipe.
func (r *ruling) local() {
	r.Encrypted, r.ObjectData = cell(false, ruleTransport), cell(DataPlain, ruleTransport)
	r.Versions, r.Certificate = cell(Versions{}, ruleTransport), cell(NotNeeded, ruleTransport)
	r.Port = cell(0, ruleTransport)
	if r.secure && !r.Peer.HasCertificate {
		r.do(ruleTransportFirst, Todo{Action: SetTransitional})
	}
}

func (r *ruling) encryption() {
	agent := r.Peer.Role == RoleStorageAgent
	var because []Rule
	switch {
	case r.secure:
		r.Encrypted = cell(true, ruleRequiredNew, ruleSSLNoNew)
		if r.ObjectData = cell(DataPlain, ruleSSLNoNew); r.client.SSL.Value {
			r.Encrypted = cell(true, ruleRequiredNew, ruleSSLYesNew)
			r.ObjectData = cell(DataEncrypted, ruleSSLYesNew)
		}
		if agent {
			r.ObjectData.Because = append(r.ObjectData.Because, ruleLANFreeData)
		}
		return
	case agent && r.ssl.Default():
		because = []Rule{ruleLANFreeOld, ruleLANFreeNo}
	case agent:
		because = []Rule{ruleLANFreeOld}
	case r.ssl.Value:
		because = []Rule{ruleSSLYesOld}
	default:
		because = []Rule{ruleSSLNoOld}
	}
	if !r.own.Secure() {
		because = append(because, ruleClientOld)
	}
	r.Encrypted, r.ObjectData = cell(r.ssl.Value, because...), cell(DataPlain, because...)
	if r.ssl.Value {
		r.ObjectData.Value = DataEncrypted
	}
}

// required applies SSLREQUIRED, and STRICT to a client that cannot be secure.
func (r *ruling) required() {
	if r.secure {
		return
	}
	if r.Peer.Strict && r.Peer.Level.Secure() {
		r.refuse(ruleClientStrict, Todo{Action: UpgradeClient})
	}
	agent := r.Peer.Role == RoleStorageAgent
	rule, required := ruleRequiredOld, false
	switch r.client.Required.Value {
	case RequiredYes:
		if rule, required = ruleRequiredYes, true; agent {
			rule = ruleRequiredAgent
		}
	case RequiredServerOnly:
		rule, required = ruleRequiredServer, !agent
	case RequiredNo:
		rule = ruleRequiredNo
	default:
		if r.Peer.LDAP {
			rule, required = ruleRequiredLDAP, true
		}
	}
	if required && !r.ssl.Value {
		r.refuse(rule, Todo{Action: SetOption, Option: r.option(), Value: "YES"})
		return
	}
	r.Encrypted.Because = append(r.Encrypted.Because, rule)
}

func (r *ruling) versions() {
	switch {
	case !r.Encrypted.Value:
		r.Versions = cell(Versions{}, r.Encrypted.Because...)
	case r.secure:
		r.Versions = versionsOf(r.own, r.Peer.Level, r.client.NoTLS13.Value)
	case r.client.DisableLegacyTLS.Value:
		r.Versions = cell(Versions{tls.VersionTLS12, tls.VersionTLS12}, ruleLegacyYes, ruleTLSOldMax)
	default:
		r.Versions = cell(Versions{tls.VersionTLS10, tls.VersionTLS12}, ruleLegacyNo, ruleTLSOldMax)
	}
}

func (r *ruling) certificate() {
	r.Certificate = r.acquisition()
	if r.Certificate.Value != ByHand {
		return
	}
	rule := r.Certificate.Because[0]
	r.refuse(rule, Todo{Action: ImportCertificate})
	if rule == ruleAcceptStrict {
		r.do(rule, Todo{Action: SetTransitional})
	}
	if rule == ruleAcceptLDAP {
		r.do(rule, Todo{Action: SetOption, Option: "SSLACCEPTCERTFROMSERV", Value: "NO"})
	}
}

func (r *ruling) acquisition() Cell[Acquisition] {
	p := r.Peer
	switch {
	case !r.Encrypted.Value:
		return cell(NotNeeded, r.Encrypted.Because...)
	case p.HasCertificate:
		return cell(Present, ruleAcceptPresent, rulePerServer)
	case !r.secure:
		return cell(ByHand, ruleAcceptOld)
	case !r.client.AcceptCertificate.Value:
		return cell(ByHand, ruleAcceptNo)
	case p.LDAP:
		return cell(ByHand, ruleAcceptLDAP)
	case p.Strict:
		return cell(ByHand, ruleAcceptStrict)
	case p.Role == RoleStorageAgent && isLevel812(p.Level):
		return cell(ByHand, ruleAgentHand, ruleAgentVerified)
	case p.CASigned && !p.Level.AtLeast(Level{8, 1, 9}):
		return cell(ByHand, ruleAcceptCANot)
	case p.CASigned && !p.Level.AtLeast(Level{8, 1, 13}):
		return cell(ByHand, ruleAcceptCABetween)
	}
	found := cell(FirstContact, ruleAcceptYes, ruleAcceptOnce)
	if p.CASigned {
		found.Because[0] = ruleAcceptCA
	}
	if p.Role == RoleStorageAgent {
		found.Because = append(found.Because, ruleAgentAuto, ruleAgentVerified)
	}
	return found
}

// isLevel812 says whether a storage agent is of 8.1.2, whose certificates are not configured automatically.
func isLevel812(l Level) bool { return l.AtLeast(Level{8, 1, 2}) && !l.AtLeast(Level{8, 1, 3}) }

// checkPort compares the port with what the peer listens on.
func (r *ruling) checkPort() {
	if r.Port.Value == 0 {
		r.refuse(ruleReplSSLPort, Todo{Action: LogOn})
		return
	}
	if r.Peer.Options == nil {
		if r.Encrypted.Value && !r.Peer.Level.Secure() && r.Peer.Role != RoleReplicationTarget {
			r.do(ruleSSLPort, Todo{Action: CheckPort})
		}
		return
	}
	l, found := r.Peer.Options.listener(r.Port.Value, r.Peer.Level)
	switch suggested := r.Peer.Options.suggest(r.Peer.Admin, r.Encrypted.Value, r.Peer.Level); {
	case !found || r.Encrypted.Value && !l.TLS:
		r.refuse(rulePortPlain, Todo{Action: UsePort, Port: suggested})
	case r.Peer.Admin && !l.Admin:
		r.refuse(ruleAdminOnClient, Todo{Action: UsePort, Port: suggested})
	case !r.Peer.Admin && !l.Client:
		r.refuse(ruleAdminPort, Todo{Action: UsePort, Port: suggested})
	case !l.Plain && !r.decisive().Value:
		r.refuse(rulePortTLSOnly, Todo{Action: SetOption, Option: r.option(), Value: "YES"})
	}
}

// decisive is the option that decides about TLS, or about object data if there is always TLS.
func (r *ruling) decisive() Setting[bool] {
	if r.secure {
		return r.client.SSL
	}
	return r.ssl
}

// option is the name of the decisive option.
func (r *ruling) option() string {
	if r.Peer.Role == RoleStorageAgent && !r.secure {
		return "LANFREESSL"
	}
	return "SSL"
}

// suggest finds a port for a session, 0 if the options open none.
func (s *Server) suggest(admin, encrypted bool, level Level) int {
	for _, l := range s.Listeners(level) {
		if (admin && l.Admin || !admin && l.Client) && (encrypted && l.TLS || !encrypted && l.Plain) {
			return l.Port
		}
	}
	return 0
}

// ignored lists the options in the file that have no effect on the session.
func (r *ruling) ignored() {
	add := func(option string, line int, rule Rule) {
		if line > 0 {
			r.Ignored = append(r.Ignored, Ignored{option, line, rule})
		}
	}
	if r.secure {
		add("SSLREQUIRED", r.client.Required.Line, ruleRequiredIgnored)
		add("SSLDISABLELEGACYTLS", r.client.DisableLegacyTLS.Line, ruleLegacyIgnored)
		if r.Peer.Role == RoleStorageAgent {
			add("LANFREESSL", r.client.LANFree.SSL.Line, ruleLANFreeIgnored)
		}
	}
	switch {
	case r.Certificate.Value == Present:
		add("SSLACCEPTCERTFROMSERV", r.client.AcceptCertificate.Line, ruleAcceptPresent)
	case !r.secure:
		add("SSLACCEPTCERTFROMSERV", r.client.AcceptCertificate.Line, ruleAcceptOld)
	}
}
