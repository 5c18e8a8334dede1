package session

import (
	"slices"
	"strconv"
	"strings"
)

// reader fills a File line by line.
type reader struct {
	*File
	table   []option
	names   []string // of the table
	current *Stanza
	// servers and replicas find a stanza of the same name.
	servers, replicas map[string]*Stanza
}

func (r *reader) report(p Problem) { r.Problems = append(r.Problems, &p) }

const blanks = " \t\v\f\x1a" // with the end-of-file mark of DOS

func (r *reader) line(text string, number int) {
	text = strings.Trim(text, blanks)
	if text == "" || text[0] == '*' {
		return
	}
	word, value := cutWord(text)
	o := Option{Name: strings.ToUpper(word), Value: value, Line: number}
	switch {
	case strings.ContainsFunc(text, isControl):
		r.report(Problem{Line: number, Reason: ControlCharacter, Option: o.Name})
	case !isLetter(word[0]):
		r.report(Problem{Line: number, Reason: NotAnOption, Option: word})
	default:
		r.option(o)
		return
	}
	r.keep(o)
}

func cutWord(text string) (word, rest string) {
	i := strings.IndexAny(text, blanks)
	if i < 0 {
		return text, ""
	}
	return text[:i], strings.Trim(text[i:], blanks)
}

func isControl(c rune) bool { return c < ' ' && c != '\t' && c != '\v' && c != '\f' || c == 0x7f }

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// option reads a line that begins with a letter.
func (r *reader) option(o Option) {
	known, short := lookUp(r.table, o.Name)
	if known == nil {
		known, short = r.equals(&o)
	} else if rest, ok := strings.CutPrefix(o.Value, "="); ok && known.form >= formYesNo {
		o.Value = strings.Trim(rest, blanks)
		r.warnEquals(known, o.Line)
	}
	switch {
	case known != nil:
		o.Name, o.Known = known.name(), true
		o.Valid = r.value(known, &o)
		r.place(known, o)
	case short != nil:
		r.report(Problem{Line: o.Line, Reason: TooShort, Option: o.Name, Candidates: short})
		r.keep(o)
	default:
		o.Value, _ = unquote(o.Value)
		o.Valid = true
		r.suspect(o)
		r.keep(o)
	}
}

// equals reads NAME=VALUE and NAME= VALUE, which IBM's page for the server's SSLFIPSMODE shows.
func (r *reader) equals(o *Option) (known *option, short []string) {
	name, value, ok := strings.Cut(o.Name, "=")
	if !ok {
		return lookUp(r.table, o.Name)
	}
	if known, short = lookUp(r.table, name); known == nil || known.form < formYesNo {
		return nil, short
	}
	o.Name, o.Value = name, strings.Trim(value+" "+o.Value, blanks)
	r.warnEquals(known, o.Line)
	return known, nil
}

func (r *reader) warnEquals(known *option, line int) {
	if r.Kind.client() || known.name() != "SSLFIPSMODE" {
		r.report(Problem{Line: line, Reason: EqualsSign, Warning: true, Option: known.name()})
	}
}

// suspect warns of an unknown option that looks like a known one.
func (r *reader) suspect(o Option) {
	other, belongs := serverTable, DsmServ
	if !r.Kind.client() {
		other, belongs = clientTable, DsmSys
	}
	if i := slices.IndexFunc(other, func(k option) bool { return k.tls && k.name() == o.Name }); i >= 0 {
		r.report(Problem{Line: o.Line, Reason: OtherFile, Warning: true, Option: o.Name, Candidates: []string{belongs.String()}})
	} else if near := nearest(o.Name, r.names); near != "" {
		r.report(Problem{Line: o.Line, Reason: Misspelled, Warning: true, Option: o.Name, Candidates: []string{near}})
	}
}

// value checks the value of a known option and writes keywords out.
func (r *reader) value(known *option, o *Option) bool {
	p := Problem{Line: o.Line, Option: o.Name, Value: o.Value}
	plain, quoted := unquote(o.Value)
	if quoted && known.form != formText {
		r.report(Problem{Line: o.Line, Reason: Quoted, Warning: !known.tls, Option: o.Name, Value: o.Value})
	}
	if o.Value = plain; plain == "" && known.form != formText {
		p.Reason = NoValue
		r.report(p)
		return false
	}
	if quoted && known.tls && known.form != formText {
		return false // IBM's client refuses it, so it must not count as Yes
	}
	switch known.form {
	case formText, formPlain:
		return true
	case formPort:
		return r.port(p, plain, 1, 65535)
	case formSSLPort:
		return r.port(p, plain, 1024, 32767)
	}
	full, ok := known.form.keyword(plain)
	if !ok {
		p.Reason, p.Candidates = BadValue, candidates(known.form, plain)
		r.report(p)
		return false
	}
	o.Value = full
	return true
}

