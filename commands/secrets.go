package commands

import (
	"iter"
	"strings"
)

// Secrets yields the passwords in the arguments of a program, as parts of these strings: what follows "pass:", and the value of GSKit's
// options -pw, -target_pw, -new_pw and others whose names end in pw, also where one argument holds several options.
func Secrets(argv []string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for i, arg := range argv {
			if i > 0 && endsWithPasswordOption(argv[i-1]) {
				if !yield(arg) {
					return
				}
				continue
			}
			if _, text, found := strings.Cut(arg, "pass:"); found && !yield(text) {
				return
			}
			words := strings.Fields(arg)
			for j := 1; j < len(words); j++ {
				if isPasswordOption(words[j-1]) && !yield(words[j]) {
					return
				}
			}
		}
	}
}

// endsWithPasswordOption says that the last word of an argument is the name of an option whose value is a password, in the next argument.
func endsWithPasswordOption(arg string) bool {
	words := strings.Fields(arg)
	return len(words) > 0 && isPasswordOption(words[len(words)-1])
}

// isPasswordOption says that an argument is the name of an option whose value is a password.
func isPasswordOption(arg string) bool {
	return strings.HasPrefix(arg, "-") && strings.HasSuffix(strings.ToLower(arg), "pw")
}
