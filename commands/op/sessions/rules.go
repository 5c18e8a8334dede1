package sessions

import (
	"context"
	"fmt"
	"reflect"
	"strconv"

	"certkdb/commands/op"
	"certkdb/pki/session"
)

// Rules applies the rules of sessions to an options file, for every peer and level.
type Rules struct{ Options }

// Ruled is the table with its reasons.
type Ruled struct {
	File   string `json:"file"`
	Kind   string `json:"kind"`
	Server string `json:"server,omitempty"`
	// Warnings are odd lines of the file; Unknown are options without a meaning for sessions.
	Warnings []string `json:"warnings"`
	Unknown  []string `json:"unknown_options"`
	// Database says that the certificates of the database were looked at.
	Database bool     `json:"database"`
	Sessions []Ruling `json:"sessions"`
	Ports    []Port   `json:"ports,omitempty"`
	Reasons  []Reason `json:"reasons"`
}

// Ruling is what the rules say of a peer of some levels.
type Ruling struct {
	Role string `json:"peer"`
	Name string `json:"name,omitempty"`
	// From is the lowest level, "" if it is so before, too; Before is the level from which it is no longer so, "" if there is none.
	From        string   `json:"from_level,omitempty"`
	Before      string   `json:"before_level,omitempty"`
	Session     Answer   `json:"session"`
	Encrypted   Answer   `json:"encrypted"`
	TLS         Answer   `json:"tls"`
	Data        Answer   `json:"object_data"`
	FIPS        Answer   `json:"fips"`
	Certificate Answer   `json:"certificate"`
	Label       string   `json:"label,omitempty"` // of the peer's certificate in the database
	Port        Answer   `json:"port"`
	Todo        []Task   `json:"todo"`
	Ignored     []Unused `json:"ignored_options"`
}

// Answer is a cell of the table.
type Answer struct {
	Value   string         `json:"value"`
	Because []session.Rule `json:"because"`
}

// Task is something that an administrator has to do.
type Task struct {
	Action  session.Action `json:"action"`
	Text    string         `json:"text"`
	Because session.Rule   `json:"because"`
}

// Unused is an option of the file that has no effect.
type Unused struct {
	Option  string       `json:"option"`
	Line    int          `json:"line"`
	Because session.Rule `json:"because"`
}

// Port is a port of a server.
type Port struct {
	Level  string `json:"from_level"`
	Port   int    `json:"port"`
	Client bool   `json:"client"`
	Admin  bool   `json:"admin"`
	Plain  bool   `json:"plain"`
	TLS    bool   `json:"tls"`
}

// Reason is a rule with its source.
type Reason struct {
	Rule     session.Rule     `json:"rule"`
	Text     string           `json:"text"`
	Source   string           `json:"source"`
	Standing session.Standing `json:"standing"`
}

// Run makes the table. A nil session means that there is no database to look at.
func (o Rules) Run(ctx context.Context, env *op.Env, s *op.Session) (Ruled, error) {
	f, err := o.read(env)
	if err != nil {
		return Ruled{}, err
	}
	ruled := Ruled{File: o.File, Kind: f.file.Kind.String(), Database: s != nil, Sessions: []Ruling{}, Warnings: f.warnings()}
	if f.client != nil {
		ruled.Server = f.client.Name
	}
	for _, u := range f.file.Unknown() {
		ruled.Unknown = append(ruled.Unknown, shorten(u.Name))
	}
	for _, r := range f.roles(o.Options) {
		label := ""
		if s != nil {
			if label, err = known(ctx, s, r.names); err != nil {
				return ruled, err
			}
		}
		r.HasCertificate = label != ""
		ruled.Sessions = append(ruled.Sessions, f.rulings(r, label)...)
	}
	ruled.Ports = f.ports()
	ruled.explain()
	return ruled, nil
}

// rulings are those of a peer, levels with the same answers together.
func (f facts) rulings(r role, label string) []Ruling {
	var list []Ruling
	for i, level := range f.levels {
		p := r.Peer
		p.Level = level
		var s session.Session
		if f.client != nil {
			s = f.client.Session(f.own, p)
		} else {
			s = f.server.Session(f.own, p)
		}
		next := newRuling(r, s)
		next.Label = label
		if len(list) > 0 && reflect.DeepEqual(withoutLevels(list[len(list)-1]), next) {
			continue
		}
		if len(f.levels) == 1 || i > 0 {
			next.From = level.String()
		}
		if i > 0 {
			list[len(list)-1].Before = level.String()
		}
		list = append(list, next)
	}
	return list
}

func withoutLevels(r Ruling) Ruling {
	r.From, r.Before = "", ""
	return r
}

func newRuling(r role, s session.Session) Ruling {
	ruling := Ruling{
		Role: string(r.Role), Name: r.name, Session: answer(string(s.Outcome.Value), s.Outcome.Because),
		Encrypted: answer(yesNo(s.Encrypted.Value), s.Encrypted.Because), TLS: answer(s.Versions.Value.String(), s.Versions.Because),
		Data: answer(string(s.ObjectData.Value), s.ObjectData.Because), FIPS: answer(yesNo(s.FIPS.Value), s.FIPS.Because),
		Certificate: answer(string(s.Certificate.Value), s.Certificate.Because), Port: answer("-", s.Port.Because), Todo: []Task{},
	}
	if s.Port.Value != 0 {
		ruling.Port.Value = strconv.Itoa(s.Port.Value)
	}
	for _, t := range s.Todo {
		ruling.Todo = append(ruling.Todo, Task{t.Action, t.Text(), t.Because})
	}
	for _, i := range s.Ignored {
		ruling.Ignored = append(ruling.Ignored, Unused(i))
	}
	return ruling
}

func answer(value string, because []session.Rule) Answer {
	return Answer{value, append([]session.Rule{}, because...)} // never null in JSON
}

func yesNo(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}

// ports are those of a server's file, again at each level from which they are different.
func (f facts) ports() []Port {
	if f.server == nil || f.file.Kind != session.DsmServ {
		return nil
	}
	var list, last []Port
	for _, level := range f.levels {
		var now []Port
		for _, l := range f.server.Listeners(level) {
			now = append(now, Port{Port: l.Port, Client: l.Client, Admin: l.Admin, Plain: l.Plain, TLS: l.TLS})
		}
		if reflect.DeepEqual(now, last) {
			continue
		}
		last = now
		for _, p := range now {
			p.Level = level.String()
			list = append(list, p)
		}
	}
	return list
}

// Answers are the cells of a row, in the order of the table.
func (r Ruling) Answers() []Answer {
	return []Answer{r.Session, r.Encrypted, r.TLS, r.Data, r.Certificate, r.Port, r.FIPS}
}

// explain collects the rules in the order in which the table has them.
func (r *Ruled) explain() {
	seen := map[session.Rule]bool{}
	add := func(rules ...session.Rule) {
		for _, rule := range rules {
			if !seen[rule] {
				seen[rule] = true
				r.Reasons = append(r.Reasons, newReason(rule))
			}
		}
	}
	for _, s := range r.Sessions {
		for _, a := range s.Answers() {
			add(a.Because...)
		}
		for _, t := range s.Todo {
			add(t.Because)
		}
		for _, i := range s.Ignored {
			add(i.Because)
		}
	}
}

func newReason(rule session.Rule) Reason {
	source := rule.Source()
	return Reason{rule, source.Text, fmt.Sprintf("%s: %s", source.Document, source.Section), source.Standing}
}
