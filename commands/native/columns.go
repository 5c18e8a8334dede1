package native

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"certkdb/commands/native/terminal"
	"certkdb/commands/op"
	"certkdb/kdb"
)

// column is a column of a listing: its name as in CSV and JSON, its header in a table, and its values there.
type column[T any] struct {
	name, header string
	text         func(T) string // in a table
	raw          func(T) string // in CSV; nil is text
}

// value is that of CSV.
func (c column[T]) value(item T) string {
	if c.raw != nil {
		return c.raw(item)
	}
	return c.text(item)
}

// chosen are the columns of --columns, by the names of JSON or the headers of tables, in whatever case.
func chosen[T any](c *cli.Context, all []column[T]) ([]column[T], error) {
	var columns []column[T]
	for _, name := range commas([]string{c.String(flagColumns)}) {
		i := slices.IndexFunc(all, func(one column[T]) bool {
			return strings.EqualFold(one.name, name) || strings.EqualFold(one.header, name)
		})
		if i < 0 {
			return nil, usage(c, "there is no column %q: use %s", name, strings.Join(columnNames(all), ", "))
		}
		columns = append(columns, all[i])
	}
	return columns, nil
}

// sortField is the field of --sort COLUMN, which may be named by its header too. What is not a column is left for the operation to refuse.
func sortField(wanted string) string {
	name, reverse := strings.CutPrefix(wanted, "-")
	all := entryColumns()
	i := slices.IndexFunc(all, func(one column[*op.Entry]) bool {
		return strings.EqualFold(one.header, name) || strings.EqualFold(one.name, name)
	})
	if i < 0 {
		return wanted
	}
	if reverse {
		return "-" + all[i].name
	}
	return all[i].name
}

// columnsNamed are the columns of some names.
func columnsNamed[T any](all []column[T], names string) []column[T] {
	var columns []column[T]
	for _, name := range strings.Fields(names) {
		columns = append(columns, all[slices.IndexFunc(all, func(c column[T]) bool { return c.name == name })])
	}
	return columns
}

func columnNames[T any](columns []column[T]) []string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.name
	}
	return names
}

// headers are those of a table.
func headers[T any](columns []column[T]) []string {
	row := make([]string, len(columns))
	for i, c := range columns {
		row[i] = c.header
	}
	return row
}

// texts are the cells of a row of a table.
func texts[T any](columns []column[T], item T) []string {
	row := make([]string, len(columns))
	for i, c := range columns {
		row[i] = c.text(item)
	}
	return row
}

// values are the cells of a row of CSV.
func values[T any](columns []column[T], item T) []string {
	row := make([]string, len(columns))
	for i, c := range columns {
		row[i] = c.value(item)
	}
	return terminal.Cells(row...)
}

const flagColumns = "columns"

func columnsFlag() cli.Flag {
	return &cli.StringFlag{Name: flagColumns, Usage: "the columns of a table or of CSV: `NAME,NAME`, as they are called in CSV"}
}

const (
	tableColumns = "label kind not_after days_left key_type status subject"
	wideColumns  = tableColumns + " issuer serial sha256 sans warning"
	csvColumns   = "label kind trusted default subject issuer serial not_before not_after status key_type ca sha256"
)

// standardColumns are those that a format has if none are chosen.
func standardColumns(format string) string {
	switch format {
	case formatCSV:
		return csvColumns
	case formatWide:
		return wideColumns
	}
	return tableColumns
}

