package deploy

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"

	"certkdb/commands/op"
	"certkdb/kdb"
)

// reload runs each command once, however many targets name it, if at least one of them was written.
func reload(ctx context.Context, s *op.Session, jobs []*job) {
	var commands []string
	for _, j := range jobs {
		if j.reloads && j.out.err == nil && !slices.Contains(commands, j.target.Reload) {
			commands = append(commands, j.target.Reload)
		}
	}
	for _, command := range commands {
		if s.DryRun {
			continue
		}
		result, err := run(ctx, s.Env, command)
		for _, j := range jobs {
			if !j.reloads || j.out.err != nil || j.target.Reload != command {
				continue
			}
			j.out.Reload = &result
			failed := err
			if failed == nil {
				failed = j.settle(ctx, s)
			}
			j.fail(failed)
		}
	}
}

// settle notes that the reload of a target is not pending any more.
func (j *job) settle(ctx context.Context, s *op.Session) error {
	if !j.pending {
		return nil
	}
	return s.Database().Update(ctx, "deploy", func(tx kdb.Tx) error {
		e, err := tx.Entry(j.label)
		if err != nil {
			return err
		}
		targets, err := Targets(&e)
		if err != nil {
			return err
		}
		for i := range targets {
			targets[i].Pending = targets[i].Pending && !targets[i].meets(j.target)
		}
		return setTargets(tx.(kdb.Deployer), j.label, targets)
	})
}

// maxOutput is how much of a command's output is shown.
const maxOutput = 4 << 10

// ReloadError says that the command failed. The files are in place.
type ReloadError struct {
	Command string
	Err     error
}

func (e *ReloadError) Error() string {
	return fmt.Sprintf("the files are in place, but the reload command %q failed: %s", e.Command, e.Err)
}

func (e *ReloadError) Unwrap() error { return e.Err }

func run(ctx context.Context, env *op.Env, command string) (Reload, error) {
	result := Reload{Command: command}
	shell := []string{"sh", "-c"}
	if runtime.GOOS == "windows" {
		shell = []string{"cmd", "/C"}
	}
	output, err := env.Command(ctx, nil, append(shell, command)...)
	result.Output = string(output[max(0, len(output)-maxOutput):])
	if failed, ok := errors.AsType[*op.CommandError](err); ok {
		result.Status = new(failed.Status)
	}
	if err != nil {
		return result, &ReloadError{Command: command, Err: err}
	}
	result.Done, result.Status = true, new(0)
	return result, nil
}
