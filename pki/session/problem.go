package session

import (
	"fmt"
	"strings"
)

// Reason is what is wrong with a line of an options file.
type Reason string

// The reasons.
const (
	// NotAnOption is a line that begins with no letter, such as a comment of another language.
	NotAnOption Reason = "not-an-option"
	// OutsideStanza is an option before the first SERVERNAME of a dsm.sys.
	OutsideStanza Reason = "outside-stanza"
	// TooShort is an abbreviation shorter than IBM's capitals; Candidates lists what it may mean.
	TooShort Reason = "too-short"
	// Misspelled is an unknown option close to a known one, which is in Candidates.
	Misspelled Reason = "misspelled"
	// OtherFile is an option that belongs to another kind of file.
	OtherFile Reason = "other-file"
	// BadValue is a value that the option does not have; Candidates has the nearest, or all.
	BadValue Reason = "bad-value"
	// NoValue is an option without its value.
	NoValue Reason = "no-value"
	// Quoted is a value in quotes that must not be quoted.
	Quoted Reason = "quoted"
	// EqualsSign is an equals sign between an option and its value.
	EqualsSign Reason = "equals-sign"
	// Repeated is an option that was set before; the last one counts.
	Repeated Reason = "repeated"
	// SameName is a second stanza of the same name; the last one counts here.
	SameName Reason = "same-name"
	// ControlCharacter is a NUL or another character that is not text.
	ControlCharacter Reason = "control-character"
	// Encoding is a file in UTF-16.
	Encoding Reason = "encoding"
	// Removed is an option that Storage Protect does not have any more.
	Removed Reason = "removed"
	// PortConflict is a port that another option excludes.
	PortConflict Reason = "port-conflict"
	// NoNetwork is a TLS port without a communication method that could use it.
	NoNetwork Reason = "no-network"
)

// Problem is what is wrong with one line.
type Problem struct {
	Line   int
	Reason Reason
	// Warning says that the options can be used nevertheless.
	Warning bool
	// Option is the name of the option, or the word that stands in its place.
	Option string
	Value  string
	// Candidates are the right spellings, nearest first.
	Candidates []string
	// Previous is the line of the earlier option or stanza.
	Previous int
}

// Error implements error. Text from the file is quoted and shortened, so that it can go to a terminal.
func (p *Problem) Error() string {
	text := fmt.Sprintf("line %d: %s: %s", p.Line, quoteName(p.Option), p.what())
	if p.Option == "" {
		text = fmt.Sprintf("line %d: %s", p.Line, p.what())
	}
	return text
}

func (p *Problem) what() string {
	switch p.Reason {
	case NotAnOption:
		return "not an option; a comment begins with *"
	case OutsideStanza:
		return "only DEFAULTSERVER may stand before the first SERVERNAME"
	case TooShort:
		return "too short; write " + strings.Join(p.Candidates, " or ")
	case Misspelled:
		return "unknown option; did you mean " + p.Candidates[0] + "?"
	case OtherFile:
		return "this option belongs to " + p.Candidates[0]
	case BadValue:
		return fmt.Sprintf("the value %s is not %s", quoteValue(p.Value), strings.Join(p.Candidates, " or "))
	case NoValue:
		return "the value is missing"
	case Quoted:
		return "the value " + quoteValue(p.Value) + " must not be quoted"
	default:
		return p.whatElse()
	}
}

func (p *Problem) whatElse() string {
	switch p.Reason {
	case EqualsSign:
		return "write a blank between the option and its value, not ="
	case Repeated:
		return fmt.Sprintf("set before, in line %d; the last one is assumed to count", p.Previous)
	case SameName:
		return fmt.Sprintf("%s has a stanza already, in line %d", quoteValue(p.Value), p.Previous)
	case ControlCharacter:
		return "the line has a control character"
	case Encoding:
		return "the file is UTF-16; save it as UTF-8 or in the system's code page"
	case Removed:
		return "the option is gone since 8.1.2 and has no effect"
	case PortConflict:
		return fmt.Sprintf("the port %s must differ from %s because ADMINONCLIENTPORT is NO", p.Value, p.Candidates[0])
	default: // NoNetwork
		return "needs COMMMETHOD TCPIP or V6TCPIP"
	}
}

// maxShown is the length to which a message shortens text from a file.
const maxShown = 60

func quoteValue(s string) string {
	if len(s) > maxShown {
		return fmt.Sprintf("%q…", s[:maxShown])
	}
	return fmt.Sprintf("%q", s)
}

// quoteName leaves names of options as they are.
func quoteName(s string) string {
	if strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") == "" && len(s) <= maxShown {
		return s
	}
	return quoteValue(s)
}
