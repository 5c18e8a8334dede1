package inspect

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"certkdb/commands/op"
)

// SortFields are what List.Sort may name, as the fields of JSON are called.
func SortFields() []string {
	return []string{
		"label", "kind", "status", "subject", "issuer", "serial", "not_before", "not_after", "days_left", "key_type", "ca", "sans", "added",
		"trusted", "default", "sha256", "chain_length",
	}
}

// sorter compares two entries as Sort says; nil if they stay in the order of their labels.
func (o List) sorter() (func(a, b op.Entry) int, error) {
	if o.Sort == "" {
		return nil, nil
	}
	field, reverse := strings.CutPrefix(o.Sort, "-")
	if !slices.Contains(SortFields(), field) {
		return nil, &op.Invalid{
			Field: op.FieldSort, Value: o.Sort, Reason: "entries cannot be sorted by that", Wanted: "use " + strings.Join(SortFields(), ", "),
		}
	}
	compare := func(a, b op.Entry) int {
		if field == "not_before" || field == "not_after" || field == "days_left" || field == "added" {
			return compareTimes(timeField(&a, field), timeField(&b, field), reverse)
		}
		order := strings.Compare(textField(&a, field), textField(&b, field))
		if reverse {
			order = -order
		}
		return order
	}
	return compare, nil
}

func textField(e *op.Entry, field string) string {
	switch field {
	case "kind":
		return e.Kind.String()
	case "status":
		return string(e.Status)
	case "subject":
		return strings.ToLower(e.Subject)
	case "issuer":
		return strings.ToLower(e.Issuer)
	case "serial":
		return e.Serial
	case "key_type":
		return e.KeyType
	case "sha256":
		return e.SHA256
	case "chain_length":
		return fmt.Sprintf("%09d", e.ChainLength)
	case "trusted":
		return strconv.FormatBool(e.Trusted)
	case "default":
		return strconv.FormatBool(e.Default)
	case "ca":
		return strconv.FormatBool(e.CA) // false before true
	case "sans":
		return strings.ToLower(strings.Join(e.SANs.All(), "\x00"))
	}
	return e.Label
}

func timeField(e *op.Entry, field string) *time.Time {
	switch field {
	case "not_before":
		return e.NotBefore
	case "added":
		return e.Added
	}
	return e.NotAfter
}

// compareTimes puts what has no time at the end, in either order.
func compareTimes(a, b *time.Time, reverse bool) int {
	if a == nil || b == nil {
		missing := func(t *time.Time) int {
			if t == nil {
				return 1
			}
			return 0
		}
		return cmp.Compare(missing(a), missing(b))
	}
	if reverse {
		return b.Compare(*a)
	}
	return a.Compare(*b)
}
