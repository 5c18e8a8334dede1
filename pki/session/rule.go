package session

// Rule names a rule of Storage Protect. The names are stable: scripts may compare them.
type Rule string

// Standing says how sure a rule is.
type Standing string

// The standings.
const (
	// Stated rules stand in a document.
	Stated Standing = "stated"
	// Inferred rules follow from documents that do not say so themselves.
	Inferred Standing = "inferred"
	// Unconfirmed rules are believed; no document was seen.
	Unconfirmed Standing = "unconfirmed"
)

// Source is where a rule comes from.
type Source struct {
	// Document and Section name IBM's text.
	Document, Section string
	// Text is the rule in one sentence: the document's own, shortened, or its sense.
	Text     string
	Standing Standing
}

// Source returns where the rule comes from.
func (r Rule) Source() Source { return sources()[r] }

// The documents, by IBM's titles.
const (
	docNoAuto   = "Configuring the client without automatic certificate distribution"
	docFastPath = "Configuring by using the default security settings (fast path)"
	docTLS      = "Secure Sockets Layer and Transport Layer Security communication"
	docClient   = "Client options reference"
	docServer   = "Server options reference"
	docCommands = "Administrative commands"
	docSecuring = "Securing communications"
	docDead     = "Deprecated and removed functions in 8.1.2"
	docPorts    = "Specifying communication ports (7.1.1)"
)

// The sections of docNoAuto and docFastPath.
const (
	secOptions = "Client options that affect session security"
	secOld     = "options that apply only when the client uses SSL connections to a server earlier than V8.1.2"
	secCases   = "Use cases"
)

// The rules of the client's options.
const (
	ruleRequiredOld     Rule = "sslrequired-default-old"
	ruleRequiredNew     Rule = "sslrequired-default-new"
	ruleRequiredLDAP    Rule = "sslrequired-default-ldap"
	ruleRequiredYes     Rule = "sslrequired-yes"
	ruleRequiredNo      Rule = "sslrequired-no"
	ruleRequiredServer  Rule = "sslrequired-serveronly"
	ruleRequiredAgent   Rule = "sslrequired-yes-agent"
	ruleRequiredIgnored Rule = "sslrequired-ignored"

	ruleSSLNoOld  Rule = "ssl-no-old"
	ruleSSLYesOld Rule = "ssl-yes-old"
	ruleSSLNoNew  Rule = "ssl-no-new"
	ruleSSLYesNew Rule = "ssl-yes-new"

	ruleAcceptNo        Rule = "accept-no"
	ruleAcceptYes       Rule = "accept-yes"
	ruleAcceptOld       Rule = "accept-old"
	ruleAcceptLDAP      Rule = "accept-ldap"
	ruleAcceptStrict    Rule = "accept-strict"
	ruleAcceptPresent   Rule = "accept-present"
	ruleAcceptCANot     Rule = "accept-ca-8.1.2"
	ruleAcceptCABetween Rule = "accept-ca-8.1.9"
	ruleAcceptCA        Rule = "accept-ca-8.1.13"
	ruleAcceptOnce      Rule = "accept-once"
	rulePerServer       Rule = "certificate-per-server"

	ruleFIPSNo  Rule = "sslfipsmode-no"
	ruleFIPSYes Rule = "sslfipsmode-yes"

	ruleLegacyNo      Rule = "ssldisablelegacytls-no"
	ruleLegacyYes     Rule = "ssldisablelegacytls-yes"
	ruleLegacyIgnored Rule = "ssldisablelegacytls-ignored"

	ruleLANFreeOff     Rule = "enablelanfree-no"
	ruleLANFreeOld     Rule = "lanfreessl-old"
	ruleLANFreeNo      Rule = "lanfreessl-no"
	ruleLANFreeIgnored Rule = "lanfreessl-ignored"
	ruleLANFreeData    Rule = "lanfree-object-data"
	ruleLANFreePort    Rule = "lanfreetcpport"
	ruleAgentVerified  Rule = "storage-agent-verified"
	ruleAgentAuto      Rule = "storage-agent-automatic"
	ruleAgentHand      Rule = "storage-agent-8.1.2"

	ruleReplName    Rule = "myreplicationserver"
	ruleReplStanza  Rule = "replservername"
	ruleReplSSLPort Rule = "replsslport-old"
	ruleReplPort    Rule = "repltcpport"
	ruleReplNew     Rule = "replsslport-ignored"

	ruleTransport      Rule = "transport"
	ruleTransportFirst Rule = "transport-first-contact"
	ruleClientOld      Rule = "client-old"
	ruleClientStrict   Rule = "client-old-strict"
)

// The rules of ports, levels and the server's options.
const (
	rulePort          Rule = "tcpport"
	rulePortPlain     Rule = "tcpport-old"
	rulePortBoth      Rule = "tcpport-new"
	rulePortSame      Rule = "ssltcpport-same"
	ruleSSLPort       Rule = "ssltcpport"
	ruleSSLAdminPort  Rule = "ssltcpadminport"
	ruleAdminPort     Rule = "tcpadminport"
	ruleAdminOnClient Rule = "adminonclientport"
	rulePortTLSOnly   Rule = "ssl-only-port"

	ruleTLSOldMax Rule = "tls-old"
	ruleTLS12     Rule = "tls12"
	ruleTLS12Auto Rule = "tls12-8.1.4"
	ruleTLS13     Rule = "tls13"
	ruleTLS13Not  Rule = "tls13-not"
	ruleTestFlag  Rule = "testflag-disable_tls13"

	ruleLDAPAlways Rule = "ldap-protected"
	ruleLDAPVerify Rule = "ldap-verified"
	ruleLDAPImport Rule = "ldap-import"
	ruleLDAPPort   Rule = "ldap-port"
	ruleLDAP13     Rule = "ldap-tls13"
	ruleLDAP12     Rule = "ldap-tls12"

	ruleServersVerify Rule = "server-to-server-verified"
	ruleServersAuto   Rule = "server-to-server-automatic"
	ruleServersHand   Rule = "server-to-server-by-hand"
	ruleServersNo     Rule = "define-server-ssl-no"
	ruleServersYes    Rule = "define-server-ssl-yes"
)
