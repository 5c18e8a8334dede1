package native

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/urfave/cli/v2"

	"certkdb/commands/op"
	"certkdb/commands/op/inspect"
)

// The completion scripts ask the program itself: it knows its commands, its options and the labels of the database.
var completionScripts = sync.OnceValue(func() map[string]string {
	return map[string]string{
		"bash": `_certkdb() {
	local IFS=$'\n'
	local word=${COMP_WORDS[COMP_CWORD]}
	COMPREPLY=($(certkdb __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
	if [ ${#COMPREPLY[@]} -eq 0 ]; then
		compopt -o default 2>/dev/null
		return
	fi
	local i
	for i in "${!COMPREPLY[@]}"; do
		COMPREPLY[i]=$(printf '%q' "${COMPREPLY[i]}")
	done
}
complete -F _certkdb certkdb
`,
		"zsh": `#compdef certkdb
_certkdb() {
	local -a found
	found=("${(@f)$(certkdb __complete "${(@)words[2,CURRENT]}" 2>/dev/null)}")
	if [[ -n "${found[1]}" ]]; then
		compadd -- "${found[@]}"
	else
		_files
	fi
}
# Autoloaded from a folder of $fpath this file is the function's first call; else it is read by source.
if [[ ${funcstack[1]} == _certkdb ]]; then
	_certkdb "$@"
else
	compdef _certkdb certkdb
fi
`,
		"fish": `function __certkdb_complete
	set -l words (commandline -opc) (commandline -ct)
	certkdb __complete $words[2..-1] 2>/dev/null
end
complete -c certkdb -a '(__certkdb_complete)'
`,
	}
})

func completionCommand(env *op.Env) *cli.Command {
	return &cli.Command{
		Name: "completion", Category: groupOperations, Usage: "print a script that completes commands, options and labels in a shell: bash, " +
			"zsh or fish", ArgsUsage: "SHELL",
		Description: "Labels are completed without a password.\n\n" +
			examples(
				"source <(certkdb completion bash)", "certkdb completion zsh > ~/.zfunc/_certkdb",
				"certkdb completion fish > ~/.config/fish/completions/certkdb.fish",
			),
		Action: func(c *cli.Context) error {
			args, err := arguments(c)
			if err != nil {
				return err
			}
			script, ok := completionScripts()[args[0]]
			if !ok {
				return usage(c, "unknown shell %q: use bash, zsh or fish", args[0])
			}
			_, err = io.WriteString(env.Stdout, script)
			return err
		},
	}
}

// completeCommand answers the completion scripts: a candidate a line for the last of the words.
func completeCommand(env *op.Env) *cli.Command {
	return &cli.Command{
		Name: "__complete", Hidden: true, SkipFlagParsing: true, Usage: "answer a completion script",
		Action: func(c *cli.Context) error {
			words := c.Args().Slice()
			if len(words) == 0 {
				return nil
			}
			for _, candidate := range candidates(c.Context, env, c.App.Commands, words[:len(words)-1], words[len(words)-1]) {
				fmt.Fprintln(env.Stdout, candidate)
			}
			return nil
		},
	}
}

// maxLabels is how many labels a shell is offered.
const maxLabels = 1000

// candidates are the words that can complete the unfinished word after the finished ones.
func candidates(ctx context.Context, env *op.Env, commands []*cli.Command, finished []string, word string) []string {
	all, flags := commands, commonFlags("")
	var command *cli.Command
	given, wanting := map[string]string{}, "" // wanting is the option whose value is being typed
	for _, w := range finished {
		option, value, _ := strings.Cut(strings.TrimLeft(w, "-"), "=")
		switch {
		case wanting != "":
			given[wanting], wanting = w, ""
		case strings.HasPrefix(w, "-") && value != "":
			given[option] = value
		case strings.HasPrefix(w, "-"):
			if n, _ := optionLength(flags, []string{w, ""}); n == 2 {
				wanting = option
			}
		default:
			if next := lookup(commands, w); next != nil {
				command, commands, flags = next, next.Subcommands, append(flags, next.Flags...)
			}
		}
	}
	switch {
	case wanting == "ca":
		return inspect.Labels(ctx, env, op.DB{Location: cmp.Or(given["ca-db"], given[flagDB])}, word, maxLabels)
	case wanting == "cert":
		return inspect.Labels(ctx, env, op.DB{Location: given[flagDB]}, word, maxLabels)
	case wanting != "":
		return beginningWith(word, strings.Fields(optionValues()[wanting])) // for others the shell completes files
	case strings.HasPrefix(word, "-"):
		return beginningWith(word, optionNames(flags))
	case command == nil || len(commands) > 0:
		return beginningWith(word, commandNames(commands))
	case strings.HasPrefix(strings.TrimPrefix(command.ArgsUsage, "["), "LABEL"):
		return inspect.Labels(ctx, env, op.DB{Location: given[flagDB]}, word, maxLabels)
	}
	switch command.Name {
	case "completion":
		return beginningWith(word, slices.Sorted(maps.Keys(completionScripts())))
	case "help":
		return beginningWith(word, append(commandNames(all), topicNames()...))
	}
	return nil
}

// optionValues are the words that an option takes.
var optionValues = sync.OnceValue(func() map[string]string {
	return map[string]string{
		"key-type": keyTypes,
		flagOutput: "table wide json jsonl csv name pem",
		"starttls": "ldap smtp imap pop3 ftp postgres mysql xmpp sieve nntp",
		"min-tls":  "1.2 1.3",
		"kind":     "trusted personal request secret-key",
		"reason": "unspecified keyCompromise cACompromise affiliationChanged superseded cessationOfOperation certificateHold removeFromCRL " +
			"privilegeWithdrawn aACompromise",
	}
})

func commandNames(commands []*cli.Command) []string {
	var names []string
	for _, c := range commands {
		if !c.Hidden {
			names = append(names, c.Name)
		}
	}
	return names
}

func optionNames(flags []cli.Flag) []string {
	var names []string
	for _, f := range flags {
		for _, name := range f.Names() {
			if len(name) > 1 {
				names = append(names, "--"+name)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func beginningWith(prefix string, words []string) []string {
	return slices.DeleteFunc(words, func(w string) bool { return !strings.HasPrefix(w, prefix) })
}
