package native

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"certkdb/commands/native/terminal"
	"certkdb/commands/op"
)

// appendEntry appends an entry in JSON, as json.Marshal and escapeJSON write it, in a fraction of their time: a list may have a million of
// them.
func appendEntry(to []byte, e *op.Entry) ([]byte, error) {
	o := object{b: append(to, '{')}
	o.optional("location", e.Database)
	o.text("label", e.Label)
	o.text("kind", e.Kind.String())
	o.truth("trusted", e.Trusted)
	o.truth("default", e.Default)
	o.optional("subject", e.Subject)
	o.optional("issuer", e.Issuer)
	o.optional("serial", e.Serial)
	o.time("not_before", e.NotBefore)
	o.time("not_after", e.NotAfter)
	if e.ExpiresInSeconds != nil {
		o.number("expires_in_seconds", *e.ExpiresInSeconds)
	}
	o.text("status", string(e.Status))
	o.optional("key_type", e.KeyType)
	o.truth("ca", e.CA)
	if e.SANs != nil {
		o.names("sans", e.SANs)
	}
	o.text("sha256", e.SHA256)
	o.truth("has_private_key", e.HasKey)
	o.number("chain_length", int64(e.ChainLength))
	if e.ChainEnds != nil {
		o.value("chain_ends", e.ChainEnds)
	}
	o.optional("warning", e.Warning)
	o.time("added_at", e.Added)
	o.texts("certificates_pem", e.PEM)
	return append(o.b, '}'), o.err
}

// object appends the fields of an object in JSON. Their names need no escapes.
type object struct {
	b   []byte
	err error
}

func (o *object) field(name string) {
	if last := o.b[len(o.b)-1]; last != '{' {
		o.b = append(o.b, ',')
	}
	o.b = append(o.b, '"')
	o.b = append(o.b, name...)
	o.b = append(o.b, '"', ':')
}

func (o *object) text(name, value string) {
	o.field(name)
	o.quoted(value)
}

// optional leaves out a text that is empty.
func (o *object) optional(name, value string) {
	if value != "" {
		o.text(name, value)
	}
}

func (o *object) truth(name string, value bool) {
	o.field(name)
	o.b = strconv.AppendBool(o.b, value)
}

func (o *object) number(name string, value int64) {
	o.field(name)
	o.b = strconv.AppendInt(o.b, value, 10)
}

func (o *object) time(name string, value *time.Time) {
	switch {
	case value == nil:
	case value.Location() != time.UTC || value.Year() < 0 || value.Year() > 9999:
		o.value(name, value) // with its own offset, or an error
	default:
		o.field(name)
		o.b = append(value.AppendFormat(append(o.b, '"'), time.RFC3339Nano), '"')
	}
}

// texts leaves out a list that is empty.
func (o *object) texts(name string, list []string) {
	if len(list) > 0 {
		o.list(name, list)
	}
}

func (o *object) list(name string, list []string) {
	o.field(name)
	o.b = append(o.b, '[')
	for i, text := range list {
		if i > 0 {
			o.b = append(o.b, ',')
		}
		o.quoted(text)
	}
	o.b = append(o.b, ']')
}

func (o *object) names(name string, s *op.SANs) {
	o.field(name)
	o.b = append(o.b, '{')
	o.list("dns", s.DNS)
	o.list("ip", s.IP)
	o.list("email", s.Email)
	o.list("uri", s.URI)
	o.b = append(o.b, '}')
}

// value appends what is rare, in the general way.
func (o *object) value(name string, v any) {
	o.field(name)
	o.general(v)
}

func (o *object) general(v any) {
	data, err := json.Marshal(v)
	if err != nil && o.err == nil {
		o.err = fmt.Errorf("writing JSON: %w", err)
	}
	o.b = append(o.b, terminal.EscapeJSON(data)...)
}

// quoted appends a string. One that needs no escapes, as most do, is copied.
func (o *object) quoted(text string) {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			o.general(text)
			return
		}
	}
	o.b = append(o.b, '"')
	o.b = append(o.b, text...)
	o.b = append(o.b, '"')
}
