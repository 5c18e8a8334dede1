package issue_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"certkdb/pki"
	"certkdb/pki/issue"
	"certkdb/pki/name"
)

// TestReadProfiles_says: what is wrong with a profile is said with its member, or its line, and a remedy (issuing.md, K3 and K4).
func TestReadProfiles_says(t *testing.T) {
	t.Parallel()
	profile := func(members string) string { return `{"signing":{"profiles":{"a":{` + members + `}}}}` }
	for _, test := range []struct{ text, says string }{
		{"{\n\"signing\": {\n\"profiles\": {},\n}}", "line 4: invalid character '}'"},
		{"{\n\"signing\": {", "line 2: unexpected EOF"},
		{`{"signing":{},` + "\n" + `"signing":{}}`, `line 2: the member "signing" is there twice`},
		{`{"signing":{"profiles":{"a":{},"a":{}}}}`, `the member "a" is there twice`},
		{profile(`"usages":["server auth"],"expiry":"1h","policies":[{"ID":"1.2"},{"ID":"1.2","ID":"1.3"}]`), `the member "ID" is there twice`},
		{profile(`"expiry":"1h","exp\u0069ry":"2h"`), `the member "expiry" is there twice`},
		{`{"signing":[]}`, "no member signing that is an object"},
		{`{"signing":{"profiles":[]}}`, "the member profiles is not an object"},
		{`{"signing":{"profiles":{"":{}}}}`, "a profile has an empty name"},
		{profile(`"expiry":"1h"`), "it has no usages"},
		{profile(`"usages":["server auth"]`), "it has no expiry, such as 8760h"},
		{profile(`"usages":["server auth"],"expiry":"1y"`), `expiry is "1y": a length of time is in hours, minutes and seconds, such as 8760h`},
		{profile(`"usages":["server auth"],"expiry":"1h","backdate":"x"`), `backdate is "x": a length of time`},
		{profile(`"usages":["server auth"],"expiry":8760`), "expiry is not a string"},
		{profile(`"usages":"server auth","expiry":"1h"`), "usages is not a list"},
		{profile(`"usages":["server auth"],"expiry":"1h","ca_constraint":true`), "ca_constraint is not an object"},
		{profile(`"usages":["server auth"],"expiry":"1h","ca_constraint":{"is_ca":"yes"}`), "ca_constraint.is_ca is not true or false"},
		{profile(`"usages":["server auth"],"expiry":"1h","not_before":"2030"`), `not_before is "2030", not a time such as 2030-01-31T00:00:00Z`},
		{profile(`"usages":["digital signing"],"expiry":"1h"`), `no usage is called "digital signing"; it is digital signature`},
		{profile(`"usages":["clr sign"],"expiry":"1h"`), `no usage is called "clr sign"; it is crl sign`},
		{profile(`"usages":["server_auth"],"expiry":"1h"`), `no usage is called "server_auth"; it is server auth`},
		{profile(`"usages":["fly"],"expiry":"1h"`), `no usage is called "fly"; there are cert sign, `},
	} {
		profiles, err := issue.ReadProfiles([]byte(test.text))
		if err == nil {
			_, err = issue.ProfileNamed("a", profiles...)
		}
		if !errors.Is(err, pki.ErrParse) || !strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), "cfssl error") {
			t.Errorf("%s: %v, want %s", test.text, err, test.says)
		}
	}
}

// TestReadProfiles_encodings: editors of Windows write a byte order mark, and UTF-16 (issuing.md, K3).
func TestReadProfiles_encodings(t *testing.T) {
	t.Parallel()
	const text = `{"signing":{"profiles":{"a":{"usages":["server auth"],"expiry":"1h"}}}}`
	little, big := "\xff\xfe", "\xfe\xff"
	for _, c := range []byte(text) {
		little, big = little+string([]byte{c, 0}), big+string([]byte{0, c})
	}
	for _, written := range []string{text, "\xef\xbb\xbf" + text, little, big} {
		if profiles, err := issue.ReadProfiles([]byte(written)); err != nil || len(profiles) != 2 {
			t.Errorf("%.8q: %v", written, err)
		}
	}
}

// TestReadProfiles_others: a profile that cannot be used is no matter to the others, which note it (issuing.md, K4).
func TestReadProfiles_others(t *testing.T) {
	t.Parallel()
	profiles, err := issue.ReadProfiles([]byte(`{"signing":{"default":{"expiry":"1y","crl_url":"http://a.example/crl"},"profiles":{
		"a":{"usages":["server auth"],"expiry":"1h"}, "b":{"usages":["clr sign"],"expiry":"1h"}}}}`))
	if err != nil {
		t.Fatal(err)
	}
	a, err := issue.ProfileNamed("a", profiles...)
	if err != nil || a.CRLURL != "http://a.example/crl" {
		t.Fatalf("%q, %v", a.CRLURL, err)
	}
	subject, err := name.ParseString("CN=a.example.com")
	if err != nil {
		t.Fatal(err)
	}
	issued, err := issue.SelfSigned(issue.Request{Profile: a, Subject: subject, KeyType: "p256", Now: time.Now})
	if err != nil || !slices.ContainsFunc(issued.Notes, func(note string) bool {
		return strings.HasPrefix(note, `profile "b" of the file cannot be used: `) && strings.Contains(note, "it is crl sign")
	}) {
		t.Errorf("%q, %v", issued.Notes, err)
	}
}