// entryColumns are all columns of a list of entries.
func entryColumns() []column[*op.Entry] {
	or := func(text func(*op.Entry) string) func(*op.Entry) string {
		return func(e *op.Entry) string { return orDash(text(e)) }
	}
	day := func(moment func(*op.Entry) *time.Time) func(*op.Entry) string {
		return func(e *op.Entry) string { return timeText(moment(e), time.DateOnly) }
	}
	second := func(moment func(*op.Entry) *time.Time) func(*op.Entry) string {
		return func(e *op.Entry) string { return timeText(moment(e), time.RFC3339) }
	}
	subject := func(e *op.Entry) string { return e.Subject }
	issuer := func(e *op.Entry) string { return e.Issuer }
	serial := func(e *op.Entry) string { return e.Serial }
	keyType := func(e *op.Entry) string { return e.KeyType }
	names := func(e *op.Entry) string { return namesText(e.SANs) }
	notBefore := func(e *op.Entry) *time.Time { return e.NotBefore }
	notAfter := func(e *op.Entry) *time.Time { return e.NotAfter }
	added := func(e *op.Entry) *time.Time { return e.Added }
	return []column[*op.Entry]{
		{"location", "DATABASE", func(e *op.Entry) string { return orDash(e.Database) }, func(e *op.Entry) string { return e.Database }},
		{"label", "LABEL", func(e *op.Entry) string { return e.Label }, nil},
		{"kind", "KIND", kindText, func(e *op.Entry) string { return e.Kind.String() }},
		{"trusted", "TRUSTED", marked(func(e *op.Entry) bool { return e.Trusted }), truth(func(e *op.Entry) bool { return e.Trusted })},
		{"default", "DEFAULT", marked(func(e *op.Entry) bool { return e.Default }), truth(func(e *op.Entry) bool { return e.Default })},
		{"subject", "SUBJECT", or(subject), subject},
		{"issuer", "ISSUER", or(issuer), issuer},
		{"serial", "SERIAL", or(serial), serial},
		{"not_before", "STARTS", day(notBefore), second(notBefore)},
		{"not_after", "EXPIRES", day(notAfter), second(notAfter)},
		{"days_left", "DAYS", daysLeft, nil},
		{"status", "STATUS", statusText, func(e *op.Entry) string { return string(e.Status) }},
		{"key_type", "KEY", or(keyType), keyType},
		{"ca", "CA", marked(func(e *op.Entry) bool { return e.CA }), truth(func(e *op.Entry) bool { return e.CA })},
		{"sha256", "SHA256", func(e *op.Entry) string { return e.SHA256 }, nil},
		{"sans", "NAMES", or(names), names},
		{"chain_length", "CHAIN", func(e *op.Entry) string { return strconv.Itoa(e.ChainLength) }, nil},
		{"added", "ADDED", day(added), second(added)},
		{"warning", "WARNING", func(e *op.Entry) string { return e.Warning }, nil},
	}
}

// marked is yes or a dash.
func marked(is func(*op.Entry) bool) func(*op.Entry) string {
	return func(e *op.Entry) string { return orDash(yes(is(e))) }
}

func truth(is func(*op.Entry) bool) func(*op.Entry) string {
	return func(e *op.Entry) string { return strconv.FormatBool(is(e)) }
}

// kindText is the kind with what is special about the entry.
func kindText(e *op.Entry) string {
	text := e.Kind.String()
	switch {
	case e.Kind == kdb.KindTrusted && !e.Trusted:
		text = "distrusted"
	case e.Kind == kdb.KindPersonal && e.NotAfter == nil: // without a certificate
		text = "key"
	case e.Kind == kdb.KindPersonal && e.Trusted:
		text += "+trusted"
	}
	if e.Default {
		text += "*"
	}
	return text
}

func timeText(t *time.Time, layout string) string {
	if t == nil {
		return "-"
	}
	return t.Format(layout)
}

// untilText is the end of a validity that begins: the day, and the time too if that is under two days away.
func untilText(notBefore, notAfter *time.Time) string {
	if notBefore != nil && notAfter != nil && notAfter.Sub(*notBefore) < 48*time.Hour {
		return timeText(notAfter, time.RFC3339)
	}
	return timeText(notAfter, time.DateOnly)
}

// daysLeft counts days that have begun: a certificate that was made for 90 days has 90 left, and none has 0.
func daysLeft(e *op.Entry) string {
	if e.ExpiresInSeconds == nil {
		return "-"
	}
	const day = 24 * 60 * 60
	seconds := *e.ExpiresInSeconds
	if seconds < 0 {
		return strconv.FormatInt((seconds-day+1)/day, 10)
	}
	return strconv.FormatInt((seconds+day-1)/day, 10)
}

func namesText(s *op.SANs) string {
	if s == nil {
		return ""
	}
	return strings.Join(slices.Concat(s.DNS, s.IP, s.Email, s.URI), " ")
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// statusText is the status, and when the chain ends if that is why the entry is listed.
func statusText(e *op.Entry) string {
	if e.ChainEnds == nil {
		return string(e.Status)
	}
	return string(e.Status) + ", chain until " + e.ChainEnds.NotAfter.Format(time.DateOnly)
}

// soon is how long before its end the certificates of a list are yellow.
const soon = 30 * 24 * 60 * 60 // seconds

// colourOf is that of an entry: red if it is of no use any more, yellow if it soon will be, or is not yet.
func colourOf(status op.Status, secondsLeft *int64) terminal.Colour {
	switch {
	case status == op.StatusExpired, status == op.StatusRevoked, status == op.StatusDamaged:
		return terminal.Red
	case status == op.StatusNotYetValid, secondsLeft != nil && *secondsLeft <= soon:
		return terminal.Yellow
	}
	return terminal.Plain
}
