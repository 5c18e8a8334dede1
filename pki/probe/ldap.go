package probe

import (
	"fmt"
	"io"
)

// ldapStartTLS is the extended request 1.3.6.1.4.1.1466.20037 with the message id 1 (RFC 4511, 4.14.1).
const ldapStartTLS = "\x30\x1d\x02\x01\x01\x77\x18\x80\x16" + "1.3.6.1.4.1.1466.20037"

func (d *dialogue) ldap() error {
	if err := d.say(ldapStartTLS); err != nil {
		return err
	}
	message, err := d.element()
	if err != nil {
		return err
	}
	// LDAPMessage: message id; ExtendedResponse: result code, matched DN, diagnostic message
	_, _, message, _ = cutBER(message)
	tag, response, _, _ := cutBER(message)
	code, value, response, ok := cutBER(response)
	if tag != 0x78 || code != 0x0a || !ok || len(value) != 1 {
		return unexpected(string(message))
	}
	if value[0] == 0 {
		return nil
	}
	_, _, response, _ = cutBER(response)
	_, text, _, _ := cutBER(response)
	return refused(fmt.Sprintf("result code %d: %s", value[0], text))
}

// element reads a SEQUENCE. Lengths may be longer than they need be: Active Directory writes four bytes.
func (d *dialogue) element() ([]byte, error) {
	head := make([]byte, 2, 6)
	if _, err := io.ReadFull(d.in, head); err != nil {
		return nil, err
	}
	if extra := int(head[1]) - 0x80; head[0] != 0x30 || extra == 0 || extra > 4 {
		return nil, unexpected(string(head))
	} else if extra > 0 {
		head = head[:2+extra]
		if _, err := io.ReadFull(d.in, head[2:]); err != nil {
			return nil, err
		}
	}
	n, _, ok := berLength(head[1:])
	if !ok || n > maxLine {
		return nil, unexpected(string(head))
	}
	body := make([]byte, n)
	_, err := io.ReadFull(d.in, body)
	return body, err
}

// berLength reads the length of an element, and says how many bytes it took.
func berLength(b []byte) (n, size int, ok bool) {
	if len(b) == 0 {
		return 0, 0, false
	}
	if b[0] < 0x80 {
		return int(b[0]), 1, true
	}
	size = int(b[0]) - 0x80
	if size == 0 || size > 4 || len(b) < 1+size {
		return 0, 0, false
	}
	for _, c := range b[1 : 1+size] {
		if n >= 1<<16 {
			return 0, 0, false
		}
		n = n<<8 | int(c)
	}
	return n, 1 + size, true
}

// cutBER splits off the first element.
func cutBER(b []byte) (tag byte, body, rest []byte, ok bool) {
	if len(b) < 2 {
		return 0, nil, nil, false
	}
	n, size, ok := berLength(b[1:])
	if !ok || len(b) < 1+size+n {
		return 0, nil, nil, false
	}
	return b[0], b[1+size : 1+size+n], b[1+size+n:], true
}
