package issue

import (
	"bytes"
	"slices"
	"strings"

	"certkdb/pki/cert"
)

// sameValue compares the values of an extension. Alternative names, purposes and policies are sets (RFC 5280, 4.2.1.4, 4.2.1.6, 4.2.1.12),
// and the case of host names does not count (RFC 5280, 7.2).
func sameValue(a, b cert.Extension) bool {
	if bytes.Equal(a.Value, b.Value) {
		return true
	}
	one, two := members(a), members(b)
	return one != nil && slices.Equal(one, two)
}

// members are the sorted members of an extension that is a set, each once; nil if it is not one.
func members(e cert.Extension) (list []string) {
	switch e.ID {
	case cert.IDSubjectAltName:
		names, err := cert.ParseGeneralNames(e.Value)
		if err != nil {
			return nil
		}
		for _, n := range names {
			value := string(n.Value)
			if n.Type == cert.DNSName {
				value = strings.ToLower(value)
			}
			list = append(list, string(rune('0'+n.Type))+value)
		}
	case cert.IDExtendedKeyUsage:
		list = readPurposes(e.Value)
	case cert.IDCertificatePolicies:
		policies, err := cert.ParsePolicies(e.Value)
		if err != nil {
			return nil
		}
		for _, p := range policies {
			member := p.ID
			for _, q := range p.Qualifiers {
				member += "\x00" + q.ID + "\x00" + string(q.Value)
			}
			list = append(list, member)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// valuesOf says what two versions of an extension hold, if that can be said.
func valuesOf(want, have cert.Extension) string {
	has, wants := valueText(have), valueText(want)
	if has == "" || wants == "" {
		return ""
	}
	return ": it has " + has + "; asked for " + wants
}

// asked says what a missing extension would hold.
func asked(e cert.Extension) string {
	if text := valueText(e); text != "" {
		return ": asked for " + text
	}
	return ""
}

func valueText(e cert.Extension) string {
	lines := cert.DescribeExtensions([]cert.Extension{e})
	if len(lines) == 0 {
		return ""
	}
	text := lines[0].Value
	if e.Critical {
		text += " (critical)"
	}
	return text
}
