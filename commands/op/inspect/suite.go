package inspect

import (
	"context"
	"fmt"
	"os"

	"certkdb/commands/op"
	"certkdb/kdb"
	"certkdb/pki/path/limbo"
)

// Suite runs test cases for path validation in the schema of x509-limbo. Each case brings its own anchors, time and inputs.
type Suite struct {
	File string
}

// CaseResult is the verdict on one case.
type CaseResult struct {
	ID       string   `json:"id"`
	Tier     string   `json:"tier,omitempty"`
	Features []string `json:"features,omitempty"`
	Expected string   `json:"expected"`
	Actual   string   `json:"actual"` // "SUCCESS" or "FAILURE"
	Reason   string   `json:"reason,omitempty"`
}

// Run calls each with the verdicts in the order of the file.
func (o Suite) Run(ctx context.Context, env *op.Env, each func(any) error) error {
	f, err := os.Open(o.File)
	if err != nil {
		return fmt.Errorf("reading %q: %w", o.File, op.UnwrapPath(err))
	}
	defer f.Close()
	suite, err := limbo.Load(f)
	if err != nil {
		return fmt.Errorf("reading %q: %w: %w", o.File, kdb.ErrParse, err)
	}
	for i := range suite.Cases {
		if err := ctx.Err(); err != nil {
			return err
		}
		c := &suite.Cases[i]
		verdict := CaseResult{ID: c.ID, Tier: c.Tier, Features: c.Features, Expected: c.ExpectedResult, Actual: "SUCCESS"}
		result, err := c.Run(env.Now())
		if err == nil {
			err = result.Err()
		}
		if err != nil {
			verdict.Actual, verdict.Reason = "FAILURE", err.Error()
		}
		if err := each(verdict); err != nil {
			return err
		}
	}
	return nil
}
