package session_test

import "certkdb/pki/session"

// ruleCase is a cell of the table of rules.
type ruleCase struct {
	rule session.Rule
	// options are those of the client's stanza.
	options string
	// own and peer are levels, 8.1.14 by default.
	own, peer string
	with      session.Peer
	want      string
}

const (
	has = "opens; encrypted, data plain, TLS 1.2 to TLS 1.3; certificate present; port 1500"
	old = "opens; plain, data plain, none; certificate not needed; port 1500"
)

var (
	trusted     = session.Peer{HasCertificate: true}
	agent       = session.Peer{Role: session.RoleStorageAgent, HasCertificate: true}
	replication = session.Peer{Role: session.RoleReplicationTarget, HasCertificate: true}
)

const failover = "MYREPLICATIONSERVER r\nREPLSERVERNAME r\nREPLTCPPORT 1505\nREPLSSLPORT 1506\n"

var clientCases = []ruleCase{
	{"sslrequired-default-old", "", "", "8.1.1", session.Peer{}, old},
	{"sslrequired-default-old", "", "", "8.1.1", session.Peer{Strict: true}, old},
	{"sslrequired-default-new", "", "", "8.1.2", trusted, "opens; encrypted, data plain, TLS 1.2; certificate present; port 1500"},
	{
		"sslrequired-default-ldap", "", "", "8.1.1",
		session.Peer{LDAP: true},
		"refused; plain, data plain, none; certificate not needed; port 1500; todo set-option SSL YES",
	},
	{
		"sslrequired-default-ldap", "SSL yes\n", "", "7.1.7",
		session.Peer{LDAP: true, HasCertificate: true},
		"opens; encrypted, data encrypted, TLS 1.0 to TLS 1.2; certificate present; port 1500; todo check-port",
	},
	{
		"sslrequired-yes", "SSLREQUIRED yes\n", "", "8.1.1",
		session.Peer{},
		"refused; plain, data plain, none; certificate not needed; port 1500; todo set-option SSL YES",
	},
	{
		"sslrequired-yes", "SSLREQUIRED yes\nSSL yes\n", "", "8.1.1", trusted,
		"opens; encrypted, data encrypted, TLS 1.0 to TLS 1.2; certificate present; port 1500; todo check-port",
	},
	{"sslrequired-no", "SSLREQUIRED no\n", "", "8.1.1", session.Peer{LDAP: true}, old},
	{
		"sslrequired-serveronly", "SSLREQUIRED serveronly\n", "", "8.1.1",
		session.Peer{},
		"refused; plain, data plain, none; certificate not needed; port 1500; todo set-option SSL YES",
	},
	{"sslrequired-serveronly", "SSLREQUIRED serveronly\nENABLELANFREE y\n", "", "8.1.1", agent, old},
	{
		"sslrequired-yes-agent", "SSLREQUIRED yes\nSSL yes\nENABLELANFREE y\n", "", "8.1.1", agent,
		"refused; plain, data plain, none; certificate not needed; port 1500; todo set-option LANFREESSL YES",
	},
	{"sslrequired-ignored", "SSLREQUIRED yes\n", "", "", trusted, has + "; ignored SSLREQUIRED"},
	{
		"sslrequired-ignored", "SSLREQUIRED no\n", "", "7.1.8", trusted,
		"opens; encrypted, data plain, TLS 1.2; certificate present; port 1500; ignored SSLREQUIRED",
	},

	{"ssl-no-old", "SSL no\n", "", "8.1.1", session.Peer{}, old},
	{
		"ssl-yes-old", "SSL yes\n", "", "8.1.1", trusted,
		"opens; encrypted, data encrypted, TLS 1.0 to TLS 1.2; certificate present; port 1500; todo check-port",
	},
	{"ssl-no-new", "SSL no\n", "", "", trusted, has},
	{"ssl-yes-new", "SSL yes\n", "", "", trusted, "opens; encrypted, data encrypted, TLS 1.2 to TLS 1.3; certificate present; port 1500"},

	{
		"accept-no", "SSLACCEPTCERTFROMSERV No\n", "", "",
		session.Peer{},
		"refused; encrypted, data plain, TLS 1.2 to TLS 1.3; certificate by hand; port 1500; todo import-certificate",
	},
	{"accept-yes", "", "", "8.1.2", session.Peer{}, "opens; encrypted, data plain, TLS 1.2; certificate first contact; port 1500"},
	{"accept-once", "", "", "", session.Peer{}, "opens; encrypted, data plain, TLS 1.2 to TLS 1.3; certificate first contact; port 1500"},
	{
		"accept-old", "SSL yes\nSSLACCEPTCERTFROMSERV Yes\n", "", "8.1.1",
		session.Peer{},
		"refused; encrypted, data encrypted, TLS 1.0 to TLS 1.2; certificate by hand; port 1500; " +
			"todo import-certificate, check-port; ignored SSLACCEPTCERTFROMSERV",
	},
	{
		"accept-ldap", "", "", "",
		session.Peer{LDAP: true},
		"refused; encrypted, data plain, TLS 1.2 to TLS 1.3; certificate by hand; port 1500; " +
			"todo import-certificate, set-option SSLACCEPTCERTFROMSERV NO",
	},
	{
		"accept-strict", "", "", "",
		session.Peer{Strict: true},
		"refused; encrypted, data plain, TLS 1.2 to TLS 1.3; certificate by hand; port 1500; todo import-certificate, set-transitional",
	},
	{
		"accept-present", "SSLACCEPTCERTFROMSERV No\n", "",
		"",
		session.Peer{HasCertificate: true, Strict: true, LDAP: true},
		has + "; ignored SSLACCEPTCERTFROMSERV",
	},
	{
		"accept-ca-8.1.2", "", "", "8.1.8",
		session.Peer{CASigned: true},
		"refused; encrypted, data plain, TLS 1.2; certificate by hand; port 1500; todo import-certificate",
	},
	{
		"accept-ca-8.1.2", "", "", "7.1.9",
		session.Peer{CASigned: true},
		"refused; encrypted, data plain, TLS 1.2; certificate by hand; port 1500; todo import-certificate",
	},
	{
		"accept-ca-8.1.9", "", "", "8.1.12",
		session.Peer{CASigned: true},
		"refused; encrypted, data plain, TLS 1.2 to TLS 1.3; certificate by hand; port 1500; todo import-certificate",
	},
	{
		"accept-ca-8.1.13", "", "", "8.1.13",
		session.Peer{CASigned: true},
		"opens; encrypted, data plain, TLS 1.2 to TLS 1.3; certificate first contact; port 1500",
	},
	{"certificate-per-server", "", "", "", trusted, has},

	{"sslfipsmode-no", "SSLFIPSMODE no\n", "", "", trusted, has},
	{"sslfipsmode-yes", "SSLFIPSMODE yes\n", "", "", trusted, has},

	{
		"ssldisablelegacytls-no", "SSL yes\nSSLDISABLELEGACYTLS no\n", "", "8.1.1", trusted,
		"opens; encrypted, data encrypted, TLS 1.0 to TLS 1.2; certificate present; port 1500; todo check-port",
	},
	{
		"ssldisablelegacytls-yes", "SSL yes\nSSLDISABLELEGACYTLS yes\n", "", "7.1.7", trusted,
		"opens; encrypted, data encrypted, TLS 1.2; certificate present; port 1500; todo check-port",
	},
	{"ssldisablelegacytls-ignored", "SSLDISABLELEGACYTLS no\n", "", "", trusted, has + "; ignored SSLDISABLELEGACYTLS"},

	{"enablelanfree-no", "LANFREESSL yes\n", "", "", agent, "unused; plain, data none, none; certificate not needed; port 0"},
	{
		"lanfreessl-old", "ENABLELANFREE y\nLANFREESSL yes\nLANFREETCPPORT 1502\n", "", "8.1.1", agent,
		"opens; encrypted, data encrypted, TLS 1.0 to TLS 1.2; certificate present; port 1502; todo check-port",
	},
	{"lanfreessl-no", "ENABLELANFREE y\nSSL yes\n", "", "8.1.1", agent, old},
	{"lanfreessl-ignored", "ENABLELANFREE y\nLANFREESSL no\n", "", "", agent, has + "; ignored LANFREESSL"},
	{
		"lanfree-object-data", "ENABLELANFREE y\nSSL yes\n", "", "", agent,
		"opens; encrypted, data encrypted, TLS 1.2 to TLS 1.3; certificate present; port 1500",
	},
	{
		"lanfreetcpport", "ENABLELANFREE y\nLANFREETCPPORT 1502\n", "", "", agent,
		"opens; encrypted, data plain, TLS 1.2 to TLS 1.3; certificate present; port 1502",
	},
	{
		"storage-agent-verified", "ENABLELANFREE y\n", "", "8.1.3",
		session.Peer{Role: session.RoleStorageAgent},
		"opens; encrypted, data plain, TLS 1.2; certificate first contact; port 1500",
	},
	{
		"storage-agent-automatic", "ENABLELANFREE y\n", "", "7.1.8",
		session.Peer{Role: session.RoleStorageAgent},
		"opens; encrypted, data plain, TLS 1.2; certificate first contact; port 1500",
	},
	{
		"storage-agent-8.1.2", "ENABLELANFREE y\n", "", "8.1.2",
		session.Peer{Role: session.RoleStorageAgent},
		"refused; encrypted, data plain, TLS 1.2; certificate by hand; port 1500; todo import-certificate",
	},

	{"myreplicationserver", "", "", "", replication, "unused; plain, data none, none; certificate not needed; port 0"},
	{
		"replservername", "MYREPLICATIONSERVER r\n", "", "", replication,
		"unused; plain, data none, none; certificate not needed; port 0; todo log-on",
	},
	{
		"replsslport-old", "SSL yes\n" + failover, "", "8.1.1", replication,
		"opens; encrypted, data encrypted, TLS 1.0 to TLS 1.2; certificate present; port 1506",
	},
	{
		"replsslport-old", "SSL yes\nMYREPLICATIONSERVER r\nREPLSERVERNAME r\n", "", "8.1.1", replication,
		"refused; encrypted, data encrypted, TLS 1.0 to TLS 1.2; certificate present; port 0; todo log-on",
	},
	{"repltcpport", failover, "", "8.1.1", replication, "opens; plain, data plain, none; certificate not needed; port 1505"},
	{
		"replsslport-ignored", "SSL yes\n" + failover, "", "7.1.8", replication,
		"opens; encrypted, data encrypted, TLS 1.2; certificate present; port 1505; ignored REPLSSLPORT",
	},

	{
		"transport", "COMMMETHOD sharedmem\nSSL yes\n", "", "8.1.1",
		session.Peer{},
		"opens; plain, data plain, none; certificate not needed; port 0",
	},
	{
		"transport-first-contact", "COMMMETHOD namedpipes\n", "", "",
		session.Peer{},
		"opens; plain, data plain, none; certificate not needed; port 0; todo set-transitional",
	},
	{"client-old", "", "8.1.1", "", session.Peer{}, old},
	{
		"client-old", "SSL yes\n", "7.1.7", "", trusted,
		"opens; encrypted, data encrypted, TLS 1.0 to TLS 1.2; certificate present; port 1500",
	},
	{
		"client-old-strict", "", "8.1.1", "",
		session.Peer{Strict: true},
		"refused; plain, data plain, none; certificate not needed; port 1500; todo upgrade-client",
	},

	{"tcpport", "TCPPORT 1601\n", "", "", trusted, "opens; encrypted, data plain, TLS 1.2 to TLS 1.3; certificate present; port 1601"},
	{
		"tcpadminport", "TCPPORT 1601\nTCPADMINPORT 1602\n", "", "",
		session.Peer{HasCertificate: true, Admin: true},
		"opens; encrypted, data plain, TLS 1.2 to TLS 1.3; certificate present; port 1602",
	},
	{
		"ssltcpport", "SSL yes\n", "", "8.1.1", trusted,
		"opens; encrypted, data encrypted, TLS 1.0 to TLS 1.2; certificate present; port 1500; todo check-port",
	},

	{
		"tls-old", "SSL yes\n", "8.2.0", "8.1.1", trusted,
		"opens; encrypted, data encrypted, TLS 1.0 to TLS 1.2; certificate present; port 1500; todo check-port",
	},
	{"tls12", "", "8.1.14", "8.1.2", trusted, "opens; encrypted, data plain, TLS 1.2; certificate present; port 1500"},
	{"tls12-8.1.4", "", "8.1.4", "8.1.4", trusted, "opens; encrypted, data plain, TLS 1.2; certificate present; port 1500"},
	{"tls13", "", "8.1.11", "8.1.11", trusted, has},
	{"tls13-not", "", "8.1.10", "8.1.11", trusted, "opens; encrypted, data plain, TLS 1.2; certificate present; port 1500"},
	{"tls13-not", "", "8.1.11", "8.1.10", trusted, "opens; encrypted, data plain, TLS 1.2; certificate present; port 1500"},
	{
		"testflag-disable_tls13", "TESTFLAG disable_tls13\n", "8.2.0", "8.2.0", trusted,
		"opens; encrypted, data plain, TLS 1.2; certificate present; port 1500",
	},

	{
		"ldap-verified", "", "", "",
		session.Peer{Role: session.RoleLDAPServer},
		"unused; plain, data none, none; certificate not needed; port 0",
	},
	{
		"server-to-server-verified", "", "", "",
		session.Peer{Role: session.RoleTargetServer},
		"unused; plain, data none, none; certificate not needed; port 0",
	},
}

