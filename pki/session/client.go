package session

import (
	"fmt"
	"strconv"
	"strings"
)

// defaultPort is TCPPORT where nothing sets it.
const defaultPort = 1500

// Client is what a stanza of client options says about sessions.
type Client struct {
	// Name is that of the stanza, empty in a dsm.opt.
	Name            string
	Address         Setting[string]
	Port, AdminPort Setting[int]
	Transport       Setting[Transport]
	SSL             Setting[bool]
	Required        Setting[Required]
	// AcceptCertificate is SSLACCEPTCERTFROMSERV.
	AcceptCertificate Setting[bool]
	FIPS              Setting[bool]
	// DisableLegacyTLS has no fixed default: with a server that secures its sessions it is Yes.
	DisableLegacyTLS Setting[bool]
	// NoTLS13 is TESTFLAG disable_tls13.
	NoTLS13 Setting[bool]
	LANFree LANFree
	// Replicas are the failover servers that MYREPLICATIONSERVER names, in its order.
	Replicas []Replica
}

// LANFree is how a client reaches its storage agent.
type LANFree struct {
	Enabled   Setting[bool]
	SSL       Setting[bool]
	Transport Setting[Transport]
	Address   Setting[string]
	Port      Setting[int]
}

// Replica is a failover server.
type Replica struct {
	Name string
	// Stanza says that the file has a REPLSERVERNAME stanza of this name; without it the rest is empty.
	Stanza        bool
	Address       Setting[string]
	Port, SSLPort Setting[int]
	GUID          string
}

// KindError says that a file is of the wrong kind.
type KindError struct{ Have, Want Kind }

// Error implements error.
func (e *KindError) Error() string { return fmt.Sprintf("this is a %s, not a %s", e.Have, e.Want) }

// Client returns the options of a stanza, selected as by [File.Stanza]. Values that are not valid leave the default: ask [File.Err] first.
func (f *File) Client(name string) (*Client, error) {
	if !f.Kind.client() {
		return nil, &KindError{Have: f.Kind, Want: DsmSys}
	}
	s, err := f.Stanza(name)
	if err != nil {
		return nil, err
	}
	c := &Client{
		Name: s.Name, Address: s.text("TCPSERVERADDRESS"), Port: s.port("TCPPORT", defaultPort),
		Transport: s.transport("COMMMETHOD"), SSL: s.yes("SSL", false), AcceptCertificate: s.yes("SSLACCEPTCERTFROMSERV", true),
		FIPS: s.yes("SSLFIPSMODE", false), DisableLegacyTLS: s.yes("SSLDISABLELEGACYTLS", false), NoTLS13: s.noTLS13(),
		Required: Setting[Required]{Value: RequiredDefault},
		LANFree: LANFree{
			Enabled: s.yes("ENABLELANFREE", false), SSL: s.yes("LANFREESSL", false), Transport: s.transport("LANFREECOMMMETHOD"),
			Address: s.text("LANFREETCPSERVERADDRESS"), Port: s.port("LANFREETCPPORT", defaultPort),
		},
	}
	c.AdminPort = s.port("TCPADMINPORT", c.Port.Value)
	if o, ok := s.Option("SSLREQUIRED"); ok {
		c.Required = Setting[Required]{Required(o.Value), o.Line}
	}
	for _, value := range s.values("MYREPLICATIONSERVER") {
		for _, name := range strings.Fields(value) {
			c.Replicas = append(c.Replicas, f.replica(name))
		}
	}
	return c, nil
}

func (f *File) replica(name string) Replica {
	s, err := find(f.Replicas, name)
	if err != nil {
		return Replica{Name: name}
	}
	return Replica{
		Name: s.Name, Stanza: true, Address: s.text("REPLTCPSERVERADDRESS"), GUID: s.text("REPLSERVERGUID").Value,
		Port: s.port("REPLTCPPORT", defaultPort), SSLPort: s.port("REPLSSLPORT", 0),
	}
}

func (s *Stanza) text(name string) Setting[string] {
	o, _ := s.Option(name)
	return Setting[string]{o.Value, o.Line}
}

func (s *Stanza) yes(name string, otherwise bool) Setting[bool] {
	if o, ok := s.Option(name); ok {
		return Setting[bool]{o.Value == "YES", o.Line}
	}
	return Setting[bool]{Value: otherwise}
}

func (s *Stanza) port(name string, otherwise int) Setting[int] {
	if o, ok := s.Option(name); ok {
		n, _ := strconv.Atoi(o.Value) // checked by the reader
		return Setting[int]{n, o.Line}
	}
	return Setting[int]{Value: otherwise}
}

func (s *Stanza) transport(name string) Setting[Transport] {
	o, ok := s.Option(name)
	switch {
	case !ok:
		return Setting[Transport]{Value: TCPIP}
	case o.Value == "SHMEM":
		return Setting[Transport]{SharedMemory, o.Line}
	}
	return Setting[Transport]{Transport(o.Value), o.Line}
}

func (s *Stanza) noTLS13() Setting[bool] {
	for _, o := range s.Options {
		if o.Name == "TESTFLAG" && strings.EqualFold(o.Value, "disable_tls13") {
			return Setting[bool]{true, o.Line}
		}
	}
	return Setting[bool]{}
}
