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
	ctx := context.Background()
	if !commands.OnlyPrints(os.Args) {
		var stop context.CancelFunc
		ctx, stop = signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
		defer stop()
	}
	return commands.Main(ctx, commands.ProcessEnv(version), os.Args)
}
