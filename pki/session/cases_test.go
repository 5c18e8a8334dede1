package session_test

import (
	"fmt"
	"strings"
	"testing"

	"certkdb/pki/session"
	"certkdb/scripts/conformancedata"
)

func TestTodo_Text(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		todo session.Todo
		want string
	}{
		{session.Todo{Action: session.SetOption, Option: "SSL", Value: "YES"}, "set SSL to YES in the client options"},
		{session.Todo{Action: session.UsePort, Port: 1543}, "connect to port 1543"},
		{session.Todo{Action: session.UsePort}, "open a port for this session in the server options"},
		{session.Todo{Action: session.ImportCertificate}, "" +
			"obtain the peer's certificate, or its root, from a trusted source and add it to the key database"},
		{session.Todo{Action: session.SetTransitional}, "" +
			"update the node or administrator with SESSIONSECURITY=TRANSITIONAL, then connect over TCP/IP"},
		{session.Todo{Action: session.LogOn}, "connect to the primary server, which sends the address and ports of its failover servers"},
		{session.Todo{Action: session.UpgradeClient}, "upgrade the client to 8.1.2 or later"},
		{session.Todo{Action: session.CheckPort}, "make sure that the client's port is the server's SSLTCPPORT"},
	} {
		if got := c.todo.Text(); got != c.want {
			t.Errorf("%s: %s", c.todo.Action, got)
		}
	}
}

// states renders a checklist: d done, t to do, o optional, n note.
func states(steps []session.Step) string {
	var b strings.Builder
	for _, s := range steps {
		b.WriteByte(s.State[0])
	}
	return b.String()
}

func TestUseCases_states(t *testing.T) {
	t.Parallel()
	nothing := session.Facts{Client: &session.Client{AcceptCertificate: session.Setting[bool]{Value: true}}}
	everything := session.Facts{
		Client:  stanza(t, "SSL yes\nSSLACCEPTCERTFROMSERV no\n"),
		Servers: []session.ServerFacts{{Name: "a", HasCertificate: true}, {Name: "b", HasCertificate: true}},
	}
	partly := session.Facts{
		Client: stanza(t, ""), EncryptAll: true, Servers: []session.ServerFacts{{Name: "a", HasCertificate: true}, {Name: "b"}},
	}
	for i, want := range [][3]string{
		{"ttto", "dddddd", "tdtdtt"},
		{"tnn", "ddnn", "dtnn"},
		{"tntto", "dnddddd", "tndtdtt"},
		{"tnn", "ddnn", "dtnn"},
		{"tntton", "dndddddn", "tndtdttn"},
		{"tttto", "ddddddd", "dtdtdtt"},
		{"ttttt", "ddddddd", "dtdtdtt"},
		{"ttntto", "ddnddddd", "dtndtdtt"},
	} {
		u := session.UseCases()[i]
		if u.Number != i+1 || u.Source().Text != u.Title {
			t.Errorf("use case %d is %d", i+1, u.Number)
		}
		for j, f := range []session.Facts{nothing, everything, partly} {
			if got := states(u.Steps(f)); got != want[j] {
				t.Errorf("use case %d, facts %d: %s, want %s", u.Number, j, got, want[j])
			}
		}
	}
	for _, s := range session.UseCases()[4].Steps(partly) {
		if strings.HasPrefix(s.Text, "Obtain") && (s.Server == "") {
			t.Errorf("the step is not about one server: %+v", s)
		}
	}
	alone := session.Facts{Client: partly.Client, Servers: partly.Servers[:1]}
	if s := session.UseCases()[5].Steps(alone); s[2].Server != "" || s[2].State != session.Done {
		t.Errorf("one server: %+v", s[2])
	}
}

// TestUseCases_text compares titles and stated steps with the document.
func TestUseCases_text(t *testing.T) {
	t.Parallel()
	document := strings.Join(strings.Fields(string(conformancedata.Shared(t, "seeds/002_c5bbed314a2187a8.txt"))), " ")
	for _, u := range session.UseCases() {
		if !strings.Contains(document, fmt.Sprintf("%d. %s", u.Number, strings.TrimSuffix(u.Title, "."))) {
			t.Errorf("use case %d: %s", u.Number, u.Title)
		}
		for _, s := range u.Steps(session.Facts{Client: &session.Client{}}) {
			if s.Standing == session.Stated && !strings.Contains(document, strings.TrimSuffix(s.Text, ".")) {
				t.Errorf("use case %d does not say: %s", u.Number, s.Text)
			}
		}
	}
}
