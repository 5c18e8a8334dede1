package native

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"certkdb/commands/op"
)

// exitCodes are the interface of scripts: add, never change.
var exitCodes = sync.OnceValue(func() map[op.Class]int {
	return map[op.Class]int{
		op.ClassFailed: 1, op.ClassUsage: 2, op.ClassBadLabel: 2, op.ClassUnsupported: 2, op.ClassLabelNotFound: 3, op.ClassDatabaseNotFound: 3,
		op.ClassFileNotFound: 3, op.ClassLabelExists: 4, op.ClassDatabaseExists: 4, op.ClassFileExists: 4, op.ClassNoPassword: 5,
		op.ClassWrongPassword: 5, op.ClassLocked: 6, op.ClassChanged: 6, op.ClassParse: 7, op.ClassEncryption: 7, op.ClassValidation: 8,
		op.ClassExpired: 9,
		op.ClassNetwork: 10, op.ClassPermission: 11, op.ClassDamaged: 12, op.ClassRolledBack: 12,
		op.ClassUnknownVersion: 12, op.ClassInterrupted: 130,
	}
})

func exitCode(err error) int {
	if _, changed := errors.AsType[detailedExit](err); changed {
		return exitChanged
	}
	return exitCodes()[op.ClassOf(err)]
}

// exitChanged is the code of --detailed-exitcode for "something was changed".
const exitChanged = 20

// detailedExit is not a failure: it carries exitChanged up to Main.
type detailedExit struct{}

func (detailedExit) Error() string { return "changed" }

// printError prints err as text, or as JSON on the same stream.
func printError(w io.Writer, err error, code int, asJSON bool) {
	var silent detailedExit
	if errors.As(err, &silent) {
		return
	}
	message, hint := render(err)
	message, hint = op.Printable(message), op.Printable(hint) // they may quote a peer or a file
	if asJSON {
		printJSONError(w, op.ClassOf(err), code, message, hint)
		return
	}
	fmt.Fprintf(w, "certkdb: error: %s\n", message)
	if hint != "" {
		fmt.Fprintf(w, "certkdb: hint: %s\n", hint)
	}
}

// warnings prints warnings, each once: a password file may be read several times. With --quiet there are none about password files.
func warnings(w io.Writer, argv []string) func(error) {
	var printed sync.Map
	return func(err error) {
		if p, ok := errors.AsType[*op.Problem](err); ok && p.Code == op.ExposedPassword && wantsQuiet(argv) {
			return
		}
		if _, again := printed.LoadOrStore(err.Error(), true); !again {
			printWarning(w, err, wantsJSON(argv))
		}
	}
}

// printWarning prints what is wrong without keeping the command from doing its work.
func printWarning(w io.Writer, err error, asJSON bool) {
	message, hint := render(err)
	message, hint = op.Printable(message), op.Printable(hint)
	if asJSON {
		type body struct {
			Code    string `json:"code"`
			Message string `json:"message"`
			Hint    string `json:"hint,omitempty"`
		}
		data, _ := json.Marshal(map[string]body{"warning": {string(op.ClassOf(err)), message, hint}}) // strings
		fmt.Fprintf(w, "%s\n", data)
		return
	}
	fmt.Fprintf(w, "certkdb: warning: %s\n", message)
	if hint != "" {
		fmt.Fprintf(w, "certkdb: hint: %s\n", hint)
	}
}

// PrintInterrupted prints the error of a command that did not end by itself when it was interrupted.
func PrintInterrupted(w io.Writer, argv []string, code int) {
	printError(w, context.Canceled, code, wantsJSON(argv))
}

func printJSONError(w io.Writer, class op.Class, code int, message, hint string) {
	type body struct {
		Code    string `json:"code"`
		Exit    int    `json:"exit"`
		Message string `json:"message"`
		Hint    string `json:"hint,omitempty"`
	}
	data, _ := json.Marshal(map[string]body{"error": {string(class), code, message, hint}}) // strings and a number
	fmt.Fprintf(w, "%s\n", data)
}

// wantsJSON says whether the user asked for JSON, even if the line has mistakes.
func wantsJSON(argv []string) bool {
	for name, value := range optionsOf(argv) {
		if name == flagJSON && isOn(value) || name == flagOutput && strings.HasPrefix(value, "json") {
			return true
		}
	}
	return false
}

// wantsQuiet says whether --quiet is given, even if the line has mistakes.
func wantsQuiet(argv []string) bool {
	for name, value := range optionsOf(argv) {
		if (name == flagQuiet || name == "q") && isOn(value) {
			return true
		}
	}
	return false
}
