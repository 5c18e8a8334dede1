package sessions_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"certkdb/commands/op"
	"certkdb/commands/op/entries"
	"certkdb/commands/op/optest"
	"certkdb/commands/op/sessions"
	"certkdb/kdb"
	"certkdb/pki/probe"
)

// TestConnect_refuses: what contradicts itself is refused with its fields before anything is connected.
func TestConnect_refuses(t *testing.T) {
	t.Parallel()
	s := environment(t, nil, nil)
	s.Env.Dial = nil // a connection would panic
	hex := strings.Repeat("ab", 32)
	keeping := func(k sessions.Keep, addresses ...string) sessions.Connect {
		return sessions.Connect{Targets: targets(append(addresses, "a:1")...), Keep: k}
	}
	none := sessions.Connect{Targets: targets("a:1"), MinVersion: tls.VersionTLS13, MaxVersion: tls.VersionTLS12}
	for name, c := range map[string]struct {
		o      sessions.Connect
		fields []op.Field
	}{
		"no server":               {sessions.Connect{}, []op.Field{op.FieldTargets}},
		"not an address":          {sessions.Connect{Targets: targets("a")}, []op.Field{op.FieldTargets}},
		"no version is possible":  {none, []op.Field{op.FieldMinTLS}},
		"not a fingerprint":       {keeping(sessions.Keep{Save: true, Fingerprint: "ab:cd"}), []op.Field{op.FieldFingerprint}},
		"one label for two":       {keeping(sessions.Keep{Save: true, Label: "x"}, "b:1"), []op.Field{op.FieldSave}},
		"saved and accepted":      {keeping(sessions.Keep{Save: true, Accept: true}), []op.Field{op.FieldSave, op.FieldAccept}},
		"a fingerprint of what":   {keeping(sessions.Keep{Fingerprint: hex}), []op.Field{op.FieldFingerprint, op.FieldSave}},
		"replaced without saving": {keeping(sessions.Keep{Replace: true}), []op.Field{op.FieldReplace, op.FieldSave}},
		"a chain without saving":  {keeping(sessions.Keep{Chain: true}), []op.Field{op.FieldSaveChain, op.FieldSave}},
		"saved under no label":    {keeping(sessions.Keep{Save: true}), nil},
	} {
		_, err := c.o.Run(t.Context(), s)
		if err == nil || c.fields != nil && op.ClassOf(err) != op.ClassUsage || !slices.Equal(fieldsOf(err), c.fields) {
			t.Errorf("%s: %v: %v", name, fieldsOf(err), err)
		}
	}
}

// fieldsOf are the parameters that an error is about.
func fieldsOf(err error) []op.Field {
	if e, ok := errors.AsType[*op.Invalid](err); ok {
		return []op.Field{e.Field}
	}
	if e, ok := errors.AsType[*op.Missing](err); ok {
		return e.Fields
	}
	if e, ok := errors.AsType[*op.Conflict](err); ok {
		return e.Fields
	}
	if e, ok := errors.AsType[*op.Dependent](err); ok {
		return []op.Field{e.Field, e.Needs}
	}
	return nil
}

