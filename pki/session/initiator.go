package session

import "crypto/tls"

// Session applies the rules to a session that a server or storage agent of the level own initiates as a TLS client.
func (s *Server) Session(own Level, p Peer) Session {
	switch p.Role {
	case RoleLDAPServer:
		return s.toLDAP(own, p)
	case RoleTargetServer:
		return s.toServer(own, p)
	}
	return unused(p, ruleServersVerify)
}

func (s *Server) toLDAP(own Level, p Peer) Session {
	if len(s.LDAP) == 0 {
		return unused(p, ruleLDAPPort)
	}
	r := Session{
		Peer: p, Outcome: cell(Opens), Encrypted: cell(true, ruleLDAPAlways), ObjectData: cell(DataNone, ruleLDAPVerify),
		FIPS: fips(s.FIPS.Value), Port: cell(ldapPort(s.LDAP[0]), ruleLDAPPort),
		Certificate: cell(Present, ruleLDAPVerify), Versions: cell(Versions{tls.VersionTLS12, tls.VersionTLS12}, ruleLDAP12),
	}
	if own.AtLeast(Level{8, 2, 0}) {
		r.Versions = cell(Versions{tls.VersionTLS12, tls.VersionTLS13}, ruleLDAP13)
		if s.NoTLS13.Value {
			r.Versions = cell(Versions{tls.VersionTLS12, tls.VersionTLS12}, ruleTestFlag)
		}
	}
	if !p.HasCertificate {
		r.Certificate = cell(ByHand, ruleLDAPImport, ruleLDAPVerify)
		r.refuse(ruleLDAPImport, Todo{Action: ImportCertificate})
	}
	return r
}

func (s *Server) toServer(own Level, p Peer) Session {
	secure := own.Secure() && p.Level.Secure()
	r := Session{Peer: p, Outcome: cell(Opens), FIPS: fips(s.FIPS.Value), Port: cell(p.Port, rulePort)}
	rule := ruleServersNo
	r.ObjectData = cell(DataPlain, ruleServersNo)
	if p.DefineSSL {
		rule = ruleServersYes
		r.ObjectData = cell(DataEncrypted, ruleServersYes)
	}
	switch r.Encrypted = cell(p.DefineSSL || secure, rule); {
	case !r.Encrypted.Value:
		r.Versions = cell(Versions{}, rule)
	case secure:
		r.Versions = versionsOf(own, p.Level, s.NoTLS13.Value)
	default:
		r.Versions = cell(Versions{tls.VersionTLS10, tls.VersionTLS12}, ruleTLSOldMax)
	}
	if r.Certificate = s.exchange(own, p, r.Encrypted); r.Certificate.Value == ByHand {
		r.refuse(r.Certificate.Because[0], Todo{Action: ImportCertificate})
	}
	return r
}

// exchange says how a server or storage agent gets the certificate of a server.
func (s *Server) exchange(own Level, p Peer, encrypted Cell[bool]) Cell[Acquisition] {
	agent := len(s.Names) > 0
	switch {
	case !encrypted.Value:
		return cell(NotNeeded, encrypted.Because...)
	case p.HasCertificate:
		return cell(Present, ruleServersVerify)
	case agent && isLevel812(own):
		return cell(ByHand, ruleAgentHand)
	case !own.Secure() || !p.Level.Secure():
		return cell(ByHand, ruleServersHand, ruleServersVerify)
	case agent:
		return cell(FirstContact, ruleAgentAuto)
	}
	return cell(FirstContact, ruleServersAuto, ruleServersVerify)
}
