package native

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"certkdb/commands/op"
)

const appHelp = `certkdb - {{.Usage}}

Usage: certkdb COMMAND [options] [arguments]        options may stand anywhere
{{range .VisibleCategories}}
{{slice .Name 2}}:
{{range .VisibleCommands}}  {{printf "%-12s" .Name}} {{.Usage}}
{{end}}{{end}}
certkdb help COMMAND explains a command, certkdb help exit-codes the exit codes, certkdb help passwords the password sources.
The database is --db FILE, else $CERTKDB_DB, else key.ckdb in your data folder (root: /var/lib/certkdb/key.ckdb).
`

// commandHelp has the options of the command before those that all commands have.
const commandHelp = `{{.HelpName}} - {{.Usage}}

Usage: {{.HelpName}}{{if .ArgsUsage}} {{.ArgsUsage}}{{end}}
{{if .VisibleCommands}}
Commands:
{{range .VisibleCommands}}  {{printf "%-12s" .Name}} {{.Usage}}
{{end}}{{end}}{{if .Description}}
{{.Description}}
{{end}}{{range .VisibleFlagCategories}}{{if ne .Name "` + categoryCommon + `"}}` + optionsHelp + `{{end}}{{end}}` +
	`{{range .VisibleFlagCategories}}{{if eq .Name "` + categoryCommon + `"}}` + optionsHelp + `{{end}}{{end}}`

// An option of one letter is written with two hyphens: -o is --output (see longOption).
const optionsHelp = `
{{if .Name}}{{.Name}}{{else}}Options{{end}}:
{{range .Flags}}{{$option := printf "%s" .}}  {{if eq (slice $option 2 3) " "}}-{{end}}{{$option}}
{{end}}`

const helpExitCodes = `Exit codes of certkdb:
  0  done, or nothing to do            7  input cannot be parsed
  1  failed                            8  validation failed
  2  wrong usage                       9  expired or expiring (only where asked)
  3  no such label or file            10  network or handshake failed
  4  label exists, conflict           11  permission denied
  5  wrong password                   12  database damaged or of an unknown version
  6  database locked                 130  interrupted (143: terminated)
 20  changed (only with --detailed-exitcode)
`

const helpPasswords = `Where a password comes from: --password SRC (and --new-password, --in-password, --out-password,
--to-password, --ca-password, --ca-remote-key and --in-key-password alike)
  file:PATH   the first line of a file          env:VAR     an environment variable
  fd:N        the first line of an open file    stdin       the first line of standard input
  prompt      ask on the terminal               stash       the stash next to the database
  cred:NAME   a file in systemd's $CREDENTIALS_DIRECTORY
  pass:TEXT   the text itself; every user of the machine can see it
Without it, certkdb tries the stash, then the file that $CERTKDB_PASSWORD_FILE names, then asks on the terminal.

A native database's key derivation may take 256 MiB of memory, and work in proportion. $CERTKDB_KDF_MEMORY allows
another number of MiB, for a database whose key slots somebody made more expensive.
`

func helpCommand(env *op.Env) *cli.Command {
	return &cli.Command{
		Name: "help", Category: groupOperations, Usage: "explain a command, the exit codes or the password sources",
		ArgsUsage:   "[COMMAND…|exit-codes|passwords]",
		Description: examples("certkdb help add", "certkdb help stash create", "certkdb help exit-codes"),
		Action: func(c *cli.Context) error {
			switch topic := strings.Join(c.Args().Slice(), " "); topic {
			case "":
				return cli.ShowAppHelp(c)
			case "exit-codes":
				_, err := fmt.Fprint(env.Stdout, helpExitCodes)
				return err
			case "passwords":
				_, err := fmt.Fprint(env.Stdout, helpPasswords)
				return err
			}
			return showHelp(c, c.Args().Slice())
		},
	}
}

// showHelp prints the help of the command at the end of a path of names.
func showHelp(c *cli.Context, path []string) error {
	below, helpName := c.App.Commands, c.App.Name
	var command *cli.Command
	for _, name := range path {
		if command = lookup(below, name); command == nil {
			return withHint(fmt.Errorf("%w: there is no command %q", op.ErrUsage, strings.Join(path, " ")), "see all commands: certkdb help")
		}
		below, helpName = command.Subcommands, helpName+" "+command.Name
	}
	command.HelpName = helpName
	cli.HelpPrinter(c.App.Writer, commandHelp, command)
	return nil
}

// examples is the end of every command's description.
func examples(lines ...string) string {
	return "Examples:\n  " + strings.Join(lines, "\n  ")
}
