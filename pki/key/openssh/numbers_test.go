package openssh_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"certkdb/pki/key"
	"certkdb/pki/key/openssh"
	"certkdb/pki/pbe"
)

// TestOpen_numbers: each number of a private part is checked before anything is computed with it (PROTOCOL.key, section 3; RFC 4251,
// section 5; RFC 4253, section 6.6; RFC 5656, section 3.1).
func TestOpen_numbers(t *testing.T) {
	t.Parallel()
	part := func(fields ...string) []byte {
		out := append(word(7), word(7)...)
		for _, f := range fields {
			out = append(out, str(f)...)
		}
		return out
	}
	long := func(n int) string { return "\x7f" + strings.Repeat("\xff", n-1) }
	for rule, c := range map[string]struct {
		private []byte
		want    string
	}{
		"two different numbers":              {append(word(7), append(word(8), str("ssh-ed25519")...)...), "differ"},
		"an unknown type":                    {part("ssh-ed448"), `key type "ssh-ed448"`},
		"a long type is not quoted whole":    {part(strings.Repeat("x", 500)), `key type "` + strings.Repeat("x", 40) + `"`},
		"a security key (sk-)":               {part("sk-ssh-ed25519@openssh.com"), "key type"},
		"a negative number":                  {part("ssh-rsa", "\x8f", "\x03", "\x03", "\x03", "\x03", "\x05"), "cut off"},
		"a modulus over 16384 bits":          {part("ssh-rsa", long(2049), "\x03", "\x03", "\x03", "\x03", "\x03"), "too large"},
		"an exponent over 24 bits":           {part("ssh-rsa", "\x0f", "\x01\x00\x00\x00", "\x03", "\x03", "\x03", "\x05"), "too large"},
		"a first prime over 8192 bits":       {part("ssh-rsa", "\x0f", "\x03", "\x03", "\x03", long(1025), "\x05"), "too large"},
		"a second prime over 8192 bits":      {part("ssh-rsa", "\x0f", "\x03", "\x03", "\x03", "\x03", long(1025)), "too large"},
		"an RSA key that does not work":      {part("ssh-rsa", "\x0f", "\x03", "\x03", "\x03", "\x03", "\x05"), "rsa"},
		"an Ed25519 key of 63 bytes":         {part("ssh-ed25519", strings.Repeat("a", 32), strings.Repeat("a", 63)), "cut off"},
		"an Ed25519 key with another public": {part("ssh-ed25519", strings.Repeat("a", 32), strings.Repeat("a", 64)), "does not match"},
		"the name of another curve":          {part("ecdsa-sha2-nistp256", "nistp384", "\x04", "\x01"), `curve "nistp384"`},
		"a curve that is not in the list":    {part("ecdsa-sha2-nistp224", "nistp224", "\x04", "\x01"), "key type"},
		"a secret over the order": {
			part("ecdsa-sha2-nistp256", "nistp256", "\x04", "\x00"+strings.Repeat("\xff", 32)), "out of range",
		},
		"the secret 0":           {part("ecdsa-sha2-nistp256", "nistp256", "\x04", ""), ""},
		"a point of another key": {part("ecdsa-sha2-nistp256", "nistp256", "\x04", "\x01"), "does not match"},
	} {
		k, err := openssh.Parse(privateFile(c.private))
		if err != nil {
			t.Fatalf("%s: %v", rule, err)
		}
		if _, err = k.Open(nil, nil); !errors.Is(err, key.ErrUnsupported) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", rule, err, c.want)
		}
	}
}

// TestOpen_sealedLength: a sealed part that is not whole blocks, or too short for the two numbers, looks like a wrong password.
func TestOpen_sealedLength(t *testing.T) {
	t.Parallel()
	options := string(append(str("salt"), word(1)...))
	for _, c := range []struct {
		cipher string
		size   int
	}{{"aes128-cbc", 15}, {"aes256-cbc", 17}, {"3des-cbc", 7}, {"aes128-cbc", 0}, {"aes256-ctr", 7}, {"aes192-ctr", 0}} {
		data := bytes.Join([][]byte{
			[]byte(openssh.Magic), str(c.cipher), str("bcrypt"), str(options), word(1), str(""), str(strings.Repeat("x", c.size)),
		}, nil)
		k, err := openssh.Parse(data)
		if err != nil || !k.Encrypted() {
			t.Fatalf("%s: %v", c.cipher, err)
		}
		if _, err := k.Open([]byte("secret"), nil); !errors.Is(err, pbe.ErrPassword) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s with %d bytes: %v", c.cipher, c.size, err)
		}
	}
}
