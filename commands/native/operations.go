package native

import (
	"fmt"
	"io"
	"runtime"

	"github.com/urfave/cli/v2"

	"certkdb/commands/op"
)

func versionCommand(env *op.Env) *cli.Command {
	return &cli.Command{
		Name: "version", Category: groupOperations, Usage: "show the version",
		Description: examples("certkdb version", "certkdb version --json"),
		Action: action(env, "version", func(*cli.Context, []string) (versions, error) {
			return versions{env.Version, runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH}, nil
		}, func(w io.Writer, v versions) { fmt.Fprintf(w, "certkdb %s %s %s\n", v.Version, v.Go, v.Platform) }),
	}
}

type versions struct {
	Version  string `json:"version"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// dialectCommand is a dialect as a subcommand: the same function as by the program's name.
func dialectCommand(env *op.Env, name string, run Dialect) *cli.Command {
	return &cli.Command{
		Name: name, Category: groupDialects, Usage: "the command line of IBM's " + name, SkipFlagParsing: true, ArgsUsage: "…",
		Description: "The same as calling the program by this name.\n\n" + examples("certkdb "+name+" "+dialectExample(name)),
		Action: func(c *cli.Context) error {
			return dialectExit(run(c.Context, withoutProgress(env), c.Args().Slice()))
		},
	}
}

// dialectExample is a command line of a dialect.
func dialectExample(name string) string {
	if name == "dsmcert" {
		return "-list"
	}
	return "-cert -list -db key.kdb -stashed"
}

// dialectExit carries the exit status of a dialect up to Main. The dialect has printed its errors itself.
type dialectExit int

func (e dialectExit) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// withoutProgress is an environment for a command that stands in for another program, whose output scripts parse.
func withoutProgress(env *op.Env) *op.Env {
	own := *env
	own.Report = nil
	return &own
}
