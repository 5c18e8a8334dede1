package gskcapi

import (
	"maps"
	"strings"
	"testing"
)

func TestParse_takesLinesAsScriptsWriteThem(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		args   []string
		action string
		given  map[string]string
		filter string
	}{
		"options in any order and case": {
			[]string{"-cert", "-add", "-FILE", "a.arm", "-dB", "k.kdb", "-Stashed"}, "add", map[string]string{
				"file": "a.arm", "db": "k.kdb",
				"stashed": "",
			}, "",
		},
		"a modifier before the object": {
			[]string{"-fips", "-keydb", "-create", "-db", "k"},
			"create",
			map[string]string{"fips": "true", "db": "k"},
			"",
		},
		"a modifier between object and action": {
			[]string{"-keydb", "-fips", "-stashpw", "-db", "k"},
			"stashpw",
			map[string]string{"fips": "true", "db": "k"},
			"",
		},
		"a modifier with its value": {
			[]string{"-cert", "-validate", "-db", "k", "-fips", "FALSE"},
			"validate",
			map[string]string{"db": "k", "fips": "FALSE"},
			"",
		},
		"stashpw as an option": {
			[]string{"-keydb", "-create", "-db", "k", "-stashpw"},
			"create",
			map[string]string{"db": "k", "stash": ""},
			"",
		},
		"a filter behind -list": {[]string{"-cert", "-list", "all", "-db", "k"}, "list", map[string]string{"db": "k"}, "all"},
		"a filter at the end":   {[]string{"-cert", "-list", "-db", "k", "CA"}, "list", map[string]string{"db": "k"}, "ca"},
		"-list behind its options": {
			[]string{"-cert", "-db", "k", "-list", "personal"},
			"list",
			map[string]string{"db": "k"},
			"personal",
		},
		"-expiry without a number": {[]string{"-cert", "-list", "-expiry", "-db", "k"}, "list", map[string]string{
			"db":     "k",
			"expiry": "",
		}, ""},
		"-expiry with a number": {
			[]string{"-cert", "-list", "-expiry", "30", "-db", "k"},
			"list",
			map[string]string{"db": "k", "expiry": "30"},
			"",
		},
		"empty arguments outside of values": {
			[]string{"-cert", "", "-list", "", "-db", "k", ""},
			"list",
			map[string]string{"db": "k"},
			"",
		},
		"an empty password": {[]string{"-cert", "-list", "-db", "k", "-pw", ""}, "list", map[string]string{
			"db": "k",
			"pw": "",
		}, ""},
		"a password with a hyphen": {[]string{"-cert", "-list", "-db", "k", "-pw", "-x y"}, "list", map[string]string{
			"db": "k",
			"pw": "-x y",
		}, ""},
		"a value that looks like several arguments": {
			[]string{"-cert", "-details", "-label", "-db of mine", "-db", "k"},
			"details",
			map[string]string{"label": "-db of mine", "db": "k"},
			"",
		},
		"lists grow": {
			[]string{"-cert", "-create", "-san_dnsname", "a", "-san_dnsname", "b,c"},
			"create",
			map[string]string{"san_dnsname": "a,b,c"},
			"",
		},
		"synonyms": {
			[]string{"-keydb", "-convert", "-old_format", "p12", "-new_db", "b", "-new_format", "cms"},
			"convert",
			map[string]string{"type": "p12", "target": "b", "target_type": "cms"},
			"",
		},
		"several options in one argument": {
			[]string{"-cert", "-create", "-size 2048 -sig_alg sha512 -eku serverAuth", "-db", "k"},
			"create",
			map[string]string{"size": "2048", "sigalg": "sha512", "eku": "serverAuth", "db": "k"},
			"",
		},
	} {
		l, err := parse(test.args)
		if err != nil || l.action == nil || l.action.name != test.action || !maps.Equal(l.given, test.given) || l.filter != test.filter {
			t.Errorf("%s: %+v, %v", name, l, err)
		}
	}
}

