// Package hosts has the one rule for host names: how a name is written in a certificate, and whether a name in a certificate stands for
// a host. Certificates hold names in A-labels (RFC 5280, 7.2), so hosts.ToASCII("bücher.example") is "xn--bcher-kva.example".
package hosts

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"golang.org/x/net/idna"
)

// uts46 maps names as browsers do; [Check] judges the characters of the result, because underscores are in use.
var uts46 = sync.OnceValue(func() *idna.Profile {
	return idna.New(idna.MapForLookup(), idna.BidiRule(), idna.Transitional(false), idna.StrictDomainName(false))
})

// ToASCII turns a host name into A-labels (RFC 5890) and checks it. ASCII names stay as they are.
func ToASCII(host string) (string, error) {
	ascii, err := toASCII(host)
	if err != nil {
		return "", fmt.Errorf("%q is not a host name: %w", host, err)
	}
	return ascii, nil
}

// toASCII is ToASCII with errors that do not repeat the name.
func toASCII(host string) (ascii string, err error) {
	if ascii = host; !isASCII(host) {
		if ascii, err = uts46().ToASCII(host); err != nil {
			return "", fmt.Errorf("not an international host name: %w", err)
		}
	}
	return ascii, Check(ascii)
}

// PatternToASCII is ToASCII for a DNS name of a certificate, whose first label may be the wildcard *.
func PatternToASCII(pattern string) (string, error) {
	host, isWildcard := strings.CutPrefix(pattern, "*.")
	if !isWildcard {
		return ToASCII(host)
	}
	ascii, err := toASCII(host)
	if err != nil {
		return "", fmt.Errorf("%q is not a host name: %w", pattern, err)
	}
	return "*." + ascii, nil
}

// Check holds a name in A-labels against the preferred name syntax (RFC 5280, 4.2.1.6; RFC 1034, 3.5; RFC 1123, 2.1). It allows
// underscores, which are in use.
func Check(host string) error {
	if host == "" || len(host) > 253 {
		return fmt.Errorf("it has %d characters, 1 to 253 are possible", len(host))
	}
	if name, dot := strings.CutSuffix(host, "."); dot && name != "" && !strings.HasSuffix(name, ".") {
		return errors.New("it ends with a dot, which names in certificates do not have (RFC 5280, 4.2.1.6): leave the dot out")
	}
	if _, rest, ok := strings.Cut(host, "://"); ok && rest != "" {
		return errors.New("it is a URL: write its host alone")
	}
	if _, port, ok := strings.Cut(host, ":"); ok && IsPort(port) {
		return errors.New("it has a port: leave the port out")
	}
	for label := range strings.SplitSeq(host, ".") {
		if err := checkLabel(label); err != nil {
			return err
		}
	}
	return nil
}

// CheckALabels wants what begins as an A-label to be one: Punycode that stands for a label of IDNA 2008 and comes back from it unchanged
// (RFC 5890, 2.3.2.1; RFC 9549, 2.3). The host is in ASCII.
func CheckALabels(host string) error {
	for label := range strings.SplitSeq(Lower(host), ".") {
		if !strings.HasPrefix(label, "xn--") {
			continue
		}
		international, err := idna.Punycode.ToUnicode(label)
		if err == nil {
			var back string
			if back, err = idna.Registration.ToASCII(international); err == nil && back != label {
				err = fmt.Errorf("%q is written %s", international, back)
			}
		}
		if err != nil {
			return fmt.Errorf("the label %s is not an A-label: %w", label, err)
		}
	}
	return nil
}

// HasReservedLabel tells labels with hyphens in the third and fourth place that are not meant as A-labels: they are reserved (RFC 5890,
// 2.3.1).
func HasReservedLabel(host string) bool {
	for label := range strings.SplitSeq(Lower(host), ".") {
		if len(label) >= 4 && label[2:4] == "--" && !strings.HasPrefix(label, "xn--") {
			return true
		}
	}
	return false
}

// IsPort tells the digits of a port (RFC 3986, 3.2.3).
func IsPort(text string) bool { return text != "" && strings.Trim(text, "0123456789") == "" }

func checkLabel(label string) error {
	switch {
	case label == "":
		return errors.New("a label between dots is empty")
	case len(label) > 63:
		return fmt.Errorf("the label %.20s… has %d characters, 63 are possible", label, len(label))
	case label[0] == '-' || label[len(label)-1] == '-':
		return fmt.Errorf("the label %s begins or ends with a hyphen", label)
	}
	for _, c := range []byte(label) {
		if c == '*' {
			return errors.New("the character '*' is not allowed there: only the whole first label may be a wildcard, as in *.example.com")
		}
		if (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return fmt.Errorf("the character %q is not allowed", c)
		}
	}
	return nil
}

// Match tells whether a DNS name of a certificate stands for a host (RFC 9525, 6.3). The host may be written in any alphabet and with
// the final dot of an absolute name. A wildcard is the whole first label, stands for exactly one label and leaves at least two after it.
// A host that ends in a number is an address, which no name stands for (6.5).
func Match(pattern, host string) bool {
	host, err := ToASCII(strings.TrimSuffix(host, "."))
	pattern, host = Lower(pattern), Lower(host)
	suffix, isWildcard := strings.CutPrefix(pattern, "*.")
	if err != nil || Check(suffix) != nil || EndsInNumber(host) {
		return false
	}
	if !isWildcard {
		return pattern == host
	}
	_, rest, ok := strings.Cut(host, ".")
	return ok && rest == suffix && strings.Contains(suffix, ".")
}

// EndsInNumber tells hosts that programs take for IPv4 addresses, however odd ("127.1", "0x7f.0.0.1"): no top-level domain is a
// number.
func EndsInNumber(host string) bool {
	last := host[strings.LastIndexByte(host, '.')+1:]
	digits := "0123456789"
	if hex, ok := strings.CutPrefix(last, "0x"); ok {
		last, digits = hex, "0123456789abcdef"
	}
	return strings.Trim(last, digits) == ""
}

// Lower folds ASCII letters only, as DNS does.
func Lower(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r >= 0x80 })
}
