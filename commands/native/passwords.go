package native

import (
	"errors"
	"io/fs"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"certkdb/commands/op"
)

// passwordFlag is an option for the source of a password.
func passwordFlag(env *op.Env, p *op.Password, field op.Field, usage string) cli.Flag {
	p.Field = field
	return &cli.StringFlag{
		Name: string(field), Usage: usage + ": `SRC` as for --password",
		Action: func(_ *cli.Context, text string) (err error) {
			p.Source, err = parseSource(env, field, text)
			return err
		},
	}
}

// warnOfArgument says what is wrong with a password that is an argument.
func warnOfArgument(env *op.Env) {
	if env.Warn != nil {
		err := errors.New("a password on the command line can be seen by every user of this machine")
		env.Warn(withHint(op.Classify(err, fs.ErrPermission), "give it with file:, env: or fd:"))
	}
}

// passwordForms are the sources of passwords, as help writes them.
var passwordForms = [...]string{"file:PATH", "env:VAR", "fd:N", "stdin", "prompt", "stash", "cred:NAME", "pass:TEXT"}

// parseSource reads the source of a password, in the words of openssl's pass phrase options.
func parseSource(env *op.Env, field op.Field, text string) (op.Source, error) {
	kind, rest, _ := strings.Cut(text, ":")
	switch {
	case text == "stdin":
		return op.FromStdin(), nil
	case text == "prompt":
		return op.FromPrompt(), nil
	case text == "stash":
		return op.FromStash(), nil
	case kind == "pass" && kind != text:
		warnOfArgument(env)
		return op.FromBytes([]byte(rest)), nil
	case rest == "":
	case kind == "file":
		return op.FromFile(rest), nil
	case kind == "env":
		return op.FromEnv(rest), nil
	case kind == "cred":
		return op.FromCredential(rest), nil
	case kind == "fd":
		if n, err := strconv.ParseUint(rest, 10, 16); err == nil && n != 1 && n != 2 {
			return op.FromFD(uint16(n)), nil
		}
	}
	// The text is not repeated: people write the password itself here.
	err := &op.Invalid{Field: field, Reason: "unknown password source"}
	return op.Source{}, withHint(err, "write "+op.Choice(passwordForms[:]))
}
