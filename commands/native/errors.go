package native

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"certkdb/commands/lintprogram"
	"certkdb/commands/op"
	"certkdb/kdb"
	"certkdb/kdb/sealed"
)

// exitCodes are the interface of scripts: add, never change.
var exitCodes = map[op.Class]int{
	op.ClassFailed: 1, op.ClassUsage: 2, op.ClassBadLabel: 2, op.ClassUnsupported: 2, op.ClassLabelNotFound: 3, op.ClassDatabaseNotFound: 3,
	op.ClassFileNotFound: 3, op.ClassLabelExists: 4, op.ClassDatabaseExists: 4, op.ClassFileExists: 4, op.ClassNoPassword: 5,
	op.ClassWrongPassword: 5, op.ClassLocked: 6, op.ClassChanged: 6, op.ClassParse: 7, op.ClassEncryption: 7, op.ClassValidation: 8, op.ClassExpired: 9,
	op.ClassNetwork: 10, op.ClassPermission: 11, op.ClassDamaged: 12, op.ClassUnknownVersion: 12, op.ClassInterrupted: 130,
}

func exitCode(err error) int {
	if _, changed := errors.AsType[detailedExit](err); changed {
		return exitChanged
	}
	return exitCodes[op.ClassOf(err)]
}

// exitChanged is the code of --detailed-exitcode for "something was changed".
const exitChanged = 20

// detailedExit is no failure: it carries exitChanged up to Main.
type detailedExit struct{}

func (detailedExit) Error() string { return "changed" }

// printError prints err for a person, or as JSON on the same stream.
func printError(w io.Writer, err error, code int, asJSON bool) {
	var silent detailedExit
	if errors.As(err, &silent) {
		return
	}
	hint := hintFor(err)
	if asJSON {
		printJSONError(w, err, code, hint)
		return
	}
	fmt.Fprintf(w, "certkdb: error: %s\n", message(err))
	if hint != "" {
		fmt.Fprintf(w, "certkdb: hint: %s\n", hint)
	}
}

func printJSONError(w io.Writer, err error, code int, hint string) {
	type body struct {
		Code    string `json:"code"`
		Exit    int    `json:"exit"`
		Message string `json:"message"`
		Hint    string `json:"hint,omitempty"`
	}
	data, _ := json.Marshal(map[string]body{"error": {string(op.ClassOf(err)), code, message(err), hint}}) // strings and a number
	fmt.Fprintf(w, "%s\n", data)
}

// message is the text of an error on one line.
func message(err error) string {
	if errors.Is(err, context.Canceled) {
		return "interrupted; nothing was changed"
	}
	return strings.ReplaceAll(err.Error(), "\n", "; ")
}

// hintFor is the advice that came with the error, or the one that fits its kind.
func hintFor(err error) string {
	if hint := op.Hint(err); hint != "" {
		return hint
	}
	var foreign *kdb.ForeignFormat
	switch {
	case errors.As(err, &foreign):
		return foreign.Convert
	case errors.Is(err, sealed.ErrStashMode):
		return "chmod 600 the stash; if others may have read it, make it again with: certkdb stash create"
	case errors.Is(err, kdb.ErrPassword):
		return "see where the password may have come from with: certkdb help passwords"
	case errors.Is(err, kdb.ErrLocked):
		return "another process is writing; wait longer with --lock-timeout 60s"
	case errors.Is(err, kdb.ErrChanged):
		return "run the command again"
	case errors.Is(err, kdb.ErrVersion):
		return "the file may belong to a newer certkdb, or be no key database at all; see what it is with: certkdb show --file FILE"
	case errors.Is(err, kdb.ErrCorrupt):
		return "find out how much is damaged with: certkdb check; then restore a backup, or give an entry up with: certkdb delete LABEL --damaged"
	case errors.Is(err, fs.ErrPermission):
		return "run as the owner of the file, or change its owner and mode"
	case errors.Is(err, lintprogram.ErrMissing):
		return "install certkdb-lint in the folder of certkdb or in one that is in PATH; scripts/build builds both"
	case errors.Is(err, kdb.ErrDatabaseExists):
		return "choose another file; an existing database is never overwritten"
	}
	return ""
}

// wantsJSON says whether the person asked for JSON, also when the flags could not be parsed.
func wantsJSON(argv []string) bool {
	for i, arg := range argv {
		switch arg {
		case "--":
			return false
		case "--json", "-json", "--output=json", "-o=json", "--output=jsonl":
			return true
		case "-o", "--output":
			return i+1 < len(argv) && strings.HasPrefix(argv[i+1], "json")
		}
	}
	return false
}
