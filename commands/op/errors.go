package op

import (
	"crypto/x509"
	"errors"
	"fmt"
	"strings"

	"certkdb/kdb"
	"certkdb/pki"
)

// The classes of errors that are not those of kdb.
var (
	// ErrUsage: the request contradicts itself or lacks something.
	ErrUsage = errors.New("wrong usage")
	// ErrFindings: a check found something; the result tells what.
	ErrFindings = errors.New("refused")
	// ErrInvalid: a certificate is not valid; the result tells why.
	ErrInvalid = fmt.Errorf("%w: the certificate is not valid", ErrFindings)
	// ErrDifferent: what was compared is not the same; the result tells in what.
	ErrDifferent = Classify(errors.New("they differ"), ErrFindings)
	// ErrNothingFound: a search had no result.
	ErrNothingFound = Classify(errors.New("nothing is found"), kdb.ErrNotFound)
	// ErrExpired: something has expired, or will within the time that was asked for.
	ErrExpired = errors.New("certificates that have expired or will soon")
	// ErrNetwork: a peer could not be reached or the handshake with it failed.
	ErrNetwork = errors.New("network or handshake failed")
)

// Worded is an error that names parameters of operations. Text returns its text with a front end's names for the parameters;
// Error returns it with their plain names.
type Worded interface {
	error
	Text(name func(Field) string) string
}

func plain(f Field) string { return string(f) }

// Missing says that one of the fields is needed.
type Missing struct{ Fields []Field }

// Need returns the error for missing fields, of which one is needed.
func Need(fields ...Field) error { return &Missing{fields} }

// Text implements Worded.
func (e *Missing) Text(name func(Field) string) string {
	var names []string
	for _, f := range e.Fields {
		names = append(names, name(f))
	}
	return fmt.Sprintf("%s: %s is missing", ErrUsage, strings.Join(names, " or "))
}

func (e *Missing) Error() string { return e.Text(plain) }

func (e *Missing) Unwrap() error { return ErrUsage }

// Conflict says that two fields contradict each other, or that the first makes no sense with, or without, the second.
type Conflict struct {
	Fields []Field
	// Reason says why; "" is that they exclude each other.
	Reason string
}

// Exclusive returns the error for fields that exclude each other.
func Exclusive(fields ...Field) error { return &Conflict{Fields: fields} }

// Text implements Worded.
func (e *Conflict) Text(name func(Field) string) string {
	var names []string
	for _, f := range e.Fields {
		names = append(names, name(f))
	}
	if e.Reason != "" {
		return fmt.Sprintf("%s: %s: %s", ErrUsage, strings.Join(names, ", "), e.Reason)
	}
	return fmt.Sprintf("%s: %s exclude each other", ErrUsage, strings.Join(names, " and "))
}

func (e *Conflict) Error() string { return e.Text(plain) }

func (e *Conflict) Unwrap() error { return ErrUsage }

// Dependent says that a field has no effect without another field.
type Dependent struct{ Field, Needs Field }

// Text implements Worded.
func (e *Dependent) Text(name func(Field) string) string {
	return fmt.Sprintf("%s: %s needs %s", ErrUsage, name(e.Field), name(e.Needs))
}

func (e *Dependent) Error() string { return e.Text(plain) }

func (e *Dependent) Unwrap() error { return ErrUsage }

// Invalid says that the value of a field cannot be used.
type Invalid struct {
	Field  Field
	Value  any // a string is quoted; nil is not shown
	Reason string
	// Wanted is what could be used, "" if the reason says enough.
	Wanted string
	// Err is the cause, if it is an error of another package.
	Err error
}

