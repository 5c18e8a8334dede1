package session

import "fmt"

// Action is something that an administrator does.
type Action string

// The actions.
const (
	// SetOption sets Option to Value in the client's options file.
	SetOption Action = "set-option"
	// ImportCertificate gets the peer's certificate from a trusted source and adds it to the key database.
	ImportCertificate Action = "import-certificate"
	// SetTransitional resets SESSIONSECURITY, so that the certificate is sent once more.
	SetTransitional Action = "set-transitional"
	// LogOn connects to the primary server once, which sends the data of its failover servers.
	LogOn Action = "log-on"
	// UpgradeClient installs a client that a STRICT server takes.
	UpgradeClient Action = "upgrade-client"
	// CheckPort makes sure that TCPPORT is a port for TLS.
	CheckPort Action = "check-port"
	// UsePort changes the client's port to Port.
	UsePort Action = "use-port"
)

// Todo is something to do before a session can open.
type Todo struct {
	Action        Action
	Option, Value string
	// Port is 0 if the server's options open no port for the session.
	Port    int
	Because Rule
}

// Text says what to do.
func (t Todo) Text() string {
	switch t.Action {
	case SetOption:
		return fmt.Sprintf("set %s to %s in the client options", t.Option, t.Value)
	case ImportCertificate:
		return "obtain the peer's certificate, or its root, from a trusted source and add it to the key database"
	case SetTransitional:
		return "update the node or administrator with SESSIONSECURITY=TRANSITIONAL, then connect over TCP/IP"
	case LogOn:
		return "connect to the primary server, which sends the address and ports of its failover servers"
	case UpgradeClient:
		return "upgrade the client to 8.1.2 or later"
	case CheckPort:
		return "make sure that the client's port is the server's SSLTCPPORT"
	case UsePort:
		if t.Port == 0 {
			return "open a port for this session in the server options"
		}
		return fmt.Sprintf("connect to port %d", t.Port)
	}
	return string(t.Action) // unreachable
}