// portCases hold the client's port against the options of the server.
var portCases = []struct {
	rule           session.Rule
	client, server string
	level          string
	admin          bool
	want           string
}{
	{
		"tcpport-old", "SSL yes\n", "SSLTCPPORT 1543\n", "8.1.1", false,
		"refused; encrypted, data encrypted, TLS 1.0 to TLS 1.2; certificate present; port 1500; todo use-port 1543",
	},
	{
		"tcpport-old", "SSL yes\n", "", "8.1.1", false,
		"refused; encrypted, data encrypted, TLS 1.0 to TLS 1.2; certificate present; port 1500; todo use-port",
	},
	{
		"tcpport", "TCPP 1543\nSSL yes\n", "SSLTCPPORT 1543\n", "8.1.1", false,
		"opens; encrypted, data encrypted, TLS 1.0 to TLS 1.2; certificate present; port 1543",
	},
	{
		"tcpport", "SSL yes\n", "SSLTCPPORT 1543\n", "8.1.2", false,
		"opens; encrypted, data encrypted, TLS 1.2; certificate present; port 1500",
	},
	{
		"ssl-only-port", "TCPP 1543\n", "SSLTCPPORT 1543\n", "8.1.2", false,
		"refused; encrypted, data plain, TLS 1.2; certificate present; port 1543; todo set-option SSL YES",
	},
	{
		"ssl-only-port", "", "SSLTCPPORT 1500\n", "8.1.1", false,
		"refused; plain, data plain, none; certificate not needed; port 1500; todo set-option SSL YES",
	},
	{
		"adminonclientport", "", "TCPADMINPORT 1502\nADMINONCLIENTPORT no\n", "8.1.2", true,
		"refused; encrypted, data plain, TLS 1.2; certificate present; port 1500; todo use-port 1502",
	},
	{
		"tcpadminport", "TCPP 1502\n", "TCPADMINPORT 1502\n", "8.1.2", false,
		"refused; encrypted, data plain, TLS 1.2; certificate present; port 1502; todo use-port 1500",
	},
	{
		"tcpadminport", "TCPADMINP 1502\n", "TCPADMINPORT 1502\n", "8.1.2", true,
		"opens; encrypted, data plain, TLS 1.2; certificate present; port 1502",
	},
}

