package commands

import (
	"path/filepath"
	"testing"
)

// TestStateFolder is where FORMAT.md of package sealed says that the noted states are.
func TestStateFolder(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	xdg := filepath.Join(home, "state")
	for what, c := range map[string]struct {
		xdg, home string
		root      bool
		want      string
	}{
		"XDG_STATE_HOME":         {xdg, home, false, filepath.Join(xdg, "certkdb")},
		"XDG_STATE_HOME of root": {xdg, home, true, filepath.Join(xdg, "certkdb")},
		"no absolute path":       {"state", home, false, filepath.Join(home, ".local", "state", "certkdb")},
		"a home":                 {"", home, false, filepath.Join(home, ".local", "state", "certkdb")},
		"root":                   {"", home, true, "/var/lib/certkdb"},
		"neither":                {"", "", false, ""},
	} {
		if got := stateFolder(c.xdg, c.root, c.home); got != c.want {
			t.Errorf("%s: %q, want %q", what, got, c.want)
		}
	}
}