// TestConnect_saves: a valid certificate without trust, one with the fingerprint as a trusted one, and nothing that is not as asked for.
func TestConnect_saves(t *testing.T) {
	t.Parallel()
	root := issue(t, nil, authority("Root"))
	sub := issue(t, root, authority("Sub"))
	leaf, self := issue(t, sub, named("server", "server")), issue(t, nil, named("TSM"))
	old := issue(t, nil, named("Old"))
	colons := func(hex string) (text string) {
		for i := 0; i < len(hex); i += 2 {
			text += ":" + strings.ToUpper(hex[i:i+2])
		}
		return text[1:]
	}
	for name, c := range map[string]struct {
		server func(net.Conn)
		keep   sessions.Keep
		before *identity // under the label
		code   string    // of the first finding
		want   string    // what is stored: label, action and whether it is trusted
		err    error
	}{
		"valid":              {presenting(leaf, sub), sessions.Keep{Save: true}, nil, "", "web added", nil},
		"there already":      {presenting(leaf, sub), sessions.Keep{Save: true}, leaf, "", "web unchanged+", nil},
		"valid, with chain":  {presenting(leaf, sub), sessions.Keep{Save: true, Chain: true}, nil, "", "web added, Sub added", nil},
		"not trusted":        {presenting(self), sessions.Keep{Save: true}, nil, "self-signed", "", nil},
		"by its fingerprint": {presenting(self), sessions.Keep{Save: true, Fingerprint: colons(hexSum(self))}, nil, "", "web added+", nil},
		"by another one":     {presenting(self), sessions.Keep{Save: true, Fingerprint: hexSum(leaf)}, nil, "fingerprint", "", nil},
		"of another server":  {presenting(leaf, sub), sessions.Keep{Save: true}, old, "", "", kdb.ErrExists},
		"in its place":       {presenting(leaf, sub), sessions.Keep{Save: true, Replace: true}, old, "", "web replaced", nil},
		"in place of a pin": {
			presenting(self), sessions.Keep{Save: true, Replace: true, Fingerprint: hexSum(self)}, old, "", "web replaced+", nil,
		},
		"another pin under its label": {presenting(self), sessions.Keep{Save: true, Fingerprint: hexSum(self)}, old, "changed", "", nil},
		"with a chain that is here": {
			presenting(leaf, sub, root), sessions.Keep{Save: true, Chain: true}, nil, "", "web added, Sub added", nil,
		},
		"in place of a pin, without a new one": {presenting(self), sessions.Keep{Save: true, Replace: true}, old, "changed", "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			trusted := map[string]*identity{"root": root}
			if c.before != nil {
				trusted["web"] = c.before
			}
			s := environment(t, dialer{"server:443": c.server}, trusted)
			c.keep.Label = "web"
			before := optest.State(t, s)
			connected, err := sessions.Connect{Targets: targets("server:443"), Keep: c.keep}.Run(t.Context(), s)
			if !errors.Is(err, c.err) {
				t.Fatal(err)
			}
			if c.err != nil {
				optest.Expect(t, s, before)
				return
			}
			r, code := connected.Targets[0], ""
			if len(r.Findings) > 0 {
				code = r.Findings[0].Code
			}
			if got := stored(t, s, r); code != c.code || got != c.want {
				t.Errorf("found %q, stored %q", code, got)
			}
			if connected.HasChanged() != (strings.Contains(c.want, "added") || strings.Contains(c.want, "replaced")) {
				t.Errorf("changed: %t", connected.HasChanged())
			}
		})
	}
}

// stored tells what was stored for a server, with + behind what is trusted.
func stored(t *testing.T, s *op.Session, r *sessions.Result) string {
	t.Helper()
	var all []string
	for _, a := range r.Stored {
		text := strings.TrimSuffix(a.Label, a.Label[min(len(a.Label), 3):]) + " " + string(a.Action)
		optest.View(t, s, func(tx kdb.Tx) error {
			summary, err := tx.Summary(a.Label)
			if summary.Trusted {
				text += "+"
			}
			return err
		})
		all = append(all, text)
	}
	return strings.ReplaceAll(strings.Join(all, ", "), "sub ", "Sub ")
}

// TestConnect_guardsKeys: before a certificate takes the place of a private key, the user is asked, and a refusal keeps the key.
func TestConnect_guardsKeys(t *testing.T) {
	t.Parallel()
	root := issue(t, nil, authority("Root"))
	server := issue(t, root, named("server", "server"))
	for _, c := range []struct {
		label string
		asked int
		want  string
	}{
		{"web", 1, "root=trusted+ waiting=request web=personal"},
		{"waiting", 1, "root=trusted+ waiting=request web=personal"},
		{"root", 0, "root=trusted waiting=request web=personal"},
	} {
		s := environment(t, dialer{"server:443": presenting(server)}, map[string]*identity{"root": root})
		optest.Change(t, s, func(tx kdb.Tx) error {
			return errors.Join(tx.Put(personal(t, "web", issue(t, root, named("old")))), tx.Put(optest.Request(t, "waiting")))
		})
		asked, no := 0, errors.New("no")
		s.Guard = &op.Guard{Ask: func(_ context.Context, lost []op.Loss) error {
			if asked++; !slices.Equal(lost, []op.Loss{{Label: c.label, What: op.LostKey}}) {
				t.Errorf("%s: asked about %v", c.label, lost)
			}
			return no
		}}
		o := sessions.Connect{Targets: targets("server:443"), Keep: sessions.Keep{Save: true, Label: c.label, Replace: true}}
		if _, err := o.Run(t.Context(), s); asked != c.asked || (c.asked > 0) != errors.Is(err, no) {
			t.Errorf("%s: asked %d times, %v", c.label, asked, err)
		}
		optest.Expect(t, s, c.want)
	}
}

