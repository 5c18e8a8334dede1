package native

import (
	"embed"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"certkdb/commands/op"
)

// The completion scripts ask the program itself: it knows its commands, its options and the labels of the database.
//
//go:embed completion
var completionScripts embed.FS

// shells are those that have a completion script.
var shells = [...]string{"bash", "zsh", "fish", "powershell"}

func completionScript(shell string) string {
	script, err := completionScripts.ReadFile(path.Join("completion", shell))
	if err != nil {
		panic(err) // a test reads all of them
	}
	return string(script)
}

func completionCommand(env *op.Env) *cli.Command {
	commands := make([]*cli.Command, len(shells))
	for i, shell := range shells {
		commands[i] = completionScriptCommand(env, shell)
	}
	return &cli.Command{
		Name: "completion", Category: groupOperations,
		Usage: "complete commands, options and their values, and labels in a shell",
		Description: "Prints the script for a shell, or installs it where the shell finds it. Labels are completed without a password, if the\n" +
			"database tells them without one.\n\n" +
			examples("certkdb completion install", "source <(certkdb completion bash)", "certkdb completion powershell >> $PROFILE"),
		Subcommands: append(commands, completionInstallCommand(env)),
	}
}

func completionScriptCommand(env *op.Env, shell string) *cli.Command {
	load := map[string]string{
		"bash": "source <(certkdb completion bash)", "zsh": "source <(certkdb completion zsh)",
		"fish": "certkdb completion fish | source", "powershell": "certkdb completion powershell | Out-String | Invoke-Expression",
	}
	return &cli.Command{
		Name: shell, Usage: "print the script for " + shell,
		Description: "The example completes in the shell that is running. To keep it: certkdb completion install " + shell + "\n\n" +
			examples(load[shell]),
		Action: func(c *cli.Context) error {
			if _, err := arguments(c); err != nil {
				return err
			}
			_, err := io.WriteString(env.Stdout, completionScript(shell))
			return err
		},
	}
}

// completeCommand answers the completion scripts: a line that says how to go on, then a candidate a line, with what it means behind a tab.
// Its first argument is the shell. bash gives the line up to the cursor and the part of the last word that it will replace; the others give
// the words.
func completeCommand(env *op.Env) *cli.Command {
	return &cli.Command{
		Name: "__complete", Hidden: true, SkipFlagParsing: true, Usage: "answer a completion script",
		Action: func(c *cli.Context) error {
			words := c.Args().Slice()
			if len(words) < 2 {
				return nil
			}
			by := completer{c.Context, env, c.App.Commands}
			shell, words := words[0], words[1:]
			if shell == "bash" {
				by.answerBash(words[0], strings.Join(words[1:], " "))
				return nil
			}
			last := len(words) - 1
			switch shell {
			case "zsh":
				for i := range words[:last] {
					words[i] = atHome(splitLine(words[i])[0], env.Home)
				}
				words[last] = unfinished(words[last]).text
			case "fish":
				words[last] = unfinished(words[last]).text
			case "powershell":
				words[last] = strings.TrimPrefix(words[last], "=")
			}
			found := by.answer(words[:last], words[last])
			fmt.Fprintln(env.Stdout, found.how)
			for _, w := range found.words {
				fmt.Fprintln(env.Stdout, strings.TrimSuffix(w.word+"\t"+w.about, "\t"))
			}
			return nil
		},
	}
}

// unfinished is the word of a line that has only one.
func unfinished(line string) shellWord {
	words := splitLine(line)
	return words[len(words)-1]
}

// answerBash completes the last word of a line. What bash replaces may be only a part of that, because it divides words at colons and equal
// signs too.
func (c completer) answerBash(line, replaced string) {
	words := afterCommand(splitLine(line))
	if len(words) == 0 {
		return
	}
	last := words[len(words)-1]
	var finished []string
	for _, w := range words[:len(words)-1] {
		finished = append(finished, atHome(w, c.env.Home))
	}
	found := c.answer(finished, last.text)
	if n := len(finished); n > 0 && slices.Contains([]string{">", ">>", "<", "2>"}, words[n-1].raw) {
		found = answer{how: answerFiles}
	}
	kept := ""
	if before, ok := strings.CutSuffix(last.raw, strings.TrimLeft(replaced, `"'`)); ok {
		kept = splitLine(before)[0].text
	}
	fmt.Fprintln(c.env.Stdout, found.how)
	for _, w := range found.words {
		fmt.Fprintln(c.env.Stdout, quoted(strings.TrimPrefix(w.word, kept), last.quote))
	}
}
