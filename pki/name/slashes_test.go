package name_test

import (
	"strings"
	"testing"

	"certkdb/pki/name"
)

// TestParseString_slashes: the notation of openssl's -subj gives the name that openssl makes of it.
func TestParseString_slashes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"/C=US/O=Acme/CN=x":                   "CN=x,O=Acme,C=US",
		"/CN=www.example.com":                 "CN=www.example.com",
		" /CN=a\n":                            "CN=a",
		"/CN=kafka/0":                         "CN=kafka/0",
		"/O=Acme/CN=a/":                       "CN=a,O=Acme",
		`/CN=a\/`:                             "CN=a/",
		"/CN=a+":                              `CN=a\+`,
		"/CN=spiffe://td/a?b=c":               `CN=spiffe://td/a?b\=c`,
		"/O=Acme, Inc./CN=a":                  `CN=a,O=Acme\, Inc.`,
		`/O=A\/B=C/CN=a`:                      "CN=a,O=A/B=C",
		`/O=A\\/CN=a`:                         `CN=a,O=A\\`,
		"/CN=https://example.com/O=x":         "O=x,CN=https://example.com",
		"/O=a+OU=b/CN=c+1":                    `CN=c\+1,O=a+OU=b`,
		"/OU=b+O=a/CN=c":                      `CN=c,OU=b+O=a`,
		"/CN=a/=b":                            `CN=a/\=b`,
		`/O=a\+OU=b`:                          `O=a\+OU=b`,
		"/emailAddress=a@example.com/1.2.3=x": "1.2.3=x,emailAddress=a@example.com",
	} {
		n, err := name.ParseString(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if wanted := mustParse(t, want); !name.Equal(n, wanted) || n.String() != wanted.String() || string(n.DER()) != string(wanted.DER()) {
			t.Errorf("%q: %q, want %q", text, n, want)
		}
	}
}

func TestParseString_slashesRefused(t *testing.T) {
	t.Parallel()
	for text, says := range map[string]string{
		"/":                 `"" is not a known attribute type`,
		"/CN":               "an attribute without =",
		"/XY=a/CN=b":        `"XY" is not a known attribute type`,
		"//CN=a":            "is not a known attribute type",
		"/O=Acme/OY=b/CN=c": `"OY" is not a known attribute type`,
		"/CN=a+b=c":         "a + that is part of a value has a backslash before it",
		"/CN=a/b=c":         "a / that is part of a value has a backslash before it",
		`/CN=a\`:            "ends in a backslash",
		"/C=US, O=Acme":     "", // one attribute, as in openssl
	} {
		n, err := name.ParseString(text)
		if (err != nil) != (says != "") || err != nil && !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %q, %v; want %q", text, n, err, says)
		}
	}
}
