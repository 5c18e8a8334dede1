package gskcapi

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"certkdb/commands/op"
)

// line is a parsed command line.
type line struct {
	object string  // "cert"; "" if there is none
	action *action // nil for help, and after a wrong line
	help   bool
	filter string // what -list is to show
	given  map[string]string
}

// has says whether an option is given.
func (l *line) has(name string) bool {
	_, ok := l.given[name]
	return ok
}

// parse reads the arguments. After an error the line says as far as possible which action was meant, for the usage.
func parse(args []string) (line, error) {
	r := reader{words: separate(args), line: line{given: map[string]string{}}}
	err := r.read()
	return r.line, err
}

// separate takes arguments apart that have several options in them, as wrapper scripts pass them: "-size 2048 -sigalg sha512".
func separate(args []string) []string {
	var words []string
	wanted := false // the argument is the value of an option
	for _, arg := range args {
		if fields := strings.Fields(arg); !wanted && strings.HasPrefix(arg, "-") && len(fields) > 1 && isWord(fields[0]) {
			words = append(words, fields...)
			continue
		}
		if arg == "" && !wanted {
			continue // PowerShell's Split leaves them
		}
		words = append(words, arg)
		wanted = !wanted && isOption(arg) && slices.Contains([]arity{value, list}, options()[canonical(arg)].arity)
	}
	return words
}

// isWord says whether a word is an object, an action or an option.
func isWord(word string) bool {
	name := strings.ToLower(strings.TrimPrefix(word, "-"))
	if _, ok := objects()[name]; ok || isOption(word) {
		return true
	}
	for _, actions := range objects() {
		for _, a := range actions {
			if a.name == name {
				return true
			}
		}
	}
	return false
}

// reader goes through the words.
type reader struct {
	line
	words []string
	i     int
	// after is the option whose value was read last: what stands behind a password is never shown.
	after string
}

func (r *reader) read() error {
	for ; r.i < len(r.words); r.i++ {
		if err := r.word(r.words[r.i]); err != nil {
			return err
		}
	}
	switch {
	case r.object == "" && r.help, r.object == "help", r.object == "version":
		r.action = firstAction(r.object)
		return nil
	case r.object == "":
		return r.wrong("an object is missing: one of %s", strings.Join(objectNames(), " "))
	case r.action == nil && !r.help:
		return r.wrong("an action is missing behind -%s: one of %s", r.object, strings.Join(actionNames(r.object), " "))
	}
	return nil
}

func (r *reader) word(word string) error {
	if err := checkTypography(word, "the argument"); err != nil {
		return err
	}
	name := strings.ToLower(strings.TrimPrefix(word, "-"))
	switch {
	case !strings.HasPrefix(word, "-"):
		return r.stray(word)
	case name == "?" || r.object != "" && name == "help":
		r.help = true
		return nil
	case r.object == "" && objects()[name] != nil:
		r.object = name
		return nil
	}
	if r.action == nil && r.object != "" {
		if a := findAction(r.object, name); a != nil {
			r.action = a
			if a.name == "list" {
				r.takeFilter()
			}
			return nil
		}
	}
	return r.option(word)
}

// filters are what -list shows.
var filters = []string{"all", "personal", "ca"}

// takeFilter takes the word behind -list.
func (r *reader) takeFilter() {
	if next, ok := r.next(); ok && !strings.HasPrefix(next, "-") {
		r.filter = strings.ToLower(next)
		r.i++
	}
}

// stray is a word that is neither an option nor a value: a filter that stands apart from its -list, or a mistake.
func (r *reader) stray(word string) error {
	if low := strings.ToLower(word); r.action != nil && r.action.name == "list" && r.filter == "" && slices.Contains(filters, low) {
		r.filter = low
		return nil
	}
	if options()[r.after].secret {
		return r.wrong("unexpected argument after the value of -%s; a value with blanks needs quotes", r.after)
	}
	return r.wrong("unexpected argument %q; a value with blanks needs quotes", word)
}

func (r *reader) next() (string, bool) {
	if r.i+1 < len(r.words) {
		return r.words[r.i+1], true
	}
	return "", false
}

func (r *reader) option(word string) error {
	name := canonical(word)
	o, known := options()[name]
	if !known {
		if strings.Contains(name, "pw") || len(name) > 20 {
			return &failure{status: 80, why: "there is no such option"} // it may be a password
		}
		return &failure{status: 80, why: fmt.Sprintf("there is no option %q", word)}
	}
	v, err := r.value(word, o)
	if err != nil {
		return err
	}
	if name == "san" { // the documentation of the Java tool: -san dnsname a,b
		if name, v, err = r.alternative(word, v); err != nil {
			return err
		}
	}
	r.after = name
	old, again := r.given[name]
	switch {
	case again && options()[name].arity == list:
		v = old + "," + v
	case again && old != v:
		return r.wrong("option %s is given twice", word)
	}
	r.given[name] = v
	return nil
}

// alternative reads the names behind -san and their kind.
func (r *reader) alternative(word, kind string) (name, value string, err error) {
	name = "san_" + strings.ToLower(kind)
	o, known := options()[name]
	if !known {
		return "", "", r.wrong("option %s needs dnsname, emailaddr or ipaddr, and names", word)
	}
	value, err = r.value(word, o)
	return name, value, err
}

// value reads what stands behind an option.
func (r *reader) value(word string, o option) (string, error) {
	next, ok := r.next()
	switch o.arity {
	case alone:
		return "", nil
	case number:
		if _, err := strconv.Atoi(next); !ok || err != nil {
			return "", nil
		}
	case truth:
		if _, err := readTruth(next); !ok || err != nil {
			return "true", nil
		}
	default:
		if !ok || isOption(next) || next == "" && !o.secret {
			return "", r.wrong("option %s needs a value", word)
		}
		if err := checkTypography(next, "the value of "+word); err != nil {
			return "", err
		}
	}
	r.i++
	return next, nil
}

func (r *reader) wrong(format string, args ...any) error {
	return &failure{status: 65, why: fmt.Sprintf(format, args...)}
}

// checkTypography refuses words that begin with such a character, or end with a typographic quote: they were copied from a document. It
// names the character and nothing of the word, which may be a password.
func checkTypography(word, what string) error {
	first, _ := utf8.DecodeRuneInString(word)
	last, _ := utf8.DecodeLastRuneInString(word)
	for _, r := range []rune{first, last} {
		if name := op.TypographicName(r); name != "" && (r == first || strings.ContainsRune("“”„‘’", r)) {
			return &failure{
				status: 65,
				why:    fmt.Sprintf("%s has the character %q (U+%04X, %s) in place of an ordinary hyphen or quote", what, r, r, name),
			}
		}
	}
	return nil
}

func readTruth(word string) (bool, error) {
	switch strings.ToLower(word) {
	case "true", "yes", "enable", "on":
		return true, nil
	case "false", "no", "disable", "off":
		return false, nil
	}
	return false, &failure{status: 65, why: "it is neither true nor false"}
}
