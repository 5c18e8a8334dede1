package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"certkdb/commands"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// breaksSchema is the exit code of the program in tests when its JSON is not as its schema says.
const breaksSchema = 97

// checkedProgram is the program as tests run it: if it is asked for JSON, what it prints is compared with the schema that it publishes.
func checkedProgram() {
	if !slices.ContainsFunc(os.Args, func(arg string) bool { return arg == "--json" || arg == "json" }) ||
		slices.Contains(os.Args, "--with-pem") { // which is for large lists
		os.Exit(run())
	}
	out := os.Stdout
	if info, err := out.Stat(); err != nil || info.Mode()&os.ModeCharDevice != 0 { // closed, or a device that fails
		os.Exit(run())
	}
	r, w, err := os.Pipe()
	if err != nil {
		panic(err)
	}
	os.Stdout = w
	var seen bytes.Buffer
	var copying sync.WaitGroup
	copying.Go(func() {
		if _, err := io.Copy(io.MultiWriter(out, &seen), r); err != nil {
			r.Close() // nobody reads it
		}
	})
	code := run()
	w.Close()
	copying.Wait()
	if problem := againstSchema(seen.Bytes()); problem != nil {
		fmt.Fprintf(os.Stderr, "the JSON is not as its schema says: %v\n%s\n", problem, seen.Bytes())
		code = breaksSchema
	}
	os.Exit(code)
}

// againstSchema compares an object with the schema that it names. A text without a schema is no result.
func againstSchema(text []byte) error {
	var head struct {
		Schema string `json:"schema"`
	}
	if json.Unmarshal(text, &head) != nil || head.Schema == "" {
		return nil
	}
	name := strings.TrimSuffix(strings.TrimPrefix(head.Schema, "certkdb."), "/v1")
	var published bytes.Buffer
	env := commands.ProcessEnv(context.Background(), version, func() {})
	env.Stdout, env.Stderr = &published, io.Discard
	if code := commands.Main(context.Background(), env, []string{"certkdb", "schema", name}); code != 0 {
		return fmt.Errorf("there is no schema %q", name)
	}
	compiled, err := closedSchema(published.Bytes())
	if err != nil {
		return fmt.Errorf("schema %s: %w", name, err)
	}
	object, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return err
	}
	return compiled.Validate(object)
}

// closedSchema reads a schema and forbids what it does not name, so that no field is forgotten in it.
func closedSchema(published []byte) (*jsonschema.Schema, error) {
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(published))
	if err != nil {
		return nil, err
	}
	forbidOthers(document)
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	if err := compiler.AddResource("result.json", document); err != nil {
		return nil, err
	}
	return compiler.Compile("result.json")
}

func forbidOthers(node any) {
	switch node := node.(type) {
	case map[string]any:
		if _, isObject := node["properties"].(map[string]any); isObject && node["type"] != nil && node["additionalProperties"] == nil {
			node["additionalProperties"] = false
		}
		for _, member := range node {
			forbidOthers(member)
		}
	case []any:
		for _, member := range node {
			forbidOthers(member)
		}
	}
}

// Every schema that is published is one, names what it is for, and refuses what is not that.
func TestSchema_areSound(t *testing.T) {
	t.Parallel()
	names := strings.Fields(certkdb(t, "schema"))
	if len(names) < 30 {
		t.Fatalf("the schemas are %q", names)
	}
	for _, name := range names {
		compiled, err := closedSchema([]byte(certkdb(t, "schema", name)))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err := compiled.Validate(map[string]any{"schema": "certkdb.other/v1"}); err == nil {
			t.Errorf("%s takes another result", name)
		}
	}
	for text, breaks := range map[string]bool{
		`{"schema":"certkdb.version/v1","version":"1","go":"go1","platform":"linux"}`:           false,
		`{"schema":"certkdb.version/v1","version":"1","go":"go1"}`:                              true,
		`{"schema":"certkdb.version/v1","version":1,"go":"go1","platform":"linux"}`:             true,
		`{"schema":"certkdb.version/v1","version":"1","go":"go1","platform":"linux","more":""}`: true,
		`{"schema":"certkdb.nosuch/v1"}`:                                                        true,
		`{"error":{}}`:                                                                          false,
	} {
		if err := againstSchema([]byte(text)); (err != nil) != breaks {
			t.Errorf("%s: %v", text, err)
		}
	}
}
