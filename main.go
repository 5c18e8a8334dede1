// Command certkdb keeps certificates and private keys under labels in a key database.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"certkdb/commands"
)

// version is stamped by scripts/quickstart from git.
var version = "devel"

func main() {
	os.Exit(run())
}

func run() int {
	// Most commands end before the garbage that they made is worth collecting.
	debug.SetGCPercent(400)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return commands.Main(ctx, commands.ProcessEnv(version), os.Args)
}
