package native

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"certkdb/commands/native/terminal"
	"certkdb/commands/op"
	"certkdb/pki/spelling"
)

func helpCommand(env *op.Env) *cli.Command {
	return &cli.Command{
		Name: "help", Category: groupOperations, Usage: "explain a command or a topic",
		ArgsUsage: "[COMMAND…|TOPIC]",
		Description: "Topics: " + strings.Join(topicNames(), ", ") + ".\n\n" +
			examples("certkdb help add", "certkdb help stash create", "certkdb help passwords", "certkdb help formats"),
		Action: func(c *cli.Context) error {
			w := terminal.NewWriter(env.Stdout)
			if text := topic(strings.Join(c.Args().Slice(), " ")); text != "" {
				fmt.Fprint(w, text)
				return ifRead(w.Err())
			}
			if err := showHelp(w, terminal.ScreenOf(env), c.App, c.Args().Slice()); err != nil {
				return err
			}
			return ifRead(w.Err())
		},
	}
}

// showHelp prints the help of the command at the end of a path of names, of the program for none.
func showHelp(w io.Writer, on terminal.Screen, app *cli.App, path []string) error {
	page := newHelpPage(w, on)
	if len(path) == 0 {
		page.program(app)
		return nil
	}
	below, name := app.Commands, app.Name
	var command *cli.Command
	for _, word := range path {
		if command = lookup(below, word); command == nil {
			return noHelp(below, word)
		}
		below, name = command.Subcommands, name+" "+command.Name
	}
	page.command(command, name)
	return nil
}

// noHelp is the error about a word that is neither a command nor a topic.
func noHelp(commands []*cli.Command, word string) error {
	err := unknownCommand(commands, word)
	if near := spelling.Nearest(slices.Concat(topicNames(), commandNames(commands)), word); near != "" {
		err = withHint(err, didYouMean(near)+" All commands and topics: certkdb help")
	}
	return err
}

// examples is the end of every command's description.
func examples(lines ...string) string {
	return "Examples:\n  " + strings.Join(lines, "\n  ")
}
