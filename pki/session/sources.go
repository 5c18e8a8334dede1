package session

import "sync"

// sources has the sentence behind each rule.
var sources = sync.OnceValue(func() map[Rule]Source {
	return map[Rule]Source{
		ruleRequiredOld: {
			docNoAuto, secOptions + ", SSLREQUIRED",
			"The default value Default enables existing session-security connections to servers earlier than V8.1.2.", Stated,
		},
		ruleRequiredNew: {
			docNoAuto, secOptions + ", SSLREQUIRED",
			"Default automatically configures the client to securely connect to a V8.1.2 or newer server by using TLS for " +
				"authentication.", Stated,
		},
		ruleRequiredLDAP: {docClient, "sslrequired", "Default: SSL is required if AUTHENTICATION=LDAP is set at the server.", Stated},
		ruleRequiredYes: {
			docClient, "sslrequired",
			"Yes: SSL is always required, whatever AUTHENTICATION is at the server; SSL Yes must be set too.", Stated,
		},
		ruleRequiredNo: {docClient, "sslrequired", "No: SSL is never required.", Stated},
		ruleRequiredServer: {
			docClient, "sslrequired",
			"SERVERonly: SSL is required to the server, not to the storage agent; use LANFREESSL for that.", Stated,
		},
		ruleRequiredAgent: {
			docClient, "sslrequired",
			"Yes requires SSL to the storage agent too, because SERVERonly is the value that does not.", Inferred,
		},
		ruleRequiredIgnored: {
			docClient, "sslrequired",
			"The option no longer applies to servers of 8.1.2 and later, and of 7.1.8 and later in version 7.", Stated,
		},

		ruleSSLNoOld: {
			docNoAuto, secOptions + ", SSL",
			"No indicates that encryption is not used when data is transferred between the client and a server earlier than V8.1.2.", Stated,
		},
		ruleSSLYesOld: {docClient, "ssl", "To servers of 8.1.1 and earlier, and of 7.1.7 and earlier, Yes means that SSL is used.", Stated},
		ruleSSLNoNew: {
			docNoAuto, secOptions + ", SSL",
			"When the client connects to a V8.1.2 or later server, No indicates that object data is not encrypted. All " +
				"other information is encrypted.", Stated,
		},
		ruleSSLYesNew: {
			docNoAuto, secOptions + ", SSL",
			"When the client connects to a V8.1.2 or later server, Yes indicates that SSL is used to encrypt all " +
				"information, including object data.", Stated,
		},

		ruleAcceptNo: {
			docNoAuto, secOptions + ", SSLACCEPTCERTFROMSERV",
			"No: the client does not automatically accept a self-signed public certificate from the server when it first connects.", Stated,
		},
		ruleAcceptYes: {
			docFastPath, secOptions + ", SSLACCEPTCERTFROMSERV",
			"Yes enables the client to automatically accept a self-signed public certificate from a V8.1.2 or later server.", Stated,
		},
		ruleAcceptOld: {
			docNoAuto, secOptions + ", SSLACCEPTCERTFROMSERV",
			"The option speaks of V8.1.2 or later servers, so the certificate of an earlier one is imported by hand.", Inferred,
		},
		ruleAcceptLDAP: {
			docFastPath, "Attention",
			"This scenario cannot be used if the server is configured for LDAP authentication; import the certificates with dsmcert.", Stated,
		},
		ruleAcceptStrict: {
			docFastPath, "first paragraphs",
			"Certificates are obtained automatically while the server's SESSIONSECURITY parameter is TRANSITIONAL.", Stated,
		},
		ruleAcceptPresent: {
			docNoAuto, secCases + ", 2",
			"If the client already has a server certificate for SSL communication, the SSLACCEPTCERTFROMSERV option does not apply.", Stated,
		},
		ruleAcceptCANot: {
			docNoAuto, "first paragraph (8.1.2 to 8.1.8)",
			"Certificates that a CA signed are not distributed automatically.", Stated,
		},
		ruleAcceptCABetween: {
			docTLS, "8.1.9 to 8.1.12",
			"Whether certificates that a CA signed are distributed is not known; take it that they are not.", Unconfirmed,
		},
		ruleAcceptCA: {
			docTLS, "8.1.13",
			"Both self-signed and CA-signed certificates are distributed at the first connection while SESSIONSECURITY is " +
				"not STRICT.", Stated,
		},
		ruleAcceptOnce: {
			docCommands, "SESSIONSECURITY (8.1.9)",
			"TRANSITIONAL becomes STRICT after the first secure session, and certificates are transferred only then.", Stated,
		},
		rulePerServer: {docNoAuto, secCases + ", 5", "Session security is managed per server.", Stated},

		ruleFIPSNo: {
			docNoAuto, secOptions + ", SSLFIPSMODE",
			"No indicates that a Federal Information Processing Standards (FIPS) certified SSL library is not needed.", Stated,
		},
		ruleFIPSYes: {docClient, "sslfipsmode", "Yes restricts SSL sessions to FIPS-approved cipher suites.", Stated},

		ruleLegacyNo: {
			docNoAuto, secOld + ", SSLDISABLELEGACYTLS",
			"No indicates that connections at TLS 1.1 and lower SSL protocols are allowed to a server of V8.1.1 or V7.1.7 " +
				"or earlier.", Stated,
		},
		ruleLegacyYes:     {docClient, "ssldisablelegacytls", "Yes requires TLS 1.2 or above.", Stated},
		ruleLegacyIgnored: {docNoAuto, secOld, "The option is ignored when the client connects to a V8.1.2 or later server.", Stated},

		ruleLANFreeOff: {docClient, "enablelanfree", "Without ENABLELANFREE Yes the client does not use a storage agent.", Inferred},
		ruleLANFreeOld: {
			docNoAuto, secOld + ", LANFREESSL",
			"LANFREESSL specifies whether the client uses SSL communication with the storage agent.", Stated,
		},
		ruleLANFreeNo:      {docClient, "lanfreessl", "The default is No.", Unconfirmed},
		ruleLANFreeIgnored: {docNoAuto, secOld, "LANFREESSL is ignored when the client connects to a V8.1.2 or later server.", Stated},
		ruleLANFreeData: {
			docClient, "ssl",
			"SSL decides about object data to a storage agent of 8.1.2 and later as it does to a server.", Inferred,
		},
		ruleLANFreePort: {
			docClient, "lanfreetcpport",
			"The client connects to LANFREETCPPORT of the storage agent, 1500 by default.", Unconfirmed,
		},
		ruleAgentVerified: {
			docTLS, "Table 1, client through a storage agent",
			"The client verifies each certificate when it initiates SSL communication separately with the server and the " +
				"storage agent.", Stated,
		},
		ruleAgentAuto: {
			docSecuring, "storage agents",
			"Storage agents of 7.1.8 or later, or 8.1.3 or later, are automatically configured to use SSL.", Stated,
		},
		ruleAgentHand: {docSecuring, "storage agents", "You must manually configure version 8.1.2 storage agents to use SSL.", Stated},

		ruleReplName: {
			docClient, "myreplicationserver",
			"MYREPLICATIONSERVER names up to two failover servers in the SERVERNAME stanza.", Stated,
		},
		ruleReplStanza: {
			docClient, "replservername",
			"The primary server sends the failover server's data at a normal logon; the client saves them in a " +
				"REPLSERVERNAME stanza.", Stated,
		},
		ruleReplSSLPort: {docClient, "replsslport", "REPLSSLPORT is used only if the client uses SSL.", Stated},
		ruleReplPort:    {docClient, "replsslport", "REPLTCPPORT is used if the client does not use SSL.", Stated},
		ruleReplNew: {
			docClient, "replsslport",
			"REPLSSLPORT is deprecated towards 8.1.2 and 7.1.8 or later, so the session goes to REPLTCPPORT.", Inferred,
		},

		ruleTransport: {docServer, "SSLTCPADMINPORT", "SSL needs COMMMETHOD TCPIP or V6TCPIP.", Stated},
		ruleTransportFirst: {
			docFastPath, "Note",
			"A first contact by Shared Memory or Named Pipes makes SESSIONSECURITY STRICT without the certificate; reset " +
				"it to TRANSITIONAL for TCP/IP.", Stated,
		},
		ruleClientOld: {
			docSecuring, "8.1.2",
			"A client before 8.1.2 and 7.1.8 follows the rules for an earlier server with every server.", Inferred,
		},
		ruleClientStrict: {docCommands, "SESSIONSECURITY", "STRICT demands programs of 8.1.2 or later and TLS 1.2 or later.", Unconfirmed},

		rulePort: {docClient, "tcpport", "The client connects to TCPPORT of the server, 1500 by default.", Unconfirmed},
		rulePortPlain: {
			docPorts, "first paragraph",
			"TCPPORT and TCPADMINPORT are for regular protocols, SSLTCPPORT and SSLTCPADMINPORT for TLS.", Stated,
		},
		rulePortBoth: {
			docServer, "SSLTCPPORT",
			"Since 8.1.2 and 7.1.8 SSLTCPPORT is not needed: TCPPORT takes SSL and other sessions.", Stated,
		},
		rulePortSame:     {docServer, "SSLTCPPORT", "If it is the same number as TCPPORT, the port takes SSL sessions only.", Stated},
		ruleSSLPort:      {docServer, "SSLTCPPORT", "SSLTCPPORT is for SSL-enabled client sessions only and has no default.", Stated},
		ruleSSLAdminPort: {docServer, "SSLTCPADMINPORT", "SSLTCPADMINPORT is for SSL-enabled administrative sessions only.", Stated},
		ruleAdminPort: {
			docServer, "TCPADMINPORT",
			"Administrative sessions use the port that TCPADMINPORT specifies, by default that of TCPPORT.", Stated,
		},
		ruleAdminOnClient: {
			docServer, "ADMINONCLIENTPORT",
			"Administrative sessions are allowed on either port unless ADMINONCLIENTPORT is NO.", Stated,
		},
		rulePortTLSOnly: {docServer, "SSLTCPADMINPORT", "An SSL-only port as the client's TCPPORT needs SSL Yes.", Stated},

		ruleTLSOldMax: {docSecuring, "8.1.11", "Programs before 8.1.2 do not know TLS 1.3, which came with 8.1.11.", Inferred},
		ruleTLS12: {
			docNoAuto, secCases + ", 4",
			"SSL communication is automatically enhanced to the TLS level that the server needs, which is 1.2 from 8.1.2 on.", Inferred,
		},
		ruleTLS12Auto: {docSecuring, "8.1.4", "Between programs of 8.1.4 and later TLS 1.2 or later is used automatically.", Stated},
		ruleTLS13:     {docSecuring, "8.1.11", "From 8.1.11 on TLS 1.3 is used if both parties can.", Stated},
		ruleTLS13Not:  {docSecuring, "8.1.11", "If either party uses TLS 1.2, both parties use TLS 1.2.", Stated},
		ruleTestFlag:  {docClient, "testflag", "TESTFLAG disable_tls13 limits the session to TLS 1.2.", Inferred},

		ruleLDAPAlways: {
			docPorts, "second paragraph",
			"The connection between the LDAP directory server and the server must be protected.", Stated,
		},
		ruleLDAPVerify: {
			docTLS, "Table 1, server to LDAP server",
			"The server acts as the SSL client and verifies the certificate that the LDAP server provides.", Stated,
		},
		ruleLDAPImport: {
			"Managing passwords and logon procedures (7.1)", "LDAP",
			"Copy the trusted certificate from the LDAP directory server and import it into the server's key database.", Stated,
		},
		ruleLDAPPort: {docPorts, "second paragraph", "The connection defaults to port 389; LDAPURL can define another one.", Stated},
		ruleLDAP13:   {docSecuring, "8.2.0", "From 8.2.0 on the LDAP connection uses TLS 1.3, or 1.2 if a party supports no more.", Stated},
		ruleLDAP12:   {docSecuring, "8.2.0", "Before 8.2.0 the LDAP connection uses TLS 1.2.", Inferred},

		ruleServersVerify: {
			docTLS, "Table 1, server to server",
			"The source server acts as an SSL client and verifies the certificate that the target server provides.", Stated,
		},
		ruleServersAuto: {
			docSecuring, "server to server",
			"Servers of 7.1.8 or 8.1.2 and later exchange their certificates automatically.", Stated,
		},
		ruleServersHand: {
			docSecuring, "server to server",
			"With an older server on either side the certificates are imported by hand, both ways.", Stated,
		},
		ruleServersNo:  {docDead, "SSL on DEFINE SERVER", "Since 8.1.2 some traffic is encrypted even with SSL=NO.", Stated},
		ruleServersYes: {docCommands, "DEFINE SERVER", "SSL=YES encrypts the whole session.", Inferred},
	}
})
