// Package terminal writes results for people: aligned tables that fit the screen, colours, a line that shows progress, and no character
// that a terminal or a spreadsheet could take for a command.
package terminal

import "certkdb/commands/op"

// Screen is the terminal that standard output is. The zero value stands for a file or a pipe, which gets everything and no colours.
type Screen struct {
	Columns  int // 0: lines may be as long as they like
	Colours  bool
	Isolates bool // keep a text from right to left from moving its neighbours
}

// ScreenOf asks the environment. NO_COLOR (https://no-color.org), CLICOLOR=0 and TERM=dumb turn colours off.
func ScreenOf(env *op.Env) Screen {
	if env.Screen == nil {
		return Screen{}
	}
	columns, colours := env.Screen()
	wanted := env.Getenv("NO_COLOR") == "" && env.Getenv("CLICOLOR") != "0" && env.Getenv("TERM") != "dumb"
	return Screen{Columns: columns, Colours: columns > 0 && colours && wanted, Isolates: columns > 0}
}

// Colour is an SGR parameter of ECMA-48, 8.3.117.
type Colour string

// The colours of rows.
const (
	Plain  Colour = ""
	Red    Colour = "31"
	Yellow Colour = "33"
)

// paint puts a text that is printable already into a colour.
func (c Colour) paint(text string) string {
	if c == Plain {
		return text
	}
	return "\x1b[" + string(c) + "m" + text + "\x1b[0m"
}