func TestParse_refuses(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		args   []string
		status int
		says   string
	}{
		"nothing":                     {nil, 65, "an object is missing"},
		"an object alone":             {[]string{"-cert"}, 65, "an action is missing"},
		"an unknown option":           {[]string{"-cert", "-list", "-dbx", "k"}, 80, `"-dbx"`},
		"an option without its value": {[]string{"-cert", "-list", "-db"}, 65, "-db needs a value"},
		"an option as a value":        {[]string{"-cert", "-list", "-db", "-stashed"}, 65, "-db needs a value"},
		"an empty database":           {[]string{"-cert", "-list", "-db", ""}, 65, "-db needs a value"},
		"an option twice":             {[]string{"-cert", "-list", "-db", "a", "-db", "b"}, 65, "given twice"},
		"a stray word":                {[]string{"-cert", "-list", "-db", "a", "b"}, 65, `"b"`},
		"an en dash":                  {[]string{"-cert", "-list", "-db", "a", "–stashed"}, 65, "U+2013, en dash"},
		"an en dash as a value":       {[]string{"-cert", "-list", "-db", "–stashed"}, 65, "U+2013, en dash"},
		"a curly quote":               {[]string{"-cert", "-create", "-dn", "“CN=CA", "1,O=IBM”"}, 65, "U+201C, left double quotation mark"},
		"a closing curly quote":       {[]string{"-cert", "-create", "-dn", "CN=SSL”"}, 65, "U+201D, right double quotation mark"},
	} {
		_, err := parse(test.args)
		f, ok := err.(*failure)
		if !ok || f.status != test.status || !strings.Contains(f.why, test.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// What follows a password may be the rest of it.
	if _, err := parse([]string{"-cert", "-list", "-pw", "my", "secret"}); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("a password in two words: %v", err)
	}
	if _, err := parse([]string{"-cert", "-list", "-pwsecret"}); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("a password without a blank: %v", err)
	}
}

// Every option of the tables is known, and every option belongs to an action.
func TestTable_isComplete(t *testing.T) {
	t.Parallel()
	used := map[string]bool{"san": true} // it becomes -san_dnsname and its like
	for _, name := range modifiers {
		used[name] = true
	}
	for object, actions := range objects() {
		for _, a := range actions {
			for _, u := range a.usage {
				for _, name := range u.names() {
					if used[name] = true; !isOption("-" + name) {
						t.Errorf("-%s -%s: there is no option -%s", object, a.name, name)
					}
				}
			}
			for _, name := range a.more {
				used[name] = true
			}
			if a.run == nil {
				t.Errorf("-%s -%s does nothing", object, a.name)
			}
		}
	}
	for name := range options() {
		if !used[name] {
			t.Errorf("-%s belongs to no action", name)
		}
	}
}

func TestTrimDN_keepsWhatIsQuoted(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"CN= host ,O=IBM":              "CN=host,O=IBM",
		"CN=QM1, OU=Infra, C=US":       "CN=QM1,OU=Infra,C=US",
		`CN=a\, b , O="X , Y"`:         `CN=a\, b,O="X , Y"`,
		"CN=LOCALQM O=IBM,C=GB":        "CN=LOCALQM O=IBM,C=GB",
		"cn = linux02.example":         "cn=linux02.example",
		"CN=with = sign,O=and=another": "CN=with = sign,O=and=another",
	} {
		if got := trimDN(given); got != want {
			t.Errorf("%s: %s", given, got)
		}
	}
}

func TestSignature_knowsGSKitsSpellings(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"": "", "sha1": "sha1", "SHA_WITH_RSA": "sha1", "SHAWithRSA": "sha1", "SHA1WithRSA": "sha1", "sha256": "sha256",
		"SHA256_WITH_RSA": "sha256",
		"SHA384WithRSA":   "sha384", "sha512": "sha512", "SHA3WithRSA": "sha384", "SHA5WithRSA": "sha512", "RSASSAPSS": "sha256-pss",
		"SHA384_WITH_RSASSAPSS": "sha384-pss", "SHA512WithRSASSAPSS": "sha512-pss", "SHA256WithECDSA": "sha256 ec",
		"EC_ecdsa_with_SHA384": "sha384 ec", "md5": "error", "sha224": "error", "SHA3_256WithRSA": "error", "SHA256WithDSA": "error",
		"Dilithium":     "error",
		"SHA1RSASSAPSS": "error",
	} {
		p := &program{line: line{given: map[string]string{"sigalg": given}}}
		got, elliptic, err := p.signature()
		if elliptic {
			got += " ec"
		}
		if err != nil {
			got = "error"
		}
		if got != want {
			t.Errorf("%q: %q, want %q (%v)", given, got, want, err)
		}
	}
}

func TestGenerate_followsTheRules(t *testing.T) {
	t.Parallel()
	for length := 1; length <= maxRandom; length++ {
		strong := generate(length, true)
		if len(strong) != length || length >= strongLength && checkStrong(strong) != nil {
			t.Errorf("%d characters: %q, %v", length, strong, checkStrong(strong))
		}
		if weak := generate(length, false); len(weak) != length || strings.ContainsAny(string(weak), specials) {
			t.Errorf("%d characters: %q", length, weak)
		}
	}
}

func TestCheckStrong_refuses(t *testing.T) {
	t.Parallel()
	for password, strong := range map[string]bool{
		"ABC123456##abcd": true, "Short1#": false, "abcdefghijklmno1": false, "ABCDEFGHIJKLMNO1": false, "abcdefghijKLMNOP": false,
		"aaabcdefghijKLM1": false, "abacadaefghijKL1": false, "abcdefghijKLMNö1": false, "abcdefg hijKLMNO": true,
	} {
		if err := checkStrong([]byte(password)); (err == nil) != strong {
			t.Errorf("%q: %v", password, err)
		}
	}
}
