// Command certkdb keeps certificates and private keys under labels in a key database.
package main

import (
	"context"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"certkdb/commands"
)

// version is stamped by scripts/quickstart from git.
var version = "devel"

func main() {
	os.Exit(run())
}

func run() int {
	signal.Ignore(syscall.SIGPIPE) // writing to a closed standard output is an error like others
	argv := arguments()
	signals := make(chan os.Signal, 2)
	listen := sync.OnceFunc(func() { signal.Notify(signals, os.Interrupt, syscall.SIGTERM) })
	defer time.AfterFunc(commands.Short, listen).Stop()
	return commands.Run(signals, argv, os.Stderr, func(ctx context.Context) int {
		return commands.Main(ctx, commands.ProcessEnv(ctx, version, listen), argv)
	})
}

// arguments returns a copy of the program's arguments, and overwrites passwords where ps and /proc/PID/cmdline read them. os.Args shares
// that memory on Unix; elsewhere it is a copy of its own, where this does no harm. Until the program starts, the password can be seen.
func arguments() []string {
	argv := make([]string, len(os.Args))
	for i, arg := range os.Args {
		argv[i] = strings.Clone(arg)
	}
	for secret := range commands.Secrets(os.Args) {
		shown := unsafe.Slice(unsafe.StringData(secret), len(secret))
		for i := range shown {
			shown[i] = '*'
		}
	}
	return argv
}
