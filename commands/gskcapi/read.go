package gskcapi

import "maps"

// Line is a command line that was taken apart.
type Line struct {
	Object, Action string // "cert", "add"
	Filter         string // the word behind -list
	// Options are the values by the names of the options, without hyphen, in lower case; those that have several names are under the first of
	// COMPAT.md ("sigalg" for -sig_alg, "target_pw" for -new_pw).
	Options map[string]string
}

// Read takes a command line apart without running it. The error says what is wrong with the line, and never repeats a password.
func Read(args []string) (Line, error) {
	l, err := parse(args)
	if err == nil && l.action != nil && !l.help {
		err = (&program{line: l}).complete()
	}
	read := Line{Object: l.object, Filter: l.filter, Options: maps.Clone(l.given)}
	if l.action != nil {
		read.Action = l.action.name
	}
	if l.help {
		read.Action = "help"
	}
	return read, err
}
