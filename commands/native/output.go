package native

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"certkdb/commands/op"
	"certkdb/commands/op/entries"
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

// outputFormat is the format asked for; allowed are those that the command knows besides table and json.
func outputFormat(c *cli.Context, allowed ...string) (string, error) {
	format := c.String(flagOutput)
	switch {
	case format == "" && c.Bool(flagJSON):
		return formatJSON, nil
	case format == "":
		return formatTable, nil
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
		return printJSON(env.Stdout, name, v)
	}
	w := &onceFailing{w: env.Stdout}
	text(w)
	return w.err
}

// action is what most commands do: take their arguments, run an operation, print its result.
func action[T any](env *op.Env, schema string, arguments []string, run func(*cli.Context, []string) (T, error), text func(io.Writer, T)) cli.ActionFunc {
	return func(c *cli.Context) error {
		args, err := exactly(c, arguments...)
		if err != nil {
			return err
		}
		result, err := run(c, args)
		if err != nil {
			return err
		}
		return emit(c, env, schema, result, func(w io.Writer) { text(w, result) })
	}
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

// printJSON prints v, a struct, with the field "schema" in front.
func printJSON(w io.Writer, name string, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("writing JSON: %w", err)
	}
	head := fmt.Sprintf(`{"schema":%q`, schemaName(name))
	if len(body) > len("{}") {
		head += ","
	}
	_, err = fmt.Fprintf(w, "%s%s\n", head, body[1:])
	return err
}

// onceFailing keeps the first error of a writer, so that text can be printed without asking after each line.
type onceFailing struct {
	w   io.Writer
	err error
}

func (f *onceFailing) Write(p []byte) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	n, err := f.w.Write(p)
	f.err = err
	return n, err
}

// printChanged prints what a command did to entries, a line each.
func printChanged(c *cli.Context, env *op.Env, name string, changed entries.Changed) error {
	err := emit(c, env, name, changed, func(w io.Writer) {
		for _, a := range changed.Actions {
			fmt.Fprintln(w, actionLine(a))
		}
	})
	if err == nil && changed.Changed && c.Bool(flagDetailed) {
		return detailedExit{}
	}
	return err
}

func actionLine(a entries.Action) string {
	line := a.Action
	if a.Label != "" {
		line += fmt.Sprintf(" %q", a.Label)
	}
	if a.NewLabel != "" {
		line += fmt.Sprintf(" to %q", a.NewLabel)
	}
	if a.Reason != "" {
		line += ": " + a.Reason
	}
	return line
}

func detailedFlag() cli.Flag {
	return &cli.BoolFlag{Name: flagDetailed, Usage: "exit with 20 if something was changed, with 0 if there was nothing to do"}
}

// jsonLines prints a JSON object a line.
func jsonLines(w io.Writer) func(any) error {
	encoder := json.NewEncoder(w)
	return encoder.Encode
}