// initiatorCases are sessions that a server or storage agent initiates.
var initiatorCases = []struct {
	rule      session.Rule
	options   string
	own, peer string
	with      session.Peer
	want      string
}{
	{
		"ldap-protected", "LDAPURL ldap://d.example.org:1389/ou=x\n", "8.1.14", "8.1.14",
		session.Peer{Role: session.RoleLDAPServer, HasCertificate: true},
		"opens; encrypted, data none, TLS 1.2; certificate present; port 1389",
	},
	{
		"ldap-verified", "LDAPURL ldaps://d.example.org\n", "8.1.14", "8.1.14",
		session.Peer{Role: session.RoleLDAPServer, HasCertificate: true},
		"opens; encrypted, data none, TLS 1.2; certificate present; port 636",
	},
	{
		"ldap-import", "LDAPURL ldap://d.example.org\n", "8.1.14", "8.1.14",
		session.Peer{Role: session.RoleLDAPServer},
		"refused; encrypted, data none, TLS 1.2; certificate by hand; port 389; todo import-certificate",
	},
	{
		"ldap-port", "LDAPURL ldap://%zz\n", "8.1.14", "8.1.14",
		session.Peer{Role: session.RoleLDAPServer, HasCertificate: true},
		"opens; encrypted, data none, TLS 1.2; certificate present; port 389",
	},
	{
		"ldap-port", "", "8.1.14", "8.1.14",
		session.Peer{Role: session.RoleLDAPServer},
		"unused; plain, data none, none; certificate not needed; port 0",
	},
	{
		"ldap-tls13", "LDAPURL ldap://d.example.org\n", "8.2.0", "8.2.0",
		session.Peer{Role: session.RoleLDAPServer, HasCertificate: true},
		"opens; encrypted, data none, TLS 1.2 to TLS 1.3; certificate present; port 389",
	},
	{
		"testflag-disable_tls13", "LDAPURL ldap://d.example.org\nTESTFLAG disable_tls13\n", "8.2.0", "8.2.0",
		session.Peer{Role: session.RoleLDAPServer, HasCertificate: true},
		"opens; encrypted, data none, TLS 1.2; certificate present; port 389",
	},
	{
		"ldap-tls12", "LDAPURL ldap://d.example.org\n", "8.1.26", "8.1.26",
		session.Peer{Role: session.RoleLDAPServer, HasCertificate: true},
		"opens; encrypted, data none, TLS 1.2; certificate present; port 389",
	},

	{
		"server-to-server-verified", "", "8.1.14",
		"8.1.14",
		session.Peer{Role: session.RoleTargetServer, Port: 1500, HasCertificate: true},
		has,
	},
	{
		"server-to-server-automatic", "", "8.1.2", "7.1.8",
		session.Peer{Role: session.RoleTargetServer, Port: 1500},
		"opens; encrypted, data plain, TLS 1.2; certificate first contact; port 1500",
	},
	{
		"server-to-server-by-hand", "", "8.1.1", "8.1.14",
		session.Peer{Role: session.RoleTargetServer, Port: 1543, DefineSSL: true},
		"refused; encrypted, data encrypted, TLS 1.0 to TLS 1.2; certificate by hand; port 1543; todo import-certificate",
	},
	{
		"define-server-ssl-no", "", "8.1.1", "8.1.1",
		session.Peer{Role: session.RoleTargetServer, Port: 1500},
		"opens; plain, data plain, none; certificate not needed; port 1500",
	},
	{
		"define-server-ssl-no", "", "8.1.2", "8.1.2",
		session.Peer{Role: session.RoleTargetServer, Port: 1500, HasCertificate: true},
		"opens; encrypted, data plain, TLS 1.2; certificate present; port 1500",
	},
	{
		"define-server-ssl-yes", "", "8.1.11", "8.1.11",
		session.Peer{Role: session.RoleTargetServer, Port: 1500, DefineSSL: true, HasCertificate: true},
		"opens; encrypted, data encrypted, TLS 1.2 to TLS 1.3; certificate present; port 1500",
	},
	{
		"storage-agent-automatic", "SERVERNAME v\n", "8.1.3", "8.1.2",
		session.Peer{Role: session.RoleTargetServer, Port: 1500},
		"opens; encrypted, data plain, TLS 1.2; certificate first contact; port 1500",
	},
	{
		"storage-agent-8.1.2", "SERVERNAME v\n", "8.1.2", "8.1.2",
		session.Peer{Role: session.RoleTargetServer, Port: 1500},
		"refused; encrypted, data plain, TLS 1.2; certificate by hand; port 1500; todo import-certificate",
	},
	{
		"server-to-server-verified", "", "8.1.14", "8.1.14",
		session.Peer{Role: session.RoleServer},
		"unused; plain, data none, none; certificate not needed; port 0",
	},
}

