package probe

import (
	"bytes"
	"net"
	"slices"
	"unicode/utf8"

	"golang.org/x/crypto/cryptobyte"
)

// maxRecorded bounds what is kept of the peer's bytes.
const maxRecorded = 128 << 10

// recorder keeps the first bytes that the peer sends.
type recorder struct {
	net.Conn
	first []byte
}

func (r *recorder) Read(p []byte) (int, error) {
	n, err := r.Conn.Read(p)
	r.first = append(r.first, p[:min(n, maxRecorded-len(r.first))]...)
	return n, err
}

// The content types of records and the handshake messages that matter here (RFC 8446, B.1 and B.3; RFC 5246, A.4).
const (
	recordAlert     = 21
	recordHandshake = 22

	messageServerHello = 2
	messageCertificate = 11

	extensionSupportedVersions = 43
)

// isTLS says whether the peer began as TLS does.
func (r *recorder) isTLS() bool {
	return len(r.first) >= 2 && (r.first[0] == recordHandshake || r.first[0] == recordAlert) && r.first[1] == 3
}

// mysql returns the version from a greeting of MySQL, empty if it is not one.
func (r *recorder) mysql() string {
	if len(r.first) < 6 || r.first[2] != 0 || r.first[3] != 0 || r.first[4] != mysqlProtocol {
		return ""
	}
	version, _, _ := bytes.Cut(r.first[5:min(len(r.first), 64)], []byte{0})
	return string(version)
}

// text returns what the peer said first if it is mostly readable.
func (r *recorder) text() string {
	said := r.first[:min(len(r.first), 256)]
	readable := 0
	for rest := said; len(rest) > 0; {
		c, size := utf8.DecodeRune(rest)
		if c >= ' ' && c != utf8.RuneError && c != 0x7f || c == '\r' || c == '\n' || c == '\t' {
			readable += size
		}
		rest = rest[size:]
	}
	if len(said) == 0 || readable*10 < len(said)*9 {
		return ""
	}
	return string(said)
}

// handshake joins the handshake messages that crossed the wire in the clear.
func (r *recorder) handshake() cryptobyte.String {
	var joined []byte
	for rest := cryptobyte.String(r.first); ; {
		var kind uint8
		var version uint16
		var body cryptobyte.String
		if !rest.ReadUint8(&kind) || !rest.ReadUint16(&version) || !rest.ReadUint16LengthPrefixed(&body) || kind != recordHandshake {
			return joined
		}
		joined = append(joined, body...)
	}
}

// message finds the first handshake message of a kind.
func (r *recorder) message(wanted uint8) (cryptobyte.String, bool) {
	for rest := r.handshake(); ; {
		var kind uint8
		var body cryptobyte.String
		if !rest.ReadUint8(&kind) || !rest.ReadUint24LengthPrefixed(&body) {
			return nil, false
		}
		if kind == wanted {
			return body, true
		}
	}
}

// serverVersion is the version that the ServerHello chose, 0 if there is none.
func (r *recorder) serverVersion() uint16 {
	hello, ok := r.message(messageServerHello)
	var version uint16
	var session, extensions cryptobyte.String
	if !ok || !hello.ReadUint16(&version) {
		return 0
	}
	// random; session; cipher suite and compression method
	if !hello.Skip(32) || !hello.ReadUint8LengthPrefixed(&session) || !hello.Skip(3) || !hello.ReadUint16LengthPrefixed(&extensions) {
		return version
	}
	for !extensions.Empty() {
		var id uint16
		var body cryptobyte.String
		if !extensions.ReadUint16(&id) || !extensions.ReadUint16LengthPrefixed(&body) {
			break
		}
		if id == extensionSupportedVersions {
			body.ReadUint16(&version)
		}
	}
	return version
}

// certificates reads the Certificate message of TLS 1.2 and earlier; nil if there is none that can be read.
func (r *recorder) certificates() [][]byte {
	body, ok := r.message(messageCertificate)
	var list cryptobyte.String
	if !ok || !body.ReadUint24LengthPrefixed(&list) {
		return nil
	}
	var chain [][]byte
	for !list.Empty() {
		var der cryptobyte.String
		if !list.ReadUint24LengthPrefixed(&der) {
			return nil
		}
		chain = append(chain, slices.Clone(der))
	}
	return chain
}
