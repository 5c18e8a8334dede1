package kdb_test

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"certkdb/kdb"
)

func TestCheckLabel(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		rule, label string
		ok          bool
	}{
		{"one byte", "a", true},
		{"spaces, quotes, commas and slashes", ` 'a' "b", c/d\e `, true},
		{"255 bytes", strings.Repeat("x", 255), true},
		{"UTF-8", "Größe ключ 日本 🔑", true},
		{"a space alone", " ", true},
		{"no-break space, the first character after the C1 controls", "\u00a0", true},
		{"what looks like an option", "--label", true},
		{"empty", "", false},
		{"256 bytes", strings.Repeat("x", 256), false},
		{"256 bytes in 128 characters", strings.Repeat("ä", 128), false},
		{"not UTF-8", "a\xff", false},
		{"half a character", "\xc3", false},
		{"a surrogate", "\xed\xa0\x80", false},
		{"NUL", "a\x00", false},
		{"line feed", "a\nb", false},
		{"tab", "a\tb", false},
		{"escape", "\x1b[31m", false},
		{"DEL", "\x7f", false},
		{"a C1 control", "\u0085", false},
		{"the last C1 control", "\u009f", false},
	} {
		err := kdb.CheckLabel(c.label)
		if (err == nil) != c.ok || err != nil && !errors.Is(err, kdb.ErrLabel) {
			t.Errorf("%s: CheckLabel(%q) = %v", c.rule, c.label, err)
		}
		if err != nil && strings.ContainsFunc(err.Error(), func(r rune) bool { return r < ' ' }) {
			t.Errorf("%s: the error prints control characters: %q", c.rule, err)
		}
	}
}

func FuzzCheckLabel(f *testing.F) {
	for _, label := range []string{"", "a", "a b", "ключ", "a\x00", "\xff", "\u0085", strings.Repeat("x", 300)} {
		f.Add(label)
	}
	f.Fuzz(func(t *testing.T, label string) {
		err := kdb.CheckLabel(label)
		good := label != "" && len(label) <= kdb.MaxLabel && utf8.ValidString(label) &&
			!strings.ContainsFunc(label, func(r rune) bool { return r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 })
		if (err == nil) != good {
			t.Errorf("CheckLabel(%q) = %v", label, err)
		}
		if err != nil && !errors.Is(err, kdb.ErrLabel) {
			t.Errorf("CheckLabel(%q) = %v does not wrap ErrLabel", label, err)
		}
	})
}

func TestEntry_Check(t *testing.T) {
	t.Parallel()
	pkcs8, request := newKey(t)
	other, _ := newKey(t)
	cert, key := [][]byte{{1}}, pkcs8
	for _, c := range []struct {
		rule string
		e    kdb.Entry
		ok   bool
	}{
		{"trusted", kdb.Entry{Kind: kdb.KindTrusted, Certificates: cert}, true},
		{"trusted with a chain", kdb.Entry{Kind: kdb.KindTrusted, Certificates: [][]byte{{1}, {2}}}, true},
		{"trusted without certificate", kdb.Entry{Kind: kdb.KindTrusted}, false},
		{"trusted with key", kdb.Entry{Kind: kdb.KindTrusted, Certificates: cert, Key: key}, false},
		{"trusted with request", kdb.Entry{Kind: kdb.KindTrusted, Certificates: cert, Request: request}, false},
		{"personal", kdb.Entry{Kind: kdb.KindPersonal, Certificates: cert, Key: key}, true},
		{"personal without key", kdb.Entry{Kind: kdb.KindPersonal, Certificates: cert}, false},
		{"personal without certificate", kdb.Entry{Kind: kdb.KindPersonal, Key: key}, false},
		{"request", kdb.Entry{Kind: kdb.KindRequest, Request: request, Key: key}, true},
		{"request with the key of another", kdb.Entry{Kind: kdb.KindRequest, Request: request, Key: other}, false},
		{"personal with an unreadable key", kdb.Entry{Kind: kdb.KindPersonal, Certificates: cert, Key: []byte{2}}, false},
		{"request without key", kdb.Entry{Kind: kdb.KindRequest, Request: request}, false},
		{"request with certificate", kdb.Entry{Kind: kdb.KindRequest, Request: request, Key: key, Certificates: cert}, false},
		{"secret key", kdb.Entry{Kind: kdb.KindSecretKey, Key: key}, true},
		{"secret key with certificate", kdb.Entry{Kind: kdb.KindSecretKey, Key: key, Certificates: cert}, false},
		{"secret key without key", kdb.Entry{Kind: kdb.KindSecretKey}, false},
		{"no kind", kdb.Entry{Certificates: cert}, false},
		{"unknown kind", kdb.Entry{Kind: 99, Certificates: cert}, false},
	} {
		c.e.Label = "x"
		if err := c.e.Check(); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.rule, err)
		}
		c.e.Label = ""
		if err := c.e.Check(); !errors.Is(err, kdb.ErrLabel) {
			t.Errorf("%s without label: %v", c.rule, err)
		}
	}
}

// newKey makes a private key and a request with it.
func newKey(t *testing.T) (pkcs8, request []byte) {
	t.Helper()
	_, private, err := ed25519.GenerateKey(nil)
	if err == nil {
		pkcs8, err = x509.MarshalPKCS8PrivateKey(private)
	}
	if err == nil {
		request, err = x509.CreateCertificateRequest(nil, &x509.CertificateRequest{}, private)
	}
	if err != nil {
		t.Fatal(err)
	}
	return pkcs8, request
}

