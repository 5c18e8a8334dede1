package session

// State is how far a step of a checklist is.
type State string

// The states.
const (
	// Done steps need nothing more.
	Done State = "done"
	// ToDo steps are still needed.
	ToDo State = "to do"
	// Optional steps are only needed for the purpose that they name.
	Optional State = "optional"
	// Note steps tell what happens by itself.
	Note State = "note"
)

// Facts are what a checklist is held against: the options file and the key database.
type Facts struct {
	Client *Client
	// Servers are those that the client connects to; most use cases have one.
	Servers []ServerFacts
	// EncryptAll says that all data transfers shall be encrypted.
	EncryptAll bool
}

// ServerFacts is a server with the fact whether the key database has its certificate, or its root.
type ServerFacts struct {
	Name           string
	Level          Level
	HasCertificate bool
}

// Step is a line of a checklist.
type Step struct {
	Text string
	// Server is set if the step is about one of several servers.
	Server string
	State  State
	// Standing says whether the use case's own text has the step.
	Standing Standing
}

// UseCase is one of the use cases of "Configuring the client without automatic certificate distribution".
type UseCase struct {
	Number int
	Title  string
	steps  []step
}

// step is a Step without its state.
type step struct {
	text     string
	standing Standing
	// each says that the step is done for each server.
	each  bool
	state func(Facts, ServerFacts) State
}

// Source returns where the use case stands.
func (u UseCase) Source() Source {
	return Source{docNoAuto, secCases, u.Title, Stated}
}

// Steps returns the checklist with the state of each step.
func (u UseCase) Steps(f Facts) []Step {
	var list []Step
	for _, s := range u.steps {
		servers := f.Servers
		if !s.each || len(servers) == 0 {
			servers = []ServerFacts{{}}
			if !s.each && len(f.Servers) > 0 {
				servers[0] = f.Servers[0]
			}
		}
		for _, server := range servers {
			line := Step{Text: s.text, State: s.state(f, server), Standing: s.standing}
			if s.each && len(f.Servers) > 1 {
				line.Server = server.Name
			}
			list = append(list, line)
		}
	}
	return list
}

func note(Facts, ServerFacts) State { return Note }

func doneIf(done bool) State {
	if done {
		return Done
	}
	return ToDo
}

func configured(f Facts, _ ServerFacts) State { return doneIf(f.Client.Address.Value != "") }

func refusing(f Facts, _ ServerFacts) State { return doneIf(!f.Client.AcceptCertificate.Value) }

func imported(_ Facts, s ServerFacts) State { return doneIf(s.HasCertificate) }

func encrypting(f Facts, _ ServerFacts) State {
	switch {
	case f.Client.SSL.Value:
		return Done
	case f.EncryptAll:
		return ToDo
	}
	return Optional
}

func usesSSL(f Facts, _ ServerFacts) State { return doneIf(f.Client.SSL.Value) }

// The steps that several use cases share.
func refuse(s Standing) step {
	return step{"Use the client configuration wizard to set the SSLACCEPTCERTFROMSERV option with the value No.", s, false, refusing}
}

func install(s Standing) step {
	return step{"Configure the client according to a new client installation.", s, false, configured}
}

// distribute is the list that the document introduces with "Before the client connects to an 8.1.2 or later server".
func distribute(s Standing) []step {
	return []step{
		{"Obtain the necessary certificate from a trusted source.", s, true, imported},
		{"Use the dsmcert utility to import the certificate for client use.", s, true, imported},
		{
			"Set the SSL parameter to the Yes value if encryption of all data transfers between the client and the server is needed.",
			s, false, encrypting,
		},
	}
}

func says(text string) step { return step{text, Stated, false, note} }

const (
	existingAuthentication = "Existing authentication protocol continues to be used to servers at levels earlier than V8.1.2."
	noChanges              = "No changes are needed to the client security options. If the client already has a server certificate for SSL " +
		"communication, the SSLACCEPTCERTFROMSERV option does not apply."
	existingCertificate = "SSL communication with existing server public certificate continues to be used"
	enhanced            = "SSL communication is automatically enhanced to use the TLS level that is needed by the server"
)

// existing is the step "No changes are needed", which holds if the certificate is there.
var existing = step{noChanges, Stated, true, imported}

// UseCases lists the eight use cases in their order. The nested lists of 1, 3, 5, 7 and 8 are lost in the published text; their steps are
// inferred from case 6, which is whole.
func UseCases() []UseCase {
	return []UseCase{
		{
			1, "First, the server is upgraded to V8.1.2. Then, the client is upgraded. The existing client is not using SSL communications.",
			append([]step{refuse(Inferred)}, distribute(Inferred)...),
		},
		{
			2, "First, the server is upgraded to V8.1.2. Then, the client is upgraded. The existing client is using SSL communications.",
			[]step{existing, says(existingCertificate + "."), says(enhanced + ".")},
		},
		{
			3, "First, the client is upgraded to V8.1.2. Then, the server is upgraded later. The existing client is not using SSL communications.",
			append([]step{refuse(Stated), says(existingAuthentication)}, distribute(Inferred)...),
		},
		{
			4, "First, the client is upgraded to V8.1.2. Then, the server is upgraded later. The existing client is using SSL communications.",
			[]step{
				existing, says(existingCertificate + " with servers at levels earlier than V8.1.2."),
				says(enhanced + " after the server is updated to V8.1.2 or later."),
			},
		},
		{
			5, "First, the client is upgraded to V8.1.2. Then, the client connects to multiple servers. " +
				"The servers are upgraded to V8.1.2 at different times.",
			append(append([]step{refuse(Stated), says(existingAuthentication)}, distribute(Inferred)...), says(
				"The client uses existing authentication and session security protocol to servers at versions earlier than V8.1.2, and automatically "+
					"upgrades to use TLS authentication when initially connecting to a server at V8.1.2 or later. "+
					"Session security is managed per server.")),
		},
		{
			6, "New client installation, server is at V8.1.2 or later.",
			append([]step{install(Stated), refuse(Stated)}, distribute(Stated)...),
		},
		{
			7, "New client installation, server is at a version earlier than V8.1.2, SSL-encrypted sessions are needed.",
			append([]step{install(Inferred), refuse(Inferred)}, append(distribute(Inferred)[:2],
				step{"Set the SSL parameter to the Yes value.", Inferred, false, usesSSL})...),
		},
		{
			8, "New client installation, server is at a version earlier than V8.1.2, SSL-encrypted sessions are not needed.",
			append([]step{
				install(Stated), refuse(Stated),
				says("Non-SSL authentication protocol is used until the server is upgraded to V8.1.2 or later."),
			}, distribute(Inferred)...),
		},
	}
}
