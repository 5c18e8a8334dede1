package native

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"certkdb/commands/op"
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
	formatIndex = "index"
)

// outputFormat is the format asked for; allowed are those that the command has in addition to table and json.
func outputFormat(c *cli.Context, allowed ...string) (string, error) {
	format := c.String(flagOutput)
	switch {
	case format == "" && c.Bool(flagJSON):
		return formatJSON, nil
	case format == "":
		return formatTable, nil
	case c.Bool(flagJSON) && format != formatJSON && format != formatJSONL:
		return "", usage(c, "--json and --output %s exclude each other", format)
	}
	allowed = append([]string{formatTable, formatJSON}, allowed...)
	if !slices.Contains(allowed, format) {
		return "", usage(c, "--output %s is not possible here: use %s", format, strings.Join(allowed, ", "))
	}
	return format, nil
}

// emit prints a result: v as JSON under --json, with the schema certkdb.NAME/v1, else what text writes.
func emit(c *cli.Context, env *op.Env, name string, v any, text func(io.Writer)) error {
	format, err := outputFormat(c)
	if err != nil {
		return err
	}
	if format == formatJSON {
		return ifRead(printJSON(env.Stdout, name, v, c.Bool(flagDryRun)))
	}
	w := textWriter(c, env)
	text(w)
	return ifRead(w.err)
}

// ifRead drops the error of an output whose reader has closed it, so that the exit code is that of what was done.
func ifRead(err error) error {
	if errors.Is(err, op.ErrOutputClosed) {
		return nil
	}
	return err
}

// textWriter is where the text of a result goes.
func textWriter(c *cli.Context, env *op.Env) *onceFailing {
	if c.Bool(flagDryRun) {
		return &onceFailing{w: visible{dryWriter{env.Stdout}}, raw: env.Stdout}
	}
	return &onceFailing{w: visible{env.Stdout}, raw: env.Stdout}
}

// schemaName is the value of the field "schema", the version of a result's form: fields are added, never renamed.
func schemaName(name string) string {
	return "certkdb." + name + "/v1"
}

// refuseJSON is for commands whose output is a text for another program.
func refuseJSON(c *cli.Context) error {
	if c.Bool(flagJSON) || c.String(flagOutput) != "" {
		return usage(c, "%s prints no table and no JSON", c.Command.Name)
	}
	return nil
}

// printJSON prints v, a struct, with the field "schema" in front, then "dry_run" if nothing was done.
func printJSON(w io.Writer, name string, v any, dryRun bool) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("writing JSON: %w", err)
	}
	body = escapeJSON(body)
	head := fmt.Sprintf(`{"schema":%q`, schemaName(name))
	if dryRun {
		head += `,"dry_run":true`
	}
	if len(body) > len("{}") {
		head += ","
	}
	_, err = fmt.Fprintf(w, "%s%s\n", head, body[1:])
	return err
}

// onceFailing keeps the first error of a writer, so that text can be printed without a check after each line.
type onceFailing struct {
	w   io.Writer
	raw io.Writer // for bytes that are no text
	err error
}

// bytes writes what is no text, as it is.
func (f *onceFailing) bytes(data []byte) {
	if f.err == nil {
		_, f.err = f.raw.Write(data)
	}
}

func (f *onceFailing) Write(p []byte) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	n, err := f.w.Write(p)
	f.err = err
	return n, err
}
