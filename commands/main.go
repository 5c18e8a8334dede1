// Package commands is certkdb's command line: dispatch by the program's name, the tree of commands, output and exit
// codes. What the commands do is in package op; here flags become operations and results become text.
package commands

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"certkdb/commands/dsmcert"
	"certkdb/commands/op"
	"certkdb/kdb"
	"certkdb/kdb/sealed"
)

// dialect is another program's command line: it prints for itself and returns its exit code and the error behind it.
type dialect func(ctx context.Context, env *op.Env, args []string) error

// dialects are the programs that certkdb can be, by the name it is called with or as a subcommand.
func dialects() map[string]dialect {
	return map[string]dialect{"dsmcert": dsmcert.Main}
}

// Main runs the program under its name argv[0] and returns the exit code. Errors are printed here and nowhere else.
func Main(ctx context.Context, env *op.Env, argv []string) int {
	err := dispatch(ctx, env, argv)
	if err == nil || errors.Is(err, syscall.EPIPE) {
		return 0
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	code := exitCode(err)
	printError(env.Stderr, err, code, wantsJSON(argv))
	return code
}

func dispatch(ctx context.Context, env *op.Env, argv []string) error {
	if run, ok := dialects()[programName(argv)]; ok {
		return run(ctx, env, argv[1:])
	}
	return runNative(ctx, env, argv)
}

func programName(argv []string) string {
	if len(argv) == 0 {
		return "certkdb"
	}
	return strings.TrimSuffix(strings.ToLower(filepath.Base(argv[0])), ".exe")
}

// exit is a row of the table of exit codes: an error, the code, and the word for it in JSON.
type exit struct {
	err  error
	code int
	word string
}

// exits are tried from the top; the first that err wraps counts. The codes are the interface of scripts: add, never change.
func exits() []exit {
	return []exit{
		{context.Canceled, 130, "interrupted"},
		{op.ErrUsage, 2, "usage"},
		{kdb.ErrLabel, 2, "bad_label"},
		{kdb.ErrUnsupported, 2, "unsupported"},
		{kdb.ErrNotFound, 3, "label_not_found"},
		{kdb.ErrNoDatabase, 3, "database_not_found"},
		{kdb.ErrExists, 4, "label_exists"},
		{kdb.ErrDatabaseExists, 4, "database_exists"},
		{kdb.ErrNoPassword, 5, "no_password"},
		{kdb.ErrPassword, 5, "wrong_password"},
		{kdb.ErrLocked, 6, "database_locked"},
		{kdb.ErrChanged, 6, "database_changed"},
		{kdb.ErrParse, 7, "parse"},
		{op.ErrFindings, 8, "validation"},
		{op.ErrExpired, 9, "expired"},
		{op.ErrNetwork, 10, "network"},
		{kdb.ErrCorrupt, 12, "database_damaged"},
		{kdb.ErrVersion, 12, "unknown_version"},
		{fs.ErrPermission, 11, "permission"},
		{syscall.EROFS, 11, "permission"},
		{fs.ErrExist, 4, "file_exists"},
		{fs.ErrNotExist, 3, "file_not_found"},
	}
}

func find(err error) exit {
	var changed detailedExit
	if errors.As(err, &changed) {
		return exit{code: exitChanged}
	}
	list := exits()
	if i := slices.IndexFunc(list, func(e exit) bool { return errors.Is(err, e.err) }); i >= 0 {
		return list[i]
	}
	return exit{code: 1, word: "failed"}
}

func exitCode(err error) int {
	return find(err).code
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
	data, _ := json.Marshal(map[string]body{"error": {find(err).word, code, message(err), hint}}) // strings and a number
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
	switch {
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

// isTerminal says whether f is a screen.
func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && info.Mode()&os.ModeDevice != 0
}
