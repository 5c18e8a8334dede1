package gskcapi

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"certkdb/commands/op"
)

// failure is an error in the terms of GSKit: its status is the number of the error in the key management library, and its message the
// one of that number, CTGSK2nnnW. Numbers, and texts where IBM's are public, are in COMPAT.md.
type failure struct {
	status int
	id     string // another message than that of the status
	text   string
	why    string // what there is to say more
	err    error  // the cause
}

func (f *failure) Error() string {
	switch {
	case f.why != "":
		return f.why
	case f.err != nil:
		return f.err.Error()
	case f.text != "":
		return f.text
	}
	return texts()[f.status]
}

func (f *failure) Unwrap() error { return f.err }

func notSupported(format string, args ...any) error {
	return &failure{status: 1, text: "This is not supported: " + fmt.Sprintf(format, args...) + "."}
}

// texts are the messages by status. Those of 16, 21, 43, 52 and 146 are IBM's own; the others are unconfirmed.
var texts = sync.OnceValue(func() map[int]string {
	return map[int]string{
		1:   "The command failed.",
		5:   "A database error occurred.",
		6:   "The database cannot be opened.",
		8:   "The file cannot be written.",
		9:   "The database exists already.",
		16:  "An invalid database password was encountered.",
		17:  "The type of the file is not valid.",
		18:  "The database is corrupted.",
		21:  "A duplicate certificate already exists in the database.",
		23:  "An entry with this label already exists in the database.",
		26:  "A certificate with the same issuer and serial number already exists in the database.",
		39:  "The algorithm is not supported.",
		41:  "The size of the key is not supported.",
		43:  "Key entry validation failed.",
		47:  "The certificate is not within its validity period.",
		52:  "An invalid basic constraint extension was found.",
		55:  "The certificate is revoked.",
		65:  "An invalid parameter was encountered.",
		80:  "An unrecognised option was encountered.",
		86:  "The file cannot be read.",
		88:  "The file cannot be written.",
		89:  "The file does not exist.",
		90:  "The permission to use the file is missing.",
		93:  "The file does not contain the expected data.",
		97:  "The distinguished name is not valid.",
		108: "No certificate request was found for the certificate.",
		109: "The private key was not found.",
		110: "No default key was found.",
		117: "No key entry with this label was found.",
		130: "The password is too short.",
		131: "The password does not satisfy the password policy.",
		133: "The signature algorithm is not supported.",
		134: "The type of the database is not supported.",
		146: "An invalid certificate chain was found.",
	}
})

// fail prints an error with the usage and returns the exit status. The message comes first, and again last, for what shows only the last
// line of the output.
func (p *program) fail(err error) int {
	f := p.translate(err)
	id, text := f.id, f.text
	if id == "" {
		id = fmt.Sprintf("CTGSK2%03dW", f.status)
	}
	if text == "" {
		text = texts()[f.status]
	}
	message := id + " " + text + "\n"
	out := message
	if why := strings.TrimSpace(strings.ReplaceAll(f.Error(), "\n", "; ")); why != "" {
		out += why + "\n"
	}
	_ = p.print(out + p.usage() + message) // there is no other place to report it
	return f.status
}

// statuses are those of the classes of errors.
var statuses = sync.OnceValue(func() map[op.Class]int {
	return map[op.Class]int{
		op.ClassUsage: 65, op.ClassBadLabel: 65, op.ClassUnsupported: 39, op.ClassDatabaseNotFound: 6, op.ClassLabelExists: 23,
		op.ClassDatabaseExists: 9,
		op.ClassNoPassword:     16, op.ClassWrongPassword: 16, op.ClassLocked: 6, op.ClassChanged: 5, op.ClassParse: 93, op.ClassEncryption: 39,
		op.ClassValidation: 43, op.ClassDamaged: 18, op.ClassRolledBack: 18,
		op.ClassUnknownVersion: 17, op.ClassPermission: 90, op.ClassFileExists: 88,
		op.ClassFileNotFound: 89,
	}
})

// translate finds GSKit's error for one of certkdb's.
func (p *program) translate(err error) *failure {
	if f, ok := errors.AsType[*failure](err); ok {
		return f
	}
	class := op.ClassOf(err)
	status, known := statuses()[class]
	if !known {
		status = 1
	}
	f := &failure{status: status, why: p.explain(err), err: err}
	var missing *op.NotFound
	var invalid *op.Invalid
	switch problem, _ := errors.AsType[*op.Problem](err); {
	case errors.Is(err, context.Canceled):
		f.why = op.Interruption(err)
	case class == op.ClassDatabaseNotFound:
		f.id, f.text = "CTGSK3026W", fmt.Sprintf("The key file %q does not exist or cannot be read.", p.given["db"])
	case op.IsCompanion(err):
		f.status = 17
	case class == op.ClassParse && op.IsOpening(err):
		f.status = 18
	case errors.As(err, &missing):
		f.status, f.id, f.text = 117, "CTGSK3029W", fmt.Sprintf("The database doesn't contain an entry with label %q.", missing.Label)
	case problem != nil && problem.Code == op.NoMatchingKey:
		f.status = 108
	case errors.As(err, &invalid) && invalid.Field == op.FieldDN:
		f.status = 97
	case errors.As(err, new(*op.WrongKind)):
		f.status = 109
	}
	return f
}

// optionNames are what parameters are called here.
var optionNames = sync.OnceValue(func() map[op.Field]string {
	return map[op.Field]string{
		op.FieldPassword: "-pw", op.FieldNewPassword: "-new_pw", op.FieldInPassword: "-pw", op.FieldOutPassword: "-target_pw",
		op.FieldToPassword: "-target_pw", op.FieldLabels: "-label", op.FieldFiles: "-file", op.FieldOut: "-target", op.FieldTo: "-target",
		op.FieldKeyType: "-size", op.FieldDays: "-expire", op.FieldNotAfter: "-expire", op.FieldCommonName: "-dn", op.FieldIsCA: "-ca",
		op.FieldExtKeyUsage: "-eku", op.FieldKeyUsage: "-ku", op.FieldPolicy: "-certpolicy",
	}
})

// explain is the text of an error with the names that options have here.
func (p *program) explain(err error) string {
	worded, ok := errors.AsType[op.Worded](err)
	if !ok {
		return err.Error()
	}
	return worded.Text(func(f op.Field) string {
		if name, known := optionNames()[f]; known {
			return name
		}
		return "-" + string(f)
	})
}
