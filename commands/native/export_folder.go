package native

import (
	"fmt"
	"io"

	"github.com/urfave/cli/v2"

	"certkdb/commands/op"
	"certkdb/commands/op/entries"
)

// exportFolder writes a file for each certificate and key.
func exportFolder(c *cli.Context, env *op.Env, folder string, as entries.Export) error {
	for _, name := range []string{"out", "format", "trusted", "combined", "traditional", string(op.FieldOutPassword), "profile", flagSkip} {
		if c.IsSet(name) {
			return usage(c, "--out-dir and --%s exclude each other", name)
		}
	}
	return read(env, "export.folder", func(c *cli.Context, s *op.Session, args []string) (entries.ExportedFiles, error) {
		exported, err := entries.ExportFolder{
			Labels: args, All: as.All, Folder: folder, Force: as.Out.Force, Rights: as.Out.Rights, Key: as.Key, Chain: as.Chain,
		}.Run(c.Context, s)
		warnUnverified(env, s)
		return exported, err
	}, printExportedFiles)(c)
}

func printExportedFiles(w io.Writer, done entries.ExportedFiles) {
	for _, f := range done.Files {
		fmt.Fprintf(w, "%s %q\n", f.State, f.Path)
	}
	printNotes(w, done.Notes)
}
