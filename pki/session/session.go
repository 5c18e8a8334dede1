// Package session reads the options files of Storage Protect and tells from them how a session is secured: whether it is encrypted, with
// which TLS versions, where the certificate comes from, which port is used, and what an administrator has to do.
//
//	file := session.Parse(session.DsmSys, data)
//	if err := file.Err(); err != nil { … }
//	client, err := file.Client("vault_one")
//	s := client.Session(session.Level{8, 1, 14}, session.Peer{Role: session.RoleServer, Level: session.Level{8, 1, 1}})
//	fmt.Println(s.Encrypted.Value, s.Encrypted.Because[0].Source())
//
// The rules are IBM's. Each names the document that states it and says whether it is stated there, inferred or unconfirmed.
// The package opens no files and no connections, and reads no database: the caller passes bytes and facts.
package session

import (
	"fmt"
	"strconv"
	"strings"
)

// Level is a version of a Storage Protect program: version, release, modification and fix, as in 8.1.14.100.
type Level [4]int

// ParseLevel reads "8.1.2", "V7.1.8" or "8.1.14.100".
func ParseLevel(s string) (Level, error) {
	var l Level
	parts := strings.Split(strings.TrimPrefix(strings.TrimPrefix(s, "V"), "v"), ".")
	if len(parts) < 2 || len(parts) > len(l) {
		return Level{}, fmt.Errorf("%q is not a level such as 8.1.2", s)
	}
	for i, part := range parts {
		n, err := strconv.ParseUint(part, 10, 16)
		if err != nil {
			return Level{}, fmt.Errorf("%q is not a level such as 8.1.2", s)
		}
		l[i] = int(n)
	}
	return l, nil
}

// String returns the level as IBM writes it; the fix only if there is one.
func (l Level) String() string {
	s := fmt.Sprintf("%d.%d.%d", l[0], l[1], l[2])
	if l[3] != 0 {
		s += fmt.Sprintf(".%d", l[3])
	}
	return s
}

// AtLeast compares two levels.
func (l Level) AtLeast(other Level) bool {
	for i := range l {
		if l[i] != other[i] {
			return l[i] > other[i]
		}
	}
	return true
}

// Secure says whether the program secures its sessions by itself: 8.1.2 and later, and 7.1.8 and later within version 7.
func (l Level) Secure() bool {
	return l.AtLeast(Level{8, 1, 2}) || l[0] == 7 && l.AtLeast(Level{7, 1, 8})
}

// Levels are those from which on a rule is different, in their order: the columns of a table of rules. The first one stands for all before.
func Levels() []Level {
	return []Level{{7, 1, 0}, {7, 1, 8}, {8, 1, 0}, {8, 1, 2}, {8, 1, 3}, {8, 1, 4}, {8, 1, 9}, {8, 1, 11}, {8, 1, 13}, {8, 2, 0}}
}

// Transport is a communication method.
type Transport string

// The communication methods (COMMMETHOD).
const (
	TCPIP        Transport = "TCPIP"
	V6TCPIP      Transport = "V6TCPIP"
	SharedMemory Transport = "SHAREDMEM"
	NamedPipes   Transport = "NAMEDPIPES"
)

// Network says whether TLS can be used over the transport.
func (t Transport) Network() bool { return t == TCPIP || t == V6TCPIP }

// Required is a value of SSLREQUIRED.
type Required string

// The values of SSLREQUIRED.
const (
	RequiredDefault    Required = "DEFAULT"
	RequiredYes        Required = "YES"
	RequiredNo         Required = "NO"
	RequiredServerOnly Required = "SERVERONLY"
)

// Setting is the value of an option.
type Setting[T any] struct {
	Value T
	// Line is where the options file sets it, 0 if the value is the default.
	Line int
}

// Default says whether the options file does not set the option.
func (s Setting[T]) Default() bool { return s.Line == 0 }
