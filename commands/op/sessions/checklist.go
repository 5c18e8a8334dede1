package sessions

import (
	"context"

	"certkdb/commands/op"
	"certkdb/pki/session"
)

// Checklist holds a use case of "Configuring the client without automatic certificate distribution" against an options file and a
// database.
type Checklist struct {
	Options
	Number     int
	EncryptAll bool // all data transfers shall be encrypted
}

// Checked is a use case with the state of each step.
type Checked struct {
	Number int    `json:"number"`
	Title  string `json:"title"`
	Source string `json:"source"`
	// Database says that the certificates of the database were looked at.
	Database bool   `json:"database"`
	Done     bool   `json:"done"`
	Steps    []Step `json:"steps"`
}

// Step is a line of a checklist.
type Step struct {
	State    session.State    `json:"state"`
	Text     string           `json:"text"`
	Server   string           `json:"server,omitempty"`
	Standing session.Standing `json:"standing"`
}

// Run fills in the checklist. A nil session means that there is no database to look at.
func (o Checklist) Run(ctx context.Context, env *op.Env, s *op.Session) (Checked, error) {
	cases := session.UseCases()
	if o.Number < 1 || o.Number > len(cases) {
		return Checked{}, &op.Invalid{Field: op.FieldUseCase, Value: o.Number, Reason: "use 1 to 8"}
	}
	f, err := o.read(env)
	if err != nil {
		return Checked{}, err
	}
	if f.client == nil {
		return Checked{}, notClient(o.Options)
	}
	held := session.Facts{Client: f.client, EncryptAll: o.EncryptAll}
	if held.Servers, err = o.servers(ctx, f, s); err != nil {
		return Checked{}, err
	}
	useCase := cases[o.Number-1]
	source := useCase.Source()
	checked := Checked{
		Number: useCase.Number, Title: useCase.Title, Source: source.Document + ": " + source.Section, Database: s != nil, Done: true,
	}
	for _, step := range useCase.Steps(held) {
		checked.Steps = append(checked.Steps, Step{step.State, step.Text, step.Server, step.Standing})
		checked.Done = checked.Done && step.State != session.ToDo
	}
	return checked, nil
}

// servers are the one that was named, or all of the file.
func (o Checklist) servers(ctx context.Context, f facts, s *op.Session) ([]session.ServerFacts, error) {
	clients := []*session.Client{f.client}
	if o.Server == "" && len(f.file.Stanzas) > 1 {
		clients = nil
		for _, stanza := range f.file.Stanzas {
			c, err := f.file.Client(stanza.Name)
			if err != nil {
				return nil, &op.Invalid{Field: op.FieldServer, Err: err}
			}
			clients = append(clients, c)
		}
	}
	var list []session.ServerFacts
	for _, c := range clients {
		facts := session.ServerFacts{Name: c.Name, Level: f.levels[len(f.levels)-1]}
		if s != nil {
			label, err := known(ctx, s, []string{c.Name, c.Address.Value})
			if err != nil {
				return nil, err
			}
			facts.HasCertificate = label != ""
		}
		list = append(list, facts)
	}
	return list, nil
}
