package gskcapi

import (
	"context"
	"testing"

	"certkdb/commands/op"
	"certkdb/commands/op/optest"
)

// closed is a standard output whose reader has closed it.
type closed struct{}

func (closed) Write([]byte) (int, error) { return 0, op.ErrOutputClosed }

// TestMain_outputClosed: as with head(1), the exit status is that of what was done.
func TestMain_outputClosed(t *testing.T) {
	t.Parallel()
	store := optest.Store(t, "key.p12", optest.NewCA(t, "Root").Trusted("root"))
	for want, args := range map[int][]string{
		0:   {"-cert", "-list", "-db", store, "-pw", optest.Password},
		117: {"-cert", "-details", "-label", "none", "-db", store, "-pw", optest.Password},
	} {
		env := optest.Env()
		env.Stdout = closed{}
		if status := Main(context.Background(), env, args); status != want {
			t.Errorf("%s: exit status %d, want %d", args[1], status, want)
		}
	}
}