// listenerCases are the ports of a server.
var listenerCases = []struct {
	rule    session.Rule
	options string
	level   string
	want    string
}{
	{"tcpport-old", "", "8.1.1", "1500 client admin plain"},
	{"tcpport-new", "", "8.1.2", "1500 client admin plain TLS"},
	{"tcpport-new", "", "7.1.8", "1500 client admin plain TLS"},
	{"ssltcpport", "SSLTCPPORT 1543\n", "8.1.1", "1500 client admin plain, 1543 client admin TLS"},
	{"ssltcpport-same", "SSLTCPPORT 1500\n", "8.1.2", "1500 client admin TLS"},
	{"ssltcpport-same", "TCPADMINPORT 1501\nSSLTCPPORT 1500\n", "8.1.2", "1500 client admin TLS, 1501 admin plain TLS"},
	{
		"ssltcpadminport", "SSLTCPPORT 1543\nSSLTCPADMINPORT 1544\nADMINONCLIENTPORT no\n", "8.1.1",
		"1500 client admin plain, 1543 client TLS, 1544 admin TLS",
	},
	{"tcpadminport", "TCPPORT 1600\nTCPADMINPORT 1601\nADMINONCLIENTPORT no\n", "8.1.2", "1600 client plain TLS, 1601 admin plain TLS"},
	{"adminonclientport", "TCPADMINPORT 1601\n", "8.1.2", "1500 client admin plain TLS, 1601 admin plain TLS"},
	{"transport", "COMMMETHOD SHAREDMEM\n", "8.1.2", ""},
}
