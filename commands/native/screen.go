package native

import (
	"io"

	"github.com/urfave/cli/v2"

	"certkdb/commands/op"
)

// screen is the terminal that standard output is. The zero value stands for a file or a pipe, which gets everything and no colours.
type screen struct {
	columns  int // 0: lines may be as long as they like
	colours  bool
	isolates bool // keep a text from right to left from moving its neighbours
}

// screenOf asks the environment. NO_COLOR (https://no-color.org), CLICOLOR=0 and TERM=dumb turn colours off.
func screenOf(env *op.Env) screen {
	if env.Screen == nil {
		return screen{}
	}
	columns, colours := env.Screen()
	wanted := env.Getenv("NO_COLOR") == "" && env.Getenv("CLICOLOR") != "0" && env.Getenv("TERM") != "dumb"
	return screen{columns: columns, colours: columns > 0 && colours && wanted, isolates: columns > 0}
}

// screenFor is the screen for the results of a command: a dry run marks its lines, which leaves no room for colours and isolates.
func screenFor(c *cli.Context, env *op.Env) screen {
	s := screenOf(env)
	if c.Bool(flagDryRun) {
		s.colours, s.isolates = false, false
		if s.columns > 0 {
			s.columns = max(s.columns-len(dryMark), 1)
		}
	}
	return s
}

// screenBehind is the screen that a writer of results leads to.
func screenBehind(w io.Writer) screen {
	if f, ok := w.(*onceFailing); ok {
		return f.on
	}
	return screen{}
}

// colour is an SGR parameter of ECMA-48, 8.3.117.
type colour string

const (
	plainly colour = ""
	red     colour = "31"
	yellow  colour = "33"
)

// paint puts a text that is printable already into a colour.
func (c colour) paint(text string) string {
	if c == plainly {
		return text
	}
	return "\x1b[" + string(c) + "m" + text + "\x1b[0m"
}

// soon is how long before its end the certificates of a list are yellow.
const soon = 30 * 24 * 60 * 60 // seconds

// colourOf is that of an entry: red if it is of no use any more, yellow if it soon will be, or is not yet.
func colourOf(status op.Status, secondsLeft *int64) colour {
	switch {
	case status == op.StatusExpired, status == op.StatusRevoked, status == op.StatusDamaged:
		return red
	case status == op.StatusNotYetValid, secondsLeft != nil && *secondsLeft <= soon:
		return yellow
	}
	return plainly
}
