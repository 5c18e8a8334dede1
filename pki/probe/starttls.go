package probe

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
)

// Protocol is one in which a client can ask for TLS.
type Protocol string

// The protocols.
const (
	LDAP     Protocol = "ldap"     // RFC 4511, 4.14
	SMTP     Protocol = "smtp"     // RFC 3207
	IMAP     Protocol = "imap"     // RFC 9051, 6.2.1
	POP3     Protocol = "pop3"     // RFC 2595, 4
	FTP      Protocol = "ftp"      // RFC 4217
	Postgres Protocol = "postgres" // PostgreSQL: Frontend/Backend Protocol, SSL Session Encryption
	MySQL    Protocol = "mysql"    // MySQL: Client/Server Protocol, Connection Phase
	XMPP     Protocol = "xmpp"     // RFC 6120, 5
	Sieve    Protocol = "sieve"    // RFC 5804, 2.2
	NNTP     Protocol = "nntp"     // RFC 4642
)

// dialogues are what is said before TLS, by protocol.
var dialogues = sync.OnceValue(func() map[Protocol]func(*dialogue) error {
	return map[Protocol]func(*dialogue) error{
		LDAP: (*dialogue).ldap, SMTP: (*dialogue).smtp, IMAP: (*dialogue).imap, POP3: (*dialogue).pop3, FTP: (*dialogue).ftp,
		Postgres: (*dialogue).postgres, MySQL: (*dialogue).mysql, XMPP: (*dialogue).xmpp, Sieve: (*dialogue).sieve,
		NNTP: (*dialogue).nntp,
	}
})

// Protocols lists the protocols.
func Protocols() []Protocol {
	return []Protocol{FTP, IMAP, LDAP, MySQL, NNTP, POP3, Postgres, Sieve, SMTP, XMPP}
}

// peerError is an answer that ends the dialogue.
type peerError struct {
	class Class
	what  string
	said  string
}

func (e *peerError) Error() string { return e.what }

func refused(said string) error {
	return &peerError{ClassNoStartTLS, "the peer does not start TLS", said}
}

func unexpected(said string) error {
	return &peerError{ClassProtocol, "the peer does not speak the protocol", said}
}

// The bounds of what a peer may say before TLS.
const (
	maxLine  = 4 << 10  // of a line, packet or message
	maxLines = 200      // of an answer
	maxText  = 32 << 10 // of XML
)

// dialogue is the talk before TLS.
type dialogue struct {
	net.Conn
	in   *bufio.Reader
	host string
}

// startTLS asks the peer for TLS. When it returns nil, the next byte of both sides belongs to the handshake: anything that the peer sent
// behind its answer is an error, because it was sent in the clear and might be taken for part of the session (CVE-2011-0411 and its kin).
func startTLS(conn net.Conn, p Protocol, host string) error {
	d := &dialogue{Conn: conn, in: bufio.NewReaderSize(conn, maxLine), host: host}
	if err := dialogues()[p](d); err != nil {
		return err
	}
	if n := d.in.Buffered(); n > 0 {
		behind, _ := d.in.Peek(n)
		return &peerError{ClassInjection, "the peer sent plain text behind its answer to STARTTLS", string(behind)}
	}
	return nil
}

func (d *dialogue) say(text string) error {
	_, err := d.Write([]byte(text))
	return err
}

// line reads a line without its end.
func (d *dialogue) line() (string, error) {
	line, err := d.in.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return "", unexpected(string(line))
	case errors.Is(err, io.EOF) && len(line) > 0:
		return "", unexpected(string(line))
	case err != nil:
		return "", err
	}
	return string(bytes.TrimRight(line, "\r\n")), nil
}

