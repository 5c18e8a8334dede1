package issue_test

import (
	"errors"
	"testing"

	"certkdb/pki"
	"certkdb/pki/issue"
	"certkdb/pki/issue/issuetest"
)

// What is not a configuration of cfssl is an error, however odd it is: cfssl's own reader panics on some.
func FuzzReadProfiles(f *testing.F) {
	for _, seed := range []string{
		serverConfig, "null", `{"signing":null}`, `{"signing":{"profiles":{"":{}}}}`, `{"signing":{"default":null,"profiles":null}}`,
		`{"signing":{"profiles":{"a":{"usages":["server auth"],"expiry":"1h",` +
			`"not_before":"2030-01-01T00:00:00Z","not_after":"2029-01-01T00:00:00Z"}}}}`,
		`{"signing":{"profiles":{"a":{"remote":"r"},"b":{"auth_remote":{"remote":"r","auth_key":"k"}}}},` +
			`"remotes":{"r":"h:1"},"auth_keys":{"k":{"type":"standard","key":"00"}}}`,
		`{"signing":{"profiles":{"a":{"usages":["cert sign"],"expiry":"1h","backdate":"1h","ca_constraint":{"is_ca":true,"max_path_len":1},
			"name_whitelist":"^a","allowed_extensions":["1.2.3"],
			"policies":[{"ID":"1.2.3","Qualifiers":[{"Type":"id-qt-cps","Value":"http://x"}]}],"CSRWhitelist":{"PublicKey":true},
			"lint_error_level":3,"ignored_lints":[],"ignored_lint_sources":["RFC5280"]}}}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		profiles, err := issue.ReadProfiles(text)
		if err != nil && !errors.Is(err, pki.ErrParse) {
			t.Errorf("%v is not an error of a format", err)
		}
		if err == nil && len(profiles) == 0 {
			t.Error("a configuration without a default profile")
		}
	})
}

// A request is signed or refused, whatever it is.
func FuzzSign(f *testing.F) {
	ca, _ := issuetest.NewCA(f, issue.Request{})
	f.Add(newRequest(f, issue.Request{Subject: issuetest.Name(f, "CN=a.example"), SANs: sans(f, "b.example", "192.0.2.1")}).Request)
	f.Add(newRequest(f, issue.Request{Subject: issuetest.Name(f, "CN=ca"), IsCA: true}).Request)
	f.Add(oddRequest{subject: commonName("odd.example.com")}.der(f))
	f.Fuzz(func(t *testing.T, der []byte) {
		_, err := ca.Sign(der, issue.Request{}, true)
		if err != nil && !errors.Is(err, pki.ErrParse) && !errors.Is(err, pki.ErrRefused) && !errors.Is(err, pki.ErrArgument) {
			t.Errorf("%v is not a refusal", err)
		}
	})
}
