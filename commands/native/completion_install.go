package native

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"certkdb/commands/op"
	"certkdb/commands/op/links"
)

// installing are the options of completion install.
type installing struct {
	own, remove bool
	root        string
}

func completionInstallCommand(env *op.Env) *cli.Command {
	var o installing
	return &cli.Command{
		Name: "install", Usage: "install the script where the shell finds it", ArgsUsage: "[SHELL]",
		Description: "Without SHELL, the script is for the shell in $SHELL. It is installed for you, or by root for all users. Loading it is\n" +
			"up to bash-completion in bash; zsh and PowerShell need a line in your startup file for that, which the command prints.\n\n" +
			examples("certkdb completion install", "certkdb completion install zsh", "certkdb completion install fish --remove",
				"certkdb completion install bash --root /tmp/package"),
		Flags: append(changeFlags(),
			&cli.BoolFlag{Name: "user", Usage: "for your own account, also as root", Destination: &o.own},
			&cli.BoolFlag{Name: "remove", Usage: "remove it", Destination: &o.remove},
			&cli.StringFlag{Name: "root", Usage: "for all users of the system below `FOLDER`, such as an image", Destination: &o.root},
		),
		Action: action(env, "completion.install", func(c *cli.Context, args []string) (installed, error) {
			shell := env.Getenv("SHELL")
			switch {
			case len(args) > 0:
				shell = args[0]
			case shell == "":
				return installed{}, usage(c, "SHELL is missing: name %s", op.Choice(shells[:]))
			}
			return o.run(c, env, filepath.Base(shell))
		}, printInstalled),
	}
}

// installed tells what became of a completion script.
type installed struct {
	Action links.ScriptAction `json:"action"`
	Shell  string             `json:"shell"`
	Path   string             `json:"file"`
	// Startup is a line for a startup file of the shell, without which it does not load the script.
	Startup string `json:"startup,omitempty"`
}

// HasChanged says whether the script was written or removed.
func (i installed) HasChanged() bool { return i.Action != links.ScriptUnchanged }

func (o installing) run(c *cli.Context, env *op.Env, shell string) (done installed, err error) {
	shell = strings.TrimSuffix(strings.ToLower(shell), ".exe")
	if shell == "pwsh" {
		shell = "powershell"
	}
	switch {
	case !slices.Contains(shells[:], shell):
		return done, usage(c, "unknown shell %q: use %s", shell, op.Choice(shells[:]))
	case o.own && o.root != "":
		return done, usage(c, "--user and --root exclude each other")
	}
	everybody := (env.Root || o.root != "") && !o.own
	done = installed{Shell: shell, Path: systemScript(shell)}
	if !everybody {
		if done.Path = userScript(env, shell); done.Path == "" {
			return done, fmt.Errorf("%w: there is no home folder to install the script in", op.ErrUsage)
		}
	}
	done.Path = filepath.Join(o.root, done.Path)
	script := links.Script{Path: done.Path, Content: completionScript(shell), Mark: "completion of certkdb"}
	if o.remove {
		done.Action, err = script.Remove(c.Bool(flagDryRun))
		return done, err
	}
	done.Startup = startupLine(shell, done.Path, everybody)
	done.Action, err = script.Install(env, c.Bool(flagDryRun))
	return done, err
}

// systemScript is where a shell looks for completions of programs that are not from a package.
func systemScript(shell string) string {
	switch shell {
	case "bash":
		return "/usr/local/share/bash-completion/completions/certkdb"
	case "zsh":
		return "/usr/local/share/zsh/site-functions/_certkdb"
	case "fish":
		return "/etc/fish/completions/certkdb.fish"
	}
	return "/usr/local/share/certkdb/completion.ps1"
}

// userScript is where it looks for those of a user, "" if that is not known.
func userScript(env *op.Env, shell string) string {
	folder := func(variable, below string) string {
		if value := env.Getenv(variable); filepath.IsAbs(value) {
			return value
		}
		return filepath.Join(env.Home, below)
	}
	switch {
	case env.Home == "":
		return ""
	case shell == "bash" && env.Getenv("BASH_COMPLETION_USER_DIR") != "":
		return filepath.Join(env.Getenv("BASH_COMPLETION_USER_DIR"), "completions", "certkdb")
	case shell == "bash":
		return filepath.Join(folder("XDG_DATA_HOME", ".local/share"), "bash-completion", "completions", "certkdb")
	case shell == "zsh":
		return filepath.Join(folder("XDG_DATA_HOME", ".local/share"), "zsh", "site-functions", "_certkdb")
	case shell == "fish":
		return filepath.Join(folder("XDG_CONFIG_HOME", ".config"), "fish", "completions", "certkdb.fish")
	}
	return filepath.Join(folder("XDG_DATA_HOME", ".local/share"), "certkdb", "completion.ps1")
}

// startupLine is what a shell needs in its startup file to load the script, "" if it looks there by itself.
func startupLine(shell, path string, everybody bool) string {
	switch {
	case shell == "zsh" && !everybody:
		return "fpath=(" + op.Quote(filepath.Dir(path)) + " $fpath)"
	case shell == "powershell":
		return ". " + quotedForPowerShell(path)
	}
	return ""
}

// quotedForPowerShell puts a text into single quotes. Typographic ones end such a string as well, so all are doubled.
func quotedForPowerShell(text string) string {
	return "'" + strings.NewReplacer("'", "''", "‘", "‘‘", "’", "’’", "‚", "‚‚", "‛", "‛‛").Replace(text) + "'"
}

func printInstalled(w io.Writer, done installed) {
	fmt.Fprintf(w, "%s %q\n", done.Action, done.Path)
	switch {
	case done.Startup == "":
	case done.Shell == "zsh":
		fmt.Fprintf(w, "note: add this to ~/.zshrc, in front of compinit: %s\n", done.Startup)
	default:
		fmt.Fprintf(w, "note: add this to $PROFILE: %s\n", done.Startup)
	}
	if done.Shell == "bash" && done.Action == links.ScriptInstalled {
		fmt.Fprintln(w, "note: the package bash-completion loads it in new shells")
	}
}
