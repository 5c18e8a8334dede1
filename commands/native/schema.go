package native

import (
	"encoding"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"certkdb/commands/explain"
	"certkdb/commands/native/terminal"
	"certkdb/commands/op"
	"certkdb/commands/op/databases"
	"certkdb/commands/op/deploy"
	"certkdb/commands/op/entries"
	"certkdb/commands/op/inspect"
	"certkdb/commands/op/issuing"
	"certkdb/commands/op/links"
	"certkdb/commands/op/sessions"
	"certkdb/commands/op/trust"
	"certkdb/pki/spelling"
)

// results are the forms of JSON by the names of their schemas, with a zero value of what is printed.
func results() map[string]any {
	changed := entries.Changed{}
	return map[string]any{
		"init": databases.Created{}, "info": databases.DatabaseInfo{}, "passwd": databases.Done{}, "rekey": databases.Done{},
		"slots": databases.Slots{}, "slots.add": databases.SlotDone{}, "slots.remove": databases.SlotDone{},
		"stash": databases.StashDone{}, "stash.reveal": databases.Revealed{}, "check": databases.Checked{}, "compact": databases.Compacted{},
		"backup": databases.BackupDone{}, "restore": databases.Restored{},
		"recover": databases.Recovered{}, "log": databases.LogRecords{},
		"add": entries.Added{}, "copy": entries.Added{}, "rename": changed, "trust": changed, "distrust": changed, "default": changed,
		"delete": changed, "export": entries.Exported{}, "export.trust": trust.Changed{},
		"export.folder": entries.ExportedFiles{}, "list": listedEntries{}, "show": inspect.Shown{},
		"find": inspect.FoundEntries{}, "compare": inspect.Compared{},
		"show-file": inspect.Inspected{}, "create": issuing.Made{},
		"create.from": madeAll{}, "request": issuing.Requested{}, "sign": issuing.Signed{},
		"receive": issuing.Received{}, "renew": issuing.Renewed{}, "revoke": issuing.Revoked{}, "crl": issuing.CRLDone{},
		"issued": issuedCertificates{}, "take-over": issuing.TakenOver{},
		"validate": inspect.Validated{}, "lint": inspect.Linted{}, "connect": sessions.Connected{},
		"session": sessions.Ruled{}, "session-checklist": sessions.Checked{}, "deploy": deploy.Deployed{}, "deploy.list": deploy.Listed{},
		"deploy.forget": deploy.Forgotten{}, "explain": explain.Answer{}, "link": links.Links{}, "unlink": links.Links{}, "version": versions{},
		"completion.install": installed{},
	}
}

// listedEntries is the object of list, which is written as it is read.
type listedEntries struct {
	Entries []op.Entry `json:"entries"`
	// Unverified says that no password was given that would show whether a key store was changed.
	Unverified bool `json:"unverified,omitempty"`
}

// issuedCertificates is the object of issued.
type issuedCertificates struct {
	Certificates []issuing.IssuedCertificate `json:"certificates"`
}

func schemaCommand(env *op.Env) *cli.Command {
	return &cli.Command{
		Name: "schema", Category: groupOperations, Usage: "print the JSON Schema of a command's results", ArgsUsage: "[COMMAND]",
		Description: "The schema follows JSON Schema 2020-12. A command with several forms of results has several: export.trust, slots.add,\n" +
			"show-file and the like. Without an argument their names are listed. Fields may be added, but none is renamed or removed.\n\n" +
			examples("certkdb schema", "certkdb schema list > list.schema.json"),
		Action: func(c *cli.Context) error {
			args, err := arguments(c)
			if err != nil {
				return err
			}
			w := terminal.NewWriter(env.Stdout)
			all := results()
			if len(args) == 0 {
				for _, name := range schemaNames(all) {
					fmt.Fprintln(w, name)
				}
				return ifRead(w.Err())
			}
			result, ok := all[args[0]]
			if !ok {
				err := usage(c, "no schema is called %q", args[0])
				if near := spelling.Nearest(schemaNames(all), args[0]); near != "" {
					return withHint(err, didYouMean(near))
				}
				return withHint(err, "see their names with: certkdb schema")
			}
			return ifRead(printSchema(w, args[0], result))
		},
	}
}

func schemaNames(all map[string]any) []string {
	names := make([]string, 0, len(all))
	for name := range all {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// schema is a JSON Schema, as far as results need it.
type schema struct {
	Dialect    string             `json:"$schema,omitempty"`
	ID         string             `json:"$id,omitempty"`
	Title      string             `json:"title,omitempty"`
	Type       any                `json:"type,omitempty"`
	Const      string             `json:"const,omitempty"`
	Format     string             `json:"format,omitempty"`
	Properties map[string]*schema `json:"properties,omitempty"`
	Required   []string           `json:"required,omitempty"`
	Items      *schema            `json:"items,omitempty"`
	Values     *schema            `json:"additionalProperties,omitempty"`
}

func printSchema(w io.Writer, name string, result any) error {
	s := schemaOf(reflect.TypeOf(result))
	s.Dialect, s.ID = "https://json-schema.org/draft/2020-12/schema", "urn:"+schemaName(name)
	s.Title = "the result of certkdb " + strings.ReplaceAll(name, ".", " ")
	s.Properties["schema"] = &schema{Type: "string", Const: schemaName(name)}
	s.Properties["dry_run"] = &schema{Type: "boolean"}
	if _, ok := result.(changer); ok && s.Properties["changed"] == nil {
		s.Properties["changed"] = &schema{Type: "boolean"}
		s.Required = append(s.Required, "changed")
	}
	s.Required = append([]string{"schema"}, s.Required...)
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(s); err != nil {
		return fmt.Errorf("writing the schema: %w", err)
	}
	return nil
}

// schemaOf describes how encoding/json writes a type.
func schemaOf(t reflect.Type) *schema {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return &schema{Type: "string", Format: "date-time"}
	case t.Implements(reflect.TypeFor[encoding.TextMarshaler]()):
		return &schema{Type: "string"}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return schemaOf(t.Elem())
	case reflect.Struct:
		s := &schema{Type: "object", Properties: map[string]*schema{}}
		s.addFields(t)
		return s
	case reflect.Slice, reflect.Array:
		return &schema{Type: "array", Items: schemaOf(t.Elem())}
	case reflect.Map:
		return &schema{Type: "object", Values: schemaOf(t.Elem())}
	case reflect.Bool:
		return &schema{Type: "boolean"}
	case reflect.String:
		return &schema{Type: "string"}
	case reflect.Interface:
		return &schema{}
	case reflect.Float32, reflect.Float64:
		return &schema{Type: "number"}
	default:
		return &schema{Type: "integer"}
	}
}

// addFields adds those of a struct, embedded ones included. One that may be left out is not required; a pointer that is not is null.
func (s *schema) addFields(t reflect.Type) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "-", !f.IsExported() && !f.Anonymous:
			continue
		case f.Anonymous && name == "":
			s.addFields(f.Type)
			continue
		case name == "":
			name = f.Name
		}
		field := schemaOf(f.Type)
		if strings.Contains(options, "string") { // a number that may be longer than those of JavaScript
			field.Type = "string"
		}
		if !strings.Contains(options, "omit") {
			s.Required = append(s.Required, name)
			if f.Type.Kind() == reflect.Pointer {
				field.Type = []any{field.Type, "null"}
			}
		}
		s.Properties[name] = field
	}
}
