package inspect_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"certkdb/commands/op"
	"certkdb/commands/op/inspect"
	"certkdb/commands/op/optest"
	"certkdb/kdb"
)

// TestInspect_tooLong: a file that is too long to be shown is neither wrong usage nor a matter of its kind.
func TestInspect_tooLong(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "long.pem")
	if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Truncate(path, 64<<20+1)); err != nil {
		t.Fatal(err)
	}
	_, err := inspect.Inspect{File: path}.Run(t.Context(), optest.Env())
	classified := errors.Is(err, kdb.ErrUnsupported) || errors.Is(err, op.ErrUsage)
	if err == nil || classified || !strings.Contains(err.Error(), "longer than 64 MiB") {
		t.Errorf("%v", err)
	}
}
