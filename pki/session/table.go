package session

import (
	"slices"
	"strings"

	"certkdb/pki/spelling"
)

// form is what the value of an option looks like.
type form uint8

const (
	formText      form = iota // the rest of the line; quotes around it are removed
	formPlain                 // the rest of the line, which must not be quoted
	formYesNo                 // Yes or No
	formRequired              // a value of SSLREQUIRED
	formTransport             // a communication method
	formPort                  // 1 to 65535
	formSSLPort               // 1024 to 32767
)

// option describes an option that the package knows.
type option struct {
	// spelling is IBM's: the capitals at its start are the shortest abbreviation.
	spelling string
	form     form
	// tls says that the option decides about security: a mistake in it is an error where it is a warning elsewhere.
	tls bool
	// many says that the option may be repeated.
	many bool
}

func (o *option) name() string { return strings.ToUpper(o.spelling) }

// shortest is the length of the shortest abbreviation.
func (o *option) shortest() int {
	if i := strings.IndexFunc(o.spelling, func(r rune) bool { return r >= 'a' && r <= 'z' }); i >= 0 {
		return i
	}
	return len(o.spelling)
}

// clientTable are the options of dsm.sys and dsm.opt. An option whose diagram was not seen is spelled in capitals, so that it cannot be
// abbreviated: refusing an abbreviation that IBM's client takes is safer than taking one that it refuses.
var clientTable = []option{
	{spelling: "SErvername", form: formPlain},
	{spelling: "DEFAULTServer", form: formPlain},
	{spelling: "REPLSERVERNAME", form: formPlain},
	{spelling: "NODename", form: formPlain},
	{spelling: "PASSWORDAccess", form: formPlain},
	{spelling: "PASSWORD", form: formText},
	{spelling: "COMMMethod", form: formTransport},
	{spelling: "TCPServeraddress", form: formPlain},
	{spelling: "TCPPort", form: formPort},
	{spelling: "TCPADMINPort", form: formPort},
	{spelling: "SSL", form: formYesNo, tls: true},
	{spelling: "SSLREQuired", form: formRequired, tls: true},
	{spelling: "SSLACCEPTCERTFROMSERV", form: formYesNo, tls: true},
	{spelling: "SSLFIPSMODE", form: formYesNo, tls: true},
	{spelling: "SSLDISABLELEGACYTLS", form: formYesNo, tls: true},
	{spelling: "ENABLELANFREE", form: formYesNo, tls: true},
	{spelling: "LANFREESSL", form: formYesNo, tls: true},
	{spelling: "LANFREECOMMMETHOD", form: formTransport},
	{spelling: "LANFREETCPSERVERADDRESS", form: formPlain},
	{spelling: "LANFREETCPPORT", form: formPort},
	{spelling: "REPLTCPSERVERADDRESS", form: formPlain},
	{spelling: "REPLTCPPORT", form: formPort},
	{spelling: "REPLSSLPORT", form: formPort, tls: true},
	{spelling: "REPLSERVERGUID", form: formPlain},
	{spelling: "MYREPLICATIONServer", form: formPlain, many: true},
	{spelling: "MYPRIMARYServername", form: formPlain},
	{spelling: "TESTFLAG", form: formText, tls: true, many: true},
}

// serverTable are the options of dsmserv.opt and dsmsta.opt.
var serverTable = []option{
	{spelling: "SERVERName", form: formPlain, many: true},
	{spelling: "COMMmethod", form: formTransport, many: true},
	{spelling: "TCPPort", form: formPort},
	{spelling: "TCPADMINPort", form: formPort},
	{spelling: "ADMINONCLIENTPORT", form: formYesNo, tls: true},
	{spelling: "SSLTCPPORT", form: formSSLPort, tls: true},
	{spelling: "SSLTCPADMINPORT", form: formSSLPort, tls: true},
	{spelling: "SSLFIPSMODE", form: formYesNo, tls: true},
	{spelling: "FIPSMODE", form: formYesNo},
	{spelling: "LDAPURL", form: formText, many: true},
	{spelling: "TESTFLAG", form: formText, tls: true, many: true},
	{spelling: "SSLTLS12", form: formText},
	{spelling: "USETLS12", form: formText},
	{spelling: "SSLHIDELEGACY", form: formText},
	{spelling: "SSLDISABLELEGACYTLS", form: formText},
}

// removed are the server options that went away with 8.1.2.
var removed = []string{"SSLTLS12", "USETLS12", "SSLHIDELEGACY", "SSLDISABLELEGACYTLS"}

func tableOf(kind Kind) []option {
	if kind.client() {
		return clientTable
	}
	return serverTable
}

// lookUp finds the option that a word names. If there is none, short lists the options that the word abbreviates too much.
func lookUp(table []option, word string) (found *option, short []string) {
	upper := strings.ToUpper(word)
	for i := range table {
		o := &table[i]
		switch name := o.name(); {
		case upper == name:
			return o, nil
		case word == "" || !strings.HasPrefix(name, upper):
		case len(upper) >= o.shortest():
			found = o // the capitals of a table are so that no abbreviation fits two options; a test proves it
		default:
			short = append(short, name)
		}
	}
	if found != nil {
		short = nil
	}
	return found, short
}

// keywords are the values of an option, spelled like option names.
func (f form) keywords() []string {
	switch f {
	case formYesNo:
		return []string{"Yes", "No"}
	case formRequired:
		return []string{"Default", "Yes", "No", "SERVERonly"}
	case formTransport:
		return []string{"TCPip", "V6Tcpip", "SHAREDMEM", "SHMEM", "NAMEDPIPES", "SNMP", "NONE"}
	}
	return nil
}

// keyword finds the keyword that value abbreviates.
func (f form) keyword(value string) (string, bool) {
	upper := strings.ToUpper(value)
	for _, spelling := range f.keywords() {
		o := option{spelling: spelling}
		if strings.HasPrefix(o.name(), upper) && len(upper) >= o.shortest() {
			return o.name(), true
		}
	}
	return "", false
}

// nearest is the candidate that differs from word in at most two letters, "" if there is none. It is stricter than [spelling.Nearest]: an
// option that the table does not know may be right.
func nearest(word string, candidates []string) string {
	word = strings.ToUpper(word)
	best, found := 3, ""
	for _, candidate := range candidates {
		upper := strings.ToUpper(candidate)
		if d := spelling.Distance(word, upper); d < best && d < len(upper)/2 {
			best, found = d, upper
		}
	}
	return found
}

// names lists the options of a table.
func names(table []option) []string {
	var list []string
	for i := range table {
		list = append(list, table[i].name())
	}
	slices.Sort(list)
	return list
}