// reply reads an answer of SMTP, FTP or NNTP: three digits, perhaps several lines.
func (d *dialogue) reply(want string) ([]string, error) {
	var lines []string
	for range maxLines {
		line, err := d.line()
		if err != nil {
			return nil, err
		}
		lines = append(lines, line)
		code := lines[0][:min(len(lines[0]), 3)]
		switch {
		case len(code) < 3 || strings.Trim(code, "0123456789") != "":
			return nil, unexpected(line)
		case line != code && !strings.HasPrefix(line, code+" "): // "250-…"; FTP also has lines without a code in between
		case strings.HasPrefix(line, want):
			return lines, nil
		default:
			return nil, refused(line)
		}
	}
	return nil, unexpected(lines[0])
}

// ask sends a command and reads the reply.
func (d *dialogue) ask(command, want string) ([]string, error) {
	if err := d.say(command + "\r\n"); err != nil {
		return nil, err
	}
	return d.reply(want)
}

func (d *dialogue) smtp() error {
	if _, err := d.reply("220"); err != nil {
		return err
	}
	features, err := d.ask("EHLO localhost", "250")
	if err != nil {
		return err
	}
	if !offers(features, "STARTTLS") {
		return refused(strings.Join(features, "\n"))
	}
	_, err = d.ask("STARTTLS", "220")
	return err
}

// offers looks for a keyword behind the codes of a reply.
func offers(lines []string, keyword string) bool {
	for _, line := range lines {
		if len(line) > 4 && strings.EqualFold(strings.TrimSpace(line[4:]), keyword) {
			return true
		}
	}
	return false
}

func (d *dialogue) ftp() error {
	if _, err := d.reply("220"); err != nil {
		return err
	}
	_, err := d.ask("AUTH TLS", "234")
	return err
}

func (d *dialogue) nntp() error {
	if _, err := d.reply("20"); err != nil {
		return err
	}
	_, err := d.ask("STARTTLS", "382")
	return err
}

func (d *dialogue) pop3() error {
	if err := d.positive(); err != nil {
		return err
	}
	if err := d.say("STLS\r\n"); err != nil {
		return err
	}
	return d.positive()
}

func (d *dialogue) positive() error {
	line, err := d.line()
	switch {
	case err != nil:
		return err
	case strings.HasPrefix(line, "+OK"):
		return nil
	case strings.HasPrefix(line, "-ERR"):
		return refused(line)
	}
	return unexpected(line)
}

func (d *dialogue) imap() error {
	greeting, err := d.line()
	switch {
	case err != nil:
		return err
	case strings.HasPrefix(greeting, "* PREAUTH"), strings.HasPrefix(greeting, "* BYE"):
		return refused(greeting)
	case !strings.HasPrefix(greeting, "* OK"):
		return unexpected(greeting)
	}
	if err := d.say("a1 STARTTLS\r\n"); err != nil {
		return err
	}
	for range maxLines {
		switch line, err := d.line(); {
		case err != nil:
			return err
		case strings.HasPrefix(strings.ToUpper(line), "A1 OK"):
			return nil
		case strings.HasPrefix(line, "a1 "):
			return refused(line)
		case !strings.HasPrefix(line, "* "):
			return unexpected(line)
		}
	}
	return unexpected(greeting)
}

func (d *dialogue) sieve() error {
	features, err := d.capabilities()
	if err != nil {
		return err
	}
	if !strings.Contains(strings.ToUpper(features), `"STARTTLS"`) {
		return refused(features)
	}
	if err := d.say("STARTTLS\r\n"); err != nil {
		return err
	}
	_, err = d.capabilities()
	return err
}

// capabilities reads lines up to the one with OK.
func (d *dialogue) capabilities() (string, error) {
	var all strings.Builder
	for range maxLines {
		line, err := d.line()
		if err != nil {
			return "", err
		}
		switch word, _, _ := strings.Cut(strings.ToUpper(line), " "); {
		case word == "OK":
			return all.String(), nil
		case word == "NO" || word == "BYE":
			return "", refused(line)
		case !strings.HasPrefix(line, `"`):
			return "", unexpected(line)
		}
		all.WriteString(line + "\n")
	}
	return "", unexpected(all.String())
}

