package native

import (
	"maps"
	"slices"

	"github.com/urfave/cli/v2"

	"certkdb/commands/op"
)

// maker makes a command. Names are the command's and its aliases, known without making it, because its options take time.
type maker struct {
	names []string
	make  func(*op.Env) *cli.Command
}

// makers are the commands in the order of the help.
func makers(dialects map[string]Dialect) []maker {
	names := slices.Sorted(maps.Keys(dialects))
	all := []maker{
		{[]string{"init"}, initCommand},
		{[]string{"info"}, infoCommand},
		{[]string{"passwd"}, passwdCommand},
		{[]string{"slots"}, slotsCommand},
		{[]string{"stash"}, stashCommand},
		{[]string{"rekey"}, rekeyCommand},
		{[]string{"check"}, checkCommand},
		{[]string{"compact"}, compactCommand},
		{[]string{"backup"}, backupCommand},
		{[]string{"restore"}, restoreCommand},
		{[]string{"recover"}, recoverCommand},
		{[]string{"log"}, logCommand},
		{[]string{"add", "import"}, addCommand},
		{[]string{"list", "ls"}, listCommand},
		{[]string{"show"}, showCommand},
		{[]string{"find"}, findCommand},
		{[]string{"compare"}, compareCommand},
		{[]string{"rename"}, renameCommand},
		{[]string{"trust"}, trustCommand},
		{[]string{"distrust"}, distrustCommand},
		{[]string{"default"}, defaultCommand},
		{[]string{"delete", "rm"}, deleteCommand},
		{[]string{"export"}, exportCommand},
		{[]string{"copy"}, copyCommand},
		{[]string{"create"}, createCommand},
		{[]string{"request"}, requestCommand},
		{[]string{"sign"}, signCommand},
		{[]string{"receive"}, receiveCommand},
		{[]string{"renew"}, renewCommand},
		{[]string{"revoke"}, revokeCommand},
		{[]string{"crl"}, crlCommand},
		{[]string{"issued"}, issuedCommand},
		{[]string{"validate"}, validateCommand},
		{[]string{"lint"}, lintCommand},
		{[]string{"connect"}, connectCommand},
		{[]string{"session"}, sessionCommand},
		{[]string{"explain"}, func(env *op.Env) *cli.Command { return explainCommand(env, names) }},
		{[]string{"deploy"}, deployCommand},
		{[]string{"link"}, func(env *op.Env) *cli.Command { return linkCommand(env, names) }},
		{[]string{"unlink"}, func(env *op.Env) *cli.Command { return unlinkCommand(env, names) }},
		{[]string{"schema"}, schemaCommand},
		{[]string{"completion"}, completionCommand},
		{[]string{"man"}, manCommand},
		{[]string{"help"}, helpCommand},
		{[]string{"version"}, versionCommand},
		{[]string{"__complete"}, completeCommand},
	}
	for _, name := range names {
		all = append(all, maker{[]string{name}, func(env *op.Env) *cli.Command { return dialectCommand(env, name, dialects[name]) }})
	}
	return all
}

// tree makes the command that is called, or all commands if none is called or it needs them.
func tree(env *op.Env, dialects map[string]Dialect, called string) []*cli.Command {
	all := makers(dialects)
	i := slices.IndexFunc(all, func(m maker) bool { return slices.Contains(m.names, called) })
	if i >= 0 && !slices.Contains([]string{"help", "man", "__complete"}, called) {
		all = all[i : i+1]
	}
	commands := make([]*cli.Command, len(all))
	for i, m := range all {
		commands[i] = m.make(env)
		prepare(commands[i], env, commands[i].Name)
	}
	return commands
}

// calledCommand is the first word that is neither an option nor the value of one. Before the command only common options are known.
func calledCommand(args []string) string {
	flags := commonFlags("")
	for i := 1; i < len(args); i++ {
		if arg := args[i]; len(arg) < 2 || arg[0] != '-' {
			return arg
		} else if arg == "--" {
			return ""
		}
		n, err := optionLength(flags, args[i:])
		if err != nil {
			return "" // reported later
		}
		i += n - 1
	}
	return ""
}
