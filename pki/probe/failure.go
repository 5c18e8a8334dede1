package probe

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"unicode"
	"unicode/utf8"
)

// Class is the kind of a failure. The names are stable: scripts may compare them.
type Class string

// The classes.
const (
	// ClassAddress is an address that is not host:port.
	ClassAddress Class = "address"
	// ClassName is a host name that cannot be resolved.
	ClassName        Class = "name"
	ClassRefused     Class = "refused"
	ClassUnreachable Class = "unreachable"
	ClassTimeout     Class = "timeout"
	ClassCanceled    Class = "canceled"
	// ClassClosed is a peer that closed the connection without a word.
	ClassClosed Class = "closed"
	// ClassPlainText is a peer that answers in plain text instead of TLS.
	ClassPlainText Class = "plain-text"
	// ClassNoStartTLS is a peer that does not offer STARTTLS, or refuses it.
	ClassNoStartTLS Class = "no-starttls"
	// ClassInjection is plain text behind the answer to STARTTLS, which somebody may have put there.
	ClassInjection Class = "injection"
	// ClassVersion is a peer with no TLS version in common.
	ClassVersion Class = "version"
	// ClassNoCipher is a peer with no cipher suite, group or signature algorithm in common.
	ClassNoCipher Class = "no-cipher"
	// ClassCertificateRequired is a server that insists on a client certificate and got none.
	ClassCertificateRequired Class = "certificate-required"
	// ClassCertificateRejected is a server that refuses the client's certificate.
	ClassCertificateRejected Class = "certificate-rejected"
	// ClassServerName is a server that does not know the name it was asked for.
	ClassServerName Class = "server-name"
	// ClassALPN is a server that speaks none of the application protocols it was asked for.
	ClassALPN Class = "alpn"
	// ClassAlert is any other alert of the peer.
	ClassAlert Class = "alert"
	// ClassCertificate is a server certificate that cannot be used at all.
	ClassCertificate Class = "certificate"
	// ClassProtocol is a peer that breaks the protocol.
	ClassProtocol Class = "protocol"
)

// Stage is how far a probe came.
type Stage string

// The stages.
const (
	StageConnect   Stage = "connect"
	StageStartTLS  Stage = "starttls"
	StageHandshake Stage = "handshake"
	// StageAfter is after the client's part of a TLS 1.3 handshake, when the server judges the client's certificate.
	StageAfter Stage = "after"
)

// Failure says why a probe did not come to an end.
type Failure struct {
	Class Class
	Stage Stage
	// Alert is the name of the alert that the peer sent, as RFC 8446 writes it; AlertCode is its number.
	Alert     string
	AlertCode uint8
	// Said is what the peer said in plain text, shortened and escaped for a terminal.
	Said string
	// Speaks is the protocol that the peer seems to speak, if it can be guessed: perhaps it wants STARTTLS.
	Speaks Protocol
	Err    error
}

// Error implements error.
func (f *Failure) Error() string {
	text := string(f.Class)
	switch {
	case f.Alert != "":
		text += ": the peer sent the alert " + f.Alert
	case f.Err != nil:
		text += ": " + printable(f.Err.Error(), 300)
	}
	if f.Said != "" {
		text += ": the peer said " + `"` + f.Said + `"`
	}
	return text
}

// Unwrap returns the cause.
func (f *Failure) Unwrap() error { return f.Err }

// failure classifies the error of an attempt.
func (a *attempt) failure(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	f := &Failure{Stage: a.stage, Err: err}
	var said *peerError
	switch {
	case errors.As(err, &said):
		f.Class, f.Said = said.class, printable(said.said, 200)
	case errors.Is(err, context.Canceled) || errors.Is(ctx.Err(), context.Canceled):
		f.Class = ClassCanceled
	case isTimeout(err) || ctx.Err() != nil:
		f.Class = ClassTimeout
	case a.stage == StageConnect:
		f.Class = connectClass(err)
	case isClosed(err):
		f.Class = ClassClosed
	default:
		a.tlsFailure(f)
	}
	return f
}

func connectClass(err error) Class {
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns):
		return ClassName
	case isErrno(err, syscall.ECONNREFUSED, wsaRefused):
		return ClassRefused
	}
	return ClassUnreachable
}

// The numbers of Windows, which package syscall does not name.
const (
	wsaReset   = syscall.Errno(10054)
	wsaRefused = syscall.Errno(10061)
)

func isErrno(err error, list ...syscall.Errno) bool {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		for _, e := range list {
			if errno == e {
				return true
			}
		}
	}
	return false
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
}

func isClosed(err error) bool {
	for _, closed := range []error{io.EOF, io.ErrUnexpectedEOF, io.ErrClosedPipe, net.ErrClosed} {
		if errors.Is(err, closed) {
			return true
		}
	}
	return isErrno(err, syscall.ECONNRESET, syscall.EPIPE, syscall.ECONNABORTED, wsaReset)
}

