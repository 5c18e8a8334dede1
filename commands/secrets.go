package commands

import (
	"iter"
	"strings"
)

// Secrets yields the passwords in the arguments of a program, as parts of these strings: what follows "pass:", and the values of options
// that end in pw or pass (GSKit's -pw and -target_pw, keytool's -srcstorepass), also where one argument holds several options. explain is
// given the lines of other tools, too.
func Secrets(argv []string) iter.Seq[string] {
	explains := len(argv) > 1 && argv[1] == "explain"
	return func(yield func(string) bool) {
		for i, arg := range argv {
			if words := strings.Fields(argv[max(0, i-1)]); i > 0 && len(words) > 0 && isPasswordOption(words[len(words)-1], explains) {
				if !yield(arg) {
					return
				}
				continue
			}
			if _, text, found := strings.Cut(arg, "pass:"); found && !yield(text) {
				return
			}
			for secret := range secretsWithin(arg, explains) {
				if !yield(secret) {
					return
				}
			}
		}
	}
}

// secretsWithin yields the passwords in an argument that holds several options. What begins with a quote may have blanks in it: everything
// behind it is taken for the password.
func secretsWithin(arg string, explains bool) iter.Seq[string] {
	return func(yield func(string) bool) {
		before := ""
		for word := range strings.FieldsSeq(arg) {
			if isPasswordOption(before, explains) {
				if strings.HasPrefix(word, "'") || strings.HasPrefix(word, `"`) {
					yield(arg[strings.Index(arg, before+" ")+len(before):])
					return
				}
				if !yield(word) {
					return
				}
			}
			before = word
		}
	}
}

// isPasswordOption says that a word is the name of an option whose value is a password. Those of pk12util (-W, -K), and keytool's -new, are
// looked for only where explain is asked about them: elsewhere they mean other things.
func isPasswordOption(word string, explains bool) bool {
	name := strings.ToLower(word)
	if !strings.HasPrefix(name, "-") {
		return false
	}
	return strings.HasSuffix(name, "pw") || strings.HasSuffix(name, "pass") ||
		explains && (word == "-W" || word == "-K" || name == "-new")
}
