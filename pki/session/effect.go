package session

import (
	"crypto/tls"
	"slices"
)

// Role is what a peer is to the program whose options are asked.
type Role string

// The roles. A client talks to the first three, a server or storage agent to the last two.
const (
	RoleServer            Role = "server"
	RoleStorageAgent      Role = "storage agent"
	RoleReplicationTarget Role = "replication target"
	RoleLDAPServer        Role = "LDAP server"
	RoleTargetServer      Role = "target server"
)

// Peer is the other side of a session, and what is known of it.
type Peer struct {
	Role  Role
	Level Level
	// LDAP says that the node authenticates with an LDAP directory (AUTHENTICATION=LDAP).
	LDAP bool
	// Strict says that SESSIONSECURITY is STRICT.
	Strict bool
	// CASigned says that a CA signed the peer's certificate; otherwise it is self-signed.
	CASigned bool
	// HasCertificate says that the key database has the peer's certificate, or its root.
	HasCertificate bool
	// Admin asks for an administrative session instead of one of a node.
	Admin bool
	// Replica names the failover server; empty means the first one.
	Replica string
	// Options are the peer's own options, if they are known: the port is checked against them.
	Options *Server
	// DefineSSL and Port are SSL and LLADDRESS of the DEFINE SERVER command for a target server.
	DefineSSL bool
	Port      int
}

// Outcome says whether a session comes about.
type Outcome string

// The outcomes.
const (
	Opens   Outcome = "opens"
	Refused Outcome = "refused"
	// Unused means that the options lead to no such session.
	Unused Outcome = "unused"
)

// Data says what happens to object data.
type Data string

// What happens to object data.
const (
	DataEncrypted Data = "encrypted"
	DataPlain     Data = "plain"
	// DataNone means that the session has none.
	DataNone Data = "none"
)

// Acquisition is how the peer's certificate comes into the key database.
type Acquisition string

// The ways.
const (
	NotNeeded Acquisition = "not needed"
	// Present certificates are used, and never replaced silently.
	Present Acquisition = "present"
	// FirstContact means that the first session brings it.
	FirstContact Acquisition = "first contact"
	// ByHand means that an administrator imports it; until then there is no session.
	ByHand Acquisition = "by hand"
)

// Versions are the lowest and highest TLS version, as crypto/tls counts them; both are 0 without TLS.
type Versions struct{ Min, Max uint16 }

// String returns "TLS 1.2 to TLS 1.3".
func (v Versions) String() string {
	switch {
	case v.Max == 0:
		return "none"
	case v.Min == v.Max:
		return tls.VersionName(v.Min)
	}
	return tls.VersionName(v.Min) + " to " + tls.VersionName(v.Max)
}

// Cell is one answer with the rules that lead to it.
type Cell[T any] struct {
	Value   T
	Because []Rule
}

func cell[T any](value T, because ...Rule) Cell[T] { return Cell[T]{value, because} }

// Ignored is an option of the file that has no effect on a session.
type Ignored struct {
	Option  string
	Line    int
	Because Rule
}

// Session is what the rules say about a session.
type Session struct {
	Peer    Peer
	Outcome Cell[Outcome]
	// Encrypted is about everything but object data: authentication, commands, metadata.
	Encrypted   Cell[bool]
	ObjectData  Cell[Data]
	Versions    Cell[Versions]
	FIPS        Cell[bool]
	Certificate Cell[Acquisition]
	Port        Cell[int]
	Ignored     []Ignored
	Todo        []Todo
}

func (s *Session) refuse(rule Rule, todo ...Todo) {
	if s.Outcome.Value != Refused {
		s.Outcome = cell(Refused)
	}
	s.Outcome.Because = append(s.Outcome.Because, rule)
	s.do(rule, todo...)
}

// do adds what is to be done, each thing once.
func (s *Session) do(rule Rule, todo ...Todo) {
	for _, t := range todo {
		t.Because = rule
		same := func(old Todo) bool { return old.Action == t.Action && old.Option == t.Option }
		if !slices.ContainsFunc(s.Todo, same) {
			s.Todo = append(s.Todo, t)
		}
	}
}

func unused(p Peer, because Rule) Session {
	return Session{
		Peer: p, Outcome: cell(Unused, because), ObjectData: cell(DataNone, because), Certificate: cell(NotNeeded, because),
		Encrypted: cell(false, because), Versions: cell(Versions{}, because),
	}
}

// Session applies the rules to a client of the level own and a peer.
func (c *Client) Session(own Level, p Peer) Session {
	r := ruling{client: c, own: own, secure: own.Secure() && p.Level.Secure()}
	if rule := r.endpoint(p); rule != "" {
		s := unused(p, rule)
		if rule == ruleReplStanza {
			s.do(rule, Todo{Action: LogOn})
		}
		return s
	}
	r.Peer, r.Outcome, r.FIPS, r.Port = p, cell(Opens), fips(c.FIPS.Value), r.endPort
	if !r.transport.Network() {
		r.local()
		return r.Session
	}
	r.encryption()
	r.required()
	r.versions()
	r.certificate()
	r.checkPort()
	r.ignored()
	return r.Session
}

func fips(yes bool) Cell[bool] {
	if yes {
		return cell(true, ruleFIPSYes)
	}
	return cell(false, ruleFIPSNo)
}

// versionsOf limits a session between two programs that secure it themselves.
func versionsOf(own, peer Level, noTLS13 bool) Cell[Versions] {
	v := cell(Versions{tls.VersionTLS12, tls.VersionTLS12}, ruleTLS12)
	if own.AtLeast(Level{8, 1, 4}) && peer.AtLeast(Level{8, 1, 4}) {
		v.Because[0] = ruleTLS12Auto
	}
	switch {
	case !own.AtLeast(Level{8, 1, 11}) || !peer.AtLeast(Level{8, 1, 11}):
		v.Because = append(v.Because, ruleTLS13Not)
	case noTLS13:
		v.Because = append(v.Because, ruleTestFlag)
	default:
		v.Value.Max = tls.VersionTLS13
		v.Because = append(v.Because, ruleTLS13)
	}
	return v
}