// tlsFailure classifies an error of the handshake.
func (a *attempt) tlsFailure(f *Failure) {
	var header tls.RecordHeaderError
	code, remote := alertOf(f.Err)
	switch {
	case remote:
		f.AlertCode, f.Alert = code, alertName(code)
		f.Class = a.alertClass(code)
	case errors.As(f.Err, &header) && !a.wire.isTLS():
		f.Class = ClassProtocol
		if text := a.wire.mysql(); text != "" {
			f.Class, f.Said, f.Speaks = ClassPlainText, printable(text, 200), MySQL
		} else if text := a.wire.text(); text != "" {
			f.Class, f.Said, f.Speaks = ClassPlainText, printable(text, 200), guess(text)
		}
	case a.wire.serverVersion() != 0 && a.wire.serverVersion() < max(a.MinVersion, tls.VersionTLS12):
		f.Class = ClassVersion
	default:
		f.Class = ClassProtocol
	}
}

// alertClass interprets an alert, which often means something else than its name when the server asked for a certificate.
func (a *attempt) alertClass(code uint8) Class {
	switch code {
	case 116: // certificate_required
		return ClassCertificateRequired
	case 40, 42, 43, 44, 45, 46, 48, 49, 51: // handshake_failure, bad_certificate to unknown_ca, access_denied, decrypt_error
		switch {
		case a.Request != nil && a.Certificate == nil:
			return ClassCertificateRequired
		case a.Request != nil:
			return ClassCertificateRejected
		case code == 40:
			return ClassNoCipher
		}
	case 70: // protocol_version
		return ClassVersion
	case 71: // insufficient_security
		return ClassNoCipher
	case 112: // unrecognized_name
		return ClassServerName
	case 120: // no_application_protocol
		return ClassALPN
	}
	return ClassAlert
}

// alertOf finds the alert that the peer sent. crypto/tls keeps its type to itself, but not its text.
func alertOf(err error) (code uint8, ok bool) {
	var op *net.OpError
	if !errors.As(err, &op) || op.Op != "remote error" || op.Err == nil {
		return 0, false
	}
	text := op.Err.Error()
	for i := range 256 {
		if tls.AlertError(i).Error() == text {
			return uint8(i), true
		}
	}
	return 0, false
}

// alertNames are the names of TLS alerts (RFC 8446, 6).
var alertNames = sync.OnceValue(func() map[uint8]string {
	return map[uint8]string{
		0: "close_notify", 10: "unexpected_message", 20: "bad_record_mac", 21: "decryption_failed", 22: "record_overflow",
		30: "decompression_failure", 40: "handshake_failure", 41: "no_certificate", 42: "bad_certificate", 43: "unsupported_certificate",
		44: "certificate_revoked", 45: "certificate_expired", 46: "certificate_unknown", 47: "illegal_parameter", 48: "unknown_ca",
		49: "access_denied", 50: "decode_error", 51: "decrypt_error", 60: "export_restriction", 70: "protocol_version",
		71: "insufficient_security", 80: "internal_error", 86: "inappropriate_fallback", 90: "user_canceled", 100: "no_renegotiation",
		109: "missing_extension", 110: "unsupported_extension", 111: "certificate_unobtainable", 112: "unrecognized_name",
		113: "bad_certificate_status_response", 114: "bad_certificate_hash_value", 115: "unknown_psk_identity", 116: "certificate_required",
		120: "no_application_protocol", 121: "ech_required",
	}
})

func alertName(code uint8) string {
	if name := alertNames()[code]; name != "" {
		return name
	}
	return fmt.Sprintf("alert %d", code)
}

// guess tells the protocol from what a peer says first.
func guess(text string) Protocol {
	upper := strings.ToUpper(text)
	for _, g := range []struct {
		prefix   string
		contains string
		protocol Protocol
	}{
		{"220", "FTP", FTP},
		{"220", "", SMTP},
		{"* OK", "", IMAP},
		{"* PREAUTH", "", IMAP},
		{"+OK", "", POP3},
		{"200 ", "", NNTP},
		{"201 ", "", NNTP},
		{`"IMPLEMENTATION"`, "", Sieve},
		{"<?XML", "STREAM", XMPP},
		{"<STREAM:STREAM", "", XMPP},
		{"HTTP/", "", "http"},
		{"SSH-", "", "ssh"},
	} {
		if strings.HasPrefix(upper, g.prefix) && strings.Contains(upper, g.contains) {
			return g.protocol
		}
	}
	return ""
}

// printable makes text of a peer safe for a terminal: what is not graphic becomes an escape, and it has at most limit characters.
func printable(s string, limit int) string {
	var b strings.Builder
	for n := 0; len(s) > 0; n++ {
		if n == limit {
			b.WriteString("…")
			break
		}
		r, size := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[0])
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case !unicode.IsPrint(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
		s = s[size:]
	}
	return b.String()
}