// TestConnect_trustsWhatIsSaved: a certificate that was kept without trust is trusted once its fingerprint is given.
func TestConnect_trustsWhatIsSaved(t *testing.T) {
	t.Parallel()
	self := issue(t, nil, named("TSM"))
	s := environment(t, dialer{"server:443": presenting(self)}, map[string]*identity{"web": self})
	optest.Change(t, s, func(tx kdb.Tx) error { return tx.Mark("web", kdb.Marks{Trusted: new(false)}) })
	o := sessions.Connect{Targets: targets("server:443"), Keep: sessions.Keep{Save: true, Label: "web", Fingerprint: hexSum(self)}}
	connected, err := o.Run(t.Context(), s)
	if err != nil || len(connected.Targets[0].Stored) != 1 || connected.Targets[0].Stored[0].Action != entries.ActionTrusted {
		t.Errorf("%+v, %v", connected.Targets, err)
	}
	optest.Expect(t, s, "web=trusted+")
}

// TestConnect_dryRunStoresNothing: it tells what would be stored.
func TestConnect_dryRunStoresNothing(t *testing.T) {
	t.Parallel()
	s := environment(t, dialer{"server:443": presenting(issue(t, nil, named("TSM")))}, nil)
	s.DryRun = true
	connected, err := sessions.Connect{Targets: targets("server:443"), Keep: sessions.Keep{Accept: true}}.Run(t.Context(), s)
	if err != nil || !connected.HasChanged() || len(connected.Targets[0].Stored) != 1 {
		t.Errorf("%+v, %v", connected, err)
	}
	optest.Expect(t, s, "")
}

// TestConnect_failingDatabase: no error of the database is lost, and nothing is stored then.
func TestConnect_failingDatabase(t *testing.T) {
	t.Parallel()
	root := issue(t, nil, authority("Root"))
	self, client := issue(t, nil, named("TSM")), issue(t, root, named("client"))
	entry := personal(t, "client", client)
	server := dialer{"server:443": presenting(self)}
	for _, o := range map[string]sessions.Connect{
		"accepted": {Targets: targets("server:443"), Keep: sessions.Keep{Accept: true, Chain: true}},
		"pinned":   {Targets: targets("server:443"), Keep: sessions.Keep{Save: true, Label: "root", Replace: true, Fingerprint: hexSum(self)}},
		"shown":    {Targets: targets("server:443"), Certificate: "client"},
	} {
		optest.EachFailure(t, func() *op.Session {
			s := environment(t, server, map[string]*identity{"root": root})
			optest.Put(t, s, entry)
			return s
		}, func(s *op.Session) error {
			_, err := o.Run(t.Context(), s)
			return err
		})
	}
	file := optionsFile(t, "dsm.sys", vault)
	optest.EachFailure(t, func() *op.Session { return environment(t, nil, map[string]*identity{"vault": root, "x": self}) },
		func(s *op.Session) error {
			_, err := sessions.Rules{Options: sessions.Options{File: file}}.Run(t.Context(), s.Env, s)
			return err
		})
	optest.EachFailure(t, func() *op.Session { return environment(t, nil, map[string]*identity{"vault": root, "x": self}) },
		func(s *op.Session) error {
			_, err := sessions.Checklist{Options: sessions.Options{File: file}, Number: 1}.Run(t.Context(), s.Env, s)
			return err
		})
}

// personal is an entry with the certificate and key.
func personal(t *testing.T, label string, i *identity) kdb.Entry {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(i.key)
	if err != nil {
		t.Fatal(err)
	}
	return kdb.Entry{Label: label, Kind: kdb.KindPersonal, Certificates: [][]byte{i.Raw}, Key: der}
}

