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
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) // a closed standard output is an error like others, not the end
	return commands.Main(ctx, commands.ProcessEnv(version), os.Args)
}