func (r *reader) port(p Problem, text string, lowest, highest int) bool {
	n, err := strconv.Atoi(text)
	if err == nil && n >= lowest && n <= highest {
		return true
	}
	p.Reason, p.Candidates = BadValue, []string{"a port from " + strconv.Itoa(lowest) + " to " + strconv.Itoa(highest)}
	r.report(p)
	return false
}

// candidates is the nearest keyword, otherwise all.
func candidates(f form, value string) []string {
	if near := nearest(value, f.keywords()); near != "" {
		return []string{near}
	}
	return f.keywords()
}

// unquote removes double or single quotes around the whole value.
func unquote(s string) (string, bool) {
	if len(s) < 2 || s[0] != s[len(s)-1] || s[0] != '"' && s[0] != '\'' || strings.IndexByte(s[1:len(s)-1], s[0]) >= 0 {
		return s, false
	}
	return s[1 : len(s)-1], true
}

// place puts a known option into its stanza, or begins one.
func (r *reader) place(known *option, o Option) {
	switch {
	case r.Kind == DsmSys && o.Name == "SERVERNAME":
		r.Stanzas = append(r.Stanzas, r.begin(r.servers, o))
	case r.Kind.client() && o.Name == "REPLSERVERNAME":
		r.Replicas = append(r.Replicas, r.begin(r.replicas, o))
	case r.Kind == DsmSys && o.Name == "DEFAULTSERVER":
		r.DefaultServer = o.Value
	default:
		r.repeated(known, o)
		r.keep(o)
	}
}

// begin makes the stanza that the option names the current one.
func (r *reader) begin(seen map[string]*Stanza, o Option) *Stanza {
	name := strings.ToUpper(o.Value)
	if before := seen[name]; before != nil {
		r.report(Problem{Line: o.Line, Reason: SameName, Option: o.Name, Value: o.Value, Previous: before.Line})
	}
	r.current = &Stanza{Name: o.Value, Line: o.Line}
	seen[name] = r.current
	return r.current
}

func (r *reader) repeated(known *option, o Option) {
	if r.current == nil || known.many {
		return
	}
	for _, before := range slices.Backward(r.current.Options) {
		if before.Name == o.Name {
			r.report(Problem{Line: o.Line, Reason: Repeated, Warning: true, Option: o.Name, Previous: before.Line})
			return
		}
	}
}

func (r *reader) keep(o Option) {
	switch {
	case r.current != nil:
		r.current.Options = append(r.current.Options, o)
	default:
		r.Stray = append(r.Stray, o)
		if isLetter(o.Name[0]) {
			r.report(Problem{Line: o.Line, Reason: OutsideStanza, Option: o.Name})
		}
	}
}

// checkServer checks the ports of a server or storage agent against each other.
func (r *reader) checkServer() {
	if r.Kind.client() {
		return
	}
	s := r.Stanzas[0]
	for _, o := range s.Options {
		if o.Known && slices.Contains(removed, o.Name) {
			r.report(Problem{Line: o.Line, Reason: Removed, Warning: true, Option: o.Name})
		}
	}
	admin, hasAdmin := s.Option("SSLTCPADMINPORT")
	client, hasClient := s.Option("SSLTCPPORT")
	onClient, _ := s.Option("ADMINONCLIENTPORT")
	if hasAdmin && hasClient && admin.Value == client.Value && onClient.Value == "NO" {
		r.report(Problem{Line: admin.Line, Reason: PortConflict, Option: admin.Name, Value: admin.Value, Candidates: []string{client.Name}})
	}
	methods := s.values("COMMMETHOD")
	network := len(methods) == 0 || slices.ContainsFunc(methods, func(m string) bool { return Transport(m).Network() })
	for _, o := range []Option{admin, client} {
		if o.Line > 0 && !network {
			r.report(Problem{Line: o.Line, Reason: NoNetwork, Warning: true, Option: o.Name})
		}
	}
}
