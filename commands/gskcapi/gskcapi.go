// Package gskcapi is the command line of IBM's GSKCapiCmd: gsk8capicmd, its wrapper runmqakm, and their Java relatives. Scripts that
// were written for them run unchanged: arguments, output and exit status are theirs.
//
//	gsk8capicmd_64 -keydb -create -db key.kdb -pw secret -stash
//	gsk8capicmd_64 -cert -list -db key.kdb -stashed
//
// It is parse and print around package op. What IBM has not published is done in the obvious way; COMPAT.md lists every object, action
// and option with its standing.
package gskcapi

import (
	"context"
	"errors"
	"io"

	"certkdb/commands/op"
)

// layout is how lists are printed.
type layout int

const (
	native layout = iota // gsk8capicmd: marker, tab, label
	java                 // gskcmd: labels, indented
)

// program is one run.
type program struct {
	ctx    context.Context
	env    *op.Env
	layout layout
	// called is what an entry without a label of its own is called in the output.
	called string
	line
}

// Main is gsk8capicmd.
func Main(ctx context.Context, env *op.Env, args []string) int { return run(ctx, env, args, native) }

// JavaMain is gskcmd, which lists in another way.
func JavaMain(ctx context.Context, env *op.Env, args []string) int { return run(ctx, env, args, java) }

// NativeNames are the names under which IBM's native tool is known, JavaNames those of the Java tool.
var (
	NativeNames = []string{
		"gsk8capicmd", "gsk8capicmd_64", "gskcapicmd", "gsk9certutil", "gsk9certutil_64", "gsk7capicmd", "idsgskcapicmd", "runmqakm",
	}
	JavaNames = []string{"runmqckm", "gskcmd", "ikeycmd", "gsk6cmd", "gsk7cmd"}
)

func run(ctx context.Context, env *op.Env, args []string, l layout) int {
	p := &program{ctx: ctx, env: env, layout: l}
	var err error
	if p.line, err = parse(args); err == nil {
		err = p.do()
	}
	if err == nil || errors.Is(err, op.ErrOutputClosed) {
		return 0
	}
	if ctx.Err() != nil && !errors.Is(err, context.Canceled) {
		err = context.Cause(ctx)
	}
	return p.fail(err)
}

func (p *program) do() error {
	if p.help || p.action == nil {
		return p.print(p.usage())
	}
	if err := p.complete(); err != nil {
		return err
	}
	return p.action.run(p)
}

func (p *program) print(text string) error {
	_, err := io.WriteString(p.env.Stdout, op.PrintableText(text))
	return err
}
