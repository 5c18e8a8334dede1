// Package sessions has the operations on sessions: Connect makes handshakes with servers and says what is wrong with them, Rules and
// Checklist apply the rules of Storage Protect to options files.
//
//	connect := sessions.Connect{Targets: []sessions.Target{{Address: "db.example.com:5432", StartTLS: probe.Postgres}}}
//	connected, err := connect.Run(ctx, s)
//	fmt.Println(connected.Targets[0].Finding.Code)
//
// Text that comes from a peer is shortened; who prints it on a terminal escapes it.
package sessions

import (
	"strings"
	"unicode/utf8"
)

// maxText is how much of a text from a peer is kept.
const maxText = 300

// shorten cuts a text from a peer.
func shorten(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if utf8.RuneCountInString(s) <= maxText {
		return s
	}
	return string([]rune(s)[:maxText]) + "…"
}
