package native

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"certkdb/pki/spelling"
)

// The formats of results.
const (
	formatTable = "table"
	formatWide  = "wide"
	formatJSON  = "json"
	formatJSONL = "jsonl"
	formatCSV   = "csv"
	formatName  = "name"
	formatPEM   = "pem"
	formatDER   = "der"
	formatIndex = "index"
)

// formatsOf lists the formats of a command's results; nil if what it prints is a text for a person or another program. The command is named
// with those above it.
func formatsOf(command string) []string {
	first, below, _ := strings.Cut(command, " ")
	if below == "install" {
		first = below
	}
	switch first {
	case "list":
		return []string{formatTable, formatWide, formatJSON, formatJSONL, formatCSV, formatName, formatPEM}
	case "issued":
		return []string{formatTable, formatJSON, formatJSONL, formatCSV, formatPEM, formatIndex}
	case "log":
		return []string{formatTable, formatJSON, formatJSONL, formatCSV}
	case "show":
		return []string{formatTable, formatJSON, formatPEM}
	case "export":
		return []string{formatTable, formatJSON, formatPEM, formatDER}
	case "connect":
		return []string{formatTable, formatJSON, formatJSONL, formatCSV, formatName}
	case "completion", "man", "help", "schema":
		return nil
	}
	return []string{formatTable, formatJSON}
}

// outputFormat is the format asked for, one of those that the command has.
func outputFormat(c *cli.Context) (string, error) {
	format := c.String(flagOutput)
	switch {
	case format == "" && c.Bool(flagJSON):
		return formatJSON, nil
	case format == "":
		return formatTable, nil
	case c.Bool(flagJSON) && format != formatJSON && format != formatJSONL:
		return "", usage(c, "--json and --output %s exclude each other", format)
	}
	if allowed := formatsOf(commandPath(c)); !slices.Contains(allowed, format) {
		err := usage(c, "--output %s is not possible here: use %s", format, strings.Join(allowed, ", "))
		if near := spelling.Nearest(allowed, format); near != "" {
			err = withHint(err, didYouMean(near))
		}
		return "", err
	}
	return format, nil
}
