package sessions

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"certkdb/commands/op"
	"certkdb/commands/op/input"
	"certkdb/kdb"
	"certkdb/pki/session"
)

// Options are an options file of Storage Protect, a server in it, and what it does not say of the peers.
type Options struct {
	File   string
	Server string // the SERVERNAME of a stanza; "" is the default one
	// ClientLevel is the level of the program whose options these are; "" is the newest that differs.
	ClientLevel string
	ServerLevel string // the peer's; "" is all of them where several are told, else the newest that differs
	LDAP        bool   // the node authenticates with an LDAP directory
	Strict      bool   // SESSIONSECURITY is STRICT
	CASigned    bool   // a CA signed the peer's certificate
	Admin       bool   // an administrative session
	DefineSSL   bool   // DEFINE SERVER has SSL=YES
	// ServerOptions is the options file of the server, against which ports are checked; "" if it is not known.
	ServerOptions string
}

// maxOptions is the size of an options file.
const maxOptions = 4 << 20

// readOptions reads a file in which nothing is wrong that matters.
func readOptions(env *op.Env, name string) (*session.File, error) {
	data, err := input.ReadFile(env, name, maxOptions)
	if err != nil {
		return nil, err
	}
	file := session.Parse(session.KindOf(name), data)
	if err := file.Err(); err != nil {
		return nil, fmt.Errorf("reading %q: %w: %w", name, kdb.ErrParse, err)
	}
	return file, nil
}

// facts are what the files and levels amount to.
type facts struct {
	file   *session.File
	client *session.Client // of a client's file
	server *session.Server // of a server's or storage agent's
	peer   *session.Server // the other side's own options, if they are known
	own    session.Level
	levels []session.Level // of peers
}

func (o Options) read(env *op.Env) (f facts, err error) {
	if o.File == "" {
		return f, op.Need(op.FieldOptions)
	}
	if f.own, err = parseLevel(op.FieldClientLevel, o.ClientLevel); err != nil {
		return f, err
	}
	f.levels = session.Levels()
	if o.ServerLevel != "" {
		level, err := parseLevel(op.FieldServerLevel, o.ServerLevel)
		if err != nil {
			return f, err
		}
		f.levels = []session.Level{level}
	}
	if f.file, err = readOptions(env, o.File); err != nil {
		return f, err
	}
	if f.file.Kind == session.DsmServ || f.file.Kind == session.DsmSta {
		f.server, err = f.file.Server()
	} else if f.client, err = f.file.Client(o.Server); err != nil {
		err = &op.Invalid{Field: op.FieldServer, Err: err}
	}
	if err != nil || o.ServerOptions == "" {
		return f, err
	}
	other, err := readOptions(env, o.ServerOptions)
	if err != nil {
		return f, err
	}
	if f.peer, err = other.Server(); err != nil {
		err = &op.Invalid{Field: op.FieldPeerOptions, Err: err}
	}
	return f, err
}

// warnings are the odd lines of the file.
func (f facts) warnings() []string {
	var list []string
	for _, p := range f.file.Problems {
		list = append(list, p.Error())
	}
	return list
}

func parseLevel(field op.Field, text string) (session.Level, error) {
	if text == "" {
		levels := session.Levels()
		return levels[len(levels)-1], nil
	}
	level, err := session.ParseLevel(text)
	if err != nil {
		return level, &op.Invalid{Field: field, Err: err}
	}
	return level, nil
}

// role is a peer of a program with the names under which a database may have its certificate.
type role struct {
	session.Peer
	name  string
	names []string
}

// roles are the peers of a client, or of a server or storage agent.
func (f facts) roles(o Options) []role {
	base := session.Peer{LDAP: o.LDAP, Strict: o.Strict, CASigned: o.CASigned, Admin: o.Admin, Options: f.peer, DefineSSL: o.DefineSSL}
	with := func(r session.Role, name string, names ...string) role {
		p := base
		p.Role = r
		return role{p, name, append(names, name)}
	}
	if f.server != nil {
		ldap := with(session.RoleLDAPServer, strings.Join(f.server.LDAP, " "))
		ldap.names = hostsOf(f.server.LDAP)
		return []role{ldap, with(session.RoleTargetServer, strings.Join(f.server.Names, " "), f.server.Names...)}
	}
	c := f.client
	list := []role{with(session.RoleServer, c.Name, c.Address.Value), with(session.RoleStorageAgent, c.LANFree.Address.Value)}
	for _, replica := range c.Replicas {
		r := with(session.RoleReplicationTarget, replica.Name, replica.Address.Value)
		r.Replica = replica.Name
		list = append(list, r)
	}
	if len(c.Replicas) == 0 {
		list = append(list, with(session.RoleReplicationTarget, ""))
	}
	return list
}

// hostsOf takes the hosts out of LDAPURL options.
func hostsOf(urls []string) []string {
	var hosts []string
	for _, u := range urls {
		_, rest, _ := strings.Cut(u, "://")
		host, _, _ := strings.Cut(rest, "/")
		host, _, _ = strings.Cut(host, ":")
		hosts = append(hosts, host)
	}
	return hosts
}

// known asks the database for a trusted certificate under one of the names, in any case of letters. It opens no other entries.
func known(ctx context.Context, s *op.Session, names []string) (label string, err error) {
	err = s.View(ctx, func(tx kdb.Tx) error {
		for found, err := range tx.Labels("") {
			if err != nil {
				return err
			}
			if !slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(found, name) }) {
				continue
			}
			summary, err := tx.Summary(found)
			if err != nil {
				return err
			}
			if summary.Trusted {
				label = found
			}
		}
		return nil
	})
	return label, err
}
