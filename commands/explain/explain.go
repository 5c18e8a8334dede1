// Package explain translates command lines of other tools into those of certkdb that do the same, with a word on what differs: IBM's
// gsk8capicmd and dsmcert, keytool, openssl, and certutil and pk12util of NSS. It runs nothing, and passwords do not come out again.
//
//	answer, err := explain.Line([]string{"keytool", "-list", "-keystore", "a.p12", "-storepass", "secret"}, nil)
//	// answer.Steps[0].Command is "certkdb list --db a.p12 --password file:db.pw"
package explain

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"certkdb/commands/op"
)

// ErrUnknown says that nothing is known of the line.
var ErrUnknown = errors.New("no translation for this command line")

// Answer is the translation of a line.
type Answer struct {
	Steps []Step `json:"steps"`
	// Notes say what differs.
	Notes []string `json:"notes,omitempty"`
}

// Step is one command line.
type Step struct {
	Args    []string `json:"args"`
	Command string   `json:"command"` // the same, quoted for a shell
}

// Line translates a line: the words of the command, or all of it in one argument. dialects are the names of the programs that certkdb can
// be, which are dsmcert and those that have the command line of gsk8capicmd. The error wraps [ErrUnknown].
func Line(words, dialects []string) (Answer, error) {
	if len(words) == 1 {
		words = split(words[0])
	}
	for len(words) > 0 && words[0] == "sudo" {
		words = words[1:]
	}
	if len(words) == 0 {
		return Answer{}, fmt.Errorf("%w: it is empty", ErrUnknown)
	}
	name := strings.TrimSuffix(strings.ToLower(filepath.Base(strings.ReplaceAll(words[0], `\`, "/"))), ".exe")
	var a answer
	var err error
	switch args := words[1:]; {
	case name == "dsmcert":
		err = a.dsmcert(args)
	case slices.Contains(dialects, name):
		err = a.gskit(args)
	case name == "keytool", name == "runmqktool":
		err = a.keytool(args)
	case name == "openssl":
		err = a.openssl(args)
	case name == "certutil":
		err = a.certutil(args)
	case name == "pk12util":
		err = a.pk12util(args)
	default:
		err = fmt.Errorf("%w: %q is not a tool that is known; there are gsk8capicmd and its relatives, dsmcert, keytool, openssl, certutil and "+
			"pk12util", ErrUnknown, name)
	}
	return a.Answer, err
}

// answer collects steps and notes.
type answer struct{ Answer }

// step adds a command of certkdb.
func (a *answer) step(args ...string) {
	quoted := []string{"certkdb"}
	for _, arg := range args {
		quoted = append(quoted, op.Quote(arg))
	}
	a.Steps = append(a.Steps, Step{append([]string{"certkdb"}, args...), strings.Join(quoted, " ")})
}

func (a *answer) note(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(a.Notes, text) {
		a.Notes = append(a.Notes, text)
	}
}

// The files that stand for passwords, which are never repeated.
const (
	databasePassword = "file:db.pw"
	sourcePassword   = "file:in.pw"
	targetPassword   = "file:out.pw"
)

// secret is the source of a password: a file in place of the password, or none where a stash or a question serves.
func (a *answer) secret(option, file string, given bool) []string {
	if !given {
		return nil
	}
	a.note("put the password into the file of %s (%s, mode 0600): on a command line every user of the machine could see it", option,
		strings.TrimPrefix(file, "file:"))
	return []string{option, file}
}

// unknown is the error for an action or a command that is not known.
func unknown(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrUnknown, fmt.Sprintf(format, args...))
}

// split takes a line apart as a shell does, with quotes and backslashes; it expands nothing.
func split(line string) []string {
	var words []string
	var word strings.Builder
	var in rune
	begun, escaped := false, false
	for _, r := range line {
		switch {
		case escaped:
			word.WriteRune(r)
			escaped = false
		case r == '\\' && in != '\'':
			begun, escaped = true, true
		case r == in && in != 0:
			in = 0
		case in == 0 && (r == '\'' || r == '"'):
			begun, in = true, r
		case in == 0 && strings.ContainsRune(" \t\n", r):
			if begun {
				words = append(words, word.String())
				word.Reset()
			}
			begun = false
		default:
			word.WriteRune(r)
			begun = true
		}
	}
	if begun {
		words = append(words, word.String())
	}
	return words
}

// options are what a line gives: the last value of each option by its name without hyphens, and the words that belong to none.
type options struct {
	values map[string]string
	all    map[string][]string
	rest   []string
}

// parse reads options that have a value, but for those in alone. Names are taken in lower case if fold is set.
func parse(args, alone []string, fold bool) options {
	o := options{values: map[string]string{}, all: map[string][]string{}}
	for i := 0; i < len(args); i++ {
		word := args[i]
		if !strings.HasPrefix(word, "-") || word == "-" {
			o.rest = append(o.rest, word)
			continue
		}
		name := strings.TrimLeft(word, "-")
		if fold {
			name = strings.ToLower(name)
		}
		value := ""
		if !slices.Contains(alone, name) && i+1 < len(args) {
			i++
			value = args[i]
		}
		o.values[name] = value
		o.all[name] = append(o.all[name], value)
	}
	return o
}

func (o options) has(names ...string) bool {
	return slices.ContainsFunc(names, func(n string) bool { _, ok := o.values[n]; return ok })
}

// get is the value of the first of the options that is given.
func (o options) get(names ...string) string {
	for _, n := range names {
		if v, ok := o.values[n]; ok {
			return v
		}
	}
	return ""
}

// flag repeats an option of certkdb for each value; none is nothing.
func flag(name string, values ...string) []string {
	var list []string
	for _, v := range values {
		if v != "" {
			list = append(list, name, v)
		}
	}
	return list
}

// items are the values of a list with commas.
func items(text, prefix string) []string {
	var list []string
	for item := range strings.SplitSeq(text, ",") {
		if item = strings.TrimSpace(item); item != "" {
			list = append(list, prefix+item)
		}
	}
	return list
}
