// Command certkdb keeps certificates and private keys under labels in a key database.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"certkdb/commands"
)

// version is stamped by scripts/quickstart from git.
var version = "devel"

func main() {
	os.Exit(run())
}

func run() int {
	signal.Ignore(syscall.SIGPIPE) // writing to a closed standard output is an error like others
	program := func(ctx context.Context) int { return commands.Main(ctx, commands.ProcessEnv(ctx, version), os.Args) }
	if commands.OnlyPrints(os.Args) {
		return program(context.Background())
	}
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	return commands.Run(signals, os.Args, os.Stderr, program)
}
