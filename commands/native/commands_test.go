package native

import (
	"slices"
	"testing"

	"certkdb/commands/op"
)

func TestMakers_haveTheNamesOfTheirCommands(t *testing.T) {
	t.Parallel()
	for _, m := range makers(map[string]Dialect{"dsmcert": nil}) {
		if names := m.make(&op.Env{}).Names(); !slices.Equal(names, m.names) {
			t.Errorf("%q makes %q", m.names, names)
		}
	}
}

func TestTree_makesTheCommandThatIsCalled(t *testing.T) {
	t.Parallel()
	all := len(makers(nil))
	for _, c := range []struct {
		rule string
		args []string
		want int
	}{
		{"a command", []string{"list"}, 1},
		{"an alias", []string{"ls", "show"}, 1},
		{"common options before it", []string{"--json", "--db", "show", "-o", "wide", "--lock-timeout=3s", "list", "web"}, 1},
		{"the value of an option is not it", []string{"--db", "list"}, all},
		{"after -- there is none", []string{"--", "list"}, all},
		{"an option without its value", []string{"--db"}, all},
		{"no command", nil, all},
		{"an unknown command", []string{"lisst"}, all},
		{"help needs all", []string{"help", "list"}, all},
		{"man needs all", []string{"man"}, all},
		{"completion needs all", []string{"__complete", "list"}, all},
	} {
		if made := tree(&op.Env{}, nil, calledCommand(append([]string{"certkdb"}, c.args...))); len(made) != c.want {
			t.Errorf("%s: %d commands, want %d", c.rule, len(made), c.want)
		}
	}
}
