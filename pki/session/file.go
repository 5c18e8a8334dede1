package session

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Kind is a kind of options file.
type Kind uint8

// The kinds.
const (
	// DsmSys is dsm.sys, the client system options file of UNIX: stanzas that begin with SERVERNAME.
	DsmSys Kind = iota
	// DsmOpt is dsm.opt, the client options file: no stanzas. On UNIX its SERVERNAME names the stanza in dsm.sys.
	DsmOpt
	// DsmServ is dsmserv.opt, the server options file.
	DsmServ
	// DsmSta is dsmsta.opt, the storage agent options file; it may name several servers.
	DsmSta
)

func (k Kind) client() bool { return k == DsmSys || k == DsmOpt }

// String returns the usual file name.
func (k Kind) String() string {
	return [...]string{"dsm.sys", "dsm.opt", "dsmserv.opt", "dsmsta.opt"}[k]
}

// KindOf guesses the kind from the name of a file: dsm.sys.sample is DsmSys, dsmserv.opt.smp is DsmServ.
func KindOf(file string) Kind {
	base := strings.ToLower(file[strings.LastIndexAny(file, `/\`)+1:])
	switch {
	case strings.HasPrefix(base, "dsmserv"):
		return DsmServ
	case strings.HasPrefix(base, "dsmsta"):
		return DsmSta
	case strings.Contains(base, ".sys"):
		return DsmSys
	}
	return DsmOpt
}

// Option is one line that sets an option.
type Option struct {
	// Name is the full name of a known option, otherwise the word in capitals.
	Name  string
	Known bool
	// Value is without quotes around it; in full and in capitals if it is a keyword.
	Value string
	// Valid is false if the value cannot be used; a problem says why.
	Valid bool
	Line  int
}

// Stanza is a group of options.
type Stanza struct {
	// Name is empty in files without stanzas.
	Name string
	// Line is where it begins.
	Line    int
	Options []Option
}

// Option returns the one that counts: the last valid one of this name.
func (s *Stanza) Option(name string) (Option, bool) {
	for _, o := range slices.Backward(s.Options) {
		if o.Name == name && o.Valid {
			return o, true
		}
	}
	return Option{}, false
}

// values lists the values of a repeated option.
func (s *Stanza) values(name string) []string {
	var list []string
	for _, o := range s.Options {
		if o.Name == name && o.Valid {
			list = append(list, o.Value)
		}
	}
	return list
}

// File is an options file. Everything in it is kept, also what is unknown or wrong.
type File struct {
	Kind Kind
	// DefaultServer is the value of DEFAULTSERVER in a dsm.sys.
	DefaultServer string
	// Stanzas are those of a dsm.sys; other files have one without a name.
	Stanzas []*Stanza
	// Replicas are the stanzas that begin with REPLSERVERNAME.
	Replicas []*Stanza
	// Stray are the options before the first stanza of a dsm.sys.
	Stray []Option
	// Problems are in the order of the lines.
	Problems []*Problem
}

// Err joins the problems that are not warnings.
func (f *File) Err() error {
	var list []error
	for _, p := range f.Problems {
		if !p.Warning {
			list = append(list, p)
		}
	}
	return errors.Join(list...)
}

// Unknown lists the options that the package does not know, in the order of the file.
func (f *File) Unknown() []Option {
	list := slices.Clone(f.Stray)
	for _, s := range slices.Concat(f.Stanzas, f.Replicas) {
		list = append(list, s.Options...)
	}
	list = slices.DeleteFunc(list, func(o Option) bool { return o.Known })
	slices.SortStableFunc(list, func(a, b Option) int { return a.Line - b.Line })
	return list
}

// StanzaError says that a stanza cannot be selected.
type StanzaError struct {
	Name string
	// Names are those that exist.
	Names []string
	// Nearest is the one with a similar spelling, if there is one.
	Nearest string
}

// Error implements error.
func (e *StanzaError) Error() string {
	switch {
	case len(e.Names) == 0:
		return "the file has no SERVERNAME"
	case e.Nearest != "":
		return fmt.Sprintf("there is no SERVERNAME %s; did you mean %s?", quoteValue(e.Name), quoteValue(e.Nearest))
	}
	shown := make([]string, 0, len(e.Names))
	for _, name := range e.Names[:min(len(e.Names), 10)] {
		shown = append(shown, quoteValue(name))
	}
	return fmt.Sprintf("there is no SERVERNAME %s, but %s", quoteValue(e.Name), strings.Join(shown, ", "))
}

// Stanza selects a stanza, ignoring case. Without a name it is that of DEFAULTSERVER, otherwise the first one (unconfirmed).
func (f *File) Stanza(name string) (*Stanza, error) {
	if len(f.Stanzas) > 0 && (f.Kind != DsmSys || name == "" && f.DefaultServer == "") {
		return f.Stanzas[0], nil
	}
	if name == "" {
		name = f.DefaultServer
	}
	return find(f.Stanzas, name)
}

// find returns the last stanza of a name.
func find(list []*Stanza, name string) (*Stanza, error) {
	e := &StanzaError{Name: name}
	for _, s := range slices.Backward(list) {
		if strings.EqualFold(s.Name, name) {
			return s, nil
		}
		e.Names = append(e.Names, s.Name)
	}
	slices.Reverse(e.Names)
	if near := nearest(name, e.Names); near != "" {
		i := slices.IndexFunc(e.Names, func(n string) bool { return strings.ToUpper(n) == near })
		e.Nearest = e.Names[i]
	}
	return nil, e
}

// Parse reads an options file. It never fails: what is wrong stands in Problems, and the rest is read.
func Parse(kind Kind, data []byte) *File {
	r := &reader{File: &File{Kind: kind}, table: tableOf(kind), servers: map[string]*Stanza{}, replicas: map[string]*Stanza{}}
	r.names = names(r.table)
	if bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")) {
		r.report(Problem{Line: 1, Reason: Encoding})
		data = nil
	}
	if kind != DsmSys {
		r.current = &Stanza{Line: 1}
		r.Stanzas = []*Stanza{r.current}
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	for number := 1; len(data) > 0; number++ {
		var line []byte
		line, data = cutLine(data)
		r.line(string(line), number)
	}
	r.checkServer()
	slices.SortStableFunc(r.Problems, func(a, b *Problem) int { return a.Line - b.Line })
	return r.File
}

// cutLine splits after LF, CR LF or a lone CR.
func cutLine(data []byte) (line, rest []byte) {
	i := bytes.IndexAny(data, "\r\n")
	if i < 0 {
		return data, nil
	}
	if data[i] == '\r' && i+1 < len(data) && data[i+1] == '\n' {
		return data[:i], data[i+2:]
	}
	return data[:i], data[i+1:]
}
