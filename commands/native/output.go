package native

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"certkdb/commands/native/terminal"
	"certkdb/commands/op"
)

// emit prints a result: v as JSON under --json, with the schema certkdb.NAME/v1, else what text writes.
func emit(c *cli.Context, env *op.Env, name string, v any, text func(io.Writer)) error {
	format, err := outputFormat(c)
	if err != nil {
		return err
	}
	if format == formatJSON {
		return ifRead(printJSON(env.Stdout, name, v, c.Bool(flagDryRun)))
	}
	if c.Bool(flagQuiet) && !printsData(c) {
		return nil
	}
	w := textWriter(c, env)
	text(w)
	return ifRead(w.Err())
}

// printsData says whether the text of a result is the request, certificate or list that the command has made, and not a message about it.
func printsData(c *cli.Context) bool {
	switch c.Command.Name {
	case "request", "sign", "crl":
		return c.String("out") == "" || c.String("out") == "-"
	}
	return false
}

// ifRead drops the error of an output whose reader has closed it, so that the exit code is that of what was done.
func ifRead(err error) error {
	if errors.Is(err, op.ErrOutputClosed) {
		return nil
	}
	return err
}

// textWriter is where the text of a result goes.
func textWriter(c *cli.Context, env *op.Env) *terminal.Writer {
	return terminal.NewResults(env.Stdout, terminal.ScreenOf(env), c.Bool(flagDryRun))
}

// schemaName is the value of the field "schema", the version of a result's form: fields are added, never renamed.
func schemaName(name string) string {
	return "certkdb." + name + "/v1"
}

// printJSON prints v, a struct, with the field "schema" in front, then "dry_run" if nothing was done, and "changed" if it is the result of
// a change.
func printJSON(w io.Writer, name string, v any, dryRun bool) error {
	body, err := json.Marshal(filled(v))
	if err != nil {
		return fmt.Errorf("writing JSON: %w", err)
	}
	body = terminal.EscapeJSON(body)
	head := fmt.Sprintf(`{"schema":%q`, schemaName(name))
	if dryRun {
		head += `,"dry_run":true`
	}
	if changed, ok := v.(changer); ok && !hasField(body, "changed") {
		head += fmt.Sprintf(`,"changed":%t`, changed.HasChanged())
	}
	if len(body) > len("{}") {
		head += ","
	}
	_, err = fmt.Fprintf(w, "%s%s\n", head, body[1:])
	return err
}

// filled is a result whose lists are lists even if there is nothing in them, unless they may be left out: scripts take them one by one.
func filled(v any) any {
	result := reflect.New(reflect.TypeOf(v)).Elem()
	result.Set(reflect.ValueOf(v))
	fill(result)
	return result.Interface()
}

func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			fill(v.Elem())
		}
	case reflect.Slice:
		if kind := v.Type().Elem().Kind(); kind != reflect.Struct && kind != reflect.Pointer {
			return
		}
		for i := range v.Len() {
			fill(v.Index(i))
		}
	case reflect.Struct:
		for f, field := range v.Fields() {
			if !field.CanSet() && !f.Anonymous {
				continue
			}
			if field.Kind() == reflect.Slice && field.IsNil() && !strings.Contains(f.Tag.Get("json"), "omit") {
				field.Set(reflect.MakeSlice(field.Type(), 0, 0))
			}
			fill(field)
		}
	}
}

// hasField says whether a JSON object has a field of its own.
func hasField(body []byte, name string) bool {
	var fields map[string]json.RawMessage
	if !bytes.Contains(body, []byte(strconv.Quote(name))) || json.Unmarshal(body, &fields) != nil {
		return false
	}
	_, ok := fields[name]
	return ok
}
