package session

import (
	"net/url"
	"slices"
	"strconv"
)

// Server is what dsmserv.opt or dsmsta.opt says about sessions.
type Server struct {
	// Names are the servers of a storage agent (SERVERNAME in dsmsta.opt).
	Names []string
	// SSLPort and SSLAdminPort have no default; they are 0 then.
	Port, AdminPort, SSLPort, SSLAdminPort Setting[int]
	AdminOnClientPort                      Setting[bool]
	FIPS                                   Setting[bool]
	NoTLS13                                Setting[bool]
	// Transports are the communication methods; none means TCP/IP.
	Transports []Transport
	// LDAP are the directory servers (LDAPURL).
	LDAP []string
}

// Server returns the options of a server or storage agent. Values that are not valid leave the default: ask [File.Err] first.
func (f *File) Server() (*Server, error) {
	if f.Kind.client() {
		return nil, &KindError{Have: f.Kind, Want: DsmServ}
	}
	o := f.Stanzas[0]
	s := &Server{
		Names: o.values("SERVERNAME"), Port: o.port("TCPPORT", defaultPort), SSLPort: o.port("SSLTCPPORT", 0),
		SSLAdminPort: o.port("SSLTCPADMINPORT", 0), AdminOnClientPort: o.yes("ADMINONCLIENTPORT", true),
		FIPS: o.yes("SSLFIPSMODE", false), NoTLS13: o.noTLS13(), LDAP: o.values("LDAPURL"),
	}
	s.AdminPort = o.port("TCPADMINPORT", s.Port.Value)
	for _, method := range o.values("COMMMETHOD") {
		s.Transports = append(s.Transports, Transport(method))
	}
	return s, nil
}

// Listener is a port of a server and what it takes.
type Listener struct {
	Port int
	// Client and Admin are the kinds of sessions: of nodes, and all others.
	Client, Admin bool
	// Plain and TLS say how they may begin.
	Plain, TLS bool
	Because    []Rule
}

// Listeners lists the ports of a server of a level, lowest first.
func (s *Server) Listeners(level Level) []Listener {
	if len(s.Transports) > 0 && !slices.ContainsFunc(s.Transports, Transport.Network) {
		return nil
	}
	ports := map[int]*Listener{}
	at := func(port int, rule Rule) *Listener {
		l := ports[port]
		if l == nil {
			l = &Listener{Port: port, Plain: true, TLS: level.Secure()}
			ports[port] = l
		}
		l.Because = append(l.Because, rule)
		return l
	}
	open := rulePortPlain
	if level.Secure() {
		open = rulePortBoth
	}
	at(s.Port.Value, open).Client = true
	at(s.AdminPort.Value, ruleAdminPort).Admin = true
	if s.AdminOnClientPort.Value {
		at(s.Port.Value, ruleAdminOnClient).Admin = true
	}
	s.secure(at)
	var list []Listener
	for _, l := range ports {
		list = append(list, *l)
	}
	slices.SortFunc(list, func(a, b Listener) int { return a.Port - b.Port })
	return list
}

// secure adds the ports that take TLS only; one that TCPPORT or TCPADMINPORT names too takes nothing else any more.
func (s *Server) secure(at func(int, Rule) *Listener) {
	only := func(port int, own Rule) *Listener {
		rule := own
		if port == s.Port.Value || port == s.AdminPort.Value {
			rule = rulePortSame
		}
		l := at(port, rule)
		l.Plain, l.TLS = false, true
		return l
	}
	if s.SSLPort.Value != 0 {
		l := only(s.SSLPort.Value, ruleSSLPort)
		l.Client = true
		l.Admin = l.Admin || s.AdminOnClientPort.Value
	}
	if s.SSLAdminPort.Value != 0 {
		only(s.SSLAdminPort.Value, ruleSSLAdminPort).Admin = true
	}
}

// listener finds the port among those of a level.
func (s *Server) listener(port int, level Level) (Listener, bool) {
	list := s.Listeners(level)
	i := slices.IndexFunc(list, func(l Listener) bool { return l.Port == port })
	if i < 0 {
		return Listener{}, false
	}
	return list[i], true
}

// ldapPort is the port of an LDAPURL.
func ldapPort(text string) int {
	u, err := url.Parse(text)
	if err != nil {
		return 389
	}
	if n, err := strconv.Atoi(u.Port()); err == nil && n > 0 && n < 65536 {
		return n
	}
	if u.Scheme == "ldaps" {
		return 636
	}
	return 389
}
