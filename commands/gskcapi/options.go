package gskcapi

import "sync"

import "strings"

// arity says what stands behind an option.
type arity int

const (
	alone arity = iota
	value
	number // a number may stand there
	truth  // true or false may stand there
	list   // a value with commas; given again it grows
)

// option is what is known of an option, whatever the action.
type option struct {
	arity  arity
	secret bool // its value is a password, which is never shown and may be empty
	// unsupported says why the option does nothing here but fail.
	unsupported string
}

const (
	noPKCS11   = "PKCS #11 devices are not supported"
	noTemplate = "certificates are not made after the pattern of others"
)

var options = sync.OnceValue(func() map[string]option {
	return map[string]option{
		"db": {arity: value}, "pw": {arity: value, secret: true}, "stashed": {}, "type": {arity: value},
		"crypto": {arity: value, unsupported: noPKCS11}, "tokenlabel": {arity: value, unsupported: noPKCS11},
		"secondarydb": {arity: value, unsupported: noPKCS11}, "secondarydbpw": {arity: value, secret: true, unsupported: noPKCS11},
		"secondarydbtype": {arity: value, unsupported: noPKCS11}, "template": {arity: value, unsupported: noTemplate},
		"pqcdemo": {
			unsupported: "post-quantum demonstrations are not supported",
		}, "pqcdemor": {unsupported: "post-quantum demonstrations are not supported"},
		"label": {arity: value}, "new_label": {arity: value}, "file": {arity: value},
		"target": {arity: value}, "target_pw": {arity: value, secret: true}, "target_stashed": {}, "target_type": {arity: value},
		"stash": {}, "v1stash": {}, "genpw": {}, "prompt": {}, "populate": {}, "empty": {}, "strong": {}, "fips": {arity: truth},
		"pqc":    {arity: truth},
		"expire": {arity: value}, "size": {arity: value}, "sigalg": {arity: value}, "x509version": {arity: value}, "dn": {arity: value},
		"san_dnsname": {arity: list}, "san_emailaddr": {arity: list}, "san_ipaddr": {arity: list}, "eku": {arity: list}, "ku": {arity: list},
		"certpolicy": {arity: list}, "ca": {arity: value}, "default_cert": {arity: value}, "ca_label": {arity: value}, "preserve": {},
		"format": {arity: value}, "trust": {arity: value}, "expiry": {arity: number}, "rfc3339": {}, "length": {arity: value},
		"showoid": {}, "encryption": {arity: value}, "sernum": {arity: value}, "san": {arity: value},
	}
})

// synonyms are other names of options.
var synonyms = sync.OnceValue(func() map[string]string {
	return map[string]string{
		"sig_alg": "sigalg", "new_db": "target", "new_pw": "target_pw", "new_format": "target_type", "old_format": "type", "stashpw": "stash",
		"certpolicies": "certpolicy",
	}
})

// modifiers may stand anywhere and with every action.
var modifiers = []string{"fips", "strong"}

// canonical returns the name of an option without its hyphen.
func canonical(word string) string {
	name := strings.ToLower(strings.TrimPrefix(word, "-"))
	if other, ok := synonyms()[name]; ok {
		return other
	}
	return name
}

// isOption says whether a word is the name of an option.
func isOption(word string) bool {
	if !strings.HasPrefix(word, "-") {
		return false
	}
	_, known := options()[canonical(word)]
	return known
}
