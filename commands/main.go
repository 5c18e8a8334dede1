// Package commands decides which program certkdb is, by the name it is called with: its own command line (package native)
// or the dialect of another program.
package commands

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"syscall"

	"certkdb/commands/dsmcert"
	"certkdb/commands/gskcapi"
	"certkdb/commands/native"
	"certkdb/commands/op"
	"certkdb/kdb"
)

// dialects are the programs that certkdb can be, by the name it is called with or as a subcommand.
func dialects() map[string]native.Dialect {
	all := map[string]native.Dialect{"dsmcert": dsmcert.Main}
	for _, name := range gskcapi.NativeNames {
		all[name] = gskcapi.Main
	}
	for _, name := range gskcapi.JavaNames {
		all[name] = gskcapi.JavaMain
	}
	for name, run := range all {
		all[name] = warned(run)
	}
	return all
}

// warned is a dialect that says on standard error when an older state of a database was put back. The programs that it stands for know no
// such thing, but a script that reads their output does not see it there. They have no words for other warnings.
func warned(run native.Dialect) native.Dialect {
	return func(ctx context.Context, env *op.Env, args []string) int {
		own := *env
		own.Warn = func(err error) {
			if _, ok := errors.AsType[*kdb.RolledBack](err); ok {
				fmt.Fprintf(env.Stderr, "certkdb: warning: %s\n", err)
			}
		}
		return run(ctx, &own, args)
	}
}

// Main runs the program under its name argv[0] and returns the exit code.
func Main(ctx context.Context, env *op.Env, argv []string) int {
	if len(argv) == 0 {
		argv = []string{"certkdb"}
	}
	own := *env
	own.Stdout = output{env.Stdout}
	env = &own
	all := dialects()
	if run, ok := all[programName(argv[0])]; ok {
		return run(ctx, env, argv[1:])
	}
	return native.Main(ctx, env, argv, all)
}

func programName(path string) string {
	return strings.TrimSuffix(strings.ToLower(filepath.Base(path)), ".exe")
}

// output is standard output. It has its own error for a closed pipe, because a closed pipe elsewhere is a failure.
type output struct{ w io.Writer }

func (o output) Write(p []byte) (int, error) {
	n, err := o.w.Write(p)
	if errors.Is(err, syscall.EPIPE) {
		err = op.ErrOutputClosed
	}
	return n, err
}
