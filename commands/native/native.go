// Package native is the command line of certkdb: the tree of commands, output, errors and exit codes. What the commands do is in
// package op and those below it; here flags become operations, and results and errors become text.
//
// Options, hints and the names of commands are known here alone. An operation reports a typed error, and render says in the
// words of this command line what to do about it.
package native

import (
	"context"
	"errors"

	"certkdb/commands/native/terminal"
	"certkdb/commands/op"
)

// Dialect is the command line of another program. It prints its own errors and returns its own exit status.
type Dialect func(ctx context.Context, env *op.Env, args []string) int

// Main runs certkdb with argv and returns the exit code. Its errors are printed here and nowhere else.
func Main(ctx context.Context, env *op.Env, argv []string, dialects map[string]Dialect) int {
	env, end := withProgress(env, argv)
	defer end()
	own := *env
	own.Warn = warnings(env.Stderr, argv)
	env = &own
	err := run(ctx, env, argv, dialects)
	if err == nil || errors.Is(err, op.ErrOutputClosed) {
		return 0
	}
	var status dialectExit
	if errors.As(err, &status) {
		return int(status)
	}
	code := exitCode(err)
	if ctx.Err() != nil {
		code = exitCode(context.Cause(ctx)) // the message stays: what was interrupted may have left something to do
	}
	printError(env.Stderr, err, code, wantsJSON(argv))
	return code
}

// withProgress makes an environment whose operations show on a terminal how far they are, unless the user asked for JSON or --quiet, and a
// function that takes the line away.
func withProgress(env *op.Env, argv []string) (shown *op.Env, end func()) {
	if wantsJSON(argv) || wantsQuiet(argv) {
		return env, func() {}
	}
	return terminal.ShowProgress(env)
}
