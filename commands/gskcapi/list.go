package gskcapi

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"certkdb/commands/op"
	"certkdb/commands/op/inspect"
)

// The kinds of entries, as package kdb calls them.
const (
	personal  = "personal"
	trusted   = "trusted"
	request   = "request"
	secretKey = "secret-key"
)

// entriesOf reads the entries of some kinds.
func (p *program) entriesOf(s *op.Session, kinds ...string) ([]op.Entry, error) {
	var found []op.Entry
	err := inspect.List{}.Run(p.ctx, s, func(chunk []op.Entry) error {
		for _, e := range chunk {
			if slices.Contains(kinds, e.Kind.String()) {
				found = append(found, e)
			}
		}
		return nil
	})
	return found, err
}

// list lists certificates and secret keys. A missing filter word is all.
func (p *program) list() error {
	kinds := map[string][]string{"personal": {personal}, "ca": {trusted}}[p.filter]
	if kinds == nil {
		kinds = []string{personal, trusted, secretKey}
	}
	within, err := p.within()
	if err != nil {
		return err
	}
	return p.with(func(s *op.Session) error {
		found, err := p.entriesOf(s, personal, trusted, secretKey)
		if err != nil {
			return err
		}
		called, err := p.nameless(s, found)
		if err != nil {
			return err
		}
		found = slices.DeleteFunc(found, func(e op.Entry) bool { return !slices.Contains(kinds, e.Kind.String()) })
		if within >= 0 {
			limit := p.env.Now().AddDate(0, 0, within)
			found = slices.DeleteFunc(found, func(e op.Entry) bool { return e.NotAfter == nil || e.NotAfter.After(limit) })
		}
		if found, err = p.onlyLabel(found); err != nil {
			return err
		}
		for i, e := range found {
			if name, ok := called[e.Label]; ok {
				found[i].Label = name
			}
		}
		keeps, err := p.keepsTrust(s, found)
		if err != nil {
			return err
		}
		return p.print(p.listing(found, keeps))
	})
}

// onlyLabel leaves the entry that -label names, as scripts do that want to know whether it is there (unconfirmed).
func (p *program) onlyLabel(found []op.Entry) ([]op.Entry, error) {
	if p.label() == "" {
		return found, nil
	}
	found = slices.DeleteFunc(found, func(e op.Entry) bool { return e.Label != p.label() })
	if len(found) == 0 {
		return nil, &op.NotFound{Label: p.label()}
	}
	return found, nil
}

// within is the number behind -expiry, -1 if there is none: only certificates that expire within so many days are listed.
func (p *program) within() (int, error) {
	text := p.given["expiry"]
	if text == "" {
		return -1, nil
	}
	days, err := strconv.Atoi(text)
	if err != nil || days < 0 || days > maxDays {
		return 0, &failure{status: 65, why: fmt.Sprintf("-expiry %q is not a number of days from 0 to %d", text, maxDays)}
	}
	return days, nil
}

// keepsTrust says whether the kind of database keeps trust apart; in the others every signer counts as trusted. The kind is only asked for
// where there is a signer that is not trusted.
func (p *program) keepsTrust(s *op.Session, found []op.Entry) (bool, error) {
	if !slices.ContainsFunc(found, func(e op.Entry) bool { return e.Kind.String() == trusted && !e.Trusted }) {
		return true, nil
	}
	format, err := s.Kind()
	return format == "cms" || format == "ckdb", err
}

// listing is the text of a list, with nothing behind the last entry.
func (p *program) listing(found []op.Entry, keepsTrust bool) string {
	if len(found) == 0 {
		return "No certificates were found.\n"
	}
	var b strings.Builder
	if p.layout == java {
		fmt.Fprintf(&b, "Certificates in database %s:\n", p.given["db"])
	} else {
		b.WriteString("Certificates found\n* default, - personal, ! trusted, # secret key\n")
	}
	for _, e := range found {
		if p.layout == java {
			fmt.Fprintf(&b, "   %s\n", e.Label)
		} else {
			fmt.Fprintf(&b, "%s\t%s\n", marker(e, keepsTrust), quoted(e.Label))
		}
		if p.has("expiry") && e.NotAfter != nil {
			fmt.Fprintf(&b, "\tNot Before : %s\n\tNot After : %s\n", p.listedTime(*e.NotBefore), p.listedTime(*e.NotAfter))
		}
	}
	return b.String()
}

// marker stands before a label. A signer that is not trusted has none (unconfirmed).
func marker(e op.Entry, keepsTrust bool) string {
	switch kind := e.Kind.String(); {
	case kind == personal && e.Default:
		return "*-"
	case kind == personal:
		return "-"
	case kind == secretKey:
		return "#"
	case e.Trusted || !keepsTrust:
		return "!"
	}
	return ""
}

// quoted puts labels with blanks between quotes, and names of certificates too.
func quoted(text string) string {
	if strings.Contains(text, " ") {
		return `"` + text + `"`
	}
	return text
}

func (p *program) listedTime(t time.Time) string {
	if p.has("rfc3339") {
		return t.In(time.Local).Format(time.RFC3339)
	}
	return clock(t)
}

// clock writes a time as GSKit does in the C locale: 26 July 2027 16:29:37 GMT+01:00.
func clock(t time.Time) string {
	t = t.In(time.Local)
	if _, offset := t.Zone(); offset == 0 {
		return t.Format("2 January 2006 15:04:05 GMT")
	}
	return t.Format("2 January 2006 15:04:05 GMT-07:00")
}

func (p *program) listRequests() error {
	return p.with(func(s *op.Session) error {
		found, err := p.entriesOf(s, request)
		if err != nil || len(found) == 0 {
			return firstError(err, func() error { return p.print("No certificate requests were found.\n") }) // unconfirmed
		}
		var b strings.Builder
		b.WriteString("Certificates requests found\n")
		for _, e := range found {
			fmt.Fprintf(&b, "\t%s\n", quoted(e.Label))
		}
		return p.print(b.String())
	})
}

// firstError calls next if there is no error yet.
func firstError(err error, next func() error) error {
	if err != nil {
		return err
	}
	return next()
}