func TestKeepMarks(t *testing.T) {
	t.Parallel()
	same, other := [][]byte{{1}}, [][]byte{{2}}
	e := kdb.Entry{Label: "a", Kind: kdb.KindPersonal, Certificates: same}
	old := kdb.Summary{Label: "a", Trusted: true, Default: true, SHA256: e.Fingerprint()}
	for _, c := range []struct {
		rule               string
		e                  kdb.Entry
		trusted, isDefault bool
	}{
		{"the same certificate keeps both", e, true, true},
		{"with another chain too", kdb.Entry{Kind: kdb.KindPersonal, Certificates: [][]byte{{1}, {3}}}, true, true},
		{"a different certificate is not trusted", kdb.Entry{Kind: kdb.KindPersonal, Certificates: other}, false, true},
		{"unless it says so", kdb.Entry{Kind: kdb.KindPersonal, Certificates: other, Trusted: true}, true, true},
		{"only a personal entry is the default", kdb.Entry{Kind: kdb.KindTrusted, Certificates: same}, true, false},
		{"a request is neither", kdb.Entry{Kind: kdb.KindRequest, Request: []byte{1}}, false, false},
	} {
		if c.e.KeepMarks(&old); c.e.Trusted != c.trusted || c.e.Default != c.isDefault {
			t.Errorf("%s: trusted %v, default %v", c.rule, c.e.Trusted, c.e.Default)
		}
	}
}

func TestMarks_Check(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		rule string
		m    kdb.Marks
		s    kdb.Summary
		ok   bool
	}{
		{"a personal default", kdb.Marks{Default: new(true)}, kdb.Summary{Kind: kdb.KindPersonal}, true},
		{"a trusted default", kdb.Marks{Default: new(true)}, kdb.Summary{Kind: kdb.KindTrusted}, false},
		{"a trusted entry that is not the default", kdb.Marks{Default: new(false)}, kdb.Summary{Kind: kdb.KindTrusted}, true},
		{"trust without certificate", kdb.Marks{Trusted: new(true)}, kdb.Summary{Kind: kdb.KindRequest}, false},
		{"trust", kdb.Marks{Trusted: new(true)}, kdb.Summary{Kind: kdb.KindPersonal, ChainLength: 1}, true},
	} {
		if err := c.m.Check(&c.s); (err == nil) != c.ok || err != nil && !errors.Is(err, kdb.ErrUnsupported) {
			t.Errorf("%s: %v", c.rule, err)
		}
	}
}

func TestEntry_Fingerprint(t *testing.T) {
	t.Parallel()
	entries := []kdb.Entry{
		{Label: "a", Certificates: [][]byte{{1}, {2}}},
		{Label: "a", Certificates: [][]byte{{2}, {1}}},
		{Label: "a", Request: []byte{3}},
		{Label: "a", Key: []byte{1}},
		{Label: "b", Key: []byte{1}},
	}
	seen := make(map[[32]byte]int)
	for i, e := range entries {
		if j, ok := seen[e.Fingerprint()]; ok {
			t.Errorf("entries %d and %d have the same fingerprint", i, j)
		}
		seen[e.Fingerprint()] = i
	}
	one, other := kdb.Entry{Label: "a", Key: []byte{1}}, kdb.Entry{Label: "a", Key: []byte{2}}
	if one.Fingerprint() != other.Fingerprint() {
		t.Error("the fingerprint of a secret key tells something of the key")
	}
	renamed := entries[0]
	renamed.Label = "z"
	if renamed.Fingerprint() != entries[0].Fingerprint() {
		t.Error("the fingerprint of a certificate depends on the label")
	}
}

func TestKind_namesGoBothWays(t *testing.T) {
	t.Parallel()
	for kind, name := range map[kdb.Kind]string{
		kdb.KindTrusted: "trusted", kdb.KindPersonal: "personal", kdb.KindRequest: "request", kdb.KindSecretKey: "secret-key",
	} {
		if got := kind.String(); got != name {
			t.Errorf("kind %d is %q, want %q", uint8(kind), got, name)
		}
		if got, err := kdb.ParseKind(name); err != nil || got != kind {
			t.Errorf("ParseKind(%q) = %v, %v", name, got, err)
		}
		text, err := json.Marshal(map[string]kdb.Kind{"kind": kind})
		var back map[string]kdb.Kind
		if err != nil || string(text) != `{"kind":"`+name+`"}` || json.Unmarshal(text, &back) != nil || back["kind"] != kind {
			t.Errorf("JSON of %s is %s, %v, and comes back as %v", name, text, err, back)
		}
	}
	if got := kdb.Kind(77).String(); got != "kind-77" {
		t.Errorf("an unknown kind is %q", got)
	}
	for _, name := range []string{"", "signer", "Trusted", "kind-1", "kind-77"} {
		kind := kdb.KindRequest
		if err := kind.UnmarshalText([]byte(name)); err == nil {
			t.Errorf("UnmarshalText accepted %q", name)
		}
		if _, err := kdb.ParseKind(name); err == nil {
			t.Errorf("ParseKind(%q) accepted it", name)
		}
	}
}