// xmlHost escapes a host name for an attribute; names with anything unusual are left out by the peer.
func xmlHost(host string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", "'", "&apos;").Replace(host)
}

func (d *dialogue) xmpp() error {
	err := d.say("<?xml version='1.0'?><stream:stream to='" + xmlHost(d.host) +
		"' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>")
	if err != nil {
		return err
	}
	features, err := d.until("</stream:features>", "</stream:stream>")
	if err != nil {
		return err
	}
	if !strings.Contains(features, "urn:ietf:params:xml:ns:xmpp-tls") {
		return refused(features)
	}
	if err := d.say("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"); err != nil {
		return err
	}
	answer, err := d.until(">")
	if err == nil && !strings.HasPrefix(strings.TrimLeft(answer, " \r\n\t"), "<proceed") {
		return refused(answer)
	}
	if err == nil && !strings.HasSuffix(answer, "/>") {
		_, err = d.until("</proceed>")
	}
	return err
}

// until reads up to one of the endings.
func (d *dialogue) until(endings ...string) (string, error) {
	var b strings.Builder
	for b.Len() < maxText {
		c, err := d.in.ReadByte()
		if err != nil {
			if b.Len() > 0 && errors.Is(err, io.EOF) {
				return "", unexpected(b.String())
			}
			return "", err
		}
		b.WriteByte(c)
		if c != '>' {
			continue
		}
		for _, ending := range endings {
			if strings.HasSuffix(b.String(), ending) {
				return b.String(), nil
			}
		}
	}
	return "", unexpected(b.String())
}

func (d *dialogue) postgres() error {
	if err := d.say("\x00\x00\x00\x08\x04\xd2\x16\x2f"); err != nil { // SSLRequest, 80877103
		return err
	}
	c, err := d.in.ReadByte()
	switch {
	case err != nil:
		return err
	case c == 'S':
		return nil
	case c == 'N':
		return refused("N")
	}
	rest, _ := d.in.Peek(d.in.Buffered())
	said := string(c) + string(rest)
	if c == 'E' {
		return refused(said)
	}
	return unexpected(said)
}

// mysqlProtocol is the version of MySQL's protocol; the others are capabilities of its clients.
const (
	mysqlProtocol = 10

	clientLongPassword     = 1 << 0
	clientProtocol41       = 1 << 9
	clientSSL              = 1 << 11
	clientSecureConnection = 1 << 15
)

func (d *dialogue) mysql() error {
	greeting, err := d.packet()
	if err != nil {
		return err
	}
	if greeting[0] == 0xff { // an error instead of a greeting: "Host … is not allowed"
		return refused(string(greeting[min(len(greeting), 3):]))
	}
	end := bytes.IndexByte(greeting, 0)
	// version; thread id, eight bytes of salt, a filler, the lower half of the capabilities
	if greeting[0] != mysqlProtocol || end < 0 || len(greeting) < end+1+4+8+1+2 {
		return unexpected(string(greeting))
	}
	if binary.LittleEndian.Uint16(greeting[end+14:])&clientSSL == 0 {
		return refused(string(greeting[1:end]))
	}
	request := make([]byte, 4+32)
	request[0], request[3] = 32, 1 // length, sequence number
	binary.LittleEndian.PutUint32(request[4:], clientLongPassword|clientProtocol41|clientSSL|clientSecureConnection)
	binary.LittleEndian.PutUint32(request[8:], 1<<24) // longest packet
	request[12] = 45                                  // utf8mb4_general_ci
	_, err = d.Write(request)
	return err
}

// packet reads a packet of MySQL.
func (d *dialogue) packet() ([]byte, error) {
	header := make([]byte, 4)
	if _, err := io.ReadFull(d.in, header); err != nil {
		return nil, err
	}
	n := int(header[0]) | int(header[1])<<8 | int(header[2])<<16
	if n == 0 || n > maxLine || header[3] != 0 {
		return nil, unexpected(string(header))
	}
	body := make([]byte, n)
	_, err := io.ReadFull(d.in, body)
	return body, err
}