// TestConnect_showsItsCertificate: the server gets the one that was chosen; what cannot be shown is refused with the entry's name.
func TestConnect_showsItsCertificate(t *testing.T) {
	t.Parallel()
	root := issue(t, nil, authority("Root"))
	leaf, client := issue(t, root, named("server", "server")), issue(t, root, named("client"))
	var seen atomic.Value
	config := &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{leaf.Raw}, PrivateKey: leaf.key}}, ClientAuth: tls.RequireAnyClientCert,
		ClientCAs: x509.NewCertPool(),
		VerifyPeerCertificate: func(raw [][]byte, _ [][]*x509.Certificate) error {
			seen.Store(raw[0])
			return nil
		},
	}
	config.ClientCAs.AddCert(root.Certificate)
	s := environment(t, dialer{"server:443": with(config)}, map[string]*identity{"root": root})
	optest.Put(t, s, personal(t, "client", client))
	connected, err := sessions.Connect{Targets: targets("server:443"), Certificate: "client"}.Run(t.Context(), s)
	if err != nil || !connected.OK {
		t.Fatalf("%+v, %v", connected.Targets, err)
	}
	if asked := connected.Targets[0].Request; asked == nil || !slices.Equal(asked.Issuers, []string{"CN=Root"}) {
		t.Errorf("the server asks for %+v", asked)
	}
	if got, _ := seen.Load().([]byte); !slices.Equal(got, client.Raw) {
		t.Error("the server has seen another certificate")
	}
	_, err = sessions.Connect{Targets: targets("server:443"), Certificate: "root"}.Run(t.Context(), s)
	if wrong, ok := errors.AsType[*op.WrongKind](err); !ok || wrong.Label != "root" || wrong.Wanted != kdb.KindPersonal {
		t.Errorf("without a key: %v", err)
	}
	_, err = sessions.Connect{Targets: targets("server:443"), Certificate: "none"}.Run(t.Context(), s)
	if !errors.Is(err, kdb.ErrNotFound) {
		t.Errorf("a label that is not there: %v", err)
	}
}

// TestConnect_failures: every way in which a connection fails has its code, its side and a text that names what to look at.
func TestConnect_failures(t *testing.T) {
	t.Parallel()
	leaf := issue(t, nil, named("server", "server"))
	pair := tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: leaf.key}
	broken := bytes.Clone(leaf.Raw)
	broken[5] = 0xff // a length
	damaged := &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{broken}, PrivateKey: leaf.key}}}
	reject := &tls.Config{
		Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAnyClientCert,
		VerifyPeerCertificate: func([][]byte, [][]*x509.Certificate) error { return errors.New("no") },
	}
	lines := func(text string) func(net.Conn) {
		return func(c net.Conn) {
			_, _ = io.WriteString(c, text)
			_, _ = io.Copy(io.Discard, c)
		}
	}
	silent := func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }
	for name, c := range map[string]struct {
		serve    func(net.Conn)
		dial     error
		o        sessions.Connect
		starttls probe.Protocol
		code     string
		side     sessions.Side
		cause    string
	}{
		"refused":     {nil, syscall.ECONNREFUSED, sessions.Connect{}, "", "refused", sessions.SideNetwork, "nothing listens there"},
		"unreachable": {nil, syscall.EHOSTUNREACH, sessions.Connect{}, "", "unreachable", sessions.SideNetwork, "cannot be reached: no route"},
		"no answer":   {nil, os.ErrDeadlineExceeded, sessions.Connect{}, "", "no-answer", sessions.SideNetwork, "nothing answers within"},
		"silent": {
			silent, nil,
			sessions.Connect{Timeout: 50 * time.Millisecond},
			"", "timeout", sessions.SideServer,
			"does not answer the handshake within",
		},
		"silent before STARTTLS": {
			silent, nil, sessions.Connect{Timeout: 50 * time.Millisecond}, "smtp", "timeout", sessions.SideServer, "does not go on with STARTTLS",
		},
		"no STARTTLS": {
			lines("220 x ESMTP\r\n250 HELP\r\n"), nil,
			sessions.Connect{},
			"smtp", "no-starttls", sessions.SideServer,
			"does not offer STARTTLS for smtp",
		},
		"a client certificate that it rejects": {
			with(reject), nil,
			sessions.Connect{Certificate: "client"},
			"", "certificate-rejected", sessions.SideClient,
			`refuses the client certificate "client"`,
		},
		"no application protocol": {
			with(&tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: []string{"h2"}}), nil,
			sessions.Connect{ALPN: []string{"odd"}},
			"",
			"alpn", sessions.SideServer, "none of the application protocols",
		},
		"only an older version": {
			with(&tls.Config{Certificates: []tls.Certificate{pair}, MaxVersion: tls.VersionTLS12}), nil,
			sessions.Connect{MinVersion: tls.VersionTLS13},
			"", "version", sessions.SideServer, "TLS 1.3",
		},
		"not a certificate": {
			with(damaged), nil, sessions.Connect{}, "", "certificate", sessions.SideServer, "certificate cannot be read",
		},
		"not TLS": {
			lines("\x16\x03\x03\x00\x04\xff\x00\x00\x00"), nil, sessions.Connect{}, "", "protocol", sessions.SideServer, "breaks the protocol",
		},
	} {
		check := func(t *testing.T) {
			s := environment(t, dialer{"server:443": c.serve}, nil)
			if c.o.Timeout > 0 {
				s.Env.Dial = piped(c.serve)
			}
			if c.dial != nil {
				s.Env.Dial = func(context.Context, string, string) (net.Conn, error) {
					return nil, &net.OpError{Op: "dial", Err: c.dial}
				}
			}
			optest.Put(t, s, personal(t, "client", issue(t, nil, named("client"))))
			c.o.Targets = []sessions.Target{{Address: "server:443", StartTLS: c.starttls}}
			connected, err := c.o.Run(t.Context(), s)
			if err != nil || len(connected.Targets[0].Findings) == 0 {
				t.Fatalf("%+v, %v", connected.Targets, err)
			}
			if judged := connected.Targets[0].Validation != nil; judged != (c.code == "certificate-rejected") {
				t.Errorf("its certificate is judged: %t", judged)
			}
			f := connected.Targets[0].Findings[0]
			if f.Code != c.code || f.Side != c.side || !strings.Contains(f.Cause, c.cause) {
				t.Errorf("%+v", f)
			}
			if failed := connected.Incomplete(); !errors.Is(failed, op.ErrNetwork) || !strings.Contains(failed.Error(), "server:443") {
				t.Errorf("%v", failed)
			}
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if c.o.Timeout > 0 {
				synctest.Test(t, check) // a busy machine makes no difference
				return
			}
			check(t)
		})
	}
}

