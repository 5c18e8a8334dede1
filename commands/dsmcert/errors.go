package dsmcert

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"certkdb/commands/op"
)

// statuses are the exit statuses of dsmcert. IBM documents none but success (unconfirmed).
var statuses = sync.OnceValue(func() map[op.Class]int {
	return map[op.Class]int{
		op.ClassUsage: 2, op.ClassBadLabel: 2, op.ClassUnsupported: 2, op.ClassLabelNotFound: 3, op.ClassDatabaseNotFound: 3,
		op.ClassFileNotFound: 3,
		op.ClassLabelExists:  4, op.ClassDatabaseExists: 4, op.ClassNoPassword: 5, op.ClassWrongPassword: 5, op.ClassLocked: 6,
		op.ClassChanged: 6,
		op.ClassParse:   7, op.ClassEncryption: 7, op.ClassPermission: 11, op.ClassDamaged: 12, op.ClassRolledBack: 12,
		op.ClassUnknownVersion: 12,
		op.ClassInterrupted:    130,
	}
})

// printError prints an error in the words of dsmcert and returns the exit status for it.
func printError(w io.Writer, err error) int {
	class := op.ClassOf(err)
	fmt.Fprintf(w, "dsmcert: error: %s\n", op.Printable(message(err)))
	switch class {
	case op.ClassUsage:
		fmt.Fprintln(w, "dsmcert: see: dsmcert -help")
	case op.ClassLabelExists:
		fmt.Fprintln(w, "dsmcert: remove the certificate first: dsmcert -delete -server NAME")
	case op.ClassNoPassword, op.ClassWrongPassword:
		fmt.Fprintln(w, "dsmcert: the key database is opened by its stash, dsmcert.sth next to it; if that is lost, delete both and add again")
	case op.ClassPermission:
		fmt.Fprintln(w, "dsmcert: only root can change the client's own key database")
	}
	if status, known := statuses()[class]; known {
		return status
	}
	return 1
}

// message is the text of an error on one line, in the terms of dsmcert.
func message(err error) string {
	if errors.Is(err, context.Canceled) {
		return op.Interruption(err)
	}
	if e, ok := errors.AsType[*op.Exists](err); ok {
		return fmt.Sprintf("server %q: the key database has another certificate under this name", e.Label)
	}
	if e, ok := errors.AsType[*op.NotFound](err); ok {
		return fmt.Sprintf("server %q: there is no such certificate in the key database", e.Label)
	}
	if e, ok := errors.AsType[*op.WrongKind](err); ok {
		return fmt.Sprintf("server %q: %s", e.Label, e.Reason)
	}
	text := err.Error()
	if worded, ok := errors.AsType[op.Worded](err); ok {
		text = worded.Text(optionName)
	}
	return strings.ReplaceAll(text, "\n", "; ")
}

// optionName is what a parameter is called here.
func optionName(f op.Field) string {
	switch f {
	case op.FieldLabel, op.FieldLabels:
		return "-server"
	case op.FieldFile, op.FieldFiles:
		return "-file"
	}
	return "the " + strings.ReplaceAll(string(f), "-", " ")
}
