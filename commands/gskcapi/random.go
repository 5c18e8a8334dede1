package gskcapi

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"math/big"
	"strconv"
	"strings"
)

// The characters of generated passwords. Strong ones have those that count as special (IBM MQ, password rules of -strong).
const (
	letters  = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	digits   = "0123456789"
	specials = "*$#%"
)

const (
	maxRandom    = 125 // the longest password that is generated
	strongLength = 14
)

// random prints a password.
func (p *program) random() error {
	length, err := strconv.Atoi(p.given["length"])
	if err != nil || length < 1 || length > maxRandom {
		return &failure{status: 65, why: fmt.Sprintf("-length %q is not a number from 1 to %d", p.given["length"], maxRandom)}
	}
	if p.has("strong") && length < strongLength {
		return &failure{status: 130, why: fmt.Sprintf("a strong password has %d characters or more", strongLength)}
	}
	return p.print(string(generate(length, p.has("strong"))) + "\n")
}

// generate makes a random password; a strong one of 14 characters or more follows the rules of -strong.
func generate(length int, strong bool) []byte {
	alphabet := letters + digits
	if strong {
		alphabet += specials
	}
	for {
		password := make([]byte, 0, length)
		for len(password) < length {
			c := alphabet[randomIndex(len(alphabet))]
			if !strong || !tooOften(password, c) {
				password = append(password, c)
			}
		}
		if !strong || length < strongLength || checkStrong(password) == nil {
			return password
		}
	}
}

func randomIndex(n int) int64 {
	i, err := rand.Int(rand.Reader, big.NewInt(int64(n)))
	if err != nil {
		panic(err) // unreachable: crypto/rand does not fail
	}
	return i.Int64()
}

// tooOften says that a strong password cannot have the character once more.
func tooOften(password []byte, c byte) bool {
	n := len(password)
	return bytes.Count(password, []byte{c}) == 3 || n > 1 && password[n-1] == c && password[n-2] == c
}

// checkStrong holds a password against the rules of -strong (IBM MQ 9.4, "Digital certificate key repository passwords"): 14 characters
// or more, printable ASCII; a lower-case letter, an upper-case letter, a digit or special character; no character more than three times,
// nor more than twice in a row.
func checkStrong(password []byte) error {
	weak := func(why string) error { return &failure{status: 131, why: "-strong: " + why} }
	if len(password) < strongLength {
		return &failure{status: 130, why: fmt.Sprintf("-strong: the password has fewer than %d characters", strongLength)}
	}
	for i, c := range password {
		switch {
		case c < 0x20 || c > 0x7e:
			return weak("the password has characters that are not printable ASCII")
		case bytes.Count(password, []byte{c}) > 3:
			return weak("the password has one character more than three times")
		case i > 1 && c == password[i-1] && c == password[i-2]:
			return weak("the password has one character more than twice in a row")
		}
	}
	text := string(password)
	switch {
	case !strings.ContainsAny(text, letters[:26]):
		return weak("the password has no upper-case letter")
	case !strings.ContainsAny(text, letters[26:]):
		return weak("the password has no lower-case letter")
	case !strings.ContainsAny(text, digits+specials+" "):
		return weak("the password has no digit and no special character")
	}
	return nil
}

// version prints the version of the program (IBM's layout is unconfirmed).
func (p *program) version() error {
	return p.print("certkdb " + p.env.Version + " as GSKCapiCmd 8\n")
}