// piped connects to a server without the network, for a bubble of synctest.
func piped(serve func(net.Conn)) func(context.Context, string, string) (net.Conn, error) {
	return func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go serve(server)
		return client, nil
	}
}

// TestConnect_warnings: what expires soon, and a root that only this database knows, do not keep a connection from being made.
func TestConnect_warnings(t *testing.T) {
	t.Parallel()
	root := issue(t, nil, authority("Root"))
	sub := issue(t, root, authority("Sub"))
	leaf := issue(t, sub, named("server", "server"))
	s := environment(t, dialer{"server:443": presenting(leaf)}, map[string]*identity{"root": root, "sub": sub})
	optest.Change(t, s, func(tx kdb.Tx) error { return tx.Mark("sub", kdb.Marks{Trusted: new(false)}) })
	for name, c := range map[string]struct {
		expiring time.Duration
		status   sessions.Status
		codes    string
	}{
		"an issuer that it does not send":           {0, sessions.StatusWarning, "incomplete-chain"},
		"and a certificate that will expire soon":   {2 * time.Hour, sessions.StatusExpired, "expiring incomplete-chain"},
		"a certificate that is valid for some time": {time.Minute, sessions.StatusWarning, "incomplete-chain"},
	} {
		connected, err := sessions.Connect{Targets: targets("server:443"), Expiring: c.expiring}.Run(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		r := connected.Targets[0]
		var codes []string
		for _, f := range r.Findings {
			codes = append(codes, f.Code)
		}
		if r.Status != c.status || strings.Join(codes, " ") != c.codes || r.TrustedBy != "root" {
			t.Errorf("%s: %s %q, trusted by %q", name, r.Status, codes, r.TrustedBy)
		}
		failed := connected.Incomplete()
		if (failed == nil) != (c.status == sessions.StatusWarning) || failed != nil && !errors.Is(failed, op.ErrExpired) {
			t.Errorf("%s: %v", name, failed)
		}
	}
}

// TestConnect_pinsAreForTheirServers: a trusted certificate is good for another server only by its names, unless it has none.
func TestConnect_pinsAreForTheirServers(t *testing.T) {
	t.Parallel()
	nameless, other := issue(t, nil, named("TSM")), issue(t, nil, named("x", "other"))
	for name, c := range map[string]struct {
		pin   *identity
		label string
		ok    bool
	}{
		"without names":                      {nameless, "x", true},
		"for another host":                   {other, "x", false},
		"for another host, under this label": {other, "server", true},
	} {
		s := environment(t, dialer{"server:443": presenting(c.pin)}, map[string]*identity{c.label: c.pin})
		connected, err := sessions.Connect{Targets: targets("server:443")}.Run(t.Context(), s)
		if err != nil || connected.OK != c.ok {
			t.Errorf("%s: %+v, %v", name, connected.Targets[0].Findings, err)
		}
	}
}