// Text implements Worded.
func (e *Invalid) Text(name func(Field) string) string {
	text := fmt.Sprintf("%s: %s", ErrUsage, name(e.Field))
	switch value := e.Value.(type) {
	case nil:
	case string:
		text += fmt.Sprintf(" %q", value)
	default:
		text += fmt.Sprintf(" %v", value)
	}
	if e.Reason != "" {
		text += ": " + e.Reason
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

func (e *Invalid) Error() string { return e.Text(plain) }

// Unwrap gives the class and the cause.
func (e *Invalid) Unwrap() []error {
	if e.Err == nil {
		return []error{ErrUsage}
	}
	return []error{ErrUsage, e.Err}
}

// NotFound says that a database has no such label.
type NotFound struct {
	Label string
	// Where says where else the label was looked for ("the input"); "" is the database.
	Where string
	// Near is a label of the database that was probably meant, "" for none.
	Near string
	// Issuer is the CA that may have issued the certificate that is meant, under another label or none; "" if that does not matter.
	Issuer string
}

func (e *NotFound) Error() string {
	text := fmt.Sprintf("label %q: %s", e.Label, kdb.ErrNotFound)
	if e.Where != "" {
		text += " in " + e.Where
	}
	return text
}

func (e *NotFound) Unwrap() error { return kdb.ErrNotFound }

// Exists says that a label is taken by something else.
type Exists struct {
	Label string
	// Found says what is different about it; "" if that does not matter.
	Found string
	// Ensure says that the existing entry should have matched the one to be made.
	Ensure bool
	// Twin says that the other entry is one that was to be stored together with it, and whose label differs in case alone.
	Twin bool
	// InUse says that it has a certificate and its private key, where a request was to be made.
	InUse bool
}

func (e *Exists) Error() string {
	text := fmt.Sprintf("label %q: %s", e.Label, kdb.ErrExists)
	switch {
	case e.Ensure:
		text += ", and is not what is asked for: " + e.Found
	case e.Found != "":
		text += " with " + e.Found
	}
	return text
}

func (e *Exists) Unwrap() error { return kdb.ErrExists }

// WrongKind says that an entry is of a kind with which something is not possible.
type WrongKind struct {
	Label  string
	Kind   kdb.Kind
	Wanted kdb.Kind // 0 if several would do
	Reason string
	// Untrusted says that the certificate would do if it were trusted.
	Untrusted bool
}

func (e *WrongKind) Error() string {
	return fmt.Sprintf("label %q: %s: %s", e.Label, ErrUsage, e.Reason)
}

func (e *WrongKind) Unwrap() error { return ErrUsage }

// Feature is something that not every kind of database has.
type Feature string

// The features that operations ask for.
const (
	FeatureSlots      Feature = "key slots"
	FeatureStash      Feature = "a stash"
	FeatureRekey      Feature = "a new master key"
	FeatureCompaction Feature = "compaction"
	FeatureBackup     Feature = "a backup"
	FeatureRecovery   Feature = "recovery"
	FeatureRestoring  Feature = "restoring a backup"
	FeatureLog        Feature = "an audit log"
	FeatureRecords    Feature = "a record of issued certificates"
	FeaturePassword   Feature = "changing the password"
	FeatureDeletion   Feature = "deleting it with its companions"
)

// Unsupported says that a database is of a kind that does not have a feature.
type Unsupported struct {
	Location, Format string // "" if they are not known
	Feature          Feature
}

func (e *Unsupported) Error() string {
	if e.Format == "" {
		return fmt.Sprintf("%s: %s", kdb.ErrUnsupported, e.Feature)
	}
	return fmt.Sprintf("%q is a %s file: %s: %s", e.Location, e.Format, kdb.ErrUnsupported, e.Feature)
}

func (e *Unsupported) Unwrap() error { return kdb.ErrUnsupported }

// Problem is any other error that a front end may want to say more about: what to do.
type Problem struct {
	Code Code
	// Label, Location and Found are what it is about; Found is the name of something that was found, such as a serial number.
	Label, Location, Found string
	// Err has the text and the class.
	Err error
}

func (e *Problem) Error() string { return e.Err.Error() }

func (e *Problem) Unwrap() error { return e.Err }

// Mark makes a Problem of err, nil of nil.
func Mark(code Code, err error) error {
	if err == nil {
		return nil
	}
	return &Problem{Code: code, Err: err}
}

// Classify makes err count as another error too, which its text does not repeat.
func Classify(err, as error) error { return classified{err, as} }

type classified struct {
	error
	as error
}

func (c classified) Unwrap() []error { return []error{c.error, c.as} }

// PKIError maps errors of pki to the errors of operations.
func PKIError(err error) error {
	switch {
	case errors.Is(err, pki.ErrFIPS):
		if !FIPSEnabled() {
			return Mark(FIPSOff, Classify(err, ErrUsage))
		}
		return Mark(NotFIPS, Classify(err, ErrUsage))
	case errors.Is(err, pki.ErrArgument):
		return Classify(err, ErrUsage)
	case errors.As(err, new(x509.UnknownAuthorityError)):
		return Mark(UntrustedServer, Classify(err, ErrNetwork))
	case errors.Is(err, pki.ErrRemote):
		return Classify(err, ErrNetwork)
	case errors.Is(err, pki.ErrParse):
		return Classify(err, kdb.ErrParse)
	case errors.Is(err, pki.ErrRefused):
		return Classify(err, ErrFindings)
	}
	return err
}
