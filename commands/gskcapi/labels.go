package gskcapi

import (
	"slices"
	"strconv"
	"strings"

	"certkdb/commands/op"
)

// namesEntry says that -label of the action is the label of an entry that exists, and not that of a new one.
func (p *program) namesEntry() bool {
	return p.has("label") && !slices.Contains([]string{"add", "create", "receive"}, p.action.name)
}

// nameless returns the entries of a PKCS #12 file that have no friendlyName, by what they are called here: the Java tool counts them
// from 1, GSKit shows their subject (unconfirmed for GSKit).
func (p *program) nameless(s *op.Session, found []op.Entry) (map[string]string, error) {
	if !slices.ContainsFunc(found, madeUp) {
		return nil, nil
	}
	if format, err := s.Kind(); err != nil || format != "pkcs12" {
		return nil, err
	}
	called, taken := map[string]string{}, map[string]bool{}
	for _, e := range found {
		taken[e.Label] = true
	}
	number := 0
	for _, e := range found {
		if !madeUp(e) {
			continue
		}
		name := e.Subject
		if p.layout == java {
			number++
			name = strconv.Itoa(number)
		}
		if name != "" && !taken[name] {
			called[e.Label], taken[name] = name, true
		}
	}
	return called, nil
}

// madeUp says that a label was made of subject and fingerprint, see kdb.LabelFor.
func madeUp(e op.Entry) bool {
	sum := e.SHA256
	return len(sum) > 8 && strings.HasSuffix(e.Label, "-"+sum[:8])
}

// resolve puts the label of the entry that is meant in the place of -label: that of an entry without friendlyName, and for the Java
// tool, whose key stores do not tell upper from lower case, that of the only entry that differs in case alone. A label that no entry has
// stays as it is.
func (p *program) resolve(s *op.Session) error {
	found, err := p.entriesOf(s, personal, trusted, secretKey, request)
	if err != nil {
		return err
	}
	wanted := p.label()
	if slices.ContainsFunc(found, func(e op.Entry) bool { return e.Label == wanted }) {
		return nil
	}
	called, err := p.nameless(s, found)
	if err != nil {
		return err
	}
	for label, name := range called {
		if name == wanted {
			p.given["label"], p.called = label, name
			return nil
		}
	}
	if p.layout != java {
		return nil
	}
	found = slices.DeleteFunc(found, func(e op.Entry) bool { return !strings.EqualFold(e.Label, wanted) })
	if len(found) == 1 {
		p.given["label"] = found[0].Label
	}
	return nil
}
