package native

import (
	"fmt"
	"io"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"certkdb/commands/op"
	"certkdb/commands/op/links"
)

func printLinks(w io.Writer, l links.Links) {
	for _, list := range []struct {
		what  string
		names []string
	}{{"linked", l.Linked}, {"removed", l.Removed}, {"kept another program's", l.Kept}} {
		for _, name := range list.names {
			fmt.Fprintf(w, "%s %q\n", list.what, filepath.Join(l.Folder, name))
		}
	}
	if !l.HasChanged() {
		fmt.Fprintf(w, "nothing to do in %q\n", l.Folder)
	}
}

func linkCommand(env *op.Env, names []string) *cli.Command {
	return &cli.Command{
		Name: "link", Category: groupOperations, Usage: "create links to certkdb with the names of IBM's programs", ArgsUsage: "FOLDER",
		Description: "Creates a link in the folder for each name in the group of dialects, so that scripts find dsmcert, gsk8capicmd_64 and\n" +
			"the others there. If another program already has one of the names, no link is created.\n\n" +
			examples("certkdb link /usr/local/ibm/gsk8_64/bin"),
		Flags: changeFlags(),
		Action: action(env, "link", func(c *cli.Context, args []string) (links.Links, error) {
			return links.Make{Folder: args[0], Names: names}.Run(c.Bool(flagDryRun))
		}, printLinks),
	}
}

func unlinkCommand(env *op.Env, names []string) *cli.Command {
	return &cli.Command{
		Name: "unlink", Category: groupOperations, Usage: "remove the links to certkdb from a folder", ArgsUsage: "FOLDER",
		Description: "Other programs with those names are left alone.\n\n" + examples("certkdb unlink /usr/local/ibm/gsk8_64/bin"),
		Flags:       changeFlags(),
		Action: action(env, "unlink", func(c *cli.Context, args []string) (links.Links, error) {
			return links.Remove{Folder: args[0], Names: names}.Run(c.Bool(flagDryRun))
		}, printLinks),
	}
}
